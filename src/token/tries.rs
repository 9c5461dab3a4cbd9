//! PIN tries of all processes that use one token: one at a time, and after a refusal none for a while, whoever asks. Tokens
//! lock themselves after few wrong PINs, and a PIN that was changed is wrong for every worker at once.

use rustix::fs::FlockOperation;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The file of one token in which a refusal is noted; locked while a PIN is tried.
#[derive(Clone, Debug)]
pub(super) struct Tries {
    file: PathBuf,
    pause: Duration,
}

/// Why no PIN may be tried now.
#[derive(Debug)]
pub(super) enum NotNow {
    /// The token refused one so long ago.
    Refused(Duration),
    /// The file cannot be used; without it nobody knows about the others' tries.
    File(PathBuf, io::Error),
}

/// The right to try once; others wait meanwhile.
#[derive(Debug)]
pub(super) struct Try {
    file: File,
}

impl Tries {
    /// Of the token that describes itself so. `folder` is shared by all processes of an installation.
    pub(super) fn of(folder: &Path, token: &str, pause: Duration) -> Self {
        let name = hex::encode(Sha256::digest(token).get(..8).unwrap_or_default());
        Self { file: folder.join(format!("pin-{name}.refused")), pause }
    }

    /// Waits for others' tries to end. An error if one of them, or one of long ago by now, was refused within the pause.
    pub(super) fn begin(&self) -> Result<Try, NotNow> {
        let failed = |error| NotNow::File(self.file.clone(), error);
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).clone();
        let mut file = options.open(&self.file).map_err(failed)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;
        let mut text = String::new();
        (&mut file).take(64).read_to_string(&mut text).map_err(failed)?;
        let ago = text.trim().parse::<u64>().ok().map(|then| now_millis().abs_diff(then));
        match ago.map(Duration::from_millis) {
            Some(ago) if ago < self.pause => Err(NotNow::Refused(ago)),
            _ => Ok(Try { file }),
        }
    }
}

impl Try {
    /// The token refused the PIN.
    pub(super) fn refused(mut self) {
        if let Err(error) = self.note(&now_millis().to_string()) {
            tracing::error!(%error, "a refused PIN is not noted");
        }
    }

    /// The token took it.
    pub(super) fn accepted(mut self) {
        if self.file.metadata().is_ok_and(|meta| meta.len() > 0)
            && let Err(error) = self.note("")
        {
            tracing::warn!(%error, "an earlier refusal is still noted");
        }
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()
    }
}

fn now_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_refusal_holds_everybody_back_for_the_pause() {
        let folder = tempfile::tempdir().unwrap();
        let tries = Tries::of(folder.path(), "token 1", LONG);
        tries.begin().unwrap().accepted();
        tries.begin().unwrap().refused();
        // Another process, later.
        let again = Tries::of(folder.path(), "token 1", LONG);
        assert!(matches!(again.begin(), Err(NotNow::Refused(ago)) if ago < LONG));
        assert!(Tries::of(folder.path(), "token 2", LONG).begin().is_ok());
        let over = Tries::of(folder.path(), "token 1", Duration::ZERO);
        over.begin().unwrap().accepted();
        assert!(again.begin().is_ok());
    }

    #[test]
    fn one_tries_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let tries = Tries::of(folder.path(), "token", LONG);
        let first = tries.begin().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let second = std::thread::spawn(move || tell.send(tries.begin().is_ok()).unwrap());
        assert!(told.try_recv().is_err());
        first.refused();
        assert!(!told.recv().unwrap(), "the second knows of the first's refusal");
        second.join().unwrap();
    }

    #[test]
    fn without_the_file_nothing_is_tried() {
        let tries = Tries::of(Path::new("/nowhere"), "token", LONG);
        assert!(matches!(tries.begin(), Err(NotNow::File(..))));
    }
}
