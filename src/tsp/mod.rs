//! Time-stamp tokens (RFC 3161, RFC 5816).
//!
//! A server parses a [`Request`], builds a TSTInfo ([`TstSpec::build`]), lets the token sign SignedAttributes over its digest and
//! answers with [`granted`] or [`rejected`]. The token itself is a CMS SignedData: [`crate::cms::SignedDataSpec`] with
//! [`crate::cms::Encapsulated::TstInfo`]. A client checks an answer with [`check_response`]; a validator reads a [`Token`] and verifies it.

mod request;
mod response;
mod token;
mod tst_info;

pub use request::{Request, RequestError};
pub use response::{Failure, check_response, check_token, granted, rejected};
pub use token::{Token, TokenError, TokenFinding, TstInfo, VerifiedToken};
pub use tst_info::TstSpec;

use crate::x509::asn1;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_SHA_256, ID_SHA_384, ID_SHA_512};
use hufu_api::HashAlgorithm;

/// OID of an imprint's hash.
pub fn hash_oid(algorithm: HashAlgorithm) -> ObjectIdentifier {
    match algorithm {
        HashAlgorithm::Sha256 => ID_SHA_256,
        HashAlgorithm::Sha384 => ID_SHA_384,
        HashAlgorithm::Sha512 => ID_SHA_512,
    }
}

/// The hash of an OID, among those that imprints may use.
pub fn hash_algorithm(oid: &ObjectIdentifier) -> Option<HashAlgorithm> {
    [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512]
        .into_iter()
        .find(|a| hash_oid(*a) == *oid)
}

/// Digest length in octets.
pub fn hash_length(algorithm: HashAlgorithm) -> usize {
    match algorithm {
        HashAlgorithm::Sha256 => 32,
        HashAlgorithm::Sha384 => 48,
        HashAlgorithm::Sha512 => 64,
    }
}

/// MessageImprint, DER; the hash has no parameters (RFC 5754 2).
fn message_imprint(algorithm: HashAlgorithm, digest: &[u8]) -> Vec<u8> {
    asn1::sequence(&[&asn1::sequence(&[&asn1::oid(&hash_oid(algorithm))]), &asn1::octet_string(digest)])
}

#[cfg(test)]
pub(crate) mod tests;
