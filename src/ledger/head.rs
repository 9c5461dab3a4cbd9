//! The head file: size and root of the last acknowledged batch, outside sled.
//!
//! sled silently drops what it takes for a torn tail. The head, written after every synced batch and before its answers,
//! tells a torn tail that nobody was promised from one that was.

use super::Folder;
use crate::tlog::Hash;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

const MAGIC: &str = "hufu-audit-head-v1";

/// A tree's size and root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) root: Hash,
}

/// The open file, overwritten in place: one short write, which a killed process cannot tear.
#[derive(Debug)]
pub(super) struct HeadFile(File);

impl HeadFile {
    /// Opens it for writing, and makes it if it is missing.
    pub(super) fn open(folder: &Folder) -> io::Result<Self> {
        let options =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.head())?;
        Ok(Self(options))
    }

    pub(super) fn write(&self, head: Head) -> io::Result<()> {
        self.0.write_all_at(head.line().as_bytes(), 0)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

impl Head {
    /// Always of the same length, so that a new line covers the old one.
    fn line(&self) -> String {
        format!("{MAGIC} {:020} {}\n", self.size, hex::encode(self.root))
    }

    /// Reads the file; `Ok(None)` if it is not there or empty.
    pub(super) fn read(folder: &Folder) -> io::Result<Option<Self>> {
        let text = match fs::read_to_string(folder.head()) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        if text.is_empty() {
            return Ok(None);
        }
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "the head file is malformed");
        let mut words = text.trim_end().split(' ');
        let (Some(MAGIC), Some(size), Some(root), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed());
        };
        let mut head = Self { size: size.parse().map_err(|_| malformed())?, root: [0; 32] };
        hex::decode_to_slice(root, &mut head.root).map_err(|_| malformed())?;
        if head.line() == text { Ok(Some(head)) } else { Err(malformed()) }
    }
}
