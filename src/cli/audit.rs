//! `hufu audit …`: reading and checking the audit log, on a serving appliance or offline, without a PIN.

use super::{Failure, say};
use crate::audit::{Act, Body, Ending, Entry};
use crate::conf::Site;
use crate::ledger::search::{self, Filter};
use crate::ledger::source::{Live, Offline, Source};
use crate::ledger::verify::{Options, Report, verify};
use crate::ledger::{Folder, export};
use crate::registry::audit::SOCKET;
use crate::tlog::NoteKey;
use base64::Engine as _;
use clap::{Args, Subcommand};
use hufu_api::{Cx, RequestId, UnixTime};
use indicatif::{ProgressBar, ProgressStyle};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Check every record, the tree, the checkpoints' signatures and the tiles; exit status 0 only if all is sound.
    Verify(Verify),
    /// Show the newest records.
    List(List),
    /// Find records by what they say, oldest first.
    Search(Search),
    /// Show one record with the one that belongs to it, as JSON.
    Show {
        /// The record's number.
        number: u64,
        #[command(flatten)]
        from: From,
    },
    /// Print the proof that a record is in a signed checkpoint, as JSON.
    Prove {
        /// The record's number.
        number: u64,
        #[command(flatten)]
        from: From,
    },
    /// Write the log up to its newest checkpoint as JSON lines and C2SP tlog-tiles into an empty folder.
    Export {
        /// The folder to write.
        to: PathBuf,
        #[command(flatten)]
        from: From,
    },
    /// Have the serving appliance sign a checkpoint now, and print it. Keep it elsewhere: it shows a log that was set back.
    Checkpoint,
}

/// Where the log is.
#[derive(Debug, Args)]
pub(super) struct From {
    /// A copy of the audit folder, read offline. Default: the serving appliance, or its folder when it is stopped.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    from: From,
    /// Begin at the checkpoint over that many records.
    #[arg(long, value_name = "SIZE")]
    since: Option<u64>,
    /// Believe these verifier keys (a file, one a line) instead of those beside the log.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// A checkpoint kept elsewhere that the log must contain; may be given several times.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Leave the tile files alone.
    #[arg(long)]
    no_tiles: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// How many.
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    narrow: Narrow,
    #[command(flatten)]
    from: From,
}

#[derive(Debug, Args)]
pub(super) struct Search {
    /// A value that a fact must have: a digest, an id, a serial number.
    value: Option<String>,
    /// How many, at most.
    #[arg(short = 'n', long, default_value_t = 1000)]
    limit: usize,
    /// Begin at this record.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    start: u64,
    #[command(flatten)]
    narrow: Narrow,
    #[command(flatten)]
    from: From,
}

#[derive(Debug, Args)]
pub(super) struct Narrow {
    /// Only this act, for example sign or create_signer.
    #[arg(long, value_parser = named::<Act>)]
    act: Option<Act>,
    /// Only requests of this application.
    #[arg(long)]
    app: Option<String>,
    /// Only what ended so: done, failed, refused, voided, abandoned, interrupted.
    #[arg(long, value_parser = named::<Ending>)]
    ending: Option<Ending>,
    /// Only this request, 32 hexadecimal digits.
    #[arg(long, value_parser = request)]
    request: Option<RequestId>,
    /// Not before this time (RFC 3339).
    #[arg(long, value_parser = moment)]
    after: Option<UnixTime>,
    /// Before this time (RFC 3339).
    #[arg(long, value_parser = moment)]
    before: Option<UnixTime>,
    /// Whole records, one JSON object a line.
    #[arg(long)]
    json: bool,
}

impl Narrow {
    fn filter(&self, value: Option<String>) -> Filter {
        Filter {
            act: self.act,
            app: self.app.clone(),
            ending: self.ending,
            request: self.request,
            since: self.after,
            until: self.before,
            value,
        }
    }
}

fn named<T: DeserializeOwned>(name: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::from(name)).map_err(|_| format!("there is no {name}"))
}

fn request(hex: &str) -> Result<RequestId, String> {
    u128::from_str_radix(hex, 16).map(RequestId).map_err(|e| e.to_string())
}

fn moment(text: &str) -> Result<UnixTime, String> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|e| e.to_string())?;
    Ok(UnixTime::from_seconds(parsed.unix_timestamp()))
}

impl Audit {
    /// Whether only a copied folder is read: then no configuration is needed.
    fn copy(&self) -> Option<&PathBuf> {
        match self {
            Self::Verify(Verify { from, .. })
            | Self::List(List { from, .. })
            | Self::Search(Search { from, .. })
            | Self::Show { from, .. }
            | Self::Prove { from, .. }
            | Self::Export { from, .. } => from.dir.as_ref(),
            Self::Checkpoint => None,
        }
    }
}

/// Does it, on the appliance that the configuration `file` describes or on a copied folder.
pub(super) fn run(command: &Audit, file: &Path) -> Result<(), Failure> {
    match command.copy() {
        Some(copy) => act(command, &Folder::new(copy.clone()), Path::new("")),
        None => {
            let site = Site::read(file)?;
            act(command, &Folder::new(site.audit_folder()), &site.run_folder().join(SOCKET))
        }
    }
}

