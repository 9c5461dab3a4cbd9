//! What each process has and has not, and what happens when one is killed.

use crate::daemon::{Daemon, Site};
use crate::judges;
use crate::signed_contract::{contract, register, sign};
use serde_json::json;
use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn proc_file(pid: u32, name: &str) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|w| w == needle)
}

/// The direct children of a process, by the process table.
pub fn children(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = String::from_utf8_lossy(&proc_file(pid, "stat")).into_owned();
        let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        if after.split_whitespace().nth(1).and_then(|p| p.parse::<u32>().ok()) == Some(parent) {
            found.push(pid);
        }
    }
    found
}

pub fn command_line(pid: u32) -> String {
    String::from_utf8_lossy(&proc_file(pid, "cmdline")).replace('\0', " ")
}

fn open_files(pid: u32) -> Vec<PathBuf> {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .map(|fds| fds.flatten().filter_map(|fd| fs::read_link(fd.path()).ok()).collect())
        .unwrap_or_default()
}

#[test]
fn the_network_process_has_no_module_no_pin_and_no_token_files() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let parties = register(&client);
    let file = contract(&daemon, "c.pdf");
    sign(&client, parties.person, parties.person_seal, &file, &daemon.documents().join("s.pdf"), "1,100,100");

    let pin = fs::read(daemon.site.dir().join("secrets/user-pin")).unwrap();
    assert!(pin.len() >= 8);
    let network = daemon.pid("network");
    let maps = proc_file(network, "maps");
    assert!(contains(&maps, b"hufu"), "the process is readable at all");
    assert!(!contains(&maps, b"softhsm"), "the PKCS#11 module is mapped in the network process");
    for what in ["environ", "cmdline"] {
        assert!(!contains(&proc_file(network, what), &pin), "the PIN stands in {what}");
        assert!(!contains(&proc_file(network, what), b"SOFTHSM2_CONF"), "{what} leads to the token");
    }
    for open in open_files(network) {
        let open = open.to_string_lossy().into_owned();
        assert!(
            !open.contains("/token/") && !open.contains("/secrets/"),
            "the network process has {open} open"
        );
    }
    // No process has the PIN where other users could see it.
    for pid in children(daemon.supervisor()).into_iter().chain([daemon.supervisor()]) {
        for what in ["environ", "cmdline"] {
            assert!(
                !contains(&proc_file(pid, what), &pin),
                "the PIN stands in {what} of {}",
                command_line(pid)
            );
        }
    }
    // The supervisor has neither listener nor vendor code.
    assert!(!contains(&proc_file(daemon.supervisor(), "maps"), b"softhsm"));
    // And a worker does have the module: the test looks at the right thing.
    let workers =
        children(daemon.supervisor()).into_iter().filter(|p| contains(&proc_file(*p, "maps"), b"softhsm"));
    assert!(workers.count() >= 4, "signer, ca, tsa and audit workers");
    // Every process but the supervisor runs under a filter of system calls.
    for pid in children(daemon.supervisor()) {
        assert!(contains(&proc_file(pid, "status"), b"Seccomp:\t2"), "no filter in {}", command_line(pid));
    }
}

#[test]
fn a_pin_that_is_a_credential_is_found_by_the_workers_alone() {
    let site = Site::with(|dir| {
        fs::create_dir(dir.join("credentials")).unwrap();
        fs::rename(dir.join("secrets/user-pin"), dir.join("credentials/pin")).unwrap();
        let file = dir.join("conf/hufu.toml");
        let text = fs::read_to_string(&file).unwrap();
        let changed = text.replace("pin_file = \"../secrets/user-pin\"", "pin_credential = \"pin\"");
        assert_ne!(changed, text);
        fs::write(file, changed).unwrap();
    });
    // As systemd gives them to a unit.
    let mut command = std::process::Command::new(crate::daemon::HUFU);
    command.env("CREDENTIALS_DIRECTORY", site.dir().join("credentials"));
    let daemon = site.start_by(command);
    let client = daemon.client();
    let parties = register(&client);
    let file = contract(&daemon, "c.pdf");
    sign(&client, parties.person, parties.person_seal, &file, &daemon.documents().join("s.pdf"), "1,100,100");
    for pid in children(daemon.supervisor()) {
        let told = contains(&proc_file(pid, "environ"), b"CREDENTIALS_DIRECTORY");
        assert_eq!(told, contains(&proc_file(pid, "maps"), b"softhsm"), "{}", command_line(pid));
    }
}

