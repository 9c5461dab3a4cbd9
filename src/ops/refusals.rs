//! Refused strangers, counted per address, so that a flood of them becomes one record a minute and not a full log.

use super::appliance::facts;
use super::{Appliance, Call, Origin, Result};
use crate::audit::{Act, Actor, Ending};
use crate::codes::Code;
use parking_lot::Mutex;
use std::collections::HashMap;

/// Addresses kept apart between two flushes; the rest is counted together.
const MOST: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: Mutex<HashMap<(Option<Origin>, Code), u64>>,
}

impl Refusals {
    pub(super) fn count(&self, from: Origin, code: Code) {
        let mut counts = self.counts.lock();
        let known = counts.contains_key(&(Some(from), code));
        let whose = (known || counts.len() < MOST).then_some(from);
        *counts.entry((whose, code)).or_default() += 1;
    }
}

impl Appliance {
    /// Writes what was refused since the last time; the edge calls it every minute and at shutdown.
    ///
    /// # Errors
    /// When the log cannot be written; the counts are lost then, the refusals were not served anyway.
    pub fn flush_refusals(&self, call: &Call) -> Result<()> {
        let counts = std::mem::take(&mut *self.refusals.counts.lock());
        for ((from, code), count) in counts {
            let from = from.map_or_else(|| "many".to_owned(), |origin| origin.to_string());
            let actor = Actor { from: Some(from), ..Actor::default() };
            let facts = facts([("code", code.number().into()), ("count", count.into())]);
            self.note(call, actor, Act::Refuse, facts, Ending::Refused)?;
        }
        Ok(())
    }
}
