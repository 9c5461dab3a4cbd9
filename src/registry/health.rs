//! The state of each part, for `/health`.

use super::expiry::{self, Standing};
use crate::audit::AuditReader;
use crate::channels::{Authorities, TimeSources};
use crate::conf::Site;
use crate::files::fonts::ChainReport;
use crate::http::{Health, Part, State};
use crate::keys::Purpose;
use crate::ledger;
use crate::ops::{Appliance, RENEWAL_SECONDS, RenewalReport, Renewals};
use crate::store::SledStore;
use crate::supervisor::sandbox;
use crate::token;
use hufu_api::{Clock, Cx, Key, RequestId, Space, Store, UnixTime};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Free space below which the disk is a warning, and below which it is down.
const DISK_WARNING: u64 = 2 << 30;
const DISK_DOWN: u64 = 64 << 20;

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// Everything that `/health` looks at.
pub(super) struct Overview {
    pub(super) site: Site,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) state: Arc<SledStore>,
    pub(super) log: Arc<ledger::client::Client>,
    pub(super) tokens: Arc<token::Client>,
    pub(super) authorities: Arc<Authorities>,
    pub(super) timestamps: Arc<TimeSources>,
    pub(super) sms: Result<String, String>,
    pub(super) fonts: Vec<ChainReport>,
    pub(super) appliance: Arc<Appliance>,
    /// SHA-256 of changed channel files that admins have not accepted yet.
    pub(super) pending_channels: Option<String>,
}

impl Health for Overview {
    fn parts(&self) -> Vec<Part> {
        let mut parts = vec![self.audit(), self.checkpoints(), self.state(), self.time(), self.disk()];
        parts.extend(self.workers());
        parts.extend(self.channels());
        parts.extend(self.fonts());
        parts.extend(self.pending());
        let now = self.clock.now_untrusted();
        parts.push(expiring("tls", expiry::tls(&self.site, now)));
        parts.push(expiring("certificates", expiry::pki(&self.site, now)));
        parts.push(renewals(&self.appliance.renewals(), now));
        parts.push(sandbox());
        parts.push(memory());
        parts
    }
}

fn part(name: impl Into<String>, vital: bool, state: State, detail: Option<String>) -> Part {
    Part { name: name.into(), state, detail, vital }
}

fn of<T>(name: &str, vital: bool, result: Result<T, String>, say: impl FnOnce(T) -> Option<String>) -> Part {
    match result {
        Ok(value) => part(name, vital, State::Up, say(value)),
        Err(reason) => part(name, vital, State::Down, Some(reason)),
    }
}

/// Whether the clock may be believed; while not, neither certificates nor time stamps are issued.
fn time(clock: &dyn Clock) -> Part {
    of("clock", false, clock.now().map_err(|e| e.to_string()), |_| None)
}

/// What the kernel really denies this process, as tried at its start.
fn sandbox() -> Part {
    let Some(active) = sandbox::active() else {
        return part("sandbox", false, State::Down, Some("not confined".into()));
    };
    let whole = active.files_denied && active.calls_denied && active.unprivileged;
    let state = if whole { State::Up } else { State::Warning };
    let said = |denied| if denied { "restricted" } else { "not restricted by this kernel" };
    let detail = format!(
        "files {} (Landlock: {}), system calls {} (seccomp), {} capabilities, no core dumps",
        said(active.files_denied),
        active.files,
        said(active.calls_denied),
        if active.unprivileged { "no" } else { "still has" }
    );
    part("sandbox", false, state, Some(detail))
}

/// What ends soon or has ended.
fn expiring(name: &str, all: Vec<(String, Standing)>) -> Part {
    let mut state = State::Up;
    let mut said = Vec::new();
    let mut nearest: Option<(i64, &str)> = None;
    for (what, standing) in &all {
        let (worse, text) = match standing {
            Standing::Good(days) => {
                nearest = Some(nearest.map_or((*days, what), |old| old.min((*days, what))));
                continue;
            }
            Standing::Soon(days) => (State::Warning, format!("{what} ends in {days} days")),
            Standing::Ended(days) => (State::Down, format!("{what} ended {days} days ago")),
            Standing::Unreadable(why) => (State::Warning, format!("{what}: {why}")),
        };
        state = state.max(worse);
        said.push(text);
    }
    if let (true, Some((days, what))) = (said.is_empty(), nearest) {
        said.push(format!("{days} days until {what} ends"));
    }
    part(name, false, state, (!said.is_empty()).then(|| said.join("; ")))
}

