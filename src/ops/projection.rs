//! What the store shows of audit outcomes: rows of signatures and time stamps ride in the outcome itself, are applied
//! without a sync of their own, and are made again from the log at start.

use super::{Error, Result};
use crate::audit::Facts;
use hufu_api::{Expect, Key, Space, Write};
use serde::{Deserialize, Serialize};

/// Rows to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Projection {
    writes: Vec<Write>,
}

/// One row.
pub(super) struct Row(Write);

impl Row {
    pub(super) fn new<T: Serialize>(key: Key, value: &T) -> Result<Self> {
        super::table::put(key, value).map(Self)
    }
}

/// Space names in the log's format: never rename.
const NAMES: [(Space, &str); 6] = [
    (Space::Signature, "signature"),
    (Space::Stamp, "stamp"),
    (Space::Deposit, "deposit"),
    (Space::DepositBySid, "deposit_by_sid"),
    (Space::ByteSign, "byte_sign"),
    (Space::Idempotency, "idempotency"),
];

#[derive(Serialize, Deserialize)]
struct Logged {
    space: String,
    key: String,
    value: serde_json::Value,
}

impl Projection {
    pub(super) fn push(&mut self, row: Row) {
        self.writes.push(row.0);
    }

    pub(super) fn extend(&mut self, writes: Option<Write>) {
        self.writes.extend(writes);
    }

    pub(super) fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The same rows removed.
    pub(super) fn withdrawn(&self) -> Self {
        let remove = |write: &Write| Write { key: write.key.clone(), expect: Expect::Any, value: None };
        Self { writes: self.writes.iter().map(remove).collect() }
    }

    /// The form in the outcome's `project` fact; a row that is removed has the value null.
    pub(super) fn to_json(&self) -> Result<serde_json::Value> {
        let rows: Result<Vec<Logged>> = self
            .writes
            .iter()
            .map(|write| {
                let space = NAMES.iter().find(|(space, _)| *space == write.key.space);
                let (_, name) = space.ok_or_else(|| Error::internal("not a projected space"))?;
                let value = write.value.as_deref().unwrap_or(b"null");
                Ok(Logged {
                    space: (*name).to_owned(),
                    key: hex::encode(&write.key.bytes),
                    value: serde_json::from_slice(value).map_err(Error::internal)?,
                })
            })
            .collect();
        serde_json::to_value(rows?).map_err(Error::internal)
    }
}

/// The writes that an outcome's facts ask for, for replay after a crash; empty for outcomes without projection.
///
/// # Errors
/// When the facts are not what this module wrote.
pub fn replay(facts: &Facts) -> Result<Vec<Write>> {
    let Some(project) = facts.get("project") else { return Ok(Vec::new()) };
    let rows: Vec<Logged> = serde_json::from_value(project.clone()).map_err(Error::internal)?;
    rows.into_iter()
        .map(|row| {
            let space = NAMES.iter().find(|(_, name)| *name == row.space).map(|(space, _)| *space);
            Ok(Write {
                key: Key {
                    space: space.ok_or_else(|| Error::internal(format!("unknown space {}", row.space)))?,
                    bytes: hex::decode(&row.key).map_err(Error::internal)?,
                },
                expect: Expect::Any,
                value: match row.value {
                    serde_json::Value::Null => None,
                    value => Some(serde_json::to_vec(&value).map_err(Error::internal)?),
                },
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ops::table;

    #[test]
    fn what_is_logged_replays_as_it_was_written() {
        let mut projection = Projection::default();
        projection.push(Row::new(table::in_app(Space::Signature, "app", 7), &vec![1, 2, 3]).unwrap());
        projection.push(Row::new(table::in_app_text(Space::Idempotency, "app", "k"), &"x").unwrap());
        let facts = Facts::from([("project".to_owned(), projection.to_json().unwrap())]);
        assert_eq!(replay(&facts).unwrap(), projection.writes());
        assert!(replay(&Facts::new()).unwrap().is_empty());
        let facts = Facts::from([("project".to_owned(), projection.withdrawn().to_json().unwrap())]);
        let removed = replay(&facts).unwrap();
        assert_eq!(removed, projection.withdrawn().writes());
        assert!(removed.iter().all(|write| write.value.is_none()) && removed.len() == 2);
    }
}
