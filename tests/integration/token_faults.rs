//! A token that fails beneath a loaded appliance: nothing wrong is signed, nothing acknowledged is lost, clients are told 503
//! meanwhile, and it serves again by itself.

use crate::daemon::{Client, Daemon, Site};
use crate::processes::{check_what_was_answered, children, command_line};
use crate::signed_contract::{Parties, contract, register};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Clients that sign without a pause, and what they were told.
pub struct Load {
    over: AtomicBool,
    /// Ids and files of successes.
    pub answered: Mutex<Vec<(u64, PathBuf)>>,
    /// How often each code came.
    pub codes: Mutex<BTreeMap<i64, u64>>,
    /// Answers 503 that did not say when to come again.
    unsaid: AtomicU64,
    done: AtomicU64,
}

impl Load {
    fn new() -> Self {
        Self {
            over: AtomicBool::new(false),
            answered: Mutex::default(),
            codes: Mutex::default(),
            unsaid: AtomicU64::new(0),
            done: AtomicU64::new(0),
        }
    }

    fn sign(&self, client: &Client, parties: &Parties, original: &Path, to: PathBuf) -> i64 {
        let body = json!({"signerId": parties.person, "moulageId": parties.person_seal, "contractPath": original,
            "contractSavePath": to, "signPositionType": "1", "positionContent": "1,100,100"});
        let text = body.to_string();
        let answer = client.try_send("POST", "/sign/filePath", "application/json", text.as_bytes()).unwrap();
        let code = answer.code();
        *self.codes.lock().unwrap().entry(code).or_default() += 1;
        if code == 200 {
            self.answered.lock().unwrap().push((answer.data("summaryId").as_u64().unwrap(), to));
            self.done.fetch_add(1, Ordering::SeqCst);
        }
        if code == 503 && answer.retry_after.is_none() {
            self.unsaid.fetch_add(1, Ordering::SeqCst);
        }
        code
    }

