//! Judging a file with the status of certificates that others tell, where the file itself does not.

use crate::verify::{Finding, Options, Report, Subject, VerifyError, verify};
use crate::x509::path::TrustStore;
use hufu_api::{ChannelError, Der, Statement, UnixTime};

/// Certificates of one file whose status is looked up, at most.
const MOST: usize = 8;

/// Judges `bytes`; when nothing in the file decides about a certificate of a trusted chain, `look_up` is asked with it and its
/// issuer, and the file is judged again with the answers. What was asked in vain is in the report's findings.
///
/// # Errors
/// When the file cannot be read.
pub fn judge_with(
    bytes: &[u8],
    store: &TrustStore,
    now: UnixTime,
    mut look_up: impl FnMut(&Der, &Der) -> Result<Option<Statement>, ChannelError>,
) -> Result<Report, VerifyError> {
    let mut report = verify(bytes, store, &Options::at(now))?;
    let (mut statements, mut findings) = (Vec::new(), Vec::new());
    for (certificate, issuer) in report.undecided().into_iter().take(MOST) {
        match look_up(&Der(certificate.to_vec()), &Der(issuer.to_vec())) {
            Ok(statement) => statements.extend(statement),
            Err(error) => {
                let detail = format!("the status of a certificate could not be looked up: {error}");
                findings.push(Finding::info(Subject::Trust, "status-not-to-be-had", detail));
            }
        }
    }
    if !statements.is_empty() {
        report = verify(bytes, store, &Options { statements: &statements, ..Options::at(now) })?;
    }
    report.findings.extend(findings);
    Ok(report)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::pdf::sign::testing::{document, sign_at, signer};
    use crate::verify::{Origin, RevocationStatus, SubIndication};
    use crate::x509::Revoked;
    use crate::x509::testing::{crl, now};
    use hufu_api::{RevocationReason, StatusProof};

    fn world() -> (Vec<u8>, TrustStore) {
        let mut store = TrustStore::new();
        store.add_der(signer().0.root.certificate.der()).unwrap();
        (sign_at(&document(1, "", ""), &[(1, 100.0, 100.0)]).unwrap(), store)
    }

    fn lists(revoked: &[Revoked]) -> impl FnMut(&Der, &Der) -> Result<Option<Statement>, ChannelError> {
        let pki = &signer().0;
        let both = [(&pki.ca, crl(&pki.ca, revoked)), (&pki.root, crl(&pki.root, &[]))]
            .map(|(ca, list)| (Der(ca.certificate.der().to_vec()), list));
        move |_, issuer| {
            let list = both.iter().find(|(ca, _)| ca == issuer).map(|(_, list)| Der(list.clone()));
            Ok(list
                .map(|list| Statement { proof: StatusProof::Crl(list), from: "http://crl.example/".into() }))
        }
    }

    #[test]
    fn what_the_file_does_not_decide_is_asked_and_the_report_says_who_told_it() {
        let (file, store) = world();
        let mut asked = 0;
        let report = judge_with(&file, &store, now(), |_, _| {
            asked += 1;
            Ok(None)
        })
        .unwrap();
        let unknown = |c: &crate::verify::CertificateReport| c.revocation.as_ref().unwrap().status;
        assert_eq!(asked, 2, "signer and issuing CA, not the anchor");
        assert_eq!(unknown(&report.signatures[0].chain[0]), RevocationStatus::Unknown);
        let report = judge_with(&file, &store, now(), lists(&[])).unwrap();
        let known = report.signatures[0].chain[0].revocation.clone().unwrap();
        assert_eq!(known.status, RevocationStatus::Good);
        assert_eq!(known.origin, Some(Origin::Outside("http://crl.example/".into())));
        let told = report.signatures[0].findings.iter().find(|f| f.code == "not-revoked").unwrap();
        assert!(told.detail.contains("a revocation list from http://crl.example/"), "{}", told.detail);
        assert!(report.passed());
    }

    #[test]
    fn a_signer_revoked_elsewhere_is_not_trusted_and_the_file_is_not_modified() {
        let (file, store) = world();
        let serial = signer().1.certificate.serial.clone();
        let (at, reason) = (now().plus_millis(-60_000), RevocationReason::KeyCompromise);
        let revoked = [Revoked { serial, at, reason }];
        let report = judge_with(&file, &store, now(), lists(&revoked)).unwrap();
        let signature = &report.signatures[0];
        assert!(signature.valid_modify && !signature.trusted);
        assert_eq!(signature.sub_indication, Some(SubIndication::RevokedNoPoe));
        let told = signature.findings.iter().find(|f| f.code == "certificate-revoked").unwrap();
        assert!(told.detail.contains("from http://crl.example/"), "{}", told.detail);
    }

    #[test]
    fn whoever_cannot_be_asked_is_named_and_changes_nothing() {
        let (file, store) = world();
        let report =
            judge_with(&file, &store, now(), |_, _| Err(ChannelError::Unavailable("no answer".into())))
                .unwrap();
        assert!(
            report
                .findings
                .iter()
                .any(|f| f.code == "status-not-to-be-had" && f.detail.contains("no answer"))
        );
        assert!(report.unmodified());
    }
}
