//! Releasing a file: first it is on disk but unseen, then its record is durable, then it appears under its path.
//!
//! So a file that can be seen has a durable record. Where the log does not answer, or the file cannot appear, the caller gets an
//! error and the file is removed; what the log may say of it all the same is withdrawn by a later record, so that an error that a
//! client was given stays true. A process that dies between record and appearance is finished at its next start ([`Unfinished`]).

use super::appliance::facts;
use super::projection::Projection;
use super::sign::save_error;
use super::{Appliance, Call, Error, Result};
use crate::audit::{Act, Actor, AuditError, Body, Ending, Entry, Event, Facts, Outcome, RecordNumber, Spent};
use crate::documents::{DocumentError, Documents, Settled, Staged};
use hufu_api::Cx;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Withdrawals that wait for the log, at most. No more can come than calls under way when it failed, but it may fail again.
const MOST: usize = 10_000;

/// Where a file is to appear, as its record says it: the path as the client spelled it, and the roots that it was found in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Destination {
    pub(super) path: String,
    pub(super) roots: Vec<String>,
}

impl Destination {
    /// The fact of this name in an intent or event.
    pub(super) const FACT: &str = "destination";

    /// Its JSON.
    pub(super) fn fact(&self) -> Value {
        Value::from_iter([
            ("path", Value::from(self.path.as_str())),
            ("roots", Value::from(self.roots.as_slice())),
        ])
    }

    fn of(facts: &Facts) -> Option<Self> {
        serde_json::from_value(facts.get(Self::FACT)?.clone()).ok()
    }
}

/// A file on disk that nobody sees yet.
pub(super) struct Unseen<'a> {
    pub(super) staged: Box<dyn Staged>,
    pub(super) destination: Destination,
    /// SHA-256 of the file, lower hex.
    pub(super) sha256: &'a str,
    /// What the store is to show of it.
    pub(super) projection: &'a Projection,
    pub(super) act: Act,
    pub(super) actor: Actor,
}

/// Records that take back what the log may say of files that did not appear.
#[derive(Default)]
pub(super) struct Withdrawals(Mutex<Vec<Event>>);

impl Appliance {
    /// Closes `spent` as done, then lets the file appear, then shows its rows.
    pub(super) fn release(&self, call: &Call, file: Unseen<'_>, spent: Spent, facts: Facts) -> Result<()> {
        let intent = spent.number();
        let record = spent.close(Outcome { ending: Ending::Done, facts });
        self.appear(call, file, record, Some(intent))
    }

    /// Records an act without a key of its own as done, then lets its file appear, then shows its rows.
    pub(super) fn release_noted(&self, call: &Call, file: Unseen<'_>, facts: Facts) -> Result<()> {
        let event = Event { act: file.act, actor: file.actor.clone(), facts, ending: Ending::Done };
        let record = self.ports.audit.record(call.cx, event);
        self.appear(call, file, record, None)
    }

    fn appear(
        &self,
        call: &Call,
        file: Unseen<'_>,
        record: std::result::Result<RecordNumber, AuditError>,
        intent: Option<RecordNumber>,
    ) -> Result<()> {
        let Unseen { staged, destination, sha256, projection, act, actor } = file;
        let withdraw = |reason: &dyn std::fmt::Display| -> Result<()> {
            let mut facts = facts([
                ("output_sha256", sha256.into()),
                (Destination::FACT, destination.fact()),
                ("reason", reason.to_string().into()),
                ("project", projection.withdrawn().to_json()?),
            ]);
            facts.extend(intent.map(|intent| ("intent".to_owned(), intent.into())));
            let event = Event { act, actor: actor.clone(), facts, ending: Ending::Voided };
            self.withdraw(call, event);
            Ok(())
        };
        let number = match record {
            Ok(number) => number,
            Err(error) => {
                drop(staged);
                // On record or not: nobody can say now.
                if matches!(error, AuditError::Unavailable(_) | AuditError::Timeout) {
                    withdraw(&error)?;
                }
                return Err(error.into());
            }
        };
        match staged.publish(call.cx) {
            Ok(()) => {}
            // It can be seen: its rows are shown. Whether it outlives a power failure is not known.
            Err(DocumentError::Unsynced(reason)) => {
                self.store().project(number, projection.writes())?;
                let change = facts([("output_sha256", sha256.into()), ("reason", reason.clone().into())]);
                self.note(call, actor, act, change, Ending::Failed)?;
                return Err(save_error(&DocumentError::Unsynced(reason)));
            }
            Err(error) => {
                withdraw(&error)?;
                return Err(save_error(&error));
            }
        }
        // Record and file are durable: the answer is a success. Rows that cannot be shown now are made again at the next start.
        if let Err(error) = self.store().project(number, projection.writes()) {
            tracing::error!(record = number, %error, "rows are not shown until the next start");
        }
        Ok(())
    }

