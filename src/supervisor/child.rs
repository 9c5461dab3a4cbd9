//! Entry points of the children: `hufu internal network|audit|worker`. What a process then does is handed in as a
//! function; here is how it gets its settings and peers.

use super::sandbox::token::Hidden;
use super::sandbox::{self, Confinement};
use crate::audit::ReceiptKey;
use crate::ipc::audit::{AuditAnswer, AuditRequest};
use crate::ipc::child::{Child, Order, Voice};
use crate::ipc::control::{ControlError, Door, FromChild, PeerRole};
use crate::ipc::link::Link;
use crate::keys::Generation;
use crate::keys::Purpose;
use crate::token::{self, Client, PinSource, WorkerSettings};
use flume::{Receiver, Sender};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// An orphan that does not end itself is ended after this.
const ORPHAN_LIFE: Duration = Duration::from_secs(2);
/// Exit status of a child that could not do its work.
const FAILED: u8 = 70;

/// What the network process is handed.
pub struct Network {
    /// Its settings, as [`super::Settings::network`] encodes them.
    pub settings: Vec<u8>,
    /// The token workers; they come and go behind it.
    pub keys: Arc<Client>,
    /// The audit writer; calls wait while it is being replaced.
    pub audit: Arc<Link<AuditRequest, AuditAnswer>>,
    /// To say that it is ready, or degraded.
    pub voice: Voice,
    /// What it is told while it runs.
    pub orders: Receiver<NetworkOrder>,
}

/// What the network process is told while it runs.
#[derive(Debug)]
pub enum NetworkOrder {
    /// A listening socket; those of [`super::Settings::doors`] come first of all.
    Door(Door, TcpListener),
    /// Take nothing new, finish what was begun within that time, return.
    Shutdown(Duration),
    /// The supervisor is gone: return at once.
    Orphaned,
}

/// What the audit writer is handed.
pub struct Audit {
    /// Its settings, as [`super::Settings::audit`] encodes them.
    pub settings: Vec<u8>,
    /// This life of the writer.
    pub generation: Generation,
    /// The workers for checkpoint signatures.
    pub keys: Arc<Client>,
    /// To say that it is ready, or degraded.
    pub voice: Voice,
    /// What it is told while it runs; the receipt key comes first.
    pub orders: Receiver<AuditOrder>,
}

/// What the audit writer is told while it runs.
#[derive(Debug)]
pub enum AuditOrder {
    /// Receipts are made under this key.
    ReceiptKey(ReceiptKey),
    /// Serve this connection; at its end, close the intents that were begun on it and are open as interrupted.
    Serve(UnixStream),
    /// Settings have changed.
    Reconfigure(Vec<u8>),
    /// Put everything taken on disk, sign a checkpoint, return.
    Shutdown(Duration),
    /// The supervisor is gone: put everything taken on disk and return.
    Orphaned,
}

/// Runs the network process unconfined. `serve` returns when it was told to stop, or with the reason why it cannot serve.
pub fn network(serve: impl FnOnce(Network) -> Result<(), String>) -> ExitCode {
    run_network(Child::begin(), serve)
}

/// Runs the network process confined to what `limits` makes of its settings. `/health` shows [`sandbox::active`].
pub fn confined_network(
    limits: impl FnOnce(&[u8]) -> Result<Confinement, String>,
    serve: impl FnOnce(Network) -> Result<(), String>,
) -> ExitCode {
    run_network(begin_within(limits), serve)
}

fn run_network(
    begun: Result<Option<Child>, ControlError>,
    serve: impl FnOnce(Network) -> Result<(), String>,
) -> ExitCode {
    with_child(begun, |child| {
        let audit = Arc::new(Link::new());
        let keys = client(&child.voice)?;
        let (tell, orders) = flume::unbounded();
        let (linked, workers, voice) = (Arc::clone(&audit), Arc::clone(&keys), child.voice.clone());
        spawn("orders", move || {
            relay(&child.orders, &tell, |order| match order {
                Order::Peer(PeerRole::Audit, stream) => {
                    if let Err(error) = linked.connect(stream) {
                        tracing::error!(%error, "no connection to the audit writer");
                    }
                    None
                }
                Order::Peer(role, stream) => add_worker(&workers, role, stream),
                Order::Door(door, socket) => Some(NetworkOrder::Door(door, socket)),
                Order::Shutdown(grace) => Some(NetworkOrder::Shutdown(grace)),
                Order::Orphaned => Some(NetworkOrder::Orphaned),
                Order::Reconfigure(_) | Order::ReceiptKey(_) | Order::Condemned(_) => None,
            });
        })?;
        serve(Network { settings: child.settings, keys, audit, voice, orders })
    })
}

/// Runs the audit writer unconfined.
pub fn audit(serve: impl FnOnce(Audit) -> Result<(), String>) -> ExitCode {
    run_audit(Child::begin(), serve)
}

/// Runs the audit writer confined to what `limits` makes of its settings.
pub fn confined_audit(
    limits: impl FnOnce(&[u8]) -> Result<Confinement, String>,
    serve: impl FnOnce(Audit) -> Result<(), String>,
) -> ExitCode {
    run_audit(begin_within(limits), serve)
}