/// How far the renewal of signers' certificates is: the last round, and when the next comes.
fn renewals(last: &RenewalReport, now: UnixTime) -> Part {
    let every = i64::try_from(RENEWAL_SECONDS).unwrap_or(i64::MAX);
    let Some(ended) = last.ended else {
        let said = format!("no round yet; the first comes {every} s after the start");
        return part("renewal", false, State::Up, Some(said));
    };
    let ago = now.seconds().saturating_sub(ended.seconds()).max(0);
    let next = every.saturating_sub(ago).max(0);
    let Renewals { due, renewed, pending, failed } = last.round;
    let waiting = due.saturating_sub(renewed).saturating_sub(pending).saturating_sub(failed);
    let mut said = format!(
        "{due} certificates were due {ago} s ago: {renewed} renewed, {pending} at their channel, {failed} failed, {waiting} left for \
         the next round, in {next} s"
    );
    if !last.failures.is_empty() {
        said = format!("{said}; {}", last.failures.join("; "));
    }
    part("renewal", false, if failed > 0 { State::Warning } else { State::Up }, Some(said))
}

/// Whether secrets can reach a swap device or a core file, as the kernel says.
fn memory() -> Part {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let locked = status
        .lines()
        .find_map(|line| line.strip_prefix("VmLck:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").trim().parse::<u64>().ok())
        .unwrap_or(0);
    let core = rustix::process::getrlimit(rustix::process::Resource::Core).maximum == Some(0);
    let (state, detail) = match (locked > 0, core) {
        (true, true) => (State::Up, format!("locked ({} MiB), no core dumps", locked >> 10)),
        (false, true) => (
            State::Warning,
            "no core dumps, but memory is not locked: give the service LimitMEMLOCK=infinity".into(),
        ),
        (_, false) => (State::Warning, "core dumps are possible".into()),
    };
    part("memory", false, state, Some(detail))
}

impl Overview {
    fn cx() -> Cx {
        let now = Instant::now();
        Cx { request: RequestId(0), deadline: now.checked_add(PATIENCE).unwrap_or(now) }
    }

    fn audit(&self) -> Part {
        let head = self.log.head(Self::cx()).map_err(|e| e.to_string());
        of("audit", true, head, |head| Some(format!("{} records", head.size)))
    }

    /// How old the newest checkpoint is, and the newest time stamp over one.
    fn checkpoints(&self) -> Part {
        let newest = match self.log.newest(Self::cx()) {
            Err(error) => return part("audit-checkpoint", false, State::Down, Some(error.to_string())),
            Ok(None) => return part("audit-checkpoint", false, State::Up, Some("none yet".into())),
            Ok(Some(newest)) => newest,
        };
        let now = self.clock.now_untrusted().millis();
        let age = |at: UnixTime| now.saturating_sub(at.millis()).max(0) / 1_000;
        let anchors = self.site.audit.anchor_seconds;
        let wanted = anchors > 0 && !self.timestamps.health().is_empty();
        let anchored = match newest.anchored {
            Some((size, at)) => format!("time-stamped {} s ago over {size}", age(at)),
            None if wanted => "not time-stamped yet".into(),
            None => "not time-stamped: no time source, or audit.anchor_seconds = 0".into(),
        };
        // Twice the period without a stamp, while there is something to stamp.
        let limit = i64::try_from(anchors.saturating_mul(2)).unwrap_or(i64::MAX);
        let late = match newest.anchored {
            Some((size, at)) => size < newest.size && age(at) > limit,
            None => age(newest.at) > limit,
        };
        let state = if wanted && late { State::Warning } else { State::Up };
        let detail = format!("{} s old, over {} records; {anchored}", age(newest.at), newest.size);
        part("audit-checkpoint", false, state, Some(detail))
    }

    fn state(&self) -> Part {
        let key = Key { space: Space::Meta, bytes: b"health".to_vec() };
        let read = || self.state.get(&key).map_err(|e| e.to_string());
        of("state", true, self.state.poisoned().map_or_else(read, Err), |_| None)
    }

    fn time(&self) -> Part {
        time(self.clock.as_ref())
    }

    fn disk(&self) -> Part {
        match rustix::fs::statvfs(self.site.data()) {
            Err(error) => part("disk", true, State::Down, Some(error.to_string())),
            Ok(volume) => {
                let free = volume.f_bavail.saturating_mul(volume.f_frsize);
                let state = match free {
                    0..DISK_DOWN => State::Down,
                    DISK_DOWN..DISK_WARNING => State::Warning,
                    _ => State::Up,
                };
                part("disk", true, state, Some(format!("{} MiB free", free >> 20)))
            }
        }
    }

