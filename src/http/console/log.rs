//! The audit log as the console shows it: newest first, narrowed, with what proves each record.

use super::{Console, Query};
use crate::audit::{Act, AuditReader, Body, Ending, Entry};
use crate::codes::Code;
use crate::ledger::search::Filter;
use crate::ops::{Error, Result};
use crate::tlog::merkle::verify_inclusion;
use crate::tlog::{Checkpoint, NoteKey, leaf_hash};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hufu_api::{Cx, RequestId, UnixTime};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Records read at a time, going back, and how many are looked through for one answer.
const STEP: u64 = 512;
const LOOKED: u64 = 20_480;
/// Records of an answer.
const PAGE: u64 = 50;
const MOST: u64 = 200;
/// How long one look at the log may take.
const PATIENCE: Duration = Duration::from_secs(5);

impl Console {
    fn log(&self) -> Result<Arc<dyn AuditReader>> {
        self.appliance().audit_reader().ok_or_else(|| Code::Disabled.into())
    }

    /// Records that fit, newest first, below `before`. `next` says where to go on, if there is more.
    pub(super) fn audit(&self, query: &Query) -> Result<Value> {
        let log = self.log()?;
        let filter = filter(query)?;
        let size = self.size(log.as_ref())?;
        let newest = log.newest(cx())?;
        let covered = newest.as_ref().map_or(0, |newest| newest.size);
        let anchored = newest.as_ref().and_then(|newest| newest.anchored).map_or(0, |(size, _)| size);
        let limit = usize::try_from(query.number("limit")?.unwrap_or(PAGE).clamp(1, MOST)).unwrap_or(50);
        let mut end = query.number("before")?.unwrap_or(size).min(size);
        let lowest = end.saturating_sub(LOOKED);
        let mut found = Vec::new();
        while end > lowest && found.len() < limit {
            let begin = end.saturating_sub(STEP).max(lowest);
            let mut step = between(log.as_ref(), begin, end)?;
            while let Some(entry) = step.pop() {
                end = entry.number;
                if filter.fits(&entry) {
                    found.push(entry);
                    if found.len() == limit {
                        break;
                    }
                }
            }
        }
        let rows: Vec<Value> = found
            .iter()
            .map(|entry| {
                let proof = match entry.number {
                    n if n < anchored => "anchored",
                    n if n < covered => "covered",
                    _ => "waiting",
                };
                row(entry, proof)
            })
            .collect::<Result<_>>()?;
        Ok(json!({
            "records": rows, "next": (end > 0).then_some(end), "size": size, "covered": covered, "anchored": anchored,
        }))
    }

    /// One record with its proof, checked here: the leaf's way to the root that the checkpoint signs.
    pub(super) fn proof(&self, number: &str) -> Result<Value> {
        let number = number.parse().map_err(|_| Error::malformed("number"))?;
        let proof = self.log()?.prove(cx(), number)?;
        let entry = Entry::parse(&proof.record).map_err(Error::internal)?;
        let checked = NoteKey::parse(&proof.key)
            .and_then(|key| Checkpoint::open(&proof.checkpoint, &key))
            .map_err(|e| e.to_string())
            .and_then(|signed| {
                let leaf = leaf_hash(&proof.record);
                verify_inclusion(&leaf, proof.number, signed.size, &proof.hashes, &signed.root)
                    .map_err(|e| e.to_string())
            });
        Ok(json!({
            "record": row(&entry, if proof.anchor.is_some() { "anchored" } else { "covered" })?,
            "holds": checked.is_ok(),
            "why": checked.err(),
            "size": proof.size,
            "leaf": hex::encode(leaf_hash(&proof.record)),
            "hashes": proof.hashes.iter().map(|hash| STANDARD.encode(hash)).collect::<Vec<_>>(),
            "record_bytes": STANDARD.encode(&proof.record),
            "checkpoint": proof.checkpoint,
            "anchor": proof.anchor.as_deref().map(|token| STANDARD.encode(token)),
            "key": proof.key,
        }))
    }

    /// How many records there are: from where the end was last, by steps that double, then halves.
    fn size(&self, log: &dyn AuditReader) -> Result<u64> {
        let there = |at: u64| Ok::<_, Error>(!log.read(cx(), at, 1)?.is_empty());
        let mut least = self.log_size.load(Ordering::Relaxed);
        let mut step = 1;
        while there(least + step - 1)? {
            least += step;
            step *= 2;
        }
        let mut most = least + step - 1;
        while least < most {
            let middle = least + (most - least) / 2;
            if there(middle)? {
                least = middle + 1;
            } else {
                most = middle;
            }
        }
        self.log_size.store(least, Ordering::Relaxed);
        Ok(least)
    }
}

fn cx() -> Cx {
    let now = Instant::now();
    Cx { request: RequestId(0), deadline: now.checked_add(PATIENCE).unwrap_or(now) }
}

fn between(log: &dyn AuditReader, begin: u64, end: u64) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    let mut next = begin;
    while next < end {
        let read = log.read(cx(), next, usize::try_from(end - next).unwrap_or(usize::MAX))?;
        let Some(last) = read.last().map(|entry| entry.number) else { break };
        next = last + 1;
        found.extend(read);
    }
    Ok(found)
}

fn filter(query: &Query) -> Result<Filter> {
    fn named<T: DeserializeOwned>(query: &Query, name: &str) -> Result<Option<T>> {
        let read = |text: &str| serde_json::from_value(text.into()).map_err(|_| Error::malformed(name));
        query.text(name).map(read).transpose()
    }
    let millis = |name: &str| -> Result<Option<UnixTime>> {
        let number = query.number(name)?.map(|n| i64::try_from(n).map_err(|_| Error::malformed(name)));
        Ok(number.transpose()?.map(UnixTime::from_millis))
    };
    let request = query.text("request").map(|hex| u128::from_str_radix(hex, 16).map(RequestId));
    Ok(Filter {
        act: named::<Act>(query, "act")?,
        app: query.text("app").map(str::to_owned),
        ending: named::<Ending>(query, "ending")?,
        request: request.transpose().map_err(|_| Error::malformed("request"))?,
        since: millis("since")?,
        until: millis("until")?,
        value: query.text("value").map(str::to_owned),
    })
}

fn row(entry: &Entry, proof: &str) -> Result<Value> {
    let (kind, ending, actor) = match &entry.body {
        Body::Intent(intent) => ("intent", None, Some(&intent.actor)),
        Body::Outcome { outcome, .. } => ("outcome", Some(outcome.ending), None),
        Body::Event(event) => ("event", Some(event.ending), Some(&event.actor)),
        Body::Checkpoint { .. } => ("checkpoint", None, None),
    };
    let mut facts = entry.facts().cloned().unwrap_or_default();
    // Rows for the state store, with titles and paths in them: not an operator's business.
    facts.remove("project");
    let json = json!({
        "number": entry.number, "at": entry.at.millis(), "kind": kind, "act": entry.act(), "ending": ending,
        "actor": actor, "request": entry.request.to_string(), "facts": facts, "proof": proof,
    });
    Ok(json)
}
