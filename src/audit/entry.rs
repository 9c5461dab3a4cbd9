//! A record as it stands in the log: canonical JSON (RFC 8785), version 1.
//!
//! One record, one encoding: members sorted, no white space, no floats, integers within ±(2⁵³ − 1), hexadecimal in lower case.
//! [`Entry::parse`] refuses every other spelling, so the bytes can be hashed, compared and re-made anywhere. The leaf hash of RFC
//! 6962 is taken over exactly these bytes. Members by `kind`:
//!
//! | member | intent | outcome | event | checkpoint |
//! |---|---|---|---|---|
//! | `v`, `number`, `at` (ms since 1970), `kind`, `request` | ✓ | ✓ | ✓ | ✓ |
//! | `act` | ✓ | ✓ | ✓ | |
//! | `actor` | ✓ | | ✓ | |
//! | `facts` | ✓ | ✓ | ✓ | |
//! | `ending` | | ✓ | ✓ | |
//! | `of` (the intent's number) | | ✓ | | |
//! | `uses` (`digest`, `generation`, `key`, `purpose`) | ✓ | | | ✓ |
//! | `size`, `root` (the tree that the checkpoint will sign) | | | | ✓ |

use super::{Act, Actor, Ending, Event, Facts, Intent, Outcome, RecordNumber, Use};
use crate::keys::{Generation, KeyId, Purpose};
use hufu_api::{RequestId, UnixTime};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest record, in bytes: what a C2SP tlog-tiles entry bundle can hold.
pub const MAX_ENTRY: usize = 65_535;

/// The format's version.
const VERSION: u64 = 1;

/// Largest integer that every JSON implementation reads exactly: 2⁵³ − 1.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Objects and arrays in facts may be this deep.
const MAX_DEPTH: usize = 8;

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place, from 0.
    pub number: RecordNumber,
    /// When the log's writer took it.
    pub at: UnixTime,
    /// The request that it belongs to.
    pub request: RequestId,
    /// What it says.
    pub body: Body,
}

/// What a record says, by kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Keys will be used.
    Intent(Intent),
    /// How an intent ended.
    Outcome {
        /// The intent's number.
        of: RecordNumber,
        /// The intent's act.
        act: Act,
        /// How.
        outcome: Outcome,
    },
    /// Something without a key happened.
    Event(Event),
    /// A checkpoint over the tree of the first `size` records will be signed.
    Checkpoint {
        /// The tree's size.
        size: u64,
        /// Its RFC 6962 root hash.
        root: [u8; 32],
        /// The one use of the audit key; the digest is of the note's text.
        uses: Vec<Use>,
    },
}

/// Why bytes are not a record, or a record has no encoding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not the JSON of a record.
    #[error("not a record: {0}")]
    Malformed(String),
    /// A record, but not in its one canonical spelling.
    #[error("not in canonical form")]
    NotCanonical,
    /// Facts hold a float, a number beyond 2⁵³, a name that is not ASCII, or are nested too deep.
    #[error("facts cannot be encoded: {0}")]
    Facts(&'static str),
    /// More than [`MAX_ENTRY`] bytes.
    #[error("record of {0} bytes is too large")]
    TooLarge(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Intent,
    Outcome,
    Event,
    Checkpoint,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireUse {
    digest: String,
    generation: String,
    key: String,
    purpose: Purpose,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u64,
    number: u64,
    at: i64,
    kind: Kind,
    request: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    act: Option<Act>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<Actor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    facts: Option<Facts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ending: Option<Ending>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uses: Option<Vec<WireUse>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<String>,
}

impl Entry {
    /// The canonical bytes.
    ///
    /// # Errors
    /// [`EntryError::Facts`] and [`EntryError::TooLarge`].
    pub fn encode(&self) -> Result<Vec<u8>, EntryError> {
        let wire = Wire::from(self);
        if let Some(facts) = &wire.facts {
            check_names(facts.keys())?;
            facts.values().try_for_each(|v| check_value(v, MAX_DEPTH))?;
        }
        let integers = [wire.number, wire.at.unsigned_abs(), wire.of.unwrap_or(0), wire.size.unwrap_or(0)];
        if integers.iter().any(|n| *n > MAX_INTEGER) {
            return Err(EntryError::Malformed("number beyond 2^53".into()));
        }
        let bytes =
            serde_json_canonicalizer::to_vec(&wire).map_err(|e| EntryError::Malformed(e.to_string()))?;
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::TooLarge(bytes.len()));
        }
        Ok(bytes)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// See [`EntryError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::TooLarge(bytes.len()));
        }
        let wire: Wire = serde_json::from_slice(bytes).map_err(|e| EntryError::Malformed(e.to_string()))?;
        let entry = Self::try_from(wire)?;
        if entry.encode()? != bytes {
            return Err(EntryError::NotCanonical);
        }
        Ok(entry)
    }

    /// The act, if the record is of one.
    pub fn act(&self) -> Option<Act> {
        match &self.body {
            Body::Intent(i) => Some(i.act),
            Body::Outcome { act, .. } => Some(*act),
            Body::Event(e) => Some(e.act),
            Body::Checkpoint { .. } => None,
        }
    }

    /// The facts, if the record has any.
    pub fn facts(&self) -> Option<&Facts> {
        match &self.body {
            Body::Intent(i) => Some(&i.facts),
            Body::Outcome { outcome, .. } => Some(&outcome.facts),
            Body::Event(e) => Some(&e.facts),
            Body::Checkpoint { .. } => None,
        }
    }
}

