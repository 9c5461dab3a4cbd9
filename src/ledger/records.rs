//! Reading records: from sled, or from the entry bundles once they have left it.

use super::Folder;
use super::log::LogError;
use crate::audit::RecordNumber;
use crate::tlog::merkle::{HashSource, ProofError};
use crate::tlog::{Hash, Range, leaf_hash, node_hash, tile};
use std::fs;

const RECORD: u8 = b'r';
const OPEN: u8 = b'o';
/// Where the compact range lies.
pub(super) const RANGE: &[u8] = b"range";

pub(super) fn record_key(number: RecordNumber) -> [u8; 9] {
    tagged(RECORD, number)
}

pub(super) fn open_key(number: RecordNumber) -> [u8; 9] {
    tagged(OPEN, number)
}

fn tagged(tag: u8, number: u64) -> [u8; 9] {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    [tag, a, b, c, d, e, f, g, h]
}

fn untagged(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..)?.try_into().ok()?))
}

/// The log's records, for any number of readers beside the writer.
#[derive(Clone)]
pub struct Records {
    tree: sled::Db,
    folder: Folder,
}

impl Records {
    pub(super) fn new(tree: sled::Db, folder: Folder) -> Self {
        Self { tree, folder }
    }

    /// Records from `from` up to `to` (excluded): at most `limit`, and not many more than `bytes` bytes. Fewer than asked for only
    /// because of the limits, or where a record is missing.
    ///
    /// # Errors
    /// When sled or a bundle cannot be read.
    pub fn read(
        &self,
        from: RecordNumber,
        to: RecordNumber,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<Vec<u8>>, LogError> {
        let mut records = Vec::new();
        let mut held = 0;
        let full = |records: &Vec<Vec<u8>>, held| records.len() >= limit || held >= bytes;
        let mut next = from;
        for row in self.tree.range(record_key(from)..record_key(to)) {
            let (key, value) = row?;
            let number =
                untagged(&key).ok_or_else(|| LogError::Damaged("a record's key is malformed".into()))?;
            // What is not in sled has moved to the bundles.
            while next < number && !full(&records, held) {
                match self.bundled(next)? {
                    Some(record) => {
                        held += record.len();
                        records.push(record);
                        next += 1;
                    }
                    None => return Ok(records),
                }
            }
            if full(&records, held) {
                return Ok(records);
            }
            held += value.len();
            records.push(value.to_vec());
            next += 1;
        }
        while next < to && !full(&records, held) {
            match self.bundled(next)? {
                Some(record) => {
                    held += record.len();
                    records.push(record);
                    next += 1;
                }
                None => break,
            }
        }
        Ok(records)
    }

    /// One record.
    ///
    /// # Errors
    /// When sled or a bundle cannot be read.
    pub fn record(&self, number: RecordNumber) -> Result<Option<Vec<u8>>, LogError> {
        match self.tree.get(record_key(number))? {
            Some(record) => Ok(Some(record.to_vec())),
            None => self.bundled(number),
        }
    }

    fn bundled(&self, number: RecordNumber) -> Result<Option<Vec<u8>>, LogError> {
        let path = self.folder.find_tile(&tile::entry_bundle(number / tile::WIDTH, tile::WIDTH));
        let bytes = match fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let records = tile::parse_bundle(&bytes)
            .ok_or_else(|| LogError::Damaged(format!("{} is not an entry bundle", path.display())))?;
        Ok(usize::try_from(number % tile::WIDTH).ok().and_then(|at| records.into_iter().nth(at)))
    }

    /// The tree head over the first `size` records, without the tiles.
    pub(super) fn root_from_records(&self, size: u64) -> Result<Hash, LogError> {
        let mut range = Range::new();
        while range.size() < size {
            let records = self.read(range.size(), size, 4096, 1 << 20)?;
            if records.is_empty() {
                return Err(LogError::Damaged(format!("record {} is missing", range.size())));
            }
            records.iter().for_each(|record| range.push(leaf_hash(record)));
        }
        Ok(range.root())
    }

    /// Numbers of the oldest records in sled below `below`, at most `limit`.
    pub(super) fn held_below(
        &self,
        below: RecordNumber,
        limit: usize,
    ) -> Result<Vec<RecordNumber>, LogError> {
        let rows = self.tree.range(record_key(0)..record_key(below)).take(limit);
        let number = |row: sled::Result<(sled::IVec, sled::IVec)>| -> Result<RecordNumber, LogError> {
            untagged(&row?.0).ok_or_else(|| LogError::Damaged("a record's key is malformed".into()))
        };
        rows.map(number).collect()
    }

    /// Number of the last record in sled.
    pub(super) fn last(&self) -> Result<Option<RecordNumber>, LogError> {
        let last = self.tree.range(record_key(0)..=record_key(u64::MAX)).next_back().transpose()?;
        Ok(last.and_then(|(key, _)| untagged(&key)))
    }

    /// Open intents as sled has them.
    pub(super) fn open_intents(&self) -> Result<Vec<(RecordNumber, Vec<u8>)>, LogError> {
        let rows = self.tree.range(open_key(0)..=open_key(u64::MAX));
        rows.map(|row| {
            let (key, value) = row?;
            let number =
                untagged(&key).ok_or_else(|| LogError::Damaged("an intent's key is malformed".into()))?;
            Ok((number, value.to_vec()))
        })
        .collect()
    }

    /// The full hash tile, if it has been written.
    fn tile(&self, level: u32, index: u64) -> Option<Vec<Hash>> {
        let bytes = fs::read(self.folder.find_tile(&tile::hash_tile(level, index, tile::WIDTH))).ok()?;
        tile::parse_hashes(&bytes).filter(|hashes| hashes.len() == 256)
    }
}

/// Hashes come from tiles where there are some, else from the records themselves.
impl HashSource for Records {
    fn subtree(&self, height: u32, index: u64) -> Result<Hash, ProofError> {
        let (level, rest) = (height / tile::HEIGHT, height % tile::HEIGHT);
        let first = index << rest;
        if let Some(hashes) = self.tile(level, first / tile::WIDTH) {
            let at = usize::try_from(first % tile::WIDTH).unwrap_or(usize::MAX);
            if let Some(hashes) = hashes.get(at..at + (1 << rest)) {
                return Ok(tile::tile_root(hashes));
            }
        }
        if height == 0 {
            let record = self.record(index).map_err(|e| ProofError::Missing(e.to_string()))?;
            let record = record.ok_or_else(|| ProofError::Missing(format!("record {index}")))?;
            return Ok(leaf_hash(&record));
        }
        if rest == 0
            && let Some(hashes) = self.tile(level - 1, index)
        {
            return Ok(tile::tile_root(&hashes));
        }
        let left = self.subtree(height - 1, index * 2)?;
        Ok(node_hash(&left, &self.subtree(height - 1, index * 2 + 1)?))
    }
}
