//! Commands that need the appliance: the serving one through its admin socket, or the parts of a stopped one.

use super::Failure;
use crate::conf::Site;
use crate::registry::admin::{AdminError, Target};
use crate::supervisor;
use std::io::ErrorKind;
use std::path::Path;

/// Runs `command` with the appliance that `HUFU_REMOTE` names, or with the one of this machine through its admin socket. If
/// that does not serve, one without public listeners is started for the time of the command.
pub(super) fn with_appliance<T>(
    file: &Path,
    command: impl FnOnce(&Target) -> Result<T, AdminError>,
) -> Result<T, Failure> {
    if let Some(remote) = Target::from_environment()? {
        return Ok(command(&remote)?);
    }
    let socket = Site::read(file)?.admin_socket();
    let target = Target::Socket(socket.clone());
    // Closed before the command: the appliance would wait for what this connection never says.
    match std::os::unix::net::UnixStream::connect(&socket).map(drop) {
        Ok(()) => Ok(command(&target)?),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            let mut answer = None;
            supervisor::run(
                super::serve::settings(file, super::serve::Listeners::AdminSocketOnly)?,
                |_| {
                    answer = Some(command(&target));
                    // The supervisor stops as an operator would stop it.
                    let _ = rustix::process::kill_process(
                        rustix::process::getpid(),
                        rustix::process::Signal::TERM,
                    );
                },
                || Err("one command only".into()),
            )?;
            Ok(answer.ok_or("the appliance stopped before the command was given")??)
        }
        Err(error) => Err(format!("{}: {error}", socket.display()).into()),
    }
}
