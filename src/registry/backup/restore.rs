//! Bringing a backup back: beside the data folder's own places first, verified there, and only then into them.

use super::archive::Reading;
use super::frames::next_record;
use super::live::Rows;
use super::lock::Key;
use super::{BackupError, Manifest, Progress, RECORDS, STATE, file, tokens};
use crate::audit::{Act, Actor, Body, Ending, Entry, Event, Facts};
use crate::channels::OsEntropy;
use crate::conf::Site;
use crate::ledger::restore::restore_log;
use crate::ledger::source::{Offline, Source};
use crate::ledger::verify::{Options, verify};
use crate::ledger::{Folder, Log, LogError};
use crate::ops::needs;
use crate::registry::ceremony::{RECOVERY_FILE, Recovery};
use crate::store::{SledStore, restore_state};
use crate::tlog::{Checkpoint, Range, leaf_hash};
use hufu_api::{RequestId, UnixTime};
use std::fs::{self, DirBuilder, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// A restored appliance gives out ids this much higher than the backup's: none is given twice that the lost one gave out after
/// the backup.
const SKIP_IDS: u64 = 10_000_000;
/// Wrapped keys that are tried.
const TRIED: u64 = 1_000;
/// The page cache of a log that is appended to once.
const CACHE: u64 = 16 << 20;

/// What a restore is told.
pub struct Restore<'a> {
    /// The configuration, and the file that it is from.
    pub site: &'a Site,
    /// That file.
    pub conf: &'a Path,
    /// Recovery components; none where the token has its keys already.
    pub components: &'a [PathBuf],
    /// Needed where a token has to be initialised.
    pub so_pin: Option<&'a Path>,
    /// Who does it, for the log.
    pub operator: String,
    /// When.
    pub now: UnixTime,
}

/// What a look into a backup found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Records that the newest checkpoint in it covers.
    pub covered: u64,
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
    let mut checkpoints = Vec::new();
    for name in backup.names() {
        let bytes =
            (name != STATE && name != RECORDS).then(|| backup.entry(&name, |from| all(from))).transpose()?;
        if let (Some(bytes), true) =
            (bytes, name.starts_with("audit/checkpoints/") && !name.ends_with(".tsr"))
        {
            let note = String::from_utf8_lossy(&bytes).into_owned();
            let said = Checkpoint::unverified(&note);
            checkpoints.push(said.map_err(|e| BackupError::Archive(format!("{name}: {e}")))?);
        }
    }
    let root = backup.entry(RECORDS, |from| {
        let mut range = Range::new();
        for record in records(from) {
            let (record, number) = (record.map_err(LogError::Io)?, range.size());
            let entry = Entry::parse(&record);
            if entry.as_ref().map(|e| e.number) != Ok(number) {
                return Err(LogError::Damaged(format!("record {number} is none")).into());
            }
            range.push(leaf_hash(&record));
            let size = range.size();
            if checkpoints.iter().any(|c| c.size == size && c.root != range.root()) {
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
    if root != (manifest.records, manifest.root.clone()) {
        return Err(BackupError::Archive("the records are not those that the manifest names".into()));
    }
    let covered = checkpoints.iter().map(|c| c.size).max().unwrap_or(0);
    Ok(Check { manifest, covered })
}

fn all(from: &mut dyn Read) -> Result<Vec<u8>, BackupError> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).map_err(|e| BackupError::Archive(e.to_string()))?;
    Ok(bytes)
}

/// The records of an entry.
fn records<'a>(from: &'a mut dyn Read) -> impl Iterator<Item = std::io::Result<Vec<u8>>> + 'a {
    let mut ended = false;
    std::iter::from_fn(move || {
        let next = if ended { None } else { next_record(from).transpose() };
        ended = !matches!(next, Some(Ok(_)));
        next
    })
}

/// Restores a backup into the empty data folder that `site` names, takes the token's keys in where components are given, tries
/// them, and continues the log with a record of it.
///
/// # Errors
/// See [`BackupError`]; the data folder has no new state, log or PKI then, and the command can be given again.
pub fn restore(
    path: &Path,
    key: &Key,
    what: &Restore<'_>,
    tell: &mut dyn FnMut(&str),
    progress: &mut dyn FnMut(Progress),
) -> Result<Check, BackupError> {
    let site = what.site;
    let homes = [
        ("state", site.state_folder()),
        ("pki", site.pki_folder()),
        ("ceremony", site.ceremony_folder()),
        ("audit", site.audit_folder()),
    ];
    for (_, home) in &homes {
        if fs::read_dir(home).is_ok_and(|mut entries| entries.next().is_some()) {
            let why =
                format!("{} is not empty; a backup is restored into a new data folder only", home.display());
            return Err(BackupError::Refused(why));
        }
    }
    let work = site.data().join("restoring");
    if work.exists() {
        fs::remove_dir_all(&work).map_err(file(&work))?;
    }
    for folder in [&work, &work.join("pki"), &work.join("ceremony")] {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(file(folder))?;
    }
    let check = unpack(path, key, &work, progress)?;
    tell(&format!("unpacked: {} rows, {} records", check.manifest.rows, check.manifest.records));
    verify_log(&work, progress)?;
    tell(&format!("the audit log is sound; checkpoints cover {} records", check.covered));
    let needed = {
        let store = SledStore::open(&work.join("state"))?;
        needs(&store, TRIED).map_err(|e| BackupError::State(e.to_string()))?
    };
    let pki = work.join("pki");
    if !what.components.is_empty() {
        let (recovery, new) = Recovery::of(what.components, pki.join(RECOVERY_FILE), &OsEntropy::default())?;
        if new {
            return Err(BackupError::Refused("the recovery components are not there".into()));
        }
        tokens::take_in(site, what.conf, what.so_pin, &recovery, tell)?;
    }
    let lost = tokens::prove(site, what.conf, &pki, &needed)?;
    tell(&format!(
        "the token's keys work: {} of {} wrapped signers' keys tried",
        needed.wrapped.len(),
        needed.wrapped_count
    ));
    if lost > 0 {
        tell(&format!(
            "LOST: {lost} signers' keys lay in the lost token alone (custody token); revoke their certificates"
        ));
    }
    note(&work, what, &check, lost)?;
    for (name, home) in &homes {
        let _ = fs::remove_dir(home);
        fs::rename(work.join(name), home).map_err(file(home))?;
    }
    let conf = site.data().join("restored-conf");
    if work.join("conf").is_dir() && !conf.exists() {
        fs::rename(work.join("conf"), &conf).map_err(file(&conf))?;
        tell(&format!("the configuration of then, to compare: {}", conf.display()));
    }
    fs::remove_dir_all(&work).map_err(file(&work))?;
    File::open(site.data()).and_then(|f| f.sync_all()).map_err(file(site.data()))?;
    Ok(check)
}

