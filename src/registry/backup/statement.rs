//! The statement that names what is restored where, for admins to sign.

use super::{BackupError, Check, Manifest, bounded, file, refused};
use crate::conf::Site;
use crate::registry::ceremony::clock_text;
use hufu_api::{Entropy, UnixTime};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The statement's file, in the data folder until the restore is done.
const FILE: &str = "restore.statement";
/// What every statement says.
const ACT: &str = "restore this backup on this machine";
/// A statement is good for as long as a request is.
const LIFE_MILLIS: i64 = 24 * 3_600_000;

/// What admins sign: the octets of this as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Always [`ACT`].
    act: String,
    /// 16 hexadecimal digits, of this statement alone.
    pub request: String,
    /// SHA-256 of the backup's file, as `sha256sum` prints it.
    pub backup_sha256: String,
    /// SHA-256 of what the backup says of itself.
    manifest_sha256: String,
    /// When it was made.
    backup_made: String,
    /// Records of the log in it.
    backup_records: u64,
    /// The machine that it is restored on.
    host: String,
    /// The data folder there.
    data: PathBuf,
    /// Who asks.
    pub asked_by: String,
    /// When, RFC 3339.
    asked: String,
    /// Until when it can be carried out.
    pub expires: String,
}

/// A statement that waits for signatures.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Where it lies.
    pub path: PathBuf,
    /// What it says.
    pub statement: Statement,
}

fn digest_of_file(path: &Path) -> Result<String, BackupError> {
    let mut hash = Sha256::new();
    let mut from = File::open(path).map_err(file(path))?;
    io::copy(&mut from, &mut hash).map_err(file(path))?;
    Ok(hex::encode(hash.finalize()))
}

fn digest_of(manifest: &Manifest) -> Result<String, BackupError> {
    let text = serde_json::to_vec(manifest).map_err(|e| BackupError::Archive(e.to_string()))?;
    Ok(hex::encode(Sha256::digest(text)))
}

fn host() -> Result<String, BackupError> {
    let path = Path::new("/proc/sys/kernel/hostname");
    Ok(fs::read_to_string(path).map_err(file(path))?.trim().to_owned())
}

impl Statement {
    fn about(backup: &Path, manifest: &Manifest, site: &Site) -> Result<Self, BackupError> {
        Ok(Self {
            act: ACT.to_owned(),
            request: String::new(),
            backup_sha256: digest_of_file(backup)?,
            manifest_sha256: digest_of(manifest)?,
            backup_made: clock_text(manifest.made),
            backup_records: manifest.records,
            host: host()?,
            data: site.data().to_owned(),
            asked_by: String::new(),
            asked: String::new(),
            expires: String::new(),
        })
    }

    /// Whether it is about this backup on this machine, now.
    fn fits(&self, about: Self, now: UnixTime) -> Result<(), BackupError> {
        let (request, asked_by) = (self.request.clone(), self.asked_by.clone());
        let (asked, expires) = (self.asked.clone(), self.expires.clone());
        if *self != (Self { request, asked_by, asked, expires, ..about }) {
            return Err(refused("the statement is about another backup or another machine; prepare anew"));
        }
        let time = |text: &str| OffsetDateTime::parse(text, &Rfc3339).map(|t| t.unix_timestamp()).ok();
        let current = time(&self.asked).zip(time(&self.expires));
        if current.is_some_and(|(from, to)| (from..to).contains(&now.seconds())) {
            Ok(())
        } else {
            Err(refused(format!(
                "the statement was good from {} to {}; prepare anew",
                self.asked, self.expires
            )))
        }
    }
}

/// Writes the statement for a restore of `backup` into the data folder. One that was there before is good for nothing any more.
pub(super) fn prepare(
    backup: &Path,
    check: &Check,
    site: &Site,
    operator: &str,
    now: UnixTime,
    entropy: &dyn Entropy,
) -> Result<Prepared, BackupError> {
    let mut request = [0; 8];
    entropy.fill(&mut request).map_err(|e| refused(e.to_string()))?;
    let statement = Statement {
        request: hex::encode(request),
        asked_by: operator.to_owned(),
        asked: clock_text(now),
        expires: clock_text(now.plus_millis(LIFE_MILLIS)),
        ..Statement::about(backup, &check.manifest, site)?
    };
    let mut text = serde_json::to_vec_pretty(&statement).map_err(|e| refused(e.to_string()))?;
    text.push(b'\n');
    let path = site.data().join(FILE);
    super::write(&path, &text)?;
    Ok(Prepared { path, statement })
}

/// Reads the statement that waits in the data folder of `site`, if it is about this backup, this machine and now. Gives its octets
/// too: they are what is signed.
pub(super) fn waiting(
    backup: &Path,
    manifest: &Manifest,
    site: &Site,
    now: UnixTime,
) -> Result<(Statement, Vec<u8>), BackupError> {
    let path = site.data().join(FILE);
    if !path.exists() {
        return Err(refused(format!("{} is not there: hufu restore --prepare first", path.display())));
    }
    let text = bounded(&path)?;
    let statement: Statement =
        serde_json::from_slice(&text).map_err(|e| refused(format!("{}: {e}", path.display())))?;
    statement.fits(Statement::about(backup, manifest, site)?, now)?;
    Ok((statement, text))
}

/// Takes the statement away, if there is one: it has been carried out.
pub(super) fn done(site: &Site) -> Result<(), BackupError> {
    let path = site.data().join(FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file(&path)(error)),
        _ => Ok(()),
    }
}
