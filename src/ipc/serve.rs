//! The serving end: requests come out one by one, answers go back in any order, from any thread.

use super::call::{Question, Reply};
use super::frame::{FrameError, Frames};
use super::outbox::{Outbox, SendError};
use hufu_api::{Cx, RequestId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A request with what is needed to answer it.
#[derive(Debug)]
pub struct Incoming<Q> {
    /// For [`Answers::answer`].
    pub id: CallId,
    /// The API request that it serves and until when its caller waits.
    pub cx: Cx,
    /// What is asked.
    pub body: Q,
}

/// Names a call on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallId(pub(crate) u64);

impl CallId {
    /// Whether the caller waits for an answer at all.
    pub fn wants_answer(self) -> bool {
        self.0 != 0
    }
}

/// The receiving half.
#[derive(Debug)]
pub struct Requests<Q> {
    frames: Frames<UnixStream>,
    _request: PhantomData<Q>,
}

/// The sending half; clones share the connection.
#[derive(Debug)]
pub struct Answers<A> {
    outbox: Arc<Outbox>,
    _answer: PhantomData<fn(A)>,
}

impl<A> Clone for Answers<A> {
    fn clone(&self) -> Self {
        Self { outbox: Arc::clone(&self.outbox), _answer: PhantomData }
    }
}

/// Takes over one end of a socket pair.
///
/// # Errors
/// When the socket is refused.
pub fn connection<Q, A>(stream: UnixStream) -> std::io::Result<(Requests<Q>, Answers<A>)> {
    let outbox = Arc::new(Outbox::new(stream.try_clone()?)?);
    Ok((
        Requests { frames: Frames::new(stream), _request: PhantomData },
        Answers { outbox, _answer: PhantomData },
    ))
}

/// Nobody waits longer than this, whatever a frame says.
const LONGEST: Duration = Duration::from_secs(3600);

impl<Q: DeserializeOwned> Requests<Q> {
    /// The next request; `None` when the caller's process is gone.
    ///
    /// # Errors
    /// See [`FrameError`]; the connection is of no use afterwards.
    pub fn receive(&mut self) -> Result<Option<Incoming<Q>>, FrameError> {
        let Some(question) = self.frames.receive::<Question<Q>>()? else { return Ok(None) };
        let Question { id, request, millis_left, body } = question;
        let now = Instant::now();
        let left = Duration::from_millis(millis_left).min(LONGEST);
        let deadline = now.checked_add(left).unwrap_or(now);
        let cx = Cx { request: RequestId(request.0), deadline };
        Ok(Some(Incoming { id: CallId(id), cx, body }))
    }
}

impl<A: Serialize> Answers<A> {
    /// Answers one call. A caller that is gone is no error of ours; an answer that does not fit a frame ends the
    /// connection, so that the caller does not wait for it.
    pub fn answer(&self, id: CallId, body: A) {
        self.answer_all([(id, body)]);
    }

    /// Answers many calls with one write.
    pub fn answer_all(&self, answers: impl IntoIterator<Item = (CallId, A)>) {
        let replies: Vec<Reply<A>> = answers
            .into_iter()
            .filter(|(id, _)| id.wants_answer())
            .map(|(id, body)| Reply { id: id.0, body })
            .collect();
        if replies.is_empty() {
            return;
        }
        match self.outbox.send_all(replies.iter()) {
            Ok(()) | Err(SendError::Broken) => {}
            Err(SendError::Full) => {
                tracing::warn!("the caller takes no answers; connection closed");
                self.outbox.shut_down();
            }
            Err(SendError::Frame(error)) => {
                tracing::error!(%error, "answer not framed; connection closed");
                self.outbox.shut_down();
            }
        }
    }

    /// Ends the connection in both directions.
    pub fn close(&self) {
        self.outbox.shut_down();
    }
}
