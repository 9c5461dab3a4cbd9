//! CPU of signing beside SHA-256 of the same bytes in the same run: `cargo bench --bench pdf_sign`.
//!
//! Everything but the token is in it: open, place, prepare, embed, self-check. The CMS is a placeholder of real size.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, missing_docs)]

use hufu::pdf::appearance::Mark;
use hufu::pdf::hash::PrefixHash;
use hufu::pdf::place::{Anchor, Placement, Point, resolve};
use hufu::pdf::sign::{About, Field, Format, Kind, SignatureRequest, prepare};
use hufu::pdf::syntax::Document;
use hufu::seal::SealForm;
use hufu_api::{HashAlgorithm, UnixTime};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// A document of so many pages and about so many bytes.
fn document(pages: usize, bytes: usize) -> Vec<u8> {
    let kids: String = (0..pages).map(|i| format!("{} 0 R ", 2 * i + 3)).collect();
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!("<</Type/Pages/Kids[{kids}]/Count {pages}/MediaBox[0 0 595 842]>>"),
    ];
    for i in 0..pages {
        objects.push(format!("<</Type/Page/Parent 2 0 R/Contents {} 0 R/Resources<<>>>>", 2 * i + 4));
        let content = "0 0 m 10 10 l S\n".repeat((bytes / pages / 16).max(1));
        objects.push(format!("<</Length {}>>\nstream\n{content}\nendstream", content.len()));
    }
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut rows = "0000000000 65535 f \n".to_owned();
    for (i, object) in objects.iter().enumerate() {
        writeln!(rows, "{:010} 00000 n ", out.len()).unwrap();
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", i + 1).bytes());
    }
    let (at, size) = (out.len(), objects.len() + 1);
    out.extend(
        format!("xref\n0 {size}\n{rows}trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{at}\n%%EOF\n")
            .bytes(),
    );
    out
}

fn sign(bytes: &[u8], page: u32, seal: &SealForm) -> usize {
    let document = Document::open_to_sign(bytes).unwrap();
    let mark = Mark { seal, caption: None };
    let at = Placement::At(vec![Point { page, x: 100.0, y: 100.0 }]);
    let request = SignatureRequest {
        kind: Kind::Approval,
        format: Format::Pades,
        field: Field::Automatic,
        places: resolve(&document, &at, &mark, Anchor::LowerLeft).unwrap(),
        mark: Some(mark),
        about: About { name: Some("张三".into()), ..About::default() },
        signing_time: UnixTime::from_seconds(1_800_000_000),
        reserve: 8_000,
        lock: None,
        later_fields: Vec::new(),
        entropy: [9; 32],
    };
    let prefix = PrefixHash::of(HashAlgorithm::Sha256, bytes);
    let cms = [0x30; 3_000];
    let signed = prepare(&document, &prefix, &request).unwrap().embed(&cms).unwrap();
    signed.check(&cms).unwrap();
    signed.tail().len()
}

fn time(mut run: impl FnMut() -> usize) -> Duration {
    let mut rounds = 0;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) {
        std::hint::black_box(run());
        rounds += 1;
    }
    start.elapsed() / rounds
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("VmHWM unknown").to_owned()
}

fn main() {
    let content = "q 0.8 0 0 rg 1 1 m 99 1 l 99 99 l 1 99 l h f Q\n".repeat(200).into_bytes();
    let seal = SealForm { width: 100.0, height: 100.0, content: content.into(), image: None };
    println!("{:>10} {:>6} {:>12} {:>12} {:>9}", "bytes", "pages", "sign", "SHA-256", "tail");
    for (pages, bytes) in [(1, 1 << 10), (100, 1 << 20), (100, 20 << 20), (100, 100 << 20)] {
        let input = document(pages, bytes);
        let tail = sign(&input, u32::try_from(pages).unwrap(), &seal);
        let hash = time(|| PrefixHash::of(HashAlgorithm::Sha256, &input).digest().len());
        let all = time(|| sign(&input, u32::try_from(pages).unwrap(), &seal));
        println!("{:>10} {pages:>6} {all:>12.1?} {hash:>12.1?} {tail:>9}", input.len());
    }
    println!("{}", peak_memory());
}
