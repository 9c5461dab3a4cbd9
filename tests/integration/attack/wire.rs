//! A client that does as it likes: TLS as it should be, and any bytes inside.

use crate::daemon::Site;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// A TLS connection.
pub type Wire = StreamOwned<ClientConnection, TcpStream>;

/// Where, and with which certificate.
#[derive(Clone)]
pub struct Target {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

impl Target {
    /// The API of a site, with its first client's certificate.
    pub fn of(site: &Site) -> Self {
        let certificates = |name: &str| -> Vec<CertificateDer<'static>> {
            CertificateDer::pem_file_iter(&site.env[name]).unwrap().map(Result::unwrap).collect()
        };
        let mut roots = RootCertStore::empty();
        certificates("HUFU_CA").into_iter().for_each(|one| roots.add(one).unwrap());
        let key = PrivateKeyDer::from_pem_file(&site.env["HUFU_CLIENT_KEY"]).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(certificates("HUFU_CLIENT_CERT"), key)
            .unwrap();
        // Resumption would make the second connection cheaper than an attacker's.
        config.resumption = rustls::client::Resumption::disabled();
        let host = site.env["HUFU_URL"].strip_prefix("https://").unwrap().split('/').next().unwrap();
        Self { address: host.parse().unwrap(), config: Arc::new(config) }
    }

    /// A TCP connection from 127.0.0.`last`: limits per address count these apart.
    pub fn tcp(&self, last: u8) -> std::io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        let own = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0);
        socket.bind(&own.into())?;
        socket.connect_timeout(&self.address.into(), Duration::from_secs(10))?;
        let stream: TcpStream = socket.into();
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_write_timeout(Some(Duration::from_secs(20)))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A TLS connection whose handshake is done.
    pub fn tls(&self, last: u8) -> std::io::Result<Wire> {
        let mut stream = self.tcp(last)?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut connection = ClientConnection::new(self.config.clone(), name).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(connection, stream))
    }

    /// One request on a connection of its own; the whole answer as text, empty when there was none.
    pub fn ask(&self, last: u8, request: &[u8]) -> String {
        let Ok(mut wire) = self.tls(last) else { return String::new() };
        // A server that has read enough closes; what could not be sent does not matter then.
        let _ = wire.write_all(request).and_then(|()| wire.flush());
        rest(&mut wire)
    }
}

/// What comes until the end.
pub fn rest(wire: &mut impl Read) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 16_384];
    while let Ok(n @ 1..) = wire.read(&mut piece) {
        all.extend_from_slice(&piece[..n]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// The status of an answer; 0 when the connection was closed without one.
pub fn status(answer: &str) -> u16 {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
}

/// A POST that asks for the connection's end.
pub fn post(path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST /hufu{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}
