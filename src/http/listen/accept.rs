//! The accept loop. Every connection has a place, a handshake deadline, a head deadline, and ends politely on a stop.

use super::settings::Limits;
use super::tls::Tls;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use der::{Decode, Encode};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// How long the end of a failed connection may take to announce.
const FAREWELL: Duration = Duration::from_secs(1);
/// After a stop, how long a connection that was just made may take to bring the request that it was made for.
const FIRST_REQUEST: Duration = Duration::from_secs(2);

/// Who is at the other end; every request carries it as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address.
    pub address: SocketAddr,
    /// SHA-256 of the client certificate's SubjectPublicKeyInfo (DER), if it showed one.
    pub client: Option<[u8; 32]>,
}

/// Tells listeners to stop.
pub struct Stopper(watch::Sender<bool>);

/// The listeners' side of a [`Stopper`].
#[derive(Clone)]
pub struct Drain(watch::Receiver<bool>);

impl Stopper {
    /// A stopper and what listeners watch.
    pub fn new() -> (Self, Drain) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Drain(receiver))
    }

    /// No new connections; requests under way end, then [`serve`] returns.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Drain {
    /// Returns once a stop was asked for, or nobody can ask any more.
    pub async fn stopped(&mut self) {
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// Places of one listener, in all and by address.
struct Places {
    all: Arc<Semaphore>,
    by_address: Arc<parking_lot::Mutex<HashMap<IpAddr, usize>>>,
    most_per_address: usize,
}

/// One connection's place; given back when dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    address: IpAddr,
    by_address: Arc<parking_lot::Mutex<HashMap<IpAddr, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.by_address.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

impl Places {
    fn new(limits: &Limits) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS))),
            by_address: Arc::default(),
            most_per_address: limits.connections_per_address,
        }
    }

    fn take(&self, permit: OwnedSemaphorePermit, address: IpAddr) -> Option<Place> {
        let mut counts = self.by_address.lock();
        let count = counts.entry(address).or_default();
        if *count >= self.most_per_address {
            return None;
        }
        *count += 1;
        Some(Place { _permit: permit, address, by_address: self.by_address.clone() })
    }
}

/// Serves `router` on `listener` until the drain says stop and the requests under way have ended (or
/// `limits.drain_seconds` are over). Without `tls` the listener speaks plain HTTP.
///
/// # Errors
/// When the listener cannot be used at all. A failing connection ends alone.
pub async fn serve(
    listener: std::net::TcpListener,
    tls: Option<Arc<Tls>>,
    router: Router,
    limits: Limits,
    mut drain: Drain,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let places = Places::new(&limits);
    let limits = Arc::new(limits);
    loop {
        let permit = tokio::select! {
            permit = places.all.clone().acquire_owned() => permit.map_err(std::io::Error::other)?,
            () = drain.stopped() => break,
        };
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Descriptors have run out, or the client was gone before we came: neither ends the listener.
                    tracing::warn!(%error, "connection not accepted");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            },
            () = drain.stopped() => break,
        };
        let Some(place) = places.take(permit, address.ip()) else {
            tracing::debug!(%address, "too many connections from this address");
            continue;
        };
        let (tls, router, limits, drain) = (tls.clone(), router.clone(), limits.clone(), drain.clone());
        tokio::spawn(async move {
            let _place = place;
            if let Err(reason) = connection(stream, address, tls, router, &limits, drain).await {
                tracing::debug!(%address, %reason, "connection ended");
            }
        });
    }
    drop(listener);
    let all = u32::try_from(limits.connections.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
    let grace = Duration::from_secs(limits.drain_seconds);
    // All places given back: every connection has ended.
    if tokio::time::timeout(grace, places.all.acquire_many(all)).await.is_err() {
        tracing::warn!(seconds = limits.drain_seconds, "requests still under way are cut off");
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    router: Router,
    limits: &Limits,
    drain: Drain,
) -> Result<(), String> {
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    match tls {
        None => http(stream, Peer { address, client: None }, router, limits, drain).await,
        Some(tls) => {
            let handshake = TlsAcceptor::from(tls.current()).accept(stream);
            let stream = tokio::time::timeout(Duration::from_secs(limits.handshake_seconds), handshake)
                .await
                .map_err(|_| "TLS handshake too slow".to_owned())?
                .map_err(|e| e.to_string())?;
            let client = stream.get_ref().1.peer_certificates().and_then(|chain| spki_sha256(chain.first()?));
            http(stream, Peer { address, client }, router, limits, drain).await
        }
    }
}

async fn http<S>(
    stream: S,
    peer: Peer,
    router: Router,
    limits: &Limits,
    mut drain: Drain,
) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let begun = Arc::new(Notify::new());
    let begins = Arc::clone(&begun);
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        begins.notify_one();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let framed = framed_once(request.headers());
        let answer = framed.then(|| router.clone().oneshot(request));
        async move {
            match answer {
                Some(answer) => answer.await,
                None => Ok(misframed()),
            }
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits.head_seconds))
        .max_buf_size(limits.head_bytes.max(8 << 10))
        .max_headers(limits.head_fields)
        .serve_connection(TokioIo::new(stream), service);
    let last = async {
        drain.stopped().await;
        let _ = tokio::time::timeout(FIRST_REQUEST, begun.notified()).await;
    };
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = last => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    if ended.is_err() {
        // An idle connection's end is announced too (RFC 8446, 6.1), or its client takes it for an attack.
        let mut stream = connection.into_parts().io.into_inner();
        let _ = tokio::time::timeout(FAREWELL, stream.shutdown()).await;
    }
    ended.map_err(|e| e.to_string())
}

/// Whether a body's length can be read in one way only: `chunked` and nothing else, once (RFC 9112 6.1 and 11.2). What
/// another program before us reads otherwise would be a second request in it.
fn framed_once(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(only), None) => only.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

/// 400, and the connection's end: nothing that follows on it is believed.
fn misframed() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// What apps are pinned to.
fn spki_sha256(certificate: &[u8]) -> Option<[u8; 32]> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    let spki = certificate.tbs_certificate.subject_public_key_info.to_der().ok()?;
    Some(Sha256::digest(spki).into())
}
