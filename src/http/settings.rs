//! What an operator can set about the edge.

use super::listen::{ClientCertificates, Limits, TlsSettings};
use super::pki::{Network, StampClient};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;

/// How the HTTP status of an answer follows from its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpStatus {
    /// 200 for every call that was handled, as the document has it; only what the edge itself refuses has its own.
    #[default]
    Documented,
    /// Every code has its status.
    Mirror,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Address and port of the API, over TLS.
    pub listen: SocketAddr,
    /// Address and port of `/health` and `/metrics`, without TLS; must be a loopback address.
    pub admin_listen: SocketAddr,
    /// Address and port of the public PKI answers (CRL, OCSP, time stamps), without TLS as RFC 5280 wants it; absent: none.
    pub pki_listen: Option<SocketAddr>,
    /// Networks that may ask for time stamps at the PKI listener, such as `10.0.0.0/8`; empty: everybody who reaches it.
    pub tsa_networks: Vec<Network>,
    /// Clients that may ask for time stamps at the API's listener (`POST /<service>/x/tsa`), known by their TLS certificate:
    /// SHA-256 of its SubjectPublicKeyInfo in hexadecimal digits, or `any` for whoever shows one of `tls.client_ca`.
    pub tsa_clients: Vec<StampClient>,
    /// The first segment of every path, 服务名.
    pub service: String,
    /// TLS.
    pub tls: TlsSettings,
    /// Connections.
    pub limits: Limits,
    /// HTTP status of answers.
    pub http_status: HttpStatus,
    /// Operations at a time.
    pub slots: usize,
    /// Milliseconds that an operation may wait for a slot before it is answered 503; a tenth of it once no slot has been free at
    /// once for so long.
    pub queue_millis: u64,
    /// Uploads (multipart bodies) in memory at a time; more wait for a place as operations do.
    pub uploads: usize,
    /// Seconds of grace for a request's body, beyond which it must keep the minimum rate.
    pub body_grace_seconds: u64,
    /// Bytes a second that a body must come in at.
    pub body_bytes_per_second: u64,
    /// Largest JSON or urlencoded body in bytes.
    pub json_bytes: usize,
    /// Rate limits.
    pub rate: Rate,
}

/// `[server.rate]`: requests a second, with a burst of twice as many; 0 means without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rate {
    /// Per address.
    pub per_address: u32,
    /// Per application.
    pub per_app: u32,
    /// Refused ones (bad token, bad login) per address.
    pub refused_per_address: u32,
    /// Time stamps at the PKI listener per address.
    pub stamps_per_address: u32,
}

impl Default for Rate {
    fn default() -> Self {
        Self { per_address: 0, per_app: 0, refused_per_address: 200, stamps_per_address: 0 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8443)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 8444)),
            pki_listen: None,
            tsa_networks: Vec::new(),
            tsa_clients: Vec::new(),
            service: "hufu".to_owned(),
            tls: TlsSettings {
                certificate: PathBuf::from("tls/server.crt"),
                key: PathBuf::from("tls/server.key"),
                client_certificates: ClientCertificates::Optional,
                client_ca: Some(PathBuf::from("tls/clients.crt")),
            },
            limits: Limits::default(),
            http_status: HttpStatus::default(),
            slots: 128,
            queue_millis: 2_000,
            uploads: 16,
            body_grace_seconds: 10,
            body_bytes_per_second: 16 * 1_024,
            json_bytes: 1 << 20,
            rate: Rate::default(),
        }
    }
}
