//! Requests a day, counted in the store so that a restart does not begin again.

use hufu_api::{ChannelError, Expect, Key, Space, Store, StoreError, UnixTime, Write};
use std::sync::Arc;

const DAY_SECONDS: i64 = 86_400;

/// Attempts to count one request while other threads count theirs.
const ATTEMPTS: usize = 64;

/// A bound on requests a day (UTC).
pub(crate) struct Budget {
    store: Arc<dyn Store>,
    key: Key,
    most: u64,
}

impl Budget {
    pub(crate) fn new(store: Arc<dyn Store>, name: &str, most: u64) -> Self {
        let key = Key { space: Space::Channel, bytes: format!("{name}/budget").into_bytes() };
        Self { store, key, most }
    }

    /// Counts one request; refused when the day's are used up.
    pub(crate) fn take(&self, now: UnixTime) -> Result<(), ChannelError> {
        let day = now.seconds().div_euclid(DAY_SECONDS);
        let state = |e: StoreError| ChannelError::Unavailable(format!("budget: {e}"));
        for _ in 0..ATTEMPTS {
            let found = self.store.get(&self.key).map_err(state)?;
            let counted = found.as_ref().and_then(|v| parse(&v.value)).filter(|(d, _)| *d == day);
            let used = counted.map_or(0, |(_, used)| used);
            if used >= self.most {
                return Err(ChannelError::Unavailable(format!(
                    "the budget of {} requests a day is used up",
                    self.most
                )));
            }
            let expect = found.map_or(Expect::Absent, |v| Expect::Version(v.version));
            let value = Some(format!("{day} {}", used + 1).into_bytes());
            match self.store.commit(&[Write { key: self.key.clone(), expect, value }]) {
                Ok(()) => return Ok(()),
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(state(error)),
            }
        }
        Err(ChannelError::Unavailable("budget: too many requests at once".into()))
    }
}

/// `DAY USED`, days since 1970.
fn parse(value: &[u8]) -> Option<(i64, u64)> {
    let (day, used) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    Some((day.parse().ok()?, used.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use hufu_api::MemoryStore;

    #[test]
    fn a_budget_is_kept_through_restarts_and_begins_anew_each_day() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let noon = UnixTime::from_seconds(20_000 * DAY_SECONDS + 43_200);
        Budget::new(Arc::clone(&store), "a", 2).take(noon).unwrap();
        let budget = Budget::new(Arc::clone(&store), "a", 2);
        budget.take(noon).unwrap();
        assert!(budget.take(noon).unwrap_err().to_string().contains("used up"));
        Budget::new(Arc::clone(&store), "b", 1).take(noon).unwrap();
        budget.take(noon.plus_millis(86_400_000)).unwrap();
    }

    #[test]
    fn threads_count_every_request_once() {
        let budget = Budget::new(Arc::new(MemoryStore::new()), "a", 20);
        let now = UnixTime::from_seconds(0);
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..10).filter(|_| budget.take(now).is_ok()).count()))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(taken, 20);
    }
}
