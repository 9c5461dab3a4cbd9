//! A SoftHSM token in a temporary folder and workers on it. The module reads its configuration from the environment of
//! its process, so ceremony and workers are processes of their own: this test program again.

use crate::audit::{Receipt, ReceiptKey, Use};
use crate::channels::Identity;
use crate::ipc::call::Caller;
use crate::ipc::child::Child;
use crate::ipc::control::{self, Control, FromChild, KeyOctets, PeerRole, ToChild};
use crate::keys::{Custody, GenerateSpec, Generation, KeyAlgorithm, KeyId, Purpose, StoredKey, ToBeSigned};
use crate::token::ceremony::{self, Ceremony};
use crate::token::wire::{TokenAnswer, TokenDone, TokenRequest};
use crate::token::{CaRules, PinSource, TokenName, TokenSettings, WorkerSettings, pin, worker};
use crate::x509::{self, Addresses, Issuer, Role, SignatureAlgorithm, TbsSpec};
use hufu_api::{Cx, Der, RequestId, SignerKind, Subject, UnixTime};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

pub(crate) const PIN: &str = "not a real pin";
const RECEIPT_KEY: [u8; 32] = [0x5a; 32];

/// Names the child's part in its environment.
const PART: &str = "HUFU_TEST_PART";

fn module() -> PathBuf {
    let places = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so"];
    places.iter().map(PathBuf::from).find(|path| path.exists()).expect("softhsm2 is installed")
}

/// Not a test: what the child processes of the tests run.
#[test]
#[ignore = "the entry of child processes: every test that starts a worker or a ceremony runs it"]
fn part() {
    let code = match std::env::var(PART).as_deref() {
        Ok("worker") => {
            let child = Child::begin().unwrap().unwrap();
            worker::run(&child, false)
        }
        Ok("ceremony") => {
            ceremony_part(Path::new(&std::env::var("HUFU_TEST_FOLDER").unwrap()));
            std::process::ExitCode::SUCCESS
        }
        _ => return,
    };
    // ExitCode tells its number to nobody else.
    std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS) * 7);
}

fn ceremony_part(folder: &Path) {
    let settings = settings(folder);
    let pin = pin::read(&settings.pin).unwrap();
    let first = ceremony::initialise(&module(), "hufu test", &pin, &pin).unwrap();
    let again = ceremony::initialise(&module(), "hufu test", &pin, &pin).unwrap();
    assert_eq!((first, again), (ceremony::Step::Made, ceremony::Step::Found));
    let mut ceremony = Ceremony::open(&settings).unwrap();
    let made = ceremony.own_keys().unwrap();
    assert_eq!(made.len(), 4);
    assert!(made.iter().all(|(_, step)| *step == ceremony::Step::Made));
    assert!(ceremony.own_keys().unwrap().iter().all(|(_, step)| *step == ceremony::Step::Found));
    let purposes = [
        (Purpose::Ca, KeyAlgorithm::P256, "issuing ca"),
        (Purpose::Tsa, KeyAlgorithm::P384, "tsa"),
        (Purpose::Audit, KeyAlgorithm::Rsa2048, "audit"),
    ];
    let keys: Vec<StoredKey> = purposes
        .into_iter()
        .map(|(purpose, algorithm, label)| {
            let (key, step) = ceremony.key_pair(purpose, algorithm, label).unwrap();
            assert_eq!(step, ceremony::Step::Made);
            assert_eq!(
                ceremony.key_pair(purpose, algorithm, label).unwrap(),
                (key.clone(), ceremony::Step::Found)
            );
            assert!(ceremony.key_pair(purpose, KeyAlgorithm::Rsa3072, label).is_err());
            let request = ceremony.request(&key, &subject("ceremony")).unwrap();
            crate::x509::Request::verified(&request.0).unwrap();
            key
        })
        .collect();
    std::fs::write(folder.join("keys.json"), serde_json::to_vec(&keys).unwrap()).unwrap();
    let ca = keys.iter().find(|key| key.purpose == Purpose::Ca).unwrap().clone();
    let tbs = ca_certificate(&ca, "Issuing CA");
    let algorithm = SignatureAlgorithm::for_key(&ca.spki.0).unwrap().identifier();
    let certificate = Der(x509::assemble(&tbs, &algorithm, &ceremony.sign(&ca, &tbs).unwrap()));
    let identity = Identity { label: "issuing ca".into(), key: ca, certificate, issuers: vec![] };
    std::fs::write(folder.join("identities.json"), serde_json::to_vec(&[identity]).unwrap()).unwrap();
}

