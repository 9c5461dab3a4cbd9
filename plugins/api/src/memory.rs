//! A [`Store`] that forgets: for tests of whatever needs one. It passes the same suite as the real one.

use crate::{Expect, IdKind, Key, Order, Space, Store, StoreError, Versioned, Write};
use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<(u8, Vec<u8>), Versioned>,
    ids: BTreeMap<u8, u64>,
    writes: u64,
    projected: Option<u64>,
}

/// State in memory, gone with the value.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        let mut changed: BTreeMap<(u8, Vec<u8>), Option<Versioned>> = BTreeMap::new();
        let mut count = self.writes;
        for (index, write) in writes.iter().enumerate() {
            let at = (write.key.space.tag(), write.key.bytes.clone());
            let present = changed.get(&at).map_or_else(|| self.rows.get(&at), Option::as_ref);
            let as_expected = match write.expect {
                Expect::Any => true,
                Expect::Absent => present.is_none(),
                Expect::Version(v) => present.is_some_and(|p| p.version == v),
            };
            if !as_expected {
                return Err(StoreError::Conflict(index));
            }
            count += 1;
            let version = count;
            changed.insert(at, write.value.clone().map(|value| Versioned { version, value }));
        }
        self.writes = count;
        for (at, value) in changed {
            match value {
                Some(value) => self.rows.insert(at, value),
                None => self.rows.remove(&at),
            };
        }
        Ok(())
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        Ok(self.lock().rows.get(&(key.space.tag(), key.bytes.clone())).cloned())
    }

    fn scan(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Versioned)>, StoreError> {
        let state = self.lock();
        let rows = state.rows.iter().filter(|((tag, _), _)| *tag == space.tag());
        let rows = rows.map(|((_, key), value)| (key.clone(), value.clone()));
        let from = from.map(<[u8]>::to_vec);
        Ok(match order {
            Order::Ascending => rows
                .skip_while(|(key, _)| match &from {
                    Bound::Included(f) => key < f,
                    Bound::Excluded(f) => key <= f,
                    Bound::Unbounded => false,
                })
                .take(limit)
                .collect(),
            Order::Descending => rows
                .rev()
                .skip_while(|(key, _)| match &from {
                    Bound::Included(f) => key > f,
                    Bound::Excluded(f) => key >= f,
                    Bound::Unbounded => false,
                })
                .take(limit)
                .collect(),
        })
    }

    fn count(&self, space: Space) -> Result<u64, StoreError> {
        let n = self.lock().rows.keys().filter(|(tag, _)| *tag == space.tag()).count();
        u64::try_from(n).map_err(|e| StoreError::Io(e.to_string()))
    }

    fn reserve(&self, ids: IdKind, n: u64) -> Result<Range<u64>, StoreError> {
        let mut state = self.lock();
        let highest = state.ids.entry(ids.tag()).or_default();
        let first = *highest + 1;
        *highest += n;
        Ok(first..first + n)
    }

    fn skip_ids(&self, ids: IdKind, highest: u64) -> Result<(), StoreError> {
        let mut state = self.lock();
        let present = state.ids.entry(ids.tag()).or_default();
        *present = highest.max(*present);
        Ok(())
    }

    fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.lock().write(writes)
    }

    fn project(&self, applied: u64, writes: &[Write]) -> Result<(), StoreError> {
        let mut state = self.lock();
        state.write(writes)?;
        state.projected = Some(state.projected.map_or(applied, |p| p.max(applied)));
        Ok(())
    }

    fn projected(&self) -> Result<Option<u64>, StoreError> {
        Ok(self.lock().projected)
    }
}
