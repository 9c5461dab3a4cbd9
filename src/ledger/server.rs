//! The writer's process as its callers meet it: one thread for each connection's records, one for its questions, and one for the
//! checkpoints that it asks for.

use super::checkpointer::Checkpointer;
use super::checkpoints::{self, CheckpointError};
use super::log::LogError;
use super::writer::{Answer, Ask, Desk, Done, Inbox, Job, Owner, Status};
use super::{Folder, Records};
use crate::audit::AuditError;
use crate::ipc::audit::{AuditAnswer, AuditFailure, AuditRequest};
use crate::ipc::serve::{Answers, CallId, Incoming, connection};
use crate::tlog::merkle;
use flume::{Sender, bounded};
use hufu_api::{Cx, RequestId};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Bytes of records in one answer, about; well below a frame.
const ANSWER_BYTES: usize = 1 << 20;
/// Questions of one connection that may wait.
const QUESTIONS: usize = 1024;

/// What a connection may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The network process: everything.
    Network,
    /// The operator's commands: reading, and a checkpoint.
    Admin,
}

/// Serves connections.
pub struct Service {
    folder: Folder,
    records: Records,
    inbox: Inbox,
    status: Arc<Status>,
    checkpointer: Option<Arc<Checkpointer>>,
    owners: AtomicU64,
}

struct IpcDesk(Answers<AuditAnswer>);

impl Desk for IpcDesk {
    fn answer(&self, answers: Vec<(u64, Answer)>) {
        let on_wire = |answer: Answer| match answer {
            Ok(Done::Begun { number, receipts }) => AuditAnswer::Begun { number, receipts },
            Ok(Done::Recorded(number)) => AuditAnswer::Recorded(number),
            Ok(Done::Checkpoint { .. } | Done::Pruned(_)) => AuditAnswer::Failed(AuditFailure::NotFound),
            Err(error) => AuditAnswer::Failed(error.into()),
        };
        self.0.answer_all(answers.into_iter().map(|(ticket, answer)| (CallId(ticket), on_wire(answer))));
    }
}

/// What one connection asks, in rows that do not wait for each other.
struct Questions {
    /// Answered from what is on disk.
    reading: Sender<Incoming<AuditRequest>>,
    /// A checkpoint takes the token's time, which may be long.
    checkpoints: Sender<Incoming<AuditRequest>>,
}

impl Questions {
    /// Puts a question into its row; gives back its id when too many wait there.
    fn put(&self, question: Incoming<AuditRequest>) -> Result<(), CallId> {
        let row = match question.body {
            AuditRequest::Checkpoint => &self.checkpoints,
            _ => &self.reading,
        };
        row.try_send(question).map_err(|error| error.into_inner().id)
    }
}

impl Service {
    /// Over a running writer.
    pub fn new(
        folder: Folder,
        records: Records,
        inbox: Inbox,
        status: Arc<Status>,
        checkpointer: Option<Arc<Checkpointer>>,
    ) -> Self {
        Self { folder, records, inbox, status, checkpointer, owners: AtomicU64::new(1) }
    }

