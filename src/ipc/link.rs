//! A client end whose serving process may die and be replaced.

use super::call::{CallError, Caller};
use hufu_api::Cx;
use parking_lot::{Condvar, Mutex};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// Calls go to the newest connection. Without one, or while it is being replaced, a call waits for the next until its
/// deadline; a call that was under way when its connection died is not repeated, since it may have been done.
#[derive(Debug)]
pub struct Link<Q, A> {
    current: Mutex<Option<Arc<Caller<Q, A>>>>,
    changed: Condvar,
}

impl<Q, A> Default for Link<Q, A> {
    fn default() -> Self {
        Self { current: Mutex::new(None), changed: Condvar::new() }
    }
}

impl<Q, A> Link<Q, A>
where
    Q: Serialize + 'static,
    A: DeserializeOwned + Send + 'static,
{
    /// A link without a connection yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects, or replaces the connection; calls waiting on the old one get [`CallError::Closed`].
    ///
    /// # Errors
    /// When the socket or a thread is refused.
    pub fn connect(&self, stream: UnixStream) -> std::io::Result<()> {
        let caller = Arc::new(Caller::new(stream, || ())?);
        let old = self.current.lock().replace(caller);
        self.changed.notify_all();
        if let Some(old) = old {
            old.close();
        }
        Ok(())
    }

    /// Whether a living connection is there.
    pub fn is_up(&self) -> bool {
        self.current.lock().as_ref().is_some_and(|caller| !caller.is_closed())
    }

    /// Asks and waits.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::NotSent`] when no connection came up before the deadline.
    pub fn call(&self, cx: Cx, body: Q) -> Result<A, CallError> {
        self.living(cx)?.call(cx, body)
    }

    /// Sends without asking for an answer.
    ///
    /// # Errors
    /// See [`Link::call`].
    pub fn tell(&self, cx: Cx, body: Q) -> Result<(), CallError> {
        self.living(cx)?.tell(cx, body)
    }

    fn living(&self, cx: Cx) -> Result<Arc<Caller<Q, A>>, CallError> {
        let mut current = self.current.lock();
        loop {
            if let Some(caller) = current.as_ref().filter(|caller| !caller.is_closed()) {
                return Ok(Arc::clone(caller));
            }
            if self.changed.wait_until(&mut current, cx.deadline).timed_out() {
                return Err(CallError::NotSent);
            }
        }
    }
}
