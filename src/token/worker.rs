//! A token worker: the process that alone has module and PIN.

use super::fault::{Trouble, told};
use super::growth::Growth;
use super::issuance::Issuance;
use super::module::{Module, OpenError};
use super::patience::{ONE_CALL, OPENING, end_at_once, within};
use super::receipts::Receipts;
use super::service::{self, Service};
use super::session::TokenSession;
use super::settings::WorkerSettings;
use super::wire::{TokenAnswer, TokenRequest};
use crate::ipc::child::{Child, Order};
use crate::ipc::control::FromChild;
use crate::ipc::serve::{self, Answers, Incoming};
use crate::keys::KeyError;
use cryptoki::error::{Error, RvError};
use flume::{Receiver, Sender, TrySendError};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Calls that may wait for a session, per session; more are turned away at once.
const QUEUE_PER_SESSION: usize = 64;
/// How long sessions may take to end when the worker does.
const LAST_CALLS: Duration = Duration::from_secs(1);
/// Exit status of a worker that wants to be replaced.
const REPLACE_ME: u8 = 75;
/// Exit status of a worker that must not be started again soon.
const PIN_REFUSED: u8 = 77;

/// What a session thread is given to do.
enum Job {
    Answer(Box<Incoming<TokenRequest>>, Answers<TokenAnswer>),
    End,
}

/// What the session threads and the connections share.
struct Shared {
    service: Service,
    /// Calls taken and not answered yet.
    busy: AtomicUsize,
    draining: AtomicBool,
    growth: Growth,
}

/// Runs a worker until it is told to stop, loses its supervisor, or the token needs a new process. `confined` is what it says of
/// its process when it is asked how it is.
pub fn run(child: &Child, confined: bool) -> ExitCode {
    match start(child, confined) {
        Ok(worker) => {
            let code = worker.obey(child);
            worker.end();
            code
        }
        Err(OpenError::PinRefused(why)) => {
            tracing::error!(%why, "the token refuses the PIN; not trying again");
            child.voice.say(&FromChild::PinRefused(why));
            ExitCode::from(PIN_REFUSED)
        }
        Err(error) => {
            tracing::error!(%error, "worker cannot start");
            child.voice.say(&FromChild::Failed(error.to_string()));
            ExitCode::from(REPLACE_ME)
        }
    }
}

struct Worker {
    shared: Arc<Shared>,
    jobs: Sender<Job>,
    module: Arc<Module>,
    sessions: Vec<JoinHandle<()>>,
}

fn start(child: &Child, confined: bool) -> Result<Worker, OpenError> {
    let settings: WorkerSettings =
        postcard::from_bytes(&child.settings).map_err(|e| OpenError::Token(format!("settings: {e}")))?;
    let voice = &child.voice;
    let (module, first) = within(OPENING, voice, "opening the token", || Module::open(&settings.token))??;
    let module = Arc::new(module);
    let mut first = TokenSession::over(&module, first, settings.unwrapped_keys);
    // A worker that logs in and cannot sign would draw all calls to itself by failing them quickly.
    within(ONE_CALL, voice, "a test signature", || service::health(&mut first))?
        .map_err(|error| OpenError::Token(error.to_string()))?;
    let sessions = within(OPENING, voice, "opening sessions", || open_sessions(first, &module, &settings))??;
    let count = sessions.len();
    let (jobs, queue) = flume::bounded(count * QUEUE_PER_SESSION);
    let ready = format!(
        "{:?}: {}, {count} sessions, {} keys, {}",
        settings.purpose,
        module.described,
        module.handles.count(),
        module.abilities
    );
    let receipts = Receipts::new(child.generation);
    let issuance = Issuance::new(settings.ca.clone());
    let service = Service { settings, generation: child.generation, receipts, issuance, confined };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let growth = Growth::new(cores, count, Instant::now());
    let shared =
        Arc::new(Shared { service, busy: AtomicUsize::new(0), draining: AtomicBool::new(false), growth });
    let serve = |(number, session)| {
        let (shared, queue, condemn) = (Arc::clone(&shared), queue.clone(), child.condemn.clone());
        spawn("token-session", move || serve_session((number, session), &shared, &queue, &condemn))
    };
    let sessions = sessions.into_iter().enumerate().map(serve).collect::<Result<_, _>>()?;
    child.voice.ready(&ready);
    Ok(Worker { shared, jobs, module, sessions })
}

/// As many sessions as configured, or as the token gives.
fn open_sessions(
    first: TokenSession,
    module: &Arc<Module>,
    settings: &WorkerSettings,
) -> Result<Vec<TokenSession>, OpenError> {
    let mut sessions = vec![first];
    for _ in 1..settings.sessions.clamp(1, 256) {
        match TokenSession::open(module, settings.unwrapped_keys) {
            Ok(session) => sessions.push(session),
            Err(Trouble::Module(error @ Error::Pkcs11(RvError::SessionCount | RvError::DeviceMemory, _))) => {
                tracing::warn!(%error, opened = sessions.len(), "the token gives no more sessions");
                break;
            }
            Err(Trouble::Module(error)) => return Err(OpenError::Token(told(&error).to_string())),
            Err(Trouble::Final(error)) => return Err(OpenError::Token(error.to_string())),
        }
    }
    Ok(sessions)
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(body)
        .map_err(|error| OpenError::Token(format!("thread: {error}")))
}

