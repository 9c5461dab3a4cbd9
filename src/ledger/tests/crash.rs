//! The writer killed at random moments, under a system call tracer, and on a disk that fills up.
//!
//! This test binary runs itself as the writer: [`child`] writes records until it is killed and says on standard output which are
//! acknowledged. `HUFU_LONG` makes the loops long.

use super::*;
use crate::ledger::source::Offline;
use crate::ledger::verify::{Options, verify};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Which folder the child writes to, and how.
const FOLDER: &str = "HUFU_TEST_AUDIT_FOLDER";
const WRITERS: &str = "HUFU_TEST_AUDIT_WRITERS";
const RECORDS: &str = "HUFU_TEST_AUDIT_RECORDS";

/// Not a test of its own: the process that the others start.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (writers, records) = (number(WRITERS), number(RECORDS));
    let site = Site { folder: Folder::new(folder), token: Token::new(), _tmp: TempDir::new().unwrap() };
    let process = site.start();
    let client = connect(&process, Role::Network);
    let say = |line: String| {
        // One short write each: a kill does not tear it.
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    };
    say("ready\n".into());
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let (client, say) = (&client, &say);
            scope.spawn(move || {
                for n in 0..records {
                    let tag = writer * 1_000_000 + n;
                    let done = if n % 3 == 0 {
                        client.begin(cx(), intent(vec![a_use(1)])).and_then(|permit| {
                            let mut outcome = done();
                            outcome.facts.insert("n".into(), json!(tag));
                            permit.spend().close(outcome)
                        })
                    } else {
                        client.record(cx(), event(tag))
                    };
                    match done {
                        Ok(number) => say(format!("ack {number} {tag}\n")),
                        Err(error) => {
                            say(format!("error {error}\n"));
                            return;
                        }
                    }
                }
            });
        }
    });
    say("done\n".into());
}

pub(super) fn start(command: &mut Command, folder: &Path, writers: u64, records: u64) -> Child {
    command
        .env(FOLDER, folder)
        .env(WRITERS, writers.to_string())
        .env(RECORDS, records.to_string())
        // What a killed child leaves behind goes with the test's own folder.
        .env("TMPDIR", folder.parent().unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(super) fn this_binary() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "ledger::tests::crash::child", "--nocapture", "--test-threads=1"]);
    command
}

/// What a child has said: acknowledged (number, tag) pairs, and errors.
#[derive(Default)]
pub(super) struct Said {
    pub(super) acknowledged: BTreeSet<(u64, u64)>,
    pub(super) errors: Vec<String>,
    /// Writers that gave up on a slow disk.
    late: usize,
}

impl Said {
    pub(super) fn take(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["ack", number, tag] => {
                self.acknowledged.insert((number.parse().unwrap(), tag.parse().unwrap()));
            }
            // A busy machine's disk: neither a promise nor a fault.
            ["error", ..] if line.contains("did not answer in time") => self.late += 1,
            ["error", ..] => self.errors.push(line.to_owned()),
            _ => {}
        }
    }
}

/// All that was ever acknowledged is in the log, which is sound.
pub(super) fn check(folder: &Path, acknowledged: &BTreeSet<(u64, u64)>) -> u64 {
    let folder = Folder::new(folder);
    // A start repairs what a crash may leave (nothing that was promised), as the appliance's would.
    let log = open(&folder).unwrap();
    let records = log.records();
    for (number, tag) in acknowledged {
        let bytes = records.record(*number).unwrap().unwrap_or_else(|| panic!("record {number} is lost"));
        let entry = crate::audit::Entry::parse(&bytes).unwrap();
        assert_eq!(entry.facts().unwrap().get("n"), Some(&json!(tag)), "record {number} is another");
    }
    let size = log.range().size();
    drop((log, records));
    let mut source = patiently(|| Offline::open(&folder)).unwrap();
    let report = verify(&folder, &mut source, &Options { tiles: true, ..Options::default() }, &mut |_| ());
    assert_eq!(report.findings, []);
    size
}

