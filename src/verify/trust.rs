//! Chains: whom a certificate leads to, and what that means for the verdict (EN 319 102-1 5.2.6).

use super::evidence::Evidence;
use super::finding::{Finding, Subject};
use super::report::{CertificateReport, Origin, RevocationReport, RevocationStatus, SubIndication};
use crate::x509::Certificate;
use crate::x509::path::{
    self, PathError, PolicyInputs, Purpose, Request, RevocationPolicy, Status, TrustStore, Verifier, Witness,
};
use crate::x509::signature::{PublicKey, Scheme, Weakness, Work, verify_signed, weaknesses};
use der::Encode;
use hufu_api::UnixTime;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

/// What is asked about a chain.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub store: &'a TrustStore,
    pub at: UnixTime,
    pub now: UnixTime,
    /// A time stamp or the like proves `at`.
    pub proven: bool,
    pub purpose: Purpose,
    pub revocation: RevocationPolicy,
    /// Shared by all chains of the file.
    pub verifier: &'a Verifier,
    /// Shared by all signatures of the file.
    pub work: &'a Work,
}

/// What the chains of one file may cost together, in P-256 verifications.
const MAX_COST: u32 = 450;

/// The public-key checks for all chains of one file.
pub(super) fn verifier() -> Verifier {
    Verifier::new(check, MAX_COST)
}

/// The answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub chain: Vec<CertificateReport>,
    pub problem: Option<SubIndication>,
    /// A certificate of the chain is signed with an algorithm that is broken or withdrawn.
    pub weak: bool,
    pub findings: Vec<Finding>,
}

/// Builds and judges the chain of `leaf`.
pub(super) fn ask(leaf: &Certificate, evidence: &Evidence, question: Question<'_>) -> Answer {
    let own = |certificate: &Certificate| vec![describe(certificate)];
    let (read, stand_in) = match path::read(leaf.der()) {
        Ok(read) => read,
        Err(error) => {
            let detail = format!("the signer's certificate is not as RFC 5280 has it: {error}");
            return Answer {
                chain: own(leaf),
                problem: Some(SubIndication::CertificateChainGeneralFailure),
                weak: false,
                findings: vec![Finding::warning(Subject::Trust, "certificate-form", detail)],
            };
        }
    };
    let request = Request {
        store: question.store,
        pool: &evidence.pool,
        crls: &evidence.crls,
        ocsp: &evidence.ocsp,
        at: question.at,
        now: question.now,
        purpose: question.purpose,
        revocation: question.revocation,
        policies: PolicyInputs::default(),
        check,
    };
    question.verifier.admit(stand_in.as_slice());
    question.verifier.admit(&evidence.stand_ins);
    if evidence.more {
        let detail =
            "the file has more certificates or revocation data than are read: what was left out may revoke";
        return Answer {
            chain: own(leaf),
            problem: Some(SubIndication::CertificateChainGeneralFailure),
            weak: false,
            findings: vec![Finding::warning(Subject::Trust, "too-much-evidence", detail)],
        };
    }
    match path::validate_within(&read, &request, question.verifier) {
        Ok(path) => Answer {
            weak: !weak_links(&path.chain).is_empty(),
            findings: [revocation_findings(&path, evidence), weak_links(&path.chain)].concat(),
            problem: path
                .revocation
                .iter()
                .any(|s| matches!(s, Status::Unknown(_)) && question.revocation == RevocationPolicy::Require)
                .then_some(SubIndication::TryLater),
            chain: describe_all(&path.chain, &path.revocation, evidence),
        },
        Err(failure) => {
            let mut detail = failure.error.to_string();
            if let PathError::Revoked { witness, .. } = &failure.error {
                detail = format!("{detail}, says {}", name(evidence, *witness));
            }
            Answer {
                chain: describe_all(&failure.chain, &[], evidence),
                findings: vec![Finding::warning(Subject::Trust, code(&failure.error), detail)],
                problem: Some(sub_indication(&failure.error, question.proven)),
                weak: false,
            }
        }
    }
}

fn origin(evidence: &Evidence, witness: Witness) -> Option<&Origin> {
    match witness {
        Witness::Ocsp(n) => evidence.ocsp_origins.get(n),
        Witness::Crl(n) => evidence.crl_origins.get(n),
    }
}

/// A witness in words.
fn name(evidence: &Evidence, witness: Witness) -> String {
    let kind = match witness {
        Witness::Ocsp(_) => "an OCSP response",
        Witness::Crl(_) => "a revocation list",
    };
    match origin(evidence, witness) {
        Some(Origin::SecurityStore) => format!("{kind} of the document security store"),
        Some(Origin::Signature) => format!("{kind} inside the signature"),
        Some(Origin::Outside(address)) => format!("{kind} from {address}"),
        None => kind.to_owned(),
    }
}

fn revocation_report(status: &Status, evidence: &Evidence) -> Option<RevocationReport> {
    let (status, witness, since) = match status {
        Status::Good(witness) => (RevocationStatus::Good, Some(*witness), None),
        Status::Revoked(since, witness) => (RevocationStatus::Revoked, Some(*witness), Some(*since)),
        Status::RevokedLater(since, witness) => {
            (RevocationStatus::RevokedLater, Some(*witness), Some(*since))
        }
        Status::Unknown(_) => (RevocationStatus::Unknown, None, None),
        Status::Anchor | Status::NotChecked => return None,
    };
    let origin = witness.and_then(|w| origin(evidence, w)).cloned();
    Some(RevocationReport { status, origin, since })
}

