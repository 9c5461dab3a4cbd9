//! Listening: TCP, TLS and HTTP/1.1, each with its limits, before any route is asked.

mod accept;
mod settings;
mod tls;

pub use accept::{Drain, Peer, Stopper, serve};
pub use settings::{ClientCertificates, Limits, TlsSettings};
pub use tls::{Tls, TlsError};

#[cfg(test)]
mod tests;
