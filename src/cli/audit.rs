//! `hufu audit`: reading and verifying the log, of a serving appliance, of a stopped one, or of a copied folder.

use super::Failure;
use crate::audit::{Act, Ending, Entry};
use crate::conf::Site;
use crate::ledger::search::{self, Filter};
use crate::ledger::source::{Live, Offline, Source};
use crate::ledger::verify::{self, Options};
use crate::ledger::{Folder, export};
use clap::Subcommand;
use hufu_api::UnixTime;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// None of these needs a PIN or the token. On a serving appliance they read through a socket; a stopped appliance's folder, or a
/// copy of it (`--folder`), is opened directly.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Check every record, hash and signed checkpoint. Exit status 0: sound; 1: damage; 2: cannot be read.
    Verify {
        /// A copied audit folder, in place of the configured one.
        #[arg(value_name = "FOLDER")]
        folder: Option<PathBuf>,
        /// A checkpoint kept elsewhere (a file); shows a log that was set back or forked.
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
        /// Begin at the checkpoint of this size.
        #[arg(long, value_name = "SIZE")]
        since: Option<u64>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// List the newest records, oldest first.
    List {
        #[command(flatten)]
        wanted: Wanted,
        /// How many at most.
        #[arg(long, default_value_t = 100_000)]
        limit: usize,
        /// One JSON record a line, as it stands in the log.
        #[arg(long)]
        json: bool,
        /// A copied audit folder.
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
    /// Show a record, with its intent or outcome.
    Show {
        /// Its number.
        number: u64,
        /// A copied audit folder.
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
    /// Print the proof (JSON) that a record is in a signed checkpoint, for someone who does not trust the appliance.
    Prove {
        /// The record's number.
        number: u64,
        /// A copied audit folder.
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
    /// Write the log as JSON lines and C2SP tlog-tiles into an empty folder.
    Export {
        /// Where to.
        to: PathBuf,
        /// A copied audit folder.
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
}

/// What is looked for; all that is given must fit.
#[derive(Debug, clap::Args)]
pub(super) struct Wanted {
    /// The act, for example sign, login, create_signer.
    #[arg(long)]
    act: Option<String>,
    /// appId
    #[arg(long)]
    app: Option<String>,
    /// How it ended: done, failed, refused, voided, abandoned, interrupted.
    #[arg(long)]
    ending: Option<String>,
    /// Not before, seconds since 1970.
    #[arg(long, value_name = "SECONDS")]
    since: Option<i64>,
    /// Before, seconds since 1970.
    #[arg(long, value_name = "SECONDS")]
    until: Option<i64>,
    /// A fact with exactly this value: a digest, an id, a serial number.
    #[arg(long)]
    value: Option<String>,
}

pub(super) fn run(command: &Audit, file: &Path) -> Result<ExitCode, Failure> {
    match command {
        Audit::Verify { folder, checkpoint, since, json } => {
            let (folder, mut source) = match open(file, folder.as_deref()) {
                Ok(opened) => opened,
                Err(error) => {
                    super::complain(&*error);
                    return Ok(ExitCode::from(2));
                }
            };
            let elsewhere = checkpoint.iter().map(std::fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
            let options = Options { elsewhere, since: *since, tiles: true, ..Options::default() };
            let bar = progress(source.size());
            let report = verify::verify(&folder, source.as_mut(), &options, &mut |done| bar.set_position(done));
            bar.finish_and_clear();
            say_report(&report, *json);
            Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Audit::List { wanted, limit, json, folder } => {
            let (_, source) = open(file, folder.as_deref())?;
            for entry in search::newest(source.as_ref(), &wanted.filter()?, *limit)? {
                super::say(&if *json { String::from_utf8(entry.encode()?)? } else { line(&entry) });
            }
            Ok(ExitCode::SUCCESS)
        }
        Audit::Show { number, folder } => {
            let (_, source) = open(file, folder.as_deref())?;
            let shown = search::show(source.as_ref(), *number)?;
            let shown = shown.ok_or_else(|| format!("there are {} records; numbers begin at 0", source.size()))?;
            for entry in shown {
                let value: serde_json::Value = serde_json::from_slice(&entry.encode()?)?;
                super::say(&serde_json::to_string_pretty(&value)?);
            }
            Ok(ExitCode::SUCCESS)
        }
        Audit::Prove { number, folder } => {
            let (folder, source) = open(file, folder.as_deref())?;
            let proof = export::prove(&folder, source.as_ref(), *number)?
                .ok_or("no signed checkpoint covers this record yet; checkpoints are made at intervals and at shutdown")?;
            let hashes: Vec<String> = proof.hashes.iter().map(hex::encode).collect();
            super::say(&serde_json::to_string_pretty(&serde_json::json!({
                "number": proof.number,
                "record": String::from_utf8(proof.record)?,
                "tree_size": proof.size,
                "hashes": hashes,
                "checkpoint": proof.checkpoint,
                "timestamp": proof.anchor.map(hex::encode),
            }))?);
            Ok(ExitCode::SUCCESS)
        }
        Audit::Export { to, folder } => {
            let (folder, source) = open(file, folder.as_deref())?;
            let bar = progress(source.size());
            let records = export::export(&folder, source.as_ref(), to, &mut |done| bar.set_position(done))?;
            bar.finish_and_clear();
            super::say(&format!("{records} records in {}", to.display()));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The copied folder, else the serving appliance, else the configured folder itself.
fn open(file: &Path, folder: Option<&Path>) -> Result<(Folder, Box<dyn Source>), Failure> {
    if let Some(folder) = folder {
        let folder = Folder::new(folder);
        let source = Offline::open(&folder)?;
        return Ok((folder, Box::new(source)));
    }
    let site = Site::read(file)?;
    let folder = Folder::new(site.audit_folder());
    if let Ok(live) = Live::connect(&site.audit_socket()) {
        return Ok((folder, Box::new(live)));
    }
    let source = Offline::open(&folder)?;
    Ok((folder, Box::new(source)))
}

fn progress(records: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} records, {per_sec}, {eta} left");
    ProgressBar::new(records).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn say_report(report: &verify::Report, json: bool) {
    if json {
        let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        super::say(
            &serde_json::json!({
                "sound": report.is_sound(), "records": report.records, "root": hex::encode(report.root),
                "checkpoints": report.checkpoints, "covered": report.covered, "open": report.open,
                "unsigned": report.unsigned, "findings": findings,
            })
            .to_string(),
        );
        return;
    }
    super::say(&format!(
        "{} records, tree head {}\n{} signed checkpoints hold, the newest covers {} records\n{} intents are open",
        report.records,
        hex::encode(report.root),
        report.checkpoints,
        report.covered,
        report.open
    ));
    for finding in &report.findings {
        super::say(&format!("DAMAGE: {finding}"));
    }
    super::say(if report.is_sound() { "sound" } else { "NOT SOUND" });
}

fn line(entry: &Entry) -> String {
    use crate::audit::Body;
    let act = entry.act().map(|act| format!("{act:?}")).unwrap_or_default();
    let what = match &entry.body {
        Body::Intent(_) => "intent".to_owned(),
        Body::Outcome { of, outcome, .. } => format!("outcome of {of}: {:?}", outcome.ending),
        Body::Event(event) => format!("event: {:?}", event.ending),
        Body::Checkpoint { .. } => "checkpoint".to_owned(),
    };
    let at = crate::registry::ceremony::clock_text(entry.at);
    format!("{:>8}  {at}  {}  {act} {what}", entry.number, entry.request)
}

impl Wanted {
    fn filter(&self) -> Result<Filter, Failure> {
        Ok(Filter {
            act: self.act.as_deref().map(|name| by_name::<Act>("act", name)).transpose()?,
            app: self.app.clone(),
            ending: self.ending.as_deref().map(|name| by_name::<Ending>("ending", name)).transpose()?,
            request: None,
            since: self.since.map(UnixTime::from_seconds),
            until: self.until.map(UnixTime::from_seconds),
            value: self.value.clone(),
        })
    }
}

/// A value by its name in the log's format.
fn by_name<T: serde::de::DeserializeOwned>(what: &str, name: &str) -> Result<T, Failure> {
    serde_json::from_value(name.into()).map_err(|e| format!("--{what} {name}: {e}").into())
}
