//! Slows the guessing of appKeys. Each app and address has a queue: after five wrong keys every further login waits its
//! turn before it is looked at. The rightful client, from its own address, waits for nobody; from the attacker's
//! address it waits its turn and gets in.

use crate::ops::Origin;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Wrong keys without consequence.
const FREE: u32 = 5;
/// The longest pause between two looks.
const SLOWEST: Duration = Duration::from_secs(2);
/// Nobody is asked to wait longer than that; more is 429.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A queue without failures for so long is forgotten.
const MEMORY: Duration = Duration::from_secs(900);
/// Queues kept.
const MOST: usize = 20_000;

#[derive(Debug, Default)]
pub(in crate::ops) struct Throttle {
    queues: Mutex<HashMap<(String, Origin), Queue>>,
}

#[derive(Debug)]
struct Queue {
    failures: u32,
    /// When the next login may be looked at.
    next: Instant,
    last: Instant,
}

impl Throttle {
    /// How long a login has to wait; `None`: too many wait.
    pub(in crate::ops) fn admit(&self, app: &str, from: Origin, now: Instant) -> Option<Duration> {
        let mut queues = self.queues.lock();
        let Some(queue) = queues.get_mut(&(clipped(app), from)) else { return Some(Duration::ZERO) };
        if now.saturating_duration_since(queue.last) > MEMORY {
            queue.failures = 0;
        }
        let Some(beyond) = queue.failures.checked_sub(FREE) else { return Some(Duration::ZERO) };
        let pause = Duration::from_millis(250 << beyond.min(3)).min(SLOWEST);
        let wait = queue.next.saturating_duration_since(now);
        if wait > LONGEST_WAIT {
            return None;
        }
        queue.next = queue.next.max(now) + pause;
        Some(wait)
    }

    pub(in crate::ops) fn failed(&self, app: &str, from: Origin, now: Instant) {
        let mut queues = self.queues.lock();
        if queues.len() >= MOST {
            queues.retain(|_, q| now.saturating_duration_since(q.last) < Duration::from_secs(60));
            if queues.len() >= MOST {
                queues.clear();
            }
        }
        let queue = queues.entry((clipped(app), from)).or_insert(Queue { failures: 0, next: now, last: now });
        queue.failures = queue.failures.saturating_add(1);
        queue.last = now;
    }

    pub(in crate::ops) fn succeeded(&self, app: &str, from: Origin) {
        self.queues.lock().remove(&(clipped(app), from));
    }
}

/// What a stranger writes as appId must not fill the memory.
fn clipped(app: &str) -> String {
    app.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BAD: Origin = Origin::Address(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)));
    const GOOD: Origin = Origin::Address(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)));

    #[test]
    fn guessing_gets_slow_and_the_rightful_client_is_not_locked_out() {
        let throttle = Throttle::default();
        let mut now = Instant::now();
        let mut waited = Duration::ZERO;
        for _ in 0..30 {
            let wait = throttle.admit("app", BAD, now).unwrap();
            now += wait;
            waited += wait;
            throttle.failed("app", BAD, now);
        }
        assert!(waited > Duration::from_secs(30), "{waited:?}");
        assert_eq!(throttle.admit("app", GOOD, now), Some(Duration::ZERO));
        assert!(throttle.admit("app", BAD, now).unwrap() <= Duration::from_secs(2));
        throttle.succeeded("app", BAD);
        assert_eq!(throttle.admit("app", BAD, now), Some(Duration::ZERO));
    }

    #[test]
    fn a_crowd_at_one_queue_is_sent_away() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..20 {
            throttle.failed("app", BAD, now);
        }
        let admitted = (0..100).filter(|_| throttle.admit("app", BAD, now).is_some()).count();
        assert!(admitted < 10, "{admitted}");
    }
}
