//! The log as the network process sees it: the audit ports over the writer's socket.

use crate::audit::{
    AuditError, AuditLog, AuditReader, Closer, Entry, Event, Intent, Newest, Outcome, Permit, Proof,
    RecordNumber,
};
use crate::ipc::audit::{AuditAnswer, AuditRequest};
use crate::ipc::call::CallError;
use crate::ipc::json::Json;
use crate::ipc::link::Link;
use crate::tlog::Checkpoint;
use hufu_api::{Cx, RequestId};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A writer that takes longer has a disk that hangs; short enough that the client's 503 goes out within two seconds.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// A checkpoint takes a token operation besides.
const CHECKPOINT_PATIENCE: Duration = Duration::from_secs(10);

/// A client of the audit writer; clones share the connection.
#[derive(Clone, Debug, Default)]
pub struct Client(Arc<Connection>);

#[derive(Debug, Default)]
struct Connection(Arc<Link<AuditRequest, AuditAnswer>>);

/// What the writer says about its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Durable records.
    pub size: u64,
    /// Tree head over them.
    pub root: [u8; 32],
    /// Newest checkpoint, a signed note; empty before the first.
    pub checkpoint: String,
}

impl Client {
    /// A client without a connection yet; calls wait for one until their deadline.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client over a link that somebody else connects.
    pub fn over(link: Arc<Link<AuditRequest, AuditAnswer>>) -> Self {
        Self(Arc::new(Connection(link)))
    }

    /// Connects, or replaces the connection after the writer has been replaced.
    ///
    /// # Errors
    /// When the socket or a thread is refused.
    pub fn connect(&self, stream: UnixStream) -> std::io::Result<()> {
        self.0.0.connect(stream)
    }

    /// Whether the writer is there.
    pub fn is_up(&self) -> bool {
        self.0.0.is_up()
    }

    /// Size, root and newest checkpoint.
    ///
    /// # Errors
    /// See [`AuditError`].
    pub fn head(&self, cx: Cx) -> Result<Head, AuditError> {
        self.0.head(cx, AuditRequest::Head)
    }

    /// Has a checkpoint signed, if anything has come since the last.
    ///
    /// # Errors
    /// See [`AuditError`].
    pub fn checkpoint(&self, cx: Cx) -> Result<Head, AuditError> {
        self.0.head(cx.within(CHECKPOINT_PATIENCE), AuditRequest::Checkpoint)
    }

    /// Records as they stand, from `from` on; empty only at the end.
    ///
    /// # Errors
    /// See [`AuditError`].
    pub fn raw(&self, cx: Cx, from: RecordNumber, limit: u32) -> Result<Vec<Vec<u8>>, AuditError> {
        match self.0.call(cx, AuditRequest::Read { from, limit })? {
            AuditAnswer::Records(records) => Ok(records),
            _ => Err(unexpected()),
        }
    }

    /// Inclusion proof of record `number` in the tree of `size`.
    ///
    /// # Errors
    /// See [`AuditError`].
    pub fn inclusion(&self, cx: Cx, number: RecordNumber, size: u64) -> Result<Vec<[u8; 32]>, AuditError> {
        match self.0.call(cx, AuditRequest::Inclusion { number, size })? {
            AuditAnswer::Proof(hashes) => Ok(hashes),
            _ => Err(unexpected()),
        }
    }
}

fn unexpected() -> AuditError {
    AuditError::Unavailable("the writer answered something else".into())
}

impl Connection {
    fn call(&self, cx: Cx, request: AuditRequest) -> Result<AuditAnswer, AuditError> {
        match self.0.call(cx, request) {
            Ok(AuditAnswer::Failed(failure)) => Err(failure.into()),
            Ok(answer) => Ok(answer),
            Err(CallError::Timeout) => Err(AuditError::Timeout),
            Err(error) => Err(AuditError::Unavailable(error.to_string())),
        }
    }

    fn recorded(&self, cx: Cx, request: AuditRequest) -> Result<RecordNumber, AuditError> {
        match self.call(cx.within(PATIENCE), request)? {
            AuditAnswer::Recorded(number) => Ok(number),
            _ => Err(unexpected()),
        }
    }

