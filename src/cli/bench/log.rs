//! `hufu bench log`: durable records a second by number of writers, beside a bare program that appends and syncs the same octets
//! in the same groups, and how fast the log that this left is verified.

use super::disk;
use crate::audit::{Act, Actor, Ending, Event, Facts};
use crate::cli::{Failure, say};
use crate::clock::SystemClock;
use crate::ledger::source::Offline;
use crate::ledger::verify::{Options, verify};
use crate::ledger::writer::{Ask, Owner, Settings, Writer};
use crate::ledger::{Folder, Log};
use clap::Args;
use hufu_api::{Cx, RequestId};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Measure the audit log alone: durable records a second by number of writers, beside the disk's own group commits, and how fast
/// a log is verified. Needs no appliance.
#[derive(Debug, Args)]
pub(in crate::cli) struct BenchLog {
    /// A folder on the disk to be measured; it is made, filled and removed again.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Writers at once, separated by commas.
    #[arg(long, default_value = "1,8,32,128", value_delimiter = ',')]
    writers: Vec<usize>,
    /// Seconds for each number.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

/// sled's page cache, as the appliance has it by default.
const CACHE: u64 = 64 << 20;
/// The filler that makes a record as long as a signature's.
const FILLER: usize = 512;

pub(super) fn run(args: &BenchLog) -> Result<(), Failure> {
    std::fs::create_dir(&args.dir)
        .map_err(|e| format!("{}: {e}; give a folder that is not there yet", args.dir.display()))?;
    let measured = measure(args);
    std::fs::remove_dir_all(&args.dir)?;
    measured
}

fn measure(args: &BenchLog) -> Result<(), Failure> {
    let length = Duration::from_secs(args.seconds.max(1));
    let folder = Folder::new(args.dir.join("audit"));
    say(
        "| writers | records/s, durable | bare append and sync | ratio | records a sync |\n|---|---|---|---|---|",
    );
    for writers in &args.writers {
        let writers = (*writers).clamp(1, 1_024);
        let bare = disk::group_commits(&args.dir.join("bare"), writers, length)?;
        let (rate, group) = records(&folder, writers, length)?;
        say(&format!("| {writers} | {rate:.0} | {bare:.0} | {:.2} | {group:.1} |", rate / bare));
    }
    let mut source = Offline::open(&folder)?;
    let began = Instant::now();
    let report = verify(&folder, &mut source, &Options::default(), &mut |_| ());
    let seconds = began.elapsed().as_secs_f64();
    if let Some(finding) = report.findings.first() {
        return Err(format!("the log that was written does not verify: {finding}").into());
    }
    #[allow(clippy::cast_precision_loss, reason = "a count for a person")]
    let minute = report.records as f64 / seconds * 60.0;
    say(&format!(
        "\n{} records verified in {seconds:.1} s: {:.2} million a minute",
        report.records,
        minute / 1e6
    ));
    Ok(())
}

/// Records a second through the log's own writer, and how many shared a sync.
fn records(folder: &Folder, writers: usize, length: Duration) -> Result<(f64, f64), Failure> {
    let log = Log::open(folder, CACHE)?;
    let clock = Arc::new(SystemClock::new(i64::MAX, log.last_at()));
    let settings = Settings { clock, receipt_life: Duration::from_secs(60), sinks: Vec::new() };
    let writer = Writer::start(log, settings)?;
    let (status, before) = (writer.status(), writer.status().size());
    let began = Instant::now();
    let end = began + length;
    let failed: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..writers)
            .map(|n| {
                let inbox = writer.inbox();
                scope.spawn(move || -> Result<(), String> {
                    let mut count = 0_u64;
                    while Instant::now() < end {
                        count += 1;
                        let deadline = Instant::now() + Duration::from_secs(30);
                        let cx = Cx { request: RequestId(u128::from(count)), deadline };
                        inbox.ask(Owner(0), cx, Ask::Record(event(n, count))).map_err(|e| e.to_string())?;
                    }
                    Ok(())
                })
            })
            .collect();
        running
            .into_iter()
            .filter_map(|w| w.join().map_or(Some("a writer failed".into()), Result::err))
            .collect()
    });
    if let Some(reason) = failed.into_iter().next() {
        return Err(reason.into());
    }
    let (records, batches) = (status.size() - before, status.batches().max(1));
    #[allow(clippy::cast_precision_loss, reason = "a rate for a person")]
    let (records, batches) = (records as f64, batches as f64);
    Ok((records / began.elapsed().as_secs_f64(), records / batches))
}

fn event(writer: usize, count: u64) -> Event {
    let facts = Facts::from([
        ("count".to_owned(), count.into()),
        ("writer".to_owned(), writer.into()),
        ("filler".to_owned(), "0".repeat(FILLER).into()),
    ]);
    let actor = Actor { app: Some("bench".into()), from: Some("127.0.0.1".into()), ..Actor::default() };
    Event { act: Act::SelfTest, actor, facts, ending: Ending::Done }
}
