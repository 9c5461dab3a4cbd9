//! What makes a signature outlive its authorities: the document security store (B-LT) and a document time stamp over it
//! (B-LTA). ETSI EN 319 142-1 6, docs/decisions/long-term-levels.md.

use super::{release_check, sign_error, syntax_error};
use crate::cms::material::{Material, Missing, Needed, needed};
use crate::cms::{SignedData, oid};
use crate::ops::places::Service;
use crate::ops::settings::Level;
use crate::ops::{Appliance, Call, Error, Result};
use crate::pdf::hash::PrefixHash;
use crate::pdf::sign::{
    About, EmbeddedSignature, Field, Format, Kind, SignError, SignatureRequest, Signed, ValidationMaterial,
    add_validation_material, embedded_signatures, prepare,
};
use crate::pdf::syntax::{Document, Pieces};
use crate::tsp::Token;
use crate::x509::Certificate;
use hufu_api::{Der, Reach, StatusProof, StatusQuestion, UnixTime};
use std::sync::atomic::Ordering;

/// A proof may need another: the responder's certificate, the issuer's. Chains are short.
const ROUNDS: usize = 6;
/// Octets added to the largest time stamp seen, for the next one's longer serial or certificate.
const STAMP_SLACK: usize = 1_024;

/// What was added behind a signature.
pub(in crate::ops) struct Lasting {
    /// The bytes that follow the signed file.
    pub(in crate::ops) tail: Vec<u8>,
    /// The hash state over the whole file.
    pub(in crate::ops) prefix: PrefixHash,
    /// Earlier signatures, in the order of signing, for which not everything was to be had, with what is missing.
    pub(in crate::ops) incomplete: Vec<String>,
}

/// Which signatures must be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) enum Strict<'a> {
    /// The one with this CMS: ours. Of earlier ones whatever is at hand.
    Ours(&'a [u8]),
    /// None: a file is being renewed as it is, with what can be had there.
    Nobody(Reach),
}

impl Appliance {
    /// Adds what `level` asks for behind the document `signed`: the security store with what every signature in it needs, then for
    /// B-LTA a document time stamp. `prefix` is the SHA-256 state over `signed`.
    pub(in crate::ops) fn make_lasting(
        &self,
        call: &Call,
        signed: &Document<'_>,
        prefix: PrefixHash,
        level: Level,
        strict: Strict<'_>,
    ) -> Result<Lasting> {
        let (material, incomplete) = self.material(call, signed, strict)?;
        let mut tail = if material.is_empty() {
            Vec::new()
        } else {
            add_validation_material(signed, &material, self.entropy()?).map_err(|e| sign_error(&e))?
        };
        let mut prefix = prefix.followed_by(&tail);
        if level == Level::BLta {
            let update = signed.file().update_and(&tail);
            let file = Pieces::updated(signed.file().input(), &update);
            let document = Document::open_pieces(file).map_err(|e| syntax_error(&e))?;
            let (stamp, after) = self.document_time_stamp(call, &document, &prefix)?.into_prefix();
            tail.extend(stamp);
            prefix = after;
        }
        Ok(Lasting { tail, prefix, incomplete })
    }

    /// Material for every signature that must have it or has none yet.
    fn material(
        &self,
        call: &Call,
        document: &Document<'_>,
        strict: Strict<'_>,
    ) -> Result<(Vec<ValidationMaterial>, Vec<String>)> {
        let (mut all, mut incomplete) = (Vec::new(), Vec::new());
        for (at, signature) in embedded_signatures(document).map_err(|e| syntax_error(&e))?.iter().enumerate()
        {
            let ours = matches!(strict, Strict::Ours(cms) if signature.contents.starts_with(cms));
            if signature.has_material && !ours {
                continue;
            }
            let reach = match strict {
                Strict::Nobody(reach) => reach,
                Strict::Ours(_) if ours => Reach::Network,
                Strict::Ours(_) => Reach::Here,
            };
            match self.material_of(call, signature, reach) {
                Ok((material, missing)) if missing.is_empty() => all.push(material),
                Ok((_, missing)) if ours => {
                    return Err(Error::signing("长期验证数据不可得").because(missing.join("; ")));
                }
                Ok((material, missing)) => {
                    incomplete.push(format!("signature {}: {}", at + 1, missing.join("; ")));
                    all.push(material);
                }
                Err(error) if ours => return Err(error),
                Err(error) => incomplete.push(format!("signature {}: {error}", at + 1)),
            }
        }
        Ok((all, incomplete))
    }

