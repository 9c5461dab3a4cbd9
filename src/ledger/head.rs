//! The head file: size and root of the last acknowledged batch, outside sled.
//!
//! sled silently drops what it takes for a torn tail. The head, written after every synced batch and before its answers,
//! tells a torn tail that nobody was promised from one that was. It has two halves, written in turn, each with a checksum: a
//! write that was cut short leaves the other half, and with it the batch before, which is the last that was acknowledged.

use super::Folder;
use crate::tlog::Hash;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

const MAGIC: &str = "hufu-audit-head-v2";
/// Octets of one half, a sector of a disk.
const HALF: usize = 512;

/// A tree's size and root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) root: Hash,
}

/// What the file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heads {
    /// The newer half that holds.
    pub(super) newest: Option<Head>,
    /// Whether a half is there that does not hold: a write that was cut short, or somebody else's hand.
    pub(super) torn: bool,
}

/// The open file, overwritten in place.
#[derive(Debug)]
pub(super) struct HeadFile {
    file: File,
    second: Cell<bool>,
}

impl HeadFile {
    /// Opens it for writing, and makes it if it is missing. The older half, or one that does not hold, is overwritten first.
    pub(super) fn open(folder: &Folder) -> io::Result<Self> {
        let halves = read(folder)?;
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.head())?;
        let size = |half: Option<&Option<Head>>| half.copied().flatten().map(|head| head.size);
        let second = size(halves.get(1)) <= size(halves.first()) && size(halves.first()).is_some();
        Ok(Self { file, second: Cell::new(second) })
    }

    pub(super) fn write(&self, head: Head) -> io::Result<()> {
        let offset = if self.second.get() { u64::try_from(HALF).unwrap_or(512) } else { 0 };
        self.file.write_all_at(&head.half(), offset)?;
        self.second.set(!self.second.get());
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl Head {
    /// Magic, size, root and checksum in words, blanks, a line end: always as long.
    fn half(&self) -> Vec<u8> {
        let words = format!("{MAGIC} {:020} {}", self.size, hex::encode(self.root));
        let sum = hex::encode(Sha256::digest(words.as_bytes()));
        format!("{:<width$}\n", format!("{words} {sum}"), width = HALF - 1).into_bytes()
    }

    fn parse(half: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(half).ok()?.split_ascii_whitespace();
        let (Some(MAGIC), Some(size), Some(root)) = (words.next(), words.next(), words.next()) else {
            return None;
        };
        let mut head = Self { size: size.parse().ok()?, root: [0; 32] };
        hex::decode_to_slice(root, &mut head.root).ok()?;
        (head.half() == half).then_some(head)
    }
}

/// The halves that are there; `None` for one that does not hold.
fn read(folder: &Folder) -> io::Result<Vec<Option<Head>>> {
    match fs::read(folder.head()) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => Ok(other?.chunks(HALF).map(Head::parse).collect()),
    }
}

impl Heads {
    /// Reads the file; nothing if it is not there or empty.
    pub(super) fn read(folder: &Folder) -> io::Result<Self> {
        let halves = read(folder)?;
        let newest = halves.iter().flatten().max_by_key(|head| head.size).copied();
        Ok(Self { newest, torn: halves.iter().any(Option::is_none) || halves.len() > 2 })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn head(size: u64) -> Head {
        Head { size, root: [7; 32] }
    }

    #[test]
    fn a_write_that_is_cut_short_leaves_the_one_before() {
        let tmp = tempfile::TempDir::new().unwrap();
        let folder = Folder::new(tmp.path());
        assert_eq!(Heads::read(&folder).unwrap(), Heads::default());
        let file = HeadFile::open(&folder).unwrap();
        for size in 1..=5 {
            file.write(head(size)).unwrap();
            assert_eq!(Heads::read(&folder).unwrap().newest, Some(head(size)));
            let good = fs::read(folder.head()).unwrap();
            for cut in [1, 39, 100, 160] {
                let mut torn = good.clone();
                let half = HeadFile::open(&folder).unwrap().second.get();
                let at = if half { HALF } else { 0 };
                let next = head(size + 1).half();
                torn.resize(torn.len().max(at + cut), 0);
                torn[at..at + cut].copy_from_slice(&next[..cut]);
                fs::write(folder.head(), &torn).unwrap();
                assert_eq!(Heads::read(&folder).unwrap().newest, Some(head(size)), "{size}, {cut} octets");
                fs::write(folder.head(), &good).unwrap();
            }
            // Opened again, it goes on in the other half.
            assert_eq!(HeadFile::open(&folder).unwrap().second.get(), size % 2 == 1);
        }
    }
}
