//! Idempotency-Key: the same key and body give the same answer without a second effect, also after a crash, because the
//! answer is written in the same commit (or audit outcome) as the effect.

use super::locks::Held;
use super::{Appliance, Call, Error, Result, table};
use crate::codes::Code;
use hufu_api::{Key, Space, UnixTime, Write};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The header's value, 1 to 255 visible characters.
    pub name: String,
    /// SHA-256 of call and parameters.
    pub request: [u8; 32],
}

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Answered {
    request: String,
    /// Every creating call answers with one id.
    id: u64,
    at: UnixTime,
}

/// A use of an Idempotency-Key, locked until the call is over.
#[derive(Debug, Default)]
pub(super) struct Once<'a> {
    row: Option<(Key, String)>,
    _held: Option<Held<'a>>,
}

/// Whether the call was answered before.
pub(super) enum Asked<'a> {
    /// Then: that id.
    Before(u64),
    /// Not yet.
    First(Once<'a>),
}

impl Appliance {
    /// Looks the key up and holds it, so that a second request with it waits for the first.
    pub(super) fn once(&self, call: &Call, app: &str) -> Result<Asked<'_>> {
        let Some(asked) = &call.idempotency else { return Ok(Asked::First(Once::default())) };
        let name = hex::encode(Sha256::digest(&asked.name));
        let key = table::in_app_text(Space::Idempotency, app, &name);
        let conflict = || Error::new(Code::IdempotencyConflict);
        let lock = [b"idempotency\0", key.bytes.as_slice()].concat();
        let held = self.locks.hold(lock, call.cx.deadline).ok_or_else(conflict)?;
        let request = hex::encode(asked.request);
        match table::read::<Answered>(self.store(), &key)? {
            Some(row) if row.value.request == request => Ok(Asked::Before(row.value.id)),
            Some(_) => Err(conflict()),
            None => Ok(Asked::First(Once { row: Some((key, request)), _held: Some(held) })),
        }
    }

    /// Result look-up: the id that a creating call with this Idempotency-Key gave.
    ///
    /// # Errors
    /// 20206-like absence is `Ok(None)`.
    pub fn answered(&self, app: &str, name: &str) -> Result<Option<u64>> {
        let name = hex::encode(Sha256::digest(name));
        let key = table::in_app_text(Space::Idempotency, app, &name);
        Ok(table::read::<Answered>(self.store(), &key)?.map(|row| row.value.id))
    }
}

impl Once<'_> {
    /// The write that remembers the answer; goes into the commit that has the effect.
    pub(super) fn remember(&self, id: u64, at: UnixTime) -> Result<Option<Write>> {
        let Some((key, request)) = &self.row else { return Ok(None) };
        table::put(key.clone(), &Answered { request: request.clone(), id, at }).map(Some)
    }
}
