//! The log's disk fails or hangs beneath a running appliance. strace puts the faults into the system calls of the audit
//! writer, and into those of every writer that the supervisor starts in its place.

use crate::daemon::{Answer, Client, Daemon, Site};
use crate::signed_contract::{Parties, contract, register};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A fault in force until it is dropped.
struct Fault(Child);

impl Fault {
    /// `how` is what strace's `inject` takes, for example `error=EIO`, for each sync of the processes.
    fn put(processes: &[u32], how: &str) -> Option<Self> {
        Self::inject(processes, "fsync,fdatasync,syncfs", how)
    }

    /// The same for other system calls.
    fn inject(processes: &[u32], calls: &str, how: &str) -> Option<Self> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={calls}"), "-e"]);
        strace.arg(format!("inject={calls}:{how}"));
        for process in processes {
            strace.args(["-p", &process.to_string()]);
        }
        let Ok(mut strace) = strace.stderr(Stdio::piped()).spawn() else {
            println!("skipped: strace is not installed");
            return None;
        };
        // strace says so once it is attached, for each process.
        let mut said = BufReader::new(strace.stderr.take().unwrap()).lines();
        for process in processes {
            let line = said.next().unwrap().unwrap();
            assert!(line.contains("attached"), "{process}: {line}");
        }
        // What it says later must not block it.
        std::thread::spawn(move || said.for_each(drop));
        Some(Self(strace))
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.0),
            rustix::process::Signal::INT,
        );
        // It may wait for ever for a thread of a process that was killed meanwhile.
        let deadline = Instant::now() + Duration::from_secs(5);
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn try_sign(client: &Client, parties: &Parties, from: &Path, to: &Path) -> Answer {
    let body = json!({"signerId": parties.person.to_string(), "moulageId": parties.person_seal.to_string(),
        "contractPath": from, "contractSavePath": to, "signPositionType": "1", "positionContent": "1,100,100"});
    client.try_send("POST", "/sign/filePath", "application/json", body.to_string().as_bytes()).unwrap()
}

/// Signs until it works again; the answered signature's file.
pub fn recovers(client: &Client, parties: &Parties, from: &Path, to: PathBuf) -> (u64, PathBuf) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = try_sign(client, parties, from, &to);
        if answer.code() == 200 {
            return (answer.data("summaryId").as_u64().unwrap(), to);
        }
        assert!(Instant::now() < deadline, "no recovery: {:?}", answer.body);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn with_the_logs_sync_failing_nothing_is_signed_and_the_answer_is_an_error() {
    let daemon = Daemon::new();
    let client = daemon.second_client();
    let parties = register(&client);
    let file = contract(&daemon, "c.pdf");
    let docs = daemon.documents();
    let mut answered = vec![recovers(&client, &parties, &file, docs.join("before.pdf"))];

    let Some(fault) = Fault::put(&[daemon.supervisor(), daemon.pid("audit")], "error=EIO") else { return };
    for n in 0..6 {
        let to = docs.join(format!("refused-{n}.pdf"));
        let answer = try_sign(&client, &parties, &file, &to);
        assert_eq!((answer.status, answer.code()), (503, 503), "{:?}", answer.body);
        assert!(!to.exists(), "an output without a record");
        // What needs no key is not taken either: it could not be told of.
        let sid = format!("while-failing-{n}");
        let answer = client.post("/cz/in", &json!({"sid": sid, "filePath": file}));
        assert_ne!(answer.code(), 200, "{:?}", answer.body);
    }
    drop(fault);
    answered.push(recovers(&client, &parties, &file, docs.join("after.pdf")));
    let (site, ended_well) = daemon.stop();
    assert!(ended_well);
    crate::processes::check_what_was_answered(&site, &answered);
    let (_, list, _) =
        site.hufu(&["audit", "search", "--act", "sign", "--ending", "done", "--json", "-n", "1000"]);
    assert_eq!(
        list.lines().count(),
        answered.len(),
        "signatures on record that nobody was answered:\n{list}"
    );
}

