//! The log written anew from its records: what a backup brings back.

use super::Folder;
use super::log::{LogError, OpenIntent};
use super::records::{RANGE, open_key, record_key};
use crate::audit::{Body, Entry, RecordNumber};
use crate::store::Durable;
use crate::tlog::{Range, leaf_hash};
use std::collections::BTreeMap;

/// Records of one batch.
const BATCH: usize = 4_096;

/// Writes `records`, from number 0 on, into an empty folder. Checkpoints and keys are files, put there by the caller; tiles
/// are made again by the writer. Gives the number of records.
///
/// # Errors
/// [`LogError::Damaged`] when one is no record, or not the next one.
pub fn restore_log(
    folder: &Folder,
    records: impl Iterator<Item = std::io::Result<Vec<u8>>>,
) -> Result<u64, LogError> {
    folder.create()?;
    let mut durable = Durable::open(&folder.sled(), 128 << 20)?;
    if !durable.reader().is_empty() {
        return Err(LogError::Damaged(format!("{} holds a log already", folder.path().display())));
    }
    let mut range = Range::new();
    let mut open: BTreeMap<RecordNumber, OpenIntent> = BTreeMap::new();
    let (mut batch, mut waiting) = (sled::Batch::default(), 0);
    for record in records {
        let (record, number) = (record?, range.size());
        let entry = Entry::parse(&record).map_err(|e| LogError::Damaged(format!("record {number}: {e}")))?;
        if entry.number != number {
            return Err(LogError::Damaged(format!("record {number} says it is {}", entry.number)));
        }
        range.push(leaf_hash(&record));
        batch.insert(&record_key(number), record);
        match entry.body {
            Body::Intent(intent) => {
                open.insert(number, OpenIntent { act: intent.act, request: entry.request });
            }
            Body::Outcome { of, .. } => {
                open.remove(&of);
            }
            Body::Event(_) | Body::Checkpoint { .. } => {}
        }
        waiting += 1;
        if waiting == BATCH {
            durable.apply(std::mem::take(&mut batch))?;
            waiting = 0;
        }
    }
    for (number, intent) in &open {
        let stored = serde_json::to_vec(intent).map_err(|e| LogError::Damaged(e.to_string()))?;
        batch.insert(&open_key(*number), stored);
    }
    batch.insert(RANGE, range.to_bytes());
    durable.apply(batch)?;
    durable.sync()?;
    Ok(range.size())
}
