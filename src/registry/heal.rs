//! A state whose disk failed or was full is opened anew once the disk takes writes again.
//!
//! sled gives nothing but errors after a failed write, or hangs, so this needs a fresh process: this one answers 503 until a probe can be
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
/// A write that hangs for so long hangs for good.
const HUNG: Duration = Duration::from_secs(10);
/// How long what was begun may take to finish; what hangs in the old state is not waited for any longer.
const LAST: Duration = Duration::from_secs(10);
/// Exit status: EX_SOFTWARE, as of a process that gives up.
const FAILED: i32 = 70;
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
            let troubled = || state.poisoned().or_else(|| state.hung(HUNG));
            // A disk that hung may have come back while the probe waited for it.
            if troubled().is_some()
                && writable(&folder).is_ok()
                && let Some(reason) = troubled()
            {
                tracing::warn!(reason, "the disk takes writes again: a fresh process opens the state");
                drop(state);
                fresh();
                std::thread::sleep(LAST);
                std::process::exit(FAILED);
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
