//! The admin socket: how the operator's commands read the log of a serving appliance.
//!
//! A Unix socket of mode 0600 inside the audit writer's process. Only the appliance's own user and root get in, and they
//! can only read.

use super::server::{Role, Service};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

/// Listens on `path` until the process ends. What lies there from an earlier life is replaced.
///
/// # Errors
/// When the socket cannot be made.
pub fn listen(path: &Path, service: Arc<Service>) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    std::thread::Builder::new().name("audit-admin".into()).spawn(move || {
        for stream in listener.incoming() {
            let served = stream.and_then(|stream| {
                if may_enter(&stream)? { service.serve(stream, Role::Admin) } else { Ok(()) }
            });
            if let Err(error) = served {
                tracing::warn!(%error, "admin connection failed");
                // Out of descriptors, most likely: do not spin.
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        }
    })?;
    Ok(())
}

fn may_enter(stream: &UnixStream) -> io::Result<bool> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?.uid;
    let entered = peer.is_root() || peer == rustix::process::geteuid();
    if !entered {
        tracing::warn!(uid = peer.as_raw(), "admin connection refused");
    }
    Ok(entered)
}
