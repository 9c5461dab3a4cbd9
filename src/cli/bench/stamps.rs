//! `hufu bench stamps`: RFC 3161 answers a second of the appliance's own authority in this process, its durable log included, beside
//! what the token alone signs in the same run.

use crate::audit::{AuditLog, Receipt, ReceiptKey};
use crate::channels::{Identity, LocalTsa, OsEntropy, TsaParts};
use crate::cli::{Failure, say};
use crate::clock::SystemClock;
use crate::conf::{Seat, Site};
use crate::keys::{
    GenerateSpec, Generated, Generation, KeyAlgorithm, KeyError, Keys, Purpose, StoredKey, ToBeSigned,
};
use crate::ledger::client::Client;
use crate::ledger::process::{AuditProcess, Settings};
use crate::ledger::server::Role as Peer;
use crate::ledger::{Folder, Log};
use crate::store::SledStore;
use crate::token::ceremony::Ceremony;
use crate::tsp::{Request, check_response};
use crate::x509::{
    Addresses, Issuer, Role, SignatureAlgorithm, TbsSpec, assemble, authority_name, certificate_tbs,
    key_identifier,
};
use clap::Args;
use hufu_api::{AuthoritySpec, Clock, Cx, Der, Entropy, HashAlgorithm, RequestId, Store};
use parking_lot::Mutex;
use std::ffi::OsStr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Measure the time-stamping authority in this process: RFC 3161 answers a second with P-256 and RSA-2048 keys, each with its two
/// durable records, beside the token's own rate. The keys are made in the token's session for this and end with it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Stamps {
    /// A folder on the disk to be measured; it is made, filled and removed again.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Callers at once, separated by commas.
    #[arg(long, default_value = "1,8,32,64", value_delimiter = ',')]
    callers: Vec<usize>,
    /// Seconds for each number.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
}

const LABEL: &str = "hufu bench";
/// Caches of log and state.
const CACHE: u64 = 64 << 20;
const DAY_MILLIS: i64 = 86_400_000;

pub(super) fn run(args: &Stamps, file: &Path) -> Result<(), Failure> {
    let site = Site::read(file)?;
    let environment = site.token_environment(file)?;
    if environment.iter().any(|(name, value)| std::env::var_os(name).as_deref() != Some(OsStr::new(value))) {
        return crate::cli::again_with(&environment);
    }
    std::fs::create_dir(&args.dir)
        .map_err(|e| format!("{}: {e}; give a folder that is not there yet", args.dir.display()))?;
    let measured = measure(args, &site, file);
    std::fs::remove_dir_all(&args.dir)?;
    measured
}

fn measure(args: &Stamps, site: &Site, file: &Path) -> Result<(), Failure> {
    let length = Duration::from_secs(args.seconds.max(1));
    let token =
        site.tokens().of(Seat::Served(Purpose::Tsa), file).map_err(|(k, reason)| format!("{k}: {reason}"))?;
    let mut ceremony = Ceremony::open(&crate::registry::tokens::settings(site, &token))?;
    let rates = [KeyAlgorithm::P256, KeyAlgorithm::Rsa2048].map(|algorithm| {
        ceremony.rate(algorithm, LABEL, 1, length).map(|rate| (algorithm, rate)).map_err(|e| e.to_string())
    });
    let token = Arc::new(InProcess(Mutex::new(ceremony)));
    say("| key | callers | time stamps/s | token alone, 1 session | of it |\n|---|---|---|---|---|");
    for rate in rates {
        let (algorithm, alone) = rate?;
        let folder = args.dir.join(format!("{algorithm:?}"));
        let authority = Authority::start(&token, algorithm, &folder)?;
        for callers in &args.callers {
            let stamps = authority.rate((*callers).clamp(1, 1_024), length)?;
            let share = 100.0 * stamps / alone.max(1.0);
            say(&format!("| {algorithm:?} | {callers} | {stamps:.0} | {alone:.0} | {share:.0} % |"));
        }
    }
    Ok(())
}

/// An authority with its log and its serial numbers.
struct Authority {
    tsa: LocalTsa,
    _log: AuditProcess,
}

