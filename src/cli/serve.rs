//! `hufu serve` and the processes behind it.

use super::Failure;
use crate::conf::{Seat, Site};
use crate::registry;
use crate::supervisor::{self, Launch, Pool, Settings};
use crate::token::{CaRules, WorkerSettings};
use clap::Subcommand;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// How long a stop may take in all.
const GRACE: Duration = Duration::from_secs(45);

/// Serving begins without workers that are not up after this.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the appliance until SIGTERM or SIGINT; prints one line that begins with `ready` when every part is up.
pub(super) fn run(file: &Path) -> Result<(), Failure> {
    let log = Site::read(file)?.log;
    super::log_to_stderr(&log.level, log.format);
    let settings = settings(file, Listeners::All)?;
    supervisor::run(
        settings,
        |up| {
            let missing: Vec<String> = up.missing.iter().map(|(p, why)| format!("{p:?}: {why}")).collect();
            let missing =
                if missing.is_empty() { String::new() } else { format!(" missing={}", missing.join("; ")) };
            super::say(&format!("ready network={} audit={}{missing}", up.network, up.audit));
        },
        || settings_again(file),
    )?;
    Ok(())
}

fn settings_again(file: &Path) -> Result<Settings, String> {
    settings(file, Listeners::All).map_err(|e| e.to_string())
}

/// What the network process listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listeners {
    /// Everything configured.
    All,
    /// Commands of this program only.
    AdminSocketOnly,
}

pub(super) fn settings(file: &Path, listeners: Listeners) -> Result<Settings, Failure> {
    let file = &std::path::absolute(file)?;
    let site = Site::read(file)?;
    registry::prepare_folders(&site)?;
    let mut pools = Vec::new();
    for seat in Seat::ALL {
        let Seat::Served(purpose) = seat else { continue };
        let token = site.tokens().of(seat, file).map_err(|(key, reason)| format!("{key}: {reason}"))?;
        pools.push(Pool {
            worker: WorkerSettings {
                purpose,
                token: registry::tokens::settings(&token),
                sessions: token.sessions,
                unwrapped_keys: 256,
                ca: CaRules::default(),
            },
            processes: token.workers,
            environment: token.environment.iter().map(|(k, v)| (k.into(), v.into())).collect(),
        });
    }
    let pin_retry = Duration::from_secs(site.tokens().pin_retry_seconds.unwrap_or(300));
    let pid_file = Some(site.run_folder().join("network.pid"));
    let mut launch = Launch::own();
    // What the operator's shell says wins over the file.
    launch.environment.entry("HUFU_LOG".into()).or_insert_with(|| site.log.level.clone().into());
    launch.environment.insert("HUFU_LOG_FORMAT".into(), site.log.format.name().into());
    let public = listeners == Listeners::All;
    let told = serde_json::to_vec(&registry::Told::new(site.without_tokens(), file, public))?;
    Ok(Settings {
        launch,
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
}

pub(super) fn internal(what: Internal) -> ExitCode {
    match what {
        Internal::Network => {
            supervisor::child::confined_network(registry::confinement::limits, registry::network::serve)
        }
        Internal::Audit => supervisor::child::audit(registry::audit::serve),
        Internal::Worker => supervisor::child::worker(),
    }
}
