//! The whole spine with stand-ins at its ends: a network process that signs when it is asked to, an audit writer that
//! remembers nothing, and real workers on a real token.

use super::child::{self, Audit, AuditOrder, Network, NetworkOrder};
use super::sandbox::Confinement;
use super::settings::{Launch, Pool, Settings};
use super::watch::{Event, run_with};
use super::{SupervisorError, Up};
use crate::audit::{Act, Actor, Facts, Intent, Receipt, ReceiptKey, Use};
use crate::ipc::audit::{AuditAnswer, AuditRequest};
use crate::ipc::json::Json;
use crate::ipc::serve;
use crate::keys::{Custody, Keys, Purpose, StoredKey};
use crate::token::tests::acts::document;
use crate::token::tests::site::{PIN, SoftToken, cx, now, spec, write_pin};
use crate::token::{CaRules, WorkerSettings};
use flume::{Receiver, Sender};
use hufu_api::Cx;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Not a test: what the supervised children run; the last argument says which.
#[test]
#[ignore = "the entry of child processes: the supervisor that each test of this file starts runs it"]
fn part() {
    let code = match std::env::args().next_back().as_deref() {
        Some("network") => child::confined_network(limits, network),
        Some("audit") => child::audit(audit),
        Some("worker") => child::worker(),
        _ => return,
    };
    std::process::exit(i32::from(code != ExitCode::SUCCESS));
}

/// The folder of its socket is the only one that it may touch.
fn limits(settings: &[u8]) -> Result<Confinement, String> {
    let socket = PathBuf::from(std::str::from_utf8(settings).unwrap());
    let write = socket.parent().filter(|folder| folder.is_absolute()).map(PathBuf::from);
    Ok(Confinement { write: write.into_iter().collect(), ..Confinement::default() })
}

/// Tries what must not work, and what must, and tells.
fn probe(folder: &Path) -> String {
    let tries = [
        ("write own", std::fs::write(folder.join("probe"), b"x").is_ok()),
        ("read own", std::fs::read(folder.join("probe")).is_ok()),
        ("rename own", std::fs::rename(folder.join("probe"), folder.join("probed")).is_ok()),
        ("thread", std::thread::spawn(|| true).join().unwrap_or(false)),
        ("listen", std::net::TcpListener::bind("127.0.0.1:0").is_ok()),
        ("read PIN", std::fs::read(folder.join("../pin")).is_ok()),
        ("read token", std::fs::read_dir(folder.join("../tokens")).is_ok()),
        ("write elsewhere", std::fs::write(folder.join("../elsewhere"), b"x").is_ok()),
        ("link out", std::os::unix::fs::symlink("/etc/passwd", folder.join("link")).is_ok()),
        ("run", std::process::Command::new("/bin/true").status().is_ok()),
        ("signal", rustix::process::test_kill_process(rustix::process::getppid().unwrap()).is_ok()),
        (
            "raw socket",
            rustix::net::socket(rustix::net::AddressFamily::PACKET, rustix::net::SocketType::DGRAM, None)
                .is_ok(),
        ),
        ("chroot", rustix::process::chroot("/").is_ok()),
        ("core dumps", rustix::process::getrlimit(rustix::process::Resource::Core).current != Some(0)),
    ];
    let done: Vec<_> = tries.iter().filter(|(_, done)| *done).map(|(what, _)| *what).collect();
    done.join(", ")
}

/// Its settings are the path of a socket; whoever connects there gets one signature made.
fn network(handed: Network) -> Result<(), String> {
    let path = String::from_utf8(handed.settings).unwrap();
    if path == "broken" {
        return Err("told to be broken".into());
    }
    if let Some(folder) = path.strip_suffix("probe.sock") {
        let active = super::sandbox::active().unwrap();
        return Err(format!("could: {}; {active:?}", probe(Path::new(folder))));
    }
    if path.ends_with("states.sock") {
        let start = Instant::now();
        while let Err(error) = handed.keys.check_health(cx(), Purpose::Signer) {
            assert!(start.elapsed() < Duration::from_secs(20), "{error}");
            std::thread::sleep(Duration::from_millis(20));
        }
        return Err(format!("{:?}", handed.keys.states()));
    }
    std::fs::remove_file(&path).ok();
    let listener = UnixListener::bind(&path).unwrap();
    handed.voice.ready("here");
    let busy = Arc::new(Mutex::new(()));
    let (keys, log, begun) = (handed.keys, handed.audit, Arc::clone(&busy));
    std::thread::spawn(move || {
        let mut key = None;
        for stream in listener.incoming() {
            let _begun = begun.lock();
            let mut stream = stream.unwrap();
            let begin = |cx: Cx, intent: Intent| match log.call(cx, AuditRequest::Begin(Json(intent))) {
                Ok(AuditAnswer::Begun { mut receipts, .. }) => Ok(receipts.remove(0)),
                other => Err(format!("{other:?}")),
            };
            let said = sign_once(&*keys, &mut key, begin).map_or_else(|why| why, |()| "ok".into());
            let _ = stream.write_all(said.as_bytes());
        }
    });
    for order in handed.orders {
        if let NetworkOrder::Shutdown(_) = order {
            // What was begun is finished.
            let _done = busy.lock();
            return Ok(());
        }
    }
    Ok(())
}