#[test]
fn nothing_acknowledged_is_lost_when_the_writer_is_killed() {
    // Opening and reading take as long as the log is: the long form begins a new one now and then, and looks at each in the end.
    let (rounds, logs, acks) = if std::env::var("HUFU_LONG").is_ok_and(|long| !long.is_empty()) {
        (2_000, 40, [0, 1, 3, 10, 30, 80])
    } else {
        (12, 2, [0, 1, 7, 40, 150, 400])
    };
    let tmp = TempDir::new().unwrap();
    let (mut acknowledged, mut late, mut records, mut slowest) = (0, 0, 0, Duration::ZERO);
    std::thread::scope(|scope| {
        // Logs side by side: most of one's time is waiting.
        let lane = |lane: usize| {
            let folder = |log: usize| tmp.path().join(format!("audit-{log}"));
            (lane..logs).step_by(4).map(|log| killed(&folder(log), rounds / logs, &acks)).collect::<Vec<_>>()
        };
        let lanes: Vec<_> = (0..4).map(|n| scope.spawn(move || lane(n))).collect();
        for log in lanes.into_iter().flat_map(|lane| lane.join().unwrap()) {
            acknowledged += log.acknowledged;
            records += log.records;
            late += log.late;
            slowest = slowest.max(log.slowest);
        }
    });
    println!(
        "{rounds} kills, {acknowledged} acknowledged, {acknowledged} found, 0 lost, {late} writers too late; {records} \
         records; slowest recovery {slowest:?}"
    );
    assert!(acknowledged > 0);
}

/// What came of one log.
struct Killed {
    acknowledged: usize,
    records: u64,
    late: usize,
    /// The longest from a start to the first acknowledgement, or to the kill while it was opening.
    slowest: Duration,
}

fn killed(folder: &Path, rounds: usize, acks: &[usize]) -> Killed {
    let (mut said, mut slowest) = (Said::default(), Duration::ZERO);
    for round in 0..rounds {
        let mut child = start(&mut this_binary(), folder, 8, u64::MAX / 2_000_000);
        let begun = Instant::now();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // Some rounds are ended while the log is being opened, the others under load.
        let before = said.acknowledged.len();
        while said.acknowledged.len() < before + acks[round % acks.len()] {
            let Some(Ok(line)) = lines.next() else { break };
            said.take(&line);
            if said.acknowledged.len() == before {
                slowest = slowest.max(begun.elapsed());
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        lines.map_while(Result::ok).for_each(|line| said.take(&line));
        assert_eq!(said.errors, Vec::<String>::new());
    }
    let records = check(folder, &said.acknowledged);
    Killed { acknowledged: said.acknowledged.len(), records, late: said.late, slowest }
}

#[test]
fn every_acknowledged_batch_has_its_fdatasync() {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: strace is not installed");
        return;
    }
    let tmp = TempDir::new().unwrap();
    let trace = tmp.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=fsync,fdatasync,write", "-o"]).arg(&trace);
    let this = this_binary();
    strace.arg(this.get_program()).args(this.get_args());
    let mut child = start(&mut strace, &tmp.path().join("audit"), 1, 30);
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Said::default();
    lines.map_while(Result::ok).for_each(|line| said.take(&line));
    child.wait().unwrap();
    assert_eq!((said.acknowledged.len(), said.errors.len()), (30, 0));
    // One writer: every batch is one record, so between two acknowledgements there must be a completed sync.
    let trace = std::fs::read_to_string(&trace).unwrap();
    let (mut syncs, mut acks, mut started) = (0, 0, false);
    for line in trace.lines() {
        started |= line.contains("\"ready\\n\"");
        let done =
            line.ends_with("= 0") && (line.contains("fdatasync(") || line.contains("fdatasync resumed"));
        if started && done {
            syncs += 1;
        }
        if line.contains("write(2, \"ack ") {
            assert!(syncs > 0, "acknowledged without a sync: {line}");
            (syncs, acks) = (0, acks + 1);
        }
    }
    assert_eq!(acks, 30);
}

/// A tmpfs of a few megabytes, unmounted when dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(path: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let options = format!("size={size}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "hufu-test"]).arg(path).output();
        mounted.is_ok_and(|m| m.status.success()).then(|| Self(path.to_owned()))
    }

    fn resize(&self, size: &str) {
        let options = format!("remount,size={size}");
        assert!(Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_stops_the_log_and_room_starts_it_again() {
    let tmp = TempDir::new().unwrap();
    let Some(disk) = SmallDisk::mount(&tmp.path().join("disk"), "12m") else {
        println!("skipped: no file system may be mounted here");
        return;
    };
    let folder = disk.0.join("audit");
    let mut child = start(&mut this_binary(), &folder, 8, 100_000);
    let mut said = Said::default();
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        said.take(&line);
    }
    child.wait().unwrap();
    assert!(!said.errors.is_empty(), "the disk never filled up");
    disk.resize("64m");
    let size = check(&folder, &said.acknowledged);
    println!("{} acknowledged before the disk was full, none lost; {size} records", said.acknowledged.len());
    let before = said.acknowledged.len();
    let mut child = start(&mut this_binary(), &folder, 2, 10);
    for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
        said.take(&line);
    }
    child.wait().unwrap();
    assert_eq!(said.acknowledged.len(), before + 20, "it works again");
}
