//! Who is up, who must wait, and what is to be done next.

use super::doors::{self, Bound};
use super::pace::Pace;
use super::process::{LifeId, Process};
use super::settings::Settings;
use super::watch::Event;
use crate::ipc::control::{self, FromChild, KeyOctets, PeerRole, ToChild};
use crate::keys::{Generation, Purpose};
use flume::Sender;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// A worker that does not confirm a new receipt key within this is replaced.
const KEY_PATIENCE: Duration = Duration::from_secs(2);

/// A place that a child fills, one life after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Network,
    Audit,
    /// Index into the settings' pools.
    Worker(usize),
}

#[derive(Debug)]
struct Place {
    role: Role,
    process: Option<Process>,
    pace: Pace,
    /// Has come up, or failed to, at least once.
    settled: bool,
}

/// The appliance is up; for the ready line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Up {
    /// The network process.
    pub network: u32,
    /// The audit writer.
    pub audit: u32,
    /// The token workers.
    pub workers: Vec<(Purpose, u32)>,
    /// Purposes without a worker, and why.
    pub missing: Vec<(Purpose, String)>,
}

/// All places.
pub(super) struct Plan {
    pub(super) settings: Settings,
    places: Vec<Place>,
    connected: HashSet<(LifeId, LifeId)>,
    key: KeyOctets,
    key_epoch: u64,
    lives: u64,
    begun: Instant,
    events: Sender<Event>,
    stopping: bool,
    doors: Vec<Bound>,
    /// What the network process served with before a reload, until the new one is up.
    fallback: Option<(Vec<u8>, Vec<Bound>)>,
    written_pid: Option<u32>,
}

impl Plan {
    /// Binds the listening sockets; nothing is started yet.
    pub(super) fn new(settings: Settings, events: Sender<Event>) -> Result<Self, String> {
        let doors = doors::bind(&settings.doors, &[])?;
        let mut roles = vec![Role::Audit, Role::Network];
        for (index, pool) in settings.pools.iter().enumerate() {
            roles.extend((0..pool.processes.max(1)).map(|_| Role::Worker(index)));
        }
        let place = |role| Place { role, process: None, pace: Pace::default(), settled: false };
        Ok(Self {
            settings,
            places: roles.into_iter().map(place).collect(),
            connected: HashSet::new(),
            key: KeyOctets([0; 32]),
            key_epoch: 0,
            lives: 0,
            begun: Instant::now(),
            events,
            stopping: false,
            doors,
            fallback: None,
            written_pid: None,
        })
    }

    /// Starts and connects what can be; gives the moment at which something more may be possible.
    pub(super) fn advance(&mut self, now: Instant) -> Option<Instant> {
        let mut next = None;
        for index in 0..self.places.len() {
            if let Some(at) = self.start_if_due(index, now) {
                next = Some(next.map_or(at, |n: Instant| n.min(at)));
            }
        }
        self.replace_deaf(now);
        self.connect();
        self.write_pid();
        next
    }

    fn start_if_due(&mut self, index: usize, now: Instant) -> Option<Instant> {
        let place = self.places.get(index)?;
        if place.process.is_some() || self.stopping {
            return None;
        }
        if let Some(at) = place.pace.wait(now) {
            return Some(at);
        }
        let role = place.role;
        match role {
            // Serving begins when everybody has had a chance; a lost network process comes back at once.
            Role::Network if !self.all_settled() && now < self.begun + self.settings.patience => {
                return Some(self.begun + self.settings.patience);
            }
            Role::Network if self.ready(Role::Audit).is_none() => return None,
            // The first worker of a token tries the PIN for all.
            Role::Worker(pool) if !self.may_try_pin(pool, index) => return None,
            _ => {}
        }
        if role == Role::Audit {
            self.renew_key(now);
        }
        self.start(index, role);
        None
    }

