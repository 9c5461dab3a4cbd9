//! The network process, put together from the configuration.

use super::adopt::Adopting;
use super::channels::{self, Maintenance, Parts};
use super::health::Overview;
use super::{Told, admin, adopt, heal, replay, schema};
use crate::audit::AuditLog;
use crate::channels::{Lookup, OcspResponder, Online, OsEntropy, Proofs};
use crate::clock::{ReferenceSettings, ReferencedClock, SystemClock};
use crate::conf::{Site, channels_folder};
use crate::files::fonts::{Choice, FoundFonts, SYSTEM_FOLDERS, find_fonts, shipped_chains};
use crate::files::{LocalDocuments, Root};
use crate::http::pki::{self, Pki};
use crate::http::{self, Listeners, Metrics, Service};
use crate::ipc::control::Door;
use crate::keys::Keys;
use crate::ledger;
use crate::ops::{Appliance, Call, ChannelFiles, Ports, approvals_in_force, channels_in_force};
use crate::seal::Chain;
use crate::store::SledStore;
use crate::supervisor::child::{Network, NetworkOrder};
use crate::x509::path::TrustStore;
use flume::Receiver;
use hufu_api::{Clock, Cx, Entropy, RequestId, Store, UnixTime};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};

/// How long the audit writer may take to come up.
const AUDIT_PATIENCE: Duration = Duration::from_secs(30);

/// When the first checkpoint is time-stamped, when it is tried again after a failure, and how long it may take.
const FIRST_ANCHOR: Duration = Duration::from_secs(30);
const ANCHOR_RETRY: Duration = Duration::from_secs(60);
const ANCHOR_TIME: Duration = Duration::from_secs(30);

/// How long the last look at the log may take when serving ends.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// Pause between looks for what waits to be written to the log, and how long one writing may take.
const WITHDRAWAL_PAUSE: Duration = Duration::from_secs(1);
const WITHDRAWAL_TIME: Duration = Duration::from_secs(10);

/// How long looking for keys without certificate may take at start.
const SWEEP_TIME: Duration = Duration::from_secs(1_800);

/// Requests of the PKI listener that may need the token at once.
const PKI_PLACES: usize = 8;

