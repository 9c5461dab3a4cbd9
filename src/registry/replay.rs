//! Bringing the state store's projections up to the audit log at start.

use crate::audit::{AuditReader, Body};
use crate::ops;
use hufu_api::{Cx, Store, UnixTime};
use std::time::{Duration, Instant};

/// Records read at once.
const CHUNK: usize = 1024;

/// How long one chunk may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Applies the outcomes that the store does not show yet; gives how many.
pub(super) fn replay(cx: Cx, log: &dyn AuditReader, store: &dyn Store) -> Result<u64, String> {
    let mut next = store.projected().map_err(|e| e.to_string())?.map_or(0, |last| last + 1);
    let mut applied = 0;
    loop {
        let deadline = Instant::now().checked_add(PATIENCE).unwrap_or(cx.deadline);
        let entries = log.read(Cx { deadline, ..cx }, next, CHUNK).map_err(|e| e.to_string())?;
        let Some(last) = entries.last().map(|entry| entry.number) else { return Ok(applied) };
        let mut writes = Vec::new();
        for entry in &entries {
            if let Body::Outcome { outcome, .. } = &entry.body {
                let made =
                    ops::replay(&outcome.facts).map_err(|e| format!("record {}: {e}", entry.number))?;
                applied += u64::from(!made.is_empty());
                writes.extend(made);
            }
        }
        store.project(last, &writes).map_err(|e| e.to_string())?;
        next = last + 1;
    }
}

/// The time of the newest of `size` records: the clock must not be behind it.
pub(super) fn last_time(cx: Cx, log: &dyn AuditReader, size: u64) -> Result<Option<UnixTime>, String> {
    let Some(last) = size.checked_sub(1) else { return Ok(None) };
    let entries = log.read(cx, last, 1).map_err(|e| e.to_string())?;
    Ok(entries.first().map(|entry| entry.at))
}
