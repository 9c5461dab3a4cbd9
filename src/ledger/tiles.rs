//! Full tiles and entry bundles as files, written behind the writer's back.
//!
//! They can be made again from sled, so they have no sync of their own until records leave sled.

use super::folder::write_renamed;
use super::log::LogError;
use super::{Folder, Records};
use crate::tlog::{Hash, leaf_hash, tile};
use std::fs::{self, File};

/// Writes tiles up to where the log has come.
pub struct TileWriter {
    folder: Folder,
    records: Records,
    /// Bundles written so far.
    done: u64,
}

impl TileWriter {
    /// Finds out where an earlier run stopped.
    pub fn new(folder: Folder, records: Records) -> Self {
        let written = |index| {
            let bundle = fs::metadata(folder.find_tile(&tile::entry_bundle(index, tile::WIDTH)));
            let hashes = fs::metadata(folder.find_tile(&tile::hash_tile(0, index, tile::WIDTH)));
            bundle.is_ok_and(|m| m.len() > 0) && hashes.is_ok_and(|m| m.len() == 32 * tile::WIDTH)
        };
        // They are written in order: find the first that is missing.
        let mut step = 1_u64;
        while written(step - 1) {
            step *= 2;
        }
        let (mut low, mut high) = (0, step - 1);
        while low < high {
            let middle = low.midpoint(high);
            if written(middle) { low = middle + 1 } else { high = middle }
        }
        Self { folder, records, done: low }
    }

    /// Records that have a full bundle.
    pub fn covered(&self) -> u64 {
        self.done * tile::WIDTH
    }

    /// Writes what is complete in a log of `size` records.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn catch_up(&mut self, size: u64) -> Result<(), LogError> {
        while self.covered() + tile::WIDTH <= size {
            self.write_next()?;
        }
        Ok(())
    }

    fn write_next(&mut self) -> Result<(), LogError> {
        let from = self.covered();
        let records = self.records.read(from, from + tile::WIDTH, 256, usize::MAX)?;
        let short = || LogError::Damaged(format!("records from {from} are missing"));
        if records.len() != 256 {
            return Err(short());
        }
        let bundle = tile::bundle(records.iter().map(Vec::as_slice)).ok_or_else(short)?;
        self.write(&tile::entry_bundle(self.done, tile::WIDTH), &bundle)?;
        let hashes: Vec<Hash> = records.iter().map(|record| leaf_hash(record)).collect();
        // Higher tiles first, so that a level-0 tile on disk means all above it are there.
        let (mut level, mut index, mut below) = (0, self.done, hashes.clone());
        while index % tile::WIDTH == tile::WIDTH - 1 {
            let root = tile::tile_root(&below);
            let mut row = Vec::with_capacity(256);
            for sibling in index - (tile::WIDTH - 1)..index {
                let path = self.folder.find_tile(&tile::hash_tile(level, sibling, tile::WIDTH));
                let hashes = tile::parse_hashes(&fs::read(&path)?).filter(|h| h.len() == 256);
                let hashes =
                    hashes.ok_or_else(|| LogError::Damaged(format!("{} is cut short", path.display())))?;
                row.push(tile::tile_root(&hashes));
            }
            row.push(root);
            level += 1;
            index /= tile::WIDTH;
            self.write(&tile::hash_tile(level, index, tile::WIDTH), row.as_flattened())?;
            below = row;
        }
        self.write(&tile::hash_tile(0, self.done, tile::WIDTH), hashes.as_flattened())?;
        self.done += 1;
        Ok(())
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), LogError> {
        let path = self.folder.tile(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(write_renamed(&path, bytes, false)?)
    }

    /// The oldest record below `below` that sled still holds, if any.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn held_below(&self, below: u64) -> Result<Vec<u64>, LogError> {
        self.records.held_below(below, 1)
    }

    /// Makes all tiles so far durable, before records leave sled.
    ///
    /// # Errors
    /// See [`LogError`].
    pub fn sync(&self) -> Result<(), LogError> {
        let folder = File::open(self.folder.path())?;
        Ok(rustix::fs::syncfs(&folder).map_err(std::io::Error::from)?)
    }
}