/// Serves until told to stop; what was begun is finished.
///
/// # Errors
/// Why it cannot serve, for the supervisor.
pub fn serve(child: Network) -> Result<(), String> {
    let Network { settings, keys, audit, voice, orders } = child;
    let told = Told::parse(&settings)?;
    let site = &told.site;
    let Some(listeners) = listeners(&orders, site.server.pki_listen.is_some())? else { return Ok(()) };
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy::default());
    let log = ledger::client::Client::over(audit);
    let cx = own_cx(entropy.as_ref())?;
    let head = log.head(cx).map_err(|e| format!("audit writer: {e}"))?;
    let last = replay::last_time(cx, &log, head.size)?;
    let clock = clock(site, last)?;
    let starting = heal::Starting::watch(site.state_folder()).map_err(|e| e.to_string())?;
    let store = SledStore::open(&site.state_folder()).map_err(|e| format!("state: {e}"))?;
    schema::migrate(&store).map_err(|e| format!("state: {e}"))?;
    replay::fits(&store, head.size)?;
    replay::remember(&store, head.size)?;
    let documents = documents(site)?;
    let replayed = replay::replay(cx, &log, &store, &documents)?;
    // Nobody serves yet.
    if let Some(last) = head.size.checked_sub(1) {
        store.complete_through(last).map_err(|e| format!("state: {e}"))?;
    }
    drop(starting);
    let state = Arc::new(store);
    let store: Arc<dyn Store> = state.clone();
    tracing::info!(records = head.size, replayed, "state is up to the audit log");

    let tokens = keys;
    let keys: Arc<dyn Keys> = tokens.clone();
    let log: Arc<ledger::client::Client> = Arc::new(log);
    let fonts = fonts(site)?;
    let parts = Parts {
        base: told.file.parent().map(PathBuf::from).unwrap_or_default(),
        clock: Arc::clone(&clock),
        store: Arc::clone(&store),
        entropy: Arc::clone(&entropy),
        keys: Arc::clone(&keys),
        log: Arc::clone(&log) as Arc<dyn AuditLog>,
        identities: adopt::identities(site)?,
    };
    let folder = channels_folder(&told.file);
    let found = ChannelFiles {
        digest: told.channels.digest(),
        texts: serde_json::to_value(&told.channels).map_err(|e| e.to_string())?,
    };
    let approvals = site.access.approvals;
    approvals_in_force(store.as_ref(), log.as_ref(), cx, approvals).map_err(|e| format!("approvals: {e}"))?;
    let in_force = channels_in_force(store.as_ref(), log.as_ref(), cx, approvals, &found)
        .map_err(|e| format!("channels: {e}"))?;
    let pending = (in_force.digest != found.digest).then(|| found.digest.clone());
    let texts: channels::Texts =
        serde_json::from_value(in_force.texts).map_err(|e| format!("channels: {e}"))?;
    let made = channels::load(&folder, &texts, &parts);
    let ocsp =
        OcspResponder::new(&made.authorities, &parts.identities, &keys, &parts.log, Arc::clone(&clock));
    let ocsp = Arc::new(ocsp);
    let adopting = Adopting {
        site: site.clone(),
        file: told.file.clone(),
        texts,
        parts: parts.clone(),
        authorities: Arc::clone(&made.authorities),
        ocsp: Arc::clone(&ocsp),
        keys: Arc::clone(&keys),
        log: Arc::clone(&parts.log),
    };
    adopting.watch().map_err(|e| e.to_string())?;
    let proofs =
        Proofs::new(Arc::clone(&ocsp), made.authorities.clone(), &site.pki_folder(), Arc::clone(&clock))
            .map_err(|e| e.to_string())?;
    let lookup = Lookup::new(made.authorities.clone(), &site.pki_folder(), online(site)?);
    let time_sources = !made.timestamps.health().is_empty();
    let ports = Ports {
        clock: Arc::clone(&clock),
        store: Arc::clone(&store),
        audit: Arc::clone(&log) as Arc<dyn AuditLog>,
        keys: Arc::clone(&keys),
        entropy: Arc::clone(&entropy),
        authorities: made.authorities.clone(),
        sms: Some(Arc::clone(&made.sms)),
        timestamps: time_sources.then(|| made.timestamps.clone() as Arc<dyn hufu_api::TimestampSource>),
        proofs: Some(Arc::new(proofs)),
        lookup: Some(Arc::new(lookup)),
        documents: Arc::new(documents),
        fonts: Arc::new(fonts.set),
    };
    let appliance = Arc::new(Appliance::new(ports, site.operations()));
    appliance.channels_found(found);
    appliance.read_log_through(Arc::clone(&log) as Arc<dyn crate::audit::AuditReader>);
    appliance.trust(cx, trust(site)?);
    sweep(&appliance, &entropy, head.size)?;
    withdrawals(&appliance, &entropy)?;
    if time_sources {
        anchors(&appliance, &entropy, site.audit.anchor_seconds)?;
    }
    let _maintenance = Maintenance::start(made.authorities.clone(), Arc::clone(&clock), Arc::clone(&entropy))
        .map_err(|e| e.to_string())?;
    let pki = Arc::new(Pki {
        authorities: made.authorities.clone(),
        ceremony: site.pki_folder(),
        ocsp,
        tsa: made.tsa.clone(),
        tsa_networks: site.server.tsa_networks.clone(),
        tsa_clients: site.server.tsa_clients.clone(),
        stamps: pki::StampRate::new(site.server.rate.stamps_per_address),
        entropy: Arc::clone(&entropy),
        places: Arc::new(Semaphore::new(PKI_PLACES)),
    });
    let _admin = admin::listen(&site.admin_socket(), Arc::clone(&appliance), Arc::clone(&entropy))
        .map_err(|e| format!("admin socket {}: {e}", site.admin_socket().display()))?;
    let to_log = Arc::clone(&log) as Arc<dyn AuditLog>;
    super::backup::listen(&site.run_folder(), Arc::clone(&state), to_log, Arc::clone(&entropy))
        .map_err(|e| format!("backup socket: {e}"))?;
    let (end_log, to_state, to_entropy) = (Arc::clone(&log), Arc::clone(&store), Arc::clone(&entropy));
    let health = Overview {
        site: site.clone(),
        clock,
        state: Arc::clone(&state),
        log,
        tokens,
        authorities: made.authorities,
        timestamps: made.timestamps,
        sms: made.sms_health,
        fonts: fonts.report,
        appliance: Arc::clone(&appliance),
        pending_channels: pending,
    };
    let service = Service {
        appliance,
        settings: site.server.clone(),
        health: Arc::new(health),
        metrics: Arc::new(Metrics::new().map_err(|e| e.to_string())?),
        pages: pki::router_for_clients(Arc::clone(&pki)),
        pki: pki::router(pki),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let (fresh, begin_afresh) = oneshot::channel::<()>();
    heal::watch(heal::state(&state), site.state_folder(), move || {
        // Whoever is gone is ending anyway.
        let _ = fresh.send(());
    })
    .map_err(|e| e.to_string())?;
    drop(state);
    std::thread::Builder::new()
        .name("until-told".into())
        .spawn(move || {
            for order in orders {
                match order {
                    NetworkOrder::Door(..) => {}
                    NetworkOrder::Shutdown(_) | NetworkOrder::Orphaned => break,
                }
            }
            drop(stop);
        })
        .map_err(|e| e.to_string())?;
    // A reload that names unusable files is to be refused before anybody calls this process ready.
    http::listen::Tls::new(site.server.tls.clone()).map_err(|e| e.to_string())?;
    voice.ready(&format!("https://{}/{}", site.server.listen, site.server.service));
    let ended = Arc::new(AtomicBool::new(false));
    let by_itself = Arc::clone(&ended);
    let served = http::run(service, listeners, async move {
        tokio::select! {
            _ = stopped => {}
            Ok(()) = begin_afresh => by_itself.store(true, Ordering::Relaxed),
        }
    })
    .map_err(|e| e.to_string());
    if ended.load(Ordering::Relaxed) {
        return Err("the state is to be opened anew".into());
    }
    // All that was answered is in it. A log that does not answer now is not waited for.
    let cx = own_cx(to_entropy.as_ref())?;
    let deadline = Instant::now().checked_add(LAST_LOOK).unwrap_or(cx.deadline);
    let seen = end_log.head(Cx { deadline, ..cx }).map_err(|e| e.to_string());
    if let Err(error) = seen.and_then(|head| replay::remember(to_state.as_ref(), head.size)) {
        tracing::warn!(%error, "state does not remember how long the log is");
    }
    served
}

