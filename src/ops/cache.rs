//! Rows kept in memory. All writes go through this process, so a cache is right as long as a write forgets what it
//! changed and no reader puts back what it read before that.

use parking_lot::RwLock;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// A bounded map of shared values.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    inner: RwLock<Inner<K, V>>,
    most: usize,
}

#[derive(Debug)]
struct Inner<K, V> {
    map: HashMap<K, Arc<V>>,
    /// Counts the times that anything was forgotten.
    epoch: u64,
}

impl<K: Eq + Hash + Clone, V> Cache<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self { inner: RwLock::new(Inner { map: HashMap::new(), epoch: 0 }), most }
    }

    /// The cached value, or what `load` gives, which is kept unless something was forgotten meanwhile.
    pub(super) fn get_or<Q, E>(
        &self,
        key: &Q,
        load: impl FnOnce() -> Result<Option<V>, E>,
    ) -> Result<Option<Arc<V>>, E>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let epoch = {
            let inner = self.inner.read();
            if let Some(value) = inner.map.get(key) {
                return Ok(Some(Arc::clone(value)));
            }
            inner.epoch
        };
        let Some(value) = load()? else { return Ok(None) };
        let value = Arc::new(value);
        let mut inner = self.inner.write();
        if inner.epoch == epoch {
            if inner.map.len() >= self.most {
                // Any entry will do: what is in use comes back.
                if let Some(victim) = inner.map.keys().next().cloned() {
                    inner.map.remove::<K>(&victim);
                }
            }
            inner.map.insert(key.to_owned(), Arc::clone(&value));
        }
        Ok(Some(value))
    }

    /// Drops one entry; call after the write.
    pub(super) fn forget<Q>(&self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut inner = self.inner.write();
        inner.map.remove(key);
        inner.epoch += 1;
    }

    /// Drops everything.
    pub(super) fn clear(&self) {
        let mut inner = self.inner.write();
        inner.map.clear();
        inner.epoch += 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_value_read_before_a_write_is_not_kept() {
        let cache: Cache<u64, &str> = Cache::new(2);
        let read = cache.get_or(&1, || {
            cache.forget(&1); // another thread writes while this one reads
            Ok::<_, ()>(Some("old"))
        });
        assert_eq!(*read.unwrap().unwrap(), "old");
        assert_eq!(*cache.get_or(&1, || Ok::<_, ()>(Some("new"))).unwrap().unwrap(), "new");
        assert_eq!(*cache.get_or(&1, || Ok::<_, ()>(Some("never asked"))).unwrap().unwrap(), "new");
    }

    #[test]
    fn it_stays_bounded() {
        let cache: Cache<u64, u64> = Cache::new(2);
        for n in 0..10 {
            cache.get_or(&n, || Ok::<_, ()>(Some(n))).unwrap();
        }
        assert!(cache.inner.read().map.len() <= 2);
    }
}
