//! Every PDF of the corpora is signed correctly or refused cleanly, with qpdf as the judge.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

use super::SignError;
use super::testing::{request, sign_placed};
use crate::x509::testing::{Folder, judge};
use std::path::PathBuf;

/// qpdf's exit status: 0 clean, 3 warnings, 2 errors; `None` if it asks for a password.
fn check(folder: &Folder, bytes: &[u8]) -> Option<i32> {
    folder.write("x.pdf", bytes);
    let output = judge(folder.path(), "qpdf", &["--check", "x.pdf"])?;
    let text = String::from_utf8_lossy(&output.stderr);
    if text.contains("invalid password") { None } else { output.status.code() }
}

/// `HUFU_SIGNED_DIR` keeps what was signed, for other judges.
fn keep(name: &str, verdict: Option<i32>, bytes: &[u8]) -> Option<i32> {
    if let Some(folder) = std::env::var_os("HUFU_SIGNED_DIR") {
        std::fs::write(PathBuf::from(folder).join(name.replace('/', "_")), bytes).unwrap();
    }
    verdict
}

/// A file in which qpdf finds no page has nothing to sign.
fn has_pages(folder: &Folder, bytes: &[u8]) -> bool {
    folder.write("x.pdf", bytes);
    judge(folder.path(), "qpdf", &["--show-npages", "x.pdf"]).is_some_and(|o| o.stdout.trim_ascii() != b"0")
}

fn files() -> Option<Vec<PathBuf>> {
    let Some(corpora) = std::env::var_os("HUFU_CORPORA") else {
        println!("skipped: HUFU_CORPORA is not set");
        return None;
    };
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(corpora)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|e| e == "pdf") => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    Some(files)
}

#[test]
fn every_file_is_signed_or_refused() {
    let Some(files) = files() else { return };
    let folder = Folder::new();
    if judge(folder.path(), "qpdf", &["--version"]).is_none() {
        return;
    }
    let (mut opens, mut signed, mut policy, mut worse) = (0, 0, 0, Vec::new());
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        let Some(before) = check(&folder, &bytes).filter(|s| [0, 3].contains(s)) else { continue };
        if !has_pages(&folder, &bytes) {
            continue;
        }
        opens += 1;
        let name = path.strip_prefix(std::env::var_os("HUFU_CORPORA").unwrap()).unwrap().display();
        match sign_placed(&bytes, &[], request()) {
            Ok(out) => match keep(&name.to_string(), check(&folder, &out), &out) {
                Some(after) if after <= before => signed += 1,
                after => worse.push(format!("{name}: qpdf {before}, then {after:?}")),
            },
            // What the file itself forbids is not ours to overrule.
            Err(e @ (SignError::Certified | SignError::Permissions | SignError::DynamicXfa)) => {
                policy += 1;
                println!("policy {name}: {e}");
            }
            Err(e) => println!("refused {name}: {e}"),
        }
    }
    println!("{opens} open in qpdf, {signed} signed, {policy} forbid it themselves");
    assert!(worse.is_empty(), "{worse:#?}");
    assert!((signed + policy) * 100 >= opens * 98, "{signed} of {opens} signed");
}
