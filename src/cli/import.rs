//! `hufu import`, `hufu cert`, `hufu plugin`: what operators do now and then.

use super::Failure;
use super::appliance::with_appliance;
use crate::ops::ImportLine;
use crate::registry::admin::{Command as Ask, ask};
use clap::{Args, Subcommand};
use hufu_api::RevocationReason;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Octets of one line, at most: a seal's picture in Base64 and some.
const MAX_LINE: usize = 1 << 20;

/// Take users, seals, summary ids and evidence ids of an older installation into an app, from JSON lines (see docs/API.md).
///
/// Lines that were imported before are passed over, so that an import that broke off is simply run again.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// appId
    #[arg(long)]
    app: String,
    /// The file of JSON lines.
    file: PathBuf,
}

/// `hufu cert`
#[derive(Debug, Subcommand)]
pub(super) enum Cert {
    /// Revoke a signer's certificate: it signs nothing from now on, its channel is told, its key is destroyed.
    Revoke {
        /// appId
        #[arg(long)]
        app: String,
        /// The certificate's number (GET /x/certificates lists them).
        id: u64,
        /// unspecified, key_compromise, affiliation_changed, superseded, cessation_of_operation, privilege_withdrawn
        #[arg(long, default_value = "unspecified")]
        reason: String,
    },
}

/// `hufu plugin`
#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    /// Go through the verbs of a CA program and say what holds. Exit status 1 if something does not.
    Test {
        /// The program.
        path: PathBuf,
    },
}

pub(super) fn import(args: &Import, config: &Path) -> Result<(), Failure> {
    let file = std::fs::File::open(&args.file).map_err(|e| format!("{}: {e}", args.file.display()))?;
    let size = file.metadata()?.len();
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(size) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}, {eta} left") {
        bar.set_style(style);
    }
    let mut reader = BufReader::new(bar.wrap_read(file));
    // All lines are read before the first is taken: a malformed file imports nothing.
    let mut lines: Vec<ImportLine> = Vec::new();
    let mut text = String::new();
    for number in 1_u64.. {
        text.clear();
        if std::io::Read::take(&mut reader, MAX_LINE as u64).read_line(&mut text)? == 0 {
            break;
        }
        if text.trim().is_empty() {
            continue;
        }
        lines
            .push(serde_json::from_str(&text).map_err(|e| format!("{}:{number}: {e}", args.file.display()))?);
    }
    bar.finish_and_clear();
    let total = lines.len();
    with_appliance(config, move |socket| {
        for line in lines {
            ask::<()>(socket, &Ask::Import(args.app.clone(), Box::new(line)))?;
        }
        Ok(())
    })?;
    super::say(&format!("{total} records imported"));
    Ok(())
}

pub(super) fn cert(command: &Cert, config: &Path) -> Result<(), Failure> {
    let Cert::Revoke { app, id, reason } = command;
    let reason: RevocationReason =
        serde_json::from_value(reason.as_str().into()).map_err(|e| format!("--reason {reason}: {e}"))?;
    let command = Ask::RevokeCertificate(app.clone(), *id, reason);
    with_appliance(config, |socket| ask::<()>(socket, &command))?;
    super::say(&format!("certificate {id} is revoked"));
    Ok(())
}

pub(super) fn plugin(command: &Plugin) -> Result<ExitCode, Failure> {
    let Plugin::Test { path } = command;
    let clock = Arc::new(crate::clock::SystemClock::new(i64::MAX, None));
    let checks = crate::registry::plugin_test(path, clock).map_err(|e| e.to_string())?;
    let mut sound = true;
    for check in checks {
        sound &= check.result.is_ok();
        let told = match &check.result {
            Ok(()) => "ok".to_owned(),
            Err(reason) => format!("WRONG: {reason}"),
        };
        super::say(&format!("{}: {told}", check.what));
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
