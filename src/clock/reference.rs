//! A clock that is also compared with the site's time servers (SNTP: RFC 5905 section 14), where some are configured.
//!
//! The kernel's clocks show a jump, but not that the clock was wrong from the start, drifts, or has lost its synchronisation.
//! Answers are not authenticated: a forged one can stop issuing, never move our clock.

use super::sntp::{self, Reading};
use hufu_api::{Clock, ClockError, UnixTime};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long one server may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// Rounds without an answer after which synchronisation counts as lost.
const ROUNDS: u32 = 4;

/// Which servers, how often, how far off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceSettings {
    /// Asked in order; the first that is synchronised itself decides.
    pub servers: Vec<SocketAddr>,
    /// Between two rounds.
    pub every: Duration,
    /// How far our clock may stand from theirs, in milliseconds, beside half the way there and back.
    pub tolerance_millis: i64,
}

/// What the last round said.
#[derive(Clone, Debug)]
struct Seen {
    /// When a server last answered, and what.
    answer: Option<(Instant, SocketAddr, Reading)>,
    /// Why the last round had no answer.
    trouble: Option<String>,
}

/// The system's clock as far as the time servers agree with it. Stops asking when dropped.
pub struct ReferencedClock {
    clock: Arc<dyn Clock>,
    settings: ReferenceSettings,
    seen: Arc<Mutex<Seen>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ReferencedClock {
    /// Begins to ask. Until the first answer no time is told.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start(clock: Arc<dyn Clock>, settings: ReferenceSettings) -> std::io::Result<Self> {
        let seen = Arc::new(Mutex::new(Seen { answer: None, trouble: None }));
        let (stop, stopped) = channel();
        let (told, asked, wall) = (Arc::clone(&seen), settings.clone(), Arc::clone(&clock));
        let thread = std::thread::Builder::new().name("time-servers".into()).spawn(move || {
            loop {
                round(&asked.servers, wall.as_ref(), &told);
                match stopped.recv_timeout(asked.every) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Self { clock, settings, seen, stop: Some(stop), thread: Some(thread) })
    }

    fn agreed(&self) -> Result<(), String> {
        let Seen { answer, trouble } = self.seen.lock().clone();
        let why = || trouble.map_or_else(String::new, |trouble| format!(": {trouble}"));
        let Some((at, server, reading)) = answer else {
            return Err(format!("no time server has answered yet{}", why()));
        };
        let silence = at.elapsed();
        if silence > self.settings.every.saturating_mul(ROUNDS).saturating_add(PATIENCE) {
            return Err(format!("no time server has answered for {} s{}", silence.as_secs(), why()));
        }
        let Reading { ahead_millis, within_millis } = reading;
        if ahead_millis.saturating_abs() > self.settings.tolerance_millis.saturating_add(within_millis) {
            return Err(format!("{server} is {ahead_millis} ms ahead of it"));
        }
        Ok(())
    }
}

fn round(servers: &[SocketAddr], clock: &dyn Clock, seen: &Mutex<Seen>) {
    let mut reasons = Vec::new();
    for server in servers {
        match sntp::ask(*server, PATIENCE, &|| clock.now_untrusted().millis()) {
            Ok(reading) => {
                *seen.lock() = Seen { answer: Some((Instant::now(), *server, reading)), trouble: None };
                return;
            }
            Err(error) => reasons.push(format!("{server}: {error}")),
        }
    }
    seen.lock().trouble = Some(reasons.join("; "));
}

impl Drop for ReferencedClock {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Clock for ReferencedClock {
    fn now(&self) -> Result<UnixTime, ClockError> {
        let now = self.clock.now()?;
        self.agreed().map_err(ClockError::Unsynchronised)?;
        Ok(now)
    }

    fn now_untrusted(&self) -> UnixTime {
        self.clock.now_untrusted()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::SystemClock;
    use super::super::sntp::testing::Server;
    use super::*;

    fn over(servers: &[SocketAddr]) -> ReferencedClock {
        let clock = Arc::new(SystemClock::new(400, None));
        let every = Duration::from_millis(20);
        ReferencedClock::start(
            clock,
            ReferenceSettings { servers: servers.into(), every, tolerance_millis: 400 },
        )
        .unwrap()
    }

    fn eventually(clock: &ReferencedClock, wanted: impl Fn(&Result<UnixTime, ClockError>) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let now = clock.now();
            if wanted(&now) {
                return;
            }
            assert!(Instant::now() < end, "{now:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn says(text: &'static str) -> impl Fn(&Result<UnixTime, ClockError>) -> bool {
        move |now| matches!(now, Err(ClockError::Unsynchronised(why)) if why.contains(text))
    }

    #[test]
    fn time_is_told_while_a_server_agrees() {
        let server = Server::start();
        let clock = over(&[server.address()]);
        eventually(&clock, Result::is_ok);
        server.set_ahead(5_000);
        eventually(&clock, says("5"));
        server.set_ahead(-3_600_000);
        eventually(&clock, says("-3"));
        server.set_ahead(0);
        eventually(&clock, Result::is_ok);
        server.set_synchronised(false);
        eventually(&clock, says("no time server has answered for"));
        server.set_synchronised(true);
        eventually(&clock, Result::is_ok);
    }

    #[test]
    fn the_next_server_is_asked_when_one_is_of_no_use() {
        let (lost, good) = (Server::start(), Server::start());
        lost.set_synchronised(false);
        eventually(&over(&[lost.address(), good.address()]), Result::is_ok);
        eventually(&over(&[lost.address()]), says("not synchronised"));
    }
}
