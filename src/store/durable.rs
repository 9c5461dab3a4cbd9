//! sled with commits that survive a power cut.
//!
//! sled 0.34's `flush` writes its log and calls `sync_file_range`, which neither waits for the medium's cache nor for the file's size. A
//! commit here is `flush` and then `fdatasync`. One failed sync poisons: what is on disk is unknown from then on.

use super::disk::{Disk, SledFiles};
use super::waker::Waker;
use rustix::fs::{FlockOperation, flock};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Why sled could not be opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DurableError {
    /// Another process has it open.
    #[error("{} is in use by another process", folder.display())]
    InUse {
        /// sled's folder.
        folder: PathBuf,
    },
    /// The files are not what sled can read.
    #[error("{} cannot be opened: sled gave up on its files", folder.display())]
    Damaged {
        /// sled's folder.
        folder: PathBuf,
    },
    /// sled said no.
    #[error(transparent)]
    Sled(#[from] sled::Error),
    /// The file system said no.
    #[error("file system: {0}")]
    Io(#[from] std::io::Error),
    /// A write or sync failed earlier.
    #[error("poisoned by an earlier failure: {0}")]
    Poisoned(String),
}

/// One sled tree and the files that carry it.
pub struct Durable {
    // Before the tree: it has one too.
    waker: Waker,
    tree: sled::Db,
    disk: Box<dyn Disk>,
    poison: Option<String>,
}

/// How long a predecessor that is just ending, or a process that was just forked from one, may hold the lock.
const PREDECESSOR: Duration = Duration::from_secs(1);
/// Values up to a quarter of this stay in sled's log.
const SEGMENT_BYTES: usize = 2 << 20;

fn wait_for_lock(files: &SledFiles) -> Result<(), ()> {
    let start = Instant::now();
    while flock(files.log(), FlockOperation::NonBlockingLockExclusive).is_err() {
        if start.elapsed() >= PREDECESSOR {
            return Err(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

impl Durable {
    /// Opens or creates the folder with at most `cache_bytes` of page cache.
    ///
    /// # Errors
    /// See [`DurableError`].
    pub fn open(folder: &Path, cache_bytes: u64) -> Result<Self, DurableError> {
        Self::open_with(folder, cache_bytes, |files| Box::new(files))
    }

    /// Like [`Durable::open`], over a disk of the caller's making.
    ///
    /// # Errors
    /// See [`DurableError`].
    pub fn open_with(
        folder: &Path,
        cache_bytes: u64,
        disk: impl FnOnce(SledFiles) -> Box<dyn Disk>,
    ) -> Result<Self, DurableError> {
        let mut files = SledFiles::open(folder)?;
        // sled panics when its file is locked: look first. The lock is let go at once, sled takes its own.
        wait_for_lock(&files).map_err(|()| DurableError::InUse { folder: folder.to_owned() })?;
        SledFiles::remove_unfinished_snapshots(folder)?;
        flock(files.log(), FlockOperation::Unlock).map_err(std::io::Error::from)?;
        let config = sled::Config::new()
            .path(folder)
            .mode(sled::Mode::HighThroughput)
            .segment_size(SEGMENT_BYTES)
            .cache_capacity(cache_bytes)
            .flush_every_ms(None);
        // sled asserts on some damage instead of returning an error.
        let tree = catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|_| DurableError::Damaged { folder: folder.to_owned() })??;
        let waker = Waker::start(tree.clone())?;
        waker.during(|| tree.flush())?;
        files.sync_creation(folder)?;
        Ok(Self { waker, tree, disk: disk(files), poison: None })
    }

    /// For reading, from any thread.
    pub fn reader(&self) -> sled::Db {
        self.tree.clone()
    }

    /// Applies a batch, all or nothing, without waiting for the disk.
    ///
    /// # Errors
    /// See [`DurableError`]; any error poisons.
    pub fn apply(&mut self, batch: sled::Batch) -> Result<(), DurableError> {
        self.guarded(|this| Ok(this.waker.during(|| this.tree.apply_batch(batch))?))
    }

    /// Makes everything applied so far durable.
    ///
    /// # Errors
    /// See [`DurableError`]; any error poisons.
    pub fn sync(&mut self) -> Result<(), DurableError> {
        self.guarded(|this| {
            this.waker.during(|| this.tree.flush())?;
            Ok(this.disk.sync()?)
        })
    }

    fn guarded(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<(), DurableError>,
    ) -> Result<(), DurableError> {
        if let Some(reason) = &self.poison {
            return Err(DurableError::Poisoned(reason.clone()));
        }
        act(self).inspect_err(|error| self.poison = Some(error.to_string()))
    }
}
