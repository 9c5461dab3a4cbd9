//! How a remote party has behaved lately: back-off after failures and a bound on calls at once.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    retry_at: Option<Instant>,
    last_error: Option<String>,
    calls: usize,
}

/// The standing of one remote party, shared by all threads that call it.
#[derive(Debug)]
pub struct Standing {
    state: Mutex<State>,
    limit: usize,
}

/// What `/health` shows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingReport {
    /// Failures since the last success.
    pub failures: u32,
    /// The last failure's text, until the next success.
    pub last_error: Option<String>,
    /// Time until it is asked again, if it is in a pause.
    pub pause: Option<Duration>,
    /// Calls under way.
    pub calls: usize,
}

/// A place among the calls that may be under way at once; given back when dropped.
#[derive(Debug)]
pub struct Place<'a>(&'a Standing);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.calls = state.calls.saturating_sub(1);
    }
}

impl Standing {
    /// A fresh standing that admits `limit` calls at once.
    pub fn new(limit: usize) -> Self {
        Self { state: Mutex::default(), limit: limit.max(1) }
    }

    /// A place for one call, or the reason why there is none now: a pause after failures, or too many calls under way.
    ///
    /// # Errors
    /// The reason, for the operator and the client.
    pub fn enter(&self) -> Result<Place<'_>, String> {
        let mut state = self.state.lock();
        if let Some(pause) = state.retry_at.and_then(|at| at.checked_duration_since(Instant::now())) {
            let why = state.last_error.as_deref().unwrap_or("failed");
            return Err(format!("{why}; asked again in {} s", pause.as_secs().saturating_add(1)));
        }
        if state.calls >= self.limit {
            return Err(format!("busy with {} calls", state.calls));
        }
        state.calls += 1;
        Ok(Place(self))
    }

    /// It answered as it should.
    pub fn succeeded(&self) {
        let mut state = self.state.lock();
        state.failures = 0;
        state.retry_at = None;
        state.last_error = None;
    }

    /// It did not: pause 1 s after the first failure, doubling up to 5 minutes.
    pub fn failed(&self, error: &str) {
        let mut state = self.state.lock();
        let pause = FIRST_PAUSE.saturating_mul(1 << state.failures.min(12)).min(LONGEST_PAUSE);
        state.failures = state.failures.saturating_add(1);
        state.retry_at = Instant::now().checked_add(pause);
        state.last_error = Some(error.to_owned());
    }

    /// What `/health` shows.
    pub fn report(&self) -> StandingReport {
        let state = self.state.lock();
        StandingReport {
            failures: state.failures,
            last_error: state.last_error.clone(),
            pause: state.retry_at.and_then(|at| at.checked_duration_since(Instant::now())),
            calls: state.calls,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_failure_begins_a_pause_and_a_success_ends_it() {
        let standing = Standing::new(2);
        assert!(standing.enter().is_ok());
        standing.failed("connection refused");
        let refused = standing.enter().unwrap_err();
        assert!(refused.contains("connection refused"), "{refused}");
        assert_eq!(standing.report().failures, 1);
        standing.succeeded();
        assert!(standing.enter().is_ok());
        assert_eq!(standing.report().last_error, None);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let standing = Standing::new(1);
        let mut before = Duration::ZERO;
        for _ in 0..20 {
            standing.failed("down");
            let pause = standing.report().pause.unwrap();
            assert!(pause + Duration::from_millis(500) >= before && pause <= LONGEST_PAUSE);
            before = pause;
        }
        assert!(before > LONGEST_PAUSE / 2);
    }

    #[test]
    fn no_more_calls_at_once_than_the_limit() {
        let standing = Standing::new(2);
        let first = standing.enter().unwrap();
        let second = standing.enter().unwrap();
        assert!(standing.enter().unwrap_err().contains("busy"));
        drop(first);
        assert!(standing.enter().is_ok());
        drop(second);
    }
}
