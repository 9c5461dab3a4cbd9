//! One PAdES signature: update, intent, token, CMS, self-check.

use super::credential::{Credential, bound_to};
use super::input::Content;
use super::lasting::Strict;
use super::{Terms, sign_error, syntax_error};
use crate::audit::{Act, Actor, Ending, Facts, Intent, Outcome, Permit, Spent, Use};
use crate::codes::Code;
use crate::keys::ToBeSigned;
use crate::ops::appliance::facts;
use crate::ops::error::{key_error, stamp_error};
use crate::ops::settings::{Level, TimestampPolicy};
use crate::ops::{Appliance, Call, Error, Result};
use crate::pdf::appearance::Mark;
use crate::pdf::hash::PrefixHash;
use crate::pdf::place::Place;
use crate::pdf::sign::{
    About, EmptyField, Field, Format, Kind, Prepared, SignError, SignatureRequest, Signed, prepare,
};
use crate::pdf::syntax::{Document, Pieces};
use crate::verify::release_check_of_update;
use crate::x509;
use hufu_api::{HashAlgorithm, Imprint, UnixTime};
use sha2::{Digest, Sha256};
use std::sync::atomic::Ordering;

/// What is to be made.
pub(in crate::ops) struct Job<'a> {
    pub(in crate::ops) act: Act,
    pub(in crate::ops) actor: Actor,
    pub(in crate::ops) credential: &'a Credential,
    pub(in crate::ops) document: &'a Document<'a>,
    pub(in crate::ops) input: &'a Content,
    pub(in crate::ops) places: &'a [Place],
    pub(in crate::ops) mark: Mark<'a>,
    /// Whether the signature may be made invisible where a visible field is not permitted.
    pub(in crate::ops) may_hide: bool,
    /// Certification, fields, locks, texts.
    pub(in crate::ops) terms: &'a Terms,
    /// Names and places of the terms' empty fields for later signers.
    pub(in crate::ops) later: &'a [(String, Place)],
    pub(in crate::ops) level: Level,
    pub(in crate::ops) now: UnixTime,
    pub(in crate::ops) facts: Facts,
}

/// A signature that waits for its file to be written; its record is still open.
pub(in crate::ops) struct Made {
    /// What follows the input.
    pub(in crate::ops) tail: Vec<u8>,
    pub(in crate::ops) output_sha256: String,
    pub(in crate::ops) level: Level,
    /// Earlier signatures of the file whose validation data were not all to be had.
    pub(in crate::ops) incomplete: Vec<String>,
    pub(in crate::ops) spent: Spent,
}

/// A signature in its place, before what makes it last.
struct Finished {
    signed: Signed,
    cms: Vec<u8>,
    level: Level,
}

/// How one try ended.
enum Tried {
    Made(Made),
    /// The CMS needs so many octets.
    TooLong(usize),
}

/// Invariant 5, as the validator sees it: the update is one signature and takes nothing from earlier ones.
pub(in crate::ops) fn release_check(input: &Document<'_>, signed: &Signed, cms: &[u8]) -> Result<()> {
    release_check_of_update(input, signed.tail(), cms)
        .map_err(|finding| sign_error(&SignError::SelfCheck(format!("{}: {}", finding.code, finding.detail))))
}

/// Octets added to the largest time stamp seen, for the next one's longer serial or certificate.
const STAMP_SLACK: usize = 1_024;

impl Appliance {
    /// Makes the signature; a CMS that does not fit its room is voided and made once more with enough.
    pub(in crate::ops) fn make_signature(&self, call: &Call, job: Job<'_>) -> Result<Made> {
        let _place = self.stamping_place(job.level)?;
        let room = if job.level != Level::BB {
            let largest = self.largest_stamp.load(Ordering::Relaxed);
            job.credential.room(Some(largest + STAMP_SLACK))?
        } else {
            job.credential.longest
        };
        match self.try_signature(call, &job, room)? {
            Tried::Made(made) => Ok(made),
            Tried::TooLong(needed) => match self.try_signature(call, &job, needed + STAMP_SLACK)? {
                Tried::Made(made) => Ok(made),
                Tried::TooLong(_) => Err(Error::signing("签名值超出预留空间")),
            },
        }
    }

