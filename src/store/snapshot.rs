//! A copy of the whole state as of one moment, taken while it is written to.
//!
//! Rows are read in order while commits go on, and each batch that is applied meanwhile is noted too and given after what was
//! read before it. Applied in the order in which they are given, with the last one winning, they are the state between two
//! batches: no commit is in it by half, and none waits for it.

use super::durable::{Durable, DurableError};
use super::layout;
use super::sled_store::SledStore;
use hufu_api::{IdKind, StoreError};
use parking_lot::Mutex;
use std::path::Path;

/// Octets of changes that may wait for who reads the snapshot.
const MOST_WAITING: usize = 256 << 20;
/// Rows read between two looks at what changed.
const STRIDE: usize = 1_000;
/// Rows of one batch when a state is restored.
const BATCH: usize = 10_000;

/// One row as it lies in sled, opaque; `None`: it was removed.
pub type Row = (Vec<u8>, Option<Vec<u8>>);

/// What the writer notes for a snapshot under way.
#[derive(Default)]
pub(super) struct Changes(Mutex<Option<Noted>>);

#[derive(Default)]
struct Noted {
    rows: Vec<Row>,
    octets: usize,
    overflowed: bool,
}

impl Changes {
    /// Runs `apply` and notes `rows` if it succeeds and a snapshot is under way. Nothing comes between the two.
    pub(super) fn noting<E>(
        &self,
        rows: impl FnOnce() -> Vec<Row>,
        apply: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let mut noted = self.0.lock();
        apply()?;
        if let Some(noted) = noted.as_mut().filter(|noted| !noted.overflowed) {
            let rows = rows();
            noted.octets += rows.iter().map(|(k, v)| k.len() + v.as_ref().map_or(0, Vec::len)).sum::<usize>();
            if noted.octets > MOST_WAITING {
                *noted = Noted { overflowed: true, ..Noted::default() };
            } else {
                noted.rows.extend(rows);
            }
        }
        Ok(())
    }

    fn begin(&self) -> Result<Under<'_>, StoreError> {
        let mut noted = self.0.lock();
        if noted.is_some() {
            return Err(StoreError::Io("another backup is under way".into()));
        }
        *noted = Some(Noted::default());
        Ok(Under(self))
    }
}

/// A snapshot under way; ends the noting when dropped.
struct Under<'a>(&'a Changes);

impl Under<'_> {
    /// What was noted since the last look; with `last` nothing is noted any more.
    fn take(&self, last: bool) -> Result<Vec<Row>, StoreError> {
        let mut noted = self.0.0.lock();
        let taken = std::mem::take(&mut *noted).unwrap_or_default();
        if taken.overflowed {
            return Err(StoreError::Io("the state changes faster than the backup is read".into()));
        }
        *noted = (!last).then(Noted::default);
        Ok(taken.rows)
    }
}

impl Drop for Under<'_> {
    fn drop(&mut self) {
        *self.0.0.lock() = None;
    }
}

impl SledStore {
    /// Gives every row, and every change made meanwhile, to `take`; see the module.
    ///
    /// # Errors
    /// When state cannot be read, another snapshot is under way, `take` fails or is too slow for the changes.
    pub fn snapshot(&self, take: &mut dyn FnMut(Row) -> std::io::Result<()>) -> Result<(), StoreError> {
        let under = self.changes().begin()?;
        let mut give = |row| take(row).map_err(|e| StoreError::Io(e.to_string()));
        for (at, row) in self.tree().iter().enumerate() {
            let (key, value) = row.map_err(|e| StoreError::Io(e.to_string()))?;
            give((key.to_vec(), Some(value.to_vec())))?;
            if at % STRIDE == STRIDE - 1 {
                under.take(false)?.into_iter().try_for_each(&mut give)?;
            }
        }
        under.take(true)?.into_iter().try_for_each(&mut give)
    }
}

/// Writes a state that [`SledStore::snapshot`] gave into an empty folder. Ids go on `skip` higher, so that none is given out
/// again that was given out after the snapshot.
///
/// # Errors
/// See [`DurableError`]; what `rows` fails with.
pub fn restore_state(
    folder: &Path,
    rows: impl Iterator<Item = std::io::Result<Row>>,
    skip: u64,
) -> Result<u64, DurableError> {
    let mut durable = Durable::open(folder, 128 << 20)?;
    if !durable.reader().is_empty() {
        return Err(std::io::Error::other(format!("{} holds a state already", folder.display())).into());
    }
    let (mut batch, mut waiting, mut count) = (sled::Batch::default(), 0, 0);
    for row in rows {
        let (key, value) = row?;
        match value {
            Some(value) => batch.insert(key, value),
            None => batch.remove(key),
        }
        (waiting, count) = (waiting + 1, count + 1);
        if waiting == BATCH {
            durable.apply(std::mem::take(&mut batch))?;
            waiting = 0;
        }
    }
    durable.apply(batch)?;
    let tree = durable.reader();
    let mut ids = sled::Batch::default();
    for kind in IdKind::ALL {
        let key = layout::ids_of(kind);
        let before = layout::counter(&tree, &key).map_err(|e| std::io::Error::other(e.to_string()))?;
        ids.insert(key, &(before.unwrap_or(0).saturating_add(skip)).to_be_bytes());
    }
    durable.apply(ids)?;
    durable.sync()?;
    Ok(count)
}
