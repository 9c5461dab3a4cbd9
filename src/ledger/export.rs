//! `hufu audit prove` and `export`: what others check with tools of their own.

use super::Folder;
use super::checkpoints;
use super::folder::write_renamed;
use super::log::LogError;
use super::source::Source;
use crate::audit::{Proof, RecordNumber};
use crate::tlog::{Checkpoint, Hash, NoteKey, leaf_hash, tile};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

/// The proof that record `number` is in the oldest checkpoint that covers it; `None` if none does yet.
///
/// # Errors
/// When the log or the checkpoint cannot be read.
pub fn prove(folder: &Folder, source: &dyn Source, number: RecordNumber) -> Result<Option<Proof>, LogError> {
    let covering =
        checkpoints::sizes(folder)?.into_iter().find(|size| *size > number && *size <= source.size());
    let Some(size) = covering else { return Ok(None) };
    let Some(checkpoint) = checkpoints::note(folder, size)? else { return Ok(None) };
    let Some(record) = source.read(number)?.into_iter().next() else { return Ok(None) };
    let hashes = source.inclusion(number, size)?;
    let anchor = checkpoints::anchor(folder, size)?;
    let signed = |key: &NoteKey| Checkpoint::open(&checkpoint, key).is_ok();
    let key = checkpoints::keys(folder)?.iter().find(|key| signed(key)).map(NoteKey::verifier);
    let key = key.ok_or_else(|| LogError::Damaged("no known key has signed the checkpoint".into()))?;
    Ok(Some(Proof { number, record, checkpoint, size, hashes, anchor, key }))
}

/// Writes the log up to its newest checkpoint into an empty folder: `records.jsonl`, `checkpoint`, `key`, its time-stamp
/// token, and all C2SP tlog-tiles, partial ones included. Gives the number of records.
///
/// # Errors
/// When the log cannot be read, has no checkpoint, or the folder cannot be written or is not empty.
pub fn export(
    folder: &Folder,
    source: &dyn Source,
    to: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, LogError> {
    fs::create_dir_all(to)?;
    if fs::read_dir(to)?.next().is_some() {
        return Err(LogError::Io(std::io::Error::other(format!("{} is not empty", to.display()))));
    }
    let none = || LogError::Damaged("there is no checkpoint yet".into());
    let size =
        checkpoints::sizes(folder)?.into_iter().rfind(|size| *size <= source.size()).ok_or_else(none)?;
    let note = checkpoints::note(folder, size)?.ok_or_else(none)?;
    let size = Checkpoint::unverified(&note).map_err(checkpoints::CheckpointError::from)?.size;
    let mut export = Export { to, levels: vec![Vec::new()], indices: vec![0], bundle: Vec::new() };
    let mut lines = BufWriter::new(File::create(to.join("records.jsonl"))?);
    let mut next = 0;
    while next < size {
        let records = source.read(next)?;
        if records.is_empty() {
            return Err(LogError::Damaged(format!("record {next} is missing")));
        }
        for record in records {
            if next < size {
                lines.write_all(&record)?;
                lines.write_all(b"\n")?;
                export.take(record)?;
                next += 1;
            }
        }
        progress(next);
    }
    export.finish()?;
    lines.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    if let Some(token) = checkpoints::anchor(folder, size)? {
        fs::write(to.join("checkpoint.tsr"), token)?;
    }
    fs::write(to.join("checkpoint"), note)?;
    fs::write(to.join("key"), fs::read(folder.key())?)?;
    Ok(size)
}

struct Export<'a> {
    to: &'a Path,
    /// Hashes of the tile under way, by level.
    levels: Vec<Vec<Hash>>,
    /// Index of the tile under way, by level.
    indices: Vec<u64>,
    bundle: Vec<Vec<u8>>,
}

impl Export<'_> {
    fn take(&mut self, record: Vec<u8>) -> Result<(), LogError> {
        let leaf = leaf_hash(&record);
        self.bundle.push(record);
        if self.bundle.len() == 256 {
            self.write_bundle()?;
        }
        self.push(0, leaf)
    }

    fn push(&mut self, level: usize, hash: Hash) -> Result<(), LogError> {
        let (Some(hashes), Some(index)) = (self.levels.get_mut(level), self.indices.get_mut(level)) else {
            self.levels.push(vec![hash]);
            self.indices.push(0);
            return Ok(());
        };
        hashes.push(hash);
        if hashes.len() < 256 {
            return Ok(());
        }
        let hashes = std::mem::take(hashes);
        let this = *index;
        *index += 1;
        self.write_tile(level, this, &hashes)?;
        self.push(level + 1, tile::tile_root(&hashes))
    }

    fn write_tile(&self, level: usize, index: u64, hashes: &[Hash]) -> Result<(), LogError> {
        let level = u32::try_from(level).unwrap_or(u32::MAX);
        let width = u64::try_from(hashes.len()).unwrap_or(0);
        self.write(&tile::hash_tile(level, index, width), hashes.as_flattened())
    }

    fn write_bundle(&mut self) -> Result<(), LogError> {
        let records = std::mem::take(&mut self.bundle);
        let width = u64::try_from(records.len()).unwrap_or(0);
        let index = self.indices.first().copied().unwrap_or(0);
        let bytes = tile::bundle(records.iter().map(Vec::as_slice));
        let bytes = bytes.ok_or_else(|| LogError::Damaged("a record is too long for a bundle".into()))?;
        self.write(&tile::entry_bundle(index, width), &bytes)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), LogError> {
        let path = self.to.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(write_renamed(&path, bytes, false)?)
    }

    fn finish(mut self) -> Result<(), LogError> {
        if !self.bundle.is_empty() {
            self.write_bundle()?;
        }
        for (level, (hashes, index)) in self.levels.iter().zip(&self.indices).enumerate() {
            if !hashes.is_empty() {
                self.write_tile(level, *index, hashes)?;
            }
        }
        Ok(())
    }
}
