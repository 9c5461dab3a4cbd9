//! The state of a serving appliance: the network process alone has it open, and gives it over a socket of its own.

use super::frames::{end_rows, next_row, put_row};
use crate::audit::{Act, Actor, AuditLog, Ending, Event, Facts};
use crate::store::{Row, SledStore};
use hufu_api::{Cx, Entropy, RequestId};
use rustix::net::sockopt::socket_peercred;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A backup that reads nothing for this long has ended.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the log may take.
const LOG_PATIENCE: Duration = Duration::from_secs(10);

/// Listens for backups until the process ends.
pub(in crate::registry) fn listen(
    folder: &Path,
    store: Arc<SledStore>,
    log: Arc<dyn AuditLog>,
    entropy: Arc<dyn Entropy>,
) -> io::Result<()> {
    let path = folder.join(super::SOCKET);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    std::thread::Builder::new().name("backup".into()).spawn(move || {
        for stream in listener.incoming() {
            let given = stream.and_then(|stream| give(&stream, &store, log.as_ref(), entropy.as_ref()));
            if let Err(error) = given {
                tracing::warn!(%error, "backup not given");
                // Out of descriptors, perhaps: do not spin.
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    })?;
    Ok(())
}

fn give(stream: &UnixStream, store: &SledStore, log: &dyn AuditLog, entropy: &dyn Entropy) -> io::Result<()> {
    let peer = socket_peercred(stream)?.uid;
    if peer != rustix::process::geteuid() && !peer.is_root() {
        return Err(io::Error::other(format!("user {} may not make backups", peer.as_raw())));
    }
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut id = [0; 16];
    entropy.fill(&mut id).map_err(io::Error::other)?;
    let deadline = Instant::now().checked_add(LOG_PATIENCE).ok_or_else(|| io::Error::other("clock"))?;
    let cx = Cx { request: RequestId(u128::from_be_bytes(id)), deadline };
    let actor = Actor {
        from: Some("socket".into()),
        operator: Some(format!("uid {}", peer.as_raw())),
        ..Actor::default()
    };
    let mut facts = Facts::new();
    facts.insert("what".into(), "made".into());
    let event = Event { act: Act::Backup, actor, facts, ending: Ending::Done };
    // The record is in the backup that it tells of.
    log.record(cx, event).map_err(io::Error::other)?;
    let mut to = BufWriter::with_capacity(1 << 16, stream);
    store.snapshot(&mut |row| put_row(&mut to, &row)).map_err(io::Error::other)?;
    end_rows(&mut to)?;
    to.flush()
}

/// The rows of the appliance that serves with this run folder; `None` when none serves.
pub(super) fn connect(folder: &Path) -> io::Result<Option<Rows<BufReader<UnixStream>>>> {
    match UnixStream::connect(folder.join(super::SOCKET)) {
        Ok(stream) => {
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(Some(Rows::over(BufReader::with_capacity(1 << 16, stream))))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Rows from octets, up to the end that was said.
pub(super) struct Rows<R> {
    from: R,
    ended: bool,
}

impl<R: Read> Rows<R> {
    pub(super) fn over(from: R) -> Self {
        Self { from, ended: false }
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = next_row(&mut self.from).transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}
