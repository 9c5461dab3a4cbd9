//! Has checkpoints signed: at intervals, on demand, at shutdown.

use super::Folder;
use super::checkpoints;
use super::writer::{Ask, Done, Inbox, Owner, Status};
use crate::audit::AuditError;
use crate::keys::{Keys, Purpose, StoredKey, ToBeSigned};
use crate::tlog::{Checkpoint, NoteKey};
use flume::{RecvTimeoutError, Sender, bounded};
use hufu_api::{Cx, RequestId};
use parking_lot::Mutex;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Intents of the writer's own carry no connection's number.
const SELF: Owner = Owner(0);
/// The token is given this long at intervals.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes checkpoints with the audit key.
pub struct Checkpointer {
    folder: Folder,
    inbox: Inbox,
    status: Arc<Status>,
    keys: Arc<dyn Keys>,
    key: StoredKey,
    note: NoteKey,
    one_at_a_time: Mutex<()>,
}

impl Checkpointer {
    /// With the audit key `key`, under the log's name `origin`; writes the verifier key down.
    ///
    /// # Errors
    /// [`AuditError::Invalid`] when the key is not P-256 or the name unusable.
    pub fn new(
        folder: Folder,
        inbox: Inbox,
        status: Arc<Status>,
        keys: Arc<dyn Keys>,
        key: StoredKey,
        origin: &str,
    ) -> Result<Self, AuditError> {
        let note = NoteKey::new(origin, &key.spki.0).map_err(|e| AuditError::Invalid(e.to_string()))?;
        checkpoints::remember_key(&folder, &note)?;
        Ok(Self { folder, inbox, status, keys, key, note, one_at_a_time: Mutex::new(()) })
    }

    /// A checkpoint over everything on record.
    ///
    /// # Errors
    /// See [`AuditError`].
    pub fn make(&self, cx: Cx) -> Result<Checkpoint, AuditError> {
        let _one = self.one_at_a_time.try_lock_until(cx.deadline).ok_or(AuditError::Timeout)?;
        let token = |e: crate::keys::KeyError| AuditError::Unavailable(format!("checkpoint: {e}"));
        let generation = self.keys.choose(Purpose::Audit).map_err(token)?;
        let ask = Ask::Checkpoint { origin: self.note.name().into(), key: self.key.id, generation };
        let Done::Checkpoint { checkpoint, receipt } = self.inbox.ask(SELF, cx, ask)? else {
            return Err(AuditError::Unavailable("the writer gave no leave".into()));
        };
        let text = checkpoint.text();
        let signed = ToBeSigned::Checkpoint(text.clone().into_bytes());
        let signature = self.keys.sign(cx, receipt, &self.key, &signed).map_err(token)?;
        let note = self.note.seal(&text, &signature).map_err(|e| AuditError::Unavailable(e.to_string()))?;
        checkpoints::keep(&self.folder, &note)?;
        Ok(checkpoint)
    }

    /// Whether only the newest checkpoint's own record has come since.
    fn is_idle(&self) -> bool {
        let newest = checkpoints::newest(&self.folder).ok().flatten();
        newest.map_or(0, |checkpoint| checkpoint.size + 1) >= self.status.size()
    }

    /// Makes one every `interval` until stopped, and a last one then, unless there is nothing new.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn run(self: &Arc<Self>, interval: Duration) -> std::io::Result<Running> {
        let (stop, stopped) = bounded::<()>(0);
        let this = Arc::clone(self);
        let thread = std::thread::Builder::new().name("audit-checkpoints".into()).spawn(move || {
            loop {
                let last = match stopped.recv_timeout(interval) {
                    Err(RecvTimeoutError::Timeout) => false,
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => true,
                };
                let cx = Cx { request: RequestId(0), deadline: Instant::now() + PATIENCE };
                if !this.is_idle()
                    && let Err(error) = this.make(cx)
                {
                    tracing::error!(%error, "no checkpoint");
                }
                if last {
                    return;
                }
            }
        })?;
        Ok(Running { stop: Some(stop), thread: Some(thread) })
    }
}

/// Stops the intervals when dropped, after a last checkpoint.
pub struct Running {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
