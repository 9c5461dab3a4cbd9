//! 合同签署: a PDF with a seal and a PAdES signature, from the document's path or bytes to the saved file.
//!
//! The order is the invariant: everything is checked, then the consent is used up, then the intent is recorded, then the
//! token signs, then the file is written unseen, then the outcome is recorded, then the file appears, and then the client hears of it.

mod caption;
mod credential;
mod input;
mod lasting;
mod made;
mod prepared_content;
mod reasons;
mod seal_class;
mod terms;

pub(super) use caption::beijing;
pub(super) use credential::Credential;
pub(super) use input::Content;
pub use input::{Source, positions};
pub(super) use lasting::Strict;
pub(super) use made::{Job, Made, release_check};
pub use prepared_content::Warning;
pub(super) use reasons::{place_error, read_error, save_error, sign_error, syntax_error};
pub use seal_class::SealClass;
pub use terms::{LaterField, Terms, field_lock, later_fields, line};

use super::appliance::facts;
use super::consent::Consent;
use super::idempotency::Asked;
use super::projection::{Projection, Row};
use super::quota::Counted;
use super::release::{Destination, Unseen};
use super::rows::Signer;
use super::settings::Level;
use super::{Appliance, Call, Caller, Error, Result, table};
use crate::audit::{Act, Facts};
use crate::codes::Code;
use crate::pdf::appearance::Mark;
use crate::pdf::place::{Placement, resolve};
use crate::pdf::syntax::Document;
use bytes::Bytes;
use hufu_api::{CertificateKind, Space, UnixTime};
use input::Input;
use serde::{Deserialize, Serialize};

/// One signature to be made; every value has been checked as far as the request alone allows.
#[derive(Clone, Debug)]
pub struct SignRequest {
    /// signerId
    pub signer: u64,
    /// moulageId; `None` for −1, the transparent seal.
    pub seal: Option<u64>,
    /// sealClass
    pub class: SealClass,
    /// signPositionType and positionContent; a seam seal has none.
    pub placement: Placement,
    /// contractPath
    pub source: Source,
    /// contractSavePath
    pub save_path: String,
    /// contractTitle
    pub title: Option<String>,
    /// The SMS code, on the calls that take one.
    pub code: Option<String>,
    /// caType
    pub ca_type: Option<String>,
    /// certType
    pub certificates: Option<CertificateKind>,
    /// moreSigners: others sign this file later, so that the levels B-LT and B-LTA are left to the last one's call.
    pub more_signers: bool,
    /// The extension parameters.
    pub terms: Terms,
}

/// A signature as the store shows it: a projection of its audit outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signature {
    /// summaryId
    pub id: u64,
    /// signerId
    pub signer: u64,
    /// moulageId; absent for −1.
    pub seal: Option<u64>,
    /// SHA-256 of the signing certificate, lower hex.
    pub certificate_sha256: String,
    /// SHA-256 of the file as it came in, lower hex.
    pub document_sha256: String,
    /// SHA-256 of the signed file, lower hex.
    pub output_sha256: String,
    /// Where it was saved.
    pub path: String,
    /// contractTitle
    pub title: Option<String>,
    /// PAdES level as made.
    pub level: Level,
    /// The level that the file is to have when the last signer has signed, where the call said that more will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits: Option<Level>,
    /// Places at which the seal is shown.
    pub places: usize,
    /// The audit record of the consent it rests on.
    pub consent: Option<u64>,
    /// The audit record of the intent.
    pub record: u64,
    /// When.
    pub at: UnixTime,
}

/// What a signing call answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// summaryId
    pub id: u64,
    /// What the signer should know of the document. A repeated call with the same Idempotency-Key has none.
    pub warnings: Vec<Warning>,
}

