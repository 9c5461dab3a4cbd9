//! A state whose disk failed or was full is opened anew once the disk takes writes again.
//!
//! sled gives nothing but errors after a failed write, so this needs a fresh process: this one answers 503 until a probe can be
//! written and synced, then it ends and the supervisor starts the next.

use crate::store::SledStore;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Pause between looks.
const PAUSE: Duration = Duration::from_millis(500);
/// What must be writable: twice what the state takes from the disk at a time.
const PROBE: usize = 4 << 20;
/// The probe's name in the state's folder.
const NAME: &str = "disk-probe";

/// Calls `fresh` when the state's disk has failed and works again.
///
/// # Errors
/// When no thread can be started.
pub(super) fn watch(
    state: &Arc<SledStore>,
    folder: PathBuf,
    fresh: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    let state: Weak<SledStore> = Arc::downgrade(state);
    let look = move || {
        loop {
            std::thread::sleep(PAUSE);
            let Some(state) = state.upgrade() else { return };
            if let Some(reason) = state.poisoned()
                && writable(&folder).is_ok()
            {
                tracing::warn!(reason, "the disk takes writes again: a fresh process opens the state");
                return fresh();
            }
        }
    };
    std::thread::Builder::new().name("state-watch".into()).spawn(look).map(drop)
}

fn writable(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(NAME);
    let tried = File::create(&path).and_then(|mut file| {
        let zeros = [0; 64 << 10];
        for _ in 0..PROBE / zeros.len() {
            file.write_all(&zeros)?;
        }
        file.sync_all()
    });
    let removed = std::fs::remove_file(&path);
    tried.and(removed)
}
