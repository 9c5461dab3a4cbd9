//! A loaded appliance whose token fails, whose processes die, at random moments, for as long as one likes: nothing wrong is signed,
//! nothing acknowledged is lost, memory and descriptors do not grow. `tests/soak SECONDS` runs the long form.

use crate::daemon::{Client, Daemon, Site};
use crate::processes::{children, command_line};
use crate::signed_contract::{contract, register};
use crate::token_faults::Faults;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Clients at once.
const CLIENTS: usize = 4;
/// Files that each client writes in turn; a signature is checked before its file is written again.
const NAMES: u64 = 8;
/// Every so many answers the file is judged by our own validator too.
const JUDGED: u64 = 50;

/// What the clients saw.
#[derive(Default)]
struct Seen {
    answered: Mutex<Vec<u64>>,
    codes: Mutex<BTreeMap<i64, u64>>,
    cut: AtomicU64,
}

/// Numbers that look random; the seed is printed, so that a run can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// One client, until it is over. A wrong file ends the test.
fn sign_on(
    daemon: &Daemon,
    mut client: Client,
    thread: usize,
    original: &Path,
    request: &Value,
    seen: &Seen,
    over: &AtomicBool,
) {
    let input = fs::read(original).unwrap();
    for number in 0_u64.. {
        if over.load(Ordering::SeqCst) {
            return;
        }
        let to = daemon.documents().join(format!("soak-{thread}-{}.pdf", number % NAMES));
        let mut body = request.clone();
        body["contractSavePath"] = json!(to);
        let text = body.to_string();
        let Ok(answer) = client.try_send("POST", "/sign/filePath", "application/json", text.as_bytes())
        else {
            // The network process was killed: no answer, so nothing was promised.
            seen.cut.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        *seen.codes.lock().unwrap().entry(answer.code()).or_default() += 1;
        match answer.code() {
            200 => {
                if let Some(token) = &answer.token {
                    client.token.clone_from(token);
                }
                seen.answered.lock().unwrap().push(answer.data("summaryId").as_u64().unwrap());
                let signed = fs::read(&to).unwrap();
                assert!(signed.starts_with(&input), "the original bytes stay");
                assert!(signed.ends_with(b"%%EOF\n") && signed.len() > input.len() + 1000, "whole");
                if number % JUDGED == 0 {
                    let (ok, out, err) = daemon.site.hufu(&["verify", to.to_str().unwrap()]);
                    assert!(ok, "{out}{err}");
                }
            }
            // Come again, or it did not go; never an error of our own.
            503 | 504 | 60105 => std::thread::sleep(Duration::from_millis(50)),
            _ => panic!("{:?}", answer.body),
        }
    }
}

/// One mischief; gives what it was.
fn mischief(daemon: &Daemon, faults: &Faults, random: &mut Random) -> String {
    const CODES: [&str; 18] = [
        "B3", "B0", "90", "101", "60", "82", "65", "logout", "close", "5", "6", "30", "31", "32", "E0", "E1",
        "A", "80000042",
    ];
    let code = CODES[usize::try_from(random.below(18)).unwrap()];
    let function = ["C_SignInit", "C_Sign", "C_GetSessionInfo"][usize::try_from(random.below(3)).unwrap()];
    let span = Duration::from_millis(100 + random.below(900));
    match random.below(20) {
        0..12 => {
            faults.set(function, &format!("{code} once"));
            format!("{code} once in {function}")
        }
        12..15 => {
            faults.set("C_SignInit", code);
            std::thread::sleep(span);
            faults.clear("C_SignInit");
            format!("{code} for {span:?}")
        }
        15..17 => {
            faults.set("removed", "");
            std::thread::sleep(span);
            faults.clear("removed");
            format!("removed for {span:?}")
        }
        17 => {
            faults.set("C_Sign", "hang once");
            "one call hangs".into()
        }
        _ => {
            let all = children(daemon.supervisor());
            let Some(victim) = all.get(usize::try_from(random.below(all.len() as u64 + 1)).unwrap()) else {
                return "nobody killed".into();
            };
            let who = command_line(*victim);
            let _ = rustix::process::kill_process(
                rustix::process::Pid::from_raw(i32::try_from(*victim).unwrap()).unwrap(),
                rustix::process::Signal::KILL,
            );
            format!("killed: {who}")
        }
    }
}

/// Resident memory (KiB) and open descriptors, the largest of each kind of process; the supervisor too.
fn sizes(daemon: &Daemon) -> BTreeMap<String, (u64, usize)> {
    let mut sizes: BTreeMap<String, (u64, usize)> = BTreeMap::new();
    for pid in children(daemon.supervisor()).into_iter().chain([daemon.supervisor()]) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        let line = command_line(pid);
        let kind = line.split_once("internal ").map_or("supervisor", |(_, kind)| kind.trim()).to_owned();
        let largest = sizes.entry(kind).or_default();
        *largest = (largest.0.max(resident.unwrap_or(0)), largest.1.max(descriptors));
    }
    sizes
}

