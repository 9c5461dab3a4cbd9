//! Every signature of the public corpora that pyHanko could judge: is the CMS good for the bytes that ByteRange names? The PDFs
//! are read crudely here, since only the cryptography is under test; what a document shows is `verify`'s subject.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]
#![allow(clippy::string_slice)]

use super::*;
use crate::tsp::Token;
use crate::x509::signature::Work;
use std::path::PathBuf;

/// A signature dictionary, found by its ByteRange.
struct Found<'a> {
    pieces: [&'a [u8]; 2],
    contents: Vec<u8>,
}

fn signatures(pdf: &[u8]) -> Vec<Found<'_>> {
    let mut found: Vec<Found<'_>> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (at, _) in pdf.windows(10).enumerate().filter(|(_, w)| *w == b"/ByteRange") {
        let text = String::from_utf8_lossy(&pdf[at + 10..(at + 120).min(pdf.len())]).into_owned();
        let Some((_, rest)) = text.split_once('[') else { continue };
        let Some((inside, _)) = rest.split_once(']') else { continue };
        let numbers: Vec<usize> = inside.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        let [a, b, c, d] = numbers[..] else { continue };
        let (Some(left), Some(right), Some(gap)) = (pdf.get(a..a + b), pdf.get(c..c + d), pdf.get(a + b..c))
        else {
            continue;
        };
        let hex: Vec<u8> = gap.iter().copied().filter(u8::is_ascii_hexdigit).collect();
        let contents =
            hex.chunks_exact(2).map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap());
        if seen.insert((a, b, c, d)) {
            found.push(Found { pieces: [left, right], contents: contents.collect() });
        }
    }
    found
}

fn judge(found: &Found<'_>) -> Result<String, String> {
    let content = Content::Pieces(&found.pieces);
    let (read, _) = SignedData::from_prefix(&found.contents).map_err(|e| e.to_string())?;
    if read.content_type == oid::TST_INFO {
        let (token, _) = Token::from_prefix(&found.contents).map_err(|e| e.to_string())?;
        return token
            .verify(content, &[])
            .map(|v| format!("{} {:?}", v.signer.scheme, v.findings))
            .map_err(|e| e.to_string());
    }
    if read.content.as_ref().is_some_and(|c| c.len() == 20) {
        return legacy::verify_pkcs7_sha1(&read, content, &Work::new(100))
            .map(|v| format!("{} {:?}", v.scheme, v.findings))
            .map_err(|e| e.to_string());
    }
    let verified = read.verify_single(Some(content), &[]).map_err(|e| e.to_string())?;
    let mut text = format!("{} {:?}", verified.scheme, verified.findings);
    let signer = &read.signers[0];
    for token in signer.unsigned_values(&oid::TIME_STAMP_TOKEN) {
        let token = Token::from_bytes(token).map_err(|e| e.to_string())?;
        let verdict = token.verify(Content::Pieces(&[&signer.signature]), &read.certificates);
        text += &format!(" stamped: {:?}", verdict.map(|v| v.findings).map_err(|e| e.to_string()));
    }
    Ok(text)
}

/// Where the count of good signatures differs from pyHanko's, and why.
const EXPLAINED: [(&str, usize, &str); 7] = [
    ("coverage-anomalies/one-byterange.pdf", 0, "ByteRange of two numbers: not what ISO 32000 allows"),
    ("coverage-anomalies/weird-byterange.pdf", 0, "ByteRange cuts into /Contents"),
    ("ed448-disallowed-hash.pdf", 0, "Ed448 is not supported"),
    ("ed448-shake256-nolen.pdf", 0, "Ed448 is not supported"),
    (
        "ETSI.CAdES.detached/testPAdES_BT.pdf",
        1,
        "the certificate is there and verifies; pyHanko stops at the time stamp's",
    ),
    ("ETSI.CAdES.detached/testPAdES_BLT.pdf", 1, "the same"),
    ("ETSI.CAdES.detached/testPAdES_BLTA.pdf", 1, "the same"),
];