impl Appliance {
    /// Signs a document and returns its summaryId.
    ///
    /// # Errors
    /// Every code of the signing calls' table.
    pub fn sign_document(&self, call: &Call, caller: &Caller, request: &SignRequest) -> Result<Signing> {
        caller.platform_only()?;
        let app = &caller.app;
        if !app.grants.certificates {
            return Err(Code::NoCertificateService.into());
        }
        let once = match self.once(call, &app.id)? {
            Asked::Before(id) => return Ok(Signing { id, warnings: Vec::new() }),
            Asked::First(once) => once,
        };
        let signer = self.acting_signer(app, request.signer)?;
        if let Some(seal) = request.seal {
            self.seal_of(app, signer.id, seal)?;
        }
        let kind = request.certificates.unwrap_or(signer.certificates);
        if let Some(asked) = &request.ca_type {
            self.known_authority(app, &signer, asked, kind)?;
        }
        let asked = self.level(app)?;
        // While signers are still to come, what makes the file last waits for the last one's call.
        let level = if request.more_signers { asked.min(Level::BT) } else { asked };
        let quota = self.count(app, Counted::Signatures)?;
        let input = self.input(call, caller, &request.source, &request.save_path, self.settings.pdf_bytes)?;
        let document = Document::open_to_sign(&input.content.bytes).map_err(|e| syntax_error(&e))?;
        let warnings = self.prepared_content(&document)?;
        let now = self.now()?;
        let seal = self.seal_shown(app, &signer, request)?;
        let caption = self.caption(request.class, &input.content, &seal, now)?;
        let mark = Mark { seal: &seal, caption: caption.as_ref() };
        let places = resolve(&document, &request.placement, &mark, self.settings.anchor.into())
            .map_err(|e| place_error("positionContent", &e, &request.placement))?;
        let later = request.terms.later_places(&document)?;
        if places.len() > self.settings.places {
            return Err(Error::malformed("positionContent").because("too many places"));
        }
        // A long-term certificate must be there before the code is used up; a scene certificate is made after it.
        let long = match kind {
            CertificateKind::Long => Some(self.long_term(call, app, &signer, now)?),
            CertificateKind::Scene => None,
        };
        let consent = match &request.code {
            Some(code) => Some(self.use_code(call, caller, &signer, code, input.content.sha256)?),
            None => None,
        };
        let credential = match long {
            Some(credential) => credential,
            None => self.scene(call, caller, &signer, request, &input.content, consent.as_ref())?,
        };
        let destination = Destination { path: request.save_path.clone(), roots: app.roots.clone() };
        let mut about = sign_facts(&signer, request, &input.content, consent.as_ref(), &warnings);
        about.insert(Destination::FACT.into(), destination.fact());
        let job = Job {
            act: Act::Sign,
            actor: Self::actor(call, caller),
            credential: &credential,
            document: &document,
            input: &input.content,
            places: &places,
            mark,
            may_hide: request.seal.is_none(),
            terms: &request.terms,
            later: &later,
            level,
            now,
            facts: about,
        };
        let made = self.make_signature(call, job);
        if kind == CertificateKind::Scene {
            self.destroy(call, &Self::actor(call, caller), &credential.row.key, "scene certificate");
        }
        let made = made?;
        let row = Signature {
            id: self.signature_ids.next(self.store())?,
            signer: signer.id,
            seal: request.seal,
            certificate_sha256: hex::encode(credential.fingerprint),
            document_sha256: hex::encode(input.content.sha256),
            output_sha256: made.output_sha256.clone(),
            path: request.save_path.clone(),
            title: request.title.clone(),
            level: made.level,
            awaits: (level < asked).then_some(asked),
            places: places.len(),
            consent: consent.as_ref().map(|c| c.record),
            record: made.spent.number(),
            at: now,
        };
        let id = row.id;
        let mut projection = Projection::default();
        projection.push(Row::new(table::in_app(Space::Signature, &app.id, id), &row)?);
        projection.extend(once.remember(id, now)?);
        let facts = facts([("summary", id.into())]);
        self.save(call, caller, input, made, destination, (facts, &projection))?;
        quota.keep();
        Ok(Signing { id, warnings })
    }

    /// Writes the file, then its record, then lets it be seen.
    fn save(
        &self,
        call: &Call,
        caller: &Caller,
        input: Input,
        made: Made,
        destination: Destination,
        (mut facts, projection): (Facts, &Projection),
    ) -> Result<()> {
        let Made { tail, output_sha256, level, incomplete, spent } = made;
        let Input { content: Content { bytes, .. }, target } = input;
        let staged = match target.stage(call.cx, vec![bytes, Bytes::from(tail)]) {
            Ok(staged) => staged,
            Err(error) => {
                spent.fail(&error.to_string());
                return Err(save_error(&error));
            }
        };
        facts.insert("output_sha256".into(), output_sha256.clone().into());
        facts.insert("level".into(), serde_json::to_value(level).map_err(Error::internal)?);
        if !incomplete.is_empty() {
            facts.insert("incomplete".into(), incomplete.into());
        }
        facts.insert("project".into(), projection.to_json()?);
        let actor = Self::actor(call, caller);
        let file = Unseen { staged, destination, sha256: &output_sha256, projection, act: Act::Sign, actor };
        self.release(call, file, spent, facts)
    }

    /// The signature with this summaryId: a [`Signature`], or the less that is known of one from an older installation.
    ///
    /// # Errors
    /// [`Code::ContractNotFound`] when the app has no such signature.
    pub fn signature(&self, caller: &Caller, id: u64) -> Result<serde_json::Value> {
        caller.platform_only()?;
        let key = table::in_app(Space::Signature, &caller.app.id, id);
        table::read(self.store(), &key)?
            .map(|row| row.value)
            .ok_or_else(|| Error::with(Code::ContractNotFound, format!("签署记录{id} 不存在")))
    }

    pub(super) fn level(&self, app: &super::rows::App) -> Result<Level> {
        let default = if self.ports.timestamps.is_some() { Level::BT } else { Level::BB };
        let level = app.level.or(self.settings.level).unwrap_or(default);
        if level >= Level::BLt && self.ports.proofs.is_none() {
            return Err(Error::new(Code::Disabled).because("no source of revocation data for B-LT"));
        }
        Ok(level)
    }
}

fn sign_facts(
    signer: &Signer,
    request: &SignRequest,
    input: &Content,
    consent: Option<&Consent>,
    warnings: &[Warning],
) -> Facts {
    let mut facts =
        facts([("signer", signer.id.into()), ("document_sha256", hex::encode(input.sha256).into())]);
    if !warnings.is_empty() {
        let codes: std::collections::BTreeSet<&str> = warnings.iter().map(|w| w.code).collect();
        facts.insert("prepared_content".into(), codes.into_iter().collect());
    }
    if let Some(seal) = request.seal {
        facts.insert("seal".into(), seal.into());
    }
    if let Some(level) = request.terms.certify {
        facts.insert("certify".into(), level.value().into());
    }
    if let Some(field) = &request.terms.field {
        facts.insert("field".into(), field.clone().into());
    }
    if let Some(consent) = consent {
        facts.insert("consent".into(), consent.record.into());
        facts.insert("consent_mobile_hash".into(), consent.mobile_hash.clone().into());
        facts.insert("consent_registered".into(), consent.registered.into());
    }
    facts
}
