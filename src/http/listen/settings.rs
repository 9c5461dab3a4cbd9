//! What an operator can set about a listener.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificates {
    /// Nobody is asked for one.
    Off,
    /// Clients are asked; apps that are pinned to a certificate need theirs, browsers can do without.
    Optional,
    /// No connection without one.
    #[default]
    Required,
}

/// `[server.tls]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The server's certificate and its issuers, PEM, leaf first.
    pub certificate: PathBuf,
    /// Its private key, PEM (PKCS#8, SEC1 or PKCS#1); nobody but its owner may read it.
    pub key: PathBuf,
    /// Whether clients show certificates.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
    /// The CAs of clients' certificates, PEM. Needed unless `client_certificates = "off"`.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

/// `[server.limits]`: what one listener takes at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
    /// Seconds for the TLS handshake.
    pub handshake_seconds: u64,
    /// Seconds for a request's head, counted from the end of the answer before it: idle time included.
    pub head_seconds: u64,
    /// Octets of a request's head.
    pub head_bytes: usize,
    /// Fields of a request's head.
    pub head_fields: usize,
    /// Seconds that a stop waits for requests under way.
    pub drain_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            connections_per_address: 1_024,
            handshake_seconds: 10,
            head_seconds: 30,
            head_bytes: 32 << 10,
            head_fields: 64,
            drain_seconds: 30,
        }
    }
}
