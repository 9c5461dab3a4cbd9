//! Rate limits: one bucket per name, filled at so many tokens a second up to twice as many.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

/// Buckets kept; full ones are forgotten first.
const MOST: usize = 50_000;

#[derive(Debug)]
pub(super) struct Buckets<K> {
    per_second: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl<K: Eq + Hash> Buckets<K> {
    /// `per_second` 0: without limit.
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second), buckets: Mutex::default() }
    }

    /// Takes a token; false when there is none.
    pub(super) fn take(&self, name: K, now: Instant) -> bool {
        self.change(name, now, 1.0)
    }

    /// Whether there would be a token, without taking it.
    pub(super) fn has(&self, name: K, now: Instant) -> bool {
        self.change(name, now, 0.0)
    }

    fn change(&self, name: K, now: Instant, taken: f64) -> bool {
        if self.per_second == 0.0 {
            return true;
        }
        let full = self.per_second * 2.0;
        let mut buckets = self.buckets.lock();
        if buckets.len() >= MOST {
            let rate = self.per_second;
            buckets.retain(|_, b| b.tokens + now.saturating_duration_since(b.at).as_secs_f64() * rate < full);
            if buckets.len() >= MOST {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(name).or_insert(Bucket { tokens: full, at: now });
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + since * self.per_second).min(full);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= taken;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_then_the_rate() {
        let buckets = Buckets::new(10);
        let start = Instant::now();
        let passed = (0..100).filter(|_| buckets.take("a", start)).count();
        assert_eq!(passed, 20);
        assert!(buckets.take("b", start), "others are not touched");
        assert!(buckets.take("a", start + Duration::from_millis(150)));
        assert!(!buckets.take("a", start + Duration::from_millis(150)));
    }

    #[test]
    fn zero_is_without_limit() {
        let buckets = Buckets::new(0);
        assert!((0..1_000).all(|_| buckets.take((), Instant::now())));
    }
}