impl Authority {
    fn start(token: &Arc<InProcess>, algorithm: KeyAlgorithm, folder: &Path) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(i64::MAX, None));
        let audit = Folder::new(folder.join("audit"));
        let settings = Settings {
            cache_bytes: CACHE,
            receipt_life: Duration::from_secs(60),
            sinks: Vec::new(),
            keep: None,
            archive: None,
        };
        let log = AuditProcess::start(&audit, Log::open(&audit, CACHE)?, Arc::clone(&clock), settings, None)?;
        log.set_receipt_key(ReceiptKey::new([0; 32]));
        let (ours, theirs) = UnixStream::pair()?;
        log.serve(theirs, Peer::Network)?;
        let client = Client::new();
        client.connect(ours)?;
        let store: Arc<dyn Store> = Arc::new(SledStore::open(&folder.join("state"))?);
        let parts = TsaParts {
            keys: Arc::clone(token) as Arc<dyn Keys>,
            log: Arc::new(client) as Arc<dyn AuditLog>,
            clock: Arc::clone(&clock),
            store,
            entropy: Arc::new(OsEntropy::default()) as Arc<dyn Entropy>,
        };
        let spec = AuthoritySpec {
            label: LABEL.into(),
            policy: "1.3.6.1.4.1.32473.3.1".into(),
            accuracy_millis: 1_500,
            ordering: false,
        };
        let identity = identity(&mut token.0.lock(), algorithm, clock.as_ref())?;
        Ok(Self { tsa: LocalTsa::new(&parts, &identity, &spec)?, _log: log })
    }

    /// Answers a second to so many callers; the first answer is checked, all must be grants.
    fn rate(&self, callers: usize, length: Duration) -> Result<f64, Failure> {
        let request = Request {
            algorithm: HashAlgorithm::Sha256,
            digest: vec![7; 32],
            policy: None,
            nonce: Some(vec![0x12, 0x34]),
            cert_req: true,
        };
        let (query, now) = (request.to_der(), Instant::now());
        check_response(&self.tsa.respond(cx(0), &query), &request, &[])?;
        let began = Instant::now();
        let end = now + length;
        let counted: Result<Vec<u32>, String> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..callers)
                .map(|caller| {
                    let query = &query;
                    scope.spawn(move || {
                        let mut count = 0_u32;
                        while Instant::now() < end {
                            let answer = self.tsa.respond(cx(caller), query);
                            // A rejection is short: it holds no token.
                            if answer.len() < 200 {
                                return Err("a time stamp was refused".to_owned());
                            }
                            count += 1;
                        }
                        Ok(count)
                    })
                })
                .collect();
            running.into_iter().map(|r| r.join().unwrap_or_else(|_| Err("a caller failed".into()))).collect()
        });
        Ok(counted?.into_iter().map(f64::from).sum::<f64>() / began.elapsed().as_secs_f64())
    }
}

fn cx(caller: usize) -> Cx {
    let request = RequestId(u128::try_from(caller).unwrap_or(0));
    let now = Instant::now();
    Cx { request, deadline: now.checked_add(Duration::from_secs(30)).unwrap_or(now) }
}

/// A key of the session with a certificate that it signed itself.
fn identity(token: &mut Ceremony, algorithm: KeyAlgorithm, clock: &dyn Clock) -> Result<Identity, Failure> {
    let key = token.session_key(Purpose::Tsa, algorithm, LABEL)?;
    let name = authority_name("CN", "Hufu", LABEL)?;
    let scheme = SignatureAlgorithm::for_key(&key.spki.0)?.identifier();
    let now = clock.now()?;
    let tbs = certificate_tbs(&TbsSpec {
        serial: &[1],
        algorithm: &scheme,
        issuer: Issuer::new(&name, &key_identifier(&key.spki.0)?),
        subject: &name,
        spki: &key.spki.0,
        not_before: now.plus_millis(-DAY_MILLIS),
        not_after: now.plus_millis(DAY_MILLIS),
        role: Role::TimeStamping,
        addresses: Addresses::default(),
    })?;
    let signature = token.sign(&key, &tbs)?;
    let certificate = Der(assemble(&tbs, &scheme, &signature));
    Ok(Identity { label: LABEL.into(), key, certificate, issuers: Vec::new() })
}

/// The token in this process and in one session: a measurement needs no worker and no receipts.
struct InProcess(Mutex<Ceremony>);

impl Keys for InProcess {
    fn choose(&self, _: Purpose) -> Result<Generation, KeyError> {
        Ok(Generation(0))
    }

    fn sign(&self, _: Cx, _: Receipt, key: &StoredKey, what: &ToBeSigned) -> Result<Vec<u8>, KeyError> {
        self.0.lock().sign(key, what.bytes())
    }

    fn generate(&self, _: Cx, _: Receipt, _: &GenerateSpec) -> Result<Generated, KeyError> {
        Err(KeyError::Unsupported("only signing is measured".into()))
    }

    fn destroy(&self, _: Cx, _: Receipt, _: &StoredKey) -> Result<(), KeyError> {
        Err(KeyError::Unsupported("only signing is measured".into()))
    }

    fn protect(&self, _: Cx, _: &str, _: &[u8]) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::Unsupported("only signing is measured".into()))
    }

    fn reveal(&self, _: Cx, _: &str, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        Err(KeyError::Unsupported("only signing is measured".into()))
    }

    fn random(&self, _: Cx, _: usize) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::Unsupported("only signing is measured".into()))
    }
}
