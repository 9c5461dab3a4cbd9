//! The readable form of a report, for terminals and logs.

use super::report::{
    Change, Indication, Permission, Report, SignatureKind, SignatureReport, SubIndication, TimeSource,
};
use super::visible::visible;
use hufu_api::UnixTime;
use std::fmt::Write as _;
use time::OffsetDateTime;
use time::macros::format_description;

/// The report as plain text, one block per signature. Everything that comes from the document is made visible first.
pub fn render_text(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{} bytes, SHA-256 {}", report.length, report.sha256);
    let _ = writeln!(out, "judged at {}", when(report.validation_time));
    if report.signatures.is_empty() {
        let _ = writeln!(out, "no signature");
    }
    for finding in &report.findings {
        line(&mut out, "  ", finding);
    }
    for (n, revision) in report.revisions.iter().enumerate().filter(|(_, r)| !r.changes.is_empty()) {
        let _ = writeln!(out, "revision {}: bytes {}..{}", n + 1, revision.start, revision.end);
        revision.changes.iter().for_each(|c| change_line(&mut out, c));
    }
    for (n, signature) in report.signatures.iter().enumerate() {
        block(&mut out, n + 1, signature);
    }
    out
}

fn block(out: &mut String, number: usize, s: &SignatureReport) {
    let kind = match s.kind {
        SignatureKind::Approval => "signature",
        SignatureKind::Certification => "certification",
        SignatureKind::DocumentTimestamp => "document time stamp",
    };
    let _ = writeln!(out, "\n#{number} {kind} by {}", visible(&s.sign_name));
    let _ = writeln!(out, "  verdict   {}{}", name(s.indication), s.sub_indication.map_or("", sub_name));
    let _ = writeln!(
        out,
        "  modified  {}",
        if s.valid_modify { "no" } else { "YES, or not provably unmodified" }
    );
    let _ = writeln!(out, "  trusted   {}", if s.trusted { "yes" } else { "no" });
    if let Some(date) = s.sign_date {
        let source = match date.source {
            TimeSource::Timestamp => "proven by a time stamp",
            TimeSource::SigningTimeAttribute => "claimed in the signature",
            TimeSource::DictionaryM => "claimed in the document",
        };
        let _ = writeln!(out, "  time      {} ({source})", when(date.time));
    }
    for place in &s.places {
        let page = place.page.map_or_else(String::new, |p| format!(", page {p}"));
        let _ = writeln!(out, "  field     {}{page}", visible(&place.field));
    }
    for certificate in &s.chain {
        let _ =
            writeln!(out, "  chain     {} (serial {})", visible(&certificate.subject), certificate.serial);
    }
    if let Some(stamp) = &s.timestamp {
        let verdict = if stamp.verified { "verified" } else { "not verified" };
        let _ = writeln!(out, "  stamp     {} {verdict}", when(stamp.time));
        stamp.findings.iter().for_each(|f| line(out, "    ", f));
    }
    for bytes in &s.unsigned_bytes {
        let _ = writeln!(out, "  unsigned  bytes {}..{}", bytes.start, bytes.end);
    }
    s.changes.iter().for_each(|c| change_line(out, c));
    s.findings.iter().for_each(|f| line(out, "  ", f));
}

fn change_line(out: &mut String, change: &Change) {
    let mark = if change.permission == Permission::Permitted { "permitted" } else { "FORBIDDEN" };
    let attack = change.attack.map_or_else(String::new, |a| format!(" [{a}]"));
    let page = change.page.map_or_else(String::new, |p| format!(" (page {p})"));
    let _ = writeln!(
        out,
        "  change    {mark} {}{page}: {}{attack}",
        visible(&change.path),
        visible(&change.reason)
    );
}

fn line(out: &mut String, indent: &str, finding: &super::finding::Finding) {
    use super::finding::Severity;
    let weight = match finding.severity {
        Severity::Info => "note",
        Severity::Warning => "warning",
        Severity::Failure => "FAILURE",
    };
    let attack = finding.attack.map_or_else(String::new, |a| format!(" [{a}]"));
    let _ = writeln!(out, "{indent}{weight} {}: {}{attack}", finding.code, visible(&finding.detail));
}

fn when(time: UnixTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    OffsetDateTime::from_unix_timestamp(time.seconds())
        .ok()
        .and_then(|t| t.format(&format).ok())
        .unwrap_or_else(|| format!("{} ms", time.millis()))
}

const fn name(indication: Indication) -> &'static str {
    match indication {
        Indication::TotalPassed => "TOTAL-PASSED",
        Indication::TotalFailed => "TOTAL-FAILED",
        Indication::Indeterminate => "INDETERMINATE",
    }
}

const fn sub_name(sub: SubIndication) -> &'static str {
    match sub {
        SubIndication::FormatFailure => " / FORMAT_FAILURE",
        SubIndication::HashFailure => " / HASH_FAILURE",
        SubIndication::SigCryptoFailure => " / SIG_CRYPTO_FAILURE",
        SubIndication::Revoked => " / REVOKED",
        SubIndication::Expired => " / EXPIRED",
        SubIndication::NotYetValid => " / NOT_YET_VALID",
        SubIndication::SigConstraintsFailure => " / SIG_CONSTRAINTS_FAILURE",
        SubIndication::ChainConstraintsFailure => " / CHAIN_CONSTRAINTS_FAILURE",
        SubIndication::CertificateChainGeneralFailure => " / CERTIFICATE_CHAIN_GENERAL_FAILURE",
        SubIndication::CryptoConstraintsFailure => " / CRYPTO_CONSTRAINTS_FAILURE",
        SubIndication::NoCertificateChainFound => " / NO_CERTIFICATE_CHAIN_FOUND",
        SubIndication::NoSigningCertificateFound => " / NO_SIGNING_CERTIFICATE_FOUND",
        SubIndication::TryLater => " / TRY_LATER",
        SubIndication::RevokedNoPoe => " / REVOKED_NO_POE",
        SubIndication::OutOfBoundsNoPoe => " / OUT_OF_BOUNDS_NO_POE",
        SubIndication::TimestampOrderFailure => " / TIMESTAMP_ORDER_FAILURE",
        SubIndication::SignedDataNotFound => " / SIGNED_DATA_NOT_FOUND",
    }
}
