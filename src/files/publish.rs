//! Names of one folder change one at a time, and finished files become visible together.
//!
//! The kernel lets one thread change a folder and has the others spin; here they sleep. Files that are ready while another
//! group is at the disk wait for it, are then renamed one after the other, and share one sync of their folder.

use super::failure;
use crate::documents::DocumentError;
use cap_std::fs::Dir;
use flume::Sender;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::Arc;

/// Device and inode.
pub(super) type FolderId = (u64, u64);

/// A temporary file that is to get its name.
pub(super) struct Rename {
    pub(super) folder: Dir,
    pub(super) from: OsString,
    pub(super) to: OsString,
}

/// The folders that calls are working in.
#[derive(Default)]
pub(super) struct Folders(Mutex<HashMap<FolderId, Arc<Queue>>>);

/// One folder while somebody uses it.
pub(super) struct InFolder<'a> {
    folders: &'a Folders,
    id: FolderId,
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    /// Held while a name in the folder changes.
    names: Mutex<()>,
    group: Mutex<Group>,
}

#[derive(Default)]
struct Group {
    waiting: Vec<Waiting>,
    /// Somebody is at the disk for a group.
    led: bool,
}

struct Waiting {
    file: Rename,
    turn: Sender<Turn>,
}

/// What a waiting call is told.
enum Turn {
    /// It is to take the next group, its own file among it, to the disk.
    Lead,
    Done(Result<(), DocumentError>),
}

impl Folders {
    /// Takes part in a folder until the answer is dropped.
    pub(super) fn enter(&self, id: FolderId) -> InFolder<'_> {
        let queue = Arc::clone(self.0.lock().entry(id).or_default());
        InFolder { folders: self, id, queue }
    }
}

impl InFolder<'_> {
    /// Runs `change`, which makes or removes a name, while no other call changes the folder.
    pub(super) fn alone<T>(&self, change: impl FnOnce() -> T) -> T {
        let _names = self.queue.names.lock();
        change()
    }

    /// Gives the file its name; durable on return.
    ///
    /// # Errors
    /// The rename's own failure, or that of the folder's sync, which every file of the group shares.
    pub(super) fn publish(&self, file: Rename) -> Result<(), DocumentError> {
        let (turn, told) = flume::bounded(1);
        let mut group = self.queue.group.lock();
        group.waiting.push(Waiting { file, turn });
        if std::mem::replace(&mut group.led, true) {
            drop(group);
            match told.recv() {
                Ok(Turn::Done(result)) => return result,
                Ok(Turn::Lead) => group = self.queue.group.lock(),
                Err(_) => return Err(DocumentError::Io("the group's leader is gone".into())),
            }
        }
        let files = std::mem::take(&mut group.waiting);
        drop(group);
        let results = self.rename_all(&files);
        let mut group = self.queue.group.lock();
        match group.waiting.first() {
            None => group.led = false,
            // It waits without a deadline, so it is there.
            Some(next) => drop(next.turn.send(Turn::Lead)),
        }
        drop(group);
        for (waiting, result) in files.into_iter().zip(results) {
            let _ = waiting.turn.send(Turn::Done(result));
        }
        // The leader's own answer is among them.
        match told.recv() {
            Ok(Turn::Done(result)) => result,
            _ => Err(DocumentError::Io("the group's leader is gone".into())),
        }
    }

    fn rename_all(&self, files: &[Waiting]) -> Vec<Result<(), DocumentError>> {
        let rename = |Waiting { file, .. }: &Waiting| {
            file.folder.rename(&file.from, &file.folder, &file.to).map_err(|e| failure(&e))
        };
        let renamed: Vec<_> = self.alone(|| files.iter().map(rename).collect());
        let Some(Waiting { file, .. }) = files.first() else { return renamed };
        // The handle kept is O_PATH, which cannot be synced.
        let synced = file.folder.open(".").and_then(|folder| folder.sync_all());
        let synced = synced.map_err(|e| DocumentError::Unsynced(e.to_string()));
        renamed.into_iter().map(|result| result.and(synced.clone())).collect()
    }
}

impl Drop for InFolder<'_> {
    fn drop(&mut self) {
        let mut folders = self.folders.0.lock();
        // The map's own and this one.
        if Arc::strong_count(&self.queue) <= 2 {
            folders.remove(&self.id);
        }
    }
}