fn sign_once(
    keys: &dyn Keys,
    key: &mut Option<StoredKey>,
    begin: impl Fn(Cx, Intent) -> Result<Receipt, String>,
) -> Result<(), String> {
    let cx = cx().within(Duration::from_secs(1));
    let text = |error: crate::keys::KeyError| error.to_string();
    let intent = |digest, id| -> Result<Intent, String> {
        let generation = keys.choose(Purpose::Signer).map_err(text)?;
        let uses = vec![Use { digest, generation, key: id, purpose: Purpose::Signer }];
        Ok(Intent { act: Act::Sign, actor: Actor::default(), facts: Facts::new(), uses })
    };
    let key = match key {
        Some(key) => key,
        None => {
            let wanted = spec(crate::keys::KeyAlgorithm::P256, Custody::Token);
            let receipt = begin(cx, intent(wanted.digest(), wanted.id)?)?;
            key.insert(keys.generate(cx, receipt, &wanted).map_err(text)?.key)
        }
    };
    let receipt = begin(cx, intent(document(1).digest(), key.id)?)?;
    keys.sign(cx, receipt, key, &document(1)).map(|_| ()).map_err(text)
}

/// Gives receipts and keeps nothing.
fn audit(handed: Audit) -> Result<(), String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let key: Arc<Mutex<Option<ReceiptKey>>> = Arc::default();
    handed.voice.ready("here");
    for order in handed.orders {
        match order {
            AuditOrder::ReceiptKey(new) => *key.lock() = Some(new),
            AuditOrder::Serve(stream) => {
                let (mut requests, answers) = serve::connection::<AuditRequest, AuditAnswer>(stream).unwrap();
                let key = Arc::clone(&key);
                std::thread::spawn(move || {
                    while let Ok(Some(incoming)) = requests.receive() {
                        let AuditRequest::Begin(Json(intent)) = incoming.body else { continue };
                        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
                        let key = key.lock().clone().unwrap();
                        let issue = |what| Receipt::issue(&key, number, 0, what, now() + 30_000);
                        let receipts = intent.uses.iter().map(issue).collect();
                        answers.answer(incoming.id, AuditAnswer::Begun { number, receipts });
                    }
                });
            }
            AuditOrder::Shutdown(_) | AuditOrder::Orphaned => return Ok(()),
            AuditOrder::Reconfigure(_) => {}
        }
    }
    Ok(())
}

/// A supervised appliance in this process.
struct Site {
    token: SoftToken,
    events: Sender<Event>,
    up: Receiver<Up>,
    ended: Receiver<Result<(), String>>,
}

impl Site {
    fn socket(token: &SoftToken) -> PathBuf {
        let folder = token.path().join("network");
        std::fs::create_dir_all(&folder).unwrap();
        folder.join("network.sock")
    }

    fn settings(token: &SoftToken, processes: u16) -> Settings {
        let before = ["--exact", "supervisor::tests::part", "--ignored", "--nocapture"];
        let mut launch = Launch::own();
        launch.program = std::env::current_exe().unwrap();
        launch.before = before.iter().map(Into::into).collect();
        let worker = WorkerSettings {
            purpose: Purpose::Signer,
            token: token.settings(),
            sessions: 1,
            unwrapped_keys: 4,
            ca: CaRules::default(),
            hidden: Vec::new(),
        };
        Settings {
            doors: Vec::new(),
            reload_file: None,
            launch,
            network: Self::socket(token).into_os_string().into_string().unwrap().into_bytes(),
            audit: Vec::new(),
            pools: vec![Pool { worker, processes, environment: token.environment() }],
            pid_file: Some(token.path().join("network.pid")),
            grace: Duration::from_secs(20),
            pin_retry: Duration::from_secs(2),
            patience: Duration::from_secs(20),
        }
    }

