//! A load of signing requests over HTTPS: so many connections, each asking again as soon as it has its answer.

use super::BenchError;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Method;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Where the appliance is and who asks: the contents of `client.env`.
#[derive(Clone, Debug)]
pub(super) struct Target {
    host: String,
    port: u16,
    prefix: String,
    tls: Arc<rustls::ClientConfig>,
}

/// How much is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Connections at once.
    pub(super) connections: usize,
    /// For how long.
    pub(super) length: Duration,
    /// Requests a second over all connections, whatever is answered; a connection that waits for an answer asks late. `None`:
    /// each asks again as soon as it has its answer.
    pub(super) rate: Option<u32>,
}

impl Load {
    /// When a connection sends its request of that number, counted from the beginning.
    fn due(&self, connection: usize, number: u64) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let order = number as f64 * self.connections as f64 + connection as f64;
        Duration::from_secs_f64(order / f64::from(rate.max(1)))
    }
}

/// What a run of the load saw.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// Successful answers.
    pub(super) done: u64,
    /// Answers 503: come again later.
    pub(super) refused: u64,
    /// Answers that were neither success nor 503, and the first one's text.
    pub(super) failed: u64,
    pub(super) first_failure: Option<String>,
    /// Every successful answer's latency.
    pub(super) latencies: Vec<Duration>,
    /// Wall time.
    pub(super) took: Duration,
}

