//! Reading and verifying OCSPResponses (RFC 6960 4.2), for who collects them. Path validation has its own judgement of freshness.

use super::request::{CertId, nonce_value};
use super::{BASIC, NONCE};
use crate::X509Error;
use crate::algorithm::key_bits;
use crate::asn1::{Asn1Error, Rules, Value, tag};
use crate::certificate::{Certificate, extensions};
use crate::crl::reason_from_code;
use crate::signature::{Digest, Verified, verify_signed};
use crate::time::parse_time;
use const_oid::db::rfc5280::ID_KP_OCSP_SIGNING;
use hufu_api::{RevocationReason, UnixTime};

const MAX_SIZE: usize = 256 * 1024;
const MAX_ENTRIES: usize = 64;

/// A certificate's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspStatus {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked {
        /// Since when.
        at: UnixTime,
        /// Why, when it is said and known.
        reason: Option<RevocationReason>,
    },
    /// The responder does not know the certificate.
    Unknown,
}

/// One statement of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspAnswer {
    /// About which certificate.
    pub certificate: CertId,
    /// What.
    pub status: OcspStatus,
    /// Since when this is known to be so.
    pub this_update: UnixTime,
    /// When there will be newer information.
    pub next_update: Option<UnixTime>,
}

/// A successful response, read but not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspRead {
    data: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    responder: Responder,
    /// When it was made.
    pub produced_at: UnixTime,
    /// What it says.
    pub answers: Vec<OcspAnswer>,
    /// The nonce.
    pub nonce: Option<Vec<u8>>,
    /// The certificates that it carries, DER.
    pub certificates: Vec<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Responder {
    Name(Vec<u8>),
    Key(Vec<u8>),
}

impl Responder {
    fn is(&self, certificate: &Certificate) -> bool {
        match self {
            Self::Name(name) => name == certificate.subject.der(),
            Self::Key(hash) => key_bits(&certificate.spki).is_ok_and(|key| Digest::Sha1.of(key) == *hash),
        }
    }
}

impl OcspRead {
    /// Reads a successful DER OCSPResponse, at most 256 KiB.
    ///
    /// # Errors
    /// When it is none, or reports a failure.
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        if der.len() > MAX_SIZE {
            return Err(X509Error::NotAllowed {
                what: "OCSP response",
                reason: "larger than 256 KiB".into(),
            });
        }
        let (status, basic) = outer(der).map_err(X509Error::within("OCSP response"))?;
        match basic {
            Some(basic) if status == 0 => fields(&basic).map_err(X509Error::within("OCSP response")),
            _ => Err(X509Error::NotAllowed { what: "OCSP response", reason: format!("status {status}") }),
        }
    }

    /// Verifies that the response speaks for `issuer`: signed by it, or by a delegate whose certificate it signed for OCSPSigning and that
    /// was valid when the response was made (RFC 6960 4.2.2.2). Returns the delegate, if there is one.
    ///
    /// # Errors
    /// When it is not.
    pub fn verify(&self, issuer: &Certificate) -> Result<Option<Certificate>, X509Error> {
        let bad = || X509Error::BadSignature("OCSP response");
        let signed_by = |certificate: &Certificate| -> Result<Verified, _> {
            verify_signed(&certificate.spki, &self.algorithm, &self.data, &self.signature)
        };
        if self.responder.is(issuer) && signed_by(issuer).is_ok() {
            return Ok(None);
        }
        for der in self.certificates.iter().take(8) {
            let Ok(delegate) = Certificate::from_der(der) else { continue };
            let may = delegate
                .extended_key_usage()?
                .is_some_and(|(_, usages)| usages.contains(&ID_KP_OCSP_SIGNING));
            let valid = (delegate.not_before..=delegate.not_after).contains(&self.produced_at);
            if may
                && valid
                && self.responder.is(&delegate)
                && delegate.issuer.der() == issuer.subject.der()
                && verify_signed(
                    &issuer.spki,
                    &delegate.signature_algorithm,
                    delegate.tbs(),
                    &delegate.signature,
                )
                .is_ok()
                && signed_by(&delegate).is_ok()
            {
                return Ok(Some(delegate));
            }
        }
        Err(bad())
    }

    /// What it says about a certificate of `issuer`.
    pub fn about(&self, certificate: &Certificate, issuer: &Certificate) -> Option<&OcspAnswer> {
        self.answers
            .iter()
            .find(|a| a.certificate.serial == certificate.serial && a.certificate.is_by(issuer))
    }
}

