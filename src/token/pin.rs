//! Reading the PIN.

use super::settings::PinSource;
use cryptoki::types::AuthPin;
use rustix::fs::{Mode, OFlags};
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The variable in which the service manager says where its credentials are (systemd.exec(5)).
pub const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// A longer PIN is a wrong file.
const MAX_PIN: u64 = 256;

/// Why there is no PIN. Never shows any of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// The file cannot be opened or read.
    #[error("PIN file {0}: {1}")]
    File(PathBuf, std::io::Error),
    /// Group or others may read it, or it is no regular file.
    #[error("PIN file {0} must be a regular file of mode 0400 or 0600")]
    Mode(PathBuf),
    /// It is empty, too long or not UTF-8.
    #[error("PIN file {0} holds no PIN")]
    Content(PathBuf),
    /// The service manager gave no credentials.
    #[error("no credentials directory; start through systemd or use a PIN file")]
    NoCredentials,
}

/// Reads the PIN: the first line, without its line end.
///
/// # Errors
/// See [`PinError`].
pub fn read(source: &PinSource) -> Result<AuthPin, PinError> {
    match source {
        PinSource::File(path) => read_file(path, true),
        PinSource::Credential(name) => {
            // The service manager answers for this folder's access.
            read_file(&credential(name).ok_or(PinError::NoCredentials)?, false)
        }
    }
}

/// The file of a credential; `None` where the service manager gave none.
pub fn credential(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(CREDENTIALS)?;
    Some(Path::new(&folder).join(Path::new(name).file_name()?))
}

fn read_file(path: &Path, strict: bool) -> Result<AuthPin, PinError> {
    let failed = |error: std::io::Error| PinError::File(path.to_owned(), error);
    // O_NONBLOCK: a FIFO in its place must not hang the start.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let descriptor = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed(e.into()))?;
    let file = std::fs::File::from(descriptor);
    let mode = rustix::fs::fstat(&file).map_err(|e| failed(e.into()))?.st_mode;
    let regular = rustix::fs::FileType::from_raw_mode(mode) == rustix::fs::FileType::RegularFile;
    if !regular || (strict && mode & 0o077 != 0) {
        return Err(PinError::Mode(path.to_owned()));
    }
    let mut text = Zeroizing::new(String::with_capacity(512));
    file.take(MAX_PIN + 1).read_to_string(&mut text).map_err(failed)?;
    let pin = text.lines().next().unwrap_or_default();
    if pin.is_empty() || text.len() as u64 > MAX_PIN {
        return Err(PinError::Content(path.to_owned()));
    }
    Ok(AuthPin::from(pin))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::os::unix::fs::PermissionsExt;

    fn pin_file(text: &str, mode: u32) -> (tempfile::TempDir, PinSource) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, PinSource::File(path))
    }

    #[test]
    fn the_first_line_of_a_private_file_is_the_pin() {
        let (_folder, source) = pin_file("12 34\n", 0o400);
        assert_eq!(read(&source).unwrap().expose_secret(), "12 34");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        for mode in [0o440, 0o404, 0o644] {
            let (_folder, source) = pin_file("1234\n", mode);
            assert!(matches!(read(&source), Err(PinError::Mode(_))), "{mode:o}");
        }
    }

    #[test]
    fn empty_and_endless_files_and_folders_are_refused() {
        for text in ["", "\n", &"1".repeat(300)] {
            let (_folder, source) = pin_file(text, 0o400);
            assert!(matches!(read(&source), Err(PinError::Content(_))));
        }
        let (folder, _) = pin_file("1", 0o400);
        assert!(matches!(read(&PinSource::File(folder.path().to_owned())), Err(PinError::Mode(_))));
    }
}