/// The listening sockets that the supervisor has bound; `None` when it is told to stop before it has them.
fn listeners(orders: &Receiver<NetworkOrder>, pki: bool) -> Result<Option<Listeners>, String> {
    let (mut api, mut admin, mut public) = (None, None, None);
    loop {
        match (api, admin, public) {
            (Some(api), Some(admin), public) if public.is_some() || !pki => {
                return Ok(Some(Listeners { api, admin, pki: public }));
            }
            others => (api, admin, public) = others,
        }
        match orders.recv_timeout(AUDIT_PATIENCE).map_err(|_| "no listening sockets came")? {
            NetworkOrder::Door(Door::Api, socket) => api = Some(socket),
            NetworkOrder::Door(Door::Admin, socket) => admin = Some(socket),
            NetworkOrder::Door(Door::Pki, socket) => public = Some(socket),
            NetworkOrder::Shutdown(_) | NetworkOrder::Orphaned => return Ok(None),
        }
    }
}

fn own_cx(entropy: &dyn Entropy) -> Result<Cx, String> {
    let mut id = [0; 16];
    entropy.fill(&mut id).map_err(|e| e.to_string())?;
    let deadline = Instant::now().checked_add(AUDIT_PATIENCE).ok_or("the monotonic clock is at its end")?;
    Ok(Cx { request: RequestId(u128::from_be_bytes(id)), deadline })
}

/// The system's clock, never before the last record, and compared with time servers where some are configured.
fn clock(site: &Site, last: Option<UnixTime>) -> Result<Arc<dyn Clock>, String> {
    let own: Arc<dyn Clock> = Arc::new(SystemClock::new(site.clock.tolerance_millis, last));
    if site.clock.ntp_servers.is_empty() {
        return Ok(own);
    }
    let settings = ReferenceSettings {
        servers: site.clock.ntp_servers.clone(),
        every: Duration::from_secs(site.clock.ntp_seconds),
        tolerance_millis: site.clock.tolerance_millis,
    };
    Ok(Arc::new(ReferencedClock::start(own, settings).map_err(|e| e.to_string())?))
}

fn documents(site: &Site) -> Result<LocalDocuments, String> {
    let roots = site
        .documents()
        .iter()
        .map(|root| Ok(Root { name: root.name.clone(), path: root.path.clone(), mode: root.bits()? }))
        .collect::<Result<Vec<_>, String>>()?;
    LocalDocuments::open(&roots).map_err(|e| e.to_string())
}