    fn head(&self, cx: Cx, request: AuditRequest) -> Result<Head, AuditError> {
        match self.call(cx, request)? {
            AuditAnswer::Head { size, root, checkpoint } => Ok(Head { size, root, checkpoint }),
            _ => Err(unexpected()),
        }
    }

    fn own_cx() -> Cx {
        let now = Instant::now();
        Cx { request: RequestId(0), deadline: now.checked_add(PATIENCE).unwrap_or(now) }
    }
}

impl Closer for Connection {
    fn close(&self, number: RecordNumber, outcome: Outcome) -> Result<RecordNumber, AuditError> {
        let closed = self.recorded(Self::own_cx(), AuditRequest::Close { number, outcome: Json(outcome) });
        closed.map_err(|error| match error {
            AuditError::NotFound => AuditError::Interrupted,
            other => other,
        })
    }

    fn abandon(&self, number: RecordNumber) {
        // Without waiting for a connection: a new writer closes what the old one left open.
        let cx = Cx { request: RequestId(0), deadline: Instant::now() };
        if let Err(error) = self.0.tell(cx, AuditRequest::Abandon { number }) {
            tracing::warn!(number, %error, "an abandoned permit is closed with its connection");
        }
    }
}

impl AuditLog for Client {
    fn begin(&self, cx: Cx, intent: Intent) -> Result<Permit, AuditError> {
        match self.0.call(cx.within(PATIENCE), AuditRequest::Begin(Json(intent)))? {
            AuditAnswer::Begun { number, receipts } => {
                let closer: Arc<dyn Closer> = Arc::<Connection>::clone(&self.0);
                Ok(Permit::new(number, receipts, closer))
            }
            _ => Err(unexpected()),
        }
    }

    fn record(&self, cx: Cx, event: Event) -> Result<RecordNumber, AuditError> {
        self.0.recorded(cx, AuditRequest::Record(Json(event)))
    }
}

impl AuditReader for Client {
    fn read(&self, cx: Cx, from: RecordNumber, limit: usize) -> Result<Vec<Entry>, AuditError> {
        let records = self.raw(cx, from, u32::try_from(limit).unwrap_or(u32::MAX))?;
        let parse = |bytes: &Vec<u8>| Entry::parse(bytes).map_err(|e| AuditError::Invalid(e.to_string()));
        records.iter().map(parse).collect()
    }

    fn prove(&self, cx: Cx, number: RecordNumber) -> Result<Proof, AuditError> {
        let covered = |head: &Head| {
            let checkpoint = Checkpoint::unverified(&head.checkpoint).ok()?;
            (checkpoint.size > number).then_some(checkpoint.size)
        };
        let mut head = self.head(cx)?;
        if number >= head.size {
            return Err(AuditError::NotFound);
        }
        if covered(&head).is_none() {
            head = self.checkpoint(cx)?;
        }
        let size = covered(&head).ok_or(AuditError::NotFound)?;
        let record = self.raw(cx, number, 1)?.pop().ok_or(AuditError::NotFound)?;
        let hashes = self.inclusion(cx, number, size)?;
        let anchor = match self.0.call(cx, AuditRequest::AnchorOf { size })? {
            AuditAnswer::Token(token) => token,
            _ => return Err(unexpected()),
        };
        let key = match self.0.call(cx, AuditRequest::Key)? {
            AuditAnswer::Key(key) => key,
            _ => return Err(unexpected()),
        };
        Ok(Proof { number, record, checkpoint: head.checkpoint, size, hashes, anchor, key })
    }

    fn newest(&self, cx: Cx) -> Result<Option<Newest>, AuditError> {
        match self.0.call(cx, AuditRequest::Newest)? {
            AuditAnswer::Newest(newest) => Ok(newest),
            _ => Err(unexpected()),
        }
    }

    fn anchor(&self, cx: Cx, size: u64, token: Vec<u8>) -> Result<(), AuditError> {
        self.0.call(cx, AuditRequest::Anchor { size, token }).map(drop)
    }
}