    fn start(&mut self, index: usize, role: Role) {
        self.lives += 1;
        let life = LifeId(self.lives);
        let none = std::collections::BTreeMap::new();
        let (kind, settings, environment) = match role {
            Role::Network => ("network", self.settings.network.clone(), &none),
            Role::Audit => ("audit", self.settings.audit.clone(), &none),
            Role::Worker(pool) => match self.settings.pools.get(pool) {
                Some(pool) => {
                    let settings = postcard::to_stdvec(&pool.worker).unwrap_or_default();
                    ("worker", settings, &pool.environment)
                }
                None => return,
            },
        };
        let started = Process::start(&self.settings.launch, kind, environment, life, settings, &self.events);
        let Some(place) = self.places.get_mut(index) else { return };
        match started {
            Ok(mut process) => {
                tracing::info!(kind, pid = process.pid, generation = %process.generation, "started");
                if role == Role::Network {
                    self.doors.iter().for_each(|bound| process.hand(bound));
                } else {
                    process.tell(&ToChild::ReceiptKey(self.key.clone()));
                    process.key_sent = Some(Instant::now());
                }
                place.process = Some(process);
            }
            Err(error) => {
                tracing::error!(kind, %error, "not started");
                place.pace.ended(None, Instant::now());
                place.settled = true;
            }
        }
    }

    /// A new audit writer makes receipts under a new key, so that none of an interrupted intent is good any more.
    fn renew_key(&mut self, now: Instant) {
        let mut octets = [0; 32];
        if aws_lc_rs::rand::fill(&mut octets).is_err() {
            tracing::error!("no randomness for the receipt key");
        }
        self.key = KeyOctets(octets);
        self.key_epoch += 1;
        for place in self.places.iter_mut().filter(|place| matches!(place.role, Role::Worker(_))) {
            if let Some(worker) = &mut place.process {
                worker.tell(&ToChild::ReceiptKey(self.key.clone()));
                worker.key_sent = Some(now);
            }
        }
    }

    /// Another worker of the same token is ready, or nobody else is trying.
    fn may_try_pin(&self, pool: usize, index: usize) -> bool {
        let Some(token) = self.settings.pools.get(pool).map(super::settings::Pool::token) else {
            return false;
        };
        let siblings = self.places.iter().enumerate().filter(|(i, place)| {
            let Role::Worker(other) = place.role else { return false };
            *i != index && self.settings.pools.get(other).is_some_and(|p| p.token() == token)
        });
        let mut trying = false;
        for (_, place) in siblings {
            match &place.process {
                Some(process) if process.is_ready() => return true,
                Some(_) => trying = true,
                None => {}
            }
        }
        !trying
    }

    fn all_settled(&self) -> bool {
        self.places.iter().all(|place| place.role == Role::Network || place.settled)
    }

    fn ready(&self, role: Role) -> Option<&Process> {
        let place = self.places.iter().find(|place| place.role == role)?;
        place.process.as_ref().filter(|process| process.is_ready())
    }

    /// A worker without the newest key would refuse everything.
    fn replace_deaf(&mut self, now: Instant) {
        for place in &mut self.places {
            let Some(process) = &place.process else { continue };
            let late = process.key_sent.is_some_and(|sent| now > sent + KEY_PATIENCE);
            if matches!(place.role, Role::Worker(_)) && process.is_ready() && late {
                tracing::error!(pid = process.pid, "worker takes no key; replaced");
                process.kill();
            }
        }
    }

    /// Connects who should be connected and is not yet.
    fn connect(&mut self) {
        if self.stopping {
            return;
        }
        let up: Vec<_> = self
            .places
            .iter()
            .filter_map(|place| Some((place.role, place.process.as_ref()?)))
            .filter(|(role, process)| *role == Role::Network || process.is_ready())
            .collect();
        let workers_have_key = up
            .iter()
            .all(|(role, process)| !matches!(role, Role::Worker(_)) || process.key_epoch == self.key_epoch);
        let mut made = Vec::new();
        for (role, caller) in up.iter().filter(|(role, _)| !matches!(role, Role::Worker(_))) {
            for (other, server) in &up {
                let peer = match other {
                    Role::Audit if *role == Role::Network && workers_have_key => PeerRole::Audit,
                    Role::Worker(pool) if server.key_epoch == self.key_epoch => {
                        let Some(pool) = self.settings.pools.get(*pool) else { continue };
                        let purpose = pool.worker.purpose;
                        if *role == Role::Audit && purpose != Purpose::Audit {
                            continue;
                        }
                        PeerRole::Worker { purpose, generation: server.generation }
                    }
                    _ => continue,
                };
                let pair = (caller.life, server.life);
                if self.connected.contains(&pair) {
                    continue;
                }
                let back = if *role == Role::Network { PeerRole::Network } else { PeerRole::Audit };
                match control::stream_pair() {
                    // The serving end first, so that the first call finds somebody.
                    Ok((ours, theirs)) => {
                        if server.connect(back, &theirs) && caller.connect(peer, &ours) {
                            made.push(pair);
                        }
                    }
                    Err(error) => tracing::error!(%error, "no socket pair"),
                }
            }
        }
        self.connected.extend(made);
    }