/// Every answered signature is in the log and its file verifies; no half-written output.
pub fn check_what_was_answered(site: &Site, answered: &[(u64, PathBuf)]) {
    let (ok, out, err) = site.hufu(&["audit", "verify"]);
    assert!(ok, "audit verify: {out}{err}");
    let (ok, list, err) = site.hufu(&["audit", "search", "--act", "sign", "--json", "-n", "1000000"]);
    assert!(ok, "{err}");
    let recorded: HashSet<u64> = list
        .lines()
        .filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok())
        .filter(|r| r["kind"] == "outcome" && r["ending"] == "done")
        .filter_map(|r| r["facts"]["summary"].as_u64())
        .collect();
    for (id, file) in answered {
        assert!(recorded.contains(id), "answered signature {id} is not in the log");
        let bytes = fs::read(file).unwrap();
        assert!(bytes.ends_with(b"%%EOF\n") || bytes.ends_with(b"%%EOF"), "{} is cut", file.display());
    }
    let (signer, tsa) =
        (PathBuf::from(&site.env["HUFU_SIGNER_ROOT"]), PathBuf::from(&site.env["HUFU_TSA_ROOT"]));
    // Our own verdict on every tenth file, a stranger's on the last ones.
    let some: Vec<&str> = answered.iter().step_by(10).filter_map(|(_, file)| file.to_str()).collect();
    for files in some.chunks(100) {
        let (ok, out, err) = site.hufu(&[&["verify"], files].concat());
        assert!(ok, "{out}{err}");
    }
    for (_, file) in answered.iter().rev().take(5) {
        judges::pyhanko_is_content(file, &signer, &tsa, 1);
    }
    for entry in fs::read_dir(&site.env["HUFU_DOCUMENTS"]).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "pdf") {
            let tail = fs::read(&path).unwrap();
            assert!(
                tail.windows(5).rev().take(16).any(|w| w == b"%%EOF"),
                "half-written: {}",
                path.display()
            );
        }
    }
}

