//! What clients and operators send: bodies, pictures, places, configuration.

use super::{choice, line};
use bytes::Bytes;
use hufu::seal::{Colour, Handwriting, PictureLimits, SealName, SealText, UploadedSeal};
use std::cell::RefCell;

/// Bytes of a body.
const MOST: u64 = 1 << 20;

/// `PATH\nCONTENT-TYPE\nBODY`, read as that call reads it. Two readings of one body agree, however it is cut into pieces.
pub fn http_body(bytes: &[u8]) {
    let (path, rest) = line(bytes);
    let (kind, body) = line(rest);
    let (path, kind) = (String::from_utf8_lossy(path), String::from_utf8_lossy(kind));
    read_twice(&path, &kind, body);
}

/// The multipart body of a signing call and of validateContract, with the boundary `X`.
pub fn multipart(bytes: &[u8]) {
    let (which, body) = choice(bytes);
    let path = ["/sign/fileStream", "/v2/auth/validateContract", "/tsa/streamSign"][which % 3];
    read_twice(path, "multipart/form-data; boundary=X", body);
}

fn read_twice(path: &str, kind: &str, body: &[u8]) {
    let whole = vec![Bytes::copy_from_slice(body)];
    let pieces = body.chunks(7).map(Bytes::copy_from_slice).collect();
    let (whole, pieces) = (read(path, kind, whole), read(path, kind, pieces));
    if let (Ok(whole), Ok(pieces)) = (&whole, &pieces) {
        assert_eq!(whole, pieces, "one body reads as two requests");
    }
    assert_eq!(whole.is_ok(), pieces.is_ok(), "{whole:?} and in pieces {pieces:?}");
}

fn read(path: &str, kind: &str, pieces: Vec<Bytes>) -> hufu::ops::Result<[u8; 32]> {
    thread_local! {
        static RUNTIME: RefCell<tokio::runtime::Runtime> = RefCell::new(
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"),
        );
    }
    RUNTIME.with_borrow(|runtime| runtime.block_on(hufu::http::read_body(path, kind, pieces, MOST)))
}

/// Uploaded seals. What is accepted is small and can be written as a picture and as a form.
pub fn png(bytes: &[u8]) {
    let (which, bytes) = choice(bytes);
    let limits = PictureLimits::default();
    let Ok(seal) = UploadedSeal::from_png(bytes, &limits, which % 2 == 1) else { return };
    let (width, height) = seal.size_mm();
    assert!(width > 0.0 && height > 0.0 && width <= 45.0 && height <= 45.0, "{width} × {height} mm");
    let _ = seal.to_pdf_form();
    let again = seal.to_png().expect("a picture that was taken can be written");
    let again = UploadedSeal::from_png(&again, &PictureLimits { bytes: usize::MAX, ..limits }, false);
    assert_eq!(again.map(|s| s.digest()).ok(), Some(seal.digest()));
}

/// Coordinates, seal texts and handwriting.
pub fn placement(bytes: &[u8]) {
    let (which, bytes) = choice(bytes);
    let text = String::from_utf8_lossy(bytes);
    match which % 3 {
        0 => {
            if let Ok(points) = hufu::ops::positions(&text, 100) {
                assert!((1..=100).contains(&points.len()));
                assert!(points.iter().all(|p| p.page >= 1 && p.x.is_finite() && p.y.is_finite()));
            }
        }
        1 => {
            let _ = (SealName::parse(&text), SealText::parse(&text), hufu::ops::Sid::parse(&text));
        }
        _ => {
            let points = |chunk: &[u8]| -> Vec<(f64, f64)> {
                let number = |b: &[u8]| f64::from(i16::from_be_bytes([b[0], b[1]]));
                chunk.chunks_exact(4).map(|p| (number(&p[..2]), number(&p[2..]))).collect()
            };
            let strokes = bytes.split(|b| *b == 0xFF).map(points).collect();
            let _ = Handwriting { width: 600.0, height: 300.0, strokes }.draw(Colour::Red);
        }
    }
}

/// `hufu.toml`.
pub fn configuration(bytes: &[u8]) {
    let file = std::env::temp_dir().join(format!("hufu-fuzz-{}.toml", std::process::id()));
    std::fs::write(&file, bytes).expect("a folder for temporary files");
    let read = hufu::conf::Site::read(&file);
    let _ = std::fs::remove_file(&file);
    if let Err(error) = read {
        assert!(!error.to_string().is_empty());
    }
}
