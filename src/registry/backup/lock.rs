//! What a backup is encrypted to: public keys whose private half lies elsewhere, or a passphrase.

use super::BackupError;
use age::secrecy::{ExposeSecret, SecretString};
use age::x25519::{Identity, Recipient};
use age::{Decryptor, Encryptor, scrypt};
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// scrypt's work, as a power of two, that a file may ask of us: about ten seconds.
const MOST_WORK: u8 = 22;
/// The shortest passphrase that is taken.
const LEAST_PASSPHRASE: usize = 16;
/// Octets of a key or passphrase file, at most.
const MAX_FILE: u64 = 64 << 10;

/// Encrypts a backup.
pub enum Lock {
    /// To public keys: whoever has one of the private keys can open it.
    Recipients(Vec<Recipient>),
    /// To a passphrase.
    Passphrase(SecretString),
}

/// Opens a backup.
pub enum Key {
    /// Private keys.
    Identities(Vec<Identity>),
    /// A passphrase.
    Passphrase(SecretString),
}

fn text(path: &Path) -> Result<Zeroizing<String>, BackupError> {
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path).map_err(super::file(path))?;
    file.take(MAX_FILE).read_to_string(&mut text).map_err(super::file(path))?;
    Ok(text)
}

/// The lines of an age file that are neither empty nor a comment.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn passphrase(path: &Path) -> Result<SecretString, BackupError> {
    let text = text(path)?;
    let phrase = text.trim_end_matches(['\n', '\r']);
    if phrase.chars().count() < LEAST_PASSPHRASE {
        let why =
            format!("{}: a passphrase must have at least {LEAST_PASSPHRASE} characters", path.display());
        return Err(BackupError::Refused(why));
    }
    Ok(SecretString::from(phrase.to_owned()))
}

impl Lock {
    /// To public keys (`age1…`).
    ///
    /// # Errors
    /// When one is none, or there is none.
    pub fn to_recipients(recipients: &[String]) -> Result<Self, BackupError> {
        let parse = |text: &String| {
            text.trim()
                .parse()
                .map_err(|e| BackupError::Refused(format!("{text:?} is no age public key: {e}")))
        };
        let all: Vec<Recipient> = recipients.iter().map(parse).collect::<Result<_, _>>()?;
        if all.is_empty() {
            return Err(BackupError::Refused(
                "name whom the backup is for: --recipient or --passphrase-file".into(),
            ));
        }
        Ok(Self::Recipients(all))
    }

    /// To the passphrase in a file.
    ///
    /// # Errors
    /// When the file cannot be read or the passphrase is short.
    pub fn to_passphrase(path: &Path) -> Result<Self, BackupError> {
        passphrase(path).map(Self::Passphrase)
    }

    pub(super) fn encryptor(self) -> Result<Encryptor, BackupError> {
        match self {
            Self::Recipients(all) => Encryptor::with_recipients(all.iter().map(|r| r as &dyn age::Recipient))
                .map_err(|e| BackupError::Archive(e.to_string())),
            Self::Passphrase(phrase) => Ok(Encryptor::with_user_passphrase(phrase)),
        }
    }
}

impl Key {
    /// The private keys in a file, as `hufu backup key` and `age-keygen` write it.
    ///
    /// # Errors
    /// When the file cannot be read or holds none.
    pub fn from_file(path: &Path) -> Result<Self, BackupError> {
        let text = text(path)?;
        let unfit = |why: &str| BackupError::Refused(format!("{}: {why}", path.display()));
        let all: Vec<Identity> = lines(&text).map(str::parse).collect::<Result<_, _>>().map_err(unfit)?;
        if all.is_empty() { Err(unfit("no private key in it")) } else { Ok(Self::Identities(all)) }
    }

    /// The passphrase in a file.
    ///
    /// # Errors
    /// When the file cannot be read or the passphrase is short.
    pub fn from_passphrase(path: &Path) -> Result<Self, BackupError> {
        passphrase(path).map(Self::Passphrase)
    }

    pub(super) fn decrypt<R: Read>(
        &self,
        decryptor: Decryptor<R>,
    ) -> Result<age::stream::StreamReader<R>, BackupError> {
        let opened = match self {
            Self::Identities(all) => decryptor.decrypt(all.iter().map(|i| i as &dyn age::Identity)),
            Self::Passphrase(phrase) => {
                let mut identity = scrypt::Identity::new(phrase.clone());
                identity.set_max_work_factor(MOST_WORK);
                decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))
            }
        };
        opened.map_err(|e| BackupError::Archive(e.to_string()))
    }
}

/// Makes a key pair: the private key into a new file that only its owner can read, the public key as the answer.
///
/// # Errors
/// When the file is there already or cannot be written.
pub fn new_key(path: &Path) -> Result<String, BackupError> {
    let identity = Identity::generate();
    let public = identity.to_public().to_string();
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o400).open(path).map_err(super::file(path))?;
    let text = Zeroizing::new(format!("# public key: {public}\n{}\n", identity.to_string().expose_secret()));
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(super::file(path))?;
    Ok(public)
}
