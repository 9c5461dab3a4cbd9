//! One child process and its control socket.

use super::doors::Bound;
use super::settings::Launch;
use super::watch::Event;
use crate::ipc::control::{self, Control, ControlError, FromChild, PeerRole, ToChild};
use crate::keys::Generation;
use flume::Sender;
use rustix::fd::{AsFd, OwnedFd};
use rustix::process::{Pid, PidfdFlags, Signal};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Names one life of one child within this supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LifeId(pub(super) u64);

/// A running child.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) life: LifeId,
    pub(super) pid: u32,
    pub(super) generation: Generation,
    control: Control,
    /// Names the process even after its number has been given to another.
    handle: OwnedFd,
    pub(super) ready_since: Option<Instant>,
    /// Number of the newest receipt key that it has confirmed.
    pub(super) key_epoch: u64,
    /// When it was last sent a key that it has not confirmed yet.
    pub(super) key_sent: Option<Instant>,
    pub(super) trouble: Option<String>,
    pub(super) asked_to_stop: bool,
}

impl Process {
    /// Starts a child of that kind and sends its settings. Its voice and its end come as events.
    pub(super) fn start(
        launch: &Launch,
        kind: &str,
        extra: &BTreeMap<OsString, OsString>,
        life: LifeId,
        settings: Vec<u8>,
        events: &Sender<Event>,
    ) -> Result<Self, ControlError> {
        let io = |error: std::io::Error| {
            ControlError::Io(rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO))
        };
        let (control, theirs) = control::pair()?;
        let mut child = Command::new(&launch.program)
            .arg0("hufu")
            .args(&launch.before)
            .args(["internal", kind])
            .env_clear()
            .envs(&launch.environment)
            .envs(extra)
            .stdin(Stdio::from(theirs))
            // The ready line alone goes to standard output, and it is the supervisor's.
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(io)?;
        let pid = child.id();
        // Nobody has waited for it yet: the number is its own.
        let own = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(rustix::io::Errno::SRCH)?;
        let handle = rustix::process::pidfd_open(own, PidfdFlags::empty())?;
        let generation = random_generation();
        control.send(&ToChild::Configure { generation, settings }, None)?;
        let (listening, told, ended) = (control.try_clone().map_err(io)?, events.clone(), events.clone());
        let hearing = std::thread::Builder::new()
            .name(format!("hear-{pid}"))
            .spawn(move || {
                while let Ok(Some((message, _))) = listening.receive::<FromChild>() {
                    if told.send(Event::Said(life, message)).is_err() {
                        return;
                    }
                }
            })
            .map_err(io)?;
        std::thread::Builder::new()
            .name(format!("wait-{pid}"))
            .spawn(move || {
                let how = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                // Why it gave up is heard before that it did.
                let _ = hearing.join();
                let _ = ended.send(Event::Ended(life, how));
            })
            .map_err(io)?;
        Ok(Self {
            life,
            pid,
            generation,
            control,
            handle,
            ready_since: None,
            key_epoch: 0,
            key_sent: None,
            trouble: None,
            asked_to_stop: false,
        })
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready_since.is_some()
    }

    /// Sends it a message. A child that does not take it is about to end; that comes as an event of its own.
    pub(super) fn tell(&self, message: &ToChild) {
        if let Err(error) = self.control.send(message, None) {
            tracing::warn!(pid = self.pid, %error, "not told");
        }
    }

    /// Hands it a listening socket.
    pub(super) fn hand(&self, bound: &Bound) {
        if let Err(error) = self.control.send_with(&ToChild::Door(bound.door), Some(bound.socket.as_fd())) {
            tracing::error!(pid = self.pid, %error, "listening socket not handed over");
        }
    }

    /// Hands it its end of a connection.
    pub(super) fn connect(&self, role: PeerRole, stream: &UnixStream) -> bool {
        let sent = self.control.send(&ToChild::Peer(role), Some(stream));
        if let Err(error) = &sent {
            tracing::warn!(pid = self.pid, %error, "connection not handed over");
        }
        sent.is_ok()
    }

    /// Ends the control connection, as the supervisor's death would.
    pub(super) fn hang_up(&self) {
        self.control.shut_down();
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        self.hang_up();
        let _ = rustix::process::pidfd_send_signal(&self.handle, Signal::KILL);
    }
}

fn random_generation() -> Generation {
    let mut octets = [0; 16];
    // Without randomness the operating system is not one to sign on; a generation of zeros is never accepted twice.
    if aws_lc_rs::rand::fill(&mut octets).is_err() {
        tracing::error!("no randomness");
    }
    Generation(u128::from_be_bytes(octets))
}
