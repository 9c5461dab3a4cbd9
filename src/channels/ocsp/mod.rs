//! The OCSP responder for the CAs in the token: delegated keys, answers kept and used again, status always fresh.

mod message;

use super::{AuditedKey, Authorities, Identity};
use crate::audit::{Act, AuditLog, Facts};
use crate::keys::{Keys, Purpose, ToBeSigned};
use crate::x509::{Certificate, SignatureAlgorithm};
use const_oid::db::rfc5280::ID_KP_OCSP_SIGNING;
use const_oid::db::rfc6960::ID_PKIX_OCSP_NOCHECK;
use hufu_api::{CaChannel, ChannelError, Clock, Cx, Der, Status, UnixTime};
use lru::LruCache;
use message::{IdHash, Question, Times, Unsigned, key_bits, questions, response_data, successful};
use parking_lot::{Mutex, RwLock};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Answers kept.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(16_383);

/// How long an answer may be used by those who keep it.
const VALID_MILLIS: i64 = 12 * 3_600_000;

/// How long we give the same answer again, unless the status changes before.
const REUSED_MILLIS: i64 = 3_600_000;

/// One CA and the key that speaks for it.
struct Responder {
    channel: Arc<dyn CaChannel>,
    label: String,
    issuer_name: Vec<u8>,
    issuer_key_bits: Vec<u8>,
    key: AuditedKey,
    certificate: Certificate,
    key_bits: Vec<u8>,
    algorithm: SignatureAlgorithm,
    /// Serial numbers of the appliance's own certificates from this CA (the time-stamping authority's): the ceremony issued
    /// them, so the channel does not know them.
    ceremonial: Vec<Vec<u8>>,
}

struct Kept {
    statuses: Vec<Status>,
    made: UnixTime,
    response: Vec<u8>,
}

/// The responder of all CAs in the token.
pub struct OcspResponder {
    responders: RwLock<Arc<Vec<Responder>>>,
    clock: Arc<dyn Clock>,
    kept: Mutex<LruCache<Vec<u8>, Kept>>,
}

/// An OCSPResponse and how long HTTP caches may keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspAnswer {
    /// OCSPResponse, DER.
    pub response: Vec<u8>,
    /// Seconds; 0 for answers that are not signed.
    pub max_age: u64,
}

impl OcspResponder {
    /// Finds, for each CA that a channel publishes, the responder key that its CA has delegated to: a key of purpose tsa
    /// whose certificate comes from that CA and is for OCSPSigning. A CA without one gets no answers.
    pub fn new(
        authorities: &Authorities,
        identities: &[Identity],
        keys: &Arc<dyn Keys>,
        log: &Arc<dyn AuditLog>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let responders = RwLock::new(Arc::new(responders(authorities, identities, keys, log)));
        Self { responders, clock, kept: Mutex::new(LruCache::new(KEPT)) }
    }

    /// Looks for CAs and keys anew; answers go on meanwhile.
    pub fn renew(
        &self,
        authorities: &Authorities,
        identities: &[Identity],
        keys: &Arc<dyn Keys>,
        log: &Arc<dyn AuditLog>,
    ) {
        *self.responders.write() = Arc::new(responders(authorities, identities, keys, log));
        // Some may be signed by a responder that is not to be heard any more.
        self.kept.lock().clear();
    }

    fn responders(&self) -> Arc<Vec<Responder>> {
        Arc::clone(&self.responders.read())
    }

    /// Labels of the CAs that are answered for.
    pub fn labels(&self) -> Vec<String> {
        self.responders().iter().map(|r| r.label.clone()).collect()
    }

    /// An OCSPResponse for an OCSPRequest, both DER.
    pub fn respond(&self, cx: Cx, request: &[u8]) -> OcspAnswer {
        let unsigned = |status: Unsigned| OcspAnswer { response: status.to_der(), max_age: 0 };
        let Ok(questions) = questions(request) else { return unsigned(Unsigned::Malformed) };
        match self.answer(cx, &questions, None) {
            Ok(Some(answer)) => answer,
            Ok(None) => unsigned(Unsigned::Unauthorized),
            Err(ChannelError::Unavailable(why)) => {
                tracing::warn!(request = %cx.request, %why, "OCSP answer not made");
                unsigned(Unsigned::TryLater)
            }
            Err(error) => {
                tracing::error!(request = %cx.request, %error, "OCSP answer not made");
                unsigned(Unsigned::Internal)
            }
        }
    }

