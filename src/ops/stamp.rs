//! 时间戳数据固化: an ISO 32000-2 document time stamp over a PDF.

use super::appliance::facts;
use super::idempotency::Asked;
use super::places::Service;
use super::projection::{Projection, Row};
use super::quota::Counted;
use super::release::{Destination, Unseen};
use super::sign::{Source, save_error, syntax_error};
use super::{Appliance, Call, Caller, Error, Result, table};
use crate::audit::Act;
use crate::codes::Code;
use crate::pdf::syntax::Document;
use bytes::Bytes;
use hufu_api::{Space, UnixTime};
use serde::{Deserialize, Serialize};

/// A document time stamp to be made.
#[derive(Clone, Debug)]
pub struct StampRequest {
    /// filePath
    pub source: Source,
    /// fileSavePath
    pub save_path: String,
    /// title
    pub title: Option<String>,
}

/// A document time stamp as the store shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// timeStampSignId
    pub id: u64,
    /// SHA-256 of the file as it came in, lower hex.
    pub document_sha256: String,
    /// SHA-256 of the stamped file, lower hex.
    pub output_sha256: String,
    /// Where it was saved.
    pub path: String,
    /// title
    pub title: Option<String>,
    /// When.
    pub at: UnixTime,
}

impl Appliance {
    /// Time-stamps a PDF and returns its timeStampSignId.
    ///
    /// # Errors
    /// 201 文件保存类型非法, 20100, 20101, 20110 with the reason.
    pub fn stamp_document(&self, call: &Call, caller: &Caller, request: &StampRequest) -> Result<u64> {
        caller.platform_only()?;
        let app = &caller.app;
        let once = match self.once(call, &app.id)? {
            Asked::Before(id) => return Ok(id),
            Asked::First(once) => once,
        };
        let quota = self.count(app, Counted::Stamps)?;
        let input =
            self.input(call, caller, &request.source, &request.save_path, self.settings.stream_bytes)?;
        let document = Document::open_to_sign(&input.content.bytes).map_err(|e| syntax_error(&e))?;
        let _place = self.remote.take(Service::Timestamps)?;
        let now = self.now()?;
        let signed = self.document_time_stamp(call, &document, &input.content.prefix)?;
        let (tail, prefix) = signed.into_prefix();
        let row = Stamp {
            id: self.signature_ids.next(self.store())?,
            document_sha256: hex::encode(input.content.sha256),
            output_sha256: hex::encode(prefix.digest()),
            path: request.save_path.clone(),
            title: request.title.clone(),
            at: now,
        };
        let staged = input
            .target
            .stage(call.cx, vec![input.content.bytes.clone(), Bytes::from(tail)])
            .map_err(|e| save_error(&e))?;
        let mut projection = Projection::default();
        projection.push(Row::new(table::in_app(Space::Stamp, &app.id, row.id), &row)?);
        projection.extend(once.remember(row.id, now)?);
        let destination = Destination { path: request.save_path.clone(), roots: app.roots.clone() };
        let facts = facts([
            ("stamp", row.id.into()),
            ("document_sha256", row.document_sha256.clone().into()),
            ("output_sha256", row.output_sha256.clone().into()),
            (Destination::FACT, destination.fact()),
            ("project", projection.to_json()?),
        ]);
        let file = Unseen {
            staged,
            destination,
            sha256: &row.output_sha256,
            projection: &projection,
            act: Act::StampDocument,
            actor: Self::actor(call, caller),
        };
        self.release_noted(call, file, facts)?;
        quota.keep();
        Ok(row.id)
    }

    /// The document time stamp with this timeStampSignId.
    ///
    /// # Errors
    /// [`Code::ContractNotFound`] when the app has none.
    pub fn stamp(&self, caller: &Caller, id: u64) -> Result<Stamp> {
        caller.platform_only()?;
        let key = table::in_app(Space::Stamp, &caller.app.id, id);
        table::read::<Stamp>(self.store(), &key)?
            .map(|row| row.value)
            .ok_or_else(|| Error::with(Code::ContractNotFound, format!("时间戳记录{id} 不存在")))
    }
}
