//! One call at a time for each path.

use crate::documents::DocumentError;
use parking_lot::{Condvar, Mutex};
use std::collections::HashSet;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Instant;

/// A path, however it was spelled: the folder's device and inode, and the name in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) name: OsString,
}

#[derive(Default)]
struct Held {
    paths: Mutex<HashSet<Identity>>,
    freed: Condvar,
}

/// The paths that calls are saving to.
#[derive(Clone, Default)]
pub(super) struct PathLocks(Arc<Held>);

/// Holds a path until dropped.
pub(super) struct PathGuard {
    held: Arc<Held>,
    path: Identity,
}

impl PathLocks {
    pub(super) fn take(&self, path: Identity, deadline: Instant) -> Result<PathGuard, DocumentError> {
        let mut paths = self.0.paths.lock();
        while paths.contains(&path) {
            if self.0.freed.wait_until(&mut paths, deadline).timed_out() && paths.contains(&path) {
                return Err(DocumentError::Timeout);
            }
        }
        paths.insert(path.clone());
        Ok(PathGuard { held: Arc::clone(&self.0), path })
    }
}

impl Drop for PathGuard {
    fn drop(&mut self) {
        self.held.paths.lock().remove(&self.path);
        self.held.freed.notify_all();
    }
}
