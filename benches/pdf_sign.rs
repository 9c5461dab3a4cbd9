//! Signing without the token: CPU beside SHA-256 of the same bytes in the same run, peak memory, and what hostile files cost.
//!
//! `cargo bench --bench pdf_sign` for all tables, with `-- sizes`, `-- row` or `-- hostile` for one. Every
//! measurement is a process of its own, so that its peak of resident memory is its own too; times are CPU times of that
//! process, so that others on the machine do not count.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, missing_docs)]

#[path = "pdf_sign/hostile.rs"]
mod hostile;

use hufu::locate::{self, locate};
use hufu::pdf::appearance::Mark;
use hufu::pdf::hash::PrefixHash;
use hufu::pdf::place::{Anchor, Placement, Point, resolve};
use hufu::pdf::sign::{About, Field, Format, Kind, SignatureRequest, prepare};
use hufu::pdf::syntax::Document;
use hufu::seal::SealForm;
use hufu::verify::{Options, prepared_content, release_check_of_update, verify};
use hufu::x509::path::TrustStore;
use hufu_api::{HashAlgorithm, UnixTime};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

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

fn seal() -> SealForm {
    let content = "q 0.8 0 0 rg 1 1 m 99 1 l 99 99 l 1 99 l h f Q\n".repeat(200).into_bytes();
    SealForm { width: 100.0, height: 100.0, content: content.into(), image: None }
}

/// Everything that a signing call does with a document but the token and the log; the CMS is a placeholder of real size.
fn sign(bytes: &[u8], page: u32, seal: &SealForm) -> Result<Vec<u8>, String> {
    let words = |e: &dyn std::fmt::Display| e.to_string();
    let prefix = PrefixHash::of(HashAlgorithm::Sha256, bytes);
    let document = Document::open_to_sign(bytes).map_err(|e| words(&e))?;
    let warnings = prepared_content(&document);
    std::hint::black_box(warnings.len());
    let mark = Mark { seal, caption: None };
    let at = Placement::At(vec![Point { page, x: 100.0, y: 100.0 }]);
    let request = SignatureRequest {
        kind: Kind::Approval,
        format: Format::Pades,
        field: Field::Automatic,
        places: resolve(&document, &at, &mark, Anchor::LowerLeft).map_err(|e| words(&e))?,
        mark: Some(mark),
        about: About { name: Some("张三".into()), ..About::default() },
        signing_time: UnixTime::from_seconds(1_800_000_000),
        reserve: 8_000,
        lock: None,
        later_fields: Vec::new(),
        entropy: [9; 32],
    };
    // SEQUENCE of 2,996 octets.
    let mut cms = [0; 3_000];
    cms[..4].copy_from_slice(&[0x30, 0x82, 0x0B, 0xB4]);
    let signed = prepare(&document, &prefix, &request).map_err(|e| words(&e))?;
    let signed = signed.embed(&cms).map_err(|e| words(&e))?;
    signed.check(&cms).map_err(|e| words(&e))?;
    release_check_of_update(&document, signed.tail(), &cms).map_err(|e| e.detail)?;
    Ok(signed.tail().to_vec())
}

/// CPU time of this thread so far.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

/// The mean of as many rounds as fit into a second, after one that warms up. The kernel counts CPU time in ticks of
/// milliseconds, so that one round alone says nothing.
fn mean(mut run: impl FnMut()) -> Duration {
    run();
    let (begun, mut rounds) = (cpu(), 0);
    while cpu() - begun < Duration::from_secs(1) {
        run();
        rounds += 1;
    }
    (cpu() - begun) / rounds
}

/// Peak of resident memory in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What a child does with its file; its standard output is one line.
fn child(what: &str, path: &Path, page: u32) {
    let bytes = std::fs::read(path).unwrap();
    let seal = seal();
    let before = cpu();
    let outcome = match what {
        "speed" => {
            let hash = mean(|| drop(PrefixHash::of(HashAlgorithm::Sha256, &bytes).digest()));
            let all = mean(|| drop(sign(&bytes, page, &seal).unwrap()));
            println!("{} {}", all.as_nanos(), hash.as_nanos());
            return;
        }
        "row" => {
            let mut file = bytes;
            for n in 1..=50 {
                let signed = sign(&file, 1, &seal).unwrap();
                if [1, 2, 10, 25, 49, 50].contains(&n) {
                    let each = mean(|| drop(sign(&file, 1, &seal).unwrap()));
                    let hash = mean(|| drop(PrefixHash::of(HashAlgorithm::Sha256, &file).digest()));
                    print!("{:.2} ({:.2}) | ", each.as_secs_f64() * 1e3, hash.as_secs_f64() * 1e3);
                }
                file.extend(signed);
            }
            println!("{}", file.len());
            return;
        }
        "twice" => {
            let first = sign(&bytes, page, &seal).unwrap();
            let mut file = bytes;
            file.extend(first);
            let all = mean(|| drop(sign(&file, page, &seal).unwrap()));
            println!("{} {}", all.as_nanos(), peak());
            return;
        }
        "memory" => {
            let tail = sign(&bytes, page, &seal).unwrap();
            println!("{} {}", peak(), tail.len());
            return;
        }
        "sign" => sign(&bytes, 1, &seal).map(|tail| format!("signed, {} bytes", tail.len())),
        "locate" => locate(&bytes, "keyword", &locate::Limits::default())
            .map(|found| format!("{} hits", found.hits.len()))
            .map_err(|e| e.to_string()),
        _ => verify(&bytes, &TrustStore::default(), &Options::at(UnixTime::from_seconds(1_800_000_000)))
            .map(|report| format!("{} signatures judged", report.signatures.len()))
            .map_err(|e| e.to_string()),
    };
    let outcome = outcome.unwrap_or_else(|refusal| refusal);
    println!("{} {} {outcome}", (cpu() - before).as_nanos(), peak());
}