fn unpack(
    path: &Path,
    key: &Key,
    work: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<Check, BackupError> {
    let mut backup = Reading::open(path, key)?;
    let manifest = backup.manifest.clone();
    backup.entry(STATE, |from| {
        let mut count = 0;
        let counted = Rows::over(from).inspect(|_| {
            count += 1;
            if count % 1_000 == 0 {
                progress(Progress::Rows(count));
            }
        });
        Ok(restore_state(&work.join("state"), counted, SKIP_IDS)?)
    })?;
    let audit = Folder::new(work.join("audit"));
    let size = backup.entry(RECORDS, |from| {
        let mut count = 0;
        let counted = records(from).inspect(|_| {
            count += 1;
            if count % 4_096 == 0 {
                progress(Progress::Records(count, manifest.records));
            }
        });
        Ok(restore_log(&audit, counted)?)
    })?;
    if size != manifest.records {
        return Err(BackupError::Archive(format!("{size} records, not {}", manifest.records)));
    }
    progress(Progress::Files);
    let mut newest = None;
    for name in backup.names().into_iter().filter(|name| name != STATE && name != RECORDS) {
        let to = inside(work, &name)?;
        let bytes = backup.entry(&name, |from| all(from))?;
        write(&to, &bytes)?;
        let size = name.strip_prefix("audit/checkpoints/").and_then(|n| n.parse::<u64>().ok());
        newest = newest.max(size.map(|size| (size, bytes)));
    }
    let covered = match newest {
        Some((size, note)) => {
            write(&audit.checkpoint(), &note)?;
            size
        }
        None => 0,
    };
    Ok(Check { manifest, covered })
}

/// Where an entry goes; a name that would lead elsewhere is refused.
fn inside(work: &Path, name: &str) -> Result<PathBuf, BackupError> {
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    let known = ["audit/", "pki/", "ceremony/", "conf/"].iter().any(|folder| name.starts_with(folder));
    if plain && known {
        Ok(work.join(name))
    } else {
        Err(BackupError::Archive(format!("unknown entry {name:?}")))
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(file(folder))?;
    }
    let opened = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut out = opened.map_err(file(path))?;
    out.write_all(bytes).and_then(|()| out.sync_all()).map_err(file(path))
}

fn verify_log(work: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(), BackupError> {
    let folder = Folder::new(work.join("audit"));
    // Opened once for writing, so that the head lies outside sled, as verification wants it.
    drop(Log::open(&folder, CACHE)?);
    let mut log = Offline::open(&folder)?;
    let size = log.size();
    let report =
        verify(&folder, &mut log, &Options::default(), &mut |n| progress(Progress::Verified(n, size)));
    match report.findings.first() {
        None => Ok(()),
        Some(finding) => Err(LogError::Damaged(finding.to_string()).into()),
    }
}

/// The log goes on with a record of the restore.
fn note(work: &Path, what: &Restore<'_>, check: &Check, lost: u64) -> Result<(), BackupError> {
    let mut log = Log::open(&Folder::new(work.join("audit")), CACHE)?;
    let facts: Facts = [
        ("what", "restored".into()),
        ("made", check.manifest.made.millis().into()),
        ("records", check.manifest.records.into()),
        ("root", check.manifest.root.clone().into()),
        ("lost_keys", lost.into()),
    ]
    .into_iter()
    .map(|(name, value): (&str, serde_json::Value)| (name.to_owned(), value))
    .collect();
    let actor = Actor { from: Some("cli".into()), operator: Some(what.operator.clone()), ..Actor::default() };
    let event = Event { act: Act::Backup, actor, facts, ending: Ending::Done };
    let at = what.now.max(log.last_at().unwrap_or(what.now));
    let mut draft = log.draft();
    draft.add(at, RequestId(0), Body::Event(event)).map_err(|e| LogError::Damaged(e.to_string()))?;
    Ok(log.append(draft)?)
}
