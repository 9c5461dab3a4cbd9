//! Programs whose content is pinned: what was hashed is what is executed.

use hufu_api::PluginError;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A program larger than this is not a channel.
const MAX_PROGRAM: u64 = 512 * 1024 * 1024;

/// A program by absolute path and content.
#[derive(Clone, Debug)]
pub(crate) struct Pinned {
    path: PathBuf,
    sha256: String,
}

/// An open program whose content has been checked; the descriptor is inherited by children, so keep it only while starting one.
#[derive(Debug)]
pub(crate) struct Opened(OwnedFd);

impl Opened {
    /// A path that names this very descriptor in this process and in a child that inherited it.
    pub(crate) fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }
}

impl Pinned {
    /// Pins a program and looks once whether it is the right one.
    pub(crate) fn new(path: PathBuf, sha256: &str) -> Result<Self, PluginError> {
        let pinned = Self { path, sha256: sha256.to_ascii_lowercase() };
        pinned.open()?;
        Ok(pinned)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the program and hashes it through the descriptor that will be executed.
    pub(crate) fn open(&self) -> Result<Opened, PluginError> {
        let problem = |e: &dyn std::fmt::Display| PluginError(format!("{}: {e}", self.path.display()));
        if !self.path.is_absolute() {
            return Err(problem(&"must be an absolute path"));
        }
        let file = File::open(&self.path).map_err(|e| problem(&e))?;
        let about = file.metadata().map_err(|e| problem(&e))?;
        if !about.is_file() || about.permissions().mode() & 0o022 != 0 {
            return Err(problem(&"must be a regular file that only its owner can write"));
        }
        let found = hash(&file).map_err(|e| problem(&e))?;
        if found != self.sha256 {
            return Err(problem(&format!("its SHA-256 is {found}, configured is {}", self.sha256)));
        }
        // A duplicate does not close when the child starts; an interpreter must be able to read its script.
        rustix::io::dup(&file).map(Opened).map_err(|e| problem(&e))
    }
}

/// SHA-256 of a program, lower hex, as `sha256 = "…"` wants it.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256_of(path: &Path) -> Result<String, PluginError> {
    let problem = |e: std::io::Error| PluginError(format!("{}: {e}", path.display()));
    hash(&File::open(path).map_err(problem)?).map_err(problem)
}

fn hash(file: &File) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let copied = std::io::copy(&mut file.take(MAX_PROGRAM + 1), &mut hasher)?;
    if copied > MAX_PROGRAM {
        return Err(std::io::Error::other("too large for a program"));
    }
    Ok(hex::encode(hasher.finalize()))
}
