//! A child's side of its control socket: the same first steps for every kind of process.

use super::control::{Control, ControlError, Door, FromChild, PeerRole, ToChild};
use crate::audit::ReceiptKey;
use crate::keys::Generation;
use flume::{Receiver, Sender};
use rustix::mm::MlockAllFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use rustix::thread::{CapabilitySet, capabilities};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// What a child is told while it runs.
#[derive(Debug)]
pub enum Order {
    /// Receipts are made and checked under this key from now on. Answer with [`Voice::key_taken`].
    ReceiptKey(ReceiptKey),
    /// A connection to another process.
    Peer(PeerRole, UnixStream),
    /// A listening socket.
    Door(Door, TcpListener),
    /// Settings have changed.
    Reconfigure(Vec<u8>),
    /// Finish within that time and exit.
    Shutdown(Duration),
    /// The supervisor is gone: exit at once.
    Orphaned,
    /// Something in this process found that only a new process can help.
    Condemned(String),
}

/// A started child.
#[derive(Debug)]
pub struct Child {
    /// This life of the process.
    pub generation: Generation,
    /// Its settings, encoded as the supervisor's side encodes them.
    pub settings: Vec<u8>,
    /// What it is told, in order.
    pub orders: Receiver<Order>,
    /// For what it has to say.
    pub voice: Voice,
    /// For its own threads to end it.
    pub condemn: Sender<Order>,
}

/// Says things to the supervisor; clones speak on the same socket.
#[derive(Clone, Debug)]
pub struct Voice(Arc<Control>);

impl Voice {
    /// Says it. A supervisor that is gone is noticed elsewhere.
    pub fn say(&self, what: &FromChild) {
        if let Err(error) = self.0.send(what, None) {
            tracing::warn!(%error, "not told to the supervisor");
        }
    }

    /// It serves.
    pub fn ready(&self, what: &str) {
        self.say(&FromChild::Ready(what.to_owned()));
    }

    /// The newest receipt key is in use.
    pub fn key_taken(&self) {
        self.say(&FromChild::KeyTaken);
    }
}

impl Child {
    /// First thing in a child's `main`, before any thread: takes standard input as the control socket, gives up core
    /// dumps and new privileges, says hello and waits for its settings. `None` when the supervisor is gone already.
    ///
    /// # Errors
    /// When standard input is no control socket or the kernel refuses.
    pub fn begin() -> Result<Option<Self>, ControlError> {
        Self::begin_confined(|_, _| Ok(()))
    }

    /// As [`Child::begin`]; `confine` is given the settings and the voice before the first thread is started.
    ///
    /// # Errors
    /// As [`Child::begin`], and [`ControlError::Unconfined`] when `confine` fails.
    pub fn begin_confined(
        confine: impl FnOnce(&[u8], &Voice) -> Result<(), String>,
    ) -> Result<Option<Self>, ControlError> {
        harden()?;
        let descriptor = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
        let null = rustix::fs::open("/dev/null", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty())?;
        rustix::stdio::dup2_stdin(null)?;
        Self::over(Control::new(descriptor), confine)
    }

    fn over(
        control: Control,
        confine: impl FnOnce(&[u8], &Voice) -> Result<(), String>,
    ) -> Result<Option<Self>, ControlError> {
        let control = Arc::new(control);
        let voice = Voice(Arc::clone(&control));
        control.send(&FromChild::Hello { pid: std::process::id() }, None)?;
        let (generation, settings) = loop {
            match control.receive::<ToChild>()? {
                Some((ToChild::Configure { generation, settings }, _)) => break (generation, settings),
                Some(_) => {}
                None => return Ok(None),
            }
        };
        confine(&settings, &voice).map_err(|why| {
            voice.say(&FromChild::Failed(why.clone()));
            ControlError::Unconfined(why)
        })?;
        let (condemn, orders) = flume::unbounded();
        let tell = condemn.clone();
        std::thread::Builder::new().name("control".into()).spawn(move || listen(&control, &tell)).map_err(
            |error| {
                ControlError::Io(rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::AGAIN))
            },
        )?;
        Ok(Some(Self { generation, settings, orders, voice, condemn }))
    }
}

fn listen(control: &Control, tell: &Sender<Order>) {
    loop {
        let order = match control.receive::<ToChild>() {
            Ok(Some((ToChild::ReceiptKey(key), _))) => Order::ReceiptKey(ReceiptKey::new(key.0)),
            Ok(Some((ToChild::Peer(role), Some(stream)))) => Order::Peer(role, UnixStream::from(stream)),
            Ok(Some((ToChild::Door(door), Some(socket)))) => Order::Door(door, TcpListener::from(socket)),
            Ok(Some((ToChild::Peer(_) | ToChild::Door(_), None) | (ToChild::Configure { .. }, _))) => {
                continue;
            }
            Ok(Some((ToChild::Reconfigure { settings }, _))) => Order::Reconfigure(settings),
            Ok(Some((ToChild::Shutdown { grace_millis }, _))) => {
                Order::Shutdown(Duration::from_millis(grace_millis))
            }
            Ok(None) => break,
            Err(error) => {
                tracing::error!(%error, "control socket");
                break;
            }
        };
        if tell.send(order).is_err() {
            return;
        }
    }
    let _ = tell.send(Order::Orphaned);
}

/// No core dumps, no ptrace by others of the same user, no privileges through exec, private files, nothing on a swap device.
///
/// # Errors
/// When the kernel refuses. Where memory may not be locked it is said and gone on without; `/health` shows it.
pub fn harden() -> Result<(), ControlError> {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::thread::set_no_new_privs(true)?;
    let endless = Rlimit { current: None, maximum: None };
    let _ = rustix::process::setrlimit(Resource::Memlock, endless);
    let privileged = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    // Under a finite limit a later allocation would fail, and with it the process; CAP_IPC_LOCK knows no limit.
    if privileged || rustix::process::getrlimit(Resource::Memlock).current.is_none() {
        let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
        if let Err(error) = rustix::mm::mlockall(all) {
            tracing::warn!(%error, "memory is not locked");
        }
    }
    Ok(())
}