/// The Name of the test CA.
pub(super) fn ca_name(common_name: &str) -> Vec<u8> {
    x509::authority_name("CN", "Hufu", common_name).unwrap()
}

fn ca_certificate(key: &StoredKey, common_name: &str) -> Vec<u8> {
    let (name, identifier) = (ca_name(common_name), x509::key_identifier(&key.spki.0).unwrap());
    let start = UnixTime::from_millis(now() - 60_000);
    x509::certificate_tbs(&TbsSpec {
        serial: &[1; 16],
        algorithm: &SignatureAlgorithm::for_key(&key.spki.0).unwrap().identifier(),
        issuer: Issuer::new(&name, &identifier),
        subject: &name,
        spki: &key.spki.0,
        not_before: start,
        not_after: start.plus_millis(2 * 366 * 86_400_000),
        role: Role::Authority { path_length: Some(0) },
        addresses: Addresses::default(),
    })
    .unwrap()
}

/// What its CA worker may sign.
pub(crate) fn ca_rules(folder: &Path) -> CaRules {
    CaRules {
        max_validity_days: 366,
        extended_key_usage: vec!["1.3.6.1.5.5.7.3.36".into()],
        policies: vec!["1.3.6.1.4.1.32473.2".into()],
        identities: folder.join("identities.json"),
    }
}

pub(crate) fn settings(folder: &Path) -> TokenSettings {
    TokenSettings {
        module: module(),
        name: TokenName::Label("hufu test".into()),
        pin: PinSource::File(folder.join("pin")),
        pin_folder: folder.to_owned(),
        pin_pause: Duration::from_secs(2),
    }
}

pub(super) fn part_command(folder: &Path, part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "token::tests::site::part", "--ignored", "--nocapture"])
        .env(PART, part)
        .env("SOFTHSM2_CONF", folder.join("softhsm2.conf"))
        .env("HUFU_FAULTY_MODULE", module())
        .env("HUFU_FAULTY_FOLDER", folder.join("faults"))
        .env("HUFU_TEST_FOLDER", folder)
        .stdout(Stdio::null());
    command
}

/// A token with the ceremony's keys.
pub(crate) struct SoftToken {
    folder: TempDir,
    /// The module through which workers see it.
    module: PathBuf,
    /// Sessions of each worker.
    pub(crate) sessions: u16,
    pub(crate) keys: Vec<StoredKey>,
}