#[test]
fn the_corpora_are_judged_as_pyhanko_does() {
    let Some(corpora) = std::env::var_os("HUFU_CORPORA").map(PathBuf::from) else {
        eprintln!("skipped: HUFU_CORPORA is not set");
        return;
    };
    let catalogue = std::fs::read_to_string(corpora.join("catalogue.tsv")).unwrap();
    let (mut files, mut good, mut differ) = (0, 0, Vec::new());
    for row in catalogue.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (path, pyhanko) = (columns[1], columns[7]);
        if !pyhanko.contains("#1") || pyhanko.contains("tst=F") {
            continue;
        }
        let Ok(pdf) = std::fs::read(corpora.join(path)) else { continue };
        files += 1;
        let expected = pyhanko.matches("intact=T valid=T").count();
        let verdicts: Vec<_> = signatures(&pdf).iter().map(judge).collect();
        let found = verdicts.iter().filter(|v| v.is_ok()).count();
        good += found;
        if EXPLAINED.iter().any(|(name, here, _)| path.ends_with(name) && *here == found) {
            continue;
        }
        if found != expected || std::env::var_os("HUFU_VERBOSE").is_some() {
            differ.push(format!("{path}: pyHanko {expected}, here {found}: {verdicts:#?}"));
        }
    }
    eprintln!("{files} files, {good} good signatures");
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// The literal string after `/Cert`, unescaped (ISO 32000-1 7.3.4.2).
fn certificate(pdf: &[u8]) -> Option<crate::x509::Certificate> {
    let at = pdf.windows(6).position(|w| w == b"/Cert(")? + 6;
    let mut out = Vec::new();
    let mut rest = pdf[at..].iter().copied().peekable();
    let mut open = 1;
    while let Some(byte) = rest.next() {
        match byte {
            b'(' => open += 1,
            b')' if open == 1 => break,
            b')' => open -= 1,
            b'\\' => {
                let escaped = rest.next()?;
                out.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'f' => 12,
                    b'0'..=b'7' => {
                        let mut value = u32::from(escaped - b'0');
                        for _ in 0..2 {
                            let Some(digit) = rest.next_if(|d| (b'0'..=b'7').contains(d)) else { break };
                            value = value * 8 + u32::from(digit - b'0');
                        }
                        u8::try_from(value & 0xff).unwrap()
                    }
                    other => other,
                });
                continue;
            }
            _ => {}
        }
        out.push(byte);
    }
    crate::x509::Certificate::from_der(&out).ok()
}

#[test]
fn signatures_of_the_old_web_capture_form_verify() {
    let Some(corpora) = std::env::var_os("HUFU_CORPORA").map(PathBuf::from) else {
        eprintln!("skipped: HUFU_CORPORA is not set");
        return;
    };
    let mut files: Vec<PathBuf> = (1..=14)
        .map(|n| corpora.join(format!("verify-pdf/test-resources/samples/sample{n:02}.notSupported.pdf")))
        .collect();
    files.push(corpora.join("endesive/examples/pdf-adobe-webcapture-x509.rsa_sha1.pdf"));
    files.push(corpora.join("pdfcpu-sig/pkg/samples/signatures/adbe.x509.rsa_sha1/sample01.pdf"));
    let mut good = 0;
    for path in &files {
        let pdf = std::fs::read(path).unwrap();
        let certificate = certificate(&pdf).unwrap_or_else(|| panic!("{}", path.display()));
        for found in signatures(&pdf) {
            let verdict = legacy::verify_x509_rsa(
                &found.contents,
                &certificate,
                Content::Pieces(&found.pieces),
                &Work::new(100),
            );
            match verdict {
                Ok(verified) => {
                    assert!(!verified.weaknesses.is_empty(), "SHA-1 or a short key goes unnamed");
                    let changed = [found.pieces[0], b"x", found.pieces[1]];
                    let changed = legacy::verify_x509_rsa(
                        &found.contents,
                        &certificate,
                        Content::Pieces(&changed),
                        &Work::new(100),
                    );
                    assert_eq!(changed, Err(crate::x509::signature::SignatureError::Invalid));
                    good += 1;
                }
                Err(error) => eprintln!("{}: {error}", path.display()),
            }
        }
    }
    eprintln!("{good} good signatures in {} files", files.len());
    assert!(good >= files.len());
}
