//! Bringing a backup back: beside the data folder's own places first, verified there, and only then into them.

use super::approval::{Agreed, Signed};
use super::archive::Reading;
use super::check::{Check, all, check, records};
use super::live::Rows;
use super::lock::Key;
use super::statement::{self, Prepared};
use super::{BackupError, Manifest, Progress, RECORDS, STATE, file, tokens, write};
use crate::audit::{Act, Actor, Body, Ending, Event, Facts};
use crate::channels::OsEntropy;
use crate::conf::Site;
use crate::ledger::restore::restore_log;
use crate::ledger::source::{Offline, Source};
use crate::ledger::verify::{Options, verify};
use crate::ledger::{Folder, Log, LogError};
use crate::ops::needs;
use crate::registry::ceremony::{RECOVERY_FILE, Recovery};
use crate::store::{SledStore, restore_state};
use hufu_api::{RequestId, UnixTime};
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
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
    /// Signatures of admins over the statement of [`prepare`].
    pub approvals: &'a [PathBuf],
    /// Needed where a token has to be initialised.
    pub so_pin: Option<&'a Path>,
    /// Who does it, for the log.
    pub operator: String,
    /// When.
    pub now: UnixTime,
}

/// Where a restored appliance's parts go, by the name that they have in the backup.
fn homes(site: &Site) -> [(&'static str, PathBuf); 4] {
    [
        ("state", site.state_folder()),
        ("pki", site.pki_folder()),
        ("ceremony", site.ceremony_folder()),
        ("audit", site.audit_folder()),
    ]
}

fn refuse_unless_new(site: &Site) -> Result<(), BackupError> {
    for (_, home) in homes(site) {
        if fs::read_dir(&home).is_ok_and(|mut entries| entries.next().is_some()) {
            let why =
                format!("{} is not empty; a backup is restored into a new data folder only", home.display());
            return Err(BackupError::Refused(why));
        }
    }
    Ok(())
}

/// Checks the backup and writes the statement that its admins sign before it can be restored into the empty data folder of
/// `site`; none where nobody beside who restores has to agree.
///
/// # Errors
/// See [`BackupError`].
pub fn prepare(
    path: &Path,
    key: &Key,
    what: &Restore<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Check, Option<Prepared>), BackupError> {
    refuse_unless_new(what.site)?;
    let check = check(path, key, progress)?;
    if check.roster.needed(what.site.access.approvals) == 0 {
        return Ok((check, None));
    }
    let entropy = OsEntropy::default();
    let prepared = statement::prepare(path, &check, what.site, &what.operator, what.now, &entropy)?;
    Ok((check, Some(prepared)))
}

/// Who has agreed to the restore. None where nobody has to and nobody was asked.
fn agreed(path: &Path, what: &Restore<'_>, check: &Check) -> Result<Option<Agreed>, BackupError> {
    let needed = check.roster.needed(what.site.access.approvals);
    if needed == 0 && what.approvals.is_empty() {
        return Ok(None);
    }
    if what.approvals.is_empty() {
        let admins = check.roster.admins().join(", ");
        return Err(BackupError::Refused(format!(
            "{needed} of this backup's admins ({admins}) must agree: hufu restore --prepare, then --approval FILE of each"
        )));
    }
    let signed = Signed::read(path, &check.manifest, what.site, what.approvals, what.now)?;
    signed.agreed(&check.roster, needed).map(Some)
}

/// Restores a backup into the empty data folder that `site` names, takes the token's keys in where components are given, tries
/// them, and continues the log with a record of it. Where several must agree, they have before anything is written.
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
    refuse_unless_new(site)?;
    let check = check(path, key, progress)?;
    let agreed = agreed(path, what, &check)?;
    if let Some(agreed) = &agreed {
        tell(&format!("agreed: {}", agreed.by().0));
    }
    let work = site.data().join("restoring");
    if work.exists() {
        fs::remove_dir_all(&work).map_err(file(&work))?;
    }
    for folder in [&work, &work.join("pki"), &work.join("ceremony")] {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(file(folder))?;
    }
    unpack(path, key, &check.manifest, &work, progress)?;
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
    if let Some(agreed) = &agreed {
        agreed.keep(&work.join("ceremony"))?;
    }
    note(&work, what, &check, lost, agreed.as_ref())?;
    in_place(site, &work, tell)?;
    statement::done(site)?;
    Ok(check)
}

/// Gives what was unpacked and tried its names.
fn in_place(site: &Site, work: &Path, tell: &mut dyn FnMut(&str)) -> Result<(), BackupError> {
    for (name, home) in homes(site) {
        let _ = fs::remove_dir(&home);
        fs::rename(work.join(name), &home).map_err(file(&home))?;
    }
    let conf = site.data().join("restored-conf");
    if work.join("conf").is_dir() && !conf.exists() {
        fs::rename(work.join("conf"), &conf).map_err(file(&conf))?;
        tell(&format!("the configuration of then, to compare: {}", conf.display()));
    }
    fs::remove_dir_all(work).map_err(file(work))?;
    File::open(site.data()).and_then(|f| f.sync_all()).map_err(file(site.data()))
}

/// Writes what is in the backup into the folder `work`, if it still is the backup with this manifest.
fn unpack(
    path: &Path,
    key: &Key,
    manifest: &Manifest,
    work: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), BackupError> {
    let mut backup = Reading::open(path, key)?;
    if backup.manifest != *manifest {
        return Err(BackupError::Refused(format!("{} was changed while it was read", path.display())));
    }
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
    newest.map_or(Ok(()), |(_, note)| write(&audit.checkpoint(), &note))
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

/// The log goes on with who agreed to the restore, and a record of it.
fn note(
    work: &Path,
    what: &Restore<'_>,
    check: &Check,
    lost: u64,
    agreed: Option<&Agreed>,
) -> Result<(), BackupError> {
    let mut log = Log::open(&Folder::new(work.join("audit")), CACHE)?;
    let mut facts: Facts = [
        ("what", "restored".into()),
        ("made", check.manifest.made.millis().into()),
        ("records", check.manifest.records.into()),
        ("root", check.manifest.root.clone().into()),
        ("lost_keys", lost.into()),
    ]
    .into_iter()
    .map(|(name, value): (&str, serde_json::Value)| (name.to_owned(), value))
    .collect();
    let mut operator = what.operator.clone();
    if let Some((names, request)) = agreed.map(Agreed::by) {
        facts.insert("request".into(), request.into());
        operator = format!("{operator} (approved by {names})");
    }
    let actor = Actor { from: Some("cli".into()), operator: Some(operator), ..Actor::default() };
    let event = Event { act: Act::Backup, actor, facts, ending: Ending::Done };
    let at = what.now.max(log.last_at().unwrap_or(what.now));
    let mut draft = log.draft();
    for body in
        agreed.map(Agreed::steps).transpose()?.unwrap_or_default().into_iter().chain([Body::Event(event)])
    {
        draft.add(at, RequestId(0), body).map_err(|e| LogError::Damaged(e.to_string()))?;
    }
    Ok(log.append(draft)?)
}
