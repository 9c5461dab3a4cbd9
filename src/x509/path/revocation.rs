//! Revocation of the certificates of a chain (RFC 5280 6.3, RFC 6960), judged for a time in the past.

use super::store::Anchor;
use super::verifier::Verifier;
use super::{PathError, Request, RevocationPolicy, crl, display_name, ocsp};
use hufu_api::UnixTime;
use x509_cert::Certificate;

/// Which of a request's revocation data says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// The OCSP response of this index in [`Request::ocsp`].
    Ocsp(usize),
    /// The revocation list of this index in [`Request::crls`].
    Crl(usize),
}

/// What is known about a certificate's revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not revoked, says a fresh CRL or OCSP response.
    Good(Witness),
    /// Revoked since then, which is not after the time in question.
    Revoked(UnixTime, Witness),
    /// Good at the time in question, revoked later.
    RevokedLater(UnixTime, Witness),
    /// Nothing at hand decides it; the text says why.
    Unknown(String),
    /// A trust anchor: not subject to revocation.
    Anchor,
    /// Not looked at.
    NotChecked,
}

impl Status {
    /// The status for a certificate on a revocation list, seen from `at`.
    pub(super) fn revoked(since: UnixTime, at: UnixTime, witness: Witness) -> Self {
        if since <= at { Self::Revoked(since, witness) } else { Self::RevokedLater(since, witness) }
    }
}

/// A certificate whose status is asked, with its issuer.
pub(super) struct Subject<'a> {
    pub certificate: &'a Certificate,
    pub issuer: &'a Certificate,
    pub anchor: &'a Anchor,
    pub nesting: u8,
}

/// Status of every certificate below the anchor, leaf first.
pub(super) fn check_chain(
    chain: &[Certificate],
    anchor: &Anchor,
    request: &Request<'_>,
    verifier: &Verifier,
    nesting: u8,
) -> Result<Vec<Status>, PathError> {
    if request.revocation == RevocationPolicy::Ignore {
        return Ok(vec![Status::NotChecked; chain.len()]);
    }
    let mut statuses = Vec::with_capacity(chain.len());
    for (n, certificate) in chain.iter().enumerate() {
        if super::build::same(Some(certificate), &anchor.certificate) {
            statuses.push(Status::Anchor);
            continue;
        }
        let issuer = chain.get(n + 1).unwrap_or(&anchor.certificate);
        let status = status(&Subject { certificate, issuer, anchor, nesting }, request, verifier);
        // What was not looked at any more may say that it is revoked.
        if verifier.is_short() {
            return Err(PathError::TooExpensive);
        }
        match &status {
            Status::Revoked(since, witness) => {
                return Err(PathError::Revoked {
                    subject: display_name(certificate),
                    since: *since,
                    leaf: n == 0,
                    witness: *witness,
                });
            }
            Status::Unknown(why) if request.revocation == RevocationPolicy::Require => {
                return Err(PathError::RevocationUnknown(display_name(certificate), why.clone()));
            }
            _ => statuses.push(status),
        }
    }
    Ok(statuses)
}

/// OCSP first (it speaks of one certificate), then CRLs. A "revoked" from either wins.
fn status(subject: &Subject<'_>, request: &Request<'_>, verifier: &Verifier) -> Status {
    let online = ocsp::status(subject, request, verifier);
    if matches!(online, Some(Status::Revoked(..))) {
        return online.unwrap_or(Status::NotChecked);
    }
    let listed = crl::status(subject, request, verifier);
    match (online, listed) {
        (_, listed @ Status::Revoked(..)) => listed,
        (Some(online @ Status::RevokedLater(..)), _) => online,
        (Some(online), Status::Unknown(_)) => online,
        (_, listed) => listed,
    }
}

/// Data made at `this_update` and good until `next_update` says something about `at` when it was fresh at any moment
/// between `at` and `now`. Without nextUpdate it speaks until its own time only.
pub(super) fn is_fresh(this_update: i64, next_update: Option<i64>, request: &Request<'_>) -> bool {
    this_update <= request.now.seconds() && next_update.unwrap_or(this_update) >= request.at.seconds()
}