impl Run {
    /// Documents a second.
    pub(super) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// The latency that a share of the answers did not exceed.
    pub(super) fn quantile(&mut self, share: f64) -> Duration {
        self.latencies.sort_unstable();
        let last = self.latencies.len().saturating_sub(1);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ share ≤ 1")]
        let at = (last as f64 * share).round() as usize;
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

impl Target {
    /// From `client.env`'s entries.
    pub(super) fn from_env(env: &HashMap<String, String>) -> Result<Self, BenchError> {
        let need = |name: &'static str| env.get(name).ok_or(BenchError::Missing(name));
        let url: hyper::Uri = need("HUFU_URL")?.parse().map_err(|_| BenchError::Missing("HUFU_URL"))?;
        let mut roots = rustls::RootCertStore::empty();
        for certificate in pem_certificates(Path::new(need("HUFU_CA")?))? {
            roots.add(certificate).map_err(|e| BenchError::Tls(e.to_string()))?;
        }
        let chain = pem_certificates(Path::new(need("HUFU_CLIENT_CERT")?))?;
        let key = PrivateKeyDer::from_pem_file(need("HUFU_CLIENT_KEY")?)
            .map_err(|e| BenchError::Tls(e.to_string()))?;
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .map_err(|e| BenchError::Tls(e.to_string()))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|e| BenchError::Tls(e.to_string()))?;
        Ok(Self {
            host: url.host().unwrap_or("127.0.0.1").to_owned(),
            port: url.port_u16().unwrap_or(443),
            prefix: url.path().trim_end_matches('/').to_owned(),
            tls: Arc::new(tls),
        })
    }

    async fn connect(&self) -> Result<http1::SendRequest<Full<Bytes>>, BenchError> {
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(BenchError::Io)?;
        tcp.set_nodelay(true).map_err(BenchError::Io)?;
        let name = ServerName::try_from(self.host.clone()).map_err(|e| BenchError::Tls(e.to_string()))?;
        let stream: TlsStream<TcpStream> =
            TlsConnector::from(self.tls.clone()).connect(name, tcp).await.map_err(BenchError::Io)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|e| BenchError::Http(e.to_string()))?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// One JSON call; returns the `token` header and the body.
    pub(super) async fn call(
        &self,
        sender: &mut http1::SendRequest<Full<Bytes>>,
        method: &Method,
        path: &str,
        token: &str,
        body: Bytes,
    ) -> Result<(Option<String>, serde_json::Value), BenchError> {
        let request = hyper::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header("host", self.host.as_str())
            .header("content-type", "application/json;charset=UTF-8")
            .header("token", token)
            .body(Full::new(body))
            .map_err(|e| BenchError::Http(e.to_string()))?;
        sender.ready().await.map_err(|e| BenchError::Http(e.to_string()))?;
        let response = sender.send_request(request).await.map_err(|e| BenchError::Http(e.to_string()))?;
        let renewed = response.headers().get("token").and_then(|t| t.to_str().ok()).map(str::to_owned);
        let bytes =
            response.into_body().collect().await.map_err(|e| BenchError::Http(e.to_string()))?.to_bytes();
        let answer = serde_json::from_slice(&bytes).map_err(|e| BenchError::Http(e.to_string()))?;
        Ok((renewed, answer))
    }

    /// One call on a connection of its own; anything but code 200 is an error.
    pub(super) async fn once(
        &self,
        path: &str,
        token: &str,
        body: &serde_json::Value,
    ) -> Result<(Option<String>, serde_json::Value), BenchError> {
        let mut sender = self.connect().await?;
        let (renewed, answer) =
            self.call(&mut sender, &Method::POST, path, token, Bytes::from(body.to_string())).await?;
        if !succeeded(&answer) {
            return Err(BenchError::Refused(path.to_owned(), answer.to_string()));
        }
        Ok((renewed, answer))
    }

    /// Puts the load on; `body` makes the request of (connection, number).
    pub(super) async fn drive(
        &self,
        (method, path): (Method, &'static str),
        token: &str,
        load: Load,
        body: impl Fn(usize, u64) -> Bytes + Clone + Send + Sync + 'static,
    ) -> Result<Run, BenchError> {
        let mut senders = Vec::new();
        for _ in 0..load.connections {
            senders.push(self.connect().await?);
        }
        let began = Instant::now();
        let end = began + load.length;
        let mut tasks = tokio::task::JoinSet::new();
        for (connection, mut sender) in senders.into_iter().enumerate() {
            let (target, token, body) = (self.clone(), token.to_owned(), body.clone());
            let method = method.clone();
            tasks.spawn(async move {
                let mut run = Run::default();
                for number in 0.. {
                    let due = began + load.due(connection, number);
                    tokio::time::sleep_until(due.min(end).into()).await;
                    let asked = Instant::now();
                    if asked >= end {
                        break;
                    }
                    let (_, answer) =
                        target.call(&mut sender, &method, path, &token, body(connection, number)).await?;
                    if succeeded(&answer) {
                        run.done += 1;
                        run.latencies.push(asked.elapsed());
                    } else if code(&answer) == Some(503) {
                        run.refused += 1;
                    } else {
                        run.failed += 1;
                        run.first_failure.get_or_insert_with(|| answer.to_string());
                    }
                }
                Ok::<Run, BenchError>(run)
            });
        }
        let mut whole = Run::default();
        while let Some(joined) = tasks.join_next().await {
            let run = joined.map_err(|e| BenchError::Http(e.to_string()))??;
            whole.done += run.done;
            whole.refused += run.refused;
            whole.failed += run.failed;
            whole.latencies.extend(run.latencies);
            whole.first_failure = whole.first_failure.or(run.first_failure);
        }
        whole.took = began.elapsed();
        Ok(whole)
    }
}

/// A successful answer and how long it took.
pub(super) type Done = (Duration, serde_json::Value);

impl Target {
    /// Makes these calls once each, over so many connections; the answers in no order. One that is no success ends it.
    pub(super) async fn jobs(
        &self,
        (method, path): (Method, &'static str),
        token: &str,
        connections: usize,
        bodies: Vec<Bytes>,
    ) -> Result<Vec<Done>, BenchError> {
        let bodies = Arc::new(bodies);
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..connections.clamp(1, 64) {
            let (target, token, method) = (self.clone(), token.to_owned(), method.clone());
            let (bodies, next, mut sender) = (Arc::clone(&bodies), Arc::clone(&next), self.connect().await?);
            tasks.spawn(async move {
                let mut done = Vec::new();
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let asked = Instant::now();
                    let (_, answer) = target.call(&mut sender, &method, path, &token, body.clone()).await?;
                    if !succeeded(&answer) {
                        return Err(BenchError::Refused(path.to_owned(), answer.to_string()));
                    }
                    done.push((asked.elapsed(), answer));
                }
                Ok::<Vec<Done>, BenchError>(done)
            });
        }
        let mut all = Vec::new();
        while let Some(joined) = tasks.join_next().await {
            all.extend(joined.map_err(|e| BenchError::Http(e.to_string()))??);
        }
        Ok(all)
    }
}

/// Whether an answer of the API says success.
fn succeeded(answer: &serde_json::Value) -> bool {
    code(answer) == Some(200)
}

fn code(answer: &serde_json::Value) -> Option<i64> {
    answer.get("code").and_then(serde_json::Value::as_i64)
}

fn pem_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BenchError> {
    CertificateDer::pem_file_iter(path)
        .map_err(|e| BenchError::Tls(format!("{}: {e}", path.display())))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| BenchError::Tls(format!("{}: {e}", path.display())))
}