    /// An OCSPResponse, DER, about one of our certificates for a document security store; its thisUpdate does not lie before
    /// `not_before`. `None`: the certificate is not from a CA here.
    ///
    /// # Errors
    /// [`ChannelError::Unavailable`] when state, token or log are not there.
    pub fn evidence(
        &self,
        cx: Cx,
        certificate: &Certificate,
        not_before: UnixTime,
    ) -> Result<Option<Der>, ChannelError> {
        let responders = self.responders();
        let Some(responder) = responders.iter().find(|r| r.issued(certificate)) else { return Ok(None) };
        let question =
            Question::about(&responder.issuer_name, &responder.issuer_key_bits, &certificate.serial);
        Ok(self.answer(cx, &[question], Some(not_before))?.map(|answer| Der(answer.response)))
    }

    /// Whether the certificate is from a CA that is answered for here.
    pub fn speaks_for(&self, certificate: &Certificate) -> bool {
        self.responders().iter().any(|r| r.issued(certificate))
    }

    fn answer(
        &self,
        cx: Cx,
        questions: &[Question],
        not_before: Option<UnixTime>,
    ) -> Result<Option<OcspAnswer>, ChannelError> {
        // One responder signs one answer, so all questions must be about one CA.
        let knows = |r: &&Responder| questions.iter().all(|q| r.is_asked_about(q));
        let responders = self.responders();
        let Some(responder) = responders.iter().find(knows) else { return Ok(None) };
        let mut statuses = Vec::new();
        for question in questions {
            let repository = responder.channel.repository().ok_or(ChannelError::Unsupported)?;
            let status = repository.status(&responder.label, &question.serial)?;
            let ceremonial = status == Status::Unknown && responder.ceremonial.contains(&question.serial);
            statuses.push(if ceremonial { Status::Good } else { status });
        }
        // An answer about a number that was never given out would let anybody keep the key busy.
        if statuses.iter().all(|s| *s == Status::Unknown) {
            return Ok(None);
        }
        let now = self.clock.now().map_err(|e| ChannelError::Unavailable(e.to_string()))?;
        let name: Vec<u8> = questions.iter().flat_map(|q| q.raw.iter().copied()).collect();
        if let Some(kept) = self.kept.lock().get(&name) {
            let age = now.millis().saturating_sub(kept.made.millis());
            let fresh = (0..REUSED_MILLIS).contains(&age) && not_before.is_none_or(|at| kept.made >= at);
            if fresh && kept.statuses == statuses {
                let max_age = u64::try_from((REUSED_MILLIS - age) / 1000).unwrap_or(0);
                return Ok(Some(OcspAnswer { response: kept.response.clone(), max_age }));
            }
        }
        let answers: Vec<(&Question, Status)> = questions.iter().zip(statuses.iter().copied()).collect();
        let response = responder.sign(cx, &answers, now)?;
        self.kept.lock().put(name, Kept { statuses, made: now, response: response.clone() });
        Ok(Some(OcspAnswer { response, max_age: u64::try_from(REUSED_MILLIS / 1000).unwrap_or(0) }))
    }
}

