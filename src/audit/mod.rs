//! The audit port: no signature without a durable record.
//!
//! An operation that will use a key first writes an [`Intent`]; when it is on disk the log answers with a
//! [`Permit`], which holds one [`Receipt`] per use of a key. A token worker signs nothing without a fresh receipt. Using
//! the permit yields [`Spent`]; closing the record consumes that, and only then does anybody get an answer. A permit or
//! spent record that is dropped is closed as `abandoned`.

mod entry;
mod permit;
mod receipt;
mod record;

pub use entry::{Body, Entry, EntryError, MAX_ENTRY};
pub use permit::{Closer, Permit, Spent};
pub use receipt::{Receipt, ReceiptError, ReceiptKey};
pub use record::{Act, Actor, Ending, Event, Facts, Intent, Outcome, RecordNumber, Use};

use hufu_api::{Cx, UnixTime};

/// Why the log did not take a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The log cannot be written; nothing may be signed.
    #[error("the audit log cannot be written: {0}")]
    Unavailable(String),
    /// No answer before the deadline; the record may or may not be on disk.
    #[error("the audit log did not answer in time")]
    Timeout,
    /// The record is larger than the log takes.
    #[error("the record is too large")]
    TooLarge,
    /// The record cannot stand in the log: floats, numbers beyond 2^53, too many or no uses.
    #[error("not a valid record: {0}")]
    Invalid(String),
    /// There is no such record, or no such open intent.
    #[error("no such record")]
    NotFound,
    /// The log's writer was replaced while the act was under way, and its intent closed as interrupted.
    #[error("the audit log's writer was replaced meanwhile")]
    Interrupted,
}

/// The audit log as operations see it.
pub trait AuditLog: Send + Sync {
    /// Writes an intent and returns once it is on disk.
    ///
    /// # Errors
    /// See [`AuditError`]; without a permit nothing can be signed.
    fn begin(&self, cx: Cx, intent: Intent) -> Result<Permit, AuditError>;

    /// Writes a record of something that used no key, and returns once it is on disk.
    ///
    /// # Errors
    /// See [`AuditError`].
    fn record(&self, cx: Cx, event: Event) -> Result<RecordNumber, AuditError>;
}

/// Reading the log back. What it gives can be checked without trusting it: leaf hashes, proofs and signed checkpoints.
pub trait AuditReader: Send + Sync {
    /// Records in order, from `from` on: at most `limit`, or fewer where an answer would be too large. Empty only at the end.
    ///
    /// # Errors
    /// See [`AuditError`].
    fn read(&self, cx: Cx, from: RecordNumber, limit: usize) -> Result<Vec<Entry>, AuditError>;

    /// The latest signed checkpoint that covers record `number`, and the proof that the record is in it; makes a checkpoint
    /// if none covers it yet.
    ///
    /// # Errors
    /// See [`AuditError`].
    fn prove(&self, cx: Cx, number: RecordNumber) -> Result<Proof, AuditError>;

    /// The newest signed checkpoint; `None` before the first.
    ///
    /// # Errors
    /// See [`AuditError`].
    fn newest(&self, cx: Cx) -> Result<Option<Newest>, AuditError>;

    /// Keeps an RFC 3161 time-stamp token over a checkpoint beside it. The token's imprint is SHA-256 of the whole note.
    ///
    /// # Errors
    /// See [`AuditError`].
    fn anchor(&self, cx: Cx, size: u64, token: Vec<u8>) -> Result<(), AuditError>;
}

/// The newest signed checkpoint, and how far time stamps over checkpoints have come.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Newest {
    /// The checkpoint: a C2SP signed note.
    pub checkpoint: String,
    /// Records that it covers.
    pub size: u64,
    /// When it was kept, by the file system's clock.
    pub at: UnixTime,
    /// Records that the newest time-stamped checkpoint covers, and when the stamp was kept.
    pub anchored: Option<(u64, UnixTime)>,
}

/// That a record stands in the log: RFC 6962 inclusion proof to a signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Proof {
    /// The record's place.
    pub number: RecordNumber,
    /// The record's canonical bytes; its leaf hash is SHA-256(0x00 ‖ bytes).
    pub record: Vec<u8>,
    /// The checkpoint: a C2SP signed note.
    pub checkpoint: String,
    /// The checkpoint's tree size.
    pub size: u64,
    /// Sibling hashes from leaf to root (RFC 6962 2.1.1).
    pub hashes: Vec<[u8; 32]>,
    /// RFC 3161 token over the checkpoint, when it has been anchored.
    pub anchor: Option<Vec<u8>>,
    /// The C2SP verifier key that signed the checkpoint.
    pub key: String,
}
