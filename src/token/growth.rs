//! How many of a worker's sessions take calls: as many as help. An HSM behind a network does the more the more sessions ask it at
//! once; a module that computes under one lock, or on a busy machine, does less. Nobody needs to know which it is: under load the
//! number is doubled, and taken back if the worker does not answer more calls for it.

use parking_lot::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// Calls that a comparison is made over, at least.
const CALLS: u32 = 64;
/// And how long, at least.
const SPAN: Duration = Duration::from_millis(200);
/// Doubling must bring at least this to be kept.
const GAIN: f64 = 1.15;
/// A call that takes longer does not count as one that keeps a session busy: another takes its place.
const STUCK: Duration = Duration::from_secs(3);
/// How often those that are not to take calls look whether one is stuck.
const LOOK: Duration = Duration::from_secs(1);
/// After it did not help, it is tried again this much later: the load may be another.
const REST: Duration = Duration::from_secs(60);

/// The sessions' turns.
#[derive(Debug)]
pub(super) struct Growth {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Debug)]
struct State {
    /// Nobody's turn comes any more.
    closed: bool,
    /// Sessions that take calls, the first ones.
    active: usize,
    all: usize,
    begun: Instant,
    calls: u32,
    /// How many of them found others waiting.
    crowded: u32,
    /// What fewer sessions did, while more are on trial: their number and calls a second.
    fewer: Option<(usize, f64)>,
    rests_until: Instant,
    /// When each session began the call that it is in.
    calling: Vec<Option<Instant>>,
}

impl Growth {
    /// `start` of `all` sessions take calls at first.
    pub(super) fn new(start: usize, all: usize, now: Instant) -> Self {
        let active = start.clamp(1, all.max(1));
        let (calls, crowded, fewer) = (0, 0, None);
        let calling = vec![None; all];
        let state = State {
            closed: false,
            active,
            all,
            begun: now,
            calls,
            crowded,
            fewer,
            rests_until: now,
            calling,
        };
        Self { state: Mutex::new(state), more: Condvar::new() }
    }

    /// Waits until the session of that number, counted from 0, is to take calls. `false` once none is to.
    pub(super) fn wait_for_turn(&self, number: usize) -> bool {
        let mut state = self.state.lock();
        while !state.closed && number >= state.active + state.stuck(Instant::now()) {
            self.more.wait_for(&mut state, LOOK);
        }
        !state.closed
    }

    /// Lets no session take another call.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.more.notify_all();
    }

    /// Notes that the session of that number begins a call.
    pub(super) fn begins(&self, number: usize, now: Instant) {
        if let Some(calling) = self.state.lock().calling.get_mut(number) {
            *calling = Some(now);
        }
    }

    /// Notes that the session of that number has answered, and whether others are waiting behind it.
    pub(super) fn answered(&self, number: usize, now: Instant, others_wait: bool) {
        let mut state = self.state.lock();
        if let Some(calling) = state.calling.get_mut(number) {
            *calling = None;
        }
        state.calls += 1;
        state.crowded += u32::from(others_wait);
        let span = now.saturating_duration_since(state.begun);
        if state.calls < CALLS || span < SPAN {
            return;
        }
        let (before, rate) = (state.active, f64::from(state.calls) / span.as_secs_f64());
        state.judge(rate, now);
        (state.begun, state.calls, state.crowded) = (now, 0, 0);
        if state.active != before {
            tracing::info!(sessions = state.active, "sessions that take calls");
            self.more.notify_all();
        }
    }
}

impl State {
    fn stuck(&self, now: Instant) -> usize {
        let long = |since: &Instant| now.saturating_duration_since(*since) > STUCK;
        self.calling.iter().flatten().filter(|since| long(since)).count()
    }

    fn judge(&mut self, rate: f64, now: Instant) {
        // Without a queue the rate is the clients', and says nothing about the token.
        let crowded = self.crowded * 4 > self.calls * 3;
        match self.fewer.take() {
            Some((fewer, then)) if crowded && rate < then * GAIN => {
                self.active = fewer;
                self.rests_until = now + REST;
            }
            _ if crowded && self.active < self.all && now >= self.rests_until => {
                self.fewer = Some((self.active, rate));
                self.active = (self.active * 2).min(self.all);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets a token answer calls that come as fast as it takes them; gives how many sessions take calls in the end.
    fn after(growth: &Growth, now: &mut Instant, seconds: u64, rate: impl Fn(usize) -> f64) -> usize {
        let end = *now + Duration::from_secs(seconds);
        while *now < end {
            let active = growth.state.lock().active;
            *now += Duration::from_secs_f64(1.0 / rate(active));
            growth.answered(0, *now, true);
        }
        growth.state.lock().active
    }

    #[test]
    fn all_sessions_take_calls_before_a_network_hsm() {
        let mut now = Instant::now();
        let growth = Growth::new(2, 50, now);
        #[allow(clippy::cast_precision_loss)]
        let network = |sessions: usize| 100.0 * sessions as f64;
        assert_eq!(after(&growth, &mut now, 10, network), 50);
    }

    #[test]
    fn a_module_with_one_lock_keeps_the_few() {
        let mut now = Instant::now();
        let growth = Growth::new(2, 50, now);
        assert_eq!(after(&growth, &mut now, 30, |_| 5000.0), 2);
        // And it is asked again only now and then.
        let tries = (0..100).filter(|_| after(&growth, &mut now, 1, |_| 5000.0) != 2).count();
        assert!(tries <= 3, "{tries}");
    }

    #[test]
    fn a_limit_of_the_token_is_found() {
        let mut now = Instant::now();
        let growth = Growth::new(2, 64, now);
        #[allow(clippy::cast_precision_loss)]
        let limited = |sessions: usize| 100.0 * sessions.min(16) as f64;
        assert_eq!(after(&growth, &mut now, 20, limited), 16);
    }

    #[test]
    fn a_session_that_is_stuck_has_another_in_its_place() {
        let now = Instant::now();
        let growth = Growth::new(1, 2, now);
        growth.begins(0, now);
        assert_eq!(growth.state.lock().stuck(now + STUCK), 0);
        assert_eq!(growth.state.lock().stuck(now + STUCK * 2), 1);
        growth.answered(0, now + STUCK * 2, false);
        assert_eq!(growth.state.lock().stuck(now + STUCK * 2), 0);
    }

    #[test]
    fn a_few_calls_at_a_time_change_nothing() {
        let mut now = Instant::now();
        let growth = Growth::new(2, 64, now);
        for _ in 0..10_000 {
            now += Duration::from_millis(5);
            growth.answered(0, now, false);
        }
        assert_eq!(growth.state.lock().active, 2);
    }
}
