#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod crash;
mod faults;
mod mutations;
mod process;
mod reading;
mod shim;

use super::client::Client;
use super::process::{AuditProcess, CheckpointKey, Settings};
use super::server::Role;
use super::{Folder, Log, LogError};
use crate::audit::{Act, Actor, AuditLog, Ending, Event, Facts, Intent, Outcome, ReceiptKey, Use};
use crate::clock::SystemClock;
use crate::keys::soft::SoftKeys;
use crate::keys::{Generation, KeyId, Keys, Purpose, StoredKey};
use crate::store::DurableError;
use hufu_api::{Cx, RequestId};
use serde_json::json;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(super) const ORIGIN: &str = "hufu.test/audit";

pub(super) fn cx() -> Cx {
    Cx { request: RequestId(7), deadline: Instant::now() + Duration::from_secs(30) }
}

pub(super) fn event(n: u64) -> Event {
    let facts = Facts::from([("n".into(), json!(n))]);
    Event {
        act: Act::Login,
        actor: Actor { app: Some("demo".into()), ..Actor::default() },
        facts,
        ending: Ending::Done,
    }
}

pub(super) fn a_use(n: u8) -> Use {
    Use { digest: [n; 32], generation: Generation(3), key: KeyId([n; 16]), purpose: Purpose::Signer }
}

pub(super) fn intent(uses: Vec<Use>) -> Intent {
    Intent { act: Act::Sign, actor: Actor::default(), facts: Facts::new(), uses }
}

pub(super) fn done() -> Outcome {
    Outcome { ending: Ending::Done, facts: Facts::from([("summary".into(), json!(1))]) }
}

pub(super) fn receipt_key() -> ReceiptKey {
    ReceiptKey::new([5; 32])
}

/// A token with an audit key, in memory.
pub(super) struct Token {
    pub(super) keys: Arc<SoftKeys>,
    pub(super) key: StoredKey,
}

impl Token {
    pub(super) fn new() -> Self {
        let keys = Arc::new(SoftKeys::new());
        let key = keys.install(Purpose::Audit);
        Self { keys, key }
    }
}

/// An audit folder with its process.
pub(super) struct Site {
    pub(super) folder: Folder,
    pub(super) token: Token,
    _tmp: TempDir,
}

impl Site {
    pub(super) fn new() -> Self {
        let tmp = TempDir::new().unwrap();
        Self { folder: Folder::new(tmp.path().join("audit")), token: Token::new(), _tmp: tmp }
    }

    pub(super) fn start(&self) -> AuditProcess {
        self.start_over(open(&self.folder).unwrap())
    }

    pub(super) fn start_over(&self, log: Log) -> AuditProcess {
        self.start_keeping(log, None)
    }

    pub(super) fn start_keeping(&self, log: Log, keep: Option<u64>) -> AuditProcess {
        self.start_archiving(log, keep, None)
    }

    pub(super) fn start_archiving(
        &self,
        log: Log,
        keep: Option<u64>,
        archive: Option<PathBuf>,
    ) -> AuditProcess {
        self.start_all(log, keep, archive, Arc::<SoftKeys>::clone(&self.token.keys))
    }

    pub(super) fn start_with_keys(&self, log: Log, keys: Arc<dyn Keys>) -> AuditProcess {
        self.start_all(log, None, None, keys)
    }

    fn start_all(
        &self,
        log: Log,
        keep: Option<u64>,
        archive: Option<PathBuf>,
        keys: Arc<dyn Keys>,
    ) -> AuditProcess {
        let clock = Arc::new(SystemClock::new(1_000, log.last_at()));
        let settings = Settings {
            cache_bytes: 16 << 20,
            receipt_life: Duration::from_secs(30),
            sinks: Vec::new(),
            keep,
            archive,
        };
        let checkpoints = CheckpointKey {
            keys,
            key: self.token.key.clone(),
            origin: ORIGIN.into(),
            interval: Duration::from_secs(3600),
        };
        let process = AuditProcess::start(&self.folder, log, clock, settings, Some(checkpoints)).unwrap();
        process.set_receipt_key(receipt_key());
        process
    }
}

pub(super) fn open(folder: &Folder) -> Result<Log, LogError> {
    patiently(|| Log::open(folder, 16 << 20))
}

/// A process that has been dropped lets go of its log only when its last connection's threads have ended.
pub(super) fn patiently<T>(open: impl Fn() -> Result<T, LogError>) -> Result<T, LogError> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match open() {
            Err(LogError::Durable(DurableError::InUse { .. })) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

pub(super) fn connect(process: &AuditProcess, role: Role) -> Client {
    let (ours, theirs) = UnixStream::pair().unwrap();
    process.serve(theirs, role).unwrap();
    let client = Client::new();
    client.connect(ours).unwrap();
    client
}

/// A site whose log holds `n` records and a last checkpoint, closed.
pub(super) fn filled(n: u64) -> Site {
    let site = Site::new();
    let process = site.start();
    let client = connect(&process, Role::Network);
    std::thread::scope(|scope| {
        for t in 0..8 {
            let client = &client;
            scope.spawn(move || {
                (0..n).filter(|i| i % 8 == t).for_each(|i| {
                    client.record(cx(), event(i)).unwrap();
                });
            });
        }
    });
    drop((client, process));
    site
}
