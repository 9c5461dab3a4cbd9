//! The client end: many threads call at once, a reader thread hands each its answer.

use super::frame::Frames;
use super::outbox::{Outbox, SendError};
use hufu_api::{Cx, RequestId};
use parking_lot::{Condvar, Mutex};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The other process is gone. It may or may not have done what was asked.
    #[error("connection closed")]
    Closed,
    /// Too many calls wait, or the message is too large; nothing was sent.
    #[error("not sent")]
    NotSent,
    /// No answer before the deadline. It may still be done.
    #[error("no answer in time")]
    Timeout,
}

/// A request on the wire. `id` 0 asks for no answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Question<Q> {
    pub(super) id: u64,
    pub(super) request: RequestId,
    pub(super) millis_left: u64,
    pub(super) body: Q,
}

/// An answer on the wire.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply<A> {
    pub(super) id: u64,
    pub(super) body: A,
}

#[derive(Debug)]
struct Slot<A> {
    answer: Mutex<Option<Result<A, CallError>>>,
    ready: Condvar,
    since: Instant,
}

#[derive(Debug)]
struct Waiting<A> {
    calls: HashMap<u64, Arc<Slot<A>>>,
    closed: bool,
}

/// A connection to a serving process.
#[derive(Debug)]
pub struct Caller<Q, A> {
    outbox: Outbox,
    waiting: Arc<Mutex<Waiting<A>>>,
    in_flight: AtomicUsize,
    next: AtomicU64,
    _request: std::marker::PhantomData<fn(Q)>,
}

impl<Q: Serialize, A: DeserializeOwned + Send + 'static> Caller<Q, A> {
    /// Takes over one end of a socket pair and starts the reader thread; `on_close` runs in it once, after all waiting
    /// calls have been answered with [`CallError::Closed`].
    ///
    /// # Errors
    /// When the socket or a thread is refused.
    pub fn new(stream: UnixStream, on_close: impl FnOnce() + Send + 'static) -> std::io::Result<Self> {
        let reader = stream.try_clone()?;
        let outbox = Outbox::new(stream)?;
        let waiting = Arc::new(Mutex::new(Waiting { calls: HashMap::new(), closed: false }));
        let shared = Arc::clone(&waiting);
        std::thread::Builder::new().name("ipc-answers".into()).spawn(move || {
            read_answers(&reader, &shared);
            on_close();
        })?;
        let in_flight = AtomicUsize::new(0);
        Ok(Self { outbox, waiting, in_flight, next: AtomicU64::new(1), _request: std::marker::PhantomData })
    }

    /// Asks and waits for the answer, at most until the deadline of `cx`.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call(&self, cx: Cx, body: Q) -> Result<A, CallError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let slot = Arc::new(Slot { answer: Mutex::new(None), ready: Condvar::new(), since: Instant::now() });
        {
            let mut waiting = self.waiting.lock();
            if waiting.closed {
                return Err(CallError::Closed);
            }
            waiting.calls.insert(id, Arc::clone(&slot));
        }
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let answer = self.send(id, cx, body).and_then(|()| wait(&slot, cx.deadline));
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if answer.is_err() {
            self.waiting.lock().calls.remove(&id);
        }
        answer
    }

    /// Sends without asking for an answer.
    ///
    /// # Errors
    /// [`CallError::Closed`], [`CallError::NotSent`].
    pub fn tell(&self, cx: Cx, body: Q) -> Result<(), CallError> {
        self.send(0, cx, body)
    }

    fn send(&self, id: u64, cx: Cx, body: Q) -> Result<(), CallError> {
        let millis_left = u64::try_from(cx.remaining().as_millis()).unwrap_or(u64::MAX);
        let question = Question { id, request: cx.request, millis_left, body };
        self.outbox.send(&question).map_err(|error| match error {
            SendError::Broken => CallError::Closed,
            SendError::Full => CallError::NotSent,
            SendError::Frame(error) => {
                tracing::warn!(%error, "request not framed");
                CallError::NotSent
            }
        })
    }

    /// Calls that wait for an answer.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether the other end is gone.
    pub fn is_closed(&self) -> bool {
        self.waiting.lock().closed
    }

    /// When the oldest waiting call was begun.
    pub fn oldest(&self) -> Option<Instant> {
        self.waiting.lock().calls.values().map(|slot| slot.since).min()
    }

    /// Ends the connection; waiting calls get [`CallError::Closed`].
    pub fn close(&self) {
        self.outbox.shut_down();
    }
}

impl<Q, A> Drop for Caller<Q, A> {
    fn drop(&mut self) {
        self.outbox.shut_down();
    }
}

fn wait<A>(slot: &Slot<A>, deadline: Instant) -> Result<A, CallError> {
    let mut answer = slot.answer.lock();
    loop {
        if let Some(answer) = answer.take() {
            return answer;
        }
        if slot.ready.wait_until(&mut answer, deadline).timed_out() {
            return answer.take().unwrap_or(Err(CallError::Timeout));
        }
    }
}

fn read_answers<A: DeserializeOwned>(stream: &UnixStream, shared: &Mutex<Waiting<A>>) {
    let mut frames = Frames::new(stream);
    loop {
        match frames.receive::<Reply<A>>() {
            Ok(Some(reply)) => {
                // A call that gave up is not there any more.
                let slot = shared.lock().calls.remove(&reply.id);
                if let Some(slot) = slot {
                    *slot.answer.lock() = Some(Ok(reply.body));
                    slot.ready.notify_one();
                }
            }
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, "connection given up");
                break;
            }
        }
    }
    let _ = stream.shutdown(std::net::Shutdown::Both);
    let calls = {
        let mut waiting = shared.lock();
        waiting.closed = true;
        std::mem::take(&mut waiting.calls)
    };
    for slot in calls.into_values() {
        *slot.answer.lock() = Some(Err(CallError::Closed));
        slot.ready.notify_one();
    }
}
