//! Certification path building and validation at a given time (RFC 5280 section 6, RFC 4158).
//!
//! The validation algorithm of 6.1 (names, policies, constraints) is the `pkix-path` crate's; building, budgets, key
//! purposes and revocation (6.3, RFC 6960) are here. Nothing is fetched: certificates and revocation data are inputs.

mod build;
mod crl;
mod hygiene;
mod ocsp;
mod policy;
mod purpose;
mod revocation;
mod stand_in;
mod store;
mod verifier;

pub use crl::Crl;
pub use ocsp::Ocsp;
pub use purpose::Purpose;
pub use revocation::{Status, Witness};
pub use stand_in::{StandIn, read};
pub use store::{TrustStore, TrustStoreError};
pub use verifier::{SignatureCheck, Verifier};

use hufu_api::UnixTime;
use std::sync::Arc;
use x509_cert::Certificate;

/// Certificates of a path, anchor included, at most.
const MAX_DEPTH: usize = 12;
/// What one validation may cost, revocation data included, in the units of [`Verifier::new`].
const MAX_COST: u32 = 400;
/// CRL issuers that are validated for the sake of another CRL issuer, at most.
const MAX_NESTING: u8 = 2;

/// What to do about revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationPolicy {
    /// Every certificate below the anchor needs a fresh answer.
    Require,
    /// A revoked certificate fails; a missing answer is reported as [`Status::Unknown`].
    WhereKnown,
    /// Not looked at.
    Ignore,
}

/// The inputs of RFC 5280 6.1.1 (c) to (g). Default: any policy will do.
#[derive(Clone, Debug, Default)]
pub struct PolicyInputs {
    /// user-initial-policy-set; empty means any-policy.
    pub acceptable: Vec<const_oid::ObjectIdentifier>,
    /// initial-explicit-policy
    pub explicit: bool,
    /// initial-policy-mapping-inhibit
    pub inhibit_mapping: bool,
    /// initial-any-policy-inhibit
    pub inhibit_any: bool,
}

/// Everything a validation looks at besides the certificate itself.
#[derive(Clone)]
pub struct Request<'a> {
    /// The trust anchors.
    pub store: &'a TrustStore,
    /// Certificates that may be issuers, from wherever.
    pub pool: &'a [Arc<Certificate>],
    /// Revocation lists.
    pub crls: &'a [Crl],
    /// OCSP responses.
    pub ocsp: &'a [Ocsp],
    /// The time for which the path must hold.
    pub at: UnixTime,
    /// The time of judging: revocation data made between `at` and now counts. Equal to `at` where nothing is proven.
    pub now: UnixTime,
    /// What the key was used for.
    pub purpose: Purpose,
    /// How strict about revocation.
    pub revocation: RevocationPolicy,
    /// Certificate policies.
    pub policies: PolicyInputs,
    /// The public-key check.
    pub check: SignatureCheck,
}

/// A valid path.
#[derive(Clone, Debug)]
pub struct Path {
    /// Leaf first, trust anchor last.
    pub chain: Vec<Certificate>,
    /// Revocation status of each certificate below the anchor, leaf first.
    pub revocation: Vec<Status>,
}

/// Why there is no valid path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// No chain ends at a trust anchor.
    #[error("no chain of certificates leads to a trust anchor")]
    NoChain,
    /// A certificate of the chain had expired.
    #[error("the certificate of {0} had expired")]
    Expired(String),
    /// A certificate of the chain was not valid yet.
    #[error("the certificate of {0} was not valid yet")]
    NotYetValid(String),
    /// A certificate is revoked.
    #[error("the certificate of {subject} was revoked on {}", .since.seconds())]
    Revoked {
        /// Whose.
        subject: String,
        /// Since when.
        since: UnixTime,
        /// True for the signer's own certificate, false for a CA's.
        leaf: bool,
        /// Says who.
        witness: Witness,
    },
    /// No fresh revocation answer and one is required.
    #[error("revocation of {0} cannot be decided: {1}")]
    RevocationUnknown(String, String),
    /// A rule of RFC 5280 6.1 is broken.
    #[error("{0}")]
    Constraint(String),
    /// The key must not be used for this.
    #[error("{0}")]
    Purpose(String),
    /// The search was given up.
    #[error("the search for a chain was given up: too many certificates that look alike")]
    TooExpensive,
}

/// A failure with the best chain that could be put together, for reports.
#[derive(Clone, Debug)]
pub struct PathFailure {
    /// Why.
    pub error: PathError,
    /// Leaf first, as far as it goes.
    pub chain: Vec<Certificate>,
}

/// Builds and validates a path for `leaf`.
///
/// # Errors
/// [`PathFailure`] with the reason of the candidate that came furthest.
pub fn validate(leaf: &Certificate, request: &Request<'_>) -> Result<Path, Box<PathFailure>> {
    validate_within(leaf, request, &Verifier::new(request.check, MAX_COST))
}

/// The same for one of many validations that share their checks and what these may cost; `verifier`'s check counts.
///
/// # Errors
/// As [`validate`].
pub fn validate_within(
    leaf: &Certificate,
    request: &Request<'_>,
    verifier: &Verifier,
) -> Result<Path, Box<PathFailure>> {
    validate_nested(leaf, request, verifier, 0)
}

fn validate_nested(
    leaf: &Certificate,
    request: &Request<'_>,
    verifier: &Verifier,
    nesting: u8,
) -> Result<Path, Box<PathFailure>> {
    build::search(leaf, request, verifier, &|chain, anchor| {
        if let Some(path) = build::directly_trusted(chain, anchor, request)? {
            return Ok(path);
        }
        let complete = stand_in::with_parameters(chain, anchor, verifier);
        build::validate_candidate(&complete, anchor, request, verifier)?;
        purpose::check(leaf, request.purpose).map_err(PathError::Purpose)?;
        let revocation = revocation::check_chain(&complete, anchor, request, verifier, nesting)?;
        let mut whole = chain.to_vec();
        if !build::same(whole.last(), &anchor.certificate) {
            whole.push(anchor.certificate.clone());
        }
        Ok(Path { chain: whole, revocation })
    })
}

/// A name for messages: the DN as RFC 4514 text.
fn display_name(certificate: &Certificate) -> String {
    certificate.tbs_certificate.subject.to_string()
}

/// Seconds since the epoch of an X.509 time.
fn seconds(time: x509_cert::time::Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod limbo;
#[cfg(test)]
mod pkits;
#[cfg(test)]
mod tests_support;
