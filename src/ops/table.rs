//! Typed access to the store: where each row lives, reading and writing it as JSON.

use super::{Error, Result};
use hufu_api::{Expect, Key, Space, Store, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// `appId`, a zero byte, the id big-endian: an app's rows stand together in ascending order, and no app can name
/// another's row.
pub(super) fn in_app(space: Space, app: &str, id: u64) -> Key {
    let mut bytes = prefix(app);
    bytes.extend_from_slice(&id.to_be_bytes());
    Key { space, bytes }
}

/// The same with a text instead of a number.
pub(super) fn in_app_text(space: Space, app: &str, text: &str) -> Key {
    let mut bytes = prefix(app);
    bytes.extend_from_slice(text.as_bytes());
    Key { space, bytes }
}

/// What all keys of an app begin with.
pub(super) fn prefix(app: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(app.len() + 9);
    bytes.extend_from_slice(app.as_bytes());
    bytes.push(0);
    bytes
}

/// A key that is one text.
pub(super) fn named(space: Space, name: &str) -> Key {
    Key { space, bytes: name.as_bytes().to_vec() }
}

/// The number at the end of a key made by [`in_app`].
pub(super) fn id_of(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|id| u64::from_be_bytes(*id))
}

/// A row with the version that a change must expect.
#[derive(Clone, Debug)]
pub(super) struct Row<T> {
    pub(super) value: T,
    pub(super) version: u64,
}

pub(super) fn read<T: DeserializeOwned>(store: &dyn Store, key: &Key) -> Result<Option<Row<T>>> {
    let Some(found) = store.get(key)? else { return Ok(None) };
    Ok(Some(Row { value: decode(key.space, &found.value)?, version: found.version }))
}

pub(super) fn decode<T: DeserializeOwned>(space: Space, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|e| Error::internal(format!("row of {space:?} does not read: {e}")))
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(Error::internal)
}

pub(super) fn insert<T: Serialize>(key: Key, value: &T) -> Result<Write> {
    Ok(Write { key, expect: Expect::Absent, value: Some(encode(value)?) })
}

pub(super) fn replace<T: Serialize>(key: Key, version: u64, value: &T) -> Result<Write> {
    Ok(Write { key, expect: Expect::Version(version), value: Some(encode(value)?) })
}

pub(super) fn put<T: Serialize>(key: Key, value: &T) -> Result<Write> {
    Ok(Write { key, expect: Expect::Any, value: Some(encode(value)?) })
}

pub(super) fn remove(key: Key) -> Write {
    Write { key, expect: Expect::Any, value: None }
}

/// All rows of an app in a space, ascending, in pages, so that a large app does not stand in memory twice.
pub(super) fn each_in_app(
    store: &dyn Store,
    space: Space,
    app: &str,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    use std::ops::Bound;
    const PAGE: usize = 1_000;
    let prefix = prefix(app);
    let mut from = Bound::Included(prefix.clone());
    loop {
        let page = store.scan(space, from.as_ref().map(Vec::as_slice), hufu_api::Order::Ascending, PAGE)?;
        let full = page.len() == PAGE;
        let mut last = None;
        for (key, row) in page {
            if !key.starts_with(&prefix) {
                return Ok(());
            }
            visit(&key, &row.value)?;
            last = Some(key);
        }
        match last {
            Some(key) if full => from = Bound::Excluded(key),
            _ => return Ok(()),
        }
    }
}
