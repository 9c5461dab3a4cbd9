//! Permits: the type that makes "record first, then sign, then close" the only order that compiles.

use super::{AuditError, Ending, Facts, Outcome, Receipt, RecordNumber};
use std::collections::VecDeque;
use std::sync::Arc;

/// The way back to the log for closing a record.
pub trait Closer: Send + Sync {
    /// Writes the outcome of intent `number` and returns once it is on disk.
    ///
    /// # Errors
    /// See [`AuditError`].
    fn close(&self, number: RecordNumber, outcome: Outcome) -> Result<RecordNumber, AuditError>;

    /// Notes, without waiting, that the holder of intent `number` dropped it.
    fn abandon(&self, number: RecordNumber);
}

struct Open {
    number: RecordNumber,
    closer: Option<Arc<dyn Closer>>,
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(closer) = self.closer.take() {
            closer.abandon(self.number);
        }
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "intent {}", self.number)
    }
}

/// Leave to use keys as one intent announced, each use once.
#[must_use = "a dropped permit is recorded as abandoned"]
#[derive(Debug)]
pub struct Permit {
    open: Open,
    receipts: VecDeque<Receipt>,
}

impl Permit {
    /// Made by the log's client once the intent is on disk.
    pub fn new(number: RecordNumber, receipts: Vec<Receipt>, closer: Arc<dyn Closer>) -> Self {
        Self { open: Open { number, closer: Some(closer) }, receipts: receipts.into() }
    }

    /// The intent's record number.
    pub fn number(&self) -> RecordNumber {
        self.open.number
    }

    /// The receipt of the next use, in the intent's order; each is given once.
    pub fn next_receipt(&mut self) -> Option<Receipt> {
        self.receipts.pop_front()
    }

    /// Ends the use of keys; receipts not taken are gone.
    pub fn spend(self) -> Spent {
        Spent { open: self.open }
    }
}

/// A permit whose uses are over; what is left is to say how it ended.
#[must_use = "a dropped record is closed as abandoned"]
#[derive(Debug)]
pub struct Spent {
    open: Open,
}

impl Spent {
    /// The intent's record number.
    pub fn number(&self) -> RecordNumber {
        self.open.number
    }

    /// Writes the outcome and returns its record number once it is on disk.
    ///
    /// # Errors
    /// See [`AuditError`]. Nothing may be released then.
    pub fn close(mut self, outcome: Outcome) -> Result<RecordNumber, AuditError> {
        match self.open.closer.take() {
            Some(closer) => closer.close(self.open.number, outcome),
            None => Err(AuditError::Unavailable("record already closed".into())),
        }
    }

    /// Closes as failed with a reason; used on error paths where the error itself matters more.
    pub fn fail(self, reason: &str) {
        let mut facts = Facts::new();
        facts.insert("reason".into(), reason.into());
        let number = self.number();
        if let Err(error) = self.close(Outcome { ending: Ending::Failed, facts }) {
            tracing::error!(number, %error, "outcome of a failed act not recorded");
        }
    }
}
