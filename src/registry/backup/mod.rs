//! Backup and restore: state, audit log, public files of the PKI and the token's wrapped keys in one encrypted file.
//!
//! The file is [age](https://age-encryption.org/v1) over a ZIP archive, so that other people's tools open it too. In it:
//!
//! | entry | what |
//! |---|---|
//! | `state` | every row of the state store, as of one moment |
//! | `audit/records` | every record of the log, from the first on: at least all that the state shows |
//! | `audit/checkpoints/…`, `audit/key` | signed checkpoints, their time stamps, and the keys |
//! | `pki/…`, `ceremony/…` | certificates, references of keys, keys wrapped for recovery, transcripts |
//! | `conf/…` | the configuration, for whoever rebuilds the machine; no PIN and no TLS key |
//! | `manifest.json` | what is there, with SHA-256 of each entry, and the log's size and root |

mod approval;
mod archive;
mod check;
mod frames;
mod live;
mod lock;
mod make;
mod restore;
mod roster;
mod statement;
mod tokens;

pub use check::{Check, check};
pub(super) use live::listen;
pub use lock::{Key, Lock, new_key};
pub use make::make;
pub use restore::{Restore, prepare, restore};
pub use roster::Roster;
pub use statement::{Prepared, Statement};

use crate::ledger::LogError;
use crate::store::DurableError;
use hufu_api::UnixTime;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The socket of a serving appliance that gives its state, in the run folder.
const SOCKET: &str = "backup.sock";
/// Entries by name.
const STATE: &str = "state";
const RECORDS: &str = "audit/records";
const MANIFEST: &str = "manifest.json";
/// The keys that checkpoints verify with.
const VERIFIERS: &str = "audit/key";
/// The token's key that signs them today.
const AUDIT_KEY: &str = "pki/audit-key.json";
/// Octets of a statement or approval, at most.
const MOST: u64 = 64 << 10;
/// The format's version.
const VERSION: u32 = 1;

/// Why a backup was not made, or not restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The backup does not open or is not what was written.
    #[error("backup: {0}")]
    Archive(String),
    /// State cannot be read or written.
    #[error("state: {0}")]
    State(String),
    /// The log cannot be read or written.
    #[error("audit log: {0}")]
    Log(#[from] LogError),
    /// Something has to be different first.
    #[error("{0}")]
    Refused(String),
    /// A token cannot be used.
    #[error(transparent)]
    Token(#[from] super::ceremony::CeremonyError),
}

impl From<DurableError> for BackupError {
    fn from(error: DurableError) -> Self {
        Self::State(error.to_string())
    }
}

fn file(path: &Path) -> impl Fn(std::io::Error) -> BackupError {
    move |source| BackupError::File { path: path.to_owned(), source }
}

/// One entry of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its length.
    pub octets: u64,
    /// SHA-256, lower hex.
    pub sha256: String,
}

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format's version.
    pub version: u32,
    /// The program that made it.
    pub program: String,
    /// When.
    pub made: UnixTime,
    /// Rows of state, those counted twice that changed while they were read.
    pub rows: u64,
    /// Records of the log.
    pub records: u64,
    /// The log's tree head over them, lower hex.
    pub root: String,
    /// Every other entry.
    pub entries: Vec<Listed>,
}

/// How far a backup or restore has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many rows of state.
    Rows(u64),
    /// So many of so many records.
    Records(u64, u64),
    /// Small files.
    Files,
    /// The log is verified: so many of so many records.
    Verified(u64, u64),
}

/// Writes a small file durably, with the folders above it.
fn write(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(file(folder))?;
    }
    let opened = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut out = opened.map_err(file(path))?;
    out.write_all(bytes).and_then(|()| out.sync_all()).map_err(file(path))
}

fn refused(why: impl Into<String>) -> BackupError {
    BackupError::Refused(why.into())
}

fn bounded(path: &Path) -> Result<Vec<u8>, BackupError> {
    let mut bytes = Vec::new();
    let opened = File::open(path).map_err(file(path))?;
    opened.take(MOST + 1).read_to_end(&mut bytes).map_err(file(path))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MOST) {
        Ok(bytes)
    } else {
        Err(refused(format!("{}: more than {MOST} octets", path.display())))
    }
}
