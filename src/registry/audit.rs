//! The audit writer's process, put together from the configuration.

use super::{Told, heal};
use crate::clock::SystemClock;
use crate::keys::{Keys, StoredKey};
use crate::ledger::process::{AuditProcess, CheckpointKey, Settings};
use crate::ledger::server::Role;
use crate::ledger::sink::{FileSink, Sink, SyslogSink};
use crate::ledger::{Folder, admin};
use crate::supervisor::child::{Audit, AuditOrder};
use flume::RecvTimeoutError;
use hufu_api::Clock;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A receipt is used at once; this covers a busy token's queue.
const RECEIPT_LIFE: Duration = Duration::from_secs(60);

/// The admin socket's name in the run folder.
pub const SOCKET: &str = "audit.sock";

/// How often the writer's health is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Serves the audit log until told to stop.
///
/// # Errors
/// Why it cannot, for the supervisor.
pub fn serve(child: Audit) -> Result<(), String> {
    let Audit { settings, keys, voice, orders, .. } = child;
    let told = Told::parse(&settings)?;
    let site = &told.site;
    let folder = Folder::new(site.audit_folder());
    let cache_bytes = site.audit.cache_mib << 20;
    let starting = heal::Starting::watch(site.audit_folder()).map_err(|e| e.to_string())?;
    let (log, last) = AuditProcess::open(&folder, cache_bytes).map_err(|e| format!("audit log: {e}"))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new(site.clock.tolerance_millis, last));
    let text = std::fs::read(site.audit_key_file())
        .map_err(|e| format!("{}: {e}; `hufu init` makes it", site.audit_key_file().display()))?;
    let key: StoredKey =
        serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", site.audit_key_file().display()))?;
    let checkpoints = CheckpointKey {
        keys: keys as Arc<dyn Keys>,
        key,
        origin: site.audit.origin.clone(),
        interval: Duration::from_secs(site.audit.checkpoint_seconds.max(1)),
    };
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(path) = &site.audit.copy_to {
        let copy = FileSink::open(path, site.audit.copy_required);
        sinks.push(Box::new(copy.map_err(|e| format!("audit.copy_to {}: {e}", path.display()))?));
    }
    if site.audit.syslog {
        let syslog = SyslogSink::open(Path::new("/dev/log"), site.audit.copy_required);
        sinks.push(Box::new(syslog.map_err(|e| format!("audit.syslog: {e}"))?));
    }
    let settings = Settings {
        cache_bytes,
        receipt_life: RECEIPT_LIFE,
        sinks,
        keep: site.audit.keep_records,
        archive: site.audit.archive_folder.clone(),
    };
    let process = AuditProcess::start(&folder, log, clock, settings, Some(checkpoints))
        .map_err(|e| format!("audit log: {e}"))?;
    admin::listen(&site.run_folder().join(SOCKET), process.service())
        .map_err(|e| format!("audit admin socket: {e}"))?;
    drop(starting);
    let status = process.status();
    let look = move || match status.busy_for() {
        busy if busy > heal::HUNG => heal::Look::Trouble("a write of the log does not end".into()),
        _ => heal::Look::Well,
    };
    // Nothing else is under way that could be finished.
    let end = || std::process::exit(heal::FAILED);
    heal::watch(look, site.audit_folder(), end).map_err(|e| e.to_string())?;
    voice.ready(&format!("audit log in {}", site.audit_folder().display()));
    loop {
        match orders.recv_timeout(LOOK) {
            Ok(AuditOrder::ReceiptKey(key)) => process.set_receipt_key(key),
            Ok(AuditOrder::Serve(stream)) => {
                if let Err(error) = process.serve(stream, Role::Network) {
                    tracing::error!(%error, "connection to the network process not served");
                }
            }
            Ok(AuditOrder::Reconfigure(_)) => tracing::info!("audit settings take effect at the next start"),
            Ok(AuditOrder::Shutdown(_) | AuditOrder::Orphaned) | Err(RecvTimeoutError::Disconnected) => {
                return Ok(());
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Err(reason) = process.health() {
                    // What hangs on the way out is not waited for.
                    let _ending = heal::Starting::watch(site.audit_folder());
                    drop(process);
                    return Err(reason.to_string());
                }
            }
        }
    }
}