impl SoftToken {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::create_dir(path.join("tokens")).unwrap();
        let conf = format!("directories.tokendir = {}\nlog.level = ERROR\n", path.join("tokens").display());
        std::fs::write(path.join("softhsm2.conf"), conf).unwrap();
        write_pin(path, PIN);
        let done = part_command(path, "ceremony").output().unwrap();
        assert!(done.status.success(), "ceremony: {}", String::from_utf8_lossy(&done.stderr));
        let keys = serde_json::from_slice(&std::fs::read(path.join("keys.json")).unwrap()).unwrap();
        Self { folder, module: module(), sessions: 2, keys }
    }

    /// The same behind a module that fails on purpose (`tests/tokens/faulty`).
    pub(crate) fn faulty() -> Self {
        static BUILT: OnceLock<PathBuf> = OnceLock::new();
        let module = BUILT.get_or_init(|| {
            let top = Path::new(env!("CARGO_MANIFEST_DIR"));
            let target = top.join("target/faulty");
            let done = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--locked", "--manifest-path"])
                .arg(top.join("tests/tokens/faulty/Cargo.toml"))
                .arg("--target-dir")
                .arg(&target)
                .output()
                .unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            target.join("debug/libfaulty.so")
        });
        let token = Self { module: module.clone(), ..Self::new() };
        std::fs::create_dir(token.path().join("faults")).unwrap();
        token
    }

    /// How its workers get at it.
    pub(crate) fn settings(&self) -> TokenSettings {
        TokenSettings { module: self.module.clone(), ..settings(self.path()) }
    }

    /// What its workers' module needs in the environment.
    pub(crate) fn environment(&self) -> BTreeMap<OsString, OsString> {
        let path = |name: &str| self.path().join(name).into_os_string();
        BTreeMap::from([
            ("SOFTHSM2_CONF".into(), path("softhsm2.conf")),
            ("HUFU_FAULTY_MODULE".into(), module().into_os_string()),
            ("HUFU_FAULTY_FOLDER".into(), path("faults")),
        ])
    }

    /// Makes a function of the module fail from now on.
    pub(crate) fn break_function(&self, function: &str, how: &str) {
        // Whole or not at all: the module reads it at any time.
        let path = self.path().join("faults").join(function);
        let draft = path.with_extension("draft");
        std::fs::write(&draft, how).unwrap();
        std::fs::rename(draft, path).unwrap();
    }

    /// Puts it right again; whether it was still broken.
    pub(crate) fn mend_function(&self, function: &str) -> bool {
        std::fs::remove_file(self.path().join("faults").join(function)).is_ok()
    }

    /// How often its workers have logged in.
    pub(crate) fn logins(&self) -> usize {
        std::fs::read_to_string(self.path().join("faults/logins")).map_or(0, |log| log.lines().count())
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn key(&self, purpose: Purpose) -> StoredKey {
        self.keys.iter().find(|key| key.purpose == purpose).unwrap().clone()
    }

    /// What `pkcs11-tool` shows of the token's private keys, and in all.
    pub(super) fn shown(&self, kind: &str) -> String {
        let done = Command::new("pkcs11-tool")
            .env("SOFTHSM2_CONF", self.path().join("softhsm2.conf"))
            .arg("--module")
            .arg(module())
            .args(["--token-label", "hufu test", "--login", "--pin", PIN, "--list-objects", "--type", kind])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }
}

