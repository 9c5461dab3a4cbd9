//! Hostile inputs are refused (or read) quickly and in bounded memory; nothing aborts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

use super::inspect::inspect;
use super::*;
use std::io::Write;

fn file(objects: &[(usize, Vec<u8>)], trailer: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut rows = String::new();
    for (number, body) in objects {
        rows += &format!("{number} 1\n{:010} 00000 n \n", out.len());
        out.extend(format!("{number} 0 obj\n").bytes());
        out.extend(body);
        out.extend(b"\nendobj\n");
    }
    let at = out.len();
    out.extend(
        format!("xref\n0 1\n0000000000 65535 f \n{rows}trailer\n<<{trailer}>>\nstartxref\n{at}\n%%EOF\n")
            .bytes(),
    );
    out
}

fn deflated(size: usize) -> Vec<u8> {
    let mut z = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    z.write_all(&vec![b' '; size]).unwrap();
    z.finish().unwrap()
}

fn stream(dict: &str, data: &[u8]) -> Vec<u8> {
    [format!("<<{dict}/Length {}>>\nstream\n", data.len()).as_bytes(), data, b"\nendstream"].concat()
}

#[test]
fn bombs_and_loops_are_refused() {
    let pages = (2, b"<</Type/Pages/Kids[]/Count 0>>".to_vec());
    let bomb = deflated(100 << 20);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("deep arrays", file(&[(1, b"[".repeat(1_000_000)), pages.clone()], "/Root 1 0 R/Size 3")),
        ("deep dictionaries", file(&[(1, b"<</A".repeat(500_000)), pages.clone()], "/Root 1 0 R/Size 3")),
        ("object stream bomb", {
            let mut out = b"%PDF-1.7\n".to_vec();
            let first = out.len();
            out.extend(b"3 0 obj\n");
            out.extend(stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", &bomb));
            out.extend(b"\nendobj\n");
            let at = out.len();
            let rows = [1u8, 0, 0, 0, 0, 2, 0, 0, 3, 0];
            let first = u32::try_from(first).unwrap().to_be_bytes();
            let data = [&rows[5..], &[1, first[1], first[2], first[3], 0]].concat();
            out.extend(b"4 0 obj\n");
            out.extend(stream("/Type/XRef/Size 5/W[1 3 1]/Index[1 1 3 1]/Root 1 0 R", &data));
            out.extend(format!("\nendobj\nstartxref\n{at}\n%%EOF\n").bytes());
            out
        }),
        (
            "filter chain",
            file(
                &[(1, stream("/Type/XRef/Filter[/FlateDecode/FlateDecode/FlateDecode]", &bomb)), pages],
                "/Root 1 0 R/Size 3",
            ),
        ),
        ("reference loop", file(&[(1, b"2 0 R".to_vec()), (2, b"1 0 R".to_vec())], "/Root 1 0 R/Size 3")),
        (
            "length loop",
            file(&[(1, b"<</Length 1 0 R>>\nstream\nx\nendstream".to_vec())], "/Root 1 0 R/Size 2"),
        ),
        (
            "page tree loop",
            file(
                &[
                    (1, b"<</Type/Catalog/Pages 2 0 R>>".to_vec()),
                    (2, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 9>>".to_vec()),
                ],
                "/Root 1 0 R/Size 3",
            ),
        ),
        (
            "huge subsection",
            b"%PDF-1.7\nxref\n0 4294967295\n0000000000 65535 f \ntrailer\n<</Size 1>>\nstartxref\n9\n%%EOF"
                .to_vec(),
        ),
        ("false headers", [b"%PDF-1.7\n".as_slice(), &b"1 0 obj (".repeat(200_000)].concat()),
        ("no trailer at all", [b"%PDF-1.7\n".as_slice(), &b"1 0 obj 1 endobj\n".repeat(100_000)].concat()),
    ];
    for (what, bytes) in cases {
        let before = std::time::Instant::now();
        let outcome = Document::open_to_sign(&bytes).and_then(|d| {
            inspect(&d, 1_000_000)?;
            crate::pdf::pages::pages(d.latest()).map(|p| p.len())
        });
        println!("{what}: {} bytes, {:?}, {outcome:?}", bytes.len(), before.elapsed());
        assert!(!matches!(outcome, Ok(n) if n > 0), "{what}");
    }
}

/// Every prefix of a file and every flipped byte: an answer, never an abort.
#[test]
fn cut_and_flipped_files_never_abort() {
    let whole =
        crate::pdf::sign::testing::sign_at(&crate::pdf::sign::testing::document(2, "", ""), &[(1, 1.0, 1.0)])
            .unwrap();
    for end in (0..whole.len()).step_by(37) {
        let _ = Document::open_to_sign(&whole[..end]).map(|d| inspect(&d, 1_000));
    }
    for at in (0..whole.len()).step_by(11) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x21;
        let _ = Document::open_to_sign(&bytes)
            .map(|d| (inspect(&d, 1_000), crate::pdf::pages::pages(d.latest())));
    }
}
