//! The admin socket: commands of this program to the serving network process. A Unix socket that nobody else may open; one
//! JSON request per connection, one JSON answer.

use crate::ops::{AppView, Appliance, Call, Done, IssuedKey, Request, Who};
use hufu_api::{Entropy, RequestId};
use hufu_https::{Client, Scheme, Tls};
use rustix::net::sockopt::socket_peercred;
use serde::de::DeserializeOwned;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use crate::ops::Command;

/// Octets of a request or answer, at most.
const MAX_MESSAGE: u64 = 16 << 20;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where an appliance takes commands.
#[derive(Clone, Debug)]
pub enum Target {
    /// On this machine, at its admin socket.
    Socket(PathBuf),
    /// Elsewhere, over mutual TLS with an operator's certificate.
    Remote {
        /// `https://HOST:PORT/SERVICE`
        url: String,
        /// An HTTPS client with that certificate.
        client: Box<Client>,
    },
}

impl Target {
    /// The appliance that the environment names: `HUFU_REMOTE` (its address), `HUFU_REMOTE_CA`, `HUFU_OPERATOR_CERT` and
    /// `HUFU_OPERATOR_KEY` (PEM files). `None` where it names none.
    ///
    /// # Errors
    /// When a file is missing or unusable.
    pub fn from_environment() -> Result<Option<Self>, String> {
        let Ok(url) = std::env::var("HUFU_REMOTE") else { return Ok(None) };
        let file = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let tls = Tls {
            roots: file("HUFU_REMOTE_CA"),
            certificate: file("HUFU_OPERATOR_CERT"),
            key: file("HUFU_OPERATOR_KEY"),
        };
        if tls.certificate.is_none() {
            return Err(
                "HUFU_REMOTE is set: HUFU_OPERATOR_CERT and HUFU_OPERATOR_KEY must name your certificate and key".into()
            );
        }
        let here = std::env::current_dir().map_err(|e| e.to_string())?;
        let client = Client::new(&tls, &here, Scheme::HttpsOnly).map_err(|e| e.to_string())?;
        Ok(Some(Self::Remote { url: url.trim_end_matches('/').to_owned(), client: Box::new(client) }))
    }
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The socket is not there or does not answer.
    #[error("admin socket: {0}")]
    Socket(#[from] io::Error),
    /// The appliance elsewhere does not answer.
    #[error("{0}")]
    Remote(String),
    /// The appliance refused.
    #[error("{0}")]
    Refused(String),
    /// Others must agree first.
    #[error(
        "request {} waits: {} of {} approvals. Admins agree in the console or with `hufu approval approve {}`; then you run \
         `hufu approval run {}`", .0.id, .0.approvals.len(), .0.needed, .0.id, .0.id
    )]
    Waits(Box<Request>),
    /// The answer is not what was expected; another version of the program may be serving.
    #[error("unexpected answer: {0}")]
    Answer(#[from] serde_json::Error),
}

/// The listening socket; removed when dropped.
#[derive(Debug)]
pub(super) struct Listening(std::path::PathBuf);

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Listens for commands, each on a thread of its own; there are few.
pub(super) fn listen(
    path: &Path,
    appliance: Arc<Appliance>,
    entropy: Arc<dyn Entropy>,
) -> io::Result<Listening> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    std::thread::Builder::new().name("admin".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let (appliance, entropy) = (Arc::clone(&appliance), Arc::clone(&entropy));
            let one = move || {
                if let Err(error) = serve(&stream, &appliance, entropy.as_ref()) {
                    tracing::warn!(%error, "admin command");
                }
            };
            if let Err(error) = std::thread::Builder::new().name("admin-command".into()).spawn(one) {
                tracing::warn!(%error, "admin command");
            }
        }
    })?;
    Ok(Listening(path.to_owned()))
}

fn serve(mut stream: &UnixStream, appliance: &Appliance, entropy: &dyn Entropy) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    let peer = socket_peercred(stream)?;
    let ours = rustix::process::geteuid();
    if peer.uid != ours && !peer.uid.is_root() {
        return Err(io::Error::other(format!("user {} may not give commands", peer.uid.as_raw())));
    }
    let mut text = Vec::new();
    stream.take(MAX_MESSAGE).read_to_end(&mut text)?;
    if text.is_empty() {
        // Somebody looked whether an appliance serves here.
        return Ok(());
    }
    let mut id = [0; 16];
    entropy.fill(&mut id).map_err(io::Error::other)?;
    let request = RequestId(u128::from_be_bytes(id));
    let who = Who::Local(peer.uid.as_raw());
    let done = match serde_json::from_slice(&text) {
        Ok(command) => appliance
            .command(&Call::operator(request, PATIENCE), &who, command)
            .unwrap_or_else(|error| Done::Refused(error.to_string())),
        Err(error) => Done::Refused(format!("not a command of this version: {error}")),
    };
    stream.write_all(&serde_json::to_vec(&done)?)?;
    stream.shutdown(Shutdown::Write)
}

/// Gives a command to the appliance that serves there.
///
/// # Errors
/// See [`AdminError`].
pub fn ask<T: DeserializeOwned>(target: &Target, command: &Command) -> Result<T, AdminError> {
    let command = serde_json::to_vec(command)?;
    let text = match target {
        Target::Socket(socket) => over_socket(socket, &command)?,
        Target::Remote { url, client } => over_https(url, client, &command)?,
    };
    match serde_json::from_slice(&text)? {
        Done::Answer(value) => Ok(serde_json::from_value(value)?),
        Done::Waits(request) => Err(AdminError::Waits(request)),
        Done::Refused(why) => Err(AdminError::Refused(why)),
    }
}

fn over_socket(socket: &Path, command: &[u8]) -> Result<Vec<u8>, AdminError> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(command)?;
    stream.shutdown(Shutdown::Write)?;
    let mut text = Vec::new();
    stream.take(MAX_MESSAGE).read_to_end(&mut text)?;
    Ok(text)
}

fn over_https(url: &str, client: &Client, command: &[u8]) -> Result<Vec<u8>, AdminError> {
    let far = |why: String| AdminError::Remote(format!("{url}: {why}"));
    let deadline =
        Instant::now().checked_add(PATIENCE).ok_or_else(|| far("the clock is at its end".into()))?;
    let call = hufu_https::Call {
        method: "POST",
        url: &format!("{url}/console/api/command"),
        headers: &[("Content-Type".into(), "application/json".into()), ("Hufu-Console".into(), "1".into())],
        body: Some(command),
        limit: MAX_MESSAGE,
    };
    let cx = hufu_api::Cx { request: RequestId(0), deadline };
    let answer = client.call(cx, &call).map_err(|e| far(e.to_string()))?;
    match answer.status {
        200 => Ok(answer.body),
        403 => Err(far("your certificate is no operator's there".into())),
        status => Err(far(format!("status {status}"))),
    }
}

/// What [`Command::AddApp`] and [`Command::RotateKey`] answer.
pub type Issued = IssuedKey;

/// What [`Command::ListApps`] and [`Command::SetApp`] answer.
pub type View = AppView;