fn run_audit(
    begun: Result<Option<Child>, ControlError>,
    serve: impl FnOnce(Audit) -> Result<(), String>,
) -> ExitCode {
    with_child(begun, |child| {
        let keys = client(&child.voice)?;
        let (tell, orders) = flume::unbounded();
        let (workers, voice) = (Arc::clone(&keys), child.voice.clone());
        spawn("orders", move || {
            relay(&child.orders, &tell, |order| match order {
                Order::Peer(PeerRole::Network, stream) => Some(AuditOrder::Serve(stream)),
                Order::Peer(role, stream) => add_worker(&workers, role, stream),
                Order::ReceiptKey(key) => Some(AuditOrder::ReceiptKey(key)),
                Order::Reconfigure(settings) => Some(AuditOrder::Reconfigure(settings)),
                Order::Shutdown(grace) => Some(AuditOrder::Shutdown(grace)),
                Order::Orphaned => Some(AuditOrder::Orphaned),
                Order::Door(..) | Order::Condemned(_) => None,
            });
        })?;
        serve(Audit { settings: child.settings, generation: child.generation, keys, voice, orders })
    })
}

/// Begins a child that is confined to what `limits` makes of its settings before it does anything.
fn begin_within(
    limits: impl FnOnce(&[u8]) -> Result<Confinement, String>,
) -> Result<Option<Child>, ControlError> {
    Child::begin_confined(|settings, _| {
        sandbox::confine(&limits(settings)?).map(|_| ()).map_err(|error| error.to_string())
    })
}

/// Runs a token worker, which sees nothing of the appliance's but what is its token's.
pub fn worker() -> ExitCode {
    let mut confined = false;
    let confine = |settings: &[u8], _: &Voice| {
        let active = sandbox::token::confine(&hidden(settings)?).map_err(|error| error.to_string())?;
        confined = active.files_denied && active.calls_denied;
        Ok(())
    };
    match Child::begin_confined(confine) {
        Ok(Some(child)) => token::worker::run(&child, confined),
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => no_child(&error.to_string()),
    }
}

/// What a worker's settings hide from it. Its PIN, its module and the files that its environment names stay.
fn hidden(settings: &[u8]) -> Result<Hidden, String> {
    let settings: WorkerSettings = postcard::from_bytes(settings).map_err(|e| format!("settings: {e}"))?;
    let mut but_read = vec![settings.token.module];
    if settings.purpose == Purpose::Ca {
        // The folder: a rollover puts another file in the place of the one that is there now.
        but_read.extend(settings.ca.identities.parent().map(PathBuf::from));
    }
    match settings.token.pin {
        PinSource::File(path) => but_read.push(path),
        PinSource::Credential(name) => but_read.extend(token::pin::credential(&name)),
    }
    // Of the credentials its own alone.
    let named = std::env::vars_os().filter(|(name, _)| name != token::pin::CREDENTIALS);
    let named = named.map(|(_, value)| PathBuf::from(value));
    let but_write = named.filter(|path| path.is_absolute()).chain([settings.token.pin_folder]).collect();
    Ok(Hidden { all: settings.hidden, but_read, but_write })
}

fn with_child(
    begun: Result<Option<Child>, ControlError>,
    body: impl FnOnce(Started) -> Result<(), String>,
) -> ExitCode {
    let child = match begun {
        Ok(Some(child)) => child,
        Ok(None) => return ExitCode::SUCCESS,
        Err(ControlError::Unconfined(why)) => {
            tracing::error!(why, "not confined, so not served");
            return ExitCode::from(FAILED);
        }
        Err(error) => return no_child(&error.to_string()),
    };
    let voice = child.voice.clone();
    let Child { generation, settings, orders, .. } = child;
    match body(Started { generation, settings, orders, voice: voice.clone() }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            tracing::error!(why, "cannot go on");
            voice.say(&FromChild::Failed(why));
            ExitCode::from(FAILED)
        }
    }
}

struct Started {
    generation: Generation,
    settings: Vec<u8>,
    orders: Receiver<Order>,
    voice: Voice,
}

fn no_child(why: &str) -> ExitCode {
    tracing::error!(why, "`hufu internal` is started by `hufu serve` alone");
    ExitCode::from(FAILED)
}

fn client(voice: &Voice) -> Result<Arc<Client>, String> {
    let voice = voice.clone();
    Client::new(move |generation| voice.say(&FromChild::Hung(generation))).map_err(|error| error.to_string())
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), String> {
    std::thread::Builder::new().name(name.into()).spawn(body).map(|_| ()).map_err(|error| error.to_string())
}

fn add_worker<T>(client: &Client, role: PeerRole, stream: UnixStream) -> Option<T> {
    let PeerRole::Worker { purpose, generation } = role else { return None };
    if let Err(error) = client.add_worker(purpose, generation, stream) {
        tracing::error!(%error, "no connection to a worker");
    }
    None
}

/// Passes on what `translate` makes of the orders. After the supervisor's end the process does not outlive it for long.
fn relay<T>(orders: &Receiver<Order>, tell: &Sender<T>, mut translate: impl FnMut(Order) -> Option<T>) {
    for order in orders {
        let orphaned = matches!(order, Order::Orphaned);
        if let Some(order) = translate(order) {
            let _ = tell.send(order);
        }
        if orphaned {
            std::thread::sleep(ORPHAN_LIFE);
            tracing::error!("the supervisor is gone");
            std::process::exit(i32::from(FAILED));
        }
    }
}