    /// What one signature needs, and what of it is missing in words.
    fn material_of(
        &self,
        call: &Call,
        signature: &EmbeddedSignature,
        reach: Reach,
    ) -> Result<(ValidationMaterial, Vec<String>)> {
        let unreadable = |e: crate::cms::CmsError| Error::signing("签名数据无法读取").because(e);
        let since = match time_of(signature).map_err(unreadable)? {
            Some(time) => time,
            // Nothing proves when it was made: what is known now must do.
            None => self.now()?,
        };
        let since = whole_second(since);
        let mut pool = Material { certificates: self.trust.load().certificates(), ..Material::default() };
        let mut reasons = Vec::new();
        let mut found = Needed::default();
        for _ in 0..ROUNDS {
            found = needed(&signature.contents, &pool, since).map_err(unreadable)?;
            reasons.clear();
            let mut more = false;
            for gap in &found.missing {
                match gap {
                    Missing::Issuer(of) => reasons.push(format!("the issuer of {of} is not known")),
                    Missing::Revoked(certificate) => {
                        reasons.push(format!("{} is revoked", certificate.subject));
                    }
                    Missing::Revocation(certificate) => {
                        match self.prove_status(call, certificate, &found.material, since, reach) {
                            Ok(StatusProof::Ocsp(der)) => more |= push(&mut pool.ocsp_responses, der),
                            Ok(StatusProof::Crl(der)) => more |= push(&mut pool.crls, der),
                            Err(error) => reasons.push(error),
                        }
                    }
                }
            }
            if !more {
                break;
            }
        }
        if reasons.is_empty() && !found.missing.is_empty() {
            reasons.push("what was found does not prove enough".to_owned());
        }
        let Material { certificates, crls, ocsp_responses } = found.material;
        let contents = signature.contents.clone();
        Ok((ValidationMaterial { contents, certificates, crls, ocsp_responses }, reasons))
    }

    fn prove_status(
        &self,
        call: &Call,
        certificate: &Certificate,
        known: &Material,
        not_before: UnixTime,
        reach: Reach,
    ) -> std::result::Result<StatusProof, String> {
        let proofs = self.ports.proofs.as_ref().ok_or("no source of revocation data is configured")?;
        let issuer = known.certificates.iter().find(|der| {
            Certificate::from_der(der).is_ok_and(|c| {
                let key = certificate.authority_key_identifier().ok().flatten();
                c.subject.der() == certificate.issuer.der()
                    && (key.is_none() || key == c.issuing_key_identifier().ok())
            })
        });
        let issuer = issuer.ok_or_else(|| format!("the issuer of {} is not known", certificate.subject))?;
        let (certificate, issuer) = (Der(certificate.der().to_vec()), Der(issuer.clone()));
        let question = StatusQuestion { certificate: &certificate, issuer: &issuer, not_before, reach };
        proofs.prove(call.cx, &question).map_err(|e| e.to_string())
    }

    /// A document time stamp (ISO 32000-2 12.8.5) over the document whose SHA-256 state `prefix` is.
    pub(in crate::ops) fn document_time_stamp(
        &self,
        call: &Call,
        document: &Document<'_>,
        prefix: &PrefixHash,
    ) -> Result<Signed> {
        let signing_time = self.now()?;
        let mut room = self.largest_stamp.load(Ordering::Relaxed) + STAMP_SLACK;
        let entropy = self.entropy()?;
        loop {
            let update = SignatureRequest {
                kind: Kind::DocumentTimeStamp,
                format: Format::Pades,
                field: Field::Automatic,
                places: Vec::new(),
                mark: None,
                about: About::default(),
                signing_time,
                reserve: room,
                lock: None,
                later_fields: Vec::new(),
                entropy,
            };
            let prepared = prepare(document, prefix, &update).map_err(|e| sign_error(&e))?;
            let token = self.stamp_imprint(call, prepared.digest())?;
            match prepared.embed(&token) {
                Ok(signed) => {
                    signed.check(&token).map_err(|e| sign_error(&e))?;
                    release_check(document, &signed, &token)?;
                    return Ok(signed);
                }
                // The source's next token will fit: this one's size is known now.
                Err(SignError::Overflow { needed, .. }) if needed > room => room = needed + STAMP_SLACK,
                Err(error) => return Err(sign_error(&error)),
            }
        }
    }

    /// A place at the time sources for the whole of an operation, where its level has a time stamp.
    pub(in crate::ops) fn stamping_place(
        &self,
        level: Level,
    ) -> Result<Option<crate::ops::places::Place<'_>>> {
        if level == Level::BB { Ok(None) } else { self.remote.take(Service::Timestamps).map(Some) }
    }

    fn entropy(&self) -> Result<[u8; 32]> {
        let mut entropy = [0; 32];
        self.ports.entropy.fill(&mut entropy)?;
        Ok(entropy)
    }
}

/// The time that a signature's own time stamp proves, or that a document time stamp says; `None` without one.
fn time_of(signature: &EmbeddedSignature) -> std::result::Result<Option<UnixTime>, crate::cms::CmsError> {
    let unreadable = |e: crate::tsp::TokenError| crate::cms::CmsError::NotAllowed(e.to_string());
    if signature.is_timestamp {
        return Token::from_prefix(&signature.contents)
            .map(|(token, _)| Some(token.info.time))
            .map_err(unreadable);
    }
    let (data, _) = SignedData::from_prefix(&signature.contents)?;
    let tokens = data.signers.iter().flat_map(|signer| signer.unsigned_values(&oid::TIME_STAMP_TOKEN));
    let times = tokens.map(|token| Token::from_bytes(token).map(|token| token.info.time));
    Ok(times.collect::<std::result::Result<Vec<_>, _>>().map_err(unreadable)?.into_iter().min())
}

/// The first whole second that is not before `time`: revocation data know no fractions.
fn whole_second(time: UnixTime) -> UnixTime {
    time.plus_millis((1000 - time.millis().rem_euclid(1000)) % 1000)
}

/// Adds what is not there yet; whether it was added.
fn push(list: &mut Vec<Vec<u8>>, der: Der) -> bool {
    let new = !list.contains(&der.0);
    if new {
        list.push(der.0);
    }
    new
}
