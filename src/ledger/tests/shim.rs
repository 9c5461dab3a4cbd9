//! Faults in the writer's own system calls: failing, short and torn writes, failing and slow syncs, each at a chosen call.
//!
//! The shim beside this file stands between the writer's process and the C library. `HUFU_LONG` makes it 1,200 faults, and more of
//! the second kind.

use super::crash::{Said, check, start, this_binary};
use super::*;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

/// Rows of faults side by side: most of one's time is waiting.
const LANES: usize = 4;

/// What can go wrong, and whether a writer that meets it must refuse what it was asked.
const KINDS: [(&str, bool); 9] = [
    ("sync-eio", true),
    ("sync-eio-from", true),
    ("sync-enospc", true),
    ("sync-slow", false),
    ("write-eio", true),
    ("write-enospc-from", true),
    ("write-short", false),
    ("write-torn", true),
    ("write-torn-kill", true),
];

fn compiled(folder: &Path) -> Option<std::path::PathBuf> {
    let library = folder.join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger/tests/shim.c");
    let done = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .output();
    match done {
        Ok(done) if done.status.success() => Some(library),
        Ok(done) => panic!("{}", String::from_utf8_lossy(&done.stderr)),
        Err(error) => {
            println!("skipped: cc: {error}");
            None
        }
    }
}

/// What a row of faults came to.
#[derive(Default)]
struct Sum {
    met: usize,
    acknowledged: usize,
    refused: usize,
    slowest: Duration,
}

/// Every LANES-th fault, on logs of its own.
fn lane(lane: usize, rounds: usize, library: &Path, tmp: &Path) -> Sum {
    let mut sum = Sum::default();
    let (mut folder, mut said) = (tmp.to_owned(), Said::default());
    for (n, round) in (lane..rounds).step_by(LANES).enumerate() {
        let (kind, must_refuse) = KINDS[round % KINDS.len()];
        // Past the calls that opening makes, and among them.
        let call = 1 + (round / KINDS.len() * 7) % 40;
        if n % 45 == 0 {
            folder = tmp.join(format!("audit-{round}"));
            said = Said::default();
        }
        let mut command = this_binary();
        command.env("LD_PRELOAD", library).env("HUFU_FAULT", format!("{kind} {call} {}", folder.display()));
        let before = said.acknowledged.len();
        let mut child = start(&mut command, &folder, 4, 12);
        let mut complete = false;
        for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
            complete |= line == "done";
            said.take(&line);
        }
        let status = child.wait().unwrap();
        let errors = std::mem::take(&mut said.errors).len();
        let acked = said.acknowledged.len() - before;
        sum.acknowledged += acked;
        sum.refused += errors;
        sum.met += usize::from(acked < 48 || !status.success() || !must_refuse);
        assert!(must_refuse || (complete && errors == 0), "{kind} at {call}: {errors} errors");
        // The next start finds a sound log with everything in it, without a hand.
        let begun = Instant::now();
        check(&folder, &said.acknowledged);
        sum.slowest = sum.slowest.max(begun.elapsed());
    }
    sum
}

#[test]
fn nothing_acknowledged_is_lost_when_the_disk_fails() {
    let long = std::env::var("HUFU_LONG").is_ok_and(|long| !long.is_empty());
    let rounds: usize = if long { 1_200 } else { 27 };
    let tmp = TempDir::new().unwrap();
    let Some(library) = compiled(tmp.path()) else { return };
    let mut all = Sum::default();
    std::thread::scope(|scope| {
        let (library, tmp) = (&library, tmp.path());
        let lanes: Vec<_> = (0..LANES).map(|n| scope.spawn(move || lane(n, rounds, library, tmp))).collect();
        for sum in lanes.into_iter().map(|lane| lane.join().unwrap()) {
            all.met += sum.met;
            all.acknowledged += sum.acknowledged;
            all.refused += sum.refused;
            all.slowest = all.slowest.max(sum.slowest);
        }
    });
    let Sum { met, acknowledged, refused, slowest } = all;
    println!(
        "{rounds} disk faults, {met} met; {acknowledged} acknowledged, {acknowledged} found, 0 lost; {refused} writers \
         refused; slowest recovery with a whole verification {slowest:?}"
    );
    assert!(met * 2 > rounds, "most faults never happened: {met} of {rounds}");
}

/// What happens to a call that would change something on the disk.
const ENDS: [&str; 4] = ["any-kill", "any-enospc-from", "any-enospc", "any-eio"];

/// Records for the next start to find, so that it has something to recover. Their tags are the record numbers.
fn records_for_the_next_start(folder: &Path, said: &mut Said) {
    let mut log = open(&Folder::new(folder)).unwrap();
    let mut draft = log.draft();
    for _ in 0..2 {
        let number = draft.next();
        let at = log.last_at().unwrap_or(hufu_api::UnixTime::from_millis(1_800_000_000_000));
        draft.add(at, RequestId(0), crate::audit::Body::Event(event(number))).unwrap();
        said.acknowledged.insert((number, number));
    }
    log.append(draft).unwrap();
}

/// Every `step`-th call from `call` on, each in its own life of a writer, until a life ends before its call comes; gives how many.
fn lives(end: &str, mut call: usize, step: usize, library: &Path, folder: &Path) -> usize {
    let (mut said, mut met) = (Said::default(), 0);
    loop {
        records_for_the_next_start(folder, &mut said);
        // A writer that hangs is a failure of the test, and not its end.
        let mut command = Command::new("timeout");
        command.arg("300").arg(this_binary().get_program()).args(this_binary().get_args());
        command.env("LD_PRELOAD", library).env("HUFU_FAULT", format!("{end} {call} {}", folder.display()));
        let mut child = start(&mut command, folder, 1, 2);
        let mut fault = false;
        for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
            fault |= line == "fault";
            said.take(&line);
        }
        assert_ne!(child.wait().unwrap().code(), Some(124), "{end} at {call}: it hangs");
        check(folder, &said.acknowledged);
        if !fault {
            return met;
        }
        met += 1;
        call += step;
    }
}

/// Opening, writing, the checkpoint at the end, closing: whichever call is the process's last, or fails, or is the first that
/// finds the disk full, the next start has a sound log and all that was acknowledged.
#[test]
fn each_call_of_a_writers_life_may_fail_or_be_its_last() {
    let long = std::env::var("HUFU_LONG").is_ok_and(|long| !long.is_empty());
    // In the short form each call meets one of the ends.
    let step = if long { 1 } else { ENDS.len() };
    let tmp = TempDir::new().unwrap();
    let Some(library) = compiled(tmp.path()) else { return };
    let met: Vec<usize> = std::thread::scope(|scope| {
        let (library, tmp) = (&library, tmp.path());
        let lane = |(n, end): (usize, &'static str)| {
            let first = if long { 1 } else { 1 + n };
            scope.spawn(move || lives(end, first, step, library, &tmp.join(end)))
        };
        let lanes: Vec<_> = ENDS.into_iter().enumerate().map(lane).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    println!("calls that ended or failed: {:?}", ENDS.iter().zip(&met).collect::<Vec<_>>());
    assert!(met.iter().all(|met| *met * step > 20), "{met:?}");
}
