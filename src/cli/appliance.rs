//! Commands that need the appliance: the serving one through its admin socket, or the parts of a stopped one.

use super::Failure;
use crate::conf::Site;
use crate::registry::admin::AdminError;
use crate::supervisor;
use std::io::ErrorKind;
use std::path::Path;

/// Runs `command` with the admin socket of the appliance. If none serves, one without public listeners is started for the
/// time of the command.
pub(super) fn with_appliance<T>(
    file: &Path,
    command: impl FnOnce(&Path) -> Result<T, AdminError>,
) -> Result<T, Failure> {
    let socket = Site::read(file)?.admin_socket();
    // Closed before the command: the appliance would wait for what this connection never says.
    match std::os::unix::net::UnixStream::connect(&socket).map(drop) {
        Ok(()) => Ok(command(&socket)?),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            let mut answer = None;
            supervisor::run(
                super::serve::settings(file, super::serve::Listeners::AdminSocketOnly)?,
                |_| {
                    answer = Some(command(&socket));
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
