//! What lies where in the audit folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The audit log's folder.
///
/// ```text
/// log/                    sled: records, compact range, open intents
/// head                    size and root of the last acknowledged batch, written after it
/// key                     the verifier keys of the checkpoints, newest last
/// checkpoint              the newest checkpoint
/// checkpoints/SIZE        every checkpoint; SIZE.tsr its RFC 3161 time-stamp token
/// anchored                how many records the newest time-stamped checkpoint covers
/// tile/…                  C2SP tlog-tiles: full tiles and entry bundles
/// archive                 the path of the folder that finished segments have moved to, if there is one
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes the folder where it is missing, open to its owner only.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn create(&self) -> io::Result<()> {
        for path in [self.0.clone(), self.checkpoints(), self.0.join("tile")] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        }
        Ok(())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// sled's folder.
    pub fn sled(&self) -> PathBuf {
        self.0.join("log")
    }

    /// The head file.
    pub fn head(&self) -> PathBuf {
        self.0.join("head")
    }

    /// The verifier keys.
    pub fn key(&self) -> PathBuf {
        self.0.join("key")
    }

    /// The newest checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint")
    }

    /// The size of the newest time-stamped checkpoint.
    pub fn anchored(&self) -> PathBuf {
        self.0.join("anchored")
    }

    /// The folder of all checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// Where a tile or bundle is made, by its tlog-tiles path.
    pub fn tile(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// Where a tile or bundle is: here, or in the archive.
    pub fn find_tile(&self, path: &str) -> PathBuf {
        let here = self.tile(path);
        if here.exists() {
            return here;
        }
        match self.archive() {
            Ok(Some(archive)) => archive.join(path),
            _ => here,
        }
    }

    /// The file that says where the archive is.
    pub fn archived_where(&self) -> PathBuf {
        self.0.join("archive")
    }

    /// The folder that finished segments have moved to, if there is one.
    ///
    /// # Errors
    /// When the file that says so cannot be read.
    pub fn archive(&self) -> io::Result<Option<PathBuf>> {
        match fs::read_to_string(self.archived_where()) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            other => Ok(Some(PathBuf::from(other?.trim_end_matches('\n')))),
        }
    }
}

/// Writes a small file whole or not at all, and durably.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_renamed(path, bytes, true)
}

/// Writes a file whole or not at all; durably only if asked.
pub(super) fn write_renamed(path: &Path, bytes: &[u8], durably: bool) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("no parent folder"))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let temporary = folder.join(name);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    if durably {
        file.sync_all()?;
    }
    fs::rename(&temporary, path)?;
    if durably { File::open(folder)?.sync_all() } else { Ok(()) }
}