    fn write_pid(&mut self) {
        let Some(pid) = self.ready(Role::Network).map(|process| process.pid) else { return };
        if self.written_pid == Some(pid) {
            return;
        }
        self.written_pid = Some(pid);
        if let Some(path) = &self.settings.pid_file
            && let Err(error) = std::fs::write(path, format!("{pid}\n"))
        {
            tracing::error!(path = %path.display(), %error, "process id not written");
        }
    }

    /// Takes in what a child said.
    pub(super) fn heard(&mut self, life: LifeId, message: FromChild, now: Instant) {
        if let FromChild::Hung(generation) = message {
            return self.replace_hung(generation);
        }
        let epoch = self.key_epoch;
        let Some(place) = self.place_of(life) else { return };
        let Some(process) = &mut place.process else { return };
        match message {
            FromChild::Hello { .. } | FromChild::Hung(_) => {}
            FromChild::Ready(what) => {
                tracing::info!(pid = process.pid, what, "ready");
                process.ready_since = Some(now);
                place.settled = true;
                if place.role == Role::Network && self.fallback.take().is_some() {
                    self.reloaded("ok");
                }
            }
            FromChild::KeyTaken => {
                process.key_epoch = epoch;
                process.key_sent = None;
            }
            FromChild::Degraded(trouble) => process.trouble = trouble,
            FromChild::Failed(why) => {
                tracing::error!(pid = process.pid, why, "gives up");
                process.trouble = Some(why);
            }
            FromChild::PinRefused(why) => {
                tracing::error!(pid = process.pid, why, "PIN refused");
                process.trouble = Some(format!("PIN refused: {why}"));
                let Role::Worker(pool) = place.role else { return };
                self.hold_pin(pool, now);
            }
        }
    }

    /// Nobody tries this token's PIN again soon.
    fn hold_pin(&mut self, pool: usize, now: Instant) {
        let pause = self.settings.pin_retry;
        let Some(token) = self.settings.pools.get(pool).map(super::settings::Pool::token) else { return };
        for place in &mut self.places {
            let Role::Worker(other) = place.role else { continue };
            if self.settings.pools.get(other).is_some_and(|p| p.token() == token) {
                place.pace.hold(now, pause);
                place.settled = true;
            }
        }
    }

    fn replace_hung(&mut self, generation: Generation) {
        let hung = self.places.iter().filter_map(|place| place.process.as_ref());
        for process in hung.filter(|process| process.generation == generation) {
            tracing::error!(pid = process.pid, "hangs; replaced");
            process.kill();
        }
    }

    /// Takes in that a child has ended.
    pub(super) fn ended(
        &mut self,
        life: LifeId,
        how: &str,
        now: Instant,
    ) -> Option<(Role, Option<String>, u32)> {
        self.connected.retain(|(a, b)| *a != life && *b != life);
        let stopping = self.stopping;
        let place = self.place_of(life)?;
        let process = place.process.take()?;
        if !stopping && !process.asked_to_stop {
            tracing::warn!(pid = process.pid, role = ?place.role, how, "ended");
        }
        place.pace.ended(process.ready_since, now);
        place.settled |= place.pace.failures() > 1;
        let (role, failures) = (place.role, place.pace.failures());
        if role == Role::Network && !process.asked_to_stop && !process.is_ready() {
            self.fall_back(process.trouble.as_deref().unwrap_or(how));
        }
        Some((role, process.trouble, failures))
    }

