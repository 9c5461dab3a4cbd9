//! TimeStampReq (RFC 3161 2.4.1).

use super::{Failure, hash_algorithm, hash_length, message_imprint};
use crate::x509::asn1::{self, Asn1Error, Rules, Value, tag};
use const_oid::ObjectIdentifier;
use hufu_api::HashAlgorithm;

const MAX_SIZE: usize = 4096;
/// Nonces are 64 bits in practice; this is generous.
const MAX_NONCE: usize = 64;

/// A request for a time stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Hash of the imprint.
    pub algorithm: HashAlgorithm,
    /// The imprint; its length fits the hash.
    pub digest: Vec<u8>,
    /// The policy that the token must be issued under.
    pub policy: Option<ObjectIdentifier>,
    /// The nonce's INTEGER content octets; they come back in the token.
    pub nonce: Option<Vec<u8>>,
    /// Whether the token shall carry the TSA's certificates.
    pub cert_req: bool,
}

/// Why a request is refused, with the failure that the answer carries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RequestError {
    /// What the answer says in failInfo.
    pub failure: Failure,
    /// In words.
    pub reason: String,
}

impl From<Asn1Error> for RequestError {
    fn from(error: Asn1Error) -> Self {
        Self { failure: Failure::BadDataFormat, reason: format!("TimeStampReq: {error}") }
    }
}

impl Request {
    /// Reads a DER TimeStampReq, at most 4 KiB.
    ///
    /// # Errors
    /// When it is none (badDataFormat), its version is not 1 (badRequest), its hash is not SHA-256, SHA-384 or SHA-512
    /// (badAlg), the imprint's length does not fit (badDataFormat), or it has extensions (unacceptedExtension).
    pub fn from_der(der: &[u8]) -> Result<Self, RequestError> {
        let refuse = |failure, reason: &str| Err(RequestError { failure, reason: reason.into() });
        if der.len() > MAX_SIZE {
            return refuse(Failure::BadDataFormat, "request larger than 4 KiB");
        }
        let mut fields = Value::parse(der, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
        if fields.expect(tag::INTEGER)?.unsigned()? != 1 {
            return refuse(Failure::BadRequest, "version must be 1");
        }
        let mut imprint = fields.expect(tag::SEQUENCE)?.children()?;
        let mut hash = imprint.expect(tag::SEQUENCE)?.children()?;
        let oid = hash.any()?.oid()?;
        let parameters = hash.optional(tag::NULL)?;
        hash.end()?;
        let digest = imprint.any()?.octets()?.into_owned();
        imprint.end()?;
        let policy = fields.optional(tag::OID)?.map(Value::oid).transpose()?;
        let nonce =
            fields.optional(tag::INTEGER)?.map(|v| v.integer(MAX_NONCE).map(<[u8]>::to_vec)).transpose()?;
        let cert_req = fields.optional(tag::BOOLEAN)?.map(Value::boolean).transpose()?.unwrap_or(false);
        let extensions = fields.optional(tag::context(0))?;
        fields.end()?;
        let Some(algorithm) = hash_algorithm(&oid) else {
            return refuse(Failure::BadAlgorithm, "the imprint's hash must be SHA-256, SHA-384 or SHA-512");
        };
        if parameters.is_some_and(|p| !p.content.is_empty()) {
            return refuse(Failure::BadDataFormat, "the hash has parameters");
        }
        if digest.len() != hash_length(algorithm) {
            return refuse(Failure::BadDataFormat, "the imprint's length does not fit its hash");
        }
        if extensions.is_some() {
            return refuse(Failure::UnacceptedExtension, "extensions are not supported");
        }
        Ok(Self { algorithm, digest, policy, nonce, cert_req })
    }

    /// TimeStampReq, DER.
    pub fn to_der(&self) -> Vec<u8> {
        let policy = self.policy.as_ref().map(asn1::oid).unwrap_or_default();
        let nonce = self.nonce.as_ref().map(|n| asn1::tlv(tag::INTEGER, &[n])).unwrap_or_default();
        let cert_req = if self.cert_req { asn1::boolean(true) } else { Vec::new() };
        let imprint = message_imprint(self.algorithm, &self.digest);
        asn1::sequence(&[&asn1::integer_u64(1), &imprint, &policy, &nonce, &cert_req])
    }

    /// INTEGER content octets of a random 64-bit nonce, positive and minimal.
    pub fn nonce_from(random: u64) -> Vec<u8> {
        let encoded = asn1::integer_u64(random);
        encoded.get(2..).map(<[u8]>::to_vec).unwrap_or_default()
    }
}
