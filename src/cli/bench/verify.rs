//! `hufu bench verify`: judgements a second on one core, and the release check beside one public-key verification.

use super::super::{Failure, say};
use crate::verify::{Options, Report, release_check, verify};
use crate::x509::path::TrustStore;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use clap::Args;
use hufu_api::Clock;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Judge these signed files again and again on one core.
#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// Signed PDFs; none is changed.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Trust anchors (PEM).
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    /// Seconds for each figure.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
}

pub(super) fn run(args: &Verify) -> Result<(), Failure> {
    let mut store = TrustStore::new();
    for anchor in &args.trust {
        let named = |error: &dyn std::fmt::Display| format!("{}: {error}", anchor.display());
        let text = std::fs::read_to_string(anchor).map_err(|e| named(&e))?;
        store.add_pem(&text).map_err(|e| named(&e))?;
    }
    let now = crate::clock::SystemClock::new(i64::MAX, None).now()?;
    let length = Duration::from_secs(args.seconds.clamp(1, 60));
    let one = public_key(length)?;
    say(&format!("one P-256 verification: {:.3} ms", one * 1e3));
    say("      octets  signatures  judged/s  ms each  release check ms");
    for path in &args.files {
        let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let report = verify(&bytes, &store, &Options::at(now))?;
        let each = mean(length, || verify(&bytes, &store, &Options::at(now)).is_ok());
        let release = match last_signature(&report, &bytes) {
            Some((input, cms)) => {
                release_check(&bytes, input, &cms).map_err(|f| format!("{}: {}", f.code, f.detail))?;
                format!("{:>16.3}", mean(length, || release_check(&bytes, input, &cms).is_ok()) * 1e3)
            }
            None => "               -".to_owned(),
        };
        let count = report.signatures.len();
        say(&format!(
            "{:>12}  {count:>10}  {:>8.0}  {:>7.3}  {release}  {}",
            bytes.len(),
            1.0 / each,
            each * 1e3,
            path.display()
        ));
    }
    Ok(())
}

/// Seconds of one call, the mean over about `length`.
fn mean(length: Duration, mut call: impl FnMut() -> bool) -> f64 {
    let (begun, mut calls) = (Instant::now(), 0_u32);
    while begun.elapsed() < length {
        std::hint::black_box(call());
        calls += 1;
    }
    begun.elapsed().as_secs_f64() / f64::from(calls.max(1))
}

fn public_key(length: Duration) -> Result<f64, Failure> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|e| e.to_string())?;
    let random = aws_lc_rs::rand::SystemRandom::new();
    let signature = key.sign(&random, b"signed attributes").map_err(|e| e.to_string())?;
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref());
    Ok(mean(length, || public.verify(b"signed attributes", signature.as_ref()).is_ok()))
}

/// Where the input ended that the newest signature was appended to, and that signature's CMS; `None` where it does not
/// cover the whole file.
fn last_signature(report: &Report, bytes: &[u8]) -> Option<(usize, Vec<u8>)> {
    let signature = report.signatures.iter().rev().find(|s| s.covers_whole_file)?;
    let input = usize::try_from(report.revisions.last()?.start).ok()?;
    let at = |n: usize| usize::try_from(*signature.byte_range.get(n)?).ok();
    let digits = bytes.get(at(1)? + 1..at(2)?.checked_sub(1)?)?;
    let mut cms = hex::decode(digits).ok()?;
    let octets = match cms.get(..4)? {
        [_, 0x82, high, low] => 4 + usize::from(*high) * 256 + usize::from(*low),
        _ => return None,
    };
    cms.truncate(octets);
    Some((input, cms))
}
