//! Finding a chain: depth first, from the leaf upwards, with a bound on everything (RFC 4158).

use super::purpose::extension;
use super::stand_in::inherits_parameters;
use super::store::Anchor;
use super::verifier::Verifier;
use super::{
    MAX_DEPTH, Path, PathError, PathFailure, Request, Status, display_name, hygiene, policy, purpose, seconds,
};
use const_oid::db::rfc5280::{ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_SUBJECT_KEY_IDENTIFIER};
use der::Encode;
use der::referenced::OwnedToRef;
use pkix_path::{ValidationPolicy, names_match};
use std::cmp::Reverse;
use x509_cert::Certificate;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, SubjectKeyIdentifier};

/// Chains that reach an anchor and are tried, at most.
const MAX_CANDIDATES: u32 = 24;
/// Steps of one search, at most.
const MAX_STEPS: u32 = 400;

/// Judges a complete chain: the certificates below the anchor, leaf first, and the anchor.
type Judge<'a> = dyn Fn(&[Certificate], &Anchor) -> Result<Path, PathError> + 'a;

struct Search<'a> {
    request: &'a Request<'a>,
    verifier: &'a Verifier,
    judge: &'a Judge<'a>,
    steps: u32,
    candidates: u32,
    best: PathFailure,
}

/// Tries candidate chains until `judge` accepts one; else the failure of the candidate that came furthest.
pub(super) fn search(
    leaf: &Certificate,
    request: &Request<'_>,
    verifier: &Verifier,
    judge: &Judge<'_>,
) -> Result<Path, Box<PathFailure>> {
    let best = PathFailure { error: PathError::NoChain, chain: vec![leaf.clone()] };
    let mut search = Search { request, verifier, judge, steps: MAX_STEPS, candidates: MAX_CANDIDATES, best };
    let mut chain = vec![leaf.clone()];
    match search.extend(&mut chain) {
        Some(path) => Ok(path),
        None => Err(Box::new(search.best)),
    }
}

impl Search<'_> {
    /// Extends the chain upwards; `Some` when a complete chain was accepted.
    fn extend(&mut self, chain: &mut Vec<Certificate>) -> Option<Path> {
        let exhausted = self.steps == 0 || self.candidates == 0 || !self.verifier.step();
        if exhausted {
            self.best.error = PathError::TooExpensive;
            return None;
        }
        self.steps -= 1;
        let top = chain.last()?.clone();
        for anchor in self.request.store.anchors() {
            let trusted = same(Some(&top), &anchor.certificate);
            if trusted || (may_issue(&anchor.certificate, &top) && self.signed_by(&top, &anchor.certificate))
            {
                self.candidates = self.candidates.saturating_sub(1);
                match (self.judge)(chain, anchor) {
                    Ok(path) => return Some(path),
                    Err(error) => self.remember(error, chain, Some(anchor)),
                }
            }
        }
        if chain.len() + 1 >= MAX_DEPTH {
            return None;
        }
        let mut issuers: Vec<&Certificate> = self
            .request
            .pool
            .iter()
            .map(|c| &**c)
            .filter(|c| may_issue(c, &top) && !chain.contains(c))
            .collect();
        issuers.sort_by_key(|c| Reverse(key_identifiers_agree(c, &top)));
        for issuer in issuers {
            if self.steps == 0 || self.verifier.is_short() {
                self.best.error = PathError::TooExpensive;
                return None;
            }
            if !self.signed_by(&top, issuer) {
                continue;
            }
            chain.push(issuer.clone());
            if matches!(self.best.error, PathError::NoChain) && chain.len() > self.best.chain.len() {
                self.best.chain.clone_from(chain);
            }
            if let Some(path) = self.extend(chain) {
                return Some(path);
            }
            chain.pop();
        }
        None
    }

    fn remember(&mut self, error: PathError, chain: &[Certificate], anchor: Option<&Anchor>) {
        if matches!(self.best.error, PathError::NoChain | PathError::TooExpensive) {
            let mut whole = chain.to_vec();
            if let Some(anchor) = anchor.filter(|a| !same(whole.last(), &a.certificate)) {
                whole.push(anchor.certificate.clone());
            }
            self.best = PathFailure { error, chain: whole };
        }
    }

    /// A key without its parameters verifies nothing yet: `validate_candidate` sees the whole chain and decides.
    fn signed_by(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        if inherits_parameters(issuer) {
            return true;
        }
        let Ok(message) = certificate.tbs_certificate.to_der() else { return false };
        self.verifier.verify(
            certificate.signature_algorithm.owned_to_ref(),
            issuer.tbs_certificate.subject_public_key_info.owned_to_ref(),
            &message,
            certificate.signature.raw_bytes(),
        )
    }
}

