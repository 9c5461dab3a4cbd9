//! Reading a backup to its end, without writing anything.

use super::archive::Reading;
use super::frames::next_record;
use super::live::Rows;
use super::lock::Key;
use super::{AUDIT_KEY, BackupError, Manifest, Progress, RECORDS, Roster, STATE, VERIFIERS};
use crate::audit::Entry;
use crate::keys::StoredKey;
use crate::ledger::LogError;
use crate::tlog::{Checkpoint, NoteKey, Range, leaf_hash};
use std::io::Read;
use std::path::Path;

/// What a look into a backup found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Records that the newest checkpoint in it covers.
    pub covered: u64,
    /// Who must agree to its restore.
    pub roster: Roster,
}

/// Reads a backup to its end: every entry is what the manifest says, and the log's records give the tree that the checkpoints
/// sign.
///
/// # Errors
/// See [`BackupError`].
pub fn check(path: &Path, key: &Key, tell: &mut dyn FnMut(Progress)) -> Result<Check, BackupError> {
    let mut backup = Reading::open(path, key)?;
    let manifest = backup.manifest.clone();
    let rows = backup.entry(STATE, |from| {
        let mut rows = 0;
        for row in Rows::over(from) {
            row.map_err(|e| BackupError::State(e.to_string()))?;
            rows += 1;
        }
        Ok(rows)
    })?;
    tell(Progress::Rows(rows));
    let checkpoints = Checkpoints::read(&mut backup)?;
    // Those of the token's key alone say who may agree: a restore tries that key.
    let vouched =
        checkpoints.0.iter().filter(|(_, by_token)| *by_token).map(|(c, _)| c.size).max().unwrap_or(0);
    let mut roster = Roster::default();
    let root = backup.entry(RECORDS, |from| {
        let mut range = Range::new();
        for record in records(from) {
            let (record, number) = (record.map_err(LogError::Io)?, range.size());
            let entry = Entry::parse(&record).ok().filter(|entry| entry.number == number);
            let entry = entry.ok_or_else(|| LogError::Damaged(format!("record {number} is none")))?;
            roster.saw(&entry, number < vouched);
            range.push(leaf_hash(&record));
            let size = range.size();
            if checkpoints.0.iter().any(|(c, _)| c.size == size && c.root != range.root()) {
                return Err(LogError::Damaged(format!(
                    "records below {size} are not those of its checkpoint"
                ))
                .into());
            }
            if size.is_multiple_of(4096) || size == manifest.records {
                tell(Progress::Records(size, manifest.records));
            }
        }
        Ok((range.size(), hex::encode(range.root())))
    })?;
    let covered = checkpoints.0.iter().map(|(c, _)| c.size).max().unwrap_or(0);
    if root != (manifest.records, manifest.root.clone()) || covered > manifest.records {
        return Err(BackupError::Archive("the records are not those that the manifest names".into()));
    }
    Ok(Check { manifest, covered, roster })
}

/// Checkpoints whose signature holds, each with whether the token's key of today made it.
struct Checkpoints(Vec<(Checkpoint, bool)>);

impl Checkpoints {
    /// Reads every small entry.
    fn read(backup: &mut Reading) -> Result<Self, BackupError> {
        let (mut notes, mut verifiers, mut token) = (Vec::new(), Vec::new(), None);
        for name in backup.names().into_iter().filter(|name| name != STATE && name != RECORDS) {
            let bytes = backup.entry(&name, |from| all(from))?;
            let unfit = |e: &dyn std::fmt::Display| BackupError::Archive(format!("{name}: {e}"));
            if name == VERIFIERS {
                let text = String::from_utf8_lossy(&bytes);
                let keys: Result<Vec<NoteKey>, _> = text.lines().map(NoteKey::parse).collect();
                verifiers = keys.map_err(|e| unfit(&e))?;
            } else if name == AUDIT_KEY {
                token = Some(serde_json::from_slice::<StoredKey>(&bytes).map_err(|e| unfit(&e))?);
            } else if name.starts_with("audit/checkpoints/") && !name.ends_with(".tsr") {
                notes.push((name, String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        let token = token.map(|key| key.spki.0).unwrap_or_default();
        let opened = |(name, note): (String, String)| {
            let by = verifiers.iter().find_map(|key| Some((Checkpoint::open(&note, key).ok()?, key)));
            let (checkpoint, key) =
                by.ok_or_else(|| BackupError::Archive(format!("{name}: signed by no key of the log")))?;
            Ok((checkpoint, key.spki() == token))
        };
        notes.into_iter().map(opened).collect::<Result<_, BackupError>>().map(Self)
    }
}

/// An entry's octets.
pub(super) fn all(from: &mut dyn Read) -> Result<Vec<u8>, BackupError> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).map_err(|e| BackupError::Archive(e.to_string()))?;
    Ok(bytes)
}

/// The records of an entry.
pub(super) fn records<'a>(from: &'a mut dyn Read) -> impl Iterator<Item = std::io::Result<Vec<u8>>> + 'a {
    let mut ended = false;
    std::iter::from_fn(move || {
        let next = if ended { None } else { next_record(from).transpose() };
        ended = !matches!(next, Some(Ok(_)));
        next
    })
}