    /// Waits for so many more successes; gives how long the first took.
    pub fn until_served(&self, more: u64) -> Duration {
        let (start, before) = (Instant::now(), self.done.load(Ordering::SeqCst));
        let mut first = None;
        while self.done.load(Ordering::SeqCst) < before + more {
            if self.done.load(Ordering::SeqCst) > before {
                first.get_or_insert_with(|| start.elapsed());
            }
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "not served again: {:?}",
                self.codes.lock().unwrap()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        first.unwrap_or_else(|| start.elapsed())
    }

    /// Waits until clients are told that code so often more.
    pub fn until_told(&self, code: i64, more: u64) {
        let told = || self.codes.lock().unwrap().get(&code).copied().unwrap_or_default();
        let (start, before) = (Instant::now(), told());
        while told() < before + more {
            assert!(
                start.elapsed() < Duration::from_secs(90),
                "never told {code}: {:?}",
                self.codes.lock().unwrap()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Runs `body` while four clients sign, then checks all that they were told against the log and the files.
pub fn under_load(daemon: Daemon, body: impl FnOnce(&Daemon, &Load) + Send) {
    let client = daemon.second_client();
    let parties = register(&client);
    let original = contract(&daemon, "c.pdf");
    let docs = daemon.documents();
    let load = Load::new();
    // Ends the clients also when `body` panics.
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (client, parties, original, docs, load) = (client.clone(), &parties, &original, &docs, &load);
            scope.spawn(move || {
                for number in 0.. {
                    if load.over.load(Ordering::SeqCst) {
                        break;
                    }
                    let to = docs.join(format!("out-{thread}-{number}.pdf"));
                    if load.sign(&client, parties, original, to) != 200 {
                        // As Retry-After asks, but sooner.
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            });
        }
        let _over = Over(&load.over);
        load.until_served(4);
        body(&daemon, &load);
        load.until_served(4);
    });
    let codes = load.codes.into_inner().unwrap();
    println!("codes: {codes:?}");
    assert!(codes.keys().all(|code| [200, 503, 504].contains(code)), "{codes:?}");
    assert_eq!(load.unsaid.into_inner(), 0, "503 without Retry-After");
    let (site, ended) = daemon.stop();
    assert!(ended);
    check_what_was_answered(&site, &load.answered.into_inner().unwrap());
}

/// Faults of the signers' token.
pub struct Faults(PathBuf);

impl Faults {
    pub fn of(site: &Site, purpose: &str) -> Self {
        Self(site.dir().join("token/faults").join(purpose))
    }

    pub fn set(&self, what: &str, how: &str) {
        let draft = self.0.join("draft");
        fs::write(&draft, how).unwrap();
        fs::rename(draft, self.0.join(what)).unwrap();
    }

    /// Whether it was there.
    pub fn clear(&self, what: &str) -> bool {
        fs::remove_file(self.0.join(what)).is_ok()
    }

    /// Waits for somebody to meet a fault that is met once.
    fn until_met(&self, what: &str) {
        let start = Instant::now();
        while self.0.join(what).exists() {
            assert!(start.elapsed() < Duration::from_secs(30), "{what} not met");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn logins(&self) -> usize {
        fs::read_to_string(self.0.join("logins")).map_or(0, |log| log.lines().count())
    }
}

#[test]
fn every_family_of_faults_is_survived_under_load() {
    let Some(site) = Site::on_token("simulated", |_| {}) else { return };
    under_load(site.start(), |daemon, load| {
        let faults = Faults::of(&daemon.site, "signer");
        // Sessions and logins that go, handles that are not valid any more: by code, and really.
        for how in ["B3", "B0", "90", "101", "60", "82", "65", "logout", "close"] {
            for function in ["C_SignInit", "C_Sign"] {
                faults.set(function, &format!("{how} once"));
                faults.until_met(function);
            }
        }
        // A device that is out of order for a while, with each way of saying so.
        for how in ["5", "6", "30", "31", "32", "E0", "E1", "80000042"] {
            faults.set("C_SignInit", how);
            load.until_told(503, 4);
            faults.clear("C_SignInit");
            println!("CKR {how}: served again after {:?}", load.until_served(2));
        }
    });
}

#[test]
fn a_token_that_is_pulled_out_serves_again_once_it_is_back() {
    let Some(site) = Site::on_token("simulated", |_| {}) else { return };
    under_load(site.start(), |daemon, load| {
        let faults = Faults::of(&daemon.site, "signer");
        for _ in 0..3 {
            let before = faults.logins();
            faults.set("removed", "");
            load.until_told(503, 20);
            assert_eq!(faults.logins(), before, "no PIN is tried on a token that is not there");
            faults.clear("removed");
            println!("back: served after {:?}", load.until_served(2));
        }
    });
}

#[test]
fn a_changed_pin_is_tried_once_and_the_right_one_serves_after_a_restart() {
    let Some(site) = Site::on_token("simulated", |_| {}) else { return };
    let daemon = site.start();
    let (client, faults) = (daemon.second_client(), Faults::of(&daemon.site, "signer"));
    let parties = register(&client);
    let original = contract(&daemon, "c.pdf");
    let load = Load::new();
    let to = |n: u32| daemon.documents().join(format!("p-{n}.pdf"));
    assert_eq!(load.sign(&client, &parties, &original, to(0)), 200);
    let before = faults.logins();
    faults.set("C_Login", "A0");
    faults.set("C_SignInit", "logout once");
    for n in 1..40 {
        assert_eq!(load.sign(&client, &parties, &original, to(n)), 503);
    }
    assert_eq!(faults.logins() - before, 1);
    // Neither does a new start try it again before the time is over.
    let (site, _) = daemon.stop();
    faults.clear("C_Login");
    let daemon = site.start();
    assert_eq!(faults.logins() - before, 1, "an hour is configured");
    assert_eq!(daemon.health()["status"], "down", "{:#}", daemon.health());
    let (site, _) = daemon.stop();
    // An operator who has put the PIN right says so.
    for entry in fs::read_dir(site.dir().join("data/pin")).unwrap().flatten() {
        if entry.file_name().to_string_lossy().ends_with(".refused") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let daemon = site.start();
    let mut client = client;
    client.login("HUFU_APP2_ID", "HUFU_APP2_KEY");
    assert_eq!(load.sign(&client, &parties, &original, daemon.documents().join("last.pdf")), 200);
}

#[test]
fn a_module_that_hangs_is_replaced() {
    let Some(site) = Site::on_token("simulated", |_| {}) else { return };
    under_load(site.start(), |daemon, load| {
        let faults = Faults::of(&daemon.site, "signer");
        // Every session hangs, and so does the test signature that asks for a sign of life.
        faults.set("C_Sign", "hang");
        load.until_told(503, 1);
        faults.clear("C_Sign");
        println!("after a hang: served after {:?}", load.until_served(2));
    });
}

/// Nobody asks a worker that is not ready yet whether it lives.
#[test]
fn a_module_that_hangs_in_a_worker_s_start_is_replaced() {
    let Some(site) = Site::on_token("simulated", |_| {}) else { return };
    under_load(site.start(), |daemon, load| {
        let faults = Faults::of(&daemon.site, "signer");
        faults.set("removed", "");
        load.until_told(503, 20);
        faults.set("C_Sign", "hang once");
        faults.clear("removed");
        // No worker serves: who meets it is one that starts.
        faults.until_met("C_Sign");
        println!("after a hang in the start: served after {:?}", load.until_served(2));
    });
}

/// A session that is stuck in the module leaves its worker no orderly way out, and whoever waits for it none before; the appliance
/// ends all the same, and is whole after.
#[test]
fn an_appliance_is_stopped_while_a_call_is_stuck_in_the_module() {
    let quick = |dir: &Path| {
        let file = dir.join("after.toml");
        let text = fs::read_to_string(&file).unwrap_or_default();
        fs::write(file, text + "\n[server.limits]\ndrain_seconds = 1\n").unwrap();
    };
    let Some(site) = Site::on_token("simulated", quick) else { return };
    let daemon = site.start();
    let client = daemon.client();
    let parties = register(&client);
    let original = contract(&daemon, "c.pdf");
    let load = Load::new();
    let faults = Faults::of(&daemon.site, "signer");
    faults.set("C_Sign", "hang");
    let (stuck, to) = (client, daemon.documents().join("stuck.pdf"));
    let body = json!({"signerId": parties.person, "moulageId": parties.person_seal, "contractPath": original,
        "contractSavePath": to, "signPositionType": "1", "positionContent": "1,100,100"});
    let asking = std::thread::spawn(move || {
        // It is told 503, or that the connection has ended.
        stuck
            .try_send("POST", "/sign/filePath", "application/json", body.to_string().as_bytes())
            .is_ok_and(|answer| answer.code() == 200)
    });
    let start = Instant::now();
    let waiting = || {
        let health = daemon.health();
        let parts = health["parts"].as_array().cloned().unwrap_or_default();
        let signer = parts.into_iter().find(|part| part["name"] == "token-signer");
        let detail = signer.map(|part| part["detail"].to_string()).unwrap_or_default();
        !detail.contains(" 0 calls waiting")
    };
    while !waiting() {
        assert!(start.elapsed() < Duration::from_secs(60), "the call did not reach the token");
        std::thread::sleep(Duration::from_millis(5));
    }
    let workers: Vec<u32> = children(daemon.supervisor());
    let stopped = Instant::now();
    let (site, ended) = daemon.stop();
    println!("stopped beside a call in the module after {:?}", stopped.elapsed());
    assert!(ended, "the supervisor did not end well");
    assert!(!asking.join().unwrap(), "nothing was signed");
    assert!(!to.exists());
    let alive = |pid: &u32| command_line(*pid).contains("internal");
    assert!(!workers.iter().any(alive), "a process outlived the supervisor");
    let log = fs::read_to_string(site.dir().join("hufu.log")).unwrap();
    assert!(log.contains("hangs; replaced"), "the worker was not ended: {log}");
    let (sound, told, why) = site.hufu(&["audit", "verify"]);
    assert!(sound && told.contains("sound"), "{told}{why}");
    faults.clear("C_Sign");
    let daemon = site.start();
    let after = daemon.documents().join("after.pdf");
    assert_eq!(load.sign(&daemon.client(), &parties, &original, after), 200);
}

#[test]
fn the_server_of_p11_kit_may_be_killed_and_started_again() {
    let Some(mut site) = Site::on_token("p11-kit", |dir| {
        let file = dir.join("token.toml");
        let text = fs::read_to_string(&file).unwrap().replace("custody = \"wrapped\"\n", "");
        fs::write(file, text).unwrap();
    }) else {
        return;
    };
    let server = Mutex::new(site.token_server.take());
    let folder = site.dir().to_owned();
    under_load(site.start(), |_, load| {
        for _ in 0..2 {
            *server.lock().unwrap() = None;
            load.until_told(503, 10);
            *server.lock().unwrap() = crate::daemon::TokenServer::start(&folder);
            println!("the server is back: served after {:?}", load.until_served(2));
        }
    });
}
