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

mod archive;
mod frames;
mod live;
mod lock;
mod make;
mod restore;
mod tokens;

pub(super) use live::listen;
pub use lock::{Key, Lock, new_key};
pub use make::make;
pub use restore::{Check, Restore, check, restore};

use crate::ledger::LogError;
use crate::store::DurableError;
use hufu_api::UnixTime;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The socket of a serving appliance that gives its state, in the run folder.
const SOCKET: &str = "backup.sock";
/// Entries by name.
const STATE: &str = "state";
const RECORDS: &str = "audit/records";
const MANIFEST: &str = "manifest.json";
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
