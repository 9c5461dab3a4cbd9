//! The edge: TLS, HTTP/1.1, routes, tokens, wire types, answers. Asynchronous code ends here.
//!
//! [`serve`] runs three listeners: the API over TLS, `/health` and `/metrics` on a loopback address, and (where configured) the
//! public PKI answers. The API itself is a [table](self) of calls: requests are checked against it and the OpenAPI document
//! is written from it.

mod admin;
mod api;
mod args;
mod byte_sign;
mod console;
mod edge;
mod intake;
mod junziqian;
pub mod listen;
mod login;
mod metrics;
mod openapi;
mod page_calls;
mod pages;
pub mod pki;
mod pool;
mod rate;
mod reading;
mod reply;
mod routes;
pub mod settings;
mod table;
mod validate;

#[cfg(test)]
mod tests;

pub use admin::{Health, Part, State};
pub use listen::Peer;
pub use metrics::Metrics;
pub use openapi::{api_markdown, openapi_json};
pub use reading::read_body;
pub use settings::Settings;

use crate::ops::{Appliance, Call, Origin};
use axum::Router;
use edge::Edge;
use hufu_api::RequestId;
use listen::{Drain, Limits, Stopper, Tls, TlsError, TlsSettings};
use std::future::Future;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// Sockets that are bound already.
#[derive(Debug)]
pub struct Listeners {
    /// The API.
    pub api: TcpListener,
    /// `/health` and `/metrics`.
    pub admin: TcpListener,
    /// CRL, OCSP, time stamps.
    pub pki: Option<TcpListener>,
}

/// What is served.
pub struct Service {
    /// The appliance.
    pub appliance: Arc<Appliance>,
    /// The edge's settings; paths in them are absolute.
    pub settings: Settings,
    /// The state of each part, for `/health`.
    pub health: Arc<dyn Health>,
    /// Counters; other parts may have registered theirs.
    pub metrics: Arc<Metrics>,
    /// Further routes beneath the service prefix. They must bring their own authentication.
    pub pages: Router,
    /// Routes of the PKI listener.
    pub pki: Router,
}

/// Why the edge does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Certificates, keys.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Sockets, threads.
    #[error("network: {0}")]
    Io(#[from] std::io::Error),
    /// The admin listener would be open to the network.
    #[error("server.admin_listen {0} is not a loopback address")]
    AdminNotLoopback(std::net::SocketAddr),
}

/// Serves until `stop` completes, then finishes what was begun.
///
/// # Errors
/// See [`ServeError`]; nothing has been accepted then.
pub async fn serve(
    service: Service,
    listeners: Listeners,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let Service { appliance, settings, health, metrics, pages, pki } = service;
    let tls = Arc::new(Tls::new(settings.tls.clone())?);
    let admin = listeners.admin.local_addr()?;
    if !admin.ip().is_loopback() {
        return Err(ServeError::AdminNotLoopback(admin));
    }
    let limits = settings.limits.clone();
    let edge = Arc::new(Edge::new(appliance, settings, metrics));
    let (stopper, drain) = Stopper::new();
    let few = Limits { connections: 64, ..limits.clone() };
    let pages = pages.merge(console::router(&edge, Arc::clone(&health)));
    let mut doors = vec![
        (listeners.api, Some(Arc::clone(&tls)), routes::router(&edge, pages), limits.clone()),
        (listeners.admin, None, admin::router(Arc::clone(&edge), health), few),
    ];
    doors.extend(listeners.pki.map(|listener| (listener, None, pki, limits)));
    let mut loops = tokio::task::JoinSet::new();
    for (listener, tls, router, limits) in doors {
        loops.spawn(listen::serve(listener, tls, router, limits, drain.clone()));
    }
    let chores = tokio::spawn(chores(Arc::clone(&edge), tls, drain));
    stop.await;
    stopper.stop();
    while let Some(ended) = loops.join_next().await {
        ended.map_err(std::io::Error::other)??;
    }
    if let Err(error) = chores.await {
        tracing::error!(%error, "chores");
    }
    flush(&edge).await;
    Ok(())
}

/// As [`serve`], on a runtime of its own; blocks until the end.
///
/// # Errors
/// As [`serve`].
pub fn run(
    service: Service,
    listeners: Listeners,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let slots = service.settings.slots;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // One thread for each slot, and a few for the edge's own work.
        .max_blocking_threads(slots.saturating_add(16))
        .build()?
        .block_on(serve(service, listeners, stop))
}

/// What is done by the clock: certificate files, counted refusals, open revocations.
async fn chores(edge: Arc<Edge>, tls: Arc<Tls>, mut drain: Drain) {
    let mut seconds: u64 = 0;
    let mut seen = file_times(&edge.settings.tls);
    let sample = || edge.metrics.sample(edge.appliance.ports().clock.now_untrusted().millis());
    sample();
    loop {
        tokio::select! {
            () = drain.stopped() => return,
            () = tokio::time::sleep(Duration::from_secs(10)) => {}
        }
        seconds += 10;
        sample();
        let now = file_times(&edge.settings.tls);
        if now != seen {
            seen = now;
            let tls = Arc::clone(&tls);
            match tokio::task::spawn_blocking(move || tls.reload()).await {
                Ok(Ok(())) => tracing::info!("TLS files changed: reloaded"),
                Ok(Err(error)) => {
                    tracing::error!(%error, "changed TLS files refused, the old ones stay in force");
                }
                Err(error) => tracing::error!(%error, "TLS reload"),
            }
        }
        if seconds.is_multiple_of(60) {
            flush(&edge).await;
        }
        if seconds.is_multiple_of(crate::ops::RENEWAL_SECONDS) {
            settle(&edge).await;
        }
    }
}

fn file_times(tls: &TlsSettings) -> Vec<Option<std::time::SystemTime>> {
    [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()]
        .into_iter()
        .map(|file| std::fs::metadata(file?).and_then(|m| m.modified()).ok())
        .collect()
}

fn own_call(edge: &Edge) -> Call {
    let request: RequestId = edge.request_id();
    Call { from: Origin::Operator, ..Call::operator(request, Duration::from_secs(60)) }
}

async fn flush(edge: &Arc<Edge>) {
    let (worker, call) = (Arc::clone(edge), own_call(edge));
    if let Err(error) = edge.pool.run(move || worker.appliance.flush_refusals(&call)).await {
        tracing::warn!(%error, "refusals not recorded");
    }
}

/// Certificates replaced in one round, which comes every five minutes: some 14,000 a day at most, beside everything else.
const RENEWALS_A_ROUND: u64 = 50;

async fn settle(edge: &Arc<Edge>) {
    let (worker, call) = (Arc::clone(edge), own_call(edge));
    if let Err(error) = edge.pool.run(move || worker.appliance.settle_certificates(&call)).await {
        tracing::warn!(%error, "certificates not settled");
    }
    let (worker, call) = (Arc::clone(edge), own_call(edge));
    let renewing = move || worker.appliance.renew_certificates(&call, RENEWALS_A_ROUND);
    if let Err(error) = edge.pool.run(renewing).await {
        tracing::warn!(%error, "certificates not renewed");
    }
}
