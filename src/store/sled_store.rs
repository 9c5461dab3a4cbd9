//! The store port on sled.

use super::committer::{Committer, Job, PROJECTION_WINDOW, Shared, Work};
use super::durable::{Durable, DurableError};
use super::layout;
use super::snapshot::Changes;
use flume::{Sender, bounded};
use hufu_api::{IdKind, Key, Order, Space, Store, StoreError, Versioned, Write};
use std::collections::HashMap;
use std::ops::{Bound, Range};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A disk that takes longer than this for one group counts as hung.
const PATIENCE: Duration = Duration::from_secs(2);
/// Ids are taken from disk this many at a time; a restart skips the rest of a block.
const BLOCK: u64 = 1_000;
/// The largest id: what JavaScript clients can read.
const MAX_ID: u64 = (1 << 53) - 1;
/// Rows of a scan that may be part of a walk over very many.
const LONG_SCAN: usize = 500;
/// sled splits a page that has more rows.
const ROWS_OF_A_PAGE: usize = 8;
/// Accesses after which sled looks after a part of its cache.
const LOOKS: usize = 64;
/// Page cache, in bytes.
const CACHE: u64 = 128 << 20;
/// Jobs waiting for the writer, at most.
const WAITING: usize = 8192;

/// State in a sled folder, with group commit.
pub struct SledStore {
    tree: sled::Db,
    jobs: Option<Sender<Job>>,
    shared: Arc<Shared>,
    blocks: Mutex<HashMap<IdKind, Range<u64>>>,
    writer: Option<JoinHandle<()>>,
}

impl SledStore {
    /// Opens or creates the folder.
    ///
    /// # Errors
    /// See [`DurableError`].
    pub fn open(folder: &Path) -> Result<Self, DurableError> {
        Self::over(Durable::open(folder, CACHE)?)
    }

    /// Over a sled that is already open.
    ///
    /// # Errors
    /// See [`DurableError`].
    pub fn over(durable: Durable) -> Result<Self, DurableError> {
        Self::with_window(durable, PROJECTION_WINDOW)
    }

    pub(super) fn with_window(durable: Durable, window: Duration) -> Result<Self, DurableError> {
        let shared = Arc::new(Shared::new());
        let tree = durable.reader();
        let committer = Committer::new(durable, Arc::clone(&shared), window)
            .map_err(|e| DurableError::Io(std::io::Error::other(e.to_string())))?;
        let (jobs, waiting) = bounded(WAITING);
        let writer =
            std::thread::Builder::new().name("store-writer".into()).spawn(move || committer.run(&waiting))?;
        Ok(Self { tree, jobs: Some(jobs), shared, blocks: Mutex::default(), writer: Some(writer) })
    }