    fn try_signature(&self, call: &Call, job: &Job<'_>, room: usize) -> Result<Tried> {
        let prepared = self.prepare_update(job, room)?;
        let attributes = job.credential.attributes(prepared.digest())?;
        let what = ToBeSigned::SignedAttributes(attributes);
        let permit = self.begin_signature(call, job, &what, prepared.digest())?;
        let (signature, spent) = self.token_signs(call, job, permit, &what)?;
        match self.finish(call, job, prepared, &what, &signature) {
            Ok(Ok(Finished { signed, cms, level })) => match self.complete(call, job, signed, &cms, level) {
                Ok((tail, prefix, incomplete)) => {
                    let output_sha256 = hex::encode(prefix.digest());
                    Ok(Tried::Made(Made { tail, output_sha256, level, incomplete, spent }))
                }
                Err(error) => {
                    spent.fail(&error.to_string());
                    Err(error)
                }
            },
            Ok(Err(needed)) => {
                let facts =
                    facts([("reason", "the signature exceeds its room".into()), ("needed", needed.into())]);
                spent.close(Outcome { ending: Ending::Voided, facts })?;
                Ok(Tried::TooLong(needed))
            }
            Err(error) => {
                spent.fail(&error.to_string());
                Err(error)
            }
        }
    }

    fn prepare_update(&self, job: &Job<'_>, room: usize) -> Result<Prepared> {
        let mut entropy = [0; 32];
        self.ports.entropy.fill(&mut entropy)?;
        let terms = job.terms;
        let reason = || (!self.settings.reason.is_empty()).then(|| self.settings.reason.clone());
        let mut request = SignatureRequest {
            kind: terms.certify.map_or(Kind::Approval, Kind::Certification),
            format: Format::Pades,
            field: terms.field.clone().map_or(Field::Automatic, Field::Existing),
            places: job.places.to_vec(),
            mark: Some(job.mark),
            about: About {
                name: Some(job.credential.row.subject.common_name.clone()),
                reason: terms.reason.clone().or_else(reason),
                location: terms.location.clone(),
                contact: terms.contact.clone(),
            },
            signing_time: job.now,
            reserve: room,
            lock: terms.lock.clone(),
            later_fields: job
                .later
                .iter()
                .map(|(name, place)| EmptyField { name, place: place.clone() })
                .collect(),
            entropy,
        };
        let prefix = match job.credential.hash() {
            HashAlgorithm::Sha256 => job.input.prefix.clone(),
            other => PrefixHash::of(other, &job.input.bytes),
        };
        let prepared = match prepare(job.document, &prefix, &request) {
            // What shows nothing anyway needs no new visible field.
            Err(SignError::NoFieldLeft(_)) if job.may_hide => {
                request.places.clear();
                prepare(job.document, &prefix, &request)
            }
            other => other,
        };
        prepared.map_err(|e| sign_error(&e))
    }

    fn begin_signature(
        &self,
        call: &Call,
        job: &Job<'_>,
        what: &ToBeSigned,
        digest: &[u8],
    ) -> Result<Permit> {
        let key = &job.credential.row.key;
        let generation = match bound_to(&key.location) {
            Some(generation) => generation,
            None => {
                self.ports.keys.choose(key.purpose).map_err(|e| key_error(&e, Code::TokenSigningFailed))?
            }
        };
        let mut facts = job.facts.clone();
        facts.insert("certificate_sha256".into(), hex::encode(job.credential.fingerprint).into());
        facts.insert("byte_range_digest".into(), hex::encode(digest).into());
        let uses = vec![Use { digest: what.digest(), generation, key: key.id, purpose: key.purpose }];
        Ok(self.ports.audit.begin(call.cx, Intent { act: job.act, actor: job.actor.clone(), facts, uses })?)
    }

