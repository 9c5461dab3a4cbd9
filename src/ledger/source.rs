//! Where the reading commands get the log from: a stopped appliance's folder, a copy of it, or a serving appliance.

use super::client::Client;
use super::log::{LogError, stored_range};
use super::{Folder, Records};
use crate::audit::RecordNumber;
use crate::store::Durable;
use crate::tlog::Hash;
use crate::tlog::merkle::{self, HashSource, ProofError};
use crate::tlog::{leaf_hash, node_hash};
use hufu_api::{Cx, RequestId};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes of records read at a time, about.
const CHUNK_BYTES: usize = 1 << 20;
/// Records read at a time.
const CHUNK: u32 = 4096;
/// A serving appliance is given this long for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A log to read from. Its size is fixed when it is opened or settled, whatever is appended meanwhile.
pub trait Source {
    /// Takes the size anew, where the log can have grown.
    ///
    /// # Errors
    /// When it cannot be had.
    fn settle(&mut self) -> Result<(), LogError> {
        Ok(())
    }

    /// Records in the log, as the source says.
    fn size(&self) -> u64;

    /// Tree head, as the source says.
    fn root(&self) -> Hash;

    /// Some records from `from` on; none only at the end or where one is missing.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(&self, from: RecordNumber) -> Result<Vec<Vec<u8>>, LogError>;

    /// Inclusion proof of a record in the tree of `size`.
    ///
    /// # Errors
    /// When it cannot be made.
    fn inclusion(&self, number: RecordNumber, size: u64) -> Result<Vec<Hash>, LogError>;

    /// Records that lie behind the end, where none should be.
    fn beyond(&self) -> u64 {
        0
    }
}

/// A folder that no process has open. sled is opened as at a start: work on a copy if anything looks wrong.
pub struct Offline {
    records: Records,
    size: u64,
    root: Hash,
    beyond: u64,
    _durable: Durable,
}

impl Offline {
    /// Opens it.
    ///
    /// # Errors
    /// See [`LogError`]; that sled cannot read its files is damage too.
    pub fn open(folder: &Folder) -> Result<Self, LogError> {
        if !folder.sled().join("db").exists() {
            return Err(LogError::Damaged(format!("{} holds no log", folder.path().display())));
        }
        let durable = Durable::open(&folder.sled(), 256 << 20)?;
        let range = stored_range(&durable.reader())?;
        let records = Records::new(durable.reader(), folder.clone());
        let last = records.last()?.map_or(0, |last| last + 1);
        let beyond = last.saturating_sub(range.size());
        Ok(Self { records, size: range.size(), root: range.root(), beyond, _durable: durable })
    }
}

impl Source for Offline {
    fn size(&self) -> u64 {
        self.size
    }

    fn root(&self) -> Hash {
        self.root
    }

    fn read(&self, from: RecordNumber) -> Result<Vec<Vec<u8>>, LogError> {
        self.records.read(from.min(self.size), self.size, 4096, CHUNK_BYTES)
    }

    fn inclusion(&self, number: RecordNumber, size: u64) -> Result<Vec<Hash>, LogError> {
        Ok(merkle::inclusion(&self.records, number, size)?)
    }

    fn beyond(&self) -> u64 {
        self.beyond
    }
}

/// A serving appliance, through the audit writer's admin socket.
pub struct Live {
    client: Client,
    size: u64,
    root: Hash,
}

impl Live {
    /// Connects.
    ///
    /// # Errors
    /// When the socket is not there, or does not answer.
    pub fn connect(socket: &Path) -> Result<Self, LogError> {
        let client = Client::new();
        client.connect(UnixStream::connect(socket)?)?;
        let head = client.head(patient()).map_err(other)?;
        Ok(Self { client, size: head.size, root: head.root })
    }

    /// The client, for a checkpoint.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

fn patient() -> Cx {
    let now = Instant::now();
    Cx { request: RequestId(0), deadline: now.checked_add(PATIENCE).unwrap_or(now) }
}

fn other(error: crate::audit::AuditError) -> LogError {
    LogError::Io(std::io::Error::other(error))
}

impl Source for Live {
    fn settle(&mut self) -> Result<(), LogError> {
        let head = self.client.head(patient()).map_err(other)?;
        (self.size, self.root) = (head.size, head.root);
        Ok(())
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn root(&self) -> Hash {
        self.root
    }

    fn read(&self, from: RecordNumber) -> Result<Vec<Vec<u8>>, LogError> {
        let left = u32::try_from(self.size.saturating_sub(from)).unwrap_or(u32::MAX);
        if left == 0 {
            return Ok(Vec::new());
        }
        self.client.raw(patient(), from, left.min(CHUNK)).map_err(other)
    }

    fn inclusion(&self, number: RecordNumber, size: u64) -> Result<Vec<Hash>, LogError> {
        self.client.inclusion(patient(), number, size).map_err(other)
    }
}

/// Records in memory: what tests change, and what an export holds.
#[derive(Clone, Debug, Default)]
pub struct InMemory {
    /// The records.
    pub records: Vec<Vec<u8>>,
    /// What the source says its tree head is.
    pub root: Hash,
}

impl Source for InMemory {
    fn size(&self) -> u64 {
        u64::try_from(self.records.len()).unwrap_or(u64::MAX)
    }

    fn root(&self) -> Hash {
        self.root
    }

    fn read(&self, from: RecordNumber) -> Result<Vec<Vec<u8>>, LogError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(self.records.iter().skip(from).take(256).cloned().collect())
    }

    fn inclusion(&self, number: RecordNumber, size: u64) -> Result<Vec<Hash>, LogError> {
        Ok(merkle::inclusion(self, number, size)?)
    }
}

impl HashSource for InMemory {
    fn subtree(&self, height: u32, index: u64) -> Result<Hash, ProofError> {
        if height == 0 {
            let record = usize::try_from(index).ok().and_then(|at| self.records.get(at));
            return record
                .map(|r| leaf_hash(r))
                .ok_or_else(|| ProofError::Missing(format!("record {index}")));
        }
        let left = self.subtree(height - 1, index * 2)?;
        Ok(node_hash(&left, &self.subtree(height - 1, index * 2 + 1)?))
    }
}
