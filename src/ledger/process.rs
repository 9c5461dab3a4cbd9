//! The audit writer's process, put together.

use super::archive::Archive;
use super::checkpointer::{Checkpointer, Running};
use super::checkpoints;
use super::log::{Log, LogError};
use super::server::{Role, Service};
use super::sink::Sink;
use super::tiles::TileWriter;
use super::writer::{self, Ask, Done, Inbox, Owner, Status, Writer};
use super::{Folder, Records};
use crate::audit::{AuditError, ReceiptKey};
use crate::keys::{Keys, StoredKey};
use crate::tlog::tile;
use flume::{RecvTimeoutError, Sender, bounded};
use hufu_api::{Clock, Cx, RequestId, UnixTime};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the tile files catch up with the log.
const TILE_INTERVAL: Duration = Duration::from_secs(1);
/// How long one step of retention may wait for the writer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What checkpoints are signed with.
pub struct CheckpointKey {
    /// The token's audit worker.
    pub keys: Arc<dyn Keys>,
    /// The audit key; P-256.
    pub key: StoredKey,
    /// Names the log for ever, for example `hufu.example.cn/audit`.
    pub origin: String,
    /// How often.
    pub interval: Duration,
}

/// How the process is set up.
pub struct Settings {
    /// sled's page cache, in bytes.
    pub cache_bytes: u64,
    /// Life of a receipt.
    pub receipt_life: Duration,
    /// Further places that records go to.
    pub sinks: Vec<Box<dyn Sink>>,
    /// How many of the newest records stay in sled; `None`: all. Older ones that a checkpoint covers are then in the entry
    /// bundles alone, where every reader and proof finds them.
    pub keep: Option<u64>,
    /// Where segments go whose records have left sled; `None`: they stay in the audit folder.
    pub archive: Option<PathBuf>,
}

/// The running process. Dropping it makes a last checkpoint and finishes what waits.
pub struct AuditProcess {
    // In this order: no new checkpoints and tiles, then no new records.
    checkpoints: Option<Running>,
    tiles: Option<Tiles>,
    service: Arc<Service>,
    writer: Writer,
}

impl AuditProcess {
    /// Starts over an open log.
    ///
    /// # Errors
    /// See [`LogError`]; a key that cannot sign checkpoints is [`LogError::Damaged`] too.
    pub fn start(
        folder: &Folder,
        log: Log,
        clock: Arc<dyn Clock>,
        settings: Settings,
        checkpoints: Option<CheckpointKey>,
    ) -> Result<Self, LogError> {
        let records = log.records();
        let Settings { receipt_life, sinks, keep, archive, .. } = settings;
        let archive = archive.map(|to| Archive::open(folder, &to)).transpose()?;
        let writer = Writer::start(log, writer::Settings { clock, receipt_life, sinks })?;
        let (inbox, status) = (writer.inbox(), writer.status());
        let mut running = None;
        let mut checkpointer = None;
        if let Some(CheckpointKey { keys, key, origin, interval }) = checkpoints {
            let made =
                Checkpointer::new(folder.clone(), inbox.clone(), Arc::clone(&status), keys, key, &origin)
                    .map_err(|e| LogError::Damaged(e.to_string()))?;
            let made = Arc::new(made);
            running = Some(made.run(interval)?);
            checkpointer = Some(made);
        }
        let retention = keep.map(|keep| {
            let (folder, inbox) = (folder.clone(), inbox.clone());
            Retention { folder, inbox, keep, archive }
        });
        let tiles = Tiles::start(folder.clone(), records.clone(), Arc::clone(&status), retention)?;
        let service = Service::new(folder.clone(), records, inbox, status, checkpointer);
        Ok(Self { checkpoints: running, tiles: Some(tiles), service: Arc::new(service), writer })
    }

    /// Opens the log in `folder`; its last record's time is the clock's high-water mark.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn open(folder: &Folder, cache_bytes: u64) -> Result<(Log, Option<UnixTime>), LogError> {
        let log = Log::open(folder, cache_bytes)?;
        let last = log.last_at();
        Ok((log, last))
    }

    /// Sets or replaces the key that receipts are made with.
    pub fn set_receipt_key(&self, key: ReceiptKey) {
        self.writer.set_receipt_key(key);
    }

    /// Serves a connection until its other end is gone.
    ///
    /// # Errors
    /// When the socket or a thread is refused.
    pub fn serve(&self, stream: UnixStream, role: Role) -> io::Result<()> {
        self.service.serve(stream, role)
    }

    /// A handle on the service, for the admin socket's listener.
    pub fn service(&self) -> Arc<Service> {
        Arc::clone(&self.service)
    }

    /// Size and health.
    pub fn status(&self) -> Arc<Status> {
        self.writer.status()
    }

    /// Why the log takes nothing any more, if so: then the process should end and be started again. A disk that hangs is another matter,
    /// see [`Status::busy_for`].
    ///
    /// # Errors
    /// [`AuditError::Unavailable`] with the reason.
    pub fn health(&self) -> Result<(), AuditError> {
        match self.writer.status().poison() {
            Some(reason) => Err(AuditError::Unavailable(reason.into())),
            None => Ok(()),
        }
    }
}

impl Drop for AuditProcess {
    fn drop(&mut self) {
        self.checkpoints = None;
        self.tiles = None;
    }
}

/// The thread that writes tiles.
struct Tiles {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Tiles {
    fn start(
        folder: Folder,
        records: Records,
        status: Arc<Status>,
        mut retention: Option<Retention>,
    ) -> io::Result<Self> {
        let (stop, stopped) = bounded::<()>(0);
        let thread = std::thread::Builder::new().name("audit-tiles".into()).spawn(move || {
            let mut writer = TileWriter::new(folder, records);
            loop {
                let last = !matches!(stopped.recv_timeout(TILE_INTERVAL), Err(RecvTimeoutError::Timeout));
                if let Err(error) = writer.catch_up(status.size()) {
                    tracing::error!(%error, "tiles are behind");
                } else if let Some(retention) = &mut retention
                    && let Err(error) = retention.apply(&writer, status.size())
                {
                    tracing::error!(%error, "old records stay in sled");
                }
                if last {
                    return;
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Moves what is old, in bundles and under a checkpoint out of sled.
struct Retention {
    folder: Folder,
    inbox: Inbox,
    keep: u64,
    archive: Option<Archive>,
}

impl Retention {
    fn apply(&mut self, tiles: &TileWriter, size: u64) -> Result<(), LogError> {
        let checkpoint = checkpoints::newest(&self.folder)?.map_or(0, |newest| newest.size);
        let below = size.saturating_sub(self.keep).min(checkpoint).min(tiles.covered());
        // Whole bundles only: what stays in sled begins where a bundle ends.
        let below = below - below % tile::WIDTH;
        let mut synced = false;
        while !tiles.held_below(below)?.is_empty() {
            if !synced {
                tiles.sync()?;
                synced = true;
            }
            let now = Instant::now();
            let cx = Cx { request: RequestId(0), deadline: now.checked_add(PATIENCE).unwrap_or(now) };
            match self.inbox.ask(Owner(0), cx, Ask::Prune { below }) {
                Ok(Done::Pruned(count)) if count > 0 => {}
                Ok(_) => break,
                Err(error) => return Err(io::Error::other(error).into()),
            }
        }
        match &mut self.archive {
            Some(archive) if tiles.held_below(below)?.is_empty() => archive.catch_up(below),
            _ => Ok(()),
        }
    }
}