#[test]
fn killed_at_random_moments_nothing_answered_is_lost() {
    let kills: usize = if std::env::var("HUFU_LONG").is_ok_and(|v| !v.is_empty()) { 200 } else { 12 };
    let daemon = Daemon::new();
    let client = daemon.second_client();
    let parties = register(&client);
    let original = contract(&daemon, "c.pdf");
    let docs = daemon.documents();
    let answered = Arc::new(Mutex::new(Vec::new()));
    let over = Arc::new(AtomicBool::new(false));

    let signers: Vec<_> = (0..4)
        .map(|thread| {
            let (answered, over, original, docs) = (answered.clone(), over.clone(), original.clone(), docs.clone());
            let client = client.clone();
            let (signer, seal) = (parties.person, parties.person_seal);
            std::thread::spawn(move || {
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    number += 1;
                    let to = docs.join(format!("out-{thread}-{number}.pdf"));
                    let body = json!({"signerId": signer.to_string(), "moulageId": seal.to_string(), "contractPath": original,
                        "contractSavePath": to, "signPositionType": "1", "positionContent": "1,100,100"});
                    let text = body.to_string();
                    match client.try_send("POST", "/sign/filePath", "application/json", text.as_bytes()) {
                        Ok(answer) if answer.code() == 200 => {
                            answered.lock().unwrap().push((answer.data("summaryId").as_u64().unwrap(), to));
                        }
                        // While something restarts the answer is an error, never a wrong success.
                        _ => std::thread::yield_now(),
                    }
                }
            })
        })
        .collect();

    let mut random = 0x9E37_79B9_7F4A_7C15_u64 ^ u64::from(std::process::id());
    let mut slowest = Duration::ZERO;
    for round in 0..kills {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(50 + (random >> 33) % 400));
        let all = children(daemon.supervisor());
        assert!(!all.is_empty(), "the supervisor has no children left");
        let victim = all[round % all.len()];
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_raw(i32::try_from(victim).unwrap()).unwrap(),
            rustix::process::Signal::KILL,
        );
        // Recovery without a hand: signing works again.
        let started = Instant::now();
        let before = answered.lock().unwrap().len();
        while answered.lock().unwrap().len() <= before {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "no recovery after kill {round} of {}",
                command_line(victim)
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        slowest = slowest.max(started.elapsed());
    }
    over.store(true, Ordering::Relaxed);
    for signer in signers {
        signer.join().unwrap();
    }
    // The last to be killed may not be back yet.
    let login = json!({"appId": daemon.site.env["HUFU_APP2_ID"], "appKey": daemon.site.env["HUFU_APP2_KEY"]})
        .to_string();
    let started = Instant::now();
    while !client
        .try_send("POST", "/auth/login", "application/json", login.as_bytes())
        .is_ok_and(|answer| answer.code() == 200)
    {
        assert!(started.elapsed() < Duration::from_secs(20), "nobody can log in after the last kill");
        std::thread::sleep(Duration::from_millis(5));
    }
    let (site, ended_well) = daemon.stop();
    assert!(ended_well);
    let answered = answered.lock().unwrap();
    println!("{kills} kills, {} answered signatures, slowest recovery {slowest:?}", answered.len());
    check_what_was_answered(&site, &answered);
}

#[test]
fn a_stopped_appliance_finishes_what_was_begun_and_starts_again() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let parties = register(&client);
    let file = contract(&daemon, "c.pdf");
    let signed = daemon.documents().join("s.pdf");
    let id = sign(&client, parties.person, parties.person_seal, &file, &signed, "1,100,100");
    let (site, ended_well) = daemon.stop();
    assert!(ended_well);
    check_what_was_answered(&site, &[(id, signed)]);

    let daemon = site.start();
    // Tokens survive a restart or are refused cleanly; signers and seals are still there.
    let client = daemon.client();
    let again = daemon.documents().join("again.pdf");
    let next = sign(&client, parties.person, parties.person_seal, &file, &again, "1,100,100");
    assert!(next > id, "ids are never given twice");
}

#[test]
fn every_acknowledged_batch_is_synced() {
    let daemon = Daemon::new();
    let client = daemon.second_client();
    let parties = register(&client);
    let file = contract(&daemon, "c.pdf");
    let audit = daemon.pid("audit");
    let trace = daemon.site.dir().join("strace.txt");
    let mut strace = std::process::Command::new("strace")
        .args(["-f", "-e", "trace=fsync,fdatasync,syncfs", "-o"])
        .arg(&trace)
        .args(["-p", &audit.to_string()])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // strace says so once it is attached.
    let mut said = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(strace.stderr.take().unwrap()), &mut said)
        .unwrap();
    assert!(said.contains("attached"), "{said}");
    let signatures = 5;
    for n in 0..signatures {
        let to = daemon.documents().join(format!("s{n}.pdf"));
        sign(&client, parties.person, parties.person_seal, &file, &to, "1,100,100");
    }
    let _ = rustix::process::kill_process(
        rustix::process::Pid::from_child(&strace),
        rustix::process::Signal::INT,
    );
    strace.wait().unwrap();
    let text = fs::read_to_string(&trace).unwrap();
    let syncs = text.lines().filter(|l| l.contains("sync(") || l.contains("syncfs(")).count();
    // One after another, so that no batch is shared: an intent and an outcome each.
    assert!(syncs >= 2 * signatures, "{syncs} syncs for {signatures} signatures:\n{text}");
}
