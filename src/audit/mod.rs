//! The audit port: no signature without a durable record.
//!
//! An operation that will use a key first writes an [`Intent`]; when it is on disk the log answers with a
//! [`Permit`], which holds one [`Receipt`] per use of a key. A token worker signs nothing without a fresh receipt. Using
//! the permit yields [`Spent`]; closing the record consumes that, and only then does anybody get an answer. A permit or
//! spent record that is dropped is closed as `abandoned`.

mod permit;
mod record;

pub use permit::{Closer, Permit, Receipt, Spent};
pub use record::{Act, Actor, Ending, Event, Facts, Intent, Outcome, RecordNumber, Use};

use hufu_api::Cx;

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
