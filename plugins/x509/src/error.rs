//! What can be wrong.

use crate::asn1::Asn1Error;

/// Why a structure could not be built, read or accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum X509Error {
    /// The bytes are not the structure they should be.
    #[error("{what}: {error}")]
    Malformed {
        /// Which structure.
        what: &'static str,
        /// Where it broke.
        error: Asn1Error,
    },
    /// Well-formed, but it says something that the standard or we do not allow.
    #[error("{what}: {reason}")]
    NotAllowed {
        /// Which structure or field.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// A value that was given for building cannot be expressed.
    #[error("{what} cannot be encoded: {reason}")]
    Unencodable {
        /// Which field.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// A key or signature algorithm that is not supported.
    #[error("unsupported algorithm {0}")]
    UnsupportedAlgorithm(String),
    /// A signature does not verify.
    #[error("the signature of the {0} does not verify")]
    BadSignature(&'static str),
}

impl X509Error {
    /// For `map_err`: an ASN.1 error within `what`.
    pub(crate) fn within(what: &'static str) -> impl Fn(Asn1Error) -> Self {
        move |error| Self::Malformed { what, error }
    }
}
