//! `hufu renew`: archival time stamps before the old ones run out.

use super::Failure;
use super::appliance::with_appliance;
use crate::ops::{RenewOrder, RenewOutcome};
use crate::registry::admin::{AdminError, Command as Ask, Target, ask};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Folders within folders.
const MAX_DEPTH: usize = 64;

/// Add a new archival time stamp to signed PDFs whose newest one runs out soon, or that have none; each file in place.
///
/// What was renewed is passed over the next time, so that a run that broke off is simply started again. Exit status 1 if a
/// file could not be renewed.
#[derive(Debug, Args)]
pub(super) struct Renew {
    /// PDFs and folders of them, below the document roots.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Renew where the time-stamping authority's certificate ends within so many days.
    #[arg(long, default_value_t = 180)]
    within: u32,
    /// Renew whatever the certificate says, for example because an algorithm is about to fall.
    #[arg(long)]
    force: bool,
    /// Ask the addresses that certificates in the files name for revocation data.
    #[arg(long)]
    online: bool,
    /// Say what would be done and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON line a file.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Default)]
struct Tally {
    renewed: u64,
    fresh: u64,
    unsigned: u64,
    failed: u64,
}

pub(super) fn run(args: &Renew, config: &Path) -> Result<ExitCode, Failure> {
    let mut files = Vec::new();
    for path in &args.paths {
        let path = path.canonicalize().map_err(|e| format!("{}: {e}", path.display()))?;
        collect(&path, 0, &mut files)?;
    }
    files.sort();
    files.dedup();
    let total = u64::try_from(files.len()).unwrap_or(u64::MAX);
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(total) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len}, {eta} left  {wide_msg}") {
        bar.set_style(style);
    }
    let tally = with_appliance(config, |socket| {
        let mut tally = Tally::default();
        for file in &files {
            bar.set_message(file.display().to_string());
            let outcome = renew(args, socket, file)?;
            tally.count(&outcome);
            bar.suspend(|| tell(args, file, &outcome));
            bar.inc(1);
        }
        Ok(tally)
    })?;
    bar.finish_and_clear();
    let Tally { renewed, fresh, unsigned, failed } = tally;
    if !args.json {
        let renewed_word = if args.dry_run { "due" } else { "renewed" };
        super::say(&format!(
            "{total} files: {renewed} {renewed_word}, {fresh} hold, {unsigned} unsigned, {failed} failed"
        ));
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One file; what the appliance refuses is that file's own failure, a socket that breaks is everybody's.
fn renew(args: &Renew, target: &Target, file: &Path) -> Result<Result<RenewOutcome, String>, AdminError> {
    let order = RenewOrder {
        path: file.display().to_string(),
        within_days: args.within,
        force: args.force,
        dry_run: args.dry_run,
        online: args.online,
    };
    match ask::<RenewOutcome>(target, &Ask::Renew(order)) {
        Ok(outcome) => Ok(Ok(outcome)),
        Err(AdminError::Refused(reason)) => Ok(Err(reason)),
        Err(error) => Err(error),
    }
}

impl Tally {
    fn count(&mut self, outcome: &Result<RenewOutcome, String>) {
        *match outcome {
            Ok(RenewOutcome::Renewed { .. } | RenewOutcome::Due { .. }) => &mut self.renewed,
            Ok(RenewOutcome::Fresh { .. }) => &mut self.fresh,
            Ok(RenewOutcome::Unsigned) => &mut self.unsigned,
            Err(_) => &mut self.failed,
        } += 1;
    }
}

fn tell(args: &Renew, file: &Path, outcome: &Result<RenewOutcome, String>) {
    if args.json {
        let line = match outcome {
            Ok(outcome) => serde_json::json!({"file": file, "outcome": outcome}),
            Err(reason) => serde_json::json!({"file": file, "error": reason}),
        };
        return super::say(&line.to_string());
    }
    let file = file.display();
    match outcome {
        Ok(RenewOutcome::Renewed { because, incomplete, .. }) => {
            super::say(&format!("{file}: renewed, {because}"));
            for gap in incomplete {
                super::say(&format!("  not complete: {gap}"));
            }
        }
        Ok(RenewOutcome::Due { because }) => super::say(&format!("{file}: due, {because}")),
        Ok(RenewOutcome::Fresh { .. } | RenewOutcome::Unsigned) => {}
        Err(reason) => super::say(&format!("{file}: FAILED: {reason}")),
    }
}

/// The PDFs at and below `path`; links are not followed.
fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let kind = std::fs::symlink_metadata(path).map_err(|e| format!("{}: {e}", path.display()))?;
    if kind.is_file() && path.extension().is_some_and(|e| e.eq_ignore_ascii_case("pdf")) {
        files.push(path.to_owned());
    } else if kind.is_dir() && depth < MAX_DEPTH {
        for entry in std::fs::read_dir(path).map_err(|e| format!("{}: {e}", path.display()))? {
            collect(&entry?.path(), depth + 1, files)?;
        }
    }
    Ok(())
}
