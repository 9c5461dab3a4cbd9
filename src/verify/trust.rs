//! Chains: whom a certificate leads to, and what that means for the verdict (EN 319 102-1 5.2.6).

use super::finding::{Finding, Subject};
use super::report::{CertificateReport, SubIndication};
use crate::pdf::syntax::{Object, View};
use crate::x509::Certificate;
use crate::x509::path::{
    self, Crl, Ocsp, PathError, PolicyInputs, Purpose, Request, RevocationPolicy, Status, TrustStore,
};
use crate::x509::signature::verify_signed;
use der::{Decode, Encode};
use hufu_api::UnixTime;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

/// Certificates, CRLs and OCSP responses of one file that are read, at most each.
const MAX_ITEMS: usize = 300;
/// Decoded bytes of one certificate or OCSP response, of one CRL, and of all of them, at most.
const MAX_SMALL: usize = 64 << 10;
const MAX_CRL: usize = 8 << 20;
const MAX_TOTAL: usize = 24 << 20;

/// Certificates and revocation data at hand.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    pub certificates: Vec<Vec<u8>>,
    pub crls: Vec<Vec<u8>>,
    pub ocsp: Vec<Vec<u8>>,
}

impl Evidence {
    /// What the document security store holds (EN 319 142-1 5.4.2).
    pub(super) fn of_dss(view: View<'_, '_>) -> Self {
        let mut out = Self::default();
        let Ok(catalog) = view.catalog() else { return out };
        let Ok(Some(dss)) = view.get_dict(&catalog, "DSS") else { return out };
        let mut left = MAX_TOTAL;
        let lists = [
            ("Certs", &mut out.certificates, MAX_SMALL),
            ("CRLs", &mut out.crls, MAX_CRL),
            ("OCSPs", &mut out.ocsp, MAX_SMALL),
        ];
        for (key, list, most) in lists {
            for item in view.get_array(&dss, key).unwrap_or_default().iter().take(MAX_ITEMS) {
                let Ok(Object::Stream(stream)) = view.resolve(item) else { continue };
                let Ok(data) = view.document().decode(&stream, most.min(left)) else { continue };
                left = left.saturating_sub(data.len());
                list.push(data.into_owned());
            }
        }
        out
    }

    /// This and more.
    pub(super) fn with(&self, certificates: &[Vec<u8>], crls: &[Vec<u8>], ocsp: &[Vec<u8>]) -> Self {
        let mut all = self.clone();
        for (list, more) in
            [(&mut all.certificates, certificates), (&mut all.crls, crls), (&mut all.ocsp, ocsp)]
        {
            for item in more {
                if list.len() < MAX_ITEMS && !list.contains(item) {
                    list.push(item.clone());
                }
            }
        }
        all
    }
}

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
}

/// The answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub chain: Vec<CertificateReport>,
    pub problem: Option<SubIndication>,
    pub findings: Vec<Finding>,
}

/// Builds and judges the chain of `leaf`.
pub(super) fn ask(leaf: &Certificate, evidence: &Evidence, question: Question<'_>) -> Answer {
    let own = |certificate: &Certificate| vec![describe(certificate)];
    let read = match x509_cert::Certificate::from_der(leaf.der()) {
        Ok(read) => read,
        Err(error) => {
            let detail = format!("the signer's certificate is not as RFC 5280 has it: {error}");
            return Answer {
                chain: own(leaf),
                problem: Some(SubIndication::CertificateChainGeneralFailure),
                findings: vec![Finding::warning(Subject::Trust, "certificate-form", detail)],
            };
        }
    };
    let mut pool: Vec<_> =
        evidence.certificates.iter().filter_map(|der| x509_cert::Certificate::from_der(der).ok()).collect();
    let ocsp: Vec<_> = evidence.ocsp.iter().filter_map(|der| Ocsp::from_der(der).ok()).collect();
    let crls: Vec<_> = evidence.crls.iter().filter_map(|der| Crl::from_der(der).ok()).collect();
    pool.extend(ocsp.iter().flat_map(|o| o.certificates().iter().take(8).cloned()));
    pool.truncate(MAX_ITEMS);
    let request = Request {
        store: question.store,
        pool: &pool,
        crls: &crls,
        ocsp: &ocsp,
        at: question.at,
        now: question.now,
        purpose: question.purpose,
        revocation: question.revocation,
        policies: PolicyInputs::default(),
        check,
    };
    match path::validate(&read, &request) {
        Ok(path) => Answer {
            findings: unknown_revocation(&path),
            problem: path
                .revocation
                .iter()
                .any(|s| matches!(s, Status::Unknown(_)) && question.revocation == RevocationPolicy::Require)
                .then_some(SubIndication::TryLater),
            chain: describe_all(&path.chain),
        },
        Err(failure) => Answer {
            chain: describe_all(&failure.chain),
            findings: vec![Finding::warning(Subject::Trust, code(&failure.error), failure.error.to_string())],
            problem: Some(sub_indication(&failure.error, question.proven)),
        },
    }
}

fn unknown_revocation(path: &path::Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (status, certificate) in path.revocation.iter().zip(&path.chain) {
        let subject = certificate.tbs_certificate.subject.to_string();
        match status {
            Status::Unknown(why) => {
                let detail = format!("revocation of {subject} is not known: {why}");
                findings.push(Finding::info(Subject::Trust, "revocation-unknown", detail));
            }
            Status::RevokedLater(since) => {
                let detail = format!("{subject} was revoked later, at {} s since 1970", since.seconds());
                findings.push(Finding::info(Subject::Trust, "revoked-later", detail));
            }
            _ => {}
        }
    }
    findings
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

fn describe_all(chain: &[x509_cert::Certificate]) -> Vec<CertificateReport> {
    chain.iter().filter_map(|c| Certificate::from_der(&c.to_der().ok()?).ok()).map(|c| describe(&c)).collect()
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
        der: certificate.der().to_vec(),
    }
}