pub(crate) fn write_pin(folder: &Path, pin: &str) {
    let path = folder.join("pin");
    std::fs::remove_file(&path).ok();
    std::fs::write(&path, format!("{pin}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
}

pub(crate) fn cx() -> Cx {
    Cx { request: RequestId(1), deadline: Instant::now() + Duration::from_secs(30) }
}

pub(super) fn subject(name: &str) -> Subject {
    Subject {
        kind: SignerKind::Person,
        common_name: name.into(),
        serial_number: "S-1".into(),
        organization: None,
        country: "CN".into(),
    }
}

pub(crate) fn spec(algorithm: KeyAlgorithm, custody: Custody) -> GenerateSpec {
    let mut id = [0; 16];
    aws_lc_rs::rand::fill(&mut id).unwrap();
    GenerateSpec {
        id: KeyId(id),
        purpose: Purpose::Signer,
        algorithm,
        custody,
        owner: "signer/app/1".into(),
        subject: subject("张三"),
    }
}

pub(crate) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A worker process and a connection to it.
pub(super) struct TestWorker {
    process: std::process::Child,
    control: Control,
    pub(super) generation: Generation,
    pub(super) caller: Caller<TokenRequest, TokenAnswer>,
    number: AtomicU64,
}

impl TestWorker {
    pub(super) fn start(token: &SoftToken, purpose: Purpose) -> Self {
        Self::try_start(token, purpose).unwrap_or_else(|said| panic!("worker did not start: {said:?}"))
    }

    /// The worker, or what it said instead of being ready.
    pub(super) fn try_start(token: &SoftToken, purpose: Purpose) -> Result<Self, FromChild> {
        let settings = WorkerSettings {
            purpose,
            token: token.settings(),
            sessions: token.sessions,
            unwrapped_keys: 2,
            ca: ca_rules(token.path()),
            hidden: Vec::new(),
        };
        let (control, theirs) = control::pair().unwrap();
        let mut process = part_command(token.path(), "worker").stdin(Stdio::from(theirs)).spawn().unwrap();
        let generation = Generation(u128::from(process.id()) << 64);
        let settings = postcard::to_stdvec(&settings).unwrap();
        control.send(&ToChild::Configure { generation, settings }, None).unwrap();
        control.send(&ToChild::ReceiptKey(KeyOctets(RECEIPT_KEY)), None).unwrap();
        loop {
            match control.receive::<FromChild>().unwrap().unwrap().0 {
                FromChild::KeyTaken => break,
                FromChild::Hello { .. } | FromChild::Ready(_) => {}
                other => {
                    end_of(&mut process);
                    return Err(other);
                }
            }
        }
        let caller = Caller::new(connect(&control), || ()).unwrap();
        Ok(Self { process, control, generation, caller, number: AtomicU64::new(0) })
    }

    /// One more connection, raw.
    pub(super) fn connect(&self) -> UnixStream {
        connect(&self.control)
    }

    /// A receipt as the log would give it, each with a number of its own.
    pub(super) fn receipt(&self, key: KeyId, purpose: Purpose, digest: [u8; 32]) -> Receipt {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let what = Use { digest, generation: self.generation, key, purpose };
        Receipt::issue(&ReceiptKey::new(RECEIPT_KEY), number, 0, &what, now() + 30_000)
    }

    pub(super) fn ask(&self, request: TokenRequest) -> TokenAnswer {
        self.caller.call(cx(), request).unwrap()
    }

    pub(super) fn generate(&self, spec: &GenerateSpec) -> crate::keys::Generated {
        let receipt = self.receipt(spec.id, spec.purpose, spec.digest());
        match self.ask(TokenRequest::Generate(receipt, spec.clone())) {
            Ok(TokenDone::Generated(generated)) => generated,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn sign(&self, key: &StoredKey, what: &ToBeSigned) -> TokenAnswer {
        let receipt = self.receipt(key.id, key.purpose, what.digest());
        self.ask(TokenRequest::Sign(receipt, key.clone(), what.clone()))
    }

    pub(super) fn destroy(&self, key: &StoredKey) -> TokenAnswer {
        let receipt = self.receipt(key.id, key.purpose, key.destroy_digest());
        self.ask(TokenRequest::Destroy(receipt, key.clone()))
    }

    /// Waits for it to give up by itself; what it said last.
    pub(super) fn last_words(&mut self) -> Option<FromChild> {
        let mut last = None;
        while let Ok(Some((said, _))) = self.control.receive::<FromChild>() {
            last = Some(said);
        }
        end_of(&mut self.process);
        last
    }

    /// Tells it to stop and waits for its end.
    pub(super) fn stop(mut self) -> bool {
        self.control.send(&ToChild::Shutdown { grace_millis: 5000 }, None).unwrap();
        end_of(&mut self.process).success()
    }
}

/// A process that is about to end does so soon.
fn end_of(process: &mut std::process::Child) -> std::process::ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "process {} does not end", process.id());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn connect(control: &Control) -> UnixStream {
    let (ours, theirs) = control::stream_pair().unwrap();
    control.send(&ToChild::Peer(PeerRole::Network), Some(&theirs)).unwrap();
    ours
}

impl Drop for TestWorker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
