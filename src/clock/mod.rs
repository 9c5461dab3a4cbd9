//! The system's clock, watched.

mod reference;
mod sntp;

pub use reference::{ReferenceSettings, ReferencedClock};

use hufu_api::{Clock, ClockError, UnixTime};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// How far a reading may lie behind the latest one before it counts as going back: NTP slews, it does not step.
const JITTER_MILLIS: i64 = 50;

/// The readings that [`SystemClock`] compares.
pub trait Readings: Send + Sync {
    /// Wall clock, in milliseconds since 1970.
    fn wall(&self) -> i64;
    /// Monotonic clock, in milliseconds since any fixed moment.
    fn monotonic(&self) -> i64;
}

/// The kernel's clocks.
#[derive(Debug)]
pub struct Kernel(Instant);

impl Readings for Kernel {
    fn wall(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |n| -n),
        }
    }

    fn monotonic(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// The wall clock, cross-checked with the monotonic clock and with the latest time known from before.
///
/// Three things stop it: a reading before the high-water mark (the latest audit record, say), a reading before one
/// already told, and a difference between wall and monotonic clock that has changed by more than the tolerance since the
/// start. The last heals when the clock is set right; the others heal when time has passed the mark again.
#[derive(Debug)]
pub struct SystemClock<R = Kernel> {
    readings: R,
    /// wall − monotonic at the start.
    offset: i64,
    tolerance: i64,
    latest: AtomicI64,
}

impl SystemClock<Kernel> {
    /// A clock that tolerates jumps of up to `tolerance_millis` and never tells a time before `high_water`.
    pub fn new(tolerance_millis: i64, high_water: Option<UnixTime>) -> Self {
        Self::with_readings(Kernel(Instant::now()), tolerance_millis, high_water)
    }
}

impl<R: Readings> SystemClock<R> {
    /// Over other readings.
    pub fn with_readings(readings: R, tolerance_millis: i64, high_water: Option<UnixTime>) -> Self {
        let offset = readings.wall().saturating_sub(readings.monotonic());
        let latest = AtomicI64::new(high_water.map_or(i64::MIN, UnixTime::millis));
        Self { readings, offset, tolerance: tolerance_millis.max(0), latest }
    }
}

impl<R: Readings> Clock for SystemClock<R> {
    fn now(&self) -> Result<UnixTime, ClockError> {
        let wall = self.readings.wall();
        let by_millis = wall.saturating_sub(self.readings.monotonic()).saturating_sub(self.offset);
        if by_millis.saturating_abs() > self.tolerance {
            return Err(ClockError::Jumped { by_millis });
        }
        let latest = self.latest.fetch_max(wall, Ordering::Relaxed);
        if latest.saturating_sub(wall) > JITTER_MILLIS {
            return Err(ClockError::WentBack { by_millis: latest.saturating_sub(wall) });
        }
        Ok(UnixTime::from_millis(wall.max(latest)))
    }

    fn now_untrusted(&self) -> UnixTime {
        UnixTime::from_millis(self.readings.wall())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Default)]
    struct Hands(AtomicI64, AtomicI64);

    impl Hands {
        fn set(&self, wall: i64, monotonic: i64) {
            self.0.store(wall, Ordering::Relaxed);
            self.1.store(monotonic, Ordering::Relaxed);
        }
    }

    impl Readings for &Hands {
        fn wall(&self) -> i64 {
            self.0.load(Ordering::Relaxed)
        }

        fn monotonic(&self) -> i64 {
            self.1.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn tells_the_wall_clock_while_both_clocks_agree() {
        let hands = Hands::default();
        hands.set(1_000_000, 10);
        let clock = SystemClock::with_readings(&hands, 2_000, None);
        assert_eq!(clock.now(), Ok(UnixTime::from_millis(1_000_000)));
        hands.set(1_061_500, 60_010);
        assert_eq!(clock.now(), Ok(UnixTime::from_millis(1_061_500)), "drift within the tolerance");
    }

    #[test]
    fn a_jump_either_way_stops_it_until_it_is_set_right() {
        let hands = Hands::default();
        hands.set(1_000_000, 0);
        let clock = SystemClock::with_readings(&hands, 2_000, None);
        hands.set(1_005_000, 1_000);
        assert_eq!(clock.now(), Err(ClockError::Jumped { by_millis: 4_000 }));
        hands.set(998_000, 2_000);
        assert_eq!(clock.now(), Err(ClockError::Jumped { by_millis: -4_000 }));
        assert_eq!(clock.now_untrusted(), UnixTime::from_millis(998_000));
        hands.set(1_003_000, 3_000);
        assert_eq!(clock.now(), Ok(UnixTime::from_millis(1_003_000)));
    }

    #[test]
    fn never_tells_an_earlier_time_than_before() {
        let hands = Hands::default();
        hands.set(1_000_000, 0);
        let clock = SystemClock::with_readings(&hands, 2_000, None);
        clock.now().unwrap();
        hands.set(999_960, 1);
        assert_eq!(clock.now(), Ok(UnixTime::from_millis(1_000_000)), "jitter is smoothed");
        hands.set(999_000, 2);
        assert_eq!(clock.now(), Err(ClockError::WentBack { by_millis: 1_000 }));
    }

    #[test]
    fn a_start_before_the_last_record_is_noticed() {
        let hands = Hands::default();
        hands.set(1_000_000, 0);
        let clock = SystemClock::with_readings(&hands, 2_000, Some(UnixTime::from_millis(1_500_000)));
        assert_eq!(clock.now(), Err(ClockError::WentBack { by_millis: 500_000 }));
        hands.set(1_500_001, 500_001);
        assert_eq!(clock.now(), Ok(UnixTime::from_millis(1_500_001)));
    }
}
