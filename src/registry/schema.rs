//! The state's schema version and the way from each version to the next. Rows are JSON whose new fields have defaults, so that
//! most changes need no step; what does need one is done at the start, before anybody serves, and a step that breaks off is
//! done again.

use hufu_api::{Expect, Key, Order, Space, Store, StoreError, Write};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ops::Bound;

/// What this program writes.
const CURRENT: u32 = 2;

/// Rows changed in one commit.
const PAGE: usize = 500;

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// A later version of this program has written it.
    #[error(
        "the state was written by a later version (schema {0}; this program knows {CURRENT}): use that version"
    )]
    Later(u32),
    /// A row is not what the step expects.
    #[error("schema {0}: {1}")]
    Row(u32, serde_json::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
struct Version {
    schema: u32,
}

/// Brings the state to the current version; gives the version that it had.
///
/// # Errors
/// See [`SchemaError`]; the state is then as it was, or some rows further, and the next start goes on.
pub fn migrate(store: &dyn Store) -> Result<u32, SchemaError> {
    let key = Key { space: Space::Meta, bytes: b"schema".to_vec() };
    let row = store.get(&key)?;
    let noted = row.is_some();
    let had = match row {
        Some(row) => {
            serde_json::from_slice::<Version>(&row.value).map_err(|e| SchemaError::Row(CURRENT, e))?.schema
        }
        // The first version wrote no number; an empty state has nothing to be brought anywhere.
        None if store.scan(Space::App, Bound::Unbounded, Order::Ascending, 1)?.is_empty() => CURRENT,
        None => 1,
    };
    if had > CURRENT {
        return Err(SchemaError::Later(had));
    }
    if had < 2 {
        explicit_defaults(store)?;
    }
    if noted && had == CURRENT {
        return Ok(had);
    }
    let value = serde_json::to_vec(&Version { schema: CURRENT }).map_err(|e| SchemaError::Row(CURRENT, e))?;
    store.commit(&[Write { key, expect: Expect::Any, value: Some(value) }])?;
    if had < CURRENT {
        tracing::info!(from = had, to = CURRENT, "state migrated");
    }
    Ok(had)
}

/// 1 → 2: fields of apps and seals that came later are written out with their defaults, so that tools that read rows see one
/// form only.
fn explicit_defaults(store: &dyn Store) -> Result<(), SchemaError> {
    for (space, fields) in
        [(Space::App, &["archive", "level"][..]), (Space::Seal, &["maker", "record", "revoker"][..])]
    {
        let mut from: Bound<Vec<u8>> = Bound::Unbounded;
        loop {
            let page = store.scan(space, from.as_ref().map(Vec::as_slice), Order::Ascending, PAGE)?;
            let Some((last, _)) = page.last() else { break };
            from = Bound::Excluded(last.clone());
            let mut writes = Vec::new();
            for (bytes, row) in page {
                let mut value: Value =
                    serde_json::from_slice(&row.value).map_err(|e| SchemaError::Row(2, e))?;
                let Some(object) = value.as_object_mut() else { continue };
                let before = object.len();
                for field in fields {
                    object.entry(*field).or_insert(Value::Null);
                }
                if object.len() > before {
                    writes.push(Write {
                        key: Key { space, bytes },
                        expect: Expect::Version(row.version),
                        value: Some(value.to_string().into_bytes()),
                    });
                }
            }
            if !writes.is_empty() {
                store.commit(&writes)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ops::rows::{App, Seal, Signer};
    use crate::store::SledStore;
    use hufu_api::MemoryStore;
    use std::path::Path;
    use std::process::Command;

    fn rows<T: serde::de::DeserializeOwned>(store: &dyn Store, space: Space) -> Vec<T> {
        let found = store.scan(space, Bound::Unbounded, Order::Ascending, 100).unwrap();
        found.iter().map(|(_, row)| serde_json::from_slice(&row.value).unwrap()).collect()
    }

    /// A data folder that version 1 has written: two apps, two signers with seals, a contract signed by both.
    #[test]
    fn the_state_of_version_1_is_brought_forward() {
        let dir = tempfile::tempdir().unwrap();
        let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/state-v1.tar.gz");
        let done = Command::new("tar").arg("xzf").arg(packed).arg("-C").arg(dir.path()).status().unwrap();
        assert!(done.success());
        let folder = dir.path().join("data/state");
        {
            let store = SledStore::open(&folder).unwrap();
            assert_eq!(migrate(&store).unwrap(), 1);
            assert_eq!(migrate(&store).unwrap(), CURRENT, "once is enough");
        }
        let store = SledStore::open(&folder).unwrap();
        let apps: Vec<App> = rows(&store, Space::App);
        assert_eq!(apps.len(), 2);
        assert!(apps.iter().all(|app| !app.secrets.is_empty() && app.archive.is_none()));
        let (signers, seals): (Vec<Signer>, Vec<Seal>) =
            (rows(&store, Space::Signer), rows(&store, Space::Seal));
        assert_eq!((signers.len(), seals.len()), (2, 2));
        assert!(rows::<Value>(&store, Space::Signature).len() >= 2);
        for row in rows::<Value>(&store, Space::App) {
            assert!(row.get("archive").is_some(), "written out: {row}");
        }
        // The log of that version verifies as it is.
        let log = crate::ledger::Folder::new(dir.path().join("data/audit"));
        let mut source = crate::ledger::source::Offline::open(&log).unwrap();
        let report = crate::ledger::verify::verify(&log, &mut source, &Default::default(), &mut |_| {});
        assert!(report.is_sound() && report.records > 30, "{:?}", report.findings);
    }

    #[test]
    fn a_later_state_is_left_alone() {
        let store = MemoryStore::new();
        let key = Key { space: Space::Meta, bytes: b"schema".to_vec() };
        let value = Some(br#"{"schema":99}"#.to_vec());
        store.commit(&[Write { key: key.clone(), expect: Expect::Any, value }]).unwrap();
        assert!(matches!(migrate(&store), Err(SchemaError::Later(99))));
        assert_eq!(store.get(&key).unwrap().unwrap().value, br#"{"schema":99}"#);
    }

    #[test]
    fn an_empty_state_begins_at_the_current_version() {
        let store = MemoryStore::new();
        assert_eq!(migrate(&store).unwrap(), CURRENT);
        assert_eq!(migrate(&store).unwrap(), CURRENT);
    }
}
