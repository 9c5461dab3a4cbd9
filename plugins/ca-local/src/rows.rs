//! What the channel keeps in the store: one row per serial number, an index of revoked ones, the newest list per CA.

use crate::StateError;
use hufu_api::{
    Der, Expect, Key, Order, RevocationReason, Space, Store, StoreError, UnixTime, Versioned, Write,
};
use serde::{Deserialize, Serialize};
use std::ops::Bound;
use std::sync::Arc;

/// Serial numbers are at most 20 octets (RFC 5280 4.1.2.2).
const SERIAL_WIDTH: usize = 20;

/// Rows read at a time.
const PAGE: usize = 1000;

/// A revocation as it goes into lists and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Revoked {
    pub(crate) at: UnixTime,
    pub(crate) reason: RevocationReason,
}

/// One serial number that has been given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Issued {
    pub(crate) not_after: UnixTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revoked: Option<Revoked>,
}

/// What became of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marked {
    /// It is on disk now.
    Now,
    /// It was before.
    Already,
    /// This CA never gave out such a serial number.
    NeverIssued,
}

/// What is known of the newest revocation list of a CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListMeta {
    pub(crate) number: u64,
    pub(crate) made: UnixTime,
    /// How many revocations of this CA were on disk when the list was made; see [`Rows::marked`].
    pub(crate) marked: u64,
}

/// The channel's rows; keys begin with its name, so that two channels never meet.
pub(crate) struct Rows {
    store: Arc<dyn Store>,
    prefix: String,
}

impl Rows {
    pub(crate) fn new(store: Arc<dyn Store>, name: &str) -> Self {
        Self { store, prefix: name.to_owned() }
    }

    fn key(&self, table: &str, label: &str, rest: &[u8]) -> Key {
        let mut bytes = format!("{}/{table}/{label}/", self.prefix).into_bytes();
        bytes.extend_from_slice(rest);
        Key { space: Space::Channel, bytes }
    }

