//! The appliance's own time-stamping authority (RFC 3161, RFC 5816) over a key in the token.

mod serial;
mod source;

pub use source::TSA_LOCAL;

use super::{AuditedKey, AuditedKeyError, Identity};
use crate::audit::{Act, AuditLog, Facts};
use crate::cms::{AttributesSpec, CmsError, Encapsulated, SignedDataSpec, oid};
use crate::keys::{KeyError, Keys, Purpose, ToBeSigned};
use crate::tsp::{Failure, Request, TstSpec, granted, rejected};
use crate::x509::{Certificate, SignatureAlgorithm, X509Error};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::ID_KP_TIME_STAMPING;
use hufu_api::{
    AuthoritySpec, ChannelError, Clock, Cx, Der, Entropy, Imprint, Store, TimestampSource, UnixTime,
};
use parking_lot::Mutex;
use serial::Serials;
use std::sync::Arc;

/// With `ordering`, how far the time in tokens may run ahead of the clock so that each is later than the one before.
const LEAD_MILLIS: i64 = 1000;

/// From this accuracy on (milliseconds) the time in tokens is a whole second: the second that it may lie back, and half of
/// one for the clock.
const WHOLE_SECONDS: u32 = 1500;

/// Why an authority cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TsaError {
    /// The certificate cannot be read or the key does not fit it.
    #[error(transparent)]
    X509(#[from] X509Error),
    /// The certificate is not one of a time-stamping authority (RFC 3161 2.3).
    #[error("{0}")]
    Unfit(String),
}

/// Why no token was issued; the failure that the answer carries, and the words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    failure: Failure,
    reason: String,
    error: ChannelError,
}

/// What an authority is made from.
#[derive(Clone)]
pub struct TsaParts {
    /// The token.
    pub keys: Arc<dyn Keys>,
    /// The log.
    pub log: Arc<dyn AuditLog>,
    /// Time; when it cannot be trusted nothing is issued.
    pub clock: Arc<dyn Clock>,
    /// Gives serial numbers that survive restarts and kills.
    pub store: Arc<dyn Store>,
    /// Makes serial numbers unlike those given before an old backup was restored.
    pub entropy: Arc<dyn Entropy>,
}

/// A time-stamping authority.
pub struct LocalTsa {
    key: AuditedKey,
    certificate: Certificate,
    chain: Vec<Vec<u8>>,
    algorithm: SignatureAlgorithm,
    policy: ObjectIdentifier,
    accuracy_millis: u32,
    ordering: bool,
    last: Mutex<UnixTime>,
    clock: Arc<dyn Clock>,
    serials: Serials,
}

impl LocalTsa {
    /// An authority over the key of `identity`.
    ///
    /// # Errors
    /// When the certificate lacks the critical timeStamping key usage alone (RFC 3161 2.3) or a setting is wrong.
    pub fn new(parts: &TsaParts, identity: &Identity, spec: &AuthoritySpec) -> Result<Self, TsaError> {
        let unfit = |why: &str| TsaError::Unfit(format!("{}: {why}", identity.label));
        let certificate = Certificate::from_der(&identity.certificate.0)?;
        if identity.key.purpose != Purpose::Tsa {
            return Err(unfit("the key is not a time-stamping key"));
        }
        if identity.key.spki.0 != certificate.spki {
            return Err(unfit("the certificate is for another key"));
        }
        match certificate.extended_key_usage()? {
            Some((true, usages)) if usages == [ID_KP_TIME_STAMPING] => {}
            _ => {
                return Err(unfit(
                    "the certificate must have the critical extended key usage timeStamping alone",
                ));
            }
        }
        let policy = ObjectIdentifier::new(&spec.policy).map_err(|e| unfit(&format!("policy: {e}")))?;
        let clock = Arc::clone(&parts.clock);
        Ok(Self {
            key: AuditedKey::new(Arc::clone(&parts.keys), Arc::clone(&parts.log), identity.key.clone()),
            algorithm: SignatureAlgorithm::for_key(&certificate.spki)?,
            chain: identity.issuers.iter().map(|der| der.0.clone()).collect(),
            certificate,
            policy,
            accuracy_millis: spec.accuracy_millis,
            ordering: spec.ordering,
            last: Mutex::new(UnixTime::from_millis(0)),
            clock,
            serials: Serials::new(Arc::clone(&parts.store), Arc::clone(&parts.entropy)),
        })
    }

    /// The RFC 3161 server: a TimeStampResp for a TimeStampReq, both DER. Every problem becomes a rejection.
    pub fn respond(&self, cx: Cx, request: &[u8]) -> Vec<u8> {
        let request = match Request::from_der(request) {
            Ok(request) => request,
            Err(error) => return rejected(error.failure, &error.reason),
        };
        match self.issue(cx, &request) {
            Ok(token) => granted(&token),
            Err(refusal) => {
                tracing::warn!(request = %cx.request, reason = %refusal.reason, "no time stamp issued");
                rejected(refusal.failure, &refusal.reason)
            }
        }
    }

