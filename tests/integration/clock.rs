//! The wall clock moves beneath a running appliance: no time stamp outside its accuracy, no certificate, and `/health` says so.
//!
//! The whole appliance runs in a mount namespace of its own in which the dynamic loader puts `tests/clock/shim.c` between every
//! program and the C library. The appliance knows nothing of it.

use crate::daemon::{Daemon, HUFU, Site, top};
use crate::pki::stamp;
use crate::signed_contract::{contract, register};
use hufu::tsp::Token;
use serde_json::json;
use std::fs::File;
use std::net::UdpSocket;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What tokens claim as accuracy (`conf/channels.d/tsa.toml`).
const ACCURACY: i64 = 1_500;
const SECOND: i64 = 1_000;
const DAY: i64 = 86_400 * SECOND;

/// The hands of an appliance's wall clock.
struct Hands {
    file: File,
    folder: PathBuf,
}

impl Hands {
    /// The shim and its file in the site's folder; `None` where no compiler or no mount namespace is to be had.
    fn of(site: &Site) -> Option<Self> {
        if !Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|done| done.success()) {
            println!("skipped: no mount namespace may be made here");
            return None;
        }
        let folder = site.dir().join("clock");
        std::fs::create_dir(&folder).unwrap();
        let offset = folder.join("offset");
        std::fs::write(&offset, 0_i64.to_ne_bytes()).unwrap();
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(folder.join("shim.so"))
            .arg(format!("-DOFFSET=\"{}\"", offset.display()))
            .arg(top().join("tests/clock/shim.c"))
            .arg("-ldl")
            .output();
        match compiled {
            Ok(done) => assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr)),
            Err(error) => {
                println!("skipped: cc: {error}");
                return None;
            }
        }
        let file = File::options().write(true).open(offset).unwrap();
        Some(Self { file, folder })
    }

    /// Sets the clock so many milliseconds ahead of the true time.
    fn set(&self, millis: i64) {
        self.file.write_all_at(&millis.to_ne_bytes(), 0).unwrap();
    }

    fn start(&self, site: Site) -> Daemon {
        const BECOME: &str = r#"set -e
            mount --make-rprivate /
            [ -d "$0/etc" ] || cp -a /etc "$0/etc"
            echo "$0/shim.so" > "$0/etc/ld.so.preload"
            mount --bind "$0/etc" /etc
            exec "$@""#;
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", BECOME]).arg(&self.folder).arg(HUFU);
        site.start_by(command)
    }
}

fn truth() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// How far a token's time is from the truth at the time of asking, or why there is none.
fn distance(site: &Site) -> Result<i64, String> {
    let before = truth();
    let token = stamp(site)?;
    let time = Token::from_bytes(&token).unwrap().info.time.millis();
    Ok(if time < before { time - before } else { (time - truth()).max(0) })
}

/// The state and the words of `/health` about a part.
fn part(daemon: &Daemon, name: &str) -> (String, String) {
    let health = daemon.health();
    let part = health["parts"].as_array().unwrap().iter().find(|p| p["name"] == name).unwrap().clone();
    (part["state"].to_string(), part["detail"].to_string())
}

