//! The archive folder: finished segments of the log, out of the way but within every proof's reach.
//!
//! A segment is 256 records: their entry bundle and their level-0 hash tile, files that never change. Once a checkpoint covers it
//! and its records have left sled, it moves to the folder that `audit.archive_folder` names, in the layout of C2SP tlog-tiles. Beside it
//! go copies of what proves it: the higher tiles, the checkpoint with its time stamp, and the verifier keys; so the folder can be
//! judged without the appliance. The audit folder remembers where its archive is, whatever the configuration says later.

use super::Folder;
use super::checkpoints;
use super::folder::write_whole;
use super::log::LogError;
use crate::tlog::tile;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// The archive of one audit folder.
#[derive(Debug)]
pub struct Archive {
    folder: Folder,
    to: PathBuf,
    /// Segments moved so far.
    done: u64,
}

impl Archive {
    /// Makes `to` the archive of `folder`, from now on.
    ///
    /// # Errors
    /// When the folder is not there, or another archive is in use already: move its files by hand first.
    pub fn open(folder: &Folder, to: &Path) -> io::Result<Self> {
        if let Some(before) = folder.archive()?
            && before != to
        {
            let (before, to) = (before.display(), to.display());
            return Err(io::Error::other(format!(
                "the archive is {before}; stop, move its files to {to}, and write that path to {}",
                folder.archived_where().display()
            )));
        }
        File::open(to)?.sync_all()?;
        let text = to.to_str().ok_or_else(|| io::Error::other("the path is not UTF-8"))?;
        if folder.archive()?.is_none() {
            write_whole(&folder.archived_where(), format!("{text}\n").as_bytes())?;
        }
        Ok(Self { folder: folder.clone(), to: to.to_owned(), done: 0 })
    }

    /// Moves the segments of the first `below` records, a multiple of 256, which must all have left sled.
    ///
    /// # Errors
    /// See [`LogError`]; what has not moved is still where it was.
    pub fn catch_up(&mut self, below: u64) -> Result<(), LogError> {
        if self.done * tile::WIDTH >= below {
            return Ok(());
        }
        self.copy_proofs()?;
        while (self.done + 1) * tile::WIDTH <= below {
            for path in
                [tile::entry_bundle(self.done, tile::WIDTH), tile::hash_tile(0, self.done, tile::WIDTH)]
            {
                self.carry(&path)?;
            }
            // The copies of both are durable.
            for path in
                [tile::entry_bundle(self.done, tile::WIDTH), tile::hash_tile(0, self.done, tile::WIDTH)]
            {
                match fs::remove_file(self.folder.tile(&path)) {
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    other => other?,
                }
            }
            self.done += 1;
        }
        Ok(())
    }

    /// Copies a file that is still in the audit folder, and reads the copy back.
    fn carry(&self, path: &str) -> Result<(), LogError> {
        let bytes = match fs::read(self.folder.tile(path)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                // An earlier run was interrupted after it had moved.
                return Ok(fs::metadata(self.to.join(path)).map(|_| ())?);
            }
            other => other?,
        };
        self.copy(path, &bytes)
    }

    fn copy(&self, path: &str, bytes: &[u8]) -> Result<(), LogError> {
        let to = self.to.join(path);
        if let Some(parent) = to.parent() {
            make_folders(parent)?;
        }
        write_whole(&to, bytes)?;
        if fs::read(&to)? != bytes {
            return Err(LogError::Damaged(format!("{} reads otherwise than it was written", to.display())));
        }
        Ok(())
    }

    /// The newest checkpoint with its time stamp, the keys, and the full tiles above the segments.
    fn copy_proofs(&self) -> Result<(), LogError> {
        let Some(checkpoint) = checkpoints::newest(&self.folder)? else { return Ok(()) };
        let name = format!("checkpoints/{}", checkpoint.size);
        for path in [name.clone(), format!("{name}.tsr"), "checkpoint".into(), "key".into()] {
            match fs::read(self.folder.path().join(&path)) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                other => self.copy(&path, &other?)?,
            }
        }
        let mut level = 1;
        let mut full = checkpoint.size / tile::WIDTH / tile::WIDTH;
        while full > 0 {
            for index in 0..full {
                let path = tile::hash_tile(level, index, tile::WIDTH);
                if !self.to.join(&path).exists() {
                    self.copy(&path, &fs::read(self.folder.tile(&path))?)?;
                }
            }
            (level, full) = (level + 1, full / tile::WIDTH);
        }
        Ok(())
    }
}

/// Makes what is missing of `folder`, durably: a synced file in a folder that is lost is lost too.
fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folders(parent)?;
        match fs::create_dir(folder) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => File::open(parent)?.sync_all()?,
        }
    }
    Ok(())
}
