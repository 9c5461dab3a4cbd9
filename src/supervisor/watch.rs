//! The supervisor's loop.

use super::plan::{Plan, Role, Up};
use super::process::LifeId;
use super::settings::Settings;
use crate::ipc::control::FromChild;
use flume::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// How often pauses and patience are looked at when nothing happens.
const TICK: Duration = Duration::from_millis(250);
/// A network process or audit writer that cannot come up at first is a fault of configuration: tell, do not try for ever.
const FIRST_TRIES: u32 = 3;

/// What happens to a supervisor.
#[derive(Debug)]
pub(super) enum Event {
    /// A child said something.
    Said(LifeId, FromChild),
    /// A child ended, and how.
    Ended(LifeId, String),
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

/// Why `serve` ended other than by being asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SupervisorError {
    /// The operating system refused something that everything needs.
    #[error("supervisor: {0}")]
    System(#[from] std::io::Error),
    /// A process without which there is no service did not come up.
    #[error("the {0} did not come up: {1}")]
    NotUp(&'static str, String),
}

/// Starts everything, calls `up` once when all of it serves, keeps it running, and returns after SIGTERM or SIGINT when
/// everything begun has been finished. `reload` is called on SIGHUP for new settings; an error keeps the old ones.
///
/// # Errors
/// See [`SupervisorError`]. All children have ended then.
pub fn run(
    settings: Settings,
    up: impl FnOnce(&Up),
    reload: impl FnMut() -> Result<Settings, String>,
) -> Result<(), SupervisorError> {
    let (events, queue) = flume::unbounded();
    listen_for_signals(events.clone())?;
    run_with(settings, up, reload, events, &queue)
}

pub(super) fn run_with(
    settings: Settings,
    up: impl FnOnce(&Up),
    mut reload: impl FnMut() -> Result<Settings, String>,
    events: Sender<Event>,
    queue: &Receiver<Event>,
) -> Result<(), SupervisorError> {
    let grace = settings.grace;
    let mut plan = Plan::new(settings, events).map_err(|why| SupervisorError::NotUp("listener", why))?;
    let mut up = Some(up);
    loop {
        let now = Instant::now();
        let next = plan.advance(now);
        if let Some(state) = plan.up()
            && let Some(up) = up.take()
        {
            up(&state);
        }
        let wait = next.map_or(TICK, |at| at.saturating_duration_since(now).min(TICK));
        match queue.recv_timeout(wait) {
            Ok(Event::Said(life, message)) => plan.heard(life, message, Instant::now()),
            Ok(Event::Ended(life, how)) => {
                let Some((role, trouble, failures)) = plan.ended(life, &how, Instant::now()) else {
                    continue;
                };
                // Once it has served, it is brought back however often it falls.
                if up.is_some() && failures >= FIRST_TRIES && !matches!(role, Role::Worker(_)) {
                    stop(&mut plan, queue, grace);
                    let who = if role == Role::Audit { "audit writer" } else { "network process" };
                    return Err(SupervisorError::NotUp(who, trouble.unwrap_or(how)));
                }
            }
            Ok(Event::Reload) => match reload() {
                Ok(new) => plan.reconfigure(new),
                Err(why) => plan.refused(&why),
            },
            Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => {
                tracing::info!("stopping");
                stop(&mut plan, queue, grace);
                return Ok(());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Stops group after group. A second signal, or the end of the time given, kills what is left.
fn stop(plan: &mut Plan, queue: &Receiver<Event>, grace: Duration) {
    let end = Instant::now() + grace;
    let mut killed = false;
    while plan.stop_next(end.saturating_duration_since(Instant::now())) {
        let left = end.saturating_duration_since(Instant::now());
        let wait = if killed { TICK } else { left.min(TICK).max(Duration::from_millis(1)) };
        match queue.recv_timeout(wait) {
            Ok(Event::Ended(life, how)) => {
                plan.ended(life, &how, Instant::now());
            }
            // Who waits for a worker that hangs does not end before it.
            Ok(Event::Said(life, message @ FromChild::Hung(_))) => plan.heard(life, message, Instant::now()),
            Ok(Event::Stop) => killed = true,
            Ok(Event::Said(..) | Event::Reload) | Err(_) => {}
        }
        killed |= Instant::now() >= end;
        if killed {
            plan.kill_all();
        }
    }
}

/// Signals come as events, from a thread with a small runtime of its own.
fn listen_for_signals(events: Sender<Event>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    // Registered before anything is started, so that an early signal is not lost.
    let (mut term, mut int, mut hup) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?)
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            loop {
                let event = tokio::select! {
                    _ = term.recv() => Event::Stop,
                    _ = int.recv() => Event::Stop,
                    _ = hup.recv() => Event::Reload,
                };
                if events.send(event).is_err() {
                    return;
                }
            }
        });
    })?;
    Ok(())
}
