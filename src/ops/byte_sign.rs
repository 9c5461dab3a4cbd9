//! 数据签: signatories sign the SHA-512 of bytes that stay with the client. The log is a readable PDF that carries the record
//! as an attachment and is signed by each signatory in turn.

use super::appliance::facts;
use super::paper::{Attachment, paper};
use super::rows::Signer;
use super::settings::Level;
use super::sign::{Content, Job, Terms, syntax_error};
use super::{Appliance, Call, Caller, Error, Result, table};
use crate::audit::{Act, Ending, Outcome};
use crate::codes::Code;
use crate::pdf::appearance::Mark;
use crate::pdf::syntax::{Document, Object, View};
use crate::seal::{FontSet, SealForm};
use bytes::Bytes;
use hufu_api::{CertificateKind, Space, UnixTime};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Name of the attachment in a log.
const RECORD: &str = "record.json";
const MOST_SIGNATORIES: usize = 30;
const MOST_RECORD: usize = 256 * 1_024;

/// Somebody who signs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signatory {
    /// fullName: the registered userName.
    pub full_name: String,
    /// identityType, as the client wrote it.
    #[serde(default, deserialize_with = "text_or_number")]
    pub identity_type: String,
    /// identityCard: the registered certifyNum.
    #[serde(deserialize_with = "text_or_number")]
    pub identity_card: String,
}

/// What a log says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Format version.
    pub version: u32,
    /// presId
    pub pres_id: u64,
    /// seqNo
    pub seq_no: String,
    /// Always `SHA-512`.
    pub algorithm: String,
    /// The digest, 128 lower-case hexadecimal digits.
    pub hash: String,
    /// Who signed, in order.
    pub signatories: Vec<Signatory>,
    /// When, in milliseconds.
    pub signed_at: i64,
}

/// A data signature as the store keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    pres_id: u64,
    /// The signed log, Base64.
    pdf: String,
}

/// What a client gets of its data signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteSignature {
    /// presId
    pub pres_id: u64,
    /// seqNo
    pub seq_no: String,
}

impl Appliance {
    /// 数据签: signs a SHA-512 digest by each signatory.
    ///
    /// # Errors
    /// 201 naming `hash` or the entry of `signatories`; what signing may fail with.
    pub fn byte_sign(
        &self,
        call: &Call,
        caller: &Caller,
        hash: &str,
        signatories: &[Signatory],
    ) -> Result<ByteSignature> {
        caller.platform_only()?;
        if !caller.app.grants.certificates {
            return Err(Code::NoCertificateService.into());
        }
        let hash = hash.to_ascii_lowercase();
        if hash.len() != 128 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Error::malformed("hash"));
        }
        let signers = self.signatories(caller, signatories)?;
        let now = self.now()?;
        let record = Record {
            version: 1,
            pres_id: self.deposit_ids.next(self.store())?,
            seq_no: self.random_hex(&self.ports.entropy, 16)?,
            algorithm: "SHA-512".into(),
            hash,
            signatories: signatories.to_vec(),
            signed_at: now.millis(),
        };
        let mut pdf = log(&self.ports.fonts, &record)?;
        let level = self.level(&caller.app)?;
        for (at, signer) in signers.iter().enumerate() {
            // What makes the log last comes after the last signatory.
            let level = if at + 1 == signers.len() { level } else { level.min(Level::BT) };
            pdf = self.sign_log(call, caller, signer, pdf, level, now)?;
        }
        let kept = Kept { pres_id: record.pres_id, pdf: base64(&pdf) };
        let key = table::in_app_text(Space::ByteSign, &caller.app.id, &record.seq_no);
        self.store().commit(&[table::insert(key, &kept)?])?;
        Ok(ByteSignature { pres_id: record.pres_id, seq_no: record.seq_no })
    }

    /// The log of a data signature: its id and the PDF in Base64.
    ///
    /// # Errors
    /// 201 naming `seqNo` when the app has none of that number.
    pub fn byte_sign_log(&self, caller: &Caller, seq_no: &str) -> Result<(u64, String)> {
        caller.platform_only()?;
        let key = table::in_app_text(Space::ByteSign, &caller.app.id, seq_no);
        let kept = table::read::<Kept>(self.store(), &key)?
            .ok_or_else(|| Error::with(Code::BadParameter, "seqNo 不存在").mirrored(404))?
            .value;
        Ok((kept.pres_id, kept.pdf))
    }

    /// The log that this appliance made under that number, for whichever of its apps; the caller's are looked at first.
    pub(super) fn own_log(&self, caller: &Caller, seq_no: &str) -> Result<Option<Vec<u8>>> {
        let others = self.app_ids()?.into_iter().filter(|id| *id != caller.app.id);
        for app in std::iter::once(caller.app.id.clone()).chain(others) {
            let key = table::in_app_text(Space::ByteSign, &app, seq_no);
            if let Some(kept) = table::read::<Kept>(self.store(), &key)? {
                return unbase64(&kept.value.pdf).map(Some);
            }
        }
        Ok(None)
    }

    fn signatories(&self, caller: &Caller, asked: &[Signatory]) -> Result<Vec<Arc<Signer>>> {
        if asked.is_empty() {
            return Err(Error::missing("signatories"));
        }
        if asked.len() > MOST_SIGNATORIES {
            return Err(Error::malformed("signatories").because("too many"));
        }
        let mut signers: Vec<Arc<Signer>> = Vec::new();
        for (at, signatory) in asked.iter().enumerate() {
            let refused = |reason: &str| {
                let message = format!("signatories[{at}]（{}）{reason}", signatory.full_name);
                Error::with(Code::BadParameter, message).mirrored(404)
            };
            let id =
                self.signer_id(caller, &signatory.identity_card)?.ok_or_else(|| refused("用户不存在"))?;
            let signer = self.acting_signer(&caller.app, id)?;
            if signer.name.as_str() != signatory.full_name {
                return Err(refused("姓名与证件号不符"));
            }
            if signers.iter().any(|known| known.id == id) {
                return Err(refused("重复"));
            }
            signers.push(signer);
        }
        Ok(signers)
    }

    fn sign_log(
        &self,
        call: &Call,
        caller: &Caller,
        signer: &Signer,
        pdf: Vec<u8>,
        level: Level,
        now: UnixTime,
    ) -> Result<Vec<u8>> {
        if signer.certificates != CertificateKind::Long {
            return Err(Code::CertificateMissing.into());
        }
        let credential = self.long_term(call, &caller.app, signer, now)?;
        let content = Content::of(Bytes::from(pdf))?;
        let document = Document::open(&content.bytes).map_err(|e| syntax_error(&e))?;
        let seal = SealForm::transparent(1.0, 1.0);
        let made = self.make_signature(
            call,
            Job {
                act: Act::ByteSign,
                actor: Self::actor(call, caller),
                credential: &credential,
                document: &document,
                input: &content,
                places: &[],
                mark: Mark { seal: &seal, caption: None },
                may_hide: true,
                terms: &Terms::default(),
                later: &[],
                level,
                now,
                facts: facts([
                    ("signer", signer.id.into()),
                    ("document_sha256", hex::encode(content.sha256).into()),
                ]),
            },
        )?;
        let facts = facts([("output_sha256", made.output_sha256.into())]);
        made.spent.close(Outcome { ending: Ending::Done, facts })?;
        Ok([&content.bytes[..], &made.tail].concat())
    }
}