    /// Writes the withdrawal now, or as soon as the log takes records again. The log keeps the order of what it is given, so
    /// it comes after the record that it withdraws.
    fn withdraw(&self, call: &Call, event: Event) {
        if self.is_withdrawn(call.cx, &event) {
            return;
        }
        let mut waiting = self.withdrawals.0.lock();
        if waiting.len() < MOST {
            waiting.push(event);
        } else {
            tracing::error!("a withdrawal is lost: too many wait for the log");
        }
    }

    /// Whether the log took the withdrawal.
    fn is_withdrawn(&self, cx: Cx, event: &Event) -> bool {
        let Ok(number) = self.ports.audit.record(cx, event.clone()) else { return false };
        let projected = super::replay(&event.facts)
            .and_then(|writes| self.store().project(number, &writes).map_err(Error::from));
        if let Err(error) = projected {
            tracing::error!(record = number, %error, "rows of a withdrawn file stay until the next start");
        }
        true
    }

    /// Writes what waits for the log, in order; stops at the first that it does not take. The composition calls it often.
    pub fn write_withdrawals(&self, call: &Call) {
        let mut waiting = std::mem::take(&mut *self.withdrawals.0.lock());
        let written = waiting.iter().take_while(|event| self.is_withdrawn(call.cx, event)).count();
        waiting.drain(..written);
        let mut newer = self.withdrawals.0.lock();
        waiting.append(&mut newer);
        *newer = waiting;
    }

    /// Whether [`Appliance::write_withdrawals`] has something to do.
    pub fn has_withdrawals(&self) -> bool {
        !self.withdrawals.0.lock().is_empty()
    }
}

/// Files that a dead process may have left unseen, from the records of its last half minute.
#[derive(Debug, Default)]
pub struct Unfinished {
    /// By intent.
    announced: BTreeMap<RecordNumber, Destination>,
    /// Digests of the files that are on record as done and not withdrawn.
    files: BTreeMap<Destination, Vec<String>>,
}

impl Unfinished {
    /// Takes note of a record; records come in the log's order.
    pub fn note(&mut self, entry: &Entry) {
        let digest = |facts: &Facts| facts.get("output_sha256").and_then(Value::as_str).map(str::to_owned);
        match &entry.body {
            Body::Intent(intent) => {
                self.announced
                    .extend(Destination::of(&intent.facts).map(|destination| (entry.number, destination)));
            }
            Body::Outcome { of, outcome, .. } => {
                let Some(destination) = self.announced.remove(of) else { return };
                let done = digest(&outcome.facts).filter(|_| outcome.ending == Ending::Done);
                self.files.entry(destination).or_default().extend(done);
            }
            Body::Event(event) => {
                let Some(destination) = Destination::of(&event.facts) else { return };
                let files = self.files.entry(destination).or_default();
                match (event.ending, digest(&event.facts)) {
                    (Ending::Done, Some(sha256)) => files.push(sha256),
                    (_, Some(sha256)) => files.retain(|known| *known != sha256),
                    (_, None) => {}
                }
            }
            Body::Checkpoint { .. } => {}
        }
    }

    /// Lets those appear that are on record as done and removes the others. Nobody is served yet.
    pub fn settle(self, cx: Cx, documents: &dyn Documents) {
        for (Destination { path, roots }, digests) in self.files {
            match documents.settle(cx, &roots, &path, &digests) {
                Ok(Settled::Nothing) => {}
                Ok(Settled::Appeared) => tracing::warn!(path, "a file that was on record has appeared"),
                Ok(Settled::Removed) => tracing::warn!(path, "a file that was not on record is removed"),
                Err(error) => tracing::warn!(path, %error, "a file may lie unseen in its folder"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
