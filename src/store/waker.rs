//! Ends sled's waiting for a write that has failed.
//!
//! When a write fails on one of its threads sled 0.34 notes the error and, on one of two ways, does not wake who waits for that write:
//! `flush` then never returns. Whoever calls `flush` after that finds the error and wakes all, so that is done for a call that takes
//! long.

use flume::{Receiver, RecvTimeoutError, Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the call under way is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// A call that has taken this long gets a second one beside it; the next after twice the time, and so on: one that waits for the
/// disk too does not notice an error that comes later.
const FIRST: Duration = Duration::from_millis(500);

/// Looks after the calls into one sled, from a thread of its own.
pub(super) struct Waker {
    under_way: Arc<UnderWay>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// When the call under way began.
struct UnderWay {
    started: Instant,
    /// Milliseconds after `started`, plus one; 0 between calls.
    since: AtomicU64,
}

impl Waker {
    /// Starts.
    ///
    /// # Errors
    /// When no thread can be had.
    pub(super) fn start(tree: sled::Db) -> std::io::Result<Self> {
        let under_way = Arc::new(UnderWay { started: Instant::now(), since: AtomicU64::new(0) });
        let (stop, stopped) = bounded(0);
        let seen = Arc::clone(&under_way);
        let thread = std::thread::Builder::new()
            .name("sled-waker".into())
            .spawn(move || look_after(&tree, &seen, &stopped))?;
        Ok(Self { under_way, stop: Some(stop), thread: Some(thread) })
    }

    /// A call into sled that may wait for the disk. One at a time.
    pub(super) fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        self.under_way.since.store(self.under_way.millis() + 1, Ordering::Release);
        let done = call();
        self.under_way.since.store(0, Ordering::Release);
        done
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl UnderWay {
    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// Which call is under way, and for how long.
    fn call(&self) -> Option<(u64, Duration)> {
        let since = self.since.load(Ordering::Acquire);
        let taken = self.millis().saturating_sub(since.checked_sub(1)?);
        Some((since, Duration::from_millis(taken)))
    }
}

fn look_after(tree: &sled::Db, under_way: &UnderWay, stopped: &Receiver<()>) {
    let (mut call, mut next) = (0, FIRST);
    while matches!(stopped.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
        let Some((begun, taken)) = under_way.call() else { continue };
        if begun != call {
            (call, next) = (begun, FIRST);
        }
        if taken >= next {
            next = next.saturating_mul(2);
            let tree = tree.clone();
            // Its result is that of the call that waits.
            let woken =
                std::thread::Builder::new().name("sled-wakes".into()).spawn(move || tree.flush().map(drop));
            if let Err(error) = woken {
                tracing::error!(%error, "no thread to look after a slow disk with");
            }
        }
    }
}
