//! Time, from one place.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted (POSIX).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(i64);

impl UnixTime {
    /// A point in time from milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// A point in time from whole seconds since the epoch; saturates at the ends of the range.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time moved by `millis`, saturating.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// Why no time can be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    /// The clock stands before a time that this process has already told.
    #[error("the clock went back by {by_millis} ms; correct it and restart")]
    WentBack {
        /// How far.
        by_millis: i64,
    },
    /// Wall clock and monotonic clock moved apart by more than the configured tolerance.
    #[error("the clock jumped by {by_millis} ms; check time synchronisation")]
    Jumped {
        /// How far; positive is forward.
        by_millis: i64,
    },
    /// The system's time synchronisation is configured to be watched and reports itself unsynchronised.
    #[error("the clock is not synchronised: {0}")]
    Unsynchronised(String),
}

/// The one source of time. Everything that dates a certificate, a time stamp, a token or a record asks here.
pub trait Clock: Send + Sync {
    /// The time now.
    ///
    /// # Errors
    /// When the clock cannot be trusted; issuing certificates and time stamps stops then.
    fn now(&self) -> Result<UnixTime, ClockError>;

    /// The time now for records that must be written even when the clock cannot be trusted.
    fn now_untrusted(&self) -> UnixTime;
}