#[test]
fn a_sync_that_fails_at_any_step_of_a_signature_is_an_error_and_never_a_success() {
    let daemon = Daemon::new();
    let client = daemon.second_client();
    let parties = register(&client);
    let file = contract(&daemon, "c.pdf");
    let docs = daemon.documents();
    let mut answered = vec![recovers(&client, &parties, &file, docs.join("before.pdf"))];
    let long = std::env::var("HUFU_LONG").is_ok_and(|v| !v.is_empty());
    // The writer's n-th sync from now on fails once: an intent's or an outcome's. It then ends, and another one starts.
    let steps = if long { 100 } else { 4 };
    let mut refused = Vec::new();
    for step in 0..steps {
        let Some(audit) = writer_of(&daemon) else { return };
        let how = format!("error={}:when={}", if step % 2 == 0 { "EIO" } else { "ENOSPC" }, 1 + step % 4);
        let Some(fault) = Fault::put(&[audit], &how) else { return };
        for n in 0..4 {
            let to = docs.join(format!("s-{step}-{n}.pdf"));
            let answer = try_sign(&client, &parties, &file, &to);
            match answer.code() {
                200 => answered.push((answer.data("summaryId").as_u64().unwrap(), to)),
                code => {
                    assert_eq!(code, 503, "{:?}", answer.body);
                    refused.push(to);
                    break;
                }
            }
        }
        drop(fault);
        answered.push(recovers(&client, &parties, &file, docs.join(format!("s-{step}-after.pdf"))));
    }
    println!(
        "{steps} failed syncs, {} refused, {} signatures answered, all on record",
        refused.len(),
        answered.len()
    );
    assert_eq!(refused.len(), steps);
    // An error stays true: whatever the log had got of the outcome when its sync failed, the file never appears.
    assert_eq!(
        refused.iter().filter(|file| file.exists()).count(),
        0,
        "a file that was answered with an error"
    );
    assert_eq!(unseen(&docs), Vec::<PathBuf>::new());
    let released = released(&daemon.site, refused.len());
    assert_eq!(released.len(), answered.len(), "released by the log: {released:?}");
    let (site, ended_well) = daemon.stop();
    assert!(ended_well);
    crate::processes::check_what_was_answered(&site, &answered);
}

/// Files on disk that nobody is to see.
pub fn unseen(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|e| e == "part")).collect()
}