    /// Serves one connection until its other end is gone, on threads of its own.
    ///
    /// # Errors
    /// When the socket or a thread is refused.
    pub fn serve(self: &Arc<Self>, stream: UnixStream, role: Role) -> io::Result<()> {
        let (mut requests, answers) = connection::<AuditRequest, AuditAnswer>(stream)?;
        let owner = Owner(self.owners.fetch_add(1, Ordering::Relaxed));
        let questions = Questions {
            reading: self.answering("audit-reader", &answers)?,
            checkpoints: self.answering("audit-asked", &answers)?,
        };
        let service = Arc::clone(self);
        std::thread::Builder::new().name("audit-requests".into()).spawn(move || {
            let desk: Arc<dyn Desk> = Arc::new(IpcDesk(answers.clone()));
            loop {
                match requests.receive() {
                    Ok(Some(incoming)) => service.take(owner, role, incoming, &desk, &questions, &answers),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(%error, "connection to the audit writer given up");
                        break;
                    }
                }
            }
            answers.close();
            let cx = Cx { request: RequestId(0), deadline: Instant::now() };
            service.inbox.hand_in(Job { owner, cx, ask: Ask::Gone, reply: None });
        })?;
        Ok(())
    }

    /// A thread that answers one question after the other.
    fn answering(
        self: &Arc<Self>,
        name: &str,
        answers: &Answers<AuditAnswer>,
    ) -> io::Result<Sender<Incoming<AuditRequest>>> {
        let (questions, waiting) = bounded::<Incoming<AuditRequest>>(QUESTIONS);
        let (service, answers) = (Arc::clone(self), answers.clone());
        std::thread::Builder::new().name(name.into()).spawn(move || {
            for Incoming { id, body, cx } in waiting {
                let answer = service.read(cx, body).unwrap_or_else(|e| AuditAnswer::Failed(e.into()));
                answers.answer(id, answer);
            }
        })?;
        Ok(questions)
    }

    fn take(
        &self,
        owner: Owner,
        role: Role,
        incoming: Incoming<AuditRequest>,
        desk: &Arc<dyn Desk>,
        questions: &Questions,
        answers: &Answers<AuditAnswer>,
    ) {
        let Incoming { id, cx, body } = incoming;
        let ask = match body {
            AuditRequest::Begin(intent) => Ask::Begin(intent.0),
            AuditRequest::Record(event) => Ask::Record(event.0),
            AuditRequest::Close { number, outcome } => Ask::Close { number, outcome: outcome.0 },
            AuditRequest::Abandon { number } => Ask::Abandon { number },
            question => {
                if let Err(id) = questions.put(Incoming { id, cx, body: question }) {
                    let busy = AuditFailure::Unavailable("too many questions wait".into());
                    answers.answer(id, AuditAnswer::Failed(busy));
                }
                return;
            }
        };
        if role == Role::Admin {
            let refused = AuditFailure::Invalid("this socket is for reading".into());
            answers.answer(id, AuditAnswer::Failed(refused));
            return;
        }
        let reply = id.wants_answer().then(|| (Arc::clone(desk), id.0));
        self.inbox.hand_in(Job { owner, cx, ask, reply });
    }

    fn read(&self, cx: Cx, question: AuditRequest) -> Result<AuditAnswer, AuditError> {
        let size = self.status.size();
        let within = |n: u64| if n <= size { Ok(n) } else { Err(AuditError::NotFound) };
        match question {
            AuditRequest::Read { from, limit } => {
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                Ok(AuditAnswer::Records(self.records.read(from.min(size), size, limit, ANSWER_BYTES)?))
            }
            AuditRequest::Head => self.head(size),
            AuditRequest::Inclusion { number, size } => {
                let proof = merkle::inclusion(&self.records, number, within(size)?);
                Ok(AuditAnswer::Proof(proof.map_err(|_| AuditError::NotFound)?))
            }
            AuditRequest::Consistency { from, to } => {
                let proof = merkle::consistency(&self.records, from, within(to)?);
                Ok(AuditAnswer::Proof(proof.map_err(|_| AuditError::NotFound)?))
            }
            AuditRequest::Checkpoint => {
                let checkpointer = self.checkpointer.as_ref();
                let none = || AuditError::Unavailable("no checkpoint key is configured".into());
                checkpointer.ok_or_else(none)?.make(cx)?;
                self.head(self.status.size())
            }
            AuditRequest::Anchor { size, token } => {
                checkpoints::keep_anchor(&self.folder, size, &token)?;
                Ok(AuditAnswer::Token(Some(token)))
            }
            AuditRequest::Newest => Ok(AuditAnswer::Newest(checkpoints::newest_standing(&self.folder)?)),
            AuditRequest::Key => {
                let newest = checkpoints::keys(&self.folder)?.pop().ok_or(AuditError::NotFound)?;
                Ok(AuditAnswer::Key(newest.verifier()))
            }
            AuditRequest::AnchorOf { size } => {
                Ok(AuditAnswer::Token(checkpoints::anchor(&self.folder, size)?))
            }
            AuditRequest::Begin(_)
            | AuditRequest::Record(_)
            | AuditRequest::Close { .. }
            | AuditRequest::Abandon { .. } => Err(AuditError::Invalid("not a question".into())),
        }
    }

    fn head(&self, size: u64) -> Result<AuditAnswer, AuditError> {
        let root = merkle::root(&self.records, size).map_err(LogError::from)?;
        let checkpoint = checkpoints::newest_note(&self.folder)?.unwrap_or_default();
        Ok(AuditAnswer::Head { size, root, checkpoint })
    }
}

impl From<LogError> for AuditError {
    fn from(error: LogError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<CheckpointError> for AuditError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Io(e) if e.kind() == io::ErrorKind::NotFound => Self::NotFound,
            other => Self::Unavailable(other.to_string()),
        }
    }
}