    /// Writes a serial number down; false when it is taken.
    pub(crate) fn issue(&self, label: &str, serial: &[u8], row: &Issued) -> Result<bool, StateError> {
        let key = self.key("issued", label, &padded(serial)?);
        let write = Write { key, expect: Expect::Absent, value: Some(encoded(row)?) };
        match self.store.commit(&[write]) {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The row of a serial number.
    pub(crate) fn issued(&self, label: &str, serial: &[u8]) -> Result<Option<Issued>, StateError> {
        let Ok(serial) = padded(serial) else { return Ok(None) };
        self.read(&self.key("issued", label, &serial)).map(|found| found.map(|(row, _)| row))
    }

    /// Marks a serial number revoked.
    pub(crate) fn revoke(&self, label: &str, serial: &[u8], revoked: Revoked) -> Result<Marked, StateError> {
        let serial = padded(serial)?;
        let key = self.key("issued", label, &serial);
        // Another thread may revoke the same certificate meanwhile: look again then.
        for _ in 0..4 {
            let Some((row, version)) = self.read::<Issued>(&key)? else {
                return Ok(Marked::NeverIssued);
            };
            if row.revoked.is_some() {
                return Ok(Marked::Already);
            }
            let row = Issued { revoked: Some(revoked), ..row };
            let mark =
                Write { key: key.clone(), expect: Expect::Version(version), value: Some(encoded(&row)?) };
            let index = self.key("revoked", label, &serial);
            let index = Write { key: index, expect: Expect::Any, value: Some(encoded(&row)?) };
            let count =
                Write { key: self.key("marked", label, &[]), expect: Expect::Any, value: Some(vec![]) };
            match self.store.commit(&[mark, index, count]) {
                Ok(()) => return Ok(Marked::Now),
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StateError("too many revocations of one certificate at once".into()))
    }

    /// How many revocations of this CA have been written: the version of a row that each of them writes.
    pub(crate) fn marked(&self, label: &str) -> Result<u64, StateError> {
        Ok(self.store.get(&self.key("marked", label, &[]))?.map_or(0, |v| v.version))
    }

    /// Every revoked serial number whose certificate expires at `alive` or later; index rows of the others are removed.
    pub(crate) fn revoked(
        &self,
        label: &str,
        alive: UnixTime,
    ) -> Result<Vec<hufu_x509::Revoked>, StateError> {
        let prefix = self.key("revoked", label, &[]).bytes;
        let mut from = Bound::Included(prefix.clone());
        let mut all = Vec::new();
        let mut expired = Vec::new();
        loop {
            let bound = from.as_ref().map(Vec::as_slice);
            let page = self.store.scan(Space::Channel, bound, Order::Ascending, PAGE)?;
            let full = page.len() == PAGE;
            let mut last = None;
            for (key, value) in page {
                let Some(serial) = key.strip_prefix(prefix.as_slice()) else { break };
                let row: Issued = decoded(&value)?;
                match row.revoked {
                    Some(Revoked { at, reason }) if row.not_after >= alive => {
                        let serial = serial.iter().copied().skip_while(|b| *b == 0).collect();
                        all.push(hufu_x509::Revoked { serial, at, reason });
                    }
                    _ => expired.push(key.clone()),
                }
                last = Some(key);
            }
            match last {
                Some(key) if full => from = Bound::Excluded(key),
                _ => break,
            }
        }
        if !expired.is_empty() {
            let remove =
                |bytes| Write { key: Key { space: Space::Channel, bytes }, expect: Expect::Any, value: None };
            self.store.commit(&expired.into_iter().map(remove).collect::<Vec<_>>())?;
        }
        Ok(all)
    }

    /// The newest list of a CA.
    pub(crate) fn list(&self, label: &str) -> Result<Option<Der>, StateError> {
        Ok(self.store.get(&self.key("list", label, &[]))?.map(|v| Der(v.value)))
    }

    /// What is known of the newest list, with the version that its successor must expect.
    pub(crate) fn list_meta(&self, label: &str) -> Result<Option<(ListMeta, u64)>, StateError> {
        self.read(&self.key("list-meta", label, &[]))
    }

    /// Puts a new list in the place of the one of version `before`.
    pub(crate) fn put_list(
        &self,
        label: &str,
        before: Option<u64>,
        meta: ListMeta,
        list: &Der,
    ) -> Result<(), StateError> {
        let expect = before.map_or(Expect::Absent, Expect::Version);
        let meta = Write { key: self.key("list-meta", label, &[]), expect, value: Some(encoded(&meta)?) };
        let list =
            Write { key: self.key("list", label, &[]), expect: Expect::Any, value: Some(list.0.clone()) };
        Ok(self.store.commit(&[meta, list])?)
    }

    fn read<T: for<'a> Deserialize<'a>>(&self, key: &Key) -> Result<Option<(T, u64)>, StateError> {
        let found = self.store.get(key)?;
        found.map(|v| decoded(&v).map(|row| (row, v.version))).transpose()
    }
}

fn encoded<T: Serialize>(row: &T) -> Result<Vec<u8>, StateError> {
    serde_json::to_vec(row).map_err(|e| StateError(e.to_string()))
}

fn decoded<T: for<'a> Deserialize<'a>>(value: &Versioned) -> Result<T, StateError> {
    serde_json::from_slice(&value.value).map_err(|e| StateError(format!("damaged row: {e}")))
}

/// A serial number as key: without leading zeros, padded to one width, so that each has one key.
fn padded(serial: &[u8]) -> Result<[u8; SERIAL_WIDTH], StateError> {
    let significant = serial.iter().position(|b| *b != 0).and_then(|at| serial.get(at..)).unwrap_or_default();
    let mut key = [0; SERIAL_WIDTH];
    let too_long = || StateError("serial number too long".into());
    let at = SERIAL_WIDTH.checked_sub(significant.len()).ok_or_else(too_long)?;
    key.get_mut(at..).ok_or_else(too_long)?.copy_from_slice(significant);
    Ok(key)
}
