//! Bringing the state store's projections and the clients' files up to the audit log at start.

use crate::audit::{AuditReader, Body};
use crate::documents::Documents;
use crate::ops;
use hufu_api::{Cx, Expect, Key, Space, Store, StoreError, UnixTime, Write};
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

/// Where state remembers how long the log was.
const SEEN: &[u8] = b"records of the log";

fn seen() -> Key {
    Key { space: Space::Meta, bytes: SEEN.to_vec() }
}

/// What state remembers of the log must be in it: a log of `size` records that ends before was set back, or belongs to another state.
pub(super) fn fits(store: &dyn Store, size: u64) -> Result<(), String> {
    let text = |e: StoreError| e.to_string();
    let shown = store.projected().map_err(text)?.map_or(0, |last| last.saturating_add(1));
    let seen = store.get(&seen()).map_err(text)?;
    let seen = seen.and_then(|row| row.value.try_into().ok()).map_or(0, u64::from_be_bytes);
    let known = shown.max(seen);
    if known > size {
        return Err(format!(
            "state knows of {known} records, but the audit log has {size}: it was set back; restore state and log from one backup"
        ));
    }
    Ok(())
}

/// Lets state remember that the log has `size` records; at start, and when serving ends.
pub(super) fn remember(store: &dyn Store, size: u64) -> Result<(), String> {
    let write = Write { key: seen(), expect: Expect::Any, value: Some(size.to_be_bytes().to_vec()) };
    store.commit(&[write]).map_err(|e| e.to_string())
}

/// The time of the newest of `size` records: the clock must not be behind it.
pub(super) fn last_time(cx: Cx, log: &dyn AuditReader, size: u64) -> Result<Option<UnixTime>, String> {
    let Some(last) = size.checked_sub(1) else { return Ok(None) };
    let entries = log.read(cx, last, 1).map_err(|e| e.to_string())?;
    Ok(entries.first().map(|entry| entry.at))
}
