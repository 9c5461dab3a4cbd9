//! Bringing the state store's projections and the clients' files up to the audit log at start.

use crate::audit::{AuditReader, Body};
use crate::documents::Documents;
use crate::ops;
use hufu_api::{Cx, Store, UnixTime};
use std::time::{Duration, Instant};

/// Records read at once.
const CHUNK: usize = 1024;

/// How long one chunk may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long files may take to be finished.
const FILES_PATIENCE: Duration = Duration::from_secs(30);

/// Applies the outcomes that the store does not show yet, and finishes files that nobody sees yet; gives how many outcomes.
pub(super) fn replay(
    cx: Cx,
    log: &dyn AuditReader,
    store: &dyn Store,
    documents: &dyn Documents,
) -> Result<u64, String> {
    let mut next = store.projected().map_err(|e| e.to_string())?.map_or(0, |last| last + 1);
    let mut applied = 0;
    let mut unfinished = ops::Unfinished::default();
    loop {
        let deadline = Instant::now().checked_add(PATIENCE).unwrap_or(cx.deadline);
        let entries = log.read(Cx { deadline, ..cx }, next, CHUNK).map_err(|e| e.to_string())?;
        let Some(last) = entries.last().map(|entry| entry.number) else { break };
        let mut writes = Vec::new();
        for entry in &entries {
            unfinished.note(entry);
            let facts = match &entry.body {
                Body::Outcome { outcome, .. } => &outcome.facts,
                Body::Event(event) => &event.facts,
                Body::Intent(_) | Body::Checkpoint { .. } => continue,
            };
            let made = ops::replay(facts).map_err(|e| format!("record {}: {e}", entry.number))?;
            applied += u64::from(!made.is_empty());
            writes.extend(made);
        }
        store.project(last, &writes).map_err(|e| e.to_string())?;
        next = last + 1;
    }
    let deadline = Instant::now().checked_add(FILES_PATIENCE).unwrap_or(cx.deadline);
    unfinished.settle(Cx { deadline, ..cx }, documents);
    Ok(applied)
}

/// What state remembers of the log must be in it: a log of `size` records that ends before was set back, or belongs to another state.
pub(super) fn fits(store: &dyn Store, size: u64) -> Result<(), String> {
    match store.projected().map_err(|e| e.to_string())? {
        Some(last) if last >= size => Err(format!(
            "state shows record {last}, but the audit log ends with {size} records: it was set back; restore state and log from \
             one backup"
        )),
        _ => Ok(()),
    }
}

/// The time of the newest of `size` records: the clock must not be behind it.
pub(super) fn last_time(cx: Cx, log: &dyn AuditReader, size: u64) -> Result<Option<UnixTime>, String> {
    let Some(last) = size.checked_sub(1) else { return Ok(None) };
    let entries = log.read(cx, last, 1).map_err(|e| e.to_string())?;
    Ok(entries.first().map(|entry| entry.at))
}