#[test]
fn no_token_is_issued_while_the_clock_is_wrong() {
    let site = Site::new();
    let Some(hands) = Hands::of(&site) else { return };
    let daemon = hands.start(site);
    let client = daemon.second_client();
    let parties = register(&client);
    let (file, docs) = (contract(&daemon, "c.pdf"), daemon.documents());
    let sign = |name: &str| {
        let body = json!({"signerId": parties.person.to_string(), "moulageId": parties.person_seal.to_string(),
            "contractPath": file, "contractSavePath": docs.join(name), "signPositionType": "1",
            "positionContent": "1,100,100"});
        client.post("/sign/filePath", &body).code()
    };
    let (mut issued, mut refused) = (0, 0);
    let jumps = [1, 2, 60, 3_600].map(|n| n * SECOND).into_iter().chain([1, 30, 365, 3_650].map(|n| n * DAY));
    for (n, jump) in jumps.flat_map(|jump| [jump, -jump]).enumerate() {
        let near = distance(&daemon.site).unwrap_or_else(|e| panic!("before {jump} ms: {e}"));
        assert!(near.abs() <= ACCURACY, "{near} ms off");
        issued += 1;
        hands.set(jump);
        for _ in 0..3 {
            let refusal = distance(&daemon.site).expect_err("a token of a clock that is wrong");
            assert!(refusal.contains("refused"), "{jump} ms: {refusal}");
            refused += 1;
        }
        let (state, detail) = part(&daemon, "clock");
        assert!(state.contains("down") && detail.contains("jumped"), "{jump} ms: {state} {detail}");
        let name = format!("{n}.pdf");
        assert_ne!(sign(&name), 200, "{jump} ms");
        assert!(!docs.join(&name).exists());
        // The log goes on, with the token's own signature over it.
        let (ok, out, err) = daemon.site.hufu(&["audit", "checkpoint"]);
        assert!(ok, "{jump} ms: {out}{err}");
        hands.set(0);
    }
    assert!(distance(&daemon.site).unwrap().abs() <= ACCURACY);
    assert!(part(&daemon, "clock").0.contains("up"));
    assert_eq!(sign("after.pdf"), 200);
    // The token's workers were not confused for good either.
    let (ok, out, err) = daemon.site.hufu(&["audit", "checkpoint"]);
    assert!(ok, "{out}{err}");
    // What is too small to be noticed stays within the accuracy that tokens claim.
    for step in [390, -390] {
        hands.set(step);
        match distance(&daemon.site) {
            Ok(near) => assert!(near.abs() <= ACCURACY, "{near} ms off"),
            Err(refusal) => assert!(refusal.contains("refused"), "{refusal}"),
        }
        hands.set(0);
    }
    println!("{issued} time stamps with the clock right, {refused} refused with it wrong");

    // Started again with the clock an hour back: it stands before the last record, which is as good as a jump.
    let (site, ended_well) = daemon.stop();
    assert!(ended_well);
    hands.set(-3_600 * SECOND);
    let daemon = hands.start(site);
    assert!(distance(&daemon.site).unwrap_err().contains("refused"));
    let (state, detail) = part(&daemon, "clock");
    assert!(state.contains("down") && detail.contains("went back"), "{state} {detail}");
    let (site, _) = daemon.stop();
    hands.set(0);
    let daemon = hands.start(site);
    assert!(distance(&daemon.site).unwrap().abs() <= ACCURACY);
    let (ok, out, err) = daemon.site.hufu(&["audit", "verify"]);
    assert!(ok, "{out}{err}");
}

/// A time server (SNTP) whose answers are the truth, moved by so many milliseconds; `i64::MIN`: not synchronised itself.
fn time_server() -> (std::net::SocketAddr, Arc<AtomicI64>) {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let (address, ahead) = (socket.local_addr().unwrap(), Arc::new(AtomicI64::new(0)));
    let told = Arc::downgrade(&ahead);
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    std::thread::spawn(move || {
        let mut question = [0_u8; 48];
        while let Some(told) = told.upgrade() {
            let Ok((48, from)) = socket.recv_from(&mut question) else { continue };
            let moved = told.load(Ordering::SeqCst);
            let mut answer = [0_u8; 48];
            answer[0] = if moved == i64::MIN { 0xe4 } else { 0x24 };
            answer[1] = 2;
            answer[24..32].copy_from_slice(&question[40..48]);
            let now = truth() + if moved == i64::MIN { 0 } else { moved };
            let seconds = u32::try_from(now.div_euclid(1_000) + 2_208_988_800).unwrap();
            let fraction = u32::try_from((now.rem_euclid(1_000) << 32) / 1_000).unwrap();
            for at in [32, 40] {
                answer[at..at + 4].copy_from_slice(&seconds.to_be_bytes());
                answer[at + 4..at + 8].copy_from_slice(&fraction.to_be_bytes());
            }
            socket.send_to(&answer, from).unwrap();
        }
    });
    (address, ahead)
}

#[test]
fn no_token_is_issued_without_the_time_servers_consent() {
    let (server, ahead) = time_server();
    let site = Site::with(|dir| {
        let file = dir.join("conf/hufu.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}\n[clock]\nntp_servers = [\"{server}\"]\nntp_seconds = 1\n"))
            .unwrap();
    });
    let daemon = site.start();
    let eventually = |issues: bool, words: &str| {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let (answer, told) = (distance(&daemon.site), part(&daemon, "clock"));
            let as_wanted = match &answer {
                Ok(near) => issues && near.abs() <= ACCURACY,
                Err(refusal) => !issues && refusal.contains("refused"),
            };
            if as_wanted && told.1.contains(words) {
                return;
            }
            assert!(Instant::now() < deadline, "{issues} {words}: {answer:?} {told:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    eventually(true, "");
    ahead.store(5_000, Ordering::SeqCst);
    eventually(false, "ms ahead of it");
    ahead.store(0, Ordering::SeqCst);
    eventually(true, "");
    ahead.store(i64::MIN, Ordering::SeqCst);
    eventually(false, "no time server has answered for");
    ahead.store(0, Ordering::SeqCst);
    eventually(true, "");
}
