//! The public PKI listener: revocation lists, CA certificates, OCSP (RFC 6960 A.1), and the RFC 3161 server (3.4).
//!
//! It stands apart from the API and has few places of its own, so that a flood of OCSP or time-stamp requests cannot
//! take the token's time from signing.

mod clients;

pub use clients::{StampClient, StampClientError};
pub use hufu_api::Network;

use super::listen::Peer;
use super::rate::Buckets;
use crate::channels::{Authorities, LocalTsa, OcspResponder};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use hufu_api::{Cx, Entropy, RequestId};
use std::io::Read;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// The largest request body; OCSP and time-stamp requests are a few hundred octets.
const MAX_BODY: usize = 16 * 1024;

/// What the issuing CA's certificate names: AIA and CRL distribution point.
const ROOT: [(&str, &str); 2] = [("root.cer", "application/pkix-cert"), ("root.crl", "application/pkix-crl")];

/// The largest file of the root.
const MAX_FILE: u64 = 1 << 20;

/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// What the listener answers from.
pub struct Pki {
    /// The CAs and what they publish.
    pub authorities: Arc<Authorities>,
    /// Where the ceremony puts the root's certificate and list; its key is in no token that serves.
    pub ceremony: PathBuf,
    /// Certificate status.
    pub ocsp: Arc<OcspResponder>,
    /// Time stamps, when there is an authority.
    pub tsa: Option<Arc<LocalTsa>>,
    /// Who may ask for time stamps; empty: everybody.
    pub tsa_networks: Vec<Network>,
    /// Who may ask for them at the API's listener, by client certificate; empty: nobody.
    pub tsa_clients: Vec<StampClient>,
    /// Time stamps a second and address, so that one client cannot have them all.
    pub stamps: StampRate,
    /// Request ids.
    pub entropy: Arc<dyn Entropy>,
    /// Places for requests that may need the token.
    pub places: Arc<Semaphore>,
}

/// How many time stamps one address may have.
#[derive(Debug)]
pub struct StampRate(Buckets<IpAddr>);

impl StampRate {
    /// So many a second, with a burst of twice as many; 0: without limit.
    pub fn new(per_second: u32) -> Self {
        Self(Buckets::new(per_second))
    }
}

/// The listener's routes.
pub fn router(pki: Arc<Pki>) -> Router {
    Router::new()
        .route("/{file}", get(file))
        .route("/ocsp", post(ocsp_post))
        .route("/ocsp/{*request}", get(ocsp_get))
        .route("/tsa", post(tsa))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(pki)
}

/// The RFC 3161 server on the API's listener, for clients that are known by their TLS certificate: `/x/tsa` beneath its prefix.
pub fn router_for_clients(pki: Arc<Pki>) -> Router {
    Router::new().route("/x/tsa", post(tsa_for_client)).layer(DefaultBodyLimit::max(MAX_BODY)).with_state(pki)
}

/// `LABEL.crl` and `LABEL.cer`, the root's too.
async fn file(State(pki): State<Arc<Pki>>, Path(file): Path<String>) -> Response {
    let read = move || match ROOT.into_iter().find(|(name, _)| *name == file) {
        Some((name, kind)) => root_file(&pki.ceremony.join(name), kind),
        None => published(&pki.authorities, &file),
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(Some((kind, bytes)))) => {
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=300")], bytes)
                .into_response()
        }
        Ok(Ok(None)) => StatusCode::NOT_FOUND.into_response(),
        Ok(Err(())) | Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// A file of the root as it is now: the next ceremony may have written a new list.
fn root_file(path: &std::path::Path, kind: &'static str) -> Result<Option<(&'static str, Vec<u8>)>, ()> {
    let mut bytes = Vec::new();
    match std::fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some((kind, bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "not readable");
            Err(())
        }
    }
}

