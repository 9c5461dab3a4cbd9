//! The log itself: records, compact range and open intents in one sled tree, appended to in durable batches.

use super::Folder;
use super::checkpoints::{self, CheckpointError};
use super::head::{Head, HeadFile, Heads};
use super::records::{RANGE, Records, open_key, record_key};
use crate::audit::{Act, Body, Entry, EntryError, RecordNumber};
use crate::store::{Disk, Durable, DurableError, SledFiles};
use crate::tlog::merkle::{self, ProofError};
use crate::tlog::{Range, leaf_hash};
use hufu_api::{RequestId, UnixTime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;

/// Why the log cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// What is on disk is not what was written. Nothing is repaired by itself: look at it with `hufu audit verify`.
    #[error("the audit log is damaged: {0}")]
    Damaged(String),
    /// sled or the disk said no.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// A file beside sled cannot be read or written.
    #[error("file system: {0}")]
    Io(#[from] std::io::Error),
    /// A checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl From<sled::Error> for LogError {
    fn from(error: sled::Error) -> Self {
        Self::Durable(error.into())
    }
}

impl From<ProofError> for LogError {
    fn from(error: ProofError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// An intent without an outcome yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIntent {
    /// What was announced.
    pub act: Act,
    /// The request that it serves.
    pub request: RequestId,
}

/// The log, open for appending.
pub struct Log {
    durable: Durable,
    records: Records,
    head: HeadFile,
    range: Range,
    open: BTreeMap<RecordNumber, OpenIntent>,
    last_at: Option<UnixTime>,
}

/// Records that will be appended together.
pub struct Draft {
    range: Range,
    records: Vec<(RecordNumber, Vec<u8>)>,
    opened: BTreeMap<RecordNumber, OpenIntent>,
    closed: Vec<RecordNumber>,
    last_at: Option<UnixTime>,
}

impl Log {
    /// Opens or creates the log, and compares it with what lies outside sled.
    ///
    /// # Errors
    /// See [`LogError`]; [`LogError::Damaged`] when acknowledged records are gone or changed.
    pub fn open(folder: &Folder, cache_bytes: u64) -> Result<Self, LogError> {
        Self::open_with(folder, cache_bytes, |files| Box::new(files))
    }

    /// Like [`Log::open`], over a disk of the caller's making.
    ///
    /// # Errors
    /// See [`Log::open`].
    pub fn open_with(
        folder: &Folder,
        cache_bytes: u64,
        disk: impl FnOnce(SledFiles) -> Box<dyn Disk>,
    ) -> Result<Self, LogError> {
        folder.create()?;
        if let Some(archive) = folder.archive()?.filter(|archive| !archive.is_dir()) {
            let gone = format!("the archive folder {} is not there", archive.display());
            return Err(LogError::Io(std::io::Error::new(std::io::ErrorKind::NotFound, gone)));
        }
        let durable = Durable::open_with(&folder.sled(), cache_bytes, disk)?;
        let records = Records::new(durable.reader(), folder.clone());
        let range = stored_range(&durable.reader())?;
        checkpoints::mend(folder)?;
        check_against_outside(folder, &records, &range)?;
        let mut open = BTreeMap::new();
        for (number, stored) in records.open_intents()? {
            let intent = serde_json::from_slice(&stored).map_err(|e| LogError::Damaged(e.to_string()))?;
            open.insert(number, intent);
        }
        let last_at = match range.size().checked_sub(1) {
            None => None,
            Some(last) => Some(entry(&records, last)?.at),
        };
        let head = HeadFile::open(folder)?;
        // Both halves: one that was torn is whole again.
        for _ in 0..2 {
            head.write(Head { size: range.size(), root: range.root() })?;
            head.sync()?;
        }
        Ok(Self { durable, records, head, range, open, last_at })
    }

    /// For reading, from any thread.
    pub fn records(&self) -> Records {
        self.records.clone()
    }

    /// The tree.
    pub fn range(&self) -> &Range {
        &self.range
    }

    /// Intents without an outcome.
    pub fn open_intents(&self) -> &BTreeMap<RecordNumber, OpenIntent> {
        &self.open
    }

    /// When the last record was written: the clock's high-water mark.
    pub fn last_at(&self) -> Option<UnixTime> {
        self.last_at
    }

    /// Begins a batch.
    pub fn draft(&self) -> Draft {
        Draft {
            range: self.range.clone(),
            records: Vec::new(),
            opened: BTreeMap::new(),
            closed: Vec::new(),
            last_at: self.last_at,
        }
    }

    /// Appends a batch, all of it or nothing; on disk on return.
    ///
    /// # Errors
    /// See [`LogError`]. After an error nothing is appended any more.
    pub fn append(&mut self, draft: Draft) -> Result<(), LogError> {
        if draft.records.is_empty() {
            return Ok(());
        }
        let mut batch = sled::Batch::default();
        for (number, record) in draft.records {
            batch.insert(&record_key(number), record);
        }
        for (number, intent) in &draft.opened {
            let stored = serde_json::to_vec(intent).map_err(|e| LogError::Damaged(e.to_string()))?;
            batch.insert(&open_key(*number), stored);
        }
        for number in &draft.closed {
            batch.remove(&open_key(*number));
        }
        batch.insert(RANGE, draft.range.to_bytes());
        self.durable.apply(batch)?;
        self.durable.sync()?;
        self.range = draft.range;
        self.last_at = draft.last_at;
        self.open.extend(draft.opened);
        draft.closed.iter().for_each(|number| {
            self.open.remove(number);
        });
        Ok(self.head.write(Head { size: self.range.size(), root: self.range.root() })?)
    }

    /// Removes at most `limit` of the records below `below` from sled, oldest first, and tells how many. They stay in the entry
    /// bundles, which must be durable.
    ///
    /// # Errors
    /// See [`LogError`].
    pub(super) fn prune(&mut self, below: RecordNumber, limit: usize) -> Result<usize, LogError> {
        let numbers = self.records.held_below(below, limit)?;
        let mut batch = sled::Batch::default();
        numbers.iter().for_each(|number| batch.remove(&record_key(*number)));
        self.durable.apply(batch)?;
        self.durable.sync()?;
        Ok(numbers.len())
    }
}

impl Draft {
    /// The number that the next record gets.
    pub fn next(&self) -> RecordNumber {
        self.range.size()
    }

    /// The tree with the batch so far.
    pub fn range(&self) -> &Range {
        &self.range
    }

    /// Adds a record and gives its number.
    ///
    /// # Errors
    /// See [`EntryError`]; the batch is as before.
    pub fn add(&mut self, at: UnixTime, request: RequestId, body: Body) -> Result<RecordNumber, EntryError> {
        let number = self.next();
        let entry = Entry { number, at, request, body };
        let bytes = entry.encode()?;
        self.range.push(leaf_hash(&bytes));
        self.records.push((number, bytes));
        self.last_at = self.last_at.max(Some(at));
        match entry.body {
            Body::Intent(intent) => {
                self.opened.insert(number, OpenIntent { act: intent.act, request });
            }
            Body::Outcome { of, .. } => {
                self.opened.remove(&of);
                self.closed.push(of);
            }
            Body::Event(_) | Body::Checkpoint { .. } => {}
        }
        Ok(number)
    }

    /// The intent `number`, if it is open with the batch so far.
    pub fn open_intent<'a>(&'a self, log: &'a Log, number: RecordNumber) -> Option<&'a OpenIntent> {
        if self.closed.contains(&number) {
            return None;
        }
        self.opened.get(&number).or_else(|| log.open.get(&number))
    }

    /// The records' bytes, in order.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.records.iter().map(|(_, bytes)| bytes.as_slice())
    }

    /// Bytes of all records.
    pub fn bytes(&self) -> usize {
        self.records.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

pub(super) fn stored_range(tree: &sled::Db) -> Result<Range, LogError> {
    match tree.get(RANGE)? {
        None => Ok(Range::new()),
        Some(bytes) => Range::from_bytes(&bytes)
            .ok_or_else(|| LogError::Damaged("the compact range is malformed".into())),
    }
}

fn entry(records: &Records, number: RecordNumber) -> Result<Entry, LogError> {
    let bytes =
        records.record(number)?.ok_or_else(|| LogError::Damaged(format!("record {number} is missing")))?;
    Entry::parse(&bytes).map_err(|e| LogError::Damaged(format!("record {number}: {e}")))
}

/// What every start checks; `hufu audit verify` checks everything.
fn check_against_outside(folder: &Folder, records: &Records, range: &Range) -> Result<(), LogError> {
    let last = records.last()?.map_or(0, |last| last + 1);
    if last > range.size() || (range.size() > 0 && records.record(range.size() - 1)?.is_none()) {
        return Err(LogError::Damaged(format!("{} records expected, the last is {last}", range.size())));
    }
    let outside = checkpoints::newest(folder)?.map(|c| ("checkpoint", c.size, c.root));
    let head = Heads::read(folder)?.newest.map(|h| ("head", h.size, h.root));
    for (what, size, root) in outside.into_iter().chain(head) {
        if size > range.size() {
            let lost = size - range.size();
            return Err(LogError::Damaged(format!(
                "the {what} covers {size} records, {lost} of them are gone"
            )));
        }
        let ours = if size == range.size() { range.root() } else { merkle::root(records, size)? };
        if ours != root && records.root_from_records(size)? == root {
            tracing::warn!("tiles do not fit the records and are made again");
            fs::remove_dir_all(folder.tile("tile/0"))?;
        } else if ours != root {
            return Err(LogError::Damaged(format!("records below {size} are not those of the {what}")));
        }
    }
    Ok(())
}
