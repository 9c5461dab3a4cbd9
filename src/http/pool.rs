//! Worker slots: operations block, so each runs on a thread of its own, and there are only so many.

use crate::codes::Code;
use crate::ops::{Error, Result};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Once nobody has found a free slot for as long as one may wait, more is asked for than can be done, and one waits only this
/// part of it. A short queue serves as many as a long one, and those sooner (CoDel's idea, RFC 8289).
const SHORT_PART: u32 = 10;

/// The slots.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    slots: Arc<Semaphore>,
    size: usize,
    queue: Duration,
    /// When somebody last found a free slot without waiting.
    free: Arc<Mutex<Instant>>,
}

impl Pool {
    pub(super) fn new(size: usize, queue: Duration) -> Self {
        let size = size.max(1);
        let free = Arc::new(Mutex::new(Instant::now()));
        Self { slots: Arc::new(Semaphore::new(size)), size, queue, free }
    }

    /// How long one may wait for a slot that was asked for at `now`.
    fn patience(&self, now: Instant) -> Duration {
        let short = now.saturating_duration_since(*self.free.lock());
        if short > self.queue { self.queue / SHORT_PART } else { self.queue }
    }

    /// Slots in use.
    pub(super) fn busy(&self) -> usize {
        self.size.saturating_sub(self.slots.available_permits())
    }

    /// Runs a blocking operation; 503 when no slot gets free in time. Once begun it finishes, whoever still listens.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let slot = self.slot().await?;
        let running = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work()
        });
        match running.await {
            Ok(result) => result,
            Err(error) => Err(Error::internal(format!("operation panicked: {error}"))),
        }
    }

    /// [`Pool::run`], but the client is told 504 when the operation takes until `deadline`. The operation goes on: its
    /// slot stays taken, and a retry with the same Idempotency-Key finds its result.
    pub(super) async fn run_until<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        match tokio::time::timeout_at(deadline.into(), self.run(work)).await {
            Ok(result) => result,
            Err(_) => Err(Error::new(Code::GatewayTimeout).because("the operation goes on")),
        }
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit> {
        let none = || Error::new(Code::Overloaded).because("no free slot");
        match Arc::clone(&self.slots).try_acquire_owned() {
            Ok(slot) => {
                *self.free.lock() = Instant::now();
                Ok(slot)
            }
            Err(_) => {
                let patience = self.patience(Instant::now());
                match tokio::time::timeout(patience, Arc::clone(&self.slots).acquire_owned()).await {
                    Ok(Ok(slot)) => Ok(slot),
                    _ => Err(none()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test]
    async fn no_slot_is_503_and_what_has_begun_finishes() {
        let pool = Pool::new(1, Duration::from_millis(20));
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let finished = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&finished);
        let other = pool.clone();
        let client = tokio::spawn(async move {
            other
                .run(move || {
                    wait.recv().ok();
                    flag.store(true, Ordering::SeqCst);
                    Ok(())
                })
                .await
        });
        while pool.busy() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(|| Ok(())).await.unwrap_err().code, Code::Overloaded);
        client.abort(); // the client hangs up
        assert!(client.await.is_err());
        go.send(()).unwrap();
        while pool.busy() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(finished.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn the_queue_gets_short_when_slots_have_been_short_for_long() {
        let queue = Duration::from_secs(2);
        let pool = Pool::new(1, queue);
        let slot = pool.slot().await.unwrap();
        let begun = *pool.free.lock();
        assert_eq!(pool.patience(begun + queue), queue);
        assert_eq!(pool.patience(begun + queue * 2), queue / SHORT_PART);
        drop(slot);
        drop(pool.slot().await.unwrap());
        assert_eq!(pool.patience(Instant::now()), queue);
    }

    #[tokio::test]
    async fn who_is_told_504_leaves_the_operation_to_its_end() {
        let pool = Pool::new(1, Duration::from_secs(5));
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let finished = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&finished);
        let work = move || {
            wait.recv().ok();
            flag.store(true, Ordering::SeqCst);
            Ok(())
        };
        let told = pool.run_until(Instant::now() + Duration::from_millis(20), work).await;
        assert_eq!(told.unwrap_err().code, Code::GatewayTimeout);
        assert_eq!(pool.busy(), 1);
        go.send(()).unwrap();
        pool.run(|| Ok(())).await.unwrap();
        assert!(finished.load(Ordering::SeqCst));
    }
}
