//! Every PDF of the corpora is signed correctly or refused cleanly, with qpdf as the judge.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

use super::SignError;
use super::testing::{request, sign_at, sign_placed};
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

/// Every PDF below a folder.
fn files(top: PathBuf) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![top];
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
    files
}

/// Width, height and pixels of a page at 72 dpi: one pixel a point.
fn rendered(folder: &Folder, bytes: &[u8], page: u32) -> Option<(usize, usize, Vec<u8>)> {
    folder.write("x.pdf", bytes);
    let page = page.to_string();
    let output =
        judge(folder.path(), "pdftoppm", &["-cropbox", "-r", "72", "-f", &page, "-l", &page, "x.pdf"])?
            .stdout;
    let header = output.split(|b| b.is_ascii_whitespace()).take(4);
    let end: usize = header.clone().map(|word| word.len() + 1).sum();
    let size: Vec<usize> = header.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok()).collect();
    let &[width, height, _] = size.as_slice() else { return None };
    Some((width, height, output.get(end..)?.to_vec()))
}

/// The changed pixels of page 1 lie inside the seal's square of 100 points at 20, 20, within two points.
fn only_the_seal_changed(folder: &Folder, before: &[u8], after: &[u8]) -> Result<(), String> {
    let (Some(old), Some(new)) = (rendered(folder, before, 1), rendered(folder, after, 1)) else {
        return Ok(());
    };
    if (old.0, old.1) != (new.0, new.1) {
        return Err("the page's size changed".into());
    }
    let (width, height) = (new.0, new.1);
    let pixels = old.2.chunks(3).zip(new.2.chunks(3));
    let changed: Vec<(usize, usize)> = pixels
        .enumerate()
        .filter(|(_, (a, b))| a != b)
        .map(|(n, _)| (n % width, height - 1 - n / width))
        .collect();
    let inside = |v: usize| (18..=122).contains(&v);
    match changed.iter().find(|(x, y)| !inside(*x) || !inside(*y)) {
        Some(at) => Err(format!("{at:?} changed")),
        None if changed.len() < 100 => Err(format!("only {} points changed", changed.len())),
        None => Ok(()),
    }
}

/// What generators leave: every file is signed visibly, and only its seal is new on the page.
#[test]
fn odd_files_show_their_seal_and_nothing_else_changes() {
    let folder = Folder::new();
    let python = std::env::var("HUFU_VENV").map_or_else(|_| "python3".into(), |v| format!("{v}/bin/python"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judges/odd_files.py");
    let Some(made) = judge(folder.path(), &python, &[script, "odd"]) else { return };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (mut signed, mut forbidden, mut bad) = (0, Vec::new(), Vec::new());
    for path in files(folder.path().join("odd")) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        match sign_at(&bytes, &[(1, 20.0, 20.0)]) {
            Ok(out) => {
                signed += 1;
                // The renderer knows no /UserUnit, and 200 inches square are too many pixels.
                if ["page-unit", "page-huge"].contains(&name.as_str()) {
                    continue;
                }
                bad.extend(
                    only_the_seal_changed(&folder, &bytes, &out).err().map(|e| format!("{name}: {e}")),
                );
            }
            Err(SignError::Permissions) => forbidden.push(name),
            Err(SignError::Request(e)) if name == "page-tiny" && e.contains("leave the page") => {}
            Err(e) => bad.push(format!("{name}: {e}")),
        }
    }
    println!("{signed} signed, {forbidden:?} forbid it");
    assert!(bad.is_empty(), "{bad:#?}");
    assert!(signed > 120 && forbidden.len() == 2, "{signed}, {forbidden:?}");
}

#[test]
fn every_file_is_signed_or_refused() {
    let Some(corpora) = std::env::var_os("HUFU_CORPORA") else {
        println!("skipped: HUFU_CORPORA is not set");
        return;
    };
    let files = files(PathBuf::from(&corpora));
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
        let name = path.strip_prefix(&corpora).unwrap().display();
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
