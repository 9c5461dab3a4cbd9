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

/// A client of an appliance with a contract to sign.
pub struct Signing {
    pub client: Client,
    pub parties: Parties,
    /// The contract.
    pub file: PathBuf,
    /// The documents' folder.
    pub docs: PathBuf,
}

impl Signing {
    pub fn on(daemon: &Daemon) -> Self {
        let client = daemon.second_client();
        let parties = register(&client);
        Self { parties, file: contract(daemon, "c.pdf"), docs: daemon.documents(), client }
    }

    fn request(&self, to: &Path) -> Value {
        json!({"signerId": self.parties.person.to_string(), "moulageId": self.parties.person_seal.to_string(),
            "contractPath": self.file, "contractSavePath": to, "signPositionType": "1", "positionContent": "1,100,100"})
    }

    /// Asks once for a signed file of that name.
    pub fn attempt(&self, name: &str) -> (Answer, PathBuf) {
        (self.try_attempt(name).unwrap(), self.docs.join(name))
    }

    /// The same where there may be no answer.
    pub fn try_attempt(&self, name: &str) -> Result<Answer, String> {
        let body = self.request(&self.docs.join(name)).to_string();
        self.client.try_send("POST", "/sign/filePath", "application/json", body.as_bytes())
    }

    /// Signs until it works again; the answered signature's file.
    pub fn recovers(&self, name: &str) -> (u64, PathBuf) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let (answer, to) = self.attempt(name);
            if answer.code() == 200 {
                return (answer.data("summaryId").as_u64().unwrap(), to);
            }
            assert!(Instant::now() < deadline, "no recovery: {:?}", answer.body);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn with_the_logs_sync_failing_nothing_is_signed_and_the_answer_is_an_error() {
    let daemon = Daemon::new();
    let signing = Signing::on(&daemon);
    let mut answered = vec![signing.recovers("before.pdf")];

    let Some(fault) = Fault::put(&[daemon.supervisor(), daemon.pid("audit")], "error=EIO") else { return };
    for n in 0..6 {
        let (answer, to) = signing.attempt(&format!("refused-{n}.pdf"));
        assert_eq!((answer.status, answer.code()), (503, 503), "{:?}", answer.body);
        assert!(!to.exists(), "an output without a record");
        // What needs no key is not taken either: it could not be told of.
        let sid = format!("while-failing-{n}");
        let answer = signing.client.post("/cz/in", &json!({"sid": sid, "filePath": signing.file}));
        assert_ne!(answer.code(), 200, "{:?}", answer.body);
    }
    drop(fault);
    answered.push(signing.recovers("after.pdf"));
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
    let signing = Signing::on(&daemon);
    let mut answered = vec![signing.recovers("before.pdf")];
    let long = std::env::var("HUFU_LONG").is_ok_and(|v| !v.is_empty());
    // The writer's n-th sync from now on fails once: an intent's or an outcome's. It then ends, and another one starts.
    let steps = if long { 100 } else { 4 };
    let mut refused = Vec::new();
    for step in 0..steps {
        let Some(audit) = writer_of(&daemon) else { return };
        let how = format!("error={}:when={}", if step % 2 == 0 { "EIO" } else { "ENOSPC" }, 1 + step % 4);
        let Some(fault) = Fault::put(&[audit], &how) else { return };
        for n in 0..4 {
            let (answer, to) = signing.attempt(&format!("s-{step}-{n}.pdf"));
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
        answered.push(signing.recovers(&format!("s-{step}-after.pdf")));
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
    assert_eq!(unseen(&signing.docs), Vec::<PathBuf>::new());
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
    let signing = Signing::on(&daemon);
    let before = signing.recovers("before.pdf");
    let network = daemon.pid("network");
    let hang = format!("delay_enter={}", Duration::from_secs(300).as_micros());
    let Some(fault) = Fault::inject(&[network], "rename,renameat,renameat2", &hang) else { return };
    let to = signing.docs.join("died.pdf");
    let body = signing.request(&to).to_string();
    let key = [("Idempotency-Key", "once-and-for-all")];
    let ask =
        || signing.client.try_send_with("POST", "/sign/filePath", "application/json", body.as_bytes(), &key);
    std::thread::scope(|scope| {
        let asked = scope.spawn(ask);
        let deadline = Instant::now() + Duration::from_secs(60);
        while released(&daemon.site, 0).len() < 2 {
            assert!(Instant::now() < deadline, "its outcome does not come on record");
        }
        assert!(!to.exists(), "seen before it can be");
        assert_eq!(unseen(&signing.docs).len(), 1);
        kill(network);
        // strace holds what is left of it, and with it the connection.
        drop(fault);
        let cut_off = asked.join().unwrap();
        assert!(cut_off.is_err(), "answered by a dead process: {cut_off:?}");
    });
    // The client asks again, as it should: the signature was made once.
    let deadline = Instant::now() + Duration::from_secs(60);
    let id = loop {
        match ask() {
            Ok(answer) if answer.code() == 200 => break answer.data("summaryId").as_u64().unwrap(),
            other => assert!(Instant::now() < deadline, "no recovery: {other:?}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(to.exists() && unseen(&signing.docs).is_empty());
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
    let signing = Signing::on(&daemon);
    let network = daemon.pid("network");
    let Some(fault) = Fault::inject(&[network], "rename,renameat,renameat2", "error=EROFS:when=1") else {
        return;
    };
    let (answer, to) = signing.attempt("refused.pdf");
    assert_eq!(answer.code(), 20110, "{:?}", answer.body);
    drop(fault);
    assert!(!to.exists() && unseen(&signing.docs).is_empty());
    let after = signing.recovers("refused.pdf");
    assert_eq!(released(&daemon.site, 1).len(), 1);
    let (site, ended_well) = daemon.stop();
    assert!(ended_well);
    crate::processes::check_what_was_answered(&site, &[after]);
}

/// The audit writer that lives now.
fn writer_of(daemon: &Daemon) -> Option<u32> {
    process(daemon, "internal audit", 0)
}

/// A child of the supervisor with those words in its command line that is not `old`.
fn process(daemon: &Daemon, words: &str, old: u32) -> Option<u32> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        let found = crate::processes::children(daemon.supervisor())
            .into_iter()
            .find(|pid| *pid != old && crate::processes::command_line(*pid).contains(words));
        if found.is_some() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// The state's disk fails beneath the network process: nothing is a success until it works, and then nobody has to do anything.
#[test]
fn a_state_whose_disk_failed_is_opened_anew_once_the_disk_takes_writes() {
    let daemon = Daemon::new();
    let signing = Signing::on(&daemon);
    let before = signing.recovers("before.pdf");
    let network = daemon.pid("network");
    let Some(fault) = Fault::put(&[network], "error=ENOSPC") else { return };
    let seal = || signing.client.post("/moulage/person", &json!({"signerId": signing.parties.person}));
    for _ in 0..3 {
        let answer = seal();
        assert_eq!((answer.status, answer.code()), (503, 503), "{:?}", answer.body);
        let (answer, to) = signing.attempt("refused.pdf");
        assert_ne!(answer.code(), 200, "{:?}", answer.body);
        assert!(!to.exists());
    }
    assert!(
        crate::processes::command_line(network).contains("internal network"),
        "gone while the disk still fails"
    );
    drop(fault);
    let after = signing.recovers("after.pdf");
    // A signature stands in the log before the state has it: the old process may have answered that, and end now.
    let body = json!({"signerId": signing.parties.person}).to_string();
    let sealed = || {
        let tried =
            signing.client.try_send_with("POST", "/moulage/person", "application/json", body.as_bytes(), &[]);
        tried.is_ok_and(|answer| answer.code() == 200)
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !sealed() {
        assert!(Instant::now() < deadline, "the state takes no writes");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(process(&daemon, "internal network", network).is_some(), "the same process went on");
    let (site, ended_well) = daemon.stop();
    assert!(ended_well);
    crate::processes::check_what_was_answered(&site, &[before, after]);
}

/// Until nothing is left of a process but the thread that strace holds.
fn until_it_ends(process: u32) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !crate::processes::command_line(process).is_empty() {
        assert!(Instant::now() < deadline, "{process} waits for ever");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// sled, or a driver, may wait for what will not come although the disk works: log and state are then opened anew by fresh processes.
#[test]
fn a_write_that_never_ends_on_a_disk_that_works_is_not_waited_for() {
    if std::env::var_os("HUFU_LONG").is_none() {
        println!("skipped: writes and a start that never end (HUFU_LONG is not set)");
        return;
    }
    let daemon = Daemon::new();
    let signing = Signing::on(&daemon);
    let mut answered = vec![signing.recovers("before.pdf")];
    let for_good = format!("delay_enter={}", Duration::from_secs(600).as_micros());
    // The probe of the disk syncs by another call.
    for (name, words) in [("audit", "internal audit"), ("network", "internal network")] {
        let old = daemon.pid(name);
        let Some(fault) = Fault::inject(&[old], "fdatasync", &for_good) else { return };
        let body = json!({"signerId": signing.parties.person});
        assert_ne!(signing.client.post("/moulage/person", &body).code(), 200);
        let begun = Instant::now();
        until_it_ends(old);
        println!("a write of the {name} process that never ends: given up after {:?}", begun.elapsed());
        drop(fault);
        answered.push(signing.recovers(&format!("after-{name}.pdf")));
        assert!(process(&daemon, words, old).is_some());
    }
    // A start whose first look into the files does not come back.
    let network = process(&daemon, "internal network", 0).unwrap();
    let Some(fault) = Fault::inject(&[daemon.supervisor()], "fadvise64", &for_good) else { return };
    kill(network);
    let begun = Instant::now();
    // strace holds the thread that hangs, here the process's first: it is seen to give up in what it says.
    let log = daemon.site.dir().join("hufu.log");
    while !std::fs::read_to_string(&log).unwrap().contains("the start does not go on") {
        assert!(begun.elapsed() < Duration::from_secs(120), "it waits for ever");
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("a start that does not go on: given up after {:?}", begun.elapsed());
    drop(fault);
    answered.push(signing.recovers("after-start.pdf"));
    let (site, ended_well) = daemon.stop();
    assert!(ended_well);
    crate::processes::check_what_was_answered(&site, &answered);
}

#[test]
fn a_hung_disk_is_answered_503_while_it_hangs() {
    let daemon = Daemon::new();
    let signing = Signing::on(&daemon);
    let first = signing.recovers("before.pdf");
    let hang = Duration::from_secs(25);
    let how = format!("delay_enter={}", hang.as_micros());
    let Some(fault) = Fault::put(&[daemon.pid("audit")], &how) else { return };
    let began = Instant::now();
    for n in 0..3 {
        let asked = Instant::now();
        let (answer, to) = signing.attempt(&format!("hung-{n}.pdf"));
        println!("503 after {:?} on a hung disk", asked.elapsed());
        assert_eq!((answer.status, answer.code()), (503, 503), "{:?}", answer.body);
        assert!(!to.exists());
    }
    assert!(began.elapsed() < hang, "answered only when the disk did");
    drop(fault);
    let last = signing.recovers("after.pdf");
    let (site, _) = daemon.stop();
    crate::processes::check_what_was_answered(&site, &[first, last]);
}