    fn token_signs(
        &self,
        call: &Call,
        job: &Job<'_>,
        mut permit: Permit,
        what: &ToBeSigned,
    ) -> Result<(Vec<u8>, Spent)> {
        let signed = match permit.next_receipt() {
            Some(receipt) => self
                .ports
                .keys
                .sign(call.cx, receipt, &job.credential.row.key, what)
                .map_err(|e| key_error(&e, Code::TokenSigningFailed)),
            None => Err(Error::internal("a permit without receipt")),
        };
        let spent = permit.spend();
        match signed {
            Ok(signature) => Ok((signature, spent)),
            Err(error) => {
                spent.fail(&error.to_string());
                Err(error)
            }
        }
    }

    /// What the level wants behind the signature; the whole tail and the SHA-256 state over the whole file.
    fn complete(
        &self,
        call: &Call,
        job: &Job<'_>,
        signed: Signed,
        cms: &[u8],
        level: Level,
    ) -> Result<(Vec<u8>, PrefixHash, Vec<String>)> {
        let (mut tail, prefix) = signed.into_prefix();
        let prefix = match prefix.algorithm() {
            HashAlgorithm::Sha256 => prefix,
            _ => job.input.prefix.clone().followed_by(&tail),
        };
        if level < Level::BLt {
            return Ok((tail, prefix, Vec::new()));
        }
        let file = Pieces::updated(&job.input.bytes, &tail);
        let whole = Document::open_pieces(file).map_err(|e| syntax_error(&e))?;
        let lasting = self.make_lasting(call, &whole, prefix, level, Strict::Ours(cms))?;
        tail.extend(lasting.tail);
        Ok((tail, lasting.prefix, lasting.incomplete))
    }

    /// CMS, embedding and self-check; the inner error is the room that would have been needed.
    fn finish(
        &self,
        call: &Call,
        job: &Job<'_>,
        prepared: Prepared,
        what: &ToBeSigned,
        signature: &[u8],
    ) -> Result<std::result::Result<Finished, usize>> {
        let credential = job.credential;
        // The one public-key operation of the self-check: what the token made is this key's signature over these bytes.
        x509::signature::verify_signed(
            &credential.leaf.spki,
            &credential.algorithm.identifier(),
            what.bytes(),
            signature,
        )
        .map_err(|e| Error::new(Code::TokenSigningFailed).because(e))?;
        let (token, level) = self.signature_stamp(call, job.level, signature)?;
        let cms = credential
            .signed_data(what.bytes())
            .assemble(signature, token.as_deref())
            .map_err(Error::internal)?;
        let signed = match prepared.embed(&cms) {
            Ok(signed) => signed,
            Err(SignError::Overflow { needed, .. }) => return Ok(Err(needed)),
            Err(error) => return Err(sign_error(&error)),
        };
        signed.check(&cms).map_err(|e| sign_error(&e))?;
        release_check(job.document, &signed, &cms)?;
        Ok(Ok(Finished { signed, cms, level }))
    }

    /// The signature time stamp (RFC 3161, EN 319 122-1 5.3), if the level has one.
    fn signature_stamp(
        &self,
        call: &Call,
        level: Level,
        signature: &[u8],
    ) -> Result<(Option<Vec<u8>>, Level)> {
        if level == Level::BB {
            return Ok((None, level));
        }
        match self.stamp_imprint(call, &Sha256::digest(signature)) {
            Ok(token) => Ok((Some(token), level)),
            Err(error) if self.settings.timestamp == TimestampPolicy::Prefer => {
                tracing::warn!(request = %call.cx.request, %error, "signed without a time stamp");
                Ok((None, Level::BB))
            }
            Err(error) => Err(error),
        }
    }

    /// A time-stamp token over a SHA-256 digest from the configured source.
    pub(in crate::ops) fn stamp_imprint(&self, call: &Call, digest: &[u8]) -> Result<Vec<u8>> {
        let source = self.ports.timestamps.as_ref().ok_or_else(|| Error::signing("未配置时间戳服务"))?;
        self.now()?;
        let imprint = Imprint { algorithm: HashAlgorithm::Sha256, digest };
        let token = source.stamp(call.cx, imprint).map_err(|e| stamp_error(&e))?;
        self.largest_stamp.fetch_max(token.0.len(), Ordering::Relaxed);
        Ok(token.0)
    }
}
