//! `hufu tls`: a small private PKI for the listener and its clients, for sites that do not have one and for the
//! quickstart. These are TLS keys in files; signers' keys never are.

use clap::{Args, Subcommand};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};

/// What to make.
#[derive(Debug, Args)]
pub struct Tls {
    /// The folder of the private TLS PKI; `ca.pem` and `ca.key` are in it.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the CA: ca.pem and ca.key (10 years).
    Ca,
    /// Make a server certificate: server.pem and server.key (398 days).
    Server {
        /// DNS names and IP addresses that clients will use.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Make a client certificate: NAME.pem and NAME.key (398 days).
    Client {
        /// File name and common name.
        name: String,
    },
}

/// Why it was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The CA is not there yet.
    #[error("{0} is missing; make it with `hufu tls --dir DIR ca`")]
    NoCa(PathBuf),
    /// It exists; nothing is overwritten.
    #[error("{0} exists already and is not overwritten; remove it to make a new one")]
    Exists(PathBuf),
    /// A client's name becomes a file name.
    #[error("{0:?} cannot be a file name; use letters, digits, `-`, `_` and `.`")]
    BadName(String),
    /// The file system said no.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// A name cannot stand in a certificate, or a key file is damaged.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// Makes what was asked and returns the certificate file's path.
///
/// # Errors
/// See [`TlsError`].
pub fn run(args: &Tls) -> Result<PathBuf, TlsError> {
    fs::create_dir_all(&args.dir).map_err(|source| TlsError::Io { path: args.dir.clone(), source })?;
    match &args.what {
        What::Ca => {
            let key = KeyPair::generate()?;
            let certificate = ca_params().self_signed(&key)?;
            write_pair(&args.dir, "ca", &certificate.pem(), &key)
        }
        What::Server { names } => {
            let mut params = CertificateParams::new(names.clone())?;
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            let name = names.first().map_or("server", String::as_str);
            issue(&args.dir, "server", name, params)
        }
        What::Client { name } => {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
                return Err(TlsError::BadName(name.clone()));
            }
            let mut params = CertificateParams::default();
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            issue(&args.dir, name, name, params)
        }
    }
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Hufu TLS CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for(&mut params, Duration::days(3650));
    params
}

fn valid_for(params: &mut CertificateParams, life: Duration) {
    // An hour back, for clients whose clock is behind.
    let from = OffsetDateTime::now_utc() - Duration::hours(1);
    params.not_before = from;
    params.not_after = from + life;
}

fn issue(dir: &Path, file: &str, name: &str, mut params: CertificateParams) -> Result<PathBuf, TlsError> {
    let ca_key = dir.join("ca.key");
    let pem = fs::read_to_string(&ca_key).map_err(|_| TlsError::NoCa(ca_key))?;
    let issuer = Issuer::new(ca_params(), KeyPair::from_pem(&pem)?);
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    valid_for(&mut params, Duration::days(398));
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?;
    write_pair(dir, file, &certificate.pem(), &key)
}

fn write_pair(dir: &Path, name: &str, certificate: &str, key: &KeyPair) -> Result<PathBuf, TlsError> {
    write_new(&dir.join(format!("{name}.key")), 0o600, &key.serialize_pem())?;
    let path = dir.join(format!("{name}.pem"));
    write_new(&path, 0o644, certificate)?;
    Ok(path)
}

fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), TlsError> {
    let io = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => TlsError::Exists(path.to_owned()),
        _ => TlsError::Io { path: path.to_owned(), source },
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(io)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)
}
