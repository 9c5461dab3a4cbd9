//! The files below the document roots, on the local file system.
//!
//! Every resolution goes through `cap-std` (`openat2` with `RESOLVE_BENEATH`), so neither `..` nor a symlink leaves a root, whatever
//! changes between two calls. Only so many calls are at the disk at once: one that hangs leaves threads for other work.

pub mod fonts;
mod lock;
mod publish;
mod roots;
mod save;
mod turns;

pub use roots::{Root, RootError};

use crate::documents::{DocumentError, Documents, Settled, Target};
use cap_std::fs::OpenOptions;
use cap_std::fs::OpenOptionsExt;
use hufu_api::Cx;
use lock::PathLocks;
use publish::Folders;
use roots::Roots;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use turns::Turns;

/// Calls at the disk at once, half of the shipped worker slots; parallel syncs share the file system's journal commits.
const AT_ONCE: usize = 32;

/// The document roots of this appliance.
pub struct LocalDocuments {
    shared: Arc<Shared>,
}

struct Shared {
    roots: Roots,
    locks: PathLocks,
    folders: Folders,
    turns: Turns,
}

impl LocalDocuments {
    /// Opens the roots, each a folder that exists.
    ///
    /// # Errors
    /// [`RootError`] names the root.
    pub fn open(roots: &[Root]) -> Result<Self, RootError> {
        let turns = Turns::new(AT_ONCE);
        Ok(Self {
            shared: Arc::new(Shared {
                roots: Roots::open(roots)?,
                locks: PathLocks::default(),
                folders: Folders::default(),
                turns,
            }),
        })
    }
}

impl Documents for LocalDocuments {
    fn read(&self, cx: Cx, roots: &[String], path: &str, limit: u64) -> Result<Vec<u8>, DocumentError> {
        let (root, inside) = self.shared.roots.locate(roots, path)?;
        self.shared.turns.run(cx, || read(&root.folder, &inside, limit))
    }

    fn target(&self, cx: Cx, roots: &[String], path: &str) -> Result<Box<dyn Target>, DocumentError> {
        let (root, inside) = self.shared.roots.locate(roots, path)?;
        let find = || save::Place::find(&self.shared, &root, &inside);
        let target = self.shared.turns.run(cx, find)?;
        Ok(Box::new(target.lock(cx)?))
    }

    fn settle(
        &self,
        cx: Cx,
        roots: &[String],
        path: &str,
        digests: &[String],
    ) -> Result<Settled, DocumentError> {
        let (root, inside) = self.shared.roots.locate(roots, path)?;
        let settle = || save::Place::find(&self.shared, &root, &inside)?.lock(cx)?.settle(digests);
        self.shared.turns.run(cx, settle)
    }
}

/// O_NONBLOCK, so that opening a FIFO returns and can be refused.
fn read(folder: &cap_std::fs::Dir, inside: &Path, limit: u64) -> Result<Vec<u8>, DocumentError> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0));
    let inside = if inside == Path::new("") { Path::new(".") } else { inside };
    let file = folder.open_with(inside, &options).map_err(|e| failure(&e))?;
    let metadata = file.metadata().map_err(|e| failure(&e))?;
    if !metadata.is_file() {
        return Err(DocumentError::NotRegular);
    }
    if metadata.len() > limit {
        return Err(DocumentError::TooLarge { limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    // The file may grow while it is read.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| failure(&e))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(DocumentError::TooLarge { limit });
    }
    Ok(bytes)
}

fn failure(error: &io::Error) -> DocumentError {
    match (error.kind(), error.raw_os_error()) {
        // cap-std's own error, without a number, for a path that leaves the root.
        (ErrorKind::PermissionDenied, None) => DocumentError::Outside,
        (ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem, _) => DocumentError::Denied,
        (ErrorKind::NotFound | ErrorKind::NotADirectory, _) => DocumentError::Missing,
        (ErrorKind::IsADirectory, _) => DocumentError::NotRegular,
        (ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge, _) => {
            DocumentError::Full
        }
        (ErrorKind::InvalidFilename, _) => DocumentError::Malformed("name too long"),
        // Opening a socket: ENXIO.
        (_, Some(6)) => DocumentError::NotRegular,
        _ => DocumentError::Io(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