#[test]
fn random_faults_lose_nothing_and_leak_nothing() {
    let seconds = std::env::var("HUFU_SOAK").ok().and_then(|s| s.parse().ok()).unwrap_or(10);
    let Some(site) = Site::on_token("simulated", |_| {}) else { return };
    let daemon = site.start();
    let client = daemon.second_client();
    let parties = register(&client);
    let original = contract(&daemon, "c.pdf");
    let request = json!({"signerId": parties.person, "moulageId": parties.person_seal, "contractPath": original,
        "signPositionType": "1", "positionContent": "1,100,100"});
    let faults = Faults::of(&daemon.site, "signer");
    let (seen, over) = (Seen::default(), AtomicBool::new(false));
    let seed =
        std::env::var("HUFU_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(u64::from(std::process::id()));
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut samples: Vec<BTreeMap<String, (u64, usize)>> = Vec::new();
    let mut done = 0;
    std::thread::scope(|scope| {
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let end_of_all = Over(&over);
        for thread in 0..CLIENTS {
            let (daemon, client, original, request, seen, over) =
                (&daemon, client.clone(), &original, &request, &seen, &over);
            scope.spawn(move || sign_on(daemon, client, thread, original, request, seen, over));
        }
        let (begun, mut told) = (Instant::now(), Instant::now());
        while begun.elapsed() < Duration::from_secs(seconds) {
            let what = mischief(&daemon, &faults, &mut random);
            done += 1;
            std::thread::sleep(Duration::from_millis(200 + random.below(1500)));
            samples.push(sizes(&daemon));
            if told.elapsed() > Duration::from_secs(30) {
                told = Instant::now();
                let codes = seen.codes.lock().unwrap().clone();
                println!("{:?}: {codes:?}, last: {what}, {:?}", begun.elapsed(), samples.last().unwrap());
            }
        }
        for name in ["C_SignInit", "C_Sign", "C_GetSessionInfo", "removed"] {
            faults.clear(name);
        }
        // It serves again before anybody looks.
        let before = seen.answered.lock().unwrap().len();
        let start = Instant::now();
        while seen.answered.lock().unwrap().len() < before + 8 {
            assert!(start.elapsed() < Duration::from_secs(60), "{:?}", seen.codes.lock().unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(end_of_all);
    });
    let answered = seen.answered.into_inner().unwrap();
    println!(
        "{done} faults, {} signatures, {:?}, {} cut",
        answered.len(),
        seen.codes.lock().unwrap(),
        seen.cut.load(Ordering::SeqCst)
    );

    // Memory and descriptors: the last third no larger than the first third has seen.
    let third = samples.len().div_ceil(3);
    let largest = |part: &[BTreeMap<String, (u64, usize)>]| {
        let mut all: BTreeMap<String, (u64, usize)> = BTreeMap::new();
        for (kind, (memory, descriptors)) in part.iter().flatten() {
            let most = all.entry(kind.clone()).or_default();
            *most = (most.0.max(*memory), most.1.max(*descriptors));
        }
        all
    };
    let (early, late) = (largest(&samples[..third]), largest(&samples[samples.len() - third..]));
    println!("KiB and descriptors early: {early:?}\nKiB and descriptors late:  {late:?}");
    for (kind, (memory, descriptors)) in &late {
        let (before, open) = early.get(kind).copied().unwrap_or((*memory, *descriptors));
        assert!(*memory <= before + before / 2 + 64 * 1024, "{kind} grows: {before} to {memory} KiB");
        assert!(*descriptors <= open + 32, "{kind} leaks descriptors: {open} to {descriptors}");
    }

    let (site, ended) = daemon.stop();
    assert!(ended);
    let (ok, out, err) = site.hufu(&["audit", "verify"]);
    assert!(ok, "audit verify: {out}{err}");
    let (ok, list, err) = site.hufu(&["audit", "search", "--act", "sign", "--json", "-n", "10000000"]);
    assert!(ok, "{err}");
    let recorded: HashSet<u64> = list
        .lines()
        .filter_map(|l| serde_json::from_str::<Value>(l).ok())
        .filter(|r| r["kind"] == "outcome" && r["ending"] == "done")
        .filter_map(|r| r["facts"]["summary"].as_u64())
        .collect();
    let lost: Vec<_> = answered.iter().filter(|id| !recorded.contains(id)).collect();
    assert!(lost.is_empty(), "answered and not in the log: {lost:?}");
}
