//! Time stamps: of a signature value and of the document (RFC 3161, EN 319 142-1 5.3 and 5.4.3).

use super::evidence::Evidence;
use super::finding::{Finding, Subject};
use super::report::{Indication, SubIndication, TimestampReport};
use super::trust::{self, Question};
use crate::cms::Content;
use crate::tsp::{Token, TokenError};
use crate::x509::Certificate;
use crate::x509::path::Purpose;
use crate::x509::signature::SignatureError;
use hufu_api::UnixTime;

/// What a token stamps: its own bytes are hashed already, or are to be.
pub(super) enum Stamped<'a> {
    /// A signature's octets.
    Bytes(&'a [u8]),
    /// The document; whether the imprint is its digest was found out before.
    Document(bool),
}

/// What the clocks of authorities, and this one, may differ by, in milliseconds.
const TOLERANCE: i64 = 300_000;

fn is_future(stamped: UnixTime, now: UnixTime) -> bool {
    stamped > now.plus_millis(TOLERANCE)
}

/// A stamp over another, earlier one cannot be of an earlier time (EN 319 102-1 5.5.4 and 5.6.3).
pub(super) fn out_of_order(inner: UnixTime, over_it: UnixTime) -> bool {
    over_it.plus_millis(TOLERANCE) < inner
}

/// Judges a token. Its chain is asked for at the time that it certifies.
pub(super) fn judge(
    token: &Token,
    stamped: &Stamped<'_>,
    evidence: &Evidence,
    question: Question<'_>,
) -> TimestampReport {
    let data = &token.signed_data;
    let evidence = evidence.with_carried(&data.certificates, &data.crls, &data.ocsp_responses);
    let outcome = match stamped {
        Stamped::Bytes(bytes) => {
            token.verify_within(Content::Pieces(&[bytes]), &evidence.certificates, question.work)
        }
        Stamped::Document(true) => token.verify_signature_within(&evidence.certificates, question.work),
        Stamped::Document(false) => Err(TokenError::OtherData),
    };
    let mut report = TimestampReport {
        time: token.info.time,
        verified: false,
        indication: Indication::Indeterminate,
        sub_indication: None,
        chain: Vec::new(),
        findings: Vec::new(),
    };
    let verified = match outcome {
        Ok(verified) => verified,
        Err(error) => {
            let (indication, sub) = match error {
                TokenError::OtherData => (Indication::TotalFailed, SubIndication::HashFailure),
                TokenError::Signer(crate::cms::SignerError::NoCertificate) => {
                    (Indication::Indeterminate, SubIndication::NoSigningCertificateFound)
                }
                TokenError::Signer(crate::cms::SignerError::Signature(SignatureError::TooMuchWork)) => {
                    (Indication::Indeterminate, SubIndication::SigConstraintsFailure)
                }
                TokenError::Signer(_) => (Indication::TotalFailed, SubIndication::SigCryptoFailure),
                TokenError::NotATsa => (Indication::Indeterminate, SubIndication::ChainConstraintsFailure),
                _ => (Indication::TotalFailed, SubIndication::FormatFailure),
            };
            report.indication = indication;
            report.sub_indication = Some(sub);
            report.findings.push(Finding::failure(Subject::Time, "timestamp-invalid", error.to_string()));
            return report;
        }
    };
    if is_future(token.info.time, question.now) {
        let detail = "the time stamp is of a time that has not come yet: it proves nothing";
        report.chain = vec![trust::describe(&verified.signer.certificate)];
        report.sub_indication = Some(SubIndication::TimestampOrderFailure);
        report.findings.push(Finding::failure(Subject::Time, "timestamp-in-future", detail));
        return report;
    }
    let mut weak = false;
    for finding in &verified.findings {
        weak |= is_weak(finding);
        report.findings.push(Finding::info(Subject::Time, "timestamp-note", finding.to_string()));
    }
    let certificate: &Certificate = &verified.signer.certificate;
    let question = Question { at: token.info.time, proven: true, purpose: Purpose::TimeStamping, ..question };
    let answer = trust::ask(certificate, &evidence, question);
    weak |= answer.weak;
    report.chain = answer.chain;
    report.findings.extend(answer.findings);
    report.sub_indication = answer.problem;
    report.verified = answer.problem.is_none();
    if report.verified && weak {
        report.sub_indication = Some(SubIndication::CryptoConstraintsFailure);
    } else if report.verified {
        report.indication = Indication::TotalPassed;
    }
    report
}

const fn is_weak(finding: &crate::tsp::TokenFinding) -> bool {
    matches!(
        finding,
        crate::tsp::TokenFinding::BrokenImprint(_)
            | crate::tsp::TokenFinding::Signature(crate::cms::Finding::Weak(_))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_come_and_times_before_what_is_stamped_prove_nothing() {
        let at = UnixTime::from_seconds;
        assert!(is_future(at(2_000), at(1_000)) && !is_future(at(1_200), at(1_000)));
        assert!(out_of_order(at(2_000), at(1_000)));
        assert!(!out_of_order(at(1_200), at(1_000)) && !out_of_order(at(1_000), at(9_000)));
    }
}
