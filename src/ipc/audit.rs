//! The audit writer's protocol. The network process calls and the writer serves; over the writer's own admin socket the
//! reading half of it serves the operator's commands.

use super::json::Json;
use crate::audit::{AuditError, Event, Intent, Newest, Outcome, Receipt, RecordNumber};
use serde::{Deserialize, Serialize};

/// A call of the audit writer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum AuditRequest {
    /// Put an intent on disk; answered by [`AuditAnswer::Begun`].
    Begin(Json<Intent>),
    /// Put a complete record on disk; answered by [`AuditAnswer::Recorded`].
    Record(Json<Event>),
    /// Put an intent's outcome on disk; answered by [`AuditAnswer::Recorded`].
    Close {
        /// The intent.
        number: RecordNumber,
        /// How it ended.
        outcome: Json<Outcome>,
    },
    /// The intent's permit was dropped; no answer.
    Abandon {
        /// The intent.
        number: RecordNumber,
    },
    /// Records from a number on, whole records only, at most `limit` and at most 1 MiB together.
    Read {
        /// First number.
        from: RecordNumber,
        /// How many at most.
        limit: u32,
    },
    /// Size and root of the tree, and the newest checkpoint.
    Head,
    /// Inclusion proof of a record in the tree of that size (RFC 6962 2.1.1).
    Inclusion {
        /// Which record.
        number: RecordNumber,
        /// In which tree.
        size: u64,
    },
    /// Consistency proof between two tree sizes (RFC 6962 2.1.2).
    Consistency {
        /// The older tree.
        from: u64,
        /// The newer tree.
        to: u64,
    },
    /// Sign a checkpoint now, if there is anything new; answered by [`AuditAnswer::Head`].
    Checkpoint,
    /// Keep an RFC 3161 token beside the checkpoint over `size` records; answered by [`AuditAnswer::Token`].
    Anchor {
        /// Which checkpoint.
        size: u64,
        /// The token, DER.
        token: Vec<u8>,
    },
    /// The verifier key of the newest checkpoint; answered by [`AuditAnswer::Key`].
    Key,
    /// The newest checkpoint and anchor; answered by [`AuditAnswer::Newest`].
    Newest,
    /// The token beside the checkpoint over `size` records; answered by [`AuditAnswer::Token`].
    AnchorOf {
        /// Which checkpoint.
        size: u64,
    },
}

/// What the audit writer answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditAnswer {
    /// The intent is on disk; one receipt per use.
    Begun {
        /// The intent's number.
        number: RecordNumber,
        /// In the order of the intent's uses.
        receipts: Vec<Receipt>,
    },
    /// The record is on disk.
    Recorded(RecordNumber),
    /// Records in the log's canonical encoding, in order.
    Records(Vec<Vec<u8>>),
    /// The tree.
    Head {
        /// Number of records.
        size: u64,
        /// RFC 6962 tree head.
        root: [u8; 32],
        /// The newest signed checkpoint (C2SP), empty before the first.
        checkpoint: String,
    },
    /// Hashes of a proof.
    Proof(Vec<[u8; 32]>),
    /// A C2SP verifier key.
    Key(String),
    /// An RFC 3161 token, if there is one.
    Token(Option<Vec<u8>>),
    /// The newest checkpoint, if there is one.
    Newest(Option<Newest>),
    /// It was not done.
    Failed(AuditFailure),
}

/// [`AuditError`] on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditFailure {
    /// The log cannot be written.
    Unavailable(String),
    /// The record is larger than the log takes.
    TooLarge,
    /// What was asked for is not there.
    NotFound,
    /// The record cannot stand in the log.
    Invalid(String),
    /// The disk was too slow.
    Timeout,
}

impl From<AuditFailure> for AuditError {
    fn from(failure: AuditFailure) -> Self {
        match failure {
            AuditFailure::Unavailable(why) => Self::Unavailable(why),
            AuditFailure::TooLarge => Self::TooLarge,
            AuditFailure::NotFound => Self::NotFound,
            AuditFailure::Invalid(why) => Self::Invalid(why),
            AuditFailure::Timeout => Self::Timeout,
        }
    }
}

impl From<AuditError> for AuditFailure {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Unavailable(why) => Self::Unavailable(why),
            AuditError::TooLarge => Self::TooLarge,
            AuditError::NotFound | AuditError::Interrupted => Self::NotFound,
            AuditError::Invalid(why) => Self::Invalid(why),
            AuditError::Timeout => Self::Timeout,
        }
    }
}
