//! Making a backup, of a serving or a stopped appliance.

use super::archive::Writing;
use super::frames::{end_records, end_rows, put_record, put_row};
use super::lock::Lock;
use super::{BackupError, Manifest, Progress, RECORDS, STATE, VERIFIERS, VERSION, live};
use crate::conf::{Site, channels_folder};
use crate::ledger::source::{Live, Offline, Source};
use crate::ledger::{Folder, LogError, checkpoints};
use crate::registry::audit::SOCKET as AUDIT_SOCKET;
use crate::store::SledStore;
use hufu_api::UnixTime;
use std::fs;
use std::io::Write;
use std::path::Path;

/// Rows or records between two words of progress.
const STEP: u64 = 1_000;

/// Makes a backup of the appliance that `site`, read from `conf`, describes.
///
/// # Errors
/// See [`BackupError`]; nothing has the name `to` then.
pub fn make(
    site: &Site,
    conf: &Path,
    lock: Lock,
    to: &Path,
    now: UnixTime,
    tell: &mut dyn FnMut(Progress),
) -> Result<Manifest, BackupError> {
    let mut backup = Writing::begin(to, lock)?;
    let rows = backup.entry(STATE, |out| state(site, out, tell))?;
    // After the state: the log has everything that the state shows.
    let mut log = open_log(site)?;
    log.settle()?;
    let size = log.size();
    backup.entry(RECORDS, |out| records(log.as_ref(), out, tell))?;
    let root = hex::encode(log.root());
    drop(log);
    tell(Progress::Files);
    audit_files(site, size, &mut backup)?;
    for (name, folder) in [("pki", site.pki_folder()), ("ceremony", site.ceremony_folder())] {
        each_file(&folder, |name_in, path| copy(&mut backup, &format!("{name}/{name_in}"), path))?;
    }
    copy(&mut backup, "conf/hufu.toml", conf)?;
    each_file(&channels_folder(conf), |name, path| {
        if name.ends_with(".toml") {
            copy(&mut backup, &format!("conf/channels.d/{name}"), path)
        } else {
            Ok(())
        }
    })?;
    backup.finish(|entries| Manifest {
        version: VERSION,
        program: format!("hufu {}", env!("CARGO_PKG_VERSION")),
        made: now,
        rows,
        records: size,
        root,
        entries,
    })
}

fn state(site: &Site, out: &mut dyn Write, tell: &mut dyn FnMut(Progress)) -> Result<u64, BackupError> {
    let failed = |e: &dyn std::fmt::Display| BackupError::State(e.to_string());
    let mut count = 0;
    let mut put = |row| {
        count += 1;
        if count % STEP == 0 {
            tell(Progress::Rows(count));
        }
        put_row(out, &row)
    };
    match live::connect(&site.run_folder()).map_err(|e| failed(&e))? {
        Some(rows) => {
            for row in rows {
                put(row.map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
            }
        }
        None => {
            let folder = site.state_folder();
            if !folder.join("db").exists() {
                return Err(BackupError::State(format!("{} holds no state", folder.display())));
            }
            let store = SledStore::open(&folder)?;
            store.snapshot(&mut put).map_err(|e| failed(&e))?;
        }
    }
    end_rows(out).map_err(|e| failed(&e))?;
    Ok(count)
}

fn open_log(site: &Site) -> Result<Box<dyn Source>, BackupError> {
    match Live::connect(&site.run_folder().join(AUDIT_SOCKET)) {
        Ok(live) => Ok(Box::new(live)),
        // Left behind by an appliance that was killed, or none there: nobody serves.
        Err(_) => Ok(Box::new(Offline::open(&Folder::new(site.audit_folder()))?)),
    }
}

fn records(log: &dyn Source, out: &mut dyn Write, tell: &mut dyn FnMut(Progress)) -> Result<(), BackupError> {
    let (mut next, size) = (0, log.size());
    while next < size {
        let chunk = log.read(next)?;
        if chunk.is_empty() {
            return Err(LogError::Damaged(format!("record {next} is missing")).into());
        }
        for record in chunk.iter().take(usize::try_from(size - next).unwrap_or(usize::MAX)) {
            put_record(out, record).map_err(LogError::Io)?;
            next += 1;
        }
        tell(Progress::Records(next, size));
    }
    end_records(out).map_err(|e| LogError::Io(e).into())
}

/// Checkpoints over no more than the records that are in the backup, with their time stamps.
fn audit_files(site: &Site, size: u64, backup: &mut Writing) -> Result<(), BackupError> {
    let folder = Folder::new(site.audit_folder());
    let covered = checkpoints::sizes(&folder).map_err(LogError::from)?.into_iter().filter(|at| *at <= size);
    for at in covered {
        for name in [at.to_string(), format!("{at}.tsr")] {
            let path = folder.checkpoints().join(&name);
            if path.exists() {
                copy(backup, &format!("audit/checkpoints/{name}"), &path)?;
            }
        }
    }
    if folder.key().exists() { copy(backup, VERIFIERS, &folder.key()) } else { Ok(()) }
}

fn copy(backup: &mut Writing, name: &str, path: &Path) -> Result<(), BackupError> {
    let bytes = fs::read(path).map_err(super::file(path))?;
    backup.entry(name, |out| out.write_all(&bytes).map_err(super::file(path)))
}

/// The plain files of a folder by name; none where there is no folder.
fn each_file(
    folder: &Path,
    mut take: impl FnMut(&str, &Path) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(super::file(folder))?,
    };
    let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).filter(|p| p.is_file()).collect();
    paths.sort();
    for path in paths {
        if let Some(name) = path.file_name().and_then(|n| n.to_str()) {
            take(name, &path)?;
        }
    }
    Ok(())
}
