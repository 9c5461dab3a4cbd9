//! The admin socket: commands of this program to the serving network process. A Unix socket that nobody else may open; one
//! JSON request per connection, one JSON answer.

use crate::audit::Actor;
use crate::ops::{AppChange, AppView, Appliance, Call, ImportLine, IssuedKey, NewApp, RenewOrder};
use hufu_api::{Entropy, RequestId, RevocationReason};
use rustix::net::sockopt::socket_peercred;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Octets of a request or answer, at most.
const MAX_MESSAGE: u64 = 16 << 20;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Add an app, then change it as wanted. Answered by [`IssuedKey`].
    AddApp(NewApp, Box<AppChange>),
    /// All apps. Answered by a list of [`AppView`].
    ListApps,
    /// Change an app. Answered by [`AppView`].
    SetApp(String, Box<AppChange>),
    /// A new appKey; at once or with overlap. Answered by [`IssuedKey`].
    RotateKey(String, bool),
    /// 应用清库. Answered by the number of rows removed.
    PurgeApp(String),
    /// Take one record of an older installation into an app. Answered by null.
    Import(String, Box<ImportLine>),
    /// Revoke a certificate of an app by its number. Answered by null.
    RevokeCertificate(String, u64, RevocationReason),
    /// A new archival time stamp for a file, if that is due. Answered by [`crate::ops::RenewOutcome`].
    Renew(RenewOrder),
    /// Who stands behind a number or its hash in the log. Answered by [`crate::ops::Identified`].
    Identify(String),
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The socket is not there or does not answer.
    #[error("admin socket: {0}")]
    Socket(#[from] io::Error),
    /// The appliance refused.
    #[error("{0}")]
    Refused(String),
    /// The answer is not what was expected; another version of the program may be serving.
    #[error("unexpected answer: {0}")]
    Answer(#[from] serde_json::Error),
}

type Answer = Result<serde_json::Value, String>;

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
    let operator = Actor {
        from: Some("socket".into()),
        operator: Some(format!("uid {}", peer.uid.as_raw())),
        ..Actor::default()
    };
    let answer: Answer = match serde_json::from_slice(&text) {
        Ok(command) => carry_out(appliance, &Call::operator(request, PATIENCE), &operator, command),
        Err(error) => Err(format!("not a command of this version: {error}")),
    };
    stream.write_all(&serde_json::to_vec(&answer)?)?;
    stream.shutdown(Shutdown::Write)
}

fn carry_out(appliance: &Appliance, call: &Call, operator: &Actor, command: Command) -> Answer {
    let refused = |error: crate::ops::Error| error.to_string();
    match command {
        Command::AddApp(new, change) => {
            let issued = appliance.add_app(call, operator, new).map_err(refused)?;
            appliance.set_app(call, operator, &issued.app, *change).map_err(refused)?;
            json(&issued)
        }
        Command::ListApps => json(&appliance.app_views().map_err(refused)?),
        Command::SetApp(id, change) => {
            json(&appliance.set_app(call, operator, &id, *change).map_err(refused)?)
        }
        Command::RotateKey(id, at_once) => {
            json(&appliance.rotate_app_key(call, operator, &id, at_once).map_err(refused)?)
        }
        Command::PurgeApp(id) => json(&appliance.purge_app(call, operator, &id).map_err(refused)?),
        Command::Import(app, line) => json(&appliance.import(call, operator, &app, *line).map_err(refused)?),
        Command::Renew(order) => json(&appliance.renew_file(call, operator, &order).map_err(refused)?),
        Command::Identify(asked) => json(&appliance.identify(call, operator, &asked).map_err(refused)?),
        Command::RevokeCertificate(app, id, reason) => {
            json(&appliance.revoke_certificate(call, &app, id, reason).map_err(refused)?)
        }
    }
}

fn json<T: Serialize>(value: &T) -> Answer {
    serde_json::to_value(value).map_err(|e| e.to_string())
}

/// Gives a command to the appliance that serves at `socket`.
///
/// # Errors
/// See [`AdminError`].
pub fn ask<T: DeserializeOwned>(socket: &Path, command: &Command) -> Result<T, AdminError> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&serde_json::to_vec(command)?)?;
    stream.shutdown(Shutdown::Write)?;
    let mut text = Vec::new();
    stream.take(MAX_MESSAGE).read_to_end(&mut text)?;
    let answer: Answer = serde_json::from_slice(&text)?;
    Ok(serde_json::from_value(answer.map_err(AdminError::Refused)?)?)
}

/// What [`Command::AddApp`] and [`Command::RotateKey`] answer.
pub type Issued = IssuedKey;

/// What [`Command::ListApps`] and [`Command::SetApp`] answer.
pub type View = AppView;
