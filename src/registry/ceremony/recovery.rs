//! Recovery components: what custodians keep so that a fresh token can take the lost one's keys in.
//!
//! The recovery key is the XOR of all components, so that every custodian is needed and none alone knows anything. Under it
//! the ceremony wraps each key that it makes into `pki/recovery.json`, which backups hold.

use super::{CeremonyError, write_json};
use crate::token::recovery::{Keep, Recoverable, RecoveryKey};
use hmac::{Hmac, Mac};
use hufu_api::Entropy;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The file of wrapped keys, in the folder of the PKI.
pub const FILE: &str = "recovery.json";
/// Custodians, at most.
const MOST: usize = 16;
/// Octets of a component's file, at most.
const MAX_COMPONENT: u64 = 4096;
/// The first word of a component.
const WORD: &str = "hufu-recovery";

/// A wrapped key and whose token it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The token's name in the configuration.
    pub seat: String,
    /// The key.
    pub key: Recoverable,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    /// Which recovery key: see [`RecoveryKey::check_value`].
    check_value: String,
    keys: Vec<Saved>,
    /// HMAC-SHA256 over the keys, under a key that only the components give.
    mac: String,
}

/// The components, put together.
#[derive(Clone)]
pub struct Recovery {
    key: RecoveryKey,
    file: PathBuf,
}

fn unfit(path: &Path, reason: impl Into<String>) -> CeremonyError {
    CeremonyError::Recovery { path: path.to_owned(), reason: reason.into() }
}

impl Recovery {
    /// Puts the components together, or makes them if none of the files is there yet; also says whether they are new.
    ///
    /// # Errors
    /// [`CeremonyError::Recovery`] when some are there and others not, or one is unfit.
    pub fn of(
        components: &[PathBuf],
        file: PathBuf,
        entropy: &dyn Entropy,
    ) -> Result<(Self, bool), CeremonyError> {
        let there = components.iter().filter(|path| path.exists()).count();
        let first = components.first().ok_or_else(|| unfit(&file, "no component"))?;
        if components.len() > MOST {
            return Err(unfit(first, format!("at most {MOST} components")));
        }
        if there == 0 && file.exists() {
            return Err(unfit(first, "not there, but keys are wrapped under earlier components already"));
        }
        if there == 0 {
            let key = make(components, entropy)?;
            return Ok((Self { key, file }, true));
        }
        if let Some(missing) = components.iter().find(|path| !path.exists()) {
            return Err(unfit(missing, "not there, while other components are"));
        }
        let recovery = Self { key: join(components)?, file };
        recovery.read()?;
        Ok((recovery, false))
    }

    /// The key.
    pub fn key(&self) -> &RecoveryKey {
        &self.key
    }

    /// The wrapped keys.
    ///
    /// # Errors
    /// When the file cannot be read, was changed, or belongs to other components.
    pub fn saved(&self) -> Result<Vec<Saved>, CeremonyError> {
        Ok(self.read()?.keys)
    }

    fn read(&self) -> Result<File, CeremonyError> {
        let text = match fs::read(&self.file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(File::default()),
            other => other.map_err(|source| CeremonyError::Io { path: self.file.clone(), source })?,
        };
        let file: File = serde_json::from_slice(&text).map_err(|e| unfit(&self.file, e.to_string()))?;
        if file.check_value != self.key.check_value() {
            let why = format!("belongs to the components with check value {}", file.check_value);
            return Err(unfit(&self.file, why));
        }
        let mac = hex::decode(&file.mac).unwrap_or_default();
        self.mac(&file.keys)?.verify_slice(&mac).map_err(|_| unfit(&self.file, "was changed"))?;
        Ok(file)
    }

    fn mac(&self, keys: &[Saved]) -> Result<Hmac<Sha256>, CeremonyError> {
        let broken = |e: &dyn std::fmt::Display| unfit(&self.file, e.to_string());
        let mut derived = Zeroizing::new([0; 32]);
        let mac = Hmac::<Sha256>::new_from_slice(self.key.octets()).map_err(|e| broken(&e))?;
        derived.copy_from_slice(&mac.chain_update(b"hufu recovery file 1").finalize().into_bytes());
        let mac = Hmac::<Sha256>::new_from_slice(derived.as_slice()).map_err(|e| broken(&e))?;
        Ok(mac.chain_update(serde_json::to_vec(keys).map_err(|e| broken(&e))?))
    }

    fn add(&self, seat: &str, key: Recoverable) -> Result<(), CeremonyError> {
        let mut file = self.read()?;
        file.keys.retain(|saved| saved.seat != seat || saved.key.label != key.label);
        file.keys.push(Saved { seat: seat.to_owned(), key });
        file.check_value = self.key.check_value();
        file.mac = hex::encode(self.mac(&file.keys)?.finalize().into_bytes());
        write_json(&self.file, &file)
    }

    /// What a ceremony in that token hands its keys to.
    pub fn keep(&self, seat: &'static str) -> Keep {
        let this = self.clone();
        Box::new(move |key| this.add(seat, key).map_err(|e| e.to_string()))
    }
}

fn check(place: &str, octets: &str) -> String {
    let digest = Sha256::new().chain_update(place).chain_update([0]).chain_update(octets).finalize();
    hex::encode(digest.get(..4).unwrap_or_default())
}

