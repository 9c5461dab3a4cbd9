//! The key port for the network process: chooses workers, calls them, and notices when one hangs.

use super::wire::{Secret, TokenAnswer, TokenDone, TokenRequest};
use crate::audit::Receipt;
use crate::ipc::call::{CallError, Caller};
use crate::keys::{GenerateSpec, Generated, Generation, KeyError, Keys, Purpose, StoredKey, ToBeSigned};
use hufu_api::{Cx, RequestId};
use parking_lot::{Mutex, RwLock};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Calls that may wait at one worker; more are refused, which is a 503 for the client.
const MAX_IN_FLIGHT: usize = 512;
/// How often workers are looked at.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// Every worker makes a test signature once in so long, whether it is suspect or not.
const CHECK_EVERY: Duration = Duration::from_secs(15);
/// A worker that leaves a call unanswered for this long is asked for a sign of life.
const SUSPECT_AFTER: Duration = Duration::from_secs(2);
/// A worker that gives no sign of life within this is hung.
const HUNG_AFTER: Duration = Duration::from_secs(6);

type Link = Caller<TokenRequest, TokenAnswer>;

/// One worker process as its clients see it.
struct Worker {
    purpose: Purpose,
    generation: Generation,
    link: Link,
    /// Reported as hung; chosen no more.
    hung: AtomicBool,
    /// When a call last went unanswered past its deadline, if nothing was answered since.
    unanswered: Mutex<Option<Instant>>,
    /// The last test signature: when it was asked for, and what went wrong.
    checked: Mutex<(Instant, Option<String>)>,
    /// Whether its process is confined, once it said.
    confined: Mutex<Option<bool>>,
}

/// State of one worker, for `/health`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerState {
    /// What it serves.
    pub purpose: Purpose,
    /// Which life.
    pub generation: Generation,
    /// Whether it is chosen for work.
    pub healthy: bool,
    /// Calls waiting for its answer.
    pub in_flight: usize,
    /// Why its last test signature failed, if it did.
    pub trouble: Option<String>,
    /// Whether its process is confined, as it said with its last test signature.
    pub confined: Option<bool>,
}

/// Who is told that a worker hangs.
type Report = Box<dyn Fn(Generation) + Send + Sync>;

/// The workers of all purposes. Cheap to share; workers come and go while calls run.
pub struct Client {
    workers: RwLock<Vec<Arc<Worker>>>,
    turn: AtomicUsize,
    report: Report,
}

impl Client {
    /// A client without workers yet. `report` is told once of each worker that hangs. Starts the watching thread, which
    /// ends with the client.
    ///
    /// # Errors
    /// When no thread is to be had.
    pub fn new(report: impl Fn(Generation) + Send + Sync + 'static) -> std::io::Result<Arc<Self>> {
        let client = Arc::new(Self {
            workers: RwLock::default(),
            turn: AtomicUsize::new(0),
            report: Box::new(report),
        });
        let watched = Arc::downgrade(&client);
        std::thread::Builder::new().name("token-watch".into()).spawn(move || {
            while let Some(client) = watched.upgrade() {
                client.watch();
                drop(client);
                std::thread::sleep(WATCH_EVERY);
            }
        })?;
        Ok(client)
    }

    /// Takes a new worker into service.
    ///
    /// # Errors
    /// When the socket or a thread is refused.
    pub fn add_worker(
        &self,
        purpose: Purpose,
        generation: Generation,
        stream: UnixStream,
    ) -> std::io::Result<()> {
        let link = Link::new(stream, move || tracing::info!(%generation, "token worker gone"))?;
        let hung = AtomicBool::new(false);
        let (unanswered, checked) = (Mutex::new(None), Mutex::new((Instant::now(), None)));
        let worker = Arc::new(Worker {
            purpose,
            generation,
            link,
            hung,
            unanswered,
            checked,
            confined: Mutex::default(),
        });
        let mut workers = self.workers.write();
        workers.retain(|old| !old.link.is_closed());
        workers.push(worker);
        Ok(())
    }

    /// All workers that are not gone.
    pub fn states(&self) -> Vec<WorkerState> {
        let workers = self.workers.read();
        let living = workers.iter().filter(|worker| !worker.link.is_closed());
        living
            .map(|worker| WorkerState {
                purpose: worker.purpose,
                generation: worker.generation,
                healthy: worker.is_usable(),
                in_flight: worker.link.in_flight(),
                trouble: worker.checked.lock().1.clone(),
                confined: *worker.confined.lock(),
            })
            .collect()
    }

