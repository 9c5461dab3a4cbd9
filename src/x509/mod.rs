//! Certificates: names, requests, profiles, path validation (RFC 5280), revocation data.
//!
//! Reading, building and signature verification live in the crate `hufu-x509`, which `ca-local` shares; here is what only
//! the appliance needs: the check of what a channel returned, and path validation.

pub(crate) mod frame;
mod issued;
pub mod path;

use der::Encode;
pub use hufu_x509::*;
pub use issued::{IssuedCheck, IssuedError};

/// Whether `signature` over `message` verifies: the check that path validation is given, with every algorithm of
/// [`signature`]. Weak ones verify; naming them is the caller's part.
#[allow(clippy::needless_pass_by_value)] // the signature that path validation asks for
pub fn check_signature(
    algorithm: spki::AlgorithmIdentifierRef<'_>,
    key: spki::SubjectPublicKeyInfoRef<'_>,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let (Ok(algorithm), Ok(key)) = (algorithm.to_der(), key.to_der()) else { return false };
    signature::verify_signed(&key, &algorithm, message, signature).is_ok()
}

#[cfg(test)]
pub(crate) mod ocsp_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