/// Random components, each into a file of its own.
fn make(files: &[PathBuf], entropy: &dyn Entropy) -> Result<RecoveryKey, CeremonyError> {
    let mut whole = Zeroizing::new([0; 32]);
    let mut parts = Vec::new();
    for path in files {
        let mut part = Zeroizing::new([0; 32]);
        entropy.fill(part.as_mut_slice()).map_err(|e| unfit(path, e.to_string()))?;
        whole.iter_mut().zip(part.iter()).for_each(|(w, p)| *w ^= p);
        parts.push(part);
    }
    let key = RecoveryKey::new(*whole);
    for ((path, part), number) in files.iter().zip(&parts).zip(1..) {
        let place = format!("{number}/{}", files.len());
        let octets = Zeroizing::new(hex::encode(part.as_slice()));
        let text = Zeroizing::new(format!(
            "# Hufu recovery component {number} of {}. All of them together bring the token's keys back; none alone does.\n\
             # Check value of the recovery key: {}\n{WORD} {place} {} {}\n",
            files.len(),
            key.check_value(),
            octets.as_str(),
            check(&place, &octets)
        ));
        let io = |source| CeremonyError::Io { path: path.clone(), source };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path).map_err(io)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
    }
    Ok(key)
}

/// All components, in any order.
fn join(files: &[PathBuf]) -> Result<RecoveryKey, CeremonyError> {
    let mut whole = Zeroizing::new([0; 32]);
    let mut places = Vec::new();
    for path in files {
        let mut text = Zeroizing::new(String::new());
        let opened = fs::File::open(path).and_then(|f| f.take(MAX_COMPONENT).read_to_string(&mut text));
        opened.map_err(|source| CeremonyError::Io { path: path.clone(), source })?;
        let line = text.lines().find(|line| line.starts_with(WORD));
        let words: Vec<&str> = line.unwrap_or_default().split_ascii_whitespace().collect();
        let [_, place, octets, sum] = words.as_slice() else {
            return Err(unfit(path, "no recovery component"));
        };
        let mut part = Zeroizing::new([0; 32]);
        if *sum != check(place, octets) || hex::decode_to_slice(octets, part.as_mut_slice()).is_err() {
            return Err(unfit(path, "miswritten: its check does not fit"));
        }
        whole.iter_mut().zip(part.iter()).for_each(|(w, p)| *w ^= p);
        places.push((*place).to_owned());
    }
    places.sort();
    let mut wanted: Vec<String> = (1..=files.len()).map(|n| format!("{n}/{}", files.len())).collect();
    wanted.sort();
    if places != wanted {
        let first = files.first().map(PathBuf::as_path).unwrap_or(Path::new(""));
        return Err(unfit(
            first,
            format!("these are components {}: all of one set are needed", places.join(", ")),
        ));
    }
    Ok(RecoveryKey::new(*whole))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::channels::OsEntropy;
    use crate::token::recovery::{RecoverableKind, SecretUse};

    fn of(files: &[PathBuf], dir: &Path) -> Result<(Recovery, bool), CeremonyError> {
        Recovery::of(files, dir.join(FILE), &OsEntropy::default())
    }

    fn key(label: &str) -> Recoverable {
        let kind = RecoverableKind::Secret(SecretUse::Wrap);
        Recoverable { label: label.into(), kind, blob: vec![1, 2, 3] }
    }

    #[test]
    fn all_components_together_are_the_key_and_fewer_are_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let files: Vec<_> = (1..=3).map(|n| dir.path().join(format!("c{n}"))).collect();
        let (made, new) = of(&files, dir.path()).unwrap();
        assert!(new);
        let turned: Vec<_> = files.iter().rev().cloned().collect();
        let (again, new) = of(&turned, dir.path()).unwrap();
        assert!(!new && again.key().octets() == made.key().octets());
        assert!(of(&files[..2], dir.path()).is_err());
        assert!(of(&[files[0].clone(), files[0].clone(), files[1].clone()], dir.path()).is_err());
        let text = fs::read_to_string(&files[1]).unwrap();
        fs::remove_file(&files[1]).unwrap();
        assert!(of(&files, dir.path()).is_err());
        let mut octets = text.into_bytes();
        let at = octets.len() - 20;
        octets[at] = if octets[at] == b'0' { b'1' } else { b'0' };
        fs::write(&files[1], octets).unwrap();
        assert!(of(&files, dir.path()).err().unwrap().to_string().contains("miswritten"));
    }

    #[test]
    fn wrapped_keys_are_kept_and_a_change_of_their_file_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let files = [dir.path().join("c1")];
        let (recovery, _) = of(&files, dir.path()).unwrap();
        recovery.keep("signer")(key("a")).unwrap();
        recovery.keep("ca")(key("a")).unwrap();
        recovery.keep("ca")(key("a")).unwrap();
        let (recovery, _) = of(&files, dir.path()).unwrap();
        assert_eq!(recovery.saved().unwrap().len(), 2);
        let path = dir.path().join(FILE);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("\"ca\"", "\"tsa\"", 1)).unwrap();
        assert!(of(&files, dir.path()).err().unwrap().to_string().contains("was changed"));
        fs::write(&path, text).unwrap();
        fs::remove_file(&files[0]).unwrap();
        assert!(of(&files, dir.path()).is_err(), "new components would hide what the lost ones open");
    }
}