/// Names chain (RFC 5280 6.1.3 (a)(4)).
fn may_issue(issuer: &Certificate, certificate: &Certificate) -> bool {
    names_match(&issuer.tbs_certificate.subject, &certificate.tbs_certificate.issuer)
}

/// Hint, never a proof: authorityKeyIdentifier names the issuer's subjectKeyIdentifier.
fn key_identifiers_agree(issuer: &Certificate, certificate: &Certificate) -> bool {
    let authority = extension::<AuthorityKeyIdentifier>(certificate, ID_CE_AUTHORITY_KEY_IDENTIFIER);
    let subject = extension::<SubjectKeyIdentifier>(issuer, ID_CE_SUBJECT_KEY_IDENTIFIER);
    match (authority, subject) {
        (Ok(Some((authority, _))), Ok(Some((subject, _)))) => {
            authority.key_identifier.as_ref() == Some(&subject.0)
        }
        _ => false,
    }
}

/// The same certificate, byte for byte.
pub(super) fn same(a: Option<&Certificate>, b: &Certificate) -> bool {
    a == Some(b)
}

/// A leaf that is itself in the store is trusted without a chain, within its validity and purpose.
pub(super) fn directly_trusted(
    chain: &[Certificate],
    anchor: &Anchor,
    request: &Request<'_>,
) -> Result<Option<Path>, PathError> {
    let [leaf] = chain else { return Ok(None) };
    if !same(Some(leaf), &anchor.certificate) {
        return Ok(None);
    }
    validity(leaf, request)?;
    purpose::check(leaf, request.purpose).map_err(PathError::Purpose)?;
    Ok(Some(Path { chain: vec![leaf.clone()], revocation: vec![Status::Anchor] }))
}

fn validity(certificate: &Certificate, request: &Request<'_>) -> Result<(), PathError> {
    let validity = certificate.tbs_certificate.validity;
    if request.at.seconds() < seconds(validity.not_before) {
        return Err(PathError::NotYetValid(display_name(certificate)));
    }
    if request.at.seconds() > seconds(validity.not_after) {
        return Err(PathError::Expired(display_name(certificate)));
    }
    Ok(())
}

/// RFC 5280 6.1 over one candidate.
pub(super) fn validate_candidate(
    chain: &[Certificate],
    anchor: &Anchor,
    request: &Request<'_>,
    verifier: &Verifier,
) -> Result<(), PathError> {
    // A self-signed root at the top of the pool's chain is the anchor again; 6.1 does not process the anchor.
    let below = match chain {
        [below @ .., top] if !below.is_empty() && same(Some(top), &anchor.certificate) => below,
        all => all,
    };
    for certificate in below {
        validity(certificate, request)?;
    }
    hygiene::check(below).map_err(PathError::Constraint)?;
    let mut rules = ValidationPolicy::new(u64::try_from(request.at.seconds()).unwrap_or(0));
    rules.max_path_len = u8::try_from(MAX_DEPTH).unwrap_or(u8::MAX);
    rules.initial_explicit_policy = request.policies.explicit;
    rules.initial_any_policy_inhibit = request.policies.inhibit_any;
    rules.initial_policy_mapping_inhibit = request.policies.inhibit_mapping;
    rules.initial_policy_set.clone_from(&request.policies.acceptable);
    match pkix_path::validate_path(below, std::slice::from_ref(&anchor.anchor), &rules, verifier) {
        Ok(_) => policy::check(below, &request.policies).map_err(PathError::Constraint),
        Err(error) => Err(PathError::Constraint(error.to_string())),
    }
}
