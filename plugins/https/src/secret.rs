//! Secrets from files.

use hufu_api::PluginError;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// No secret is longer than this.
const MAX_SECRET: u64 = 64 * 1024;

/// A secret's bytes, wiped when dropped and never shown by `Debug`.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text without the line end that editors leave.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn text(&self) -> Result<&str, PluginError> {
        let text =
            std::str::from_utf8(&self.0).map_err(|_| PluginError("a secret file is not UTF-8".into()))?;
        Ok(text.trim_end_matches(['\r', '\n']))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Reads a secret from a regular file that only its owner can read.
///
/// # Errors
/// When it cannot be read, is too long, or others may read it.
pub fn read_secret(path: &Path) -> Result<Secret, PluginError> {
    let problem = |e: &dyn std::fmt::Display| PluginError(format!("{}: {e}", path.display()));
    let file = std::fs::File::open(path).map_err(|e| problem(&e))?;
    let about = file.metadata().map_err(|e| problem(&e))?;
    if !about.is_file() || about.permissions().mode() & 0o077 != 0 {
        return Err(problem(&"must be a regular file that only its owner can read (chmod 600)"));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_SECRET + 1).read_to_end(&mut bytes).map_err(|e| problem(&e))?;
    if bytes.len() as u64 > MAX_SECRET {
        return Err(problem(&"too long for a secret"));
    }
    Ok(Secret(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::OpenOptionsExt;

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "s3cret\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_secret(&path).unwrap_err().0.contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let secret = read_secret(&path).unwrap();
        assert_eq!(secret.text().unwrap(), "s3cret");
        assert!(!format!("{secret:?}").contains("s3cret"));
    }

    #[test]
    fn a_secret_has_a_longest_length() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("long");
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .unwrap();
        std::io::Write::write_all(&mut file, &vec![b'x'; 70_000]).unwrap();
        assert!(read_secret(&path).unwrap_err().0.contains("too long"));
    }
}
