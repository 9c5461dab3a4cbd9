//! The HTTPS client that channel plugins share: one exchange at a time, with a deadline, a bounded answer, no redirects,
//! no proxies from the environment, and rustls with the roots that the channel's file names.

mod guard;
mod secret;
mod standing;
mod template;

pub use guard::{Guard, HostError};
pub use secret::{Secret, read_secret};
pub use standing::{Place, Standing, StandingReport};
pub use template::{Escape, Template, TemplateError};

use hufu_api::{ChannelError, Cx, PluginError};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use ureq::config::Config;
use ureq::http::{HeaderMap, Request};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::unversioned::transport::DefaultConnector;

/// Debian's bundle of public roots, used when a channel names none.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The `[tls]` table of a channel file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// PEM file of the roots that the server's certificate must chain to; the system's when absent.
    pub roots: Option<PathBuf>,
    /// PEM file of the client certificate with its chain.
    pub certificate: Option<PathBuf>,
    /// PEM file of the client certificate's key, readable by its owner only.
    pub key: Option<PathBuf>,
}

/// Whether `http://` addresses may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Only `https://`.
    HttpsOnly,
    /// `http://` as well, for protocols whose answers are signed themselves (RFC 3161, RFC 4210).
    HttpToo,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// `GET`, `POST` or `PUT`.
    pub method: &'a str,
    /// The whole address.
    pub url: &'a str,
    /// Header fields.
    pub headers: &'a [(String, String)],
    /// The body, for methods that have one.
    pub body: Option<&'a [u8]>,
    /// The largest answer body that is read, in bytes.
    pub limit: u64,
}

/// One answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header field's value, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }
}

/// A client with its roots and certificate; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client(ureq::Agent);

impl Client {
    /// Reads the files that `tls` names, relative to `base`.
    ///
    /// # Errors
    /// When a file cannot be read, holds nothing usable, or a key is readable by others.
    pub fn new(tls: &Tls, base: &Path, scheme: Scheme) -> Result<Self, PluginError> {
        Ok(Self(configured(tls, base, scheme)?.new_agent()))
    }

    /// The same, for addresses that strangers name: only those that `guard` allows are called.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn guarded(tls: &Tls, base: &Path, scheme: Scheme, guard: Guard) -> Result<Self, PluginError> {
        let config = configured(tls, base, scheme)?;
        Ok(Self(ureq::Agent::with_parts(config, DefaultConnector::default(), guard)))
    }

    /// Sends one request and reads the whole answer before the deadline.
    ///
    /// # Errors
    /// [`ChannelError::Timeout`], [`ChannelError::Unavailable`] when no connection can be made or it breaks,
    /// [`ChannelError::BadAnswer`] when what comes is not HTTP or too long.
    pub fn call(&self, cx: Cx, call: &Call<'_>) -> Result<Answer, ChannelError> {
        let left = cx.remaining();
        if left.is_zero() {
            return Err(ChannelError::Timeout);
        }
        let mut request = Request::builder().method(call.method).uri(call.url);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let unsendable =
            |e: ureq::http::Error| ChannelError::Unavailable(format!("request cannot be made: {e}"));
        let sent = match call.body {
            Some(body) => {
                let request = request.body(body).map_err(unsendable)?;
                let request = self.0.configure_request(request).timeout_global(Some(left)).build();
                self.0.run(request)
            }
            None => {
                let request = request.body(()).map_err(unsendable)?;
                let request = self.0.configure_request(request).timeout_global(Some(left)).build();
                self.0.run(request)
            }
        };
        let mut response = sent.map_err(|e| judged(&e))?;
        let body =
            response.body_mut().with_config().limit(call.limit).read_to_vec().map_err(|e| judged(&e))?;
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body })
    }
}

fn configured(tls: &Tls, base: &Path, scheme: Scheme) -> Result<Config, PluginError> {
    let roots = tls.roots.as_ref().map_or_else(|| PathBuf::from(SYSTEM_ROOTS), |file| base.join(file));
    // A channel that speaks plain HTTP only needs no roots at all.
    let roots = match certificates(&roots) {
        Err(_) if scheme == Scheme::HttpToo && tls.roots.is_none() => vec![],
        other => other?,
    };
    let identity = match (&tls.certificate, &tls.key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            let chain = certificates(&base.join(certificate))?;
            let pem = read_secret(&base.join(key))?;
            let key = PrivateKey::from_pem(pem.expose())
                .map_err(|e| PluginError(format!("{}: {e}", key.display())))?;
            Some(ClientCert::new_with_certs(&chain, key))
        }
        _ => return Err(PluginError("tls: certificate and key belong together".into())),
    };
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .root_certs(RootCerts::new_with_certs(&roots))
        .client_cert(identity)
        .build();
    Ok(ureq::Agent::config_builder()
        .tls_config(tls)
        .https_only(scheme == Scheme::HttpsOnly)
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_age(Duration::from_secs(10))
        .user_agent("hufu")
        .build())
}

fn judged(error: &ureq::Error) -> ChannelError {
    match error {
        ureq::Error::Timeout(_) => ChannelError::Timeout,
        ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::TimedOut => ChannelError::Timeout,
        ureq::Error::Protocol(_) | ureq::Error::BodyExceedsLimit(_) => {
            ChannelError::BadAnswer(error.to_string())
        }
        other => ChannelError::Unavailable(other.to_string()),
    }
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, PluginError> {
    let problem = |e: &dyn std::fmt::Display| PluginError(format!("{}: {e}", file.display()));
    let pem = std::fs::read(file).map_err(|e| problem(&e))?;
    let mut all = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|e| problem(&e))? {
            all.push(certificate);
        }
    }
    if all.is_empty() { Err(problem(&"no PEM certificate in it")) } else { Ok(all) }
}
