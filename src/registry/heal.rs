//! A process whose log or state failed, or hangs, is replaced once the disk takes writes again.
//!
//! sled gives nothing but errors after a failed write, so this needs a fresh process: the old one answers 503 until a probe can be
//! written and synced, then it ends and the supervisor starts the next.

use crate::store::{SledStore, takes_writes};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Pause between looks.
const PAUSE: Duration = Duration::from_millis(500);
/// A write that hangs for so long hangs for good.
pub(super) const HUNG: Duration = Duration::from_secs(10);
/// How long what was begun may take to finish; what hangs in the old state is not waited for any longer.
const LAST: Duration = Duration::from_secs(10);
/// A start that does nothing for so long waits for what will not come.
const IDLE: Duration = Duration::from_secs(20);
/// Less of the processor than this in that time is nothing: threads that look after something take that much.
const NOTHING: Duration = Duration::from_millis(100);
/// Exit status: EX_SOFTWARE, as of a process that gives up.
pub(super) const FAILED: i32 = 70;

/// What a look at the disk's user finds.
pub(super) enum Look {
    Well,
    /// Why it serves no longer.
    Trouble(String),
    /// It is not there any more.
    Gone,
}

/// How the state in use looks.
pub(super) fn state(state: &Arc<SledStore>) -> impl Fn() -> Look + Send + 'static {
    let state = Arc::downgrade(state);
    move || {
        let Some(state) = state.upgrade() else { return Look::Gone };
        state.poisoned().or_else(|| state.hung(HUNG)).map_or(Look::Well, Look::Trouble)
    }
}

/// Calls `fresh` when `look` finds trouble and the disk beneath `folder` takes writes; the process ends soon after.
///
/// # Errors
/// When no thread can be started.
pub(super) fn watch(
    look: impl Fn() -> Look + Send + 'static,
    folder: PathBuf,
    fresh: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    let rounds = move || {
        loop {
            std::thread::sleep(PAUSE);
            match look() {
                Look::Gone => return,
                Look::Well => continue,
                Look::Trouble(_) => {}
            }
            // A disk that hung may have come back while the probe waited for it.
            if takes_writes(&folder).is_ok()
                && let Look::Trouble(reason) = look()
            {
                tracing::warn!(reason, "the disk takes writes again: a fresh process takes over");
                fresh();
                std::thread::sleep(LAST);
                std::process::exit(FAILED);
            }
        }
    };
    std::thread::Builder::new().name("disk-watch".into()).spawn(rounds).map(drop)
}

/// Ends the process, for the next one to try again, when its start neither goes on nor ends although the disk takes writes.
/// Until it is dropped.
pub(super) struct Starting(Arc<AtomicBool>);

impl Starting {
    /// Begins.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn watch(folder: PathBuf) -> std::io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let rounds = move || {
            let (mut used, mut since) = (processor_time(), Instant::now());
            while !seen.load(Ordering::Acquire) {
                std::thread::sleep(PAUSE);
                if processor_time().saturating_sub(used) > NOTHING {
                    (used, since) = (processor_time(), Instant::now());
                }
                if since.elapsed() > IDLE {
                    // Its own work counts too, so the time begins anew.
                    if takes_writes(&folder).is_ok() && !seen.load(Ordering::Acquire) {
                        tracing::error!("the start does not go on: a fresh process tries again");
                        std::process::exit(FAILED);
                    }
                    (used, since) = (processor_time(), Instant::now());
                }
            }
        };
        std::thread::Builder::new().name("start-watch".into()).spawn(rounds)?;
        Ok(Self(over))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Processor time that this process has used.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
