//! Writing a file whole or not at all: a temporary file in the same folder, synced, then renamed, then the folder synced.

use super::lock::{Identity, PathGuard};
use super::publish::{InFolder, Rename};
use super::roots::OpenRoot;
use super::{Shared, failure};
use crate::documents::{DocumentError, Settled, Staged, Target};
use bytes::Bytes;
use cap_std::fs::{Dir, MetadataExt, OpenOptions, Permissions, PermissionsExt};
use hufu_api::Cx;
use sha2::{Digest, Sha256};
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

/// A name in a folder that exists.
pub(super) struct Place {
    shared: Arc<Shared>,
    folder: Dir,
    identity: Identity,
    mode: u32,
}

impl Place {
    pub(super) fn find(shared: &Arc<Shared>, root: &OpenRoot, inside: &Path) -> Result<Self, DocumentError> {
        let name = inside.file_name().ok_or(DocumentError::Malformed("no file name"))?.to_owned();
        let parent = match inside.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let folder = root.folder.open_dir(parent).map_err(|e| match failure(&e) {
            DocumentError::Missing => DocumentError::NoFolder,
            other => other,
        })?;
        let metadata = folder.dir_metadata().map_err(|e| failure(&e))?;
        match folder.symlink_metadata(&name) {
            Ok(present) if !present.is_file() && !present.is_symlink() => {
                return Err(DocumentError::NotRegular);
            }
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(failure(&e)),
            _ => {}
        }
        let identity = Identity { device: metadata.dev(), inode: metadata.ino(), name };
        Ok(Self { shared: Arc::clone(shared), folder, identity, mode: root.mode })
    }

    fn enter<'a>(&self, shared: &'a Shared) -> InFolder<'a> {
        shared.folders.enter((self.identity.device, self.identity.inode))
    }

    pub(super) fn lock(self, cx: Cx) -> Result<LockedPlace, DocumentError> {
        let guard = self.shared.locks.take(self.identity.clone(), cx.deadline)?;
        Ok(LockedPlace { temporary: temporary_name(&self.identity.name), place: self, _guard: guard })
    }
}

/// Under the path's lock one name is enough, and what a crash left behind is replaced by the next call.
fn temporary_name(name: &OsStr) -> OsString {
    let digest = hex::encode(Sha256::digest(name.as_bytes()));
    format!(".hufu-{}.part", digest.get(..24).unwrap_or(&digest)).into()
}

pub(super) struct LockedPlace {
    place: Place,
    temporary: OsString,
    _guard: PathGuard,
}

impl LockedPlace {
    fn write(self, parts: &[Bytes]) -> Result<StagedFile, DocumentError> {
        let folder = &self.place.folder;
        let shared = Arc::clone(&self.place.shared);
        let create = || folder.open_with(&self.temporary, OpenOptions::new().write(true).create_new(true));
        let fresh = || match create() {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                folder.remove_file(&self.temporary)?;
                create()
            }
            other => other,
        };
        let mut file = self.place.enter(&shared).alone(fresh).map_err(|e| failure(&e))?;
        let mode = self.place.mode;
        // From here on the temporary file is removed when this value is dropped.
        let staged = StagedFile { locked: self, published: false };
        file.set_permissions(Permissions::from_mode(mode)).map_err(|e| failure(&e))?;
        parts.iter().try_for_each(|part| file.write_all(part)).map_err(|e| failure(&e))?;
        file.sync_all().map_err(|e| failure(&e))?;
        Ok(staged)
    }

    /// What the call before this process left behind appears if its digest is among `digests`, else it goes.
    pub(super) fn settle(self, digests: &[String]) -> Result<Settled, DocumentError> {
        let folder = &self.place.folder;
        match folder.symlink_metadata(&self.temporary) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Settled::Nothing),
            Err(e) => return Err(failure(&e)),
            Ok(found) if !found.is_file() => return Err(DocumentError::NotRegular),
            Ok(_) => {}
        }
        let file = folder.open(&self.temporary).map_err(|e| failure(&e))?;
        let digest = sha256(file).map_err(|e| failure(&e))?;
        let staged = StagedFile { locked: self, published: false };
        if digests.contains(&digest) {
            staged.rename().map(|()| Settled::Appeared)
        } else {
            // Dropping it removes it.
            Ok(Settled::Removed)
        }
    }
}

/// SHA-256, lower hex.
fn sha256(mut file: impl Read) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(digest.finalize())),
            n => digest.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}

impl Target for LockedPlace {
    fn stage(self: Box<Self>, cx: Cx, parts: Vec<Bytes>) -> Result<Box<dyn Staged>, DocumentError> {
        let shared = Arc::clone(&self.place.shared);
        let staged = shared.turns.run(cx, || self.write(&parts))?;
        Ok(Box::new(staged))
    }
}

struct StagedFile {
    locked: LockedPlace,
    published: bool,
}

impl StagedFile {
    fn rename(mut self) -> Result<(), DocumentError> {
        let LockedPlace { place, temporary, .. } = &self.locked;
        let folder = place.folder.try_clone().map_err(|e| failure(&e))?;
        let file = Rename { folder, from: temporary.clone(), to: place.identity.name.clone() };
        let published = place.enter(&place.shared).publish(file);
        self.published = matches!(published, Ok(()) | Err(DocumentError::Unsynced(_)));
        published
    }
}

impl Staged for StagedFile {
    fn publish(self: Box<Self>, cx: Cx) -> Result<(), DocumentError> {
        let shared = Arc::clone(&self.locked.place.shared);
        shared.turns.run(cx, || self.rename())
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = self.locked.place.folder.remove_file(&self.locked.temporary)
        {
            tracing::warn!(%error, "a temporary file stays behind");
        }
    }
}
