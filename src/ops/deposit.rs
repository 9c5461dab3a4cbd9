//! 合同存证: a file's digest, size and time under the client's own business id.

use super::appliance::facts;
use super::idempotency::Asked;
use super::quota::Counted;
use super::sign::read_error;
use super::{Appliance, Call, Caller, Error, Result, table};
use crate::audit::{Act, Ending};
use crate::codes::Code;
use crate::documents::DocumentError;
use bytes::Bytes;
use hufu_api::{Der, Space, StoreError, UnixTime};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A deposit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deposit {
    /// czId
    pub id: u64,
    /// The client's business id.
    pub sid: String,
    /// SHA-256 of the file, lower hex.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
    /// The path it was read from.
    pub path: String,
    /// When.
    pub at: UnixTime,
    /// The audit record of the deposit.
    pub record: u64,
    /// RFC 3161 token over the digest, where a time source is configured.
    pub token: Option<Der>,
    /// The document root that keeps the file under its SHA-256, where the app archives.
    #[serde(default)]
    pub archive: Option<String>,
}

/// A business id: 4 to 50 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sid(String);

impl Sid {
    /// Checks a `sid`.
    ///
    /// # Errors
    /// 201 naming the parameter.
    pub fn parse(text: &str) -> Result<Self> {
        let length = text.chars().count();
        if (4..=50).contains(&length) && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::malformed("sid"))
        }
    }
}

/// The archive belongs to the appliance: what is wrong with it is not the client's fault.
fn archive_error(error: &DocumentError) -> Error {
    match error {
        DocumentError::Timeout | DocumentError::Full => Error::new(Code::Overloaded).because(error),
        other => Error::internal(format!("evidence archive: {other}")),
    }
}

impl Appliance {
    /// Deposits a file and returns its czId.
    ///
    /// # Errors
    /// 20303 not granted, 10205 sid exists, 20100 and 20101 for the file, 20110 no time stamp where one is required.
    pub fn deposit(&self, call: &Call, caller: &Caller, sid: &Sid, path: &str) -> Result<u64> {
        caller.platform_only()?;
        let app = &caller.app;
        if !app.grants.evidence {
            return Err(Code::NoEvidenceService.into());
        }
        let once = match self.once(call, &app.id)? {
            Asked::Before(id) => return Ok(id),
            Asked::First(once) => once,
        };
        let index = table::in_app_text(Space::DepositBySid, &app.id, &sid.0);
        let lock = [b"sid\0", index.bytes.as_slice()].concat();
        let _held = self.locks.hold(lock, call.cx.deadline).ok_or(Code::Overloaded)?;
        if self.store().get(&index)?.is_some() {
            return Err(Code::SidExists.into());
        }
        let quota = self.count(app, Counted::Deposits)?;
        let bytes = self
            .ports
            .documents
            .read(call.cx, &app.roots, path, self.settings.pdf_bytes)
            .map_err(|e| read_error(&e, path))?;
        let digest = Sha256::digest(&bytes);
        let token = match &self.ports.timestamps {
            Some(_) => {
                let _place = self.remote.take(super::places::Service::Timestamps)?;
                Some(Der(self.stamp_imprint(call, &digest)?))
            }
            None => None,
        };
        let id = self.deposit_ids.next(self.store())?;
        let at = self.now()?;
        let (sha256, size) = (hex::encode(digest), u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if let Some(archive) = &app.archive {
            self.keep_in_archive(call, archive, &sha256, bytes)?;
        }
        let facts = facts([
            ("deposit", id.into()),
            ("sid_sha256", hex::encode(Sha256::digest(&sid.0)).into()),
            ("document_sha256", sha256.clone().into()),
            ("size", size.into()),
            ("archived", app.archive.is_some().into()),
        ]);
        let record = self.note(call, Self::actor(call, caller), Act::Deposit, facts, Ending::Done)?;
        let row = Deposit {
            id,
            sid: sid.0.clone(),
            sha256,
            size,
            path: path.to_owned(),
            at,
            record,
            token,
            archive: app.archive.clone(),
        };
        let mut writes = vec![
            table::insert(index, &id)?,
            table::insert(table::in_app(Space::Deposit, &app.id, id), &row)?,
        ];
        writes.extend(once.remember(id, at)?);
        match self.store().commit(&writes) {
            Ok(()) => {}
            Err(StoreError::Conflict(0)) => return Err(Code::SidExists.into()),
            Err(error) => return Err(error.into()),
        }
        quota.keep();
        Ok(id)
    }

    /// Keeps a file under its digest, once.
    fn keep_in_archive(&self, call: &Call, archive: &String, sha256: &str, bytes: Vec<u8>) -> Result<()> {
        if self.archived(call, archive, sha256)?.is_some() {
            return Ok(());
        }
        let roots = std::slice::from_ref(archive);
        let target = self.ports.documents.target(call.cx, roots, sha256).map_err(|e| archive_error(&e))?;
        let staged = target.stage(call.cx, vec![Bytes::from(bytes)]).map_err(|e| archive_error(&e))?;
        staged.publish(call.cx).map_err(|e| archive_error(&e))
    }

    /// The file of this digest in the archive; one that has become another file is as good as none.
    pub(super) fn archived(&self, call: &Call, archive: &String, sha256: &str) -> Result<Option<Vec<u8>>> {
        let roots = std::slice::from_ref(archive);
        match self.ports.documents.read(call.cx, roots, sha256, self.settings.pdf_bytes) {
            Ok(bytes) if hex::encode(Sha256::digest(&bytes)) == sha256 => Ok(Some(bytes)),
            Ok(_) => {
                tracing::error!(archive, sha256, "a file of the archive is not what its name says");
                Ok(None)
            }
            Err(DocumentError::Missing) => Ok(None),
            Err(error) => Err(archive_error(&error)),
        }
    }

    /// The czId of a business id.
    ///
    /// # Errors
    /// 20303 not granted, 10206 no deposit under it.
    pub fn deposit_id(&self, caller: &Caller, sid: &Sid) -> Result<u64> {
        caller.platform_only()?;
        if !caller.app.grants.evidence {
            return Err(Code::NoEvidenceService.into());
        }
        let key = table::in_app_text(Space::DepositBySid, &caller.app.id, &sid.0);
        Ok(table::read::<u64>(self.store(), &key)?.ok_or(Code::NoEvidence)?.value)
    }

    /// The deposit with this czId.
    ///
    /// # Errors
    /// 10206 when the app has none.
    pub fn deposited(&self, caller: &Caller, id: u64) -> Result<Deposit> {
        caller.platform_only()?;
        let key = table::in_app(Space::Deposit, &caller.app.id, id);
        Ok(table::read::<Deposit>(self.store(), &key)?.ok_or(Code::NoEvidence)?.value)
    }
}