/// Roots of signers' and time stamps' certificates that the site trusts beside its own.
pub(crate) fn trust(site: &Site) -> Result<TrustStore, String> {
    let mut store = TrustStore::new();
    let mut files = vec![site.pki_folder().join("signer-root.pem"), site.pki_folder().join("tsa-root.pem")];
    if let Some(folder) = &site.validation.trust_folder {
        let entries = std::fs::read_dir(folder)
            .map_err(|e| format!("validation.trust_folder {}: {e}", folder.display()))?;
        files.extend(
            entries
                .flatten()
                .map(|e| e.path())
                .filter(|p| p.extension().is_some_and(|e| e == "pem" || e == "crt")),
        );
    }
    for file in files.iter().filter(|f| f.exists()) {
        let named = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
        let text = std::fs::read_to_string(file).map_err(|e| named(&e))?;
        store.add_pem(&text).map_err(|e| named(&e))?;
    }
    Ok(store)
}

/// Whom one may ask for the status of certificates in verified files.
pub(crate) fn online(site: &Site) -> Result<Option<Online>, String> {
    Online::new(&site.validation.status_hosts, &site.validation.status_networks).map_err(|e| e.to_string())
}

/// Keys that a crash left behind are destroyed, beside what is served; `records` is how many were there at start.
fn sweep(appliance: &Arc<Appliance>, entropy: &Arc<dyn Entropy>, records: u64) -> Result<(), String> {
    let (appliance, cx) = (Arc::downgrade(appliance), own_cx(entropy.as_ref())?);
    let once = move || {
        let Some(appliance) = appliance.upgrade() else { return };
        match appliance.sweep_keys(&Call::operator(cx.request, SWEEP_TIME), records) {
            Ok(swept) => {
                tracing::info!(destroyed = swept.destroyed, kept = swept.kept, "orphan keys swept");
            }
            Err(error) => tracing::warn!(%error, "orphan keys not swept; the next start tries again"),
        }
    };
    std::thread::Builder::new().name("sweep".into()).spawn(once).map(|_| ()).map_err(|e| e.to_string())
}

/// What the log could not take when it was down is written once it is up again.
fn withdrawals(appliance: &Arc<Appliance>, entropy: &Arc<dyn Entropy>) -> Result<(), String> {
    let (appliance, entropy) = (Arc::downgrade(appliance), Arc::clone(entropy));
    let rounds = move || {
        loop {
            std::thread::sleep(WITHDRAWAL_PAUSE);
            let Some(appliance) = appliance.upgrade() else { return };
            if appliance.has_withdrawals()
                && let Ok(cx) = own_cx(entropy.as_ref())
            {
                appliance.write_withdrawals(&Call::operator(cx.request, WITHDRAWAL_TIME));
            }
        }
    };
    std::thread::Builder::new()
        .name("withdrawals".into())
        .spawn(rounds)
        .map(|_| ())
        .map_err(|e| e.to_string())
}

/// The newest checkpoint is time-stamped every `seconds`, the first time soon after the start: the one that the last run ended
/// with has none.
fn anchors(appliance: &Arc<Appliance>, entropy: &Arc<dyn Entropy>, seconds: u64) -> Result<(), String> {
    let period = Duration::from_secs(seconds);
    if period.is_zero() {
        return Ok(());
    }
    let (appliance, entropy) = (Arc::downgrade(appliance), Arc::clone(entropy));
    let rounds = move || {
        let mut pause = period.min(FIRST_ANCHOR);
        loop {
            std::thread::sleep(pause);
            pause = period;
            let Some(appliance) = appliance.upgrade() else { return };
            let Ok(cx) = own_cx(entropy.as_ref()) else { continue };
            match appliance.anchor_newest(&Call::operator(cx.request, ANCHOR_TIME)) {
                Ok(Some(size)) => tracing::info!(size, "checkpoint time-stamped"),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "checkpoint not time-stamped");
                    pause = period.min(ANCHOR_RETRY);
                }
            }
        }
    };
    std::thread::Builder::new().name("anchors".into()).spawn(rounds).map(|_| ()).map_err(|e| e.to_string())
}

/// Fonts as configured: the site's folders and chains in place of the shipped ones.
pub(crate) fn fonts(site: &Site) -> Result<FoundFonts, String> {
    let folders = if site.seals.font_folders.is_empty() {
        SYSTEM_FOLDERS.iter().map(PathBuf::from).collect()
    } else {
        site.seals.font_folders.clone()
    };
    let mut chains = shipped_chains();
    for (name, files) in &site.seals.fonts {
        let chain = Chain::from_name(name).ok_or_else(|| {
            let known: Vec<&str> = Chain::ALL.iter().map(|c| c.name()).collect();
            format!("seals.fonts.{name}: one of {}", known.join(", "))
        })?;
        chains.insert(chain, files.iter().map(|text| Choice::parse(text)).collect());
    }
    find_fonts(&folders, &chains).map_err(|e| format!("fonts: {e}"))
}