    fn workers(&self) -> Vec<Part> {
        let states = self.tokens.states();
        let purposes = [
            ("token-signer", Purpose::Signer, true),
            ("token-ca", Purpose::Ca, false),
            ("token-tsa", Purpose::Tsa, false),
            ("token-audit", Purpose::Audit, false),
        ];
        purposes
            .into_iter()
            // The audit writer alone calls the audit token; its checkpoints tell of it.
            .filter(|(_, purpose, _)| {
                *purpose != Purpose::Audit || states.iter().any(|s| s.purpose == *purpose)
            })
            .map(|(name, purpose, vital)| {
                let own: Vec<_> = states.iter().filter(|s| s.purpose == purpose).collect();
                let healthy = own.iter().filter(|s| s.healthy).count();
                let busy: usize = own.iter().map(|s| s.in_flight).sum();
                // A worker says it with its first test signature.
                let free = own.iter().any(|s| s.confined == Some(false));
                let state = match (healthy, own.len()) {
                    (0, _) => State::Down,
                    (h, all) if h < all || free => State::Warning,
                    _ => State::Up,
                };
                let bounds = match (free, own.iter().all(|s| s.confined == Some(true))) {
                    (true, _) => ", not confined by this kernel",
                    (false, true) => ", confined",
                    _ => "",
                };
                let all = own.len();
                part(
                    name,
                    vital,
                    state,
                    Some(format!("{healthy} of {all} workers{bounds}, {busy} calls waiting")),
                )
            })
            .collect()
    }

    fn channels(&self) -> Vec<Part> {
        let mut parts = vec![match &self.sms {
            Ok(name) => part("sms", false, State::Up, Some(name.clone())),
            Err(reason) => part("sms", false, State::Warning, Some(reason.clone())),
        }];
        for (family, report) in [("ca", self.authorities.health()), ("time", self.timestamps.health())] {
            for (name, health) in report {
                let name = format!("{family}-{name}");
                parts.push(match health {
                    Err(reason) => part(name, false, State::Down, Some(reason)),
                    Ok(report) => {
                        let trouble = report.last_error;
                        let state = if trouble.is_some() { State::Warning } else { State::Up };
                        part(name, false, state, trouble)
                    }
                });
            }
        }
        parts
    }

    fn pending(&self) -> Option<Part> {
        let digest = self.pending_channels.as_ref()?;
        let said = format!(
            "changed files in channels.d ({digest:.12}…) are not in force, the accepted ones are: hufu channel accept"
        );
        Some(part("channels", false, State::Warning, Some(said)))
    }

    fn fonts(&self) -> Option<Part> {
        let degraded: Vec<String> = self
            .fonts
            .iter()
            .filter(|chain| chain.degraded)
            .map(|chain| {
                let lacking: Vec<String> = chain
                    .lacking
                    .iter()
                    .map(|(file, why, remedy)| format!("{file}: {why}; {remedy}"))
                    .collect();
                format!("{}: {}", chain.chain.name(), lacking.join(", "))
            })
            .collect();
        let empty = self.fonts.iter().any(|chain| chain.found.is_empty());
        let state = match (empty, degraded.is_empty()) {
            (true, _) => State::Down,
            (false, false) => State::Warning,
            _ => State::Up,
        };
        Some(part("fonts", false, state, (!degraded.is_empty()).then(|| degraded.join(" | "))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_progress_of_renewals_is_told_with_reasons() {
        let now = UnixTime::from_seconds(1_790_000_000);
        let told = |report: &RenewalReport| {
            let part = renewals(report, now);
            (matches!(part.state, State::Up), part.detail.unwrap())
        };
        let (up, said) = told(&RenewalReport::default());
        assert!(up && said.contains("no round yet"), "{said}");
        let round = Renewals { due: 60, renewed: 48, pending: 1, failed: 2 };
        let failures = vec!["signer 7 of a: zjca".to_owned()];
        let (up, said) = told(&RenewalReport { ended: Some(now.plus_millis(-100_000)), round, failures });
        assert!(
            !up && said.starts_with(
                "60 certificates were due 100 s ago: 48 renewed, 1 at their channel, 2 failed, 9 left"
            )
        );
        assert!(said.contains("in 200 s") && said.ends_with("signer 7 of a: zjca"), "{said}");
    }

    struct Jumped;

    impl Clock for Jumped {
        fn now(&self) -> Result<hufu_api::UnixTime, hufu_api::ClockError> {
            Err(hufu_api::ClockError::Jumped { by_millis: -3_600_000 })
        }

        fn now_untrusted(&self) -> hufu_api::UnixTime {
            hufu_api::UnixTime::from_millis(0)
        }
    }

    #[test]
    fn a_clock_that_jumped_is_told() {
        let part = time(&Jumped);
        assert!(matches!(part.state, State::Down) && part.name == "clock");
        assert!(part.detail.unwrap().contains("3600000"), "by how much");
    }
}