    fn start(token: SoftToken, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Self::settings(&token, 2);
        change(&mut settings);
        let (events, queue) = flume::unbounded();
        let (told, up) = flume::bounded(1);
        let (end, ended) = flume::bounded(1);
        let own = events.clone();
        std::thread::spawn(move || {
            let up = |state: &Up| told.send(state.clone()).unwrap();
            let result: Result<(), SupervisorError> =
                run_with(settings, up, || Err("no configuration here".into()), own, &queue);
            end.send(result.map_err(|error| error.to_string())).unwrap();
        });
        Self { token, events, up, ended }
    }

    fn up(&self) -> Up {
        self.up.recv_timeout(Duration::from_secs(30)).expect("up")
    }

    /// Asks the network process for one signature.
    fn sign(&self) -> String {
        let Ok(mut stream) = UnixStream::connect(Self::socket(&self.token)) else {
            return "nobody there".into();
        };
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut said = String::new();
        match stream.read_to_string(&mut said) {
            Ok(_) if !said.is_empty() => said,
            _ => "cut".into(),
        }
    }

    /// Asks until it works; gives how long that took.
    fn recovered(&self) -> Duration {
        let start = Instant::now();
        let mut said = self.sign();
        while said != "ok" {
            assert!(start.elapsed() < Duration::from_secs(40), "{said}");
            std::thread::sleep(Duration::from_millis(20));
            said = self.sign();
        }
        start.elapsed()
    }

    fn stop(&self) {
        self.events.send(Event::Stop).unwrap();
        assert_eq!(self.ended.recv_timeout(Duration::from_secs(30)).unwrap(), Ok(()));
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Nobody outlives a failed test: two stops kill.
        let _ = self.events.send(Event::Stop);
        let _ = self.events.send(Event::Stop);
    }
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

/// SIGSTOP reaches a process's threads one by one.
fn wait_until_stopped(pid: u32) {
    let stopped = |task: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
    };
    while !std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten().all(stopped) {
        std::thread::yield_now();
    }
}

fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[test]
fn whatever_is_killed_comes_back_by_itself() {
    let site = Site::start(SoftToken::new(), |_| ());
    let up = site.up();
    assert_eq!(up.missing, []);
    site.recovered();
    for worker in &up.workers {
        signal(worker.1, Signal::KILL);
    }
    println!("after the workers' death: {:?}", site.recovered());
    signal(up.audit, Signal::KILL);
    println!("after the audit writer's death: {:?}", site.recovered());
    signal(up.network, Signal::KILL);
    println!("after the network process's death: {:?}", site.recovered());
    let written = std::fs::read_to_string(site.token.path().join("network.pid")).unwrap();
    assert_ne!(written.trim(), up.network.to_string());
    assert!(is_alive(written.trim().parse().unwrap()));
    site.stop();
    assert!(!is_alive(written.trim().parse().unwrap()));
}

#[test]
fn a_worker_that_hangs_is_replaced() {
    let site = Site::start(SoftToken::new(), |settings| settings.pools[0].processes = 1);
    let up = site.up();
    site.recovered();
    let [(_, worker)] = up.workers[..] else { panic!("{up:?}") };
    signal(worker, Signal::STOP);
    wait_until_stopped(worker);
    assert_ne!(site.sign(), "ok");
    println!("after a hang: {:?}", site.recovered());
    assert!(!is_alive(worker));
    site.stop();
}

#[test]
fn a_refused_pin_is_tried_again_only_after_the_interval() {
    let token = SoftToken::new();
    write_pin(token.path(), "wrong");
    let site = Site::start(token, |settings| settings.pin_retry = Duration::from_secs(2));
    let up = site.up();
    assert_eq!(up.workers, []);
    assert_eq!(up.missing.len(), 1);
    assert!(site.sign().contains("no worker"));
    write_pin(site.token.path(), PIN);
    println!("after the PIN was put right: {:?}", site.recovered());
    site.stop();
}

#[test]
fn a_token_that_is_taken_out_serves_again_once_it_is_back() {
    let site = Site::start(SoftToken::faulty(), |_| ());
    site.up();
    site.recovered();
    site.token.break_function("C_GetTokenInfo", "E0");
    site.token.break_function("C_SignInit", "32");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        assert_ne!(site.sign(), "ok");
    }
    let logins = site.token.logins();
    site.token.mend_function("C_SignInit");
    site.token.mend_function("C_GetTokenInfo");
    println!("after the token was back: {:?}", site.recovered());
    // Nobody tried the PIN on a token that was not there.
    assert!(site.token.logins() - logins <= 2);
    site.stop();
}