/// responseStatus, and the BasicOCSPResponse.
fn outer(der: &[u8]) -> Result<(u64, Option<Vec<u8>>), Asn1Error> {
    let mut fields = Value::parse(der, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
    let status = fields.expect(tag::ENUMERATED)?.unsigned()?;
    let Some(explicit) = fields.optional(tag::context(0))? else { return Ok((status, None)) };
    fields.end()?;
    let mut bytes = explicit.only()?.typed(tag::SEQUENCE)?.children()?;
    if bytes.any()?.oid()? != BASIC {
        return Err(Asn1Error::Content("response type"));
    }
    Ok((status, Some(bytes.any()?.octets()?.into_owned())))
}

fn fields(basic: &[u8]) -> Result<OcspRead, Asn1Error> {
    let mut fields = Value::parse(basic, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
    let data = fields.expect(tag::SEQUENCE)?;
    let algorithm = fields.expect(tag::SEQUENCE)?.raw.to_vec();
    let signature = fields.any()?.bits()?.to_vec();
    let certificates = match fields.optional(tag::context(0))? {
        Some(explicit) => explicit.only()?.children()?.all(MAX_ENTRIES, "certificates")?,
        None => Vec::new(),
    };
    fields.end()?;
    let mut inner = data.children()?;
    inner.optional(tag::context(0))?;
    let id = inner.any()?;
    let responder = match id.tag {
        found if found == tag::context(1) => Responder::Name(id.only()?.raw.to_vec()),
        found if found == tag::context(2) => Responder::Key(id.only()?.octets()?.into_owned()),
        _ => return Err(Asn1Error::Content("responder")),
    };
    let produced_at = parse_time(inner.expect(tag::GENERALIZED_TIME)?)?;
    let answers = inner.expect(tag::SEQUENCE)?.children()?.all(MAX_ENTRIES, "answers")?;
    let answers = answers.into_iter().map(answer).collect::<Result<Vec<_>, _>>()?;
    let mut nonce = None;
    if let Some(explicit) = inner.optional(tag::context(1))? {
        let nonces = extensions(explicit.only()?)?;
        nonce = nonces.iter().find(|e| e.oid == NONCE).and_then(|e| nonce_value(&e.value).ok());
    }
    inner.end()?;
    Ok(OcspRead {
        data: data.raw.to_vec(),
        algorithm,
        signature,
        responder,
        produced_at,
        answers,
        nonce,
        certificates: certificates.iter().map(|c| c.raw.to_vec()).collect(),
    })
}

fn answer(value: Value<'_>) -> Result<OcspAnswer, Asn1Error> {
    let mut fields = value.typed(tag::SEQUENCE)?.children()?;
    let certificate = CertId::from_value(fields.any()?)?;
    let status = fields.any()?;
    let status = match status.tag {
        found if found == tag::context_primitive(0) => OcspStatus::Good,
        found if found == tag::context(1) => {
            let mut info = status.children()?;
            let at = parse_time(info.any()?)?;
            let code = info.optional(tag::context(0))?.map(|v| v.only()?.unsigned()).transpose()?;
            OcspStatus::Revoked { at, reason: code.and_then(reason_from_code) }
        }
        found if found == tag::context_primitive(2) => OcspStatus::Unknown,
        _ => return Err(Asn1Error::Content("certificate status")),
    };
    let this_update = parse_time(fields.expect(tag::GENERALIZED_TIME)?)?;
    let next_update = fields.optional(tag::context(0))?.map(|v| parse_time(v.only()?)).transpose()?;
    fields.optional(tag::context(1))?;
    fields.end()?;
    Ok(OcspAnswer { certificate, status, this_update, next_update })
}
