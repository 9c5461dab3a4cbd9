#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout
)]
//! The public files of `HUFU_CORPORA`, judged and compared with their catalogue.

use super::{Options, Permission, Severity, verify};
use crate::x509::path::TrustStore;
use hufu_api::UnixTime;
use std::path::PathBuf;
use std::time::Instant;

/// 2026-01-01
const NOW: UnixTime = UnixTime::from_seconds(1_767_225_600);

/// Honest files that are refused, each with its reason; docs/VALIDATION.md explains them.
const REFUSED: [(&str, &str); 2] = [
    ("pyhanko/ed448-shake256-nolen.pdf", "Ed448 is not supported: no kept library verifies it"),
    ("node-signpdf/resources/with-placeholder.pdf", "no signature: a placeholder that waits for one"),
];

struct Row {
    path: String,
    kind: String,
    expected: String,
}

fn catalogue(base: &std::path::Path) -> Vec<Row> {
    let text = std::fs::read_to_string(base.join("catalogue.tsv")).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            Row { path: cells[1].into(), kind: cells[2].into(), expected: cells[3].into() }
        })
        .collect()
}

/// `Some(true)`: every signature intact and the file unmodified.
fn verdict(bytes: &[u8]) -> (Option<bool>, String) {
    match verify(bytes, &TrustStore::new(), &Options::at(NOW)) {
        Err(error) => (None, error.to_string()),
        Ok(report) => {
            let mut why = String::new();
            for signature in report.signatures.iter().filter(|s| !s.valid_modify) {
                for finding in signature.findings.iter().filter(|f| f.severity == Severity::Failure) {
                    why.push_str(&format!(" [{}: {}]", finding.code, finding.detail));
                }
                for change in signature.changes.iter().filter(|c| c.permission == Permission::Forbidden) {
                    why.push_str(&format!(" <{} {}: {:?}>", change.path, change.reason, change.attack));
                }
            }
            if report.signatures.is_empty() {
                return (None, "no signature".into());
            }
            (Some(report.unmodified()), why)
        }
    }
}

#[test]
fn verdicts_are_those_of_the_catalogue() {
    let Some(corpora) = std::env::var_os("HUFU_CORPORA") else {
        eprintln!("skipped: HUFU_CORPORA is not set");
        return;
    };
    let base = PathBuf::from(corpora);
    let (mut false_accepts, mut false_rejects) = (Vec::new(), Vec::new());
    for row in catalogue(&base) {
        let good = matches!(row.expected.as_str(), "VALID" | "UNTRUSTED" | "ALLOWED_CHANGE" | "SIGNED_OK?");
        let bad =
            row.expected.contains("MODIFIED") || row.expected.contains("INVALID") || row.expected == "ERROR";
        if !row.path.ends_with(".pdf") || !row.kind.starts_with("signed") && !row.kind.starts_with("attack") {
            continue;
        }
        let bytes = std::fs::read(base.join(&row.path)).unwrap();
        let begun = Instant::now();
        let (accepted, why) = verdict(&bytes);
        println!(
            "{:>6} ms {:<16} {accepted:<13?} {} {why}",
            begun.elapsed().as_millis(),
            row.expected,
            row.path
        );
        if bad && accepted == Some(true) {
            false_accepts.push(row.path);
        } else if good && accepted != Some(true) && !REFUSED.iter().any(|(path, _)| *path == row.path) {
            false_rejects.push(format!("{}{why}", row.path));
        }
    }
    assert!(false_accepts.is_empty(), "accepted although bad: {false_accepts:#?}");
    assert!(false_rejects.is_empty(), "refused although good: {false_rejects:#?}");
}

/// Every PDF of the corpora, whatever it is, gets an answer without a panic, and in bounded time.
#[test]
fn every_file_is_answered() {
    let Some(corpora) = std::env::var_os("HUFU_CORPORA") else {
        eprintln!("skipped: HUFU_CORPORA is not set");
        return;
    };
    let base = PathBuf::from(corpora);
    let mut slow = Vec::new();
    for row in catalogue(&base).iter().filter(|r| r.path.ends_with(".pdf")) {
        let bytes = std::fs::read(base.join(&row.path)).unwrap();
        let begun = Instant::now();
        let (accepted, why) = verdict(&bytes);
        let took = begun.elapsed().as_millis();
        if took > 50 {
            slow.push(format!("{took} ms {}", row.path));
        }
        if accepted.is_none() && row.kind.contains("sig") {
            println!("{} {} {why}", row.path, row.kind);
        }
    }
    println!("slower than 50 ms in this build: {slow:#?}");
}