fn act(command: &Audit, folder: &Folder, socket: &Path) -> Result<(), Failure> {
    let open = |from: &From| -> Result<Box<dyn Source>, Failure> {
        match &from.dir {
            None if socket.exists() => match Live::connect(socket) {
                Ok(live) => Ok(Box::new(live)),
                // Left behind by an appliance that was killed.
                Err(_) => Ok(Box::new(Offline::open(folder)?)),
            },
            _ => Ok(Box::new(Offline::open(folder)?)),
        }
    };
    match command {
        Audit::Verify(args) => check(args, folder, open(&args.from)?.as_mut()),
        Audit::List(args) => {
            let found = search::newest(open(&args.from)?.as_ref(), &args.narrow.filter(None), args.limit)?;
            print(&found, args.narrow.json)
        }
        Audit::Search(args) => {
            let filter = args.narrow.filter(args.value.clone());
            let found = search::search(open(&args.from)?.as_ref(), args.start, &filter, args.limit)?;
            print(&found, args.narrow.json)
        }
        Audit::Show { number, from } => {
            let shown = search::show(open(from)?.as_ref(), *number)?;
            let shown = shown.ok_or_else(|| format!("there is no record {number}"))?;
            shown.iter().try_for_each(|entry| {
                let value: serde_json::Value = serde_json::from_slice(&entry.encode()?)?;
                say(&serde_json::to_string_pretty(&value)?);
                Ok(())
            })
        }
        Audit::Prove { number, from } => {
            let proof = export::prove(folder, open(from)?.as_ref(), *number)?;
            let proof =
                proof.ok_or("no checkpoint covers that record yet; `hufu audit checkpoint` makes one")?;
            let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
            say(&serde_json::to_string_pretty(&serde_json::json!({
                "number": proof.number,
                "record": serde_json::from_slice::<serde_json::Value>(&proof.record)?,
                "record_bytes": base64(&proof.record),
                "size": proof.size,
                "hashes": proof.hashes.iter().map(|hash| base64(hash)).collect::<Vec<_>>(),
                "checkpoint": proof.checkpoint,
                "anchor": proof.anchor.as_deref().map(base64),
                "key": proof.key,
            }))?);
            Ok(())
        }
        Audit::Export { to, from } => {
            let source = open(from)?;
            let bar = bar(source.size());
            let size = export::export(folder, source.as_ref(), to, &mut |n| bar.set_position(n))?;
            bar.finish_and_clear();
            say(&format!("{size} records in {}", to.display()));
            Ok(())
        }
        Audit::Checkpoint => {
            let live = Live::connect(socket).map_err(|e| format!("{}: {e}", socket.display()))?;
            let deadline = Instant::now() + Duration::from_secs(30);
            let head = live.client().checkpoint(Cx { request: RequestId(0), deadline })?;
            say(head.checkpoint.trim_end());
            Ok(())
        }
    }
}

fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} records, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn check(args: &Verify, folder: &Folder, source: &mut dyn Source) -> Result<(), Failure> {
    let keys = match &args.keys {
        None => Vec::new(),
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
            text.lines().map(NoteKey::parse).collect::<Result<_, _>>()?
        }
    };
    let read = |file: &PathBuf| std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()));
    let elsewhere = args.checkpoint.iter().map(read).collect::<Result<_, _>>()?;
    let options = Options { keys, elsewhere, since: args.since, tiles: !args.no_tiles };
    let bar = bar(source.size());
    let report = verify(folder, source, &options, &mut |n| bar.set_position(n));
    bar.finish_and_clear();
    tell(&report, args.json)?;
    match report.findings.len() {
        0 => Ok(()),
        n => Err(format!("the audit log is damaged: {n} findings").into()),
    }
}

fn tell(report: &Report, json: bool) -> Result<(), Failure> {
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    if json {
        say(&serde_json::to_string_pretty(&serde_json::json!({
            "sound": report.is_sound(),
            "records": report.records,
            "root": hex::encode(report.root),
            "checkpoints": report.checkpoints,
            "covered": report.covered,
            "open": report.open,
            "unsigned": report.unsigned,
            "findings": findings,
        }))?);
        return Ok(());
    }
    findings.iter().for_each(|finding| say(&format!("damage: {finding}")));
    say(&format!(
        "{} records, root {}\n{} checkpoints hold, the newest covers {} records\n{} intents are open, {} checkpoints announced \
         but not kept\n{}",
        report.records,
        hex::encode(report.root),
        report.checkpoints,
        report.covered,
        report.open,
        report.unsigned,
        if report.is_sound() { "sound" } else { "DAMAGED" }
    ));
    Ok(())
}

fn print(entries: &[Entry], json: bool) -> Result<(), Failure> {
    for entry in entries {
        if json {
            say(&String::from_utf8(entry.encode()?)?);
        } else {
            say(&line(entry)?);
        }
    }
    Ok(())
}

/// One line: number, time, kind, act, ending, who, request.
fn line(entry: &Entry) -> Result<String, Failure> {
    let name = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let act = entry.act().map(serde_json::to_value).transpose()?.map(name).unwrap_or_default();
    let (kind, ending, actor) = match &entry.body {
        Body::Intent(intent) => ("intent", None, Some(&intent.actor)),
        Body::Outcome { outcome, .. } => ("outcome", Some(outcome.ending), None),
        Body::Event(event) => ("event", Some(event.ending), Some(&event.actor)),
        Body::Checkpoint { .. } => ("checkpoint", None, None),
    };
    let ending = ending.map(serde_json::to_value).transpose()?.map(name).unwrap_or_default();
    let who = actor.and_then(|a| a.app.as_ref().or(a.operator.as_ref())).map_or("", String::as_str);
    let at = OffsetDateTime::from_unix_timestamp(entry.at.seconds())?.format(&Rfc3339)?;
    Ok(format!(
        "{:>8}  {at}  {kind:<10}  {act:<18}  {ending:<11}  {who:<16}  {}",
        entry.number, entry.request
    ))
}
