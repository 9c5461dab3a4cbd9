//! The store's one writing thread: takes all that waits, writes it as one batch, syncs once, answers all.

use super::durable::{Durable, DurableError};
use super::layout;
use super::snapshot::{Changes, Row};
use flume::{Receiver, RecvTimeoutError, Sender};
use hufu_api::{Expect, IdKind, StoreError, Versioned, Write};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Jobs in one batch, at most.
const GROUP: usize = 1024;
/// Projections reach the disk after this long even when nothing else is committed.
const LINGER: Duration = Duration::from_secs(1);
/// A record is projected within this time of being written, or its process is gone (the port's contract).
pub(super) const PROJECTION_WINDOW: Duration = Duration::from_secs(30);

pub(super) enum Work {
    Commit(Vec<Write>),
    Project {
        applied: u64,
        writes: Vec<Write>,
    },
    /// Everything up to this record is projected: nobody is under way with an earlier one.
    Complete(u64),
    /// Raises the highest reserved id by `n`, or to at least `floor`; answers the highest before.
    Ids {
        kind: IdKind,
        n: u64,
        floor: u64,
    },
}

pub(super) struct Job {
    pub(super) work: Work,
    pub(super) answer: Sender<Result<u64, StoreError>>,
}

/// What callers see of the writer.
pub(super) struct Shared {
    /// Rows by space tag.
    pub(super) rows: [AtomicU64; 32],
    /// What a snapshot under way has to learn.
    pub(super) changes: Changes,
    started: Instant,
    /// Milliseconds after `started` when the group under way began, plus one; 0 between groups.
    busy_since: AtomicU64,
    /// Why nothing is written any more.
    poison: OnceLock<String>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            rows: Default::default(),
            changes: Changes::default(),
            started: Instant::now(),
            busy_since: AtomicU64::new(0),
            poison: OnceLock::new(),
        }
    }

    /// From now on nothing is written any more; the first reason stays.
    pub(super) fn poison(&self, reason: &str) {
        if self.poison.set(reason.to_owned()).is_ok() {
            tracing::error!(reason, "the state cannot be written any more");
        }
    }

    /// What to answer when sled fails. After one failed write it answers every call with that failure, reads too.
    pub(super) fn failed(&self, error: &sled::Error) -> StoreError {
        // It calls it a bug when one of its threads has ended.
        if matches!(error, sled::Error::Io(_) | sled::Error::ReportableBug(_)) {
            self.poison(&error.to_string());
            return StoreError::Poisoned(error.to_string());
        }
        StoreError::Io(error.to_string())
    }

    pub(super) fn poisoned(&self) -> Option<&str> {
        self.poison.get().map(String::as_str)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    /// The writer turns to the disk.
    fn begin(&self) {
        self.busy_since.store(self.millis() + 1, Ordering::Release);
    }

    /// The disk has answered.
    fn end(&self) {
        self.busy_since.store(0, Ordering::Release);
    }

    /// Whether the writer has been at one group for longer than `patience`.
    pub(super) fn stalled(&self, patience: Duration) -> bool {
        let since = self.busy_since.load(Ordering::Acquire);
        let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        since != 0 && self.millis().saturating_sub(since - 1) > patience
    }
}

/// Changes of the group under way, over what sled has.
#[derive(Default)]
struct Overlay {
    rows: BTreeMap<Vec<u8>, Option<Versioned>>,
    counters: BTreeMap<Vec<u8>, u64>,
}

impl Overlay {
    /// The rows as they go into sled, the count of writes with them.
    fn changed(&self, writes: u64) -> Vec<Row> {
        let rows = self.rows.iter().map(|(key, value)| (key.clone(), value.as_ref().map(layout::pack)));
        let counters = self.counters.iter().map(|(key, n)| (key.clone(), Some(n.to_be_bytes().to_vec())));
        let count = (layout::WRITES.to_vec(), Some(writes.to_be_bytes().to_vec()));
        rows.chain(counters).chain([count]).collect()
    }
}

