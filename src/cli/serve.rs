//! `hufu serve` and the processes behind it.

use super::Failure;
use crate::conf::{Pin, Seat, Site, Token};
use crate::ipc::control::Door;
use crate::registry;
use crate::supervisor::{self, Launch, Pool, Settings};
use crate::token::pin::CREDENTIALS;
use crate::token::{CaRules, WorkerSettings};
use clap::Subcommand;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long `hufu reload` waits: requests under way may take their time.
const RELOAD_PATIENCE: Duration = Duration::from_secs(90);

/// How long a stop may take in all.
const GRACE: Duration = Duration::from_secs(45);

/// Serving begins without workers that are not up after this.
const PATIENCE: Duration = Duration::from_secs(30);

/// Files in the run folder: the supervisor's process id, and the result of the last reload.
const SUPERVISOR: &str = "supervisor.pid";
const RELOADED: &str = "reloaded";

/// Runs the appliance until SIGTERM or SIGINT; prints one line that begins with `ready` when every part is up.
pub(super) fn run(file: &Path) -> Result<(), Failure> {
    let log = Site::read(file)?.log;
    super::log_to_stderr(&log.level, log.format);
    // The supervisor holds the receipts' key; what it starts hardens itself the same way.
    crate::ipc::child::harden()?;
    let settings = settings(file, Listeners::All)?;
    let pid = Site::read(file)?.run_folder().join(SUPERVISOR);
    std::fs::write(&pid, format!("{}\n", std::process::id()))?;
    let ended = supervisor::run(
        settings,
        |up| {
            let missing: Vec<String> = up.missing.iter().map(|(p, why)| format!("{p:?}: {why}")).collect();
            let missing =
                if missing.is_empty() { String::new() } else { format!(" missing={}", missing.join("; ")) };
            super::say(&format!("ready network={} audit={}{missing}", up.network, up.audit));
        },
        || settings_again(file),
    );
    let _ = std::fs::remove_file(pid);
    Ok(ended?)
}

fn settings_again(file: &Path) -> Result<Settings, String> {
    super::readable(file).map_err(|e| e.to_string())?;
    settings(file, Listeners::All).map_err(|e| e.to_string())
}

/// `hufu reload`: checks the configuration here, has the supervisor take it, and says what became of it.
pub(super) fn reload(file: &Path) -> Result<(), Failure> {
    let site = super::readable(file)?;
    let run = site.run_folder();
    let text = std::fs::read_to_string(run.join(SUPERVISOR))
        .map_err(|_| "no appliance serves with this configuration; `hufu serve` starts it")?;
    let pid = text.trim().parse().ok().and_then(rustix::process::Pid::from_raw).ok_or("bad process id")?;
    let result = run.join(RELOADED);
    match std::fs::remove_file(&result) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    rustix::process::kill_process(pid, rustix::process::Signal::HUP)?;
    let end = Instant::now() + RELOAD_PATIENCE;
    loop {
        match std::fs::read_to_string(&result) {
            Ok(said) if said == "ok\n" => {
                super::say(
                    "the configuration is in force; workers and the audit writer keep theirs until a restart",
                );
                return Ok(());
            }
            Ok(said) if said.ends_with('\n') => {
                return Err(
                    format!("refused, the old configuration stays in force: {}", said.trim_end()).into()
                );
            }
            _ if Instant::now() > end => return Err("no answer; the service log tells more".into()),
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// What the network process listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listeners {
    /// Everything configured.
    All,
    /// Commands of this program only.
    AdminSocketOnly,
}

/// A CA worker signs what the site's profiles issue, and nothing more.
fn ca_rules(site: &Site) -> CaRules {
    let all = site.operations().certificates;
    let profiles =
        [all.person_long, all.person_scene, all.company_long, all.company_scene].map(|c| c.profile);
    let longest = profiles.iter().map(|p| p.validity_seconds).max().unwrap_or(0);
    CaRules {
        max_validity_days: u32::try_from(longest.div_ceil(86_400)).unwrap_or(u32::MAX),
        extended_key_usage: profiles.iter().flat_map(|p| p.extended_key_usage.clone()).collect(),
        policies: profiles.iter().flat_map(|p| p.policies.clone()).collect(),
        identities: site.identities_file(),
    }
}

/// What a token's workers have in their environment: what the module is told, and where their PIN's credential is.
fn environment(token: &Token) -> BTreeMap<OsString, OsString> {
    let mut all: BTreeMap<OsString, OsString> =
        token.environment.iter().map(|(k, v)| (k.into(), v.into())).collect();
    let folder = std::env::var_os(CREDENTIALS).filter(|_| matches!(token.pin, Pin::Credential(_)));
    all.extend(folder.map(|folder| (CREDENTIALS.into(), folder)));
    all
}

pub(super) fn settings(file: &Path, listeners: Listeners) -> Result<Settings, Failure> {
    let file = &std::path::absolute(file)?;
    let site = Site::read(file)?;
    registry::prepare_folders(&site)?;
    let mut pools = Vec::new();
    for seat in Seat::ALL {
        let Seat::Served(purpose) = seat else { continue };
        let tokens = site.tokens().all(seat, file).map_err(|(key, reason)| format!("{key}: {reason}"))?;
        pools.extend(tokens.into_iter().map(|token| Pool {
            worker: WorkerSettings {
                purpose,
                token: registry::tokens::settings(&site, &token),
                sessions: token.sessions,
                unwrapped_keys: 256,
                ca: ca_rules(&site),
                hidden: registry::confinement::hidden(&site, &token, file),
            },
            processes: token.workers,
            environment: environment(&token),
        }));
    }
    let pin_retry = registry::tokens::pin_pause(&site);
    let pid_file = Some(site.run_folder().join("network.pid"));
    let mut launch = Launch::own();
    // What the operator's shell says wins over the file.
    launch.environment.entry("HUFU_LOG".into()).or_insert_with(|| site.log.level.clone().into());
    launch.environment.insert("HUFU_LOG_FORMAT".into(), site.log.format.name().into());
    let public = listeners == Listeners::All;
    let server = &site.server;
    let mut doors = vec![(Door::Api, server.listen), (Door::Admin, server.admin_listen)];
    doors.extend(server.pki_listen.map(|address| (Door::Pki, address)));
    if !public {
        // Ports that nobody knows: this life is for one command.
        doors.iter_mut().for_each(|(_, address)| *address = SocketAddr::from(([127, 0, 0, 1], 0)));
    }
    let channels = registry::channels::Texts::read(&crate::conf::channels_folder(file))?;
    let reload_file = Some(site.run_folder().join(RELOADED));
    let told = serde_json::to_vec(&registry::Told::new(site.without_tokens(), file, channels))?;
    Ok(Settings {
        launch,
        doors,
        reload_file,
        network: told.clone(),
        audit: told,
        pools,
        pid_file,
        grace: GRACE,
        pin_retry,
        patience: PATIENCE,
    })
}

/// One process of the appliance. `hufu serve` starts these; nobody else does.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum Internal {
    /// The process that faces the network.
    Network,
    /// The audit writer.
    Audit,
    /// A token worker.
    Worker,
    /// A token's trial, for `hufu doctor --token`.
    TokenTrial,
}

pub(super) fn internal(what: Internal) -> ExitCode {
    match what {
        Internal::Network => {
            supervisor::child::confined_network(registry::confinement::limits, registry::network::serve)
        }
        Internal::Audit => {
            supervisor::child::confined_audit(registry::confinement::audit_limits, registry::audit::serve)
        }
        Internal::Worker => supervisor::child::worker(),
        Internal::TokenTrial => super::token_report::child(),
    }
}