/// The unsigned log.
fn log(fonts: &FontSet, record: &Record) -> Result<Vec<u8>> {
    let at = super::sign::beijing(UnixTime::from_millis(record.signed_at))?;
    let mut lines = vec![
        format!("数据签编号 seqNo：{}", record.seq_no),
        format!("保全编号 presId：{}", record.pres_id),
        format!("签署时间：{at}（北京时间）"),
        format!("原文哈希 SHA-512：{}", record.hash),
        String::new(),
        "签署人：".to_owned(),
    ];
    lines.extend((1..).zip(&record.signatories).map(|(n, s)| {
        format!("{n}. {}    证件类型 {}    证件号 {}", s.full_name, s.identity_type, s.identity_card)
    }));
    lines.push(String::new());
    lines.push("本日志由各签署人依次以数字签名签署；附件 record.json 为同一内容的机器可读形式。".to_owned());
    let bytes = serde_json::to_vec_pretty(record).map_err(Error::internal)?;
    Ok(paper(
        fonts,
        "数据签日志",
        &lines,
        &Attachment { name: RECORD, kind: "application/json", bytes: &bytes },
    ))
}

/// The record in the revision of a log that `view` shows.
pub(super) fn record(view: View<'_, '_>) -> Result<Record> {
    serde_json::from_slice(&attached(view, RECORD)?).map_err(Error::internal)
}

/// The attachment of that name in a revision's `/Names /EmbeddedFiles`.
pub(super) fn attached(view: View<'_, '_>, name: &str) -> Result<Vec<u8>> {
    let missing = || Error::with(Code::BadParameter, format!("no attachment {name}"));
    let read = || {
        let catalog = view.catalog()?;
        let Some(names) = view.get_dict(&catalog, "Names")? else { return Ok(None) };
        let Some(files) = view.get_dict(&names, "EmbeddedFiles")? else { return Ok(None) };
        let pairs = view.get_array(&files, "Names")?;
        for pair in pairs.chunks_exact(2) {
            let [key, value] = pair else { continue };
            let key = view.resolve(key)?;
            if key.as_string().is_none_or(|text| text.to_text() != name) {
                continue;
            }
            let specification = view.resolve(value)?;
            let Some(specification) = specification.as_dict() else { continue };
            let Some(files) = view.get_dict(specification, "EF")? else { continue };
            if let Object::Stream(stream) = view.get(&files, "F")? {
                return view.document().decode(&stream, MOST_RECORD).map(|bytes| Some(bytes.into_owned()));
            }
        }
        Ok(None)
    };
    read().map_err(|e| syntax_error(&e))?.ok_or_else(missing)
}

fn unbase64(text: &str) -> Result<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).map_err(Error::internal)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Clients write numbers where the document has strings.
fn text_or_number<'de, D: serde::Deserializer<'de>>(value: D) -> std::result::Result<String, D::Error> {
    match serde_json::Value::deserialize(value)? {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        _ => Err(serde::de::Error::custom("neither text nor number")),
    }
}
