//! Why a file cannot be read.

use super::ObjectId;

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// Broken at this offset (inside an object stream: of its decoded data).
    #[error("{what} at offset {offset}")]
    Malformed {
        /// Where.
        offset: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// An object is not what it has to be.
    #[error("object {id}: {what}")]
    Object {
        /// Which.
        id: ObjectId,
        /// What is wrong.
        what: &'static str,
    },
    /// A structure of the document is not what it has to be.
    #[error("{0}")]
    Structure(&'static str),
    /// Some readers count offsets from the header, others from the first byte: it has to stand there.
    #[error("the file does not begin with its %PDF header")]
    Header,
    /// Signed already, and damaged: whoever repaired it would decide what the earlier signer signed.
    #[error("the file is signed already and damaged: {0}")]
    SignedAndDamaged(String),
    /// A bound of [`super::Limits`] was reached.
    #[error("the document has too much {0}")]
    Limit(&'static str),
    /// The document opens with a password only.
    #[error("the document needs a password")]
    Password,
    /// Encrypted in a way that is not the standard security handler's.
    #[error("unsupported encryption: {0}")]
    Encryption(&'static str),
    /// A stream's filter that the structure of a document never needs, or a broken one.
    #[error("stream filter: {0}")]
    Filter(&'static str),
}

pub(crate) type Result<T, E = SyntaxError> = std::result::Result<T, E>;

pub(super) fn malformed<T>(offset: usize, what: &'static str) -> Result<T> {
    Err(SyntaxError::Malformed { offset, what })
}