impl From<&Entry> for Wire {
    fn from(entry: &Entry) -> Self {
        let blank = Self {
            v: VERSION,
            number: entry.number,
            at: entry.at.millis(),
            kind: Kind::Event,
            request: entry.request.to_string(),
            act: entry.act(),
            actor: None,
            facts: entry.facts().cloned(),
            ending: None,
            of: None,
            uses: None,
            size: None,
            root: None,
        };
        match &entry.body {
            Body::Intent(i) => Self {
                kind: Kind::Intent,
                actor: Some(i.actor.clone()),
                uses: Some(i.uses.iter().map(WireUse::from).collect()),
                ..blank
            },
            Body::Outcome { of, outcome, .. } => {
                Self { kind: Kind::Outcome, of: Some(*of), ending: Some(outcome.ending), ..blank }
            }
            Body::Event(e) => Self { actor: Some(e.actor.clone()), ending: Some(e.ending), ..blank },
            Body::Checkpoint { size, root, uses } => Self {
                kind: Kind::Checkpoint,
                uses: Some(uses.iter().map(WireUse::from).collect()),
                size: Some(*size),
                root: Some(hex::encode(root)),
                ..blank
            },
        }
    }
}

impl TryFrom<Wire> for Entry {
    type Error = EntryError;

    fn try_from(w: Wire) -> Result<Self, EntryError> {
        if w.v != VERSION {
            return Err(EntryError::Malformed(format!("version {} is unknown", w.v)));
        }
        let wrong = || EntryError::Malformed("members do not fit the kind".into());
        let uses = |u: Option<Vec<WireUse>>| {
            u.ok_or_else(wrong)?.into_iter().map(Use::try_from).collect::<Result<Vec<_>, _>>()
        };
        let request = RequestId(u128::from_be_bytes(unhex(&w.request)?));
        let body = match (w.kind, w.act, w.actor, w.facts, w.ending, w.of) {
            (Kind::Intent, Some(act), Some(actor), Some(facts), None, None) => {
                Body::Intent(Intent { act, actor, facts, uses: uses(w.uses)? })
            }
            (Kind::Outcome, Some(act), None, Some(facts), Some(ending), Some(of)) if w.uses.is_none() => {
                Body::Outcome { of, act, outcome: Outcome { ending, facts } }
            }
            (Kind::Event, Some(act), Some(actor), Some(facts), Some(ending), None) if w.uses.is_none() => {
                Body::Event(Event { act, actor, facts, ending })
            }
            (Kind::Checkpoint, None, None, None, None, None) => {
                let (Some(size), Some(root)) = (w.size, &w.root) else { return Err(wrong()) };
                Body::Checkpoint { size, root: unhex(root)?, uses: uses(w.uses)? }
            }
            _ => return Err(wrong()),
        };
        if (w.size.is_some() || w.root.is_some()) && w.kind != Kind::Checkpoint {
            return Err(wrong());
        }
        Ok(Self { number: w.number, at: UnixTime::from_millis(w.at), request, body })
    }
}

impl From<&Use> for WireUse {
    fn from(u: &Use) -> Self {
        Self {
            digest: hex::encode(u.digest),
            generation: u.generation.to_string(),
            key: u.key.to_string(),
            purpose: u.purpose,
        }
    }
}

impl TryFrom<WireUse> for Use {
    type Error = EntryError;

    fn try_from(w: WireUse) -> Result<Self, EntryError> {
        Ok(Self {
            digest: unhex(&w.digest)?,
            generation: Generation(u128::from_be_bytes(unhex(&w.generation)?)),
            key: KeyId(unhex(&w.key)?),
            purpose: w.purpose,
        })
    }
}

fn unhex<const N: usize>(text: &str) -> Result<[u8; N], EntryError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|e| EntryError::Malformed(e.to_string()))?;
    Ok(bytes)
}

/// ASCII names sort alike as bytes and as UTF-16 (RFC 8785 3.2.3).
fn check_names<'a>(mut names: impl Iterator<Item = &'a String>) -> Result<(), EntryError> {
    if names.all(|n| n.is_ascii()) { Ok(()) } else { Err(EntryError::Facts("a name is not ASCII")) }
}

fn check_value(value: &Value, depth: usize) -> Result<(), EntryError> {
    let deeper = || depth.checked_sub(1).ok_or(EntryError::Facts("nested too deep"));
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(n) => match n.as_i64() {
            Some(n) if n.unsigned_abs() <= MAX_INTEGER => Ok(()),
            _ => Err(EntryError::Facts("a number is a float or beyond 2^53")),
        },
        Value::Array(items) => {
            let depth = deeper()?;
            items.iter().try_for_each(|v| check_value(v, depth))
        }
        Value::Object(members) => {
            let depth = deeper()?;
            check_names(members.keys())?;
            members.values().try_for_each(|v| check_value(v, depth))
        }
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
