//! How fast what dies is started again.

use std::time::{Duration, Instant};

/// A life shorter than this, counted from when it was ready, is a failure.
const SHORT_LIFE: Duration = Duration::from_secs(1);
/// The first pause; doubles with every further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause: short enough that a token that comes back serves again within two seconds.
const LONGEST_PAUSE: Duration = Duration::from_millis(1500);

/// Restart pacing of one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    failures: u32,
    not_before: Option<Instant>,
    held_until: Option<Instant>,
}

impl Pace {
    /// Notes the end of a life. `ready` is when it came up, if it did.
    pub(super) fn ended(&mut self, ready: Option<Instant>, now: Instant) {
        let good = ready.is_some_and(|since| now.saturating_duration_since(since) >= SHORT_LIFE);
        if good {
            self.failures = 0;
            self.not_before = None;
            return;
        }
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(10));
        self.not_before = (self.failures > 0).then(|| now + doubled.min(LONGEST_PAUSE));
        self.failures = self.failures.saturating_add(1);
    }

    /// Not before `pause` is over, whatever lives end meanwhile.
    pub(super) fn hold(&mut self, now: Instant, pause: Duration) {
        self.held_until = self.held_until.max(now.checked_add(pause));
    }

    /// When it may be started; `None` is now.
    pub(super) fn wait(&self, now: Instant) -> Option<Instant> {
        self.not_before.max(self.held_until).filter(|at| *at > now)
    }

    /// Lives in a row that failed.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_life_is_followed_at_once_by_the_next() {
        let mut pace = Pace::default();
        let start = Instant::now();
        for i in 1..100 {
            let now = start + SHORT_LIFE * i;
            pace.ended(Some(now - SHORT_LIFE), now);
            assert_eq!(pace.wait(now), None);
        }
    }

    #[test]
    fn failures_in_a_row_slow_down_but_never_beyond_the_longest_pause() {
        let mut pace = Pace::default();
        let now = Instant::now();
        pace.ended(None, now);
        assert_eq!(pace.wait(now), None);
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            pace.ended(None, now);
            let pause = pace.wait(now).map_or(Duration::ZERO, |at| at - now);
            assert!(pause >= last && pause <= LONGEST_PAUSE);
            last = pause;
        }
        assert_eq!(last, LONGEST_PAUSE);
        assert_eq!(pace.wait(now + LONGEST_PAUSE), None);
    }

    #[test]
    fn a_hold_outlasts_a_shorter_pause() {
        let mut pace = Pace::default();
        let now = Instant::now();
        pace.hold(now, Duration::from_secs(300));
        pace.ended(None, now);
        pace.ended(Some(now), now + Duration::from_secs(2));
        assert!(pace.wait(now + Duration::from_secs(299)).is_some());
        assert!(pace.wait(now + Duration::from_secs(300)).is_none());
    }
}
