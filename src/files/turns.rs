//! Turns at the disk: only so many threads work on documents at once, so that a disk that hangs holds up no more of them.

use crate::documents::DocumentError;
use hufu_api::Cx;
use parking_lot::{Condvar, Mutex};

/// Counts free turns.
pub(super) struct Turns {
    free: Mutex<usize>,
    freed: Condvar,
}

/// Gives the turn back, also when the work panics.
struct Turn<'a>(&'a Turns);

impl Turns {
    pub(super) fn new(turns: usize) -> Self {
        Self { free: Mutex::new(turns), freed: Condvar::new() }
    }

    /// Waits for a turn until the deadline, then does `work` on this thread. Work that has begun runs to its end: what it
    /// writes and what its record says agree, however long the disk takes.
    pub(super) fn run<T>(
        &self,
        cx: Cx,
        work: impl FnOnce() -> Result<T, DocumentError>,
    ) -> Result<T, DocumentError> {
        let _turn = self.take(cx)?;
        work()
    }

    fn take(&self, cx: Cx) -> Result<Turn<'_>, DocumentError> {
        let mut free = self.free.lock();
        while *free == 0 {
            if self.freed.wait_until(&mut free, cx.deadline).timed_out() && *free == 0 {
                return Err(DocumentError::Timeout);
            }
        }
        *free -= 1;
        Ok(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
    }
}
