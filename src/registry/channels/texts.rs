//! The channel files as they were read once: what a reload hands on, what admins accept, and what is kept of it, are the same.

use super::file::FileProblem;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// All files together are handed to the network process in one message.
const MAX_ALL: usize = 96 * 1024;

/// More channels than this are a mistake.
const MAX_CHANNELS: usize = 64;

/// The files of `channels.d/` by name, each its text or why it could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Texts(pub(super) BTreeMap<String, Result<String, String>>);

impl Texts {
    /// Reads the folder; one that is not there holds none.
    ///
    /// # Errors
    /// When the folder cannot be read, or its files are too many or too large.
    pub fn read(dir: &Path) -> Result<Self, FileProblem> {
        let problem = |reason: String| FileProblem { file: dir.to_owned(), reason };
        let entries = match std::fs::read_dir(dir) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            other => other.map_err(|e| problem(e.to_string()))?,
        };
        let mut texts = BTreeMap::new();
        let mut left = MAX_ALL;
        for entry in entries {
            let path = entry.map_err(|e| problem(e.to_string()))?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let mut text = String::new();
            let read = std::fs::File::open(&path)
                .and_then(|file| file.take(MAX_ALL as u64 + 1).read_to_string(&mut text))
                .map(|_| text)
                .map_err(|e| e.to_string());
            let size = read.as_ref().map_or(0, String::len);
            left = left
                .checked_sub(size)
                .ok_or_else(|| problem(format!("more than {MAX_ALL} bytes of channel files")))?;
            texts.insert(name, read);
        }
        if texts.len() > MAX_CHANNELS {
            return Err(problem(format!("{} channel files; at most {MAX_CHANNELS} are read", texts.len())));
        }
        Ok(Self(texts))
    }

    /// Those that are TOML.
    pub fn tables(&self) -> Vec<toml::Table> {
        self.0.values().filter_map(|text| text.as_ref().ok()?.parse().ok()).collect()
    }

    /// SHA-256 over names and texts, lower hex: what admins accept.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (name, text) in &self.0 {
            for part in [name.as_str(), text.as_ref().map_or("", String::as_str)] {
                hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                hash.update(part);
            }
        }
        hex::encode(hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn any_change_has_another_digest() {
        let dir = tempfile::tempdir().unwrap();
        let read = || Texts::read(dir.path()).unwrap().digest();
        let mut seen = vec![read()];
        for (name, text) in [("a.toml", "x"), ("a.toml", "y"), ("b.toml", "y"), ("b.toml", "")] {
            std::fs::write(dir.path().join(name), text).unwrap();
            let digest = read();
            assert!(!seen.contains(&digest), "{name} {text}");
            seen.push(digest);
        }
        std::fs::write(dir.path().join("c.toml.example"), "x").unwrap();
        assert!(seen.contains(&read()), "an example is no channel");
    }
}
