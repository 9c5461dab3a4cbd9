//! Durable state: ordered spaces of keys and values, written all or nothing.

use std::ops::{Bound, Range};

/// A named, ordered key space. One subject each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Space {
    /// Applications (appId).
    App,
    /// Signers by id.
    Signer,
    /// Signer ids by (app, certifyNum): a unique index.
    SignerByCertify,
    /// Certificates and their keys.
    Certificate,
    /// Seals by id.
    Seal,
    /// Seal pictures by digest.
    SealImage,
    /// Signatures (summaryId): a projection of the audit log.
    Signature,
    /// Document time stamps (timeStampSignId): a projection of the audit log.
    Stamp,
    /// Evidence deposits (czId): a projection of the audit log.
    Deposit,
    /// czId by (app, sid): a unique index.
    DepositBySid,
    /// SMS codes (keyed hashes), send counters.
    SmsCode,
    /// Answers by Idempotency-Key.
    Idempotency,
    /// Channels' own state.
    Channel,
    /// Data signatures 数据签 by seqNo.
    ByteSign,
    /// One-time links to the handwriting page, by the hash of their token.
    Handwriting,
    /// Operators by name: their certificates and roles.
    Operator,
    /// Requests for acts that several operators must agree to, by id.
    Approval,
    /// Everything small that is one of a kind: schema version, high-water marks.
    Meta,
}

impl Space {
    /// The space's number on disk. Never renumber: it is the first byte of every stored key.
    pub const fn tag(self) -> u8 {
        match self {
            Self::App => 1,
            Self::Signer => 2,
            Self::SignerByCertify => 3,
            Self::Certificate => 4,
            Self::Seal => 5,
            Self::SealImage => 6,
            Self::Signature => 7,
            Self::Stamp => 8,
            Self::Deposit => 9,
            Self::DepositBySid => 10,
            Self::SmsCode => 11,
            Self::Idempotency => 12,
            Self::Channel => 13,
            Self::ByteSign => 14,
            Self::Meta => 15,
            Self::Handwriting => 16,
            Self::Operator => 17,
            Self::Approval => 18,
        }
    }
}

/// A key in a space; at most 1 KiB.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Which space.
    pub space: Space,
    /// The key's bytes; numbers big-endian, so that order is numeric.
    pub bytes: Vec<u8>,
}

/// A value and the version that a later write may expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// Grows with every write of the store; no two writes share one, so that a key removed and made again is not taken
    /// for unchanged.
    pub version: u64,
    /// The value.
    pub value: Vec<u8>,
}

/// What a write expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there.
    Any,
    /// Nothing.
    Absent,
    /// This version.
    Version(u64),
}

/// One change of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub key: Key,
    /// Only if.
    pub expect: Expect,
    /// The new value; `None` removes.
    pub value: Option<Vec<u8>>,
}

/// Families of numeric ids that clients store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdKind {
    /// signerId
    Signer,
    /// moulageId
    Seal,
    /// summaryId and timeStampSignId and other acts with a document
    Signature,
    /// czId
    Deposit,
    /// Certificate history numbers
    Certificate,
    /// Serial numbers of time-stamp tokens
    Timestamp,
}

impl IdKind {
    /// All families.
    pub const ALL: [Self; 6] =
        [Self::Signer, Self::Seal, Self::Signature, Self::Deposit, Self::Certificate, Self::Timestamp];

    /// The family's number on disk. Never renumber.
    pub const fn tag(self) -> u8 {
        match self {
            Self::Signer => 1,
            Self::Seal => 2,
            Self::Signature => 3,
            Self::Deposit => 4,
            Self::Certificate => 5,
            Self::Timestamp => 6,
        }
    }
}

/// Direction of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Ascending keys.
    Ascending,
    /// Descending keys.
    Descending,
}

/// Why the store did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// An expectation failed; nothing was written. Which write, counted from 0.
    #[error("conflict at write {0}")]
    Conflict(usize),
    /// A sync failed before: nothing is written any more until restart.
    #[error("store is poisoned by a failed sync: {0}")]
    Poisoned(String),
    /// The disk did not answer in time; the write may still happen.
    #[error("store did not answer in time")]
    Stalled,
    /// The key is longer than 1 KiB or the value than 16 MiB.
    #[error("key or value is too large")]
    TooLarge,
    /// The disk or the database said no.
    #[error("store: {0}")]
    Io(String),
}

/// Durable state. A commit is all or nothing and on disk when it returns.
pub trait Store: Send + Sync {
    /// The value of `key`.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError>;

    /// At most `limit` entries of `space`, beginning at `from` in the given order.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn scan(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Versioned)>, StoreError>;

    /// Number of entries of `space`.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn count(&self, space: Space) -> Result<u64, StoreError>;

    /// `n` fresh ids, never given before, not even before a crash. Ids begin at 1 and stay below 2^53.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn reserve(&self, ids: IdKind, n: u64) -> Result<Range<u64>, StoreError>;

    /// Makes sure that ids up to and including `highest` are never given again (import of an older system's ids).
    ///
    /// # Errors
    /// See [`StoreError`].
    fn skip_ids(&self, ids: IdKind, highest: u64) -> Result<(), StoreError>;

    /// Applies all writes, or none and `Conflict`. Durable on return.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn commit(&self, writes: &[Write]) -> Result<(), StoreError>;

    /// Applies writes that can be made again from the audit log, without a sync of their own; `applied` is the number
    /// of the audit record that they project, remembered with them. Records may come out of order, but each within
    /// thirty seconds of being written.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn project(&self, applied: u64, writes: &[Write]) -> Result<(), StoreError>;

    /// The highest audit record such that it and all before it have been projected durably; replay begins after it.
    ///
    /// # Errors
    /// See [`StoreError`].
    fn projected(&self) -> Result<Option<u64>, StoreError>;
}
