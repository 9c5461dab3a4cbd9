//! `hufu bench hostile`: files made to hurt, each judged once, with its time and the memory that it took.

use super::super::{Failure, say};
use super::processes;
use crate::verify::{Options, verify};
use crate::x509::path::TrustStore;
use clap::Args;
use hufu_api::Clock;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How many of the slowest and of the largest are listed.
const LISTED: usize = 8;

/// Judge these files once each: the slowest and those that took most memory.
#[derive(Debug, Args)]
pub(in crate::cli) struct Hostile {
    /// Files, and folders of files; none is changed.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

struct Answered {
    path: PathBuf,
    took: Duration,
    peak: Option<u64>,
    accepted: bool,
}

pub(super) fn run(args: &Hostile) -> Result<(), Failure> {
    let now = crate::clock::SystemClock::new(i64::MAX, None).now()?;
    let (own, store) = (std::process::id(), TrustStore::new());
    let mut all = Vec::new();
    for path in files(&args.files)? {
        let bytes = std::fs::read(&path)?;
        processes::forget_peak(own);
        let begun = Instant::now();
        let report = verify(&bytes, &store, &Options::at(now));
        let took = begun.elapsed();
        let accepted = report.is_ok_and(|report| report.unmodified() && !report.signatures.is_empty());
        all.push(Answered { path, took, peak: processes::peak_mib(own), accepted });
    }
    say(&format!("{} files, {} of them accepted", all.len(), all.iter().filter(|a| a.accepted).count()));
    all.sort_by_key(|a| std::cmp::Reverse(a.took));
    list("slowest", &all);
    all.sort_by_key(|a| std::cmp::Reverse(a.peak));
    list("largest", &all);
    Ok(())
}

fn list(what: &str, all: &[Answered]) {
    say(&format!("{what}:        ms  peak MiB  (the process with the file in it)"));
    for answered in all.iter().take(LISTED) {
        let peak = answered.peak.map_or_else(|| "-".to_owned(), |mib| mib.to_string());
        let took = answered.took.as_secs_f64() * 1e3;
        say(&format!("{took:>19.1}  {peak:>8}  {}", answered.path.display()));
    }
}

/// The files named, and those in the folders named.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let (mut found, mut open) = (Vec::new(), named.to_vec());
    while let Some(path) = open.pop() {
        if path.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