    /// Whether tokens can be issued now: clock and certificate; for `/health`.
    ///
    /// # Errors
    /// The reason.
    pub fn ready(&self) -> Result<(), String> {
        self.time().map(drop).map_err(|refusal| refusal.reason)
    }

    /// The authority's own certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        self.certificate.der()
    }

    /// TimeStampToken, DER.
    fn issue(&self, cx: Cx, request: &Request) -> Result<Vec<u8>, Refusal> {
        if request.policy.is_some_and(|policy| policy != self.policy) {
            let reason = format!("the policy is {}", self.policy);
            let error = ChannelError::Refused(reason.clone());
            return Err(Refusal { failure: Failure::UnacceptedPolicy, reason, error });
        }
        let serial = self.serials.next().map_err(system)?;
        // The time is taken last, so that a wait for serial numbers does not make it old.
        let time = self.time()?;
        let info = TstSpec {
            policy: self.policy,
            algorithm: request.algorithm,
            digest: &request.digest,
            serial: &serial,
            time,
            accuracy_millis: self.accuracy_millis,
            ordering: self.ordering,
            nonce: request.nonce.as_deref(),
            tsa: None,
        }
        .build()
        .map_err(|e| system(e.to_string()))?;
        self.sign(cx, &info, &serial, request).map_err(|error| {
            let reason = "the key is not available now".to_owned();
            tracing::error!(request = %cx.request, %error, "time stamp not signed");
            Refusal { failure: Failure::SystemFailure, reason, error }
        })
    }

    fn sign(&self, cx: Cx, info: &[u8], serial: &[u8], request: &Request) -> Result<Vec<u8>, ChannelError> {
        let cms = |e: CmsError| ChannelError::Unavailable(e.to_string());
        let attributes = AttributesSpec {
            content_type: oid::TST_INFO,
            message_digest: &self.algorithm.digest(info),
            algorithm: self.algorithm,
            certificate: self.certificate.der(),
            signing_time: None,
            algorithm_protection: false,
            others: &[],
        }
        .build()
        .map_err(cms)?;
        let mut facts = Facts::new();
        facts.insert("serial".into(), hex::encode(serial).into());
        facts.insert("imprint".into(), hex::encode(&request.digest).into());
        let what = ToBeSigned::SignedAttributes(attributes.clone());
        let (signature, _) =
            self.key.sign(cx, Act::IssueTimestamp, facts, &what).map_err(|error| match error {
                AuditedKeyError::Key(KeyError::Timeout) => ChannelError::Timeout,
                other => ChannelError::Unavailable(other.to_string()),
            })?;
        SignedDataSpec {
            content: Encapsulated::TstInfo(info),
            signer: &self.certificate,
            chain: &self.chain,
            with_certificates: request.cert_req,
            algorithm: self.algorithm,
            signed_attributes: &attributes,
        }
        .assemble(&signature, None)
        .map_err(cms)
    }

    /// The time for the next token. With `ordering` each is later than the one before.
    fn time(&self) -> Result<UnixTime, Refusal> {
        let stopped = |reason: String| {
            let error = ChannelError::Unavailable(reason.clone());
            Refusal { failure: Failure::TimeNotAvailable, reason, error }
        };
        let now = self.clock.now().map_err(|e| stopped(e.to_string()))?;
        if now < self.certificate.not_before || now > self.certificate.not_after {
            return Err(stopped("the authority's certificate is not valid now".into()));
        }
        if !self.ordering {
            // Where the accuracy allows, the time is a whole second: a certificate's status looked up in that second is then not
            // older than the time stamp, although OCSP (RFC 6960) knows no fractions.
            let fraction =
                if self.accuracy_millis >= WHOLE_SECONDS { now.millis().rem_euclid(1000) } else { 0 };
            return Ok(now.plus_millis(-fraction).max(self.certificate.not_before));
        }
        let mut last = self.last.lock();
        let time = now.max(last.plus_millis(1));
        if time.millis().saturating_sub(now.millis()) > LEAD_MILLIS {
            return Err(stopped("more tokens are asked for than can be ordered by time".into()));
        }
        *last = time;
        Ok(time)
    }
}

impl TimestampSource for LocalTsa {
    fn stamp(&self, cx: Cx, imprint: Imprint<'_>) -> Result<Der, ChannelError> {
        if imprint.digest.len() != crate::tsp::hash_length(imprint.algorithm) {
            return Err(ChannelError::Refused("the imprint's length does not fit its hash".into()));
        }
        let request = Request {
            algorithm: imprint.algorithm,
            digest: imprint.digest.to_vec(),
            policy: None,
            nonce: None,
            cert_req: true,
        };
        self.issue(cx, &request).map(Der).map_err(|refusal| refusal.error)
    }
}

fn system(reason: String) -> Refusal {
    let error = ChannelError::Unavailable(reason);
    Refusal { failure: Failure::SystemFailure, reason: "internal failure".into(), error }
}

#[cfg(test)]
mod kills;
#[cfg(test)]
mod tests;