fn revocation_findings(path: &path::Path, evidence: &Evidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (status, certificate) in path.revocation.iter().zip(&path.chain) {
        let subject = certificate.tbs_certificate.subject.to_string();
        let (code, detail) = match status {
            Status::Unknown(why) => {
                ("revocation-unknown", format!("revocation of {subject} is not known: {why}"))
            }
            Status::RevokedLater(since, witness) => {
                let (says, since) = (name(evidence, *witness), since.seconds());
                (
                    "revoked-later",
                    format!("{subject} was revoked later, at {since} s since 1970, says {says}"),
                )
            }
            Status::Good(witness) => {
                ("not-revoked", format!("{subject} is not revoked, says {}", name(evidence, *witness)))
            }
            _ => continue,
        };
        findings.push(Finding::info(Subject::Trust, code, detail));
    }
    findings
}

/// Certificates below the anchor whose issuers signed them with what is broken or withdrawn.
fn weak_links(chain: &[x509_cert::Certificate]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (certificate, issuer) in chain.iter().zip(chain.iter().skip(1)) {
        let key = issuer.tbs_certificate.subject_public_key_info.to_der();
        let (Ok(key), Ok(algorithm)) = (key, certificate.signature_algorithm.to_der()) else { continue };
        for weakness in link_weaknesses(&key, &algorithm) {
            let subject = &certificate.tbs_certificate.subject;
            let detail = format!("the certificate of {subject} is signed weakly: {weakness}");
            findings.push(Finding::warning(Subject::Trust, "weak-algorithm", detail));
        }
    }
    findings
}

/// A DSA key without parameters cannot be read alone, and is weak all the same.
fn link_weaknesses(key: &[u8], algorithm: &[u8]) -> Vec<Weakness> {
    match (PublicKey::from_spki(key), Scheme::from_identifier(algorithm, None)) {
        (Ok(key), Ok(scheme)) => weaknesses(&key, scheme),
        _ => vec![Weakness::Dsa],
    }
}

const fn code(error: &PathError) -> &'static str {
    match error {
        PathError::Expired(_) => "certificate-expired",
        PathError::NotYetValid(_) => "certificate-not-yet-valid",
        PathError::Revoked { .. } => "certificate-revoked",
        PathError::RevocationUnknown(..) => "revocation-unknown",
        PathError::Constraint(_) => "chain-constraint",
        PathError::Purpose(_) => "key-purpose",
        PathError::TooExpensive => "chain-too-expensive",
        _ => "no-chain",
    }
}

/// EN 319 102-1 5.2.6.4: what a failed chain says about the signature.
const fn sub_indication(error: &PathError, proven: bool) -> SubIndication {
    match (error, proven) {
        (PathError::Expired(_), true) => SubIndication::Expired,
        (PathError::Expired(_), false) => SubIndication::OutOfBoundsNoPoe,
        (PathError::NotYetValid(_), _) => SubIndication::NotYetValid,
        (PathError::Revoked { .. }, true) => SubIndication::Revoked,
        (PathError::Revoked { .. }, false) => SubIndication::RevokedNoPoe,
        (PathError::RevocationUnknown(..), _) => SubIndication::TryLater,
        (PathError::Constraint(_) | PathError::Purpose(_), _) => SubIndication::ChainConstraintsFailure,
        (PathError::TooExpensive, _) => SubIndication::CertificateChainGeneralFailure,
        _ => SubIndication::NoCertificateChainFound,
    }
}

fn check(
    algorithm: AlgorithmIdentifierRef<'_>,
    key: SubjectPublicKeyInfoRef<'_>,
    message: &[u8],
    signature: &[u8],
) -> bool {
    match (algorithm.to_der(), key.to_der()) {
        (Ok(algorithm), Ok(key)) => verify_signed(&key, &algorithm, message, signature).is_ok(),
        _ => false,
    }
}

/// `revocation` speaks of the first certificates.
fn describe_all(
    chain: &[x509_cert::Certificate],
    revocation: &[Status],
    evidence: &Evidence,
) -> Vec<CertificateReport> {
    let mut all = Vec::new();
    for (n, certificate) in chain.iter().enumerate() {
        let read = certificate.to_der().ok().and_then(|der| {
            let stand_in = evidence.stand_ins.iter().find(|s| s.der == der);
            Certificate::from_der(stand_in.map_or(&der, |s| &s.original)).ok()
        });
        all.extend(read.map(|c| CertificateReport {
            revocation: revocation.get(n).and_then(|status| revocation_report(status, evidence)),
            ..describe(&c)
        }));
    }
    all
}

/// What the reports tell of a certificate.
pub(super) fn describe(certificate: &Certificate) -> CertificateReport {
    let summary = certificate.summary();
    CertificateReport {
        subject: summary.subject,
        issuer: summary.issuer,
        common_name: summary.common_name,
        serial: summary.serial,
        not_before: summary.not_before,
        not_after: summary.not_after,
        sha256: hex::encode(certificate.fingerprint()),
        revocation: None,
        der: certificate.der().to_vec(),
    }
}
