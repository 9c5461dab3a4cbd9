//! The files beneath sled, as far as durability goes.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Makes what has been written so far survive a power cut. A port, so that tests can fail it, delay it and count it.
pub trait Disk: Send {
    /// Returns once everything written before the call is on the medium.
    ///
    /// # Errors
    /// Whatever the kernel reports. After an error nothing may be taken for durable any more: Linux drops the dirty pages.
    fn sync(&mut self) -> io::Result<()>;
}

/// sled's own files. The handle on its log is opened before sled's first write, because Linux reports a failed
/// write-back only to handles that were open when it happened.
#[derive(Debug)]
pub struct SledFiles {
    log: File,
    blobs: PathBuf,
    synced: BTreeSet<PathBuf>,
}

impl SledFiles {
    /// Creates the folder and opens the log in it; to be called before sled opens it.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let log = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join("db"))?;
        // After a failed sync the kernel may go on showing pages that never reached the medium. They are forgotten here, so that
        // what is recovered is what a power cut would have left. A file system that cannot forget has nothing to forget.
        let _ = rustix::fs::fadvise(&log, 0, None, rustix::fs::Advice::DontNeed);
        Ok(Self { log, blobs: folder.join("blobs"), synced: BTreeSet::new() })
    }

    /// Removes what an earlier opening left of a snapshot that it did not finish, because the disk was full or the process died. sled
    /// takes such a file for the newest snapshot and never opens again; the one before and the log hold all that is in it. For who
    /// holds the lock.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub(super) fn remove_unfinished_snapshots(folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating")) {
                tracing::warn!(name = %name.display(), "an unfinished snapshot is removed");
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// The log, for a look at its lock.
    pub(super) fn log(&self) -> &File {
        &self.log
    }

    /// After sled has made its files: their content, their names, and the folder's own name.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn sync_creation(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            File::open(entry?.path())?.sync_all()?;
        }
        File::open(folder)?.sync_all()?;
        if let Some(parent) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
        self.log.sync_all()
    }
}

/// What [`takes_writes`] writes: twice what sled takes from the disk at a time.
const PROBE: usize = 4 << 20;
/// Its file.
const PROBE_NAME: &str = "disk-probe";

/// Whether the disk beneath a folder takes 4 MiB, synced. Hangs as long as the disk does.
///
/// # Errors
/// Whatever the file system says.
pub fn takes_writes(folder: &Path) -> io::Result<()> {
    let path = folder.join(PROBE_NAME);
    let tried = File::create(&path).and_then(|mut file| {
        let zeros = [0; 64 << 10];
        for _ in 0..PROBE / zeros.len() {
            file.write_all(&zeros)?;
        }
        file.sync_all()
    });
    let removed = fs::remove_file(&path);
    tried.and(removed)
}

impl Disk for SledFiles {
    /// sled puts values too large for its log into files of their own; those come first, since the log points to them.
    fn sync(&mut self) -> io::Result<()> {
        let mut present = BTreeSet::new();
        for entry in fs::read_dir(&self.blobs)? {
            let path = entry?.path();
            if !self.synced.contains(&path) {
                match File::open(&path) {
                    Ok(blob) => blob.sync_all()?,
                    Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                    Err(e) => return Err(e),
                }
            }
            present.insert(path);
        }
        if present.difference(&self.synced).next().is_some() {
            File::open(&self.blobs)?.sync_all()?;
        }
        self.synced = present;
        self.log.sync_data()
    }
}