#[test]
fn a_pin_that_was_changed_is_tried_once_and_not_again() {
    let site = Site::start(SoftToken::faulty(), |settings| settings.pin_retry = Duration::from_secs(3600));
    site.up();
    site.recovered();
    let before = site.token.logins();
    site.token.break_function("C_Login", "A0");
    site.token.break_function("C_SignInit", "logout once");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        site.sign();
    }
    // The worker that was logged out tried; the other one was never logged out and serves on.
    assert_eq!(site.token.logins() - before, 1);
    assert_eq!(site.sign(), "ok");
    site.stop();
}

#[test]
fn however_many_workers_lose_their_login_a_changed_pin_is_tried_once() {
    let long = Duration::from_secs(3600);
    let site = Site::start(SoftToken::faulty(), |settings| {
        settings.pin_retry = long;
        settings.pools[0].processes = 3;
        settings.pools[0].worker.token.pin_pause = long;
    });
    site.up();
    site.recovered();
    let before = site.token.logins();
    site.token.break_function("C_Login", "A0");
    // Every worker, whenever it is to sign.
    site.token.break_function("C_SignInit", "logout");
    let start = Instant::now();
    while !site.sign().contains("no worker") {
        assert!(start.elapsed() < Duration::from_secs(40), "all workers give up");
    }
    assert_eq!(site.token.logins() - before, 1);
    site.stop();
}

#[test]
fn a_network_process_that_cannot_serve_is_told_with_its_reason() {
    let site = Site::start(SoftToken::new(), |settings| settings.network = b"broken".to_vec());
    let end = site.ended.recv_timeout(Duration::from_secs(30)).unwrap();
    assert!(end.unwrap_err().contains("told to be broken"));
    assert!(site.up.try_recv().is_err(), "never up");
}

#[test]
fn the_network_process_can_do_no_more_than_it_must() {
    let site = Site::start(SoftToken::new(), |settings| {
        let path = String::from_utf8(settings.network.clone()).unwrap();
        settings.network = path.replace("network.sock", "probe.sock").into_bytes();
    });
    let told = site.ended.recv_timeout(Duration::from_secs(30)).unwrap().unwrap_err();
    println!("{told}");
    if told.contains("files: \"none\"") {
        println!("skipped: this kernel has no Landlock");
        return;
    }
    assert!(told.contains("could: write own, read own, rename own, thread, listen;"), "{told}");
    assert!(told.contains("unprivileged: true, files_denied: true, calls_denied: true"), "{told}");
}

#[test]
fn a_worker_sees_nothing_of_the_appliance_but_what_is_its_tokens() {
    let site = Site::start(SoftToken::new(), |settings| {
        let path = String::from_utf8(settings.network.clone()).unwrap();
        let pool = &mut settings.pools[0];
        pool.processes = 1;
        let network = PathBuf::from(&path).parent().unwrap().to_owned();
        // Refused PINs are noted in a folder of their own.
        pool.worker.token.pin_folder = network.with_file_name("pins");
        std::fs::create_dir(&pool.worker.token.pin_folder).unwrap();
        pool.worker.hidden = vec![network];
        settings.network = path.replace("network.sock", "states.sock").into_bytes();
    });
    let told = site.ended.recv_timeout(Duration::from_secs(60)).unwrap().unwrap_err();
    if std::fs::read_to_string("/sys/kernel/security/lsm").is_ok_and(|lsm| !lsm.contains("landlock")) {
        println!("skipped: this kernel has no Landlock");
        return;
    }
    assert!(told.contains("healthy: true") && told.contains("confined: Some(true)"), "{told}");
}

#[test]
fn children_do_not_outlive_their_supervisor() {
    // The supervisor's ends of the control sockets are closed by its death; here by hand.
    let token = SoftToken::new();
    let (events, _queue) = flume::unbounded();
    let settings = Site::settings(&token, 1);
    let life = super::process::LifeId(1);
    let worker = postcard::to_stdvec(&settings.pools[0].worker).unwrap();
    let environment = &settings.pools[0].environment;
    let process =
        super::process::Process::start(&settings.launch, "worker", environment, life, worker, &events)
            .unwrap();
    let pid = process.pid;
    assert!(is_alive(pid));
    process.hang_up();
    let start = Instant::now();
    while is_alive(pid) {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
}
