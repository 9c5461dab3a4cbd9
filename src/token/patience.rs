//! Patience with a module while its worker starts. Nobody asks a worker that is not ready whether it lives, so one whose module does
//! not come back from a call ends itself, and the supervisor starts another.

use super::module::OpenError;
use crate::ipc::child::Voice;
use crate::ipc::control::FromChild;
use flume::{RecvTimeoutError, bounded};
use std::time::Duration;

/// To load the module, log in and read the keys: slow with a vendor's library, and with very many keys.
pub(super) const OPENING: Duration = Duration::from_secs(300);
/// For one test signature: as long as a serving worker is given for it.
pub(super) const ONE_CALL: Duration = Duration::from_secs(6);

/// Does a step of the start; the process ends if that takes longer than `limit`.
///
/// # Errors
/// [`OpenError::Token`] when no thread can be had.
pub(super) fn within<T>(
    limit: Duration,
    voice: &Voice,
    step: &'static str,
    work: impl FnOnce() -> T,
) -> Result<T, OpenError> {
    let (done, waiting) = bounded::<()>(0);
    let voice = voice.clone();
    std::thread::Builder::new()
        .name("token-start".into())
        .spawn(move || {
            if waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                voice.say(&FromChild::Failed(format!("the PKCS#11 module does not come back: {step}")));
                end_at_once();
            }
        })
        .map_err(|error| OpenError::Token(format!("thread: {error}")))?;
    let result = work();
    drop(done);
    Ok(result)
}

/// Ends the process without the module's destructors, which may wait for the call that does not come back.
pub(super) fn end_at_once() {
    tracing::error!("a call does not come back from the PKCS#11 module");
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
}