fn records(site: &Site, arguments: &[&str]) -> Vec<Value> {
    let search = [&["audit", "search", "--json", "-n", "10000"], arguments].concat();
    let (ok, out, err) = site.hufu(&search);
    assert!(ok, "{err}");
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Intents of signatures that the log says were released: done, and not withdrawn. The withdrawals, at most `most`, come as soon
/// as the log takes records again.
fn released(site: &Site, most: usize) -> Vec<u64> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let withdrawn: Vec<u64> = records(site, &["--act", "sign", "--ending", "voided"])
            .iter()
            .filter_map(|record| record["facts"]["intent"].as_u64())
            .collect();
        let done = records(site, &["--act", "sign", "--ending", "done"]);
        let of = done.iter().filter_map(|record| record["of"].as_u64());
        let released: Vec<u64> = of.filter(|intent| !withdrawn.contains(intent)).collect();
        if withdrawn.len() >= most || Instant::now() > deadline {
            return released;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The process dies between the outcome's record and the call that lets the file be seen: the next process makes up for it.
#[test]
fn a_file_that_is_on_record_appears_although_its_process_died_before_it() {
    let daemon = Daemon::new();
    let client = daemon.second_client();
    let parties = register(&client);
    let file = contract(&daemon, "c.pdf");
    let docs = daemon.documents();
    let before = recovers(&client, &parties, &file, docs.join("before.pdf"));
    let network = daemon.pid("network");
    let hang = format!("delay_enter={}", Duration::from_secs(300).as_micros());
    let Some(fault) = Fault::inject(&[network], "rename,renameat,renameat2", &hang) else { return };
    let to = docs.join("died.pdf");
    let body = json!({"signerId": parties.person.to_string(), "moulageId": parties.person_seal.to_string(),
        "contractPath": file, "contractSavePath": to, "signPositionType": "1", "positionContent": "1,100,100"});
    let key = [("Idempotency-Key", "once-and-for-all")];
    let ask = || {
        client.try_send_with("POST", "/sign/filePath", "application/json", body.to_string().as_bytes(), &key)
    };
    std::thread::scope(|scope| {
        let asked = scope.spawn(ask);
        let deadline = Instant::now() + Duration::from_secs(60);
        while released(&daemon.site, 0).len() < 2 {
            assert!(Instant::now() < deadline, "its outcome does not come on record");
        }
        assert!(!to.exists(), "seen before it can be");
        assert_eq!(unseen(&docs).len(), 1);
        kill(network);
        let cut_off = asked.join().unwrap();
        assert!(cut_off.is_err(), "answered by a dead process: {cut_off:?}");
    });
    drop(fault);
    // The client asks again, as it should: the signature was made once.
    let deadline = Instant::now() + Duration::from_secs(60);
    let id = loop {
        match ask() {
            Ok(answer) if answer.code() == 200 => break answer.data("summaryId").as_u64().unwrap(),
            other => assert!(Instant::now() < deadline, "no recovery: {other:?}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(to.exists() && unseen(&docs).is_empty());
    assert_eq!(released(&daemon.site, 0).len(), 2);
    let (site, ended_well) = daemon.stop();
    assert!(ended_well);
    crate::processes::check_what_was_answered(&site, &[before, (id, to)]);
}

fn kill(process: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// The folder refuses the name in the end: the answer is an error, nothing is seen, and the log says so.
#[test]
fn a_file_that_cannot_appear_is_withdrawn() {
    let daemon = Daemon::new();
    let client = daemon.second_client();
    let parties = register(&client);
    let file = contract(&daemon, "c.pdf");
    let docs = daemon.documents();
    let network = daemon.pid("network");
    let Some(fault) = Fault::inject(&[network], "rename,renameat,renameat2", "error=EROFS:when=1") else {
        return;
    };
    let to = docs.join("refused.pdf");
    let answer = try_sign(&client, &parties, &file, &to);
    assert_eq!(answer.code(), 20110, "{:?}", answer.body);
    drop(fault);
    assert!(!to.exists() && unseen(&docs).is_empty());
    let after = recovers(&client, &parties, &file, to);
    assert_eq!(released(&daemon.site, 1).len(), 1);
    let (site, ended_well) = daemon.stop();
    assert!(ended_well);
    crate::processes::check_what_was_answered(&site, &[after]);
}

/// The audit writer that lives now: the one that has the log's lock file open for writing.
fn writer_of(daemon: &Daemon) -> Option<u32> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        let found = crate::processes::children(daemon.supervisor())
            .into_iter()
            .find(|pid| crate::processes::command_line(*pid).contains("internal audit"));
        if found.is_some() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

#[test]
fn a_hung_disk_is_answered_503_while_it_hangs() {
    let daemon = Daemon::new();
    let client = daemon.second_client();
    let parties = register(&client);
    let file = contract(&daemon, "c.pdf");
    let docs = daemon.documents();
    let first = recovers(&client, &parties, &file, docs.join("before.pdf"));
    let hang = Duration::from_secs(25);
    let how = format!("delay_enter={}", hang.as_micros());
    let Some(fault) = Fault::put(&[daemon.pid("audit")], &how) else { return };
    let began = Instant::now();
    for n in 0..3 {
        let to = docs.join(format!("hung-{n}.pdf"));
        let asked = Instant::now();
        let answer = try_sign(&client, &parties, &file, &to);
        println!("503 after {:?} on a hung disk", asked.elapsed());
        assert_eq!((answer.status, answer.code()), (503, 503), "{:?}", answer.body);
        assert!(!to.exists());
    }
    assert!(began.elapsed() < hang, "answered only when the disk did");
    drop(fault);
    let last = recovers(&client, &parties, &file, docs.join("after.pdf"));
    let (site, _) = daemon.stop();
    crate::processes::check_what_was_answered(&site, &[first, last]);
}
