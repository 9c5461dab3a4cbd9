//! What stands on the wire: a length, a version, one postcard value.
//!
//! ```text
//! u32 big-endian   number of octets that follow, 1 to MAX_FRAME
//! u8               VERSION
//! …                postcard
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read};
use zeroize::Zeroize;

/// The only version spoken; both ends are the same binary, so another one means a mixed installation.
pub const VERSION: u8 = 1;

/// Octets after the length field, at most.
pub const MAX_FRAME: usize = 4 << 20;

const HEADER: usize = 4;
const CHUNK: usize = 64 << 10;

/// Why a frame could not be written or read. The connection is of no use afterwards.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Longer than [`MAX_FRAME`] or empty.
    #[error("frame of {0} octets")]
    Size(usize),
    /// Another version.
    #[error("frame version {0}, wanted {VERSION}")]
    Version(u8),
    /// The payload is not what was expected.
    #[error("frame payload: {0}")]
    Payload(#[from] postcard::Error),
    /// Octets after the value.
    #[error("{0} octets after the value")]
    Trailing(usize),
    /// The connection ended inside a frame.
    #[error("connection ended inside a frame")]
    Cut,
    /// The socket failed.
    #[error("socket: {0}")]
    Io(#[from] io::Error),
}

/// Appends one frame to `out`; on failure `out` is as before.
///
/// # Errors
/// [`FrameError::Size`], [`FrameError::Payload`].
pub fn append<T: Serialize>(out: &mut Vec<u8>, message: &T) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    out.push(VERSION);
    if let Err(error) = postcard::to_extend(message, Tail(out)) {
        out.truncate(start);
        return Err(error.into());
    }
    let length = out.len() - start - HEADER;
    if length > MAX_FRAME {
        out.truncate(start);
        return Err(FrameError::Size(length));
    }
    if let (Ok(length), Some(header)) = (u32::try_from(length), out.get_mut(start..start + HEADER)) {
        header.copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

/// Lets postcard write behind what is there already.
struct Tail<'a>(&'a mut Vec<u8>);

impl Extend<u8> for Tail<'_> {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, octets: I) {
        self.0.extend(octets);
    }
}

/// Decodes what follows the length field.
///
/// # Errors
/// [`FrameError::Version`], [`FrameError::Payload`], [`FrameError::Trailing`].
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    let (version, payload) = body.split_first().ok_or(FrameError::Size(0))?;
    if *version != VERSION {
        return Err(FrameError::Version(*version));
    }
    let (value, rest) = postcard::take_from_bytes(payload)?;
    if rest.is_empty() { Ok(value) } else { Err(FrameError::Trailing(rest.len())) }
}

/// Reads frames from a stream, many per system call where they wait.
#[derive(Debug)]
pub struct Frames<R> {
    source: R,
    /// Read are the octets from `start` to `end`; what follows is room that has been made already.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<R: Read> Frames<R> {
    /// Over `source`.
    pub fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), start: 0, end: 0 }
    }

    /// The next frame's value; `None` when the stream ended between frames.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn receive<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        loop {
            if let Some(length) = self.waiting()? {
                let from = self.start + HEADER;
                let body = self.buffer.get(from..from + length).unwrap_or_default();
                let value = decode(body);
                self.start = from + length;
                return value.map(Some);
            }
            if !self.fill()? {
                return if self.start == self.end { Ok(None) } else { Err(FrameError::Cut) };
            }
        }
    }

    /// Length of the frame at the front, if it is here whole.
    fn waiting(&self) -> Result<Option<usize>, FrameError> {
        let rest = self.buffer.get(self.start..self.end).unwrap_or_default();
        let Some((header, body)) = rest.split_first_chunk::<HEADER>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*header)).unwrap_or(usize::MAX);
        if length == 0 || length > MAX_FRAME {
            return Err(FrameError::Size(length));
        }
        Ok((body.len() >= length).then_some(length))
    }

    fn fill(&mut self) -> Result<bool, FrameError> {
        // What was handed out may have been secret.
        if let Some(done) = self.buffer.get_mut(..self.start) {
            done.zeroize();
        }
        self.buffer.copy_within(self.start..self.end, 0);
        if let Some(moved) = self.buffer.get_mut((self.end - self.start).max(self.start)..self.end) {
            moved.zeroize();
        }
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < self.end + CHUNK {
            self.buffer.resize(self.end + CHUNK, 0);
        }
        let read = loop {
            match self.source.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let read = read?;
        self.end += read;
        Ok(read > 0)
    }
}