/// A published file's media type and bytes.
fn published(authorities: &Authorities, file: &str) -> Result<Option<(&'static str, Vec<u8>)>, ()> {
    let Some((label, kind)) = file.rsplit_once('.') else { return Ok(None) };
    for (_, channel) in authorities.running() {
        let Some(repository) = channel.repository() else { continue };
        let Some(found) = repository.published().into_iter().find(|p| p.label == label) else { continue };
        return match kind {
            "cer" => Ok(Some(("application/pkix-cert", found.certificate.0))),
            "crl" => match repository.crl(label) {
                Ok(list) => Ok(list.map(|list| ("application/pkix-crl", list.0))),
                Err(error) => {
                    tracing::error!(label, %error, "revocation list not readable");
                    Err(())
                }
            },
            _ => Ok(None),
        };
    }
    Ok(None)
}

async fn ocsp_post(State(pki): State<Arc<Pki>>, headers: HeaderMap, body: Bytes) -> Response {
    if !is(&headers, "application/ocsp-request") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    ocsp(pki, body.to_vec()).await
}

async fn ocsp_get(State(pki): State<Arc<Pki>>, Path(request): Path<String>) -> Response {
    match base64::engine::general_purpose::STANDARD.decode(request.trim_start_matches('/')) {
        Ok(request) => ocsp(pki, request).await,
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn ocsp(pki: Arc<Pki>, request: Vec<u8>) -> Response {
    let ocsp = Arc::clone(&pki.ocsp);
    match blocking(&pki, move |cx| ocsp.respond(cx, &request)).await {
        Ok(answer) => {
            let cache = match answer.max_age {
                0 => "no-store".to_owned(),
                seconds => format!("public, max-age={seconds}, no-transform, must-revalidate"),
            };
            let kind = "application/ocsp-response".to_owned();
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)], answer.response).into_response()
        }
        Err(busy) => busy,
    }
}

async fn tsa(
    State(pki): State<Arc<Pki>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let address = peer.map(|Extension(peer)| peer.address.ip());
    let allowed = |ip| pki.tsa_networks.iter().any(|network| network.contains(ip));
    if !pki.tsa_networks.is_empty() && !address.is_some_and(allowed) {
        return StatusCode::FORBIDDEN.into_response();
    }
    stamp(pki, address, &headers, body).await
}

async fn tsa_for_client(
    State(pki): State<Arc<Pki>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let shown = peer.as_ref().and_then(|Extension(peer)| peer.client);
    if !pki.tsa_clients.iter().any(|client| client.admits(shown)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    stamp(pki, peer.map(|Extension(peer)| peer.address.ip()), &headers, body).await
}

/// A time stamp for somebody who may ask for one.
async fn stamp(pki: Arc<Pki>, address: Option<IpAddr>, headers: &HeaderMap, body: Bytes) -> Response {
    let Some(tsa) = pki.tsa.clone() else { return StatusCode::NOT_FOUND.into_response() };
    if !is(headers, "application/timestamp-query") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    if address.is_some_and(|ip| !pki.stamps.0.take(ip, Instant::now())) {
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response();
    }
    match blocking(&pki, move |cx| tsa.respond(cx, &body)).await {
        Ok(answer) => ([(header::CONTENT_TYPE, "application/timestamp-reply")], answer).into_response(),
        Err(busy) => busy,
    }
}

/// Runs `work` on a blocking thread if there is a place; 503 when there is none.
async fn blocking<T: Send + 'static>(
    pki: &Pki,
    work: impl FnOnce(Cx) -> T + Send + 'static,
) -> Result<T, Response> {
    let busy = || (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response();
    let place = Arc::clone(&pki.places).try_acquire_owned().map_err(|_| busy())?;
    let mut id = [0; 16];
    pki.entropy.fill(&mut id).map_err(|_| busy())?;
    let deadline = Instant::now().checked_add(DEADLINE).ok_or_else(busy)?;
    let cx = Cx { request: RequestId(u128::from_be_bytes(id)), deadline };
    tokio::task::spawn_blocking(move || {
        let _place = place;
        work(cx)
    })
    .await
    .map_err(|_| busy())
}

fn is(headers: &HeaderMap, media_type: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|t| t.trim().eq_ignore_ascii_case(media_type))
}

#[cfg(test)]
mod tests;
