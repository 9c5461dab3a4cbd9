//! How state lies in sled: one tree, keys begin with a tag.
//!
//! `tag(space) ‖ key` → version (8 bytes, big-endian) ‖ value. Tag 0 is the store's own: `0 ‖ "writes"` counts writes (the source of
//! versions), `0 ‖ "rows" ‖ tag` rows of a space, `0 ‖ "ids" ‖ kind` the highest id ever reserved, `0 ‖ "projected"` the
//! replay mark.

use hufu_api::{IdKind, Key, Space, StoreError, Versioned};

/// The longest key of a client, in bytes.
pub(super) const MAX_KEY: usize = 1024;
/// The largest value, in bytes.
pub(super) const MAX_VALUE: usize = 16 << 20;

/// Counts all writes.
pub(super) const WRITES: &[u8] = b"\0writes";
/// The replay mark.
pub(super) const PROJECTED: &[u8] = b"\0projected";

pub(super) fn row(key: &Key) -> Vec<u8> {
    tagged(key.space, &key.bytes)
}

pub(super) fn tagged(space: Space, bytes: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(bytes.len() + 1);
    row.push(space.tag());
    row.extend_from_slice(bytes);
    row
}

pub(super) fn rows_of(tag: u8) -> Vec<u8> {
    [b"\0rows".as_slice(), &[tag]].concat()
}

pub(super) fn ids_of(kind: IdKind) -> Vec<u8> {
    [b"\0ids".as_slice(), &[kind.tag()]].concat()
}

pub(super) fn pack(versioned: &Versioned) -> Vec<u8> {
    [versioned.version.to_be_bytes().as_slice(), &versioned.value].concat()
}

pub(super) fn unpack(bytes: &[u8]) -> Result<Versioned, StoreError> {
    let (version, value) =
        bytes.split_first_chunk().ok_or_else(|| StoreError::Io("a stored value is cut short".into()))?;
    Ok(Versioned { version: u64::from_be_bytes(*version), value: value.to_vec() })
}

/// A counter of the store's own; absent is `None`.
pub(super) fn counter(tree: &sled::Db, key: &[u8]) -> Result<Option<u64>, StoreError> {
    let stored = tree.get(key).map_err(|e| StoreError::Io(e.to_string()))?;
    stored
        .map(|bytes| {
            let bytes = bytes.as_ref().try_into();
            bytes.map(u64::from_be_bytes).map_err(|_| StoreError::Io("a stored counter is damaged".into()))
        })
        .transpose()
}