    /// Says that every record up to this one is projected, so that the next start begins after it. Only for who knows that
    /// no operation is under way.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn complete_through(&self, record: u64) -> Result<(), StoreError> {
        self.ask(Work::Complete(record)).map(|_| ())
    }

    /// Why nothing is written any more; only opening the folder anew, in another process, changes that.
    pub fn poisoned(&self) -> Option<String> {
        self.shared.poisoned().map(str::to_owned)
    }

    /// Whether the writer has been at one group for longer than `patience`, in words.
    pub fn hung(&self, patience: Duration) -> Option<String> {
        self.shared.stalled(patience).then(|| "a write of the state does not end".to_owned())
    }

    pub(super) fn tree(&self) -> &sled::Db {
        &self.tree
    }

    pub(super) fn changes(&self) -> &Changes {
        &self.shared.changes
    }

    fn ask(&self, work: Work) -> Result<u64, StoreError> {
        let gone = || StoreError::Poisoned("the writer has ended".into());
        if self.shared.stalled(PATIENCE) {
            return Err(StoreError::Stalled);
        }
        let (answer, result) = bounded(1);
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send_timeout(Job { work, answer }, PATIENCE).map_err(|e| match e {
            flume::SendTimeoutError::Timeout(_) => StoreError::Stalled,
            flume::SendTimeoutError::Disconnected(_) => gone(),
        })?;
        result.recv_timeout(PATIENCE).map_err(|e| match e {
            flume::RecvTimeoutError::Timeout => StoreError::Stalled,
            flume::RecvTimeoutError::Disconnected => gone(),
        })?
    }

    fn checked(writes: &[Write]) -> Result<Vec<Write>, StoreError> {
        let too_large = |w: &Write| {
            w.key.bytes.len() > layout::MAX_KEY
                || w.value.as_ref().is_some_and(|v| v.len() > layout::MAX_VALUE)
        };
        if writes.iter().any(too_large) { Err(StoreError::TooLarge) } else { Ok(writes.to_vec()) }
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl SledStore {
    /// Has sled look at the pages of a long scan so often that it counts them. It keeps its cache's bound in 256 parts and looks after one
    /// only at every 64th access in it: pages that are read once, as in a walk over all rows, pile up to 16,384 of them, which are gigabytes
    /// where rows are large.
    fn let_go(&self, space: Space, rows: &[(Vec<u8>, Versioned)]) -> Result<(), StoreError> {
        if rows.len() < LONG_SCAN {
            return Ok(());
        }
        for (key, _) in rows.iter().step_by(ROWS_OF_A_PAGE) {
            let key = layout::tagged(space, key);
            for _ in 0..LOOKS {
                self.tree.contains_key(&key).map_err(|e| self.shared.failed(&e))?;
            }
        }
        Ok(())
    }
}

impl Store for SledStore {
    fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        self.tree
            .get(layout::row(key))
            .map_err(|e| self.shared.failed(&e))?
            .map(|bytes| layout::unpack(&bytes))
            .transpose()
    }

    fn scan(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Versioned)>, StoreError> {
        let whole = || Bound::Included(vec![space.tag()]);
        let end = Bound::Excluded(vec![space.tag() + 1]);
        let from = from.map(|bytes| layout::tagged(space, bytes));
        let unpacked = |row: Result<(sled::IVec, sled::IVec), sled::Error>| {
            let (key, value) = row.map_err(|e| self.shared.failed(&e))?;
            Ok((key.get(1..).unwrap_or_default().to_vec(), layout::unpack(&value)?))
        };
        let rows: Result<Vec<_>, StoreError> = match (order, from) {
            (Order::Ascending, Bound::Unbounded) => {
                self.tree.range((whole(), end)).take(limit).map(unpacked).collect()
            }
            (Order::Ascending, from) => self.tree.range((from, end)).take(limit).map(unpacked).collect(),
            (Order::Descending, Bound::Unbounded) => {
                self.tree.range((whole(), end)).rev().take(limit).map(unpacked).collect()
            }
            (Order::Descending, to) => {
                self.tree.range((whole(), to)).rev().take(limit).map(unpacked).collect()
            }
        };
        let rows = rows?;
        self.let_go(space, &rows)?;
        Ok(rows)
    }

    fn count(&self, space: Space) -> Result<u64, StoreError> {
        Ok(self.shared.rows.get(usize::from(space.tag())).map_or(0, |rows| rows.load(Ordering::Relaxed)))
    }

    fn reserve(&self, ids: IdKind, n: u64) -> Result<Range<u64>, StoreError> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let block = blocks.entry(ids).or_insert(0..0);
        if block.end - block.start < n {
            let size = n.max(BLOCK);
            let before = self.ask(Work::Ids { kind: ids, n: size, floor: 0 })?;
            *block = before + 1..before + 1 + size;
        }
        let given = block.start..block.start + n;
        if given.end > MAX_ID {
            return Err(StoreError::Io("no ids are left below 2^53".into()));
        }
        block.start = given.end;
        Ok(given)
    }

    fn skip_ids(&self, ids: IdKind, highest: u64) -> Result<(), StoreError> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        self.ask(Work::Ids { kind: ids, n: 0, floor: highest })?;
        blocks.remove(&ids);
        Ok(())
    }

    fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.ask(Work::Commit(Self::checked(writes)?)).map(drop)
    }

    fn project(&self, applied: u64, writes: &[Write]) -> Result<(), StoreError> {
        self.ask(Work::Project { applied, writes: Self::checked(writes)? }).map(drop)
    }

    fn projected(&self) -> Result<Option<u64>, StoreError> {
        layout::counter(&self.tree, layout::PROJECTED)
    }
}
