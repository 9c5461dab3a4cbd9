//! Intersection of the valid policies with the user's (RFC 5280 6.1.5 (g)(iii)).
//!
//! `pkix-path` 0.3.2 prunes an anyPolicy node whose children came in through 6.1.3 (d)(1)(ii) and then no longer knows
//! that they hang below anyPolicy, so that a policy outside user-initial-policy-set can survive (PKITS 4.8.14). This
//! second look only ever refuses more: it follows each policy of the leaf back to the anchor's domain and ignores the
//! inhibitions, which the crate enforces.

use super::PolicyInputs;
use super::purpose::extension;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use std::collections::{BTreeMap, BTreeSet};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{CertificatePolicies, PolicyConstraints, PolicyMappings};

const ANY_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32.0");

/// Policies of the present domain, each with the policies of the anchor's domain that it stands for.
type Domains = BTreeMap<ObjectIdentifier, BTreeSet<ObjectIdentifier>>;

/// `chain` is leaf first, without the anchor.
pub(super) fn check(chain: &[Certificate], inputs: &PolicyInputs) -> Result<(), String> {
    if inputs.acceptable.is_empty() || inputs.acceptable.contains(&ANY_POLICY) || !explicit(chain, inputs)? {
        return Ok(());
    }
    let mut domains: Domains = [(ANY_POLICY, [ANY_POLICY].into())].into();
    for (depth, certificate) in chain.iter().enumerate().rev() {
        domains = step(&domains, certificate)?;
        if depth > 0 {
            map(&mut domains, certificate)?;
        }
    }
    let valid = domains.values().flatten().any(|p| *p == ANY_POLICY || inputs.acceptable.contains(p));
    if valid { Ok(()) } else { Err("no certificate policy of the chain is acceptable".into()) }
}

/// Whether explicit_policy is 0 at the end: 6.1.4 (h)(1), (i)(1), 6.1.5 (a), (b).
fn explicit(chain: &[Certificate], inputs: &PolicyInputs) -> Result<bool, String> {
    let mut left =
        if inputs.explicit { 0 } else { u32::try_from(chain.len()).unwrap_or(u32::MAX).saturating_add(1) };
    for certificate in chain.iter().rev() {
        let tbs = &certificate.tbs_certificate;
        if !pkix_path::names_match(&tbs.subject, &tbs.issuer) {
            left = left.saturating_sub(1);
        }
        let constraints = extension::<PolicyConstraints>(certificate, rfc5280::ID_CE_POLICY_CONSTRAINTS)?;
        left = constraints.and_then(|(c, _)| c.require_explicit_policy).map_or(left, |limit| left.min(limit));
    }
    Ok(left == 0)
}

/// 6.1.3 (d)(1) and (2).
fn step(domains: &Domains, certificate: &Certificate) -> Result<Domains, String> {
    let policies = extension::<CertificatePolicies>(certificate, rfc5280::ID_CE_CERTIFICATE_POLICIES)?;
    let mut next = Domains::new();
    for policy in policies.iter().flat_map(|(p, _)| &p.0).map(|p| p.policy_identifier) {
        if policy == ANY_POLICY {
            for (known, roots) in domains {
                next.entry(*known).or_default().extend(roots);
            }
        } else if let Some(roots) = domains.get(&policy) {
            next.entry(policy).or_default().extend(roots);
        } else if let Some(roots) = domains.get(&ANY_POLICY) {
            let through = if roots.contains(&ANY_POLICY) { [policy].into() } else { roots.clone() };
            next.entry(policy).or_default().extend(through);
        }
    }
    Ok(next)
}

/// 6.1.4 (b)(1).
fn map(domains: &mut Domains, certificate: &Certificate) -> Result<(), String> {
    let Some((mappings, _)) = extension::<PolicyMappings>(certificate, rfc5280::ID_CE_POLICY_MAPPINGS)?
    else {
        return Ok(());
    };
    let before = domains.clone();
    for mapping in &mappings.0 {
        domains.remove(&mapping.issuer_domain_policy);
    }
    for mapping in &mappings.0 {
        let roots = match before.get(&mapping.issuer_domain_policy) {
            Some(roots) => roots.clone(),
            None if before.contains_key(&ANY_POLICY) => [mapping.issuer_domain_policy].into(),
            None => continue,
        };
        domains.entry(mapping.subject_domain_policy).or_default().extend(roots);
    }
    Ok(())
}