/// Runs a child and gives its numbers and the rest of its line.
fn spawn(what: &str, path: &Path, page: usize) -> (f64, f64, String) {
    let this = std::env::current_exe().unwrap();
    let done = Command::new(this).args(["child", what]).arg(path).arg(page.to_string()).output().unwrap();
    let line = String::from_utf8(done.stdout).unwrap();
    let mut words = line.trim().splitn(3, ' ');
    let mut number = || words.next().and_then(|w| w.parse().ok()).unwrap_or(f64::NAN);
    let numbers = (number(), number());
    let rest =
        if done.status.success() { words.next().unwrap_or("").to_owned() } else { "ABORTED".to_owned() };
    (numbers.0, numbers.1, rest)
}

fn sizes(folder: &Path) {
    println!(
        "| pages | octets | CPU to sign, ms | SHA-256 alone, ms | added octets | peak memory, MiB | 1.2 × file + 30 | second signature, ms | peak, MiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let path = folder.join("input.pdf");
    for (pages, bytes) in [(1, 1 << 10), (100, 1 << 20), (100, 20 << 20), (100, 100 << 20)] {
        std::fs::write(&path, document(pages, bytes)).unwrap();
        let length = std::fs::metadata(&path).unwrap().len();
        let (all, hash, _) = spawn("speed", &path, pages);
        let (peak, tail, _) = spawn("memory", &path, pages);
        let (all, hash, peak) = (all / 1e6, hash / 1e6, peak / 1024.0);
        let most = length as f64 * 1.2 / f64::from(1 << 20) + 30.0;
        let (second, twice, _) = spawn("twice", &path, pages);
        let (second, twice) = (second / 1e6, twice / 1024.0);
        println!(
            "| {pages} | {length} | {all:.3} | {hash:.3} | {tail} | {peak:.1} | {most:.1} | {second:.3} | {twice:.1} |"
        );
    }
}

/// Fifty signatures on one file: the CPU of some of them, SHA-256 of the same bytes in brackets.
fn in_a_row(folder: &Path) {
    println!(
        "| octets | 1st, ms | 2nd | 10th | 25th | 49th | 50th | octets then |\n|---|---|---|---|---|---|---|---|"
    );
    let path = folder.join("row.pdf");
    for bytes in [1 << 10, 20 << 20] {
        std::fs::write(&path, document(10, bytes)).unwrap();
        let this = std::env::current_exe().unwrap();
        let done = Command::new(this).args(["child", "row"]).arg(&path).arg("1").output().unwrap();
        println!("| {bytes} | {} |", String::from_utf8_lossy(&done.stdout).trim());
    }
}

fn hostile(folder: &Path) {
    println!("| file | octets | signing: ms, MiB | keyword: ms, MiB | verification: ms, MiB | outcomes |");
    println!("|---|---|---|---|---|---|");
    let path = folder.join("hostile.pdf");
    let mut worst = (0.0_f64, 0.0_f64);
    for (name, bytes) in hostile::files() {
        std::fs::write(&path, &bytes).unwrap();
        let mut cells = String::new();
        let mut outcomes: Vec<String> = Vec::new();
        for what in ["sign", "locate", "verify"] {
            let (nanos, kib, outcome) = spawn(what, &path, 1);
            let (millis, mib) = (nanos / 1e6, kib / 1024.0);
            worst = (worst.0.max(millis), worst.1.max(mib));
            let mark = if millis > 100.0 || mib > 96.0 || millis.is_nan() { " **" } else { "" };
            write!(cells, " {millis:.1}, {mib:.0}{mark} |").unwrap();
            let outcome: String = outcome.chars().take(60).collect();
            if !outcomes.contains(&outcome) {
                outcomes.push(outcome);
            }
        }
        println!("| {name} | {} |{cells} {} |", bytes.len(), outcomes.join("; "));
    }
    println!("\nworst: {:.1} ms, {:.0} MiB", worst.0, worst.1);
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["child", what, path, page] = words.as_slice() {
        return child(what, Path::new(path), page.parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let asked =
        |table| words.contains(&table) || !["sizes", "row", "hostile"].iter().any(|t| words.contains(t));
    for (name, table) in [("sizes", sizes as fn(&Path)), ("row", in_a_row), ("hostile", hostile)] {
        if asked(name) {
            table(folder.path());
            println!();
        }
    }
}