/// Whoever asks after the writer's end is told why he gets no answer, also when it ended by a panic in sled.
struct Ends(Arc<Shared>);

impl Drop for Ends {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison("the writer has ended");
        }
    }
}

pub(super) struct Committer {
    durable: Durable,
    tree: sled::Db,
    shared: Arc<Shared>,
    writes: u64,
    /// Projected records of the last minutes, by when.
    recent: VecDeque<(Instant, u64)>,
    window: Duration,
    dirty: bool,
}

impl Committer {
    pub(super) fn new(durable: Durable, shared: Arc<Shared>, window: Duration) -> Result<Self, StoreError> {
        let tree = durable.reader();
        for (tag, rows) in (0_u8..).zip(&shared.rows) {
            rows.store(layout::counter(&tree, &layout::rows_of(tag))?.unwrap_or(0), Ordering::Relaxed);
        }
        let writes = layout::counter(&tree, layout::WRITES)?.unwrap_or(0);
        Ok(Self { durable, tree, shared, writes, recent: VecDeque::new(), window, dirty: false })
    }

    /// Runs until all senders are gone; what waits then is still done.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        let _ends = Ends(Arc::clone(&self.shared));
        loop {
            match jobs.recv_timeout(LINGER) {
                Ok(first) => {
                    let group = std::iter::once(first).chain(jobs.try_iter()).take(GROUP).collect();
                    self.serve(group);
                }
                Err(RecvTimeoutError::Timeout) => self.settle(),
                Err(RecvTimeoutError::Disconnected) => {
                    self.finish();
                    return;
                }
            }
        }
    }

    /// Syncs projections that nobody waits for.
    fn settle(&mut self) {
        if self.dirty {
            self.shared.begin();
            match self.durable.sync() {
                Ok(()) => self.dirty = false,
                Err(error) => self.shared.poison(&error.to_string()),
            }
            self.shared.end();
        }
    }

    /// Nobody is left who could be under way with a projection.
    fn finish(&mut self) {
        let mut overlay = Overlay::default();
        if let Some(last) = self.recent.drain(..).map(|(_, number)| number).max() {
            self.complete(&mut overlay, last);
        }
        if let Err(error) = self.write(&overlay, true) {
            tracing::error!(%error, "state cannot be made durable");
        }
    }

    fn serve(&mut self, group: Vec<Job>) {
        self.shared.begin();
        let mut overlay = Overlay::default();
        let mut done = Vec::with_capacity(group.len());
        let mut durably = false;
        for job in group {
            durably |= !matches!(job.work, Work::Project { .. });
            let result = match job.work {
                Work::Commit(writes) => self.stage(&mut overlay, &writes),
                Work::Project { applied, writes } => {
                    let staged = self.stage(&mut overlay, &writes);
                    if staged.is_ok() {
                        self.mark(&mut overlay, applied);
                    }
                    staged
                }
                Work::Complete(number) => {
                    self.complete(&mut overlay, number);
                    Ok(number)
                }
                Work::Ids { kind, n, floor } => self.raise(&mut overlay, kind, n, floor),
            };
            done.push((job.answer, result));
        }
        let written = self.write(&overlay, durably).map_err(|e| match e {
            DurableError::Poisoned(reason) => StoreError::Poisoned(reason),
            other => {
                self.shared.poison(&other.to_string());
                StoreError::Poisoned(other.to_string())
            }
        });
        self.shared.end();
        for (answer, result) in done {
            // Who gave up waiting is not there any more.
            let _ = answer.send(written.clone().and(result));
        }
    }

    fn write(&mut self, overlay: &Overlay, durably: bool) -> Result<(), DurableError> {
        let mut batch = sled::Batch::default();
        for (row, value) in &overlay.rows {
            match value {
                Some(value) => batch.insert(row.as_slice(), layout::pack(value)),
                None => batch.remove(row.as_slice()),
            }
        }
        for (key, value) in &overlay.counters {
            batch.insert(key.as_slice(), &value.to_be_bytes());
        }
        if !overlay.rows.is_empty() || !overlay.counters.is_empty() {
            batch.insert(layout::WRITES, &self.writes.to_be_bytes());
            let writes = self.writes;
            self.shared.changes.noting(|| overlay.changed(writes), || self.durable.apply(batch))?;
            self.dirty = true;
        }
        if durably && self.dirty {
            self.durable.sync()?;
            self.dirty = false;
        }
        Ok(())
    }

    fn present(&self, overlay: &Overlay, row: &[u8]) -> Result<Option<Versioned>, StoreError> {
        if let Some(changed) = overlay.rows.get(row) {
            return Ok(changed.clone());
        }
        let stored = self.tree.get(row).map_err(|e| self.shared.failed(&e))?;
        stored.map(|bytes| layout::unpack(&bytes)).transpose()
    }

    /// Checks the expectations of one commit against disk and group, and adds it to the group if they hold.
    fn stage(&mut self, overlay: &mut Overlay, writes: &[Write]) -> Result<u64, StoreError> {
        let mut own = Overlay::default();
        let mut rows: BTreeMap<u8, i64> = BTreeMap::new();
        let mut count = self.writes;
        for (index, write) in writes.iter().enumerate() {
            let row = layout::row(&write.key);
            let present = match own.rows.get(&row) {
                Some(changed) => changed.clone(),
                None => self.present(overlay, &row)?,
            };
            let as_expected = match write.expect {
                Expect::Any => true,
                Expect::Absent => present.is_none(),
                Expect::Version(v) => present.as_ref().is_some_and(|p| p.version == v),
            };
            if !as_expected {
                return Err(StoreError::Conflict(index));
            }
            count += 1;
            let value = write.value.clone().map(|value| Versioned { version: count, value });
            *rows.entry(write.key.space.tag()).or_default() +=
                i64::from(value.is_some()) - i64::from(present.is_some());
            own.rows.insert(row, value);
        }
        self.writes = count;
        overlay.rows.append(&mut own.rows);
        for (tag, change) in rows {
            if let Some(counter) = self.shared.rows.get(usize::from(tag)).filter(|_| change != 0) {
                let new = counter.load(Ordering::Relaxed).saturating_add_signed(change);
                counter.store(new, Ordering::Relaxed);
                overlay.counters.insert(layout::rows_of(tag), new);
            }
        }
        Ok(count)
    }

    /// Moves the replay mark to what was projected a window ago: all before it has had its time.
    fn mark(&mut self, overlay: &mut Overlay, applied: u64) {
        let now = Instant::now();
        self.recent.push_back((now, applied));
        let mut settled = None;
        while let Some((at, number)) = self.recent.front() {
            if now.duration_since(*at) < self.window {
                break;
            }
            settled = settled.max(Some(*number));
            self.recent.pop_front();
        }
        if let Some(number) = settled {
            self.complete(overlay, number);
        }
    }

    /// Moves the replay mark to `number`, never back.
    fn complete(&self, overlay: &mut Overlay, number: u64) {
        let before = overlay.counters.get(layout::PROJECTED).copied();
        let before = before.or_else(|| layout::counter(&self.tree, layout::PROJECTED).ok().flatten());
        overlay.counters.insert(layout::PROJECTED.to_vec(), before.unwrap_or(0).max(number));
    }

    fn raise(&self, overlay: &mut Overlay, kind: IdKind, n: u64, floor: u64) -> Result<u64, StoreError> {
        let key = layout::ids_of(kind);
        let before = match overlay.counters.get(&key) {
            Some(highest) => *highest,
            None => layout::counter(&self.tree, &key)?.unwrap_or(0),
        };
        overlay.counters.insert(key, before.saturating_add(n).max(floor));
        Ok(before)
    }
}
