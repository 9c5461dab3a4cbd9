//! Supervisor and child: one datagram-like socket pair per child, which is the child's standard input.
//!
//! SOCK_SEQPACKET keeps messages apart, so that a descriptor (SCM_RIGHTS) belongs to exactly one message. Receipt key
//! and settings travel here and nowhere else.

use super::frame::{self, FrameError};
use crate::keys::{Generation, Purpose};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;
use zeroize::{Zeroize, Zeroizing};

/// Octets of one control message, at most; below the kernel's default for one packet.
const MAX_MESSAGE: usize = 160 << 10;

/// The octets of the receipts' key (see [`crate::audit::ReceiptKey`]).
#[derive(Clone, Serialize, Deserialize, Zeroize, zeroize::ZeroizeOnDrop)]
pub struct KeyOctets(pub [u8; 32]);

impl std::fmt::Debug for KeyOctets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyOctets(…)")
    }
}

/// Who is at the other end of a socket that a [`ToChild::Peer`] message brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerRole {
    /// The network process: the receiver serves it.
    Network,
    /// The audit writer: a network process calls it; a worker serves it.
    Audit,
    /// A token worker of that purpose; the receiver calls it.
    Worker {
        /// What its keys are for.
        purpose: Purpose,
        /// Its life.
        generation: Generation,
    },
}

/// A listening socket that the supervisor has bound and keeps, so that clients find it whoever serves behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Door {
    /// `server.listen`
    Api,
    /// `server.admin_listen`
    Admin,
    /// `server.pki_listen`
    Pki,
}

/// What the supervisor says.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToChild {
    /// First message: the child's settings, in a form of its own, and its generation.
    Configure {
        /// This life of the child.
        generation: Generation,
        /// Encoded settings.
        settings: Vec<u8>,
    },
    /// The receipts' key, for audit writer and workers; replaces an earlier one. Answered by [`FromChild::KeyTaken`].
    ReceiptKey(KeyOctets),
    /// A connection to another process; the message carries its descriptor.
    Peer(PeerRole),
    /// A listening socket; the message carries its descriptor.
    Door(Door),
    /// Finish what was begun within that many milliseconds, take nothing new, then exit.
    Shutdown {
        /// Time left.
        grace_millis: u64,
    },
    /// Read changed configuration again; the settings are as in `Configure`.
    Reconfigure {
        /// Encoded settings.
        settings: Vec<u8>,
    },
}

/// What a child says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromChild {
    /// First message.
    Hello {
        /// Its process id as it sees it.
        pid: u32,
    },
    /// It serves. The text is for the log: which token, which address.
    Ready(String),
    /// The newest receipt key is in use.
    KeyTaken,
    /// It works, but not all of it; shown in `/health`. `None`: all is well again.
    Degraded(Option<String>),
    /// The token refused the PIN. Nobody may try again before the configured interval.
    PinRefused(String),
    /// A worker has not answered in time; it is to be replaced.
    Hung(Generation),
    /// It cannot start, and why. It exits after this.
    Failed(String),
}

/// Why a control message could not be sent or received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The message is malformed or too large.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The socket failed.
    #[error("control socket: {0}")]
    Io(#[from] rustix::io::Errno),
    /// The child could not give up what it must.
    #[error("{0}")]
    Unconfined(String),
    /// The message or its descriptors were cut off.
    #[error("control message truncated")]
    Truncated,
}

/// One end of a control connection.
#[derive(Debug)]
pub struct Control(OwnedFd);

/// Makes a control connection; both ends are close-on-exec.
///
/// # Errors
/// When the kernel refuses.
pub fn pair() -> Result<(Control, OwnedFd), ControlError> {
    let (ours, theirs) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    Ok((Control(ours), theirs))
}

/// Makes a connection between two children; both ends are close-on-exec.
///
/// # Errors
/// When the kernel refuses.
pub fn stream_pair() -> std::io::Result<(UnixStream, UnixStream)> {
    UnixStream::pair()
}

impl Control {
    /// Takes over an end.
    pub fn new(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// A second handle of the same end, for another thread.
    ///
    /// # Errors
    /// When descriptors have run out.
    pub fn try_clone(&self) -> std::io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Ends the connection in both directions; a thread that receives on it gets the end of the stream.
    pub fn shut_down(&self) {
        let _ = rustix::net::shutdown(&self.0, rustix::net::Shutdown::Both);
    }

    /// Sends one message, with a descriptor or without.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn send<T: Serialize>(
        &self,
        message: &T,
        descriptor: Option<&UnixStream>,
    ) -> Result<(), ControlError> {
        self.send_with(message, descriptor.map(AsFd::as_fd))
    }

    /// Sends one message with any descriptor.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn send_with<T: Serialize>(
        &self,
        message: &T,
        descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<(), ControlError> {
        let mut body = Zeroizing::new(Vec::new());
        frame::append(&mut body, message)?;
        if body.len() > MAX_MESSAGE {
            return Err(FrameError::Size(body.len()).into());
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = descriptor.map(|one| [one]);
        if let Some(descriptors) = &descriptors {
            ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let flags = SendFlags::NOSIGNAL;
        rustix::io::retry_on_intr(|| {
            rustix::net::sendmsg(&self.0, &[IoSlice::new(&body)], &mut ancillary, flags)
        })?;
        Ok(())
    }

    /// Waits for the next message; `None` when the other end is gone.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub fn receive<T: DeserializeOwned>(&self) -> Result<Option<(T, Option<OwnedFd>)>, ControlError> {
        let mut body = Zeroizing::new(vec![0; MAX_MESSAGE]);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut next = || {
            rustix::io::retry_on_intr(|| {
                let mut slices = [IoSliceMut::new(&mut body)];
                rustix::net::recvmsg(&self.0, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC)
            })
        };
        // An end that goes without having read everything resets the connection. The kernel tells that once, and then gives out what
        // was said before it.
        let received = match next() {
            Err(rustix::io::Errno::CONNRESET) => match next() {
                Err(rustix::io::Errno::CONNRESET) => return Ok(None),
                other => other?,
            },
            other => other?,
        };
        let descriptor = ancillary
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
                _ => None,
            })
            .flatten()
            .last();
        if received.bytes == 0 {
            return Ok(None);
        }
        if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(ControlError::Truncated);
        }
        let payload = body.get(4..received.bytes).ok_or(FrameError::Cut)?;
        Ok(Some((frame::decode(payload)?, descriptor)))
    }
}
