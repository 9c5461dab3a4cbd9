//! Further copies of the log, written as it grows: a file of JSON lines, or the system's log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// Takes records after they are in the log.
pub trait Sink: Send {
    /// Takes the records of one batch, in order.
    ///
    /// # Errors
    /// When a record could not be handed on.
    fn take(&mut self, records: &[Vec<u8>]) -> io::Result<()>;

    /// Whether nothing may be signed any more once a record is missed here.
    fn required(&self) -> bool;
}

/// A file that only grows: one canonical record a line. Put it on another disk.
#[derive(Debug)]
pub struct FileSink {
    file: File,
    required: bool,
}

impl FileSink {
    /// Opens the file for appending. If `required`, every batch is synced and an error stops the log.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn open(path: &Path, required: bool) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self { file, required })
    }
}

impl Sink for FileSink {
    fn take(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        let mut lines = Vec::with_capacity(records.iter().map(|r| r.len() + 1).sum());
        for record in records {
            lines.extend_from_slice(record);
            lines.push(b'\n');
        }
        self.file.write_all(&lines)?;
        if self.required { self.file.sync_data() } else { Ok(()) }
    }

    fn required(&self) -> bool {
        self.required
    }
}

/// The system's log, RFC 3164 as local daemons take it: facility authpriv, severity informational. A record longer than a
/// datagram goes in as its number and leaf hash.
#[derive(Debug)]
pub struct SyslogSink {
    socket: UnixDatagram,
    path: PathBuf,
    required: bool,
}

impl SyslogSink {
    /// Connects to the log's socket, `/dev/log` as a rule.
    ///
    /// # Errors
    /// Whatever the socket says.
    pub fn open(path: &Path, required: bool) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(std::time::Duration::from_secs(1)))?;
        socket.connect(path)?;
        Ok(Self { socket, path: path.to_owned(), required })
    }
}

impl Sink for SyslogSink {
    fn take(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        for record in records {
            let line = [b"<86>hufu-audit: ".as_slice(), record].concat();
            if self.socket.send(&line).is_ok() {
                continue;
            }
            // The log's daemon may have been restarted, or the line may be too long for it.
            self.socket.connect(&self.path)?;
            let short = format!("<86>hufu-audit: leaf {}", hex::encode(crate::tlog::leaf_hash(record)));
            self.socket.send(&line).or_else(|_| self.socket.send(short.as_bytes()))?;
        }
        Ok(())
    }

    fn required(&self) -> bool {
        self.required
    }
}