    /// Has one healthy worker of that purpose make a signature with the token's test key.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn check_health(&self, cx: Cx, purpose: Purpose) -> Result<(), KeyError> {
        let worker = self.least_loaded(purpose)?;
        let answer = self.call(cx, &worker, TokenRequest::Health);
        worker.heard(&answer);
        answer.map(|_| ())
    }

    /// The usable worker with the fewest calls waiting; ties go round.
    fn least_loaded(&self, purpose: Purpose) -> Result<Arc<Worker>, KeyError> {
        let workers = self.workers.read();
        let start = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = workers.len().max(1);
        let usable = (0..workers.len())
            .filter_map(|i| workers.get((start % count + i) % count))
            .filter(|worker| worker.purpose == purpose && worker.is_usable());
        let best = usable.min_by_key(|worker| worker.link.in_flight());
        match best {
            None => Err(KeyError::Unavailable(format!("no worker for {purpose:?} keys"))),
            Some(worker) if worker.link.in_flight() >= MAX_IN_FLIGHT => {
                Err(KeyError::Unavailable("all workers are busy".into()))
            }
            Some(worker) => Ok(Arc::clone(worker)),
        }
    }

    fn of(&self, generation: Generation) -> Result<Arc<Worker>, KeyError> {
        let workers = self.workers.read();
        let found = workers.iter().find(|worker| worker.generation == generation);
        found.cloned().ok_or_else(|| KeyError::Unavailable("the chosen worker is gone".into()))
    }

    fn call(&self, cx: Cx, worker: &Worker, request: TokenRequest) -> TokenAnswer {
        let answered = worker.link.call(cx, request);
        if matches!(answered, Err(CallError::Timeout)) {
            worker.unanswered.lock().get_or_insert_with(Instant::now);
        }
        match answered {
            Ok(answer) => answer,
            Err(CallError::Timeout) => Err(KeyError::Timeout),
            Err(CallError::Closed) => Err(KeyError::Unavailable("the worker died".into())),
            Err(_) => Err(KeyError::Unavailable("the worker takes no calls".into())),
        }
    }

    /// Looks for workers that leave calls unanswered, or that were not asked for long, and asks them for a sign of life, each in its own thread.
    fn watch(self: &Arc<Self>) {
        self.workers.write().retain(|worker| !worker.link.is_closed());
        let suspects: Vec<_> =
            self.workers.read().iter().filter(|worker| worker.is_suspect()).cloned().collect();
        for worker in suspects {
            // Taken until the answer is in, so that a worker is asked once at a time.
            *worker.unanswered.lock() = None;
            worker.checked.lock().0 = Instant::now();
            let client = Arc::clone(self);
            let asked = std::thread::Builder::new().name("token-probe".into()).spawn(move || {
                let deadline = Instant::now() + HUNG_AFTER;
                let alive = worker.link.call(Cx { request: RequestId(0), deadline }, TokenRequest::Health);
                if let Ok(answer) = &alive {
                    worker.heard(answer);
                }
                worker.checked.lock().1 = match &alive {
                    Ok(Ok(_)) => None,
                    Ok(Err(error)) => Some(error.to_string()),
                    Err(error) => Some(error.to_string()),
                };
                if matches!(alive, Err(CallError::Timeout)) && !worker.hung.swap(true, Ordering::SeqCst) {
                    tracing::error!(generation = %worker.generation, "token worker hangs");
                    (client.report)(worker.generation);
                }
            });
            if let Err(error) = asked {
                tracing::error!(%error, "token worker not probed");
            }
        }
    }
}

impl Worker {
    /// Notes what it said of its process.
    fn heard(&self, answer: &TokenAnswer) {
        if let Ok(TokenDone::Well { confined }) = answer {
            *self.confined.lock() = Some(*confined);
        }
    }

    fn is_usable(&self) -> bool {
        !self.hung.load(Ordering::SeqCst) && !self.link.is_closed()
    }

    fn is_suspect(&self) -> bool {
        self.is_usable()
            && (self.unanswered.lock().is_some()
                || self.checked.lock().0.elapsed() > CHECK_EVERY
                || self.link.oldest().is_some_and(|since| since.elapsed() > SUSPECT_AFTER))
    }
}

/// An answer of the wrong kind: the worker is of another version or lies.
fn strange<T>(_: TokenDone) -> Result<T, KeyError> {
    Err(KeyError::Failed("the worker answered something else".into()))
}

impl Keys for Client {
    fn choose(&self, purpose: Purpose) -> Result<Generation, KeyError> {
        self.least_loaded(purpose).map(|worker| worker.generation)
    }

    fn generate(&self, cx: Cx, receipt: Receipt, spec: &GenerateSpec) -> Result<Generated, KeyError> {
        let worker = self.of(receipt.generation)?;
        match self.call(cx, &worker, TokenRequest::Generate(receipt, spec.clone()))? {
            TokenDone::Generated(generated) => Ok(generated),
            other => strange(other),
        }
    }

    fn sign(
        &self,
        cx: Cx,
        receipt: Receipt,
        key: &StoredKey,
        what: &ToBeSigned,
    ) -> Result<Vec<u8>, KeyError> {
        let worker = self.of(receipt.generation)?;
        match self.call(cx, &worker, TokenRequest::Sign(receipt, key.clone(), what.clone()))? {
            TokenDone::Octets(signature) => Ok(signature),
            other => strange(other),
        }
    }

    fn destroy(&self, cx: Cx, receipt: Receipt, key: &StoredKey) -> Result<(), KeyError> {
        let worker = self.of(receipt.generation)?;
        match self.call(cx, &worker, TokenRequest::Destroy(receipt, key.clone()))? {
            TokenDone::Done => Ok(()),
            other => strange(other),
        }
    }

    fn protect(&self, cx: Cx, context: &str, secret: &[u8]) -> Result<Vec<u8>, KeyError> {
        let worker = self.least_loaded(Purpose::Signer)?;
        let request = TokenRequest::Protect(context.to_owned(), Secret(secret.to_vec()));
        match self.call(cx, &worker, request)? {
            TokenDone::Octets(protected) => Ok(protected),
            other => strange(other),
        }
    }

    fn reveal(&self, cx: Cx, context: &str, protected: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let worker = self.least_loaded(Purpose::Signer)?;
        match self.call(cx, &worker, TokenRequest::Reveal(context.to_owned(), protected.to_vec()))? {
            TokenDone::Revealed(mut secret) => Ok(Zeroizing::new(std::mem::take(&mut secret.0))),
            other => strange(other),
        }
    }

    fn random(&self, cx: Cx, n: usize) -> Result<Vec<u8>, KeyError> {
        let worker = self.least_loaded(Purpose::Signer)?;
        let wanted = u32::try_from(n).map_err(|_| KeyError::Refused("too many random octets".into()))?;
        match self.call(cx, &worker, TokenRequest::Random(wanted))? {
            TokenDone::Octets(octets) if octets.len() == n => Ok(octets),
            other => strange(other),
        }
    }
}