/// The thread of the session of that number.
fn serve_session(
    (number, mut session): (usize, TokenSession),
    shared: &Shared,
    queue: &Receiver<Job>,
    condemn: &Sender<Order>,
) {
    loop {
        if !shared.growth.wait_for_turn(number) {
            return;
        }
        let Ok(Job::Answer(incoming, answers)) = queue.recv() else { return };
        let Incoming { id, cx, body } = *incoming;
        shared.growth.begins(number, Instant::now());
        let answer = shared.service.answer(&mut session, cx, body);
        shared.growth.answered(number, Instant::now(), !queue.is_empty());
        if let Err(error) = &answer {
            tracing::warn!(request = %cx.request, %error, "not done");
        }
        answers.answer(id, answer);
        shared.busy.fetch_sub(1, Ordering::SeqCst);
        if let Some(why) = session.module.condemned().or_else(|| session.module.pin_refusal()) {
            let _ = condemn.send(Order::Condemned(why));
        }
    }
}

impl Worker {
    fn obey(&self, child: &Child) -> ExitCode {
        loop {
            match child.orders.recv() {
                Ok(Order::ReceiptKey(key)) => {
                    self.shared.service.receipts.set_key(key);
                    child.voice.key_taken();
                }
                Ok(Order::Peer(_, stream)) => self.serve(stream),
                Ok(Order::Reconfigure(_) | Order::Door(..)) => {}
                Ok(Order::Shutdown(grace)) => {
                    self.drain(grace);
                    return ExitCode::SUCCESS;
                }
                Ok(Order::Orphaned) | Err(_) => return ExitCode::SUCCESS,
                Ok(Order::Condemned(why)) => {
                    // Others' calls under way may still succeed, but not for long.
                    self.drain(Duration::from_millis(200));
                    return self.give_up(child, why);
                }
            }
        }
    }

    fn give_up(&self, child: &Child, why: String) -> ExitCode {
        if self.module.pin_refusal().is_some() {
            tracing::error!(%why, "the token refuses the PIN; not trying again");
            child.voice.say(&FromChild::PinRefused(why));
            return ExitCode::from(PIN_REFUSED);
        }
        tracing::error!(%why, "the token needs a new process");
        child.voice.say(&FromChild::Failed(why));
        ExitCode::from(REPLACE_ME)
    }

    /// Reads a connection's calls into the queue.
    fn serve(&self, stream: UnixStream) {
        let (mut requests, answers) = match serve::connection::<TokenRequest, TokenAnswer>(stream) {
            Ok(halves) => halves,
            Err(error) => {
                tracing::error!(%error, "connection refused");
                return;
            }
        };
        let (shared, jobs) = (Arc::clone(&self.shared), self.jobs.clone());
        let body = move || {
            loop {
                match requests.receive() {
                    Ok(Some(incoming)) => shared.take(incoming, &answers, &jobs),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::error!(%error, "connection given up");
                        break;
                    }
                }
            }
            answers.close();
        };
        if let Err(error) = spawn("token-calls", body) {
            tracing::error!(%error, "connection not served");
        }
    }

    /// Ends the sessions and the module, in this order. The process may then exit: a module's destructors beside a session that is
    /// being closed crash, or wait for ever. A session that does not come back from the module leaves no orderly way out.
    fn end(self) {
        self.shared.draining.store(true, Ordering::SeqCst);
        self.shared.growth.close();
        let until = Instant::now() + LAST_CALLS;
        for _ in &self.sessions {
            let _ = self.jobs.send_deadline(Job::End, until);
        }
        while !self.sessions.iter().all(JoinHandle::is_finished) {
            if Instant::now() >= until {
                end_at_once();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        for session in self.sessions {
            let _ = session.join();
        }
    }

    fn drain(&self, grace: Duration) {
        self.shared.draining.store(true, Ordering::SeqCst);
        let end = Instant::now() + grace;
        while self.shared.busy.load(Ordering::SeqCst) > 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Shared {
    fn take(&self, incoming: Incoming<TokenRequest>, answers: &Answers<TokenAnswer>, jobs: &Sender<Job>) {
        let id = incoming.id;
        let refuse = |why: &str| answers.answer(id, Err(KeyError::Unavailable(why.to_owned())));
        if self.draining.load(Ordering::SeqCst) {
            return refuse("the worker is stopping");
        }
        self.busy.fetch_add(1, Ordering::SeqCst);
        let job = Job::Answer(Box::new(incoming), answers.clone());
        if let Err(error) = jobs.try_send(job) {
            self.busy.fetch_sub(1, Ordering::SeqCst);
            refuse(match error {
                TrySendError::Full(_) => "the worker is busy",
                TrySendError::Disconnected(_) => "the worker is stopping",
            });
        }
    }
}
