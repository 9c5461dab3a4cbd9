//! CMS SignedData (RFC 5652), CAdES attributes (ETSI EN 319 122), and public-key verification.
//!
//! Making a signature takes two steps around the token: [`AttributesSpec::build`] gives the SignedAttributes that the key
//! signs, [`SignedDataSpec::assemble`] puts the signature's octets into a ContentInfo. Verifying: [`SignedData::from_prefix`]
//! reads, [`SignerInfo::verify`] judges one signer; [`legacy`] has the formats of old PDF files.

mod attributes;
mod ess;
pub mod legacy;
mod make;
pub mod material;
pub mod oid;
mod read;
mod verify;

pub use attributes::{AttributesSpec, SignedAttributes, attribute};
pub use make::{Encapsulated, SignedDataSpec};
pub use read::{Attribute, SignedData, SignedSet, SignerId, SignerInfo};
pub use verify::{Content, Finding, SignerError, VerifiedSigner};

use crate::x509::{X509Error, asn1::Asn1Error};

/// Why a CMS structure could not be built or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CmsError {
    /// The bytes are not the structure they should be.
    #[error("{what}: {error}")]
    Malformed {
        /// Which structure.
        what: &'static str,
        /// Where it broke.
        error: Asn1Error,
    },
    /// A certificate, name, time or key within.
    #[error(transparent)]
    X509(#[from] X509Error),
    /// Well-formed, but not what the standard or this use allows.
    #[error("{0}")]
    NotAllowed(String),
}

impl CmsError {
    pub(crate) fn within(what: &'static str) -> impl Fn(Asn1Error) -> Self {
        move |error| Self::Malformed { what, error }
    }
}

#[cfg(test)]
mod corpora_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
