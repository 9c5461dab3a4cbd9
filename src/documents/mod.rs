//! The document port: how operations read and write the files that clients name.
//!
//! A client's path is either an absolute path below one of the app's document roots, or relative when the app has exactly one
//! root. Whatever it spells (`..`, symlinks), it never leaves the root. Inputs are regular files, read once. Outputs
//! are written whole or not at all: [`Target`] holds the path's lock, [`Staged`] is on disk but invisible, and
//! [`Staged::publish`] makes it visible in one step.

use bytes::Bytes;
use hufu_api::Cx;

/// Why a document was not read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// There is no such file (reading), or none can be seen below this root.
    #[error("no such file")]
    Missing,
    /// The path lies outside the app's document roots, or a symlink or `..` in it leads there.
    #[error("path is outside the document roots")]
    Outside,
    /// The path cannot name a file at all: empty, too long, a NUL in it, no file name.
    #[error("malformed path: {0}")]
    Malformed(&'static str),
    /// A folder, FIFO, socket or device.
    #[error("not a regular file")]
    NotRegular,
    /// More bytes than allowed.
    #[error("file is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The folder to save into does not exist.
    #[error("no such folder")]
    NoFolder,
    /// The appliance may not read or write there.
    #[error("permission denied")]
    Denied,
    /// The file system is full or the quota reached.
    #[error("no space left")]
    Full,
    /// Another call holds the path, or the disk did not answer, until the deadline.
    #[error("no answer before the deadline")]
    Timeout,
    /// The file has appeared under its path, but its folder could not be synced: a power failure may undo it.
    #[error("the folder could not be synced: {0}")]
    Unsynced(String),
    /// Any other failure of the file system.
    #[error("file system: {0}")]
    Io(String),
}

/// What became of a file that a dead process left unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// There was none.
    Nothing,
    /// It has appeared under its path.
    Appeared,
    /// It was removed.
    Removed,
}

/// The files below the document roots.
pub trait Documents: Send + Sync {
    /// The whole content of the regular file at `path`. `roots` are the names of the roots that the app may use.
    ///
    /// # Errors
    /// See [`DocumentError`]; a file of more than `limit` bytes is [`DocumentError::TooLarge`].
    fn read(&self, cx: Cx, roots: &[String], path: &str, limit: u64) -> Result<Vec<u8>, DocumentError>;

    /// Takes the lock of the path to be saved to and makes sure that its folder exists. Calls on one path wait for each
    /// other, until the deadline. To sign a file in place, take the target first and read then.
    ///
    /// # Errors
    /// See [`DocumentError`].
    fn target(&self, cx: Cx, roots: &[String], path: &str) -> Result<Box<dyn Target>, DocumentError>;

    /// Finishes what a process that died left staged for `path`: a file whose SHA-256 (lower hex) is one of `digests` appears, any
    /// other is removed.
    ///
    /// # Errors
    /// See [`DocumentError`].
    fn settle(
        &self,
        cx: Cx,
        roots: &[String],
        path: &str,
        digests: &[String],
    ) -> Result<Settled, DocumentError>;
}

/// A path to save to, locked until dropped.
pub trait Target: Send {
    /// Writes the concatenated `parts` to disk, durably, but not under the path yet.
    ///
    /// # Errors
    /// See [`DocumentError`]; nothing is left behind then.
    fn stage(self: Box<Self>, cx: Cx, parts: Vec<Bytes>) -> Result<Box<dyn Staged>, DocumentError>;
}

/// A complete file waiting to be seen; dropping it removes it.
pub trait Staged: Send {
    /// Puts the file under its path in one step, in place of what was there, durably.
    ///
    /// # Errors
    /// See [`DocumentError`]. The file is removed then, and what was there before stays; but for
    /// [`DocumentError::Unsynced`], where it has appeared.
    fn publish(self: Box<Self>, cx: Cx) -> Result<(), DocumentError>;
}
