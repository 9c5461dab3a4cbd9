//! A TLS server's certificate, and the one that it wants from its clients.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// A server's configuration, and `roots.pem`, `client.pem` and `client.key` in a folder for its clients.
pub struct TlsFiles {
    pub(crate) config: Arc<ServerConfig>,
}

impl TlsFiles {
    /// Makes a CA, a certificate for 127.0.0.1 and one for the client, and writes the client's files to `folder`.
    pub fn new(folder: &Path) -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(params, ca_key);
        let leaf = |names: &[&str]| {
            let key = KeyPair::generate().unwrap();
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            (CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap(), key)
        };
        let (server, server_key) = leaf(&["127.0.0.1", "localhost"]);
        let (client, client_key) = leaf(&["client"]);
        std::fs::write(folder.join("roots.pem"), ca.pem()).unwrap();
        std::fs::write(folder.join("client.pem"), client.pem()).unwrap();
        let mut key = std::fs::OpenOptions::new();
        key.create(true).write(true).truncate(true).mode(0o600);
        key.open(folder.join("client.key"))
            .unwrap()
            .write_all(client_key.serialize_pem().as_bytes())
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
        let certificate: CertificateDer<'static> = server.der().clone();
        let key = PrivatePkcs8KeyDer::from(server_key.serialize_der());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate], key.into())
            .unwrap();
        Self { config: Arc::new(config) }
    }
}