fn responders(
    authorities: &Authorities,
    identities: &[Identity],
    keys: &Arc<dyn Keys>,
    log: &Arc<dyn AuditLog>,
) -> Vec<Responder> {
    let mut responders = Vec::new();
    for (_, channel) in authorities.running() {
        for published in channel.repository().map(|r| r.published()).unwrap_or_default() {
            let Ok(ca) = Certificate::from_der(&published.certificate.0) else { continue };
            let Some((identity, certificate)) = delegate(&ca, identities) else {
                tracing::warn!(label = %published.label, "no OCSP responder key for this CA");
                continue;
            };
            let bits = (key_bits(&ca.spki), key_bits(&certificate.spki));
            let algorithm = SignatureAlgorithm::for_key(&certificate.spki);
            let ((Ok(issuer_key_bits), Ok(key_bits)), Ok(algorithm)) = (bits, algorithm) else {
                continue;
            };
            responders.push(Responder {
                channel: Arc::clone(&channel),
                label: published.label,
                issuer_name: ca.subject.der().to_vec(),
                issuer_key_bits,
                key: AuditedKey::new(Arc::clone(keys), Arc::clone(log), identity.key.clone()),
                certificate,
                key_bits,
                algorithm,
                ceremonial: ceremonial(&ca, identities),
            });
        }
    }
    responders
}

impl Responder {
    fn is_asked_about(&self, question: &Question) -> bool {
        let hash: IdHash = question.hash;
        question.issuer_key == hash.of(&self.issuer_key_bits)
            && question.issuer_name == hash.of(&self.issuer_name)
    }

    /// Whether the CA that this responder speaks for issued the certificate.
    fn issued(&self, certificate: &Certificate) -> bool {
        self.issuer_name == certificate.issuer.der()
            && self.certificate.authority_key_identifier().ok() == certificate.authority_key_identifier().ok()
    }

    fn sign(&self, cx: Cx, answers: &[(&Question, Status)], now: UnixTime) -> Result<Vec<u8>, ChannelError> {
        if now < self.certificate.not_before || now > self.certificate.not_after {
            return Err(ChannelError::Unavailable(format!(
                "the responder's certificate for {} is not valid now",
                self.label
            )));
        }
        let next = now.plus_millis(VALID_MILLIS).min(self.certificate.not_after);
        let times = Times { this_update: now, next_update: next };
        let unavailable = |e: &dyn std::fmt::Display| ChannelError::Unavailable(e.to_string());
        let data = response_data(&self.key_bits, answers, times).map_err(|e| unavailable(&e))?;
        let mut facts = Facts::new();
        facts.insert("issuer".into(), self.label.clone().into());
        let serials: Vec<String> = answers.iter().map(|(q, _)| hex::encode(&q.serial)).collect();
        facts.insert("serials".into(), serials.into());
        let what = ToBeSigned::OcspResponseData(data.clone());
        let (signature, _) = self.key.sign(cx, Act::IssueOcsp, facts, &what).map_err(|e| unavailable(&e))?;
        Ok(successful(&data, &self.algorithm.identifier(), &signature, self.certificate.der()))
    }
}

/// The responder key that `ca` has delegated to; of several the one whose certificate lasts longest.
fn delegate<'a>(ca: &Certificate, identities: &'a [Identity]) -> Option<(&'a Identity, Certificate)> {
    let ours = |identity: &'a Identity| {
        let certificate = Certificate::from_der(&identity.certificate.0).ok()?;
        let (_, usages) = certificate.extended_key_usage().ok()??;
        let from_ca = certificate.issuer.der() == ca.subject.der()
            && certificate.authority_key_identifier().ok()? == ca.issuing_key_identifier().ok();
        (from_ca && usages.contains(&ID_KP_OCSP_SIGNING)).then_some((identity, certificate))
    };
    let candidates = identities.iter().filter(|i| i.key.purpose == Purpose::Tsa).filter_map(ours);
    candidates.max_by_key(|(_, certificate)| certificate.not_after)
}

/// Serial numbers of the certificates that the ceremony issued with the key of `ca`, responders' excepted: of those nobody
/// asks (ocsp-nocheck).
fn ceremonial(ca: &Certificate, identities: &[Identity]) -> Vec<Vec<u8>> {
    let key_identifier = ca.issuing_key_identifier().ok();
    let read = identities.iter().filter_map(|i| Certificate::from_der(&i.certificate.0).ok());
    read.filter(|c| c.issuer.der() == ca.subject.der())
        .filter(|c| c.authority_key_identifier().ok().flatten() == key_identifier)
        .filter(|c| c.extension(&ID_PKIX_OCSP_NOCHECK).is_none())
        .map(|c| c.serial)
        .collect()
}

#[cfg(test)]
mod tests;