    fn place_of(&mut self, life: LifeId) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.process.as_ref().is_some_and(|p| p.life == life))
    }

    /// Both ends of the service are up.
    pub(super) fn up(&self) -> Option<Up> {
        let network = self.ready(Role::Network)?.pid;
        let audit = self.ready(Role::Audit)?.pid;
        let (mut missing, mut workers) = (Vec::new(), Vec::new());
        for (index, pool) in self.settings.pools.iter().enumerate() {
            let places = || self.places.iter().filter(|place| place.role == Role::Worker(index));
            let ready =
                places().filter_map(|place| place.process.as_ref()).filter(|process| process.is_ready());
            let before = workers.len();
            workers.extend(ready.map(|process| (pool.worker.purpose, process.pid)));
            if workers.len() == before {
                let why = places().find_map(|place| place.process.as_ref()?.trouble.clone());
                missing.push((pool.worker.purpose, why.unwrap_or_else(|| "not up".into())));
            }
        }
        Some(Up { network, audit, workers, missing })
    }

    /// Puts new settings in force: the network process finishes what it has begun and another one, with the new settings,
    /// takes its place behind the same sockets. If that one cannot serve, the old settings come back.
    pub(super) fn reconfigure(&mut self, new: Settings) {
        let bound = match doors::bind(&new.doors, &self.doors) {
            Ok(bound) => bound,
            Err(why) => return self.refused(&why),
        };
        if self.fallback.is_some() {
            return self.refused("the reload before this one has not ended yet");
        }
        let old = std::mem::replace(&mut self.settings.network, new.network);
        self.fallback = Some((old, std::mem::replace(&mut self.doors, bound)));
        self.settings.audit.clone_from(&new.audit);
        let grace_millis = u64::try_from(self.settings.grace.as_millis()).unwrap_or(u64::MAX);
        for place in &mut self.places {
            let Some(process) = &mut place.process else { continue };
            match place.role {
                Role::Audit => process.tell(&ToChild::Reconfigure { settings: new.audit.clone() }),
                Role::Network => {
                    process.asked_to_stop = true;
                    process.tell(&ToChild::Shutdown { grace_millis });
                }
                Role::Worker(_) => {}
            }
        }
        tracing::info!("configuration read again; the network process is being replaced");
    }

    /// A reload that came to nothing.
    pub(super) fn refused(&self, why: &str) {
        tracing::error!(why, "configuration refused, the old one stays in force");
        self.reloaded(why);
    }

    fn reloaded(&self, result: &str) {
        if let Some(path) = &self.settings.reload_file
            && let Err(error) = std::fs::write(path, format!("{result}\n"))
        {
            tracing::error!(path = %path.display(), %error, "result of the reload not written");
        }
    }

    /// The network process could not serve with the new settings.
    fn fall_back(&mut self, why: &str) {
        if let Some((network, doors)) = self.fallback.take() {
            self.settings.network = network;
            self.doors = doors;
            self.refused(why);
        }
    }

    /// Asks the next group to stop: first who takes requests, then who signs them, then who records, then who signs
    /// the records. `false` when nobody is left.
    pub(super) fn stop_next(&mut self, grace: Duration) -> bool {
        self.stopping = true;
        // From now on clients are refused by the kernel, and go elsewhere.
        self.doors.clear();
        let rank = |role: Role| match role {
            Role::Network => 0,
            Role::Worker(pool) => match self.settings.pools.get(pool).map(|pool| pool.worker.purpose) {
                Some(Purpose::Audit) => 3,
                _ => 1,
            },
            Role::Audit => 2,
        };
        let living = || self.places.iter().filter(|place| place.process.is_some());
        let Some(first) = living().map(|place| rank(place.role)).min() else { return false };
        let due: Vec<Role> = living().map(|place| place.role).filter(|role| rank(*role) == first).collect();
        let grace_millis = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        for place in self.places.iter_mut().filter(|place| due.contains(&place.role)) {
            if let Some(process) = place.process.as_mut().filter(|process| !process.asked_to_stop) {
                process.asked_to_stop = true;
                process.tell(&ToChild::Shutdown { grace_millis });
            }
        }
        true
    }

    /// Ends everybody at once.
    pub(super) fn kill_all(&mut self) {
        self.stopping = true;
        for process in self.places.iter().filter_map(|place| place.process.as_ref()) {
            process.kill();
        }
    }
}
