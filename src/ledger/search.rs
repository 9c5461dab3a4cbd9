//! `hufu audit list`, `show` and `search`.

use super::log::LogError;
use super::source::Source;
use crate::audit::{Act, Body, Ending, Entry, RecordNumber};
use hufu_api::{RequestId, UnixTime};
use serde_json::Value;

/// What is looked for; everything set must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The act.
    pub act: Option<Act>,
    /// The application that asked.
    pub app: Option<String>,
    /// How it ended; intents do not fit.
    pub ending: Option<Ending>,
    /// The request.
    pub request: Option<RequestId>,
    /// Not before.
    pub since: Option<UnixTime>,
    /// Before.
    pub until: Option<UnixTime>,
    /// A fact with exactly this value somewhere in it: a digest, an id, a serial number.
    pub value: Option<String>,
}

impl Filter {
    /// Whether a record fits.
    pub fn fits(&self, entry: &Entry) -> bool {
        let (app, ending) = match &entry.body {
            Body::Intent(intent) => (intent.actor.app.as_ref(), None),
            Body::Event(event) => (event.actor.app.as_ref(), Some(event.ending)),
            Body::Outcome { outcome, .. } => (None, Some(outcome.ending)),
            Body::Checkpoint { .. } => (None, None),
        };
        let holds = |wanted: &String| {
            entry.facts().is_some_and(|facts| facts.values().any(|value| contains(value, wanted)))
        };
        self.act.is_none_or(|act| entry.act() == Some(act))
            && self.app.as_ref().is_none_or(|wanted| app == Some(wanted))
            && self.ending.is_none_or(|wanted| ending == Some(wanted))
            && self.request.is_none_or(|request| entry.request == request)
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
            && self.value.as_ref().is_none_or(holds)
    }
}

fn contains(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Number(number) => number.to_string() == wanted,
        Value::Array(items) => items.iter().any(|item| contains(item, wanted)),
        Value::Object(members) => members.values().any(|member| contains(member, wanted)),
        Value::Null | Value::Bool(_) => false,
    }
}

/// The records from `from` on that fit, in order, to `limit`.
///
/// # Errors
/// When the log cannot be read; a record that is none is an error too.
pub fn search(
    source: &dyn Source,
    from: RecordNumber,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<Entry>, LogError> {
    let mut found = Vec::new();
    let mut next = from;
    while next < source.size() && found.len() < limit {
        let records = source.read(next)?;
        if records.is_empty() {
            return Err(LogError::Damaged(format!("record {next} is missing")));
        }
        for record in records {
            let entry = parse(next, &record)?;
            if found.len() < limit && filter.fits(&entry) {
                found.push(entry);
            }
            next += 1;
        }
    }
    Ok(found)
}

/// The newest `limit` records that fit, oldest first.
///
/// # Errors
/// See [`search`].
pub fn newest(source: &dyn Source, filter: &Filter, limit: usize) -> Result<Vec<Entry>, LogError> {
    /// Records looked through at a time, going back.
    const STEP: u64 = 512;
    let mut found = Vec::new();
    let mut end = source.size();
    while end > 0 && found.len() < limit {
        let begin = end.saturating_sub(STEP);
        let mut step = Vec::new();
        let mut next = begin;
        while next < end {
            let records = source.read(next)?;
            if records.is_empty() {
                return Err(LogError::Damaged(format!("record {next} is missing")));
            }
            for record in records {
                if next < end {
                    step.push(parse(next, &record)?);
                    next += 1;
                }
            }
        }
        found.extend(step.into_iter().rev().filter(|entry| filter.fits(entry)));
        end = begin;
    }
    found.truncate(limit);
    found.reverse();
    Ok(found)
}

/// A record with those that belong to it: an intent and its outcome, either way.
///
/// # Errors
/// See [`search`].
pub fn show(source: &dyn Source, number: RecordNumber) -> Result<Option<Vec<Entry>>, LogError> {
    if number >= source.size() {
        return Ok(None);
    }
    let one = |number| -> Result<Entry, LogError> {
        let record = source.read(number)?.into_iter().next();
        parse(number, &record.ok_or_else(|| LogError::Damaged(format!("record {number} is missing")))?)
    };
    let entry = one(number)?;
    let partner = match &entry.body {
        Body::Outcome { of, .. } => Some(one(*of)?),
        Body::Intent(_) => outcome_of(source, number)?,
        Body::Event(_) | Body::Checkpoint { .. } => None,
    };
    let mut shown: Vec<Entry> = std::iter::once(entry).chain(partner).collect();
    shown.sort_by_key(|entry| entry.number);
    Ok(Some(shown))
}

fn outcome_of(source: &dyn Source, intent: RecordNumber) -> Result<Option<Entry>, LogError> {
    let mut next = intent + 1;
    while next < source.size() {
        let records = source.read(next)?;
        if records.is_empty() {
            break;
        }
        for record in records {
            let entry = parse(next, &record)?;
            if matches!(entry.body, Body::Outcome { of, .. } if of == intent) {
                return Ok(Some(entry));
            }
            next += 1;
        }
    }
    Ok(None)
}

fn parse(number: RecordNumber, record: &[u8]) -> Result<Entry, LogError> {
    Entry::parse(record).map_err(|e| LogError::Damaged(format!("record {number}: {e}")))
}
