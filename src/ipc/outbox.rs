//! The sending half of a socket that many threads share.

use super::frame::{self, FrameError};
use parking_lot::Mutex;
use serde::Serialize;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Octets that may wait for a peer that does not read.
const MAX_PENDING: usize = 16 << 20;

/// A peer that takes nothing for this long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Combines the writes of all threads: the first one writes, the others leave their frames for its next write.
#[derive(Debug)]
pub(super) struct Outbox {
    stream: UnixStream,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<u8>,
    writing: bool,
    broken: bool,
}

/// Why a frame was not sent.
#[derive(Debug)]
pub(super) enum SendError {
    /// The socket is of no use any more.
    Broken,
    /// Too much is waiting already.
    Full,
    /// The message cannot be framed.
    Frame(FrameError),
}

impl Outbox {
    pub(super) fn new(stream: UnixStream) -> std::io::Result<Self> {
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        Ok(Self { stream, state: Mutex::new(State::default()) })
    }

    pub(super) fn send<T: Serialize>(&self, message: &T) -> Result<(), SendError> {
        self.send_all(std::iter::once(message))
    }

    /// Sends several messages with one write where the socket is idle.
    pub(super) fn send_all<'a, T: Serialize + 'a>(
        &self,
        messages: impl Iterator<Item = &'a T>,
    ) -> Result<(), SendError> {
        let mut frames = Vec::with_capacity(512);
        for message in messages {
            frame::append(&mut frames, message).map_err(SendError::Frame)?;
        }
        let mut state = self.state.lock();
        if state.broken {
            return Err(SendError::Broken);
        }
        if state.pending.len() + frames.len() > MAX_PENDING {
            return Err(SendError::Full);
        }
        if state.writing {
            state.pending.extend_from_slice(&frames);
            return Ok(());
        }
        state.writing = true;
        loop {
            drop(state);
            let written = (&self.stream).write_all(&frames);
            state = self.state.lock();
            if written.is_err() {
                state.broken = true;
                state.writing = false;
                state.pending = Vec::new();
                drop(state);
                self.shut_down();
                return Err(SendError::Broken);
            }
            if state.pending.is_empty() {
                state.writing = false;
                return Ok(());
            }
            frames.clear();
            std::mem::swap(&mut frames, &mut state.pending);
        }
    }

    pub(super) fn shut_down(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
