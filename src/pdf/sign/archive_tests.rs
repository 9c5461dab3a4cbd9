//! PDF/A stays PDF/A and tagged files stay tagged, judged by veraPDF.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

use super::testing::{request, seal, signed};
use super::{EmptyField, SignatureRequest};
use crate::pdf::appearance::Mark;
use crate::pdf::place::{Anchor, Placement, Point, field_place, resolve};
use crate::pdf::syntax::Document;
use crate::seal::{Caption, FormImage, PrintGlyph, SealForm};
use crate::x509::testing::{Folder, judge};
use std::io::Write;
use std::path::PathBuf;

/// A picture that lets the page shine through, as uploaded seals do.
fn picture() -> SealForm {
    let flate = |bytes: &[u8]| {
        let mut z = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        z.write_all(bytes).unwrap();
        z.finish().unwrap()
    };
    let alpha: Vec<u8> = (0..64).map(|i| i * 4).collect();
    let image = FormImage {
        width: 8,
        height: 8,
        rgb_flate: flate(&[200, 10, 10].repeat(64)),
        alpha_flate: Some(flate(&alpha)),
    };
    SealForm {
        width: 80.0,
        height: 80.0,
        content: b"q\n80 0 0 80 0 0 cm\n/Im0 Do\nQ\n".to_vec().into(),
        image: Some(image),
    }
}

fn caption() -> Caption {
    let square =
        PrintGlyph { advance: 600, ink: [0, 0, 500, 700], path: "0 0 m 500 0 l 500 700 l h\n".into() };
    let blank = PrintGlyph { advance: 300, ink: [0; 4], path: String::new() };
    Caption {
        width: 60.0,
        height: 8.75,
        size: 7.0,
        colour: [0.0; 3],
        lines: vec![(2.0, 2.0, "1 2".into())],
        glyphs: [('1', square.clone()), ('2', square), (' ', blank)].into(),
    }
}

/// Each way to sign one file.
fn ways(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let (drawn, picture, caption) = (seal(), picture(), caption());
    let sign = |bytes: &[u8], mark: Mark<'_>, placement: &Placement, later: bool| {
        let document = Document::open_to_sign(bytes).unwrap();
        let places = resolve(&document, placement, &mark, Anchor::LowerLeft).unwrap();
        let empty = field_place(&document, &Point { page: 1, x: 400.0, y: 50.0 }, (90.0, 60.0)).unwrap();
        let later_fields = if later { vec![EmptyField { name: "later", place: empty }] } else { Vec::new() };
        let mut entropy = [7; 32];
        entropy[..8].copy_from_slice(&bytes.len().to_be_bytes());
        let request = SignatureRequest { places, mark: Some(mark), later_fields, entropy, ..request() };
        [bytes, signed(bytes, &request).unwrap().tail()].concat()
    };
    let at = |x, y| Placement::At(vec![Point { page: 1, x, y }]);
    let plain = Mark { seal: &drawn, caption: None };
    let invisible = sign(bytes, plain, &Placement::Invisible, false);
    let visible = sign(bytes, Mark { seal: &drawn, caption: Some(&caption) }, &at(100.0, 100.0), true);
    let uploaded = sign(bytes, Mark { seal: &picture, caption: None }, &at(100.0, 100.0), false);
    let again = sign(&visible, plain, &at(300.0, 300.0), false);
    vec![("invisible", invisible), ("visible", visible), ("picture", uploaded), ("twice", again)]
}

/// Files that the typesetter makes: every part of PDF/A, and PDF/UA.
fn made(folder: &Folder) -> Vec<PathBuf> {
    let run = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judges/typeset");
    let Some(output) = judge(folder.path(), run, &["in"]) else { return Vec::new() };
    if !output.status.success() {
        println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
        return Vec::new();
    }
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|name| folder.path().join("in").join(name))
        .collect()
}

#[test]
fn archived_and_tagged_files_stay_what_they_are() {
    let folder = Folder::new();
    let mut inputs = made(&folder);
    if let Some(corpora) = std::env::var_os("HUFU_CORPORA") {
        let known = ["laravel-a1/tests/Resources/pdfa-1b.pdf", "laravel-a1/tests/Resources/pdfa-2b.pdf"];
        inputs.extend(known.iter().map(|name| PathBuf::from(&corpora).join(name)));
    }
    let mut files = Vec::new();
    for (n, path) in inputs.iter().enumerate() {
        let bytes = std::fs::read(path).unwrap();
        for (way, out) in ways(&bytes) {
            // Who signs later leaves the structure alone, which PDF/UA does not forgive.
            if way == "twice" && path.ends_with("ua-1.pdf") {
                continue;
            }
            let name = format!("{n}-{}-{way}.pdf", path.file_stem().unwrap().to_str().unwrap());
            folder.write(&name, &out);
            files.push(name);
        }
    }
    let run = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judges/pdfa/run");
    let names: Vec<&str> = files.iter().map(String::as_str).collect();
    let Some(output) = judge(folder.path(), run, &names) else { return };
    if output.status.code() == Some(3) || files.is_empty() {
        println!("skipped: veraPDF or the typesetter is not to be had");
        return;
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let judged: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(judged.len(), files.len(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let bad: Vec<_> = judged.iter().filter(|row| row[2] != "true").collect();
    assert!(bad.is_empty(), "{bad:#?}");
    println!("{} signed files keep their conformance", judged.len());
}
