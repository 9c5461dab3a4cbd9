//! OCSPRequest (RFC 6960 4.1).

use super::NONCE;
use crate::X509Error;
use crate::algorithm::key_bits;
use crate::asn1::{self, Asn1Error, Rules, Value, tag};
use crate::certificate::{Certificate, extensions};
use crate::issue::extension;
use crate::signature::Digest;

const MAX_SIZE: usize = 16 * 1024;
const MAX_CERTIFICATES: usize = 16;
/// RFC 9654: nonces of 1 to 128 octets.
const MAX_NONCE: usize = 128;

/// Which certificate is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertId {
    /// The encoding, which an answer repeats.
    raw: Vec<u8>,
    digest: Option<Digest>,
    issuer_name_hash: Vec<u8>,
    issuer_key_hash: Vec<u8>,
    /// Serial number, INTEGER content octets.
    pub serial: Vec<u8>,
}

impl CertId {
    /// The CertID of a certificate of `issuer`, by SHA-1 as RFC 5019 2.1.1 has it, since many responders know nothing else; the hash only
    /// names, it proves nothing.
    ///
    /// # Errors
    /// When the issuer's key is malformed.
    pub fn new(issuer: &Certificate, serial: &[u8]) -> Result<Self, X509Error> {
        let digest = Digest::Sha1;
        let issuer_name_hash = digest.of(issuer.subject.der());
        let issuer_key_hash = digest.of(key_bits(&issuer.spki)?);
        let raw = asn1::sequence(&[
            &asn1::sequence(&[&asn1::oid(&digest.oid()), &asn1::null()]),
            &asn1::octet_string(&issuer_name_hash),
            &asn1::octet_string(&issuer_key_hash),
            &asn1::tlv(tag::INTEGER, &[serial]),
        ]);
        Ok(Self { raw, digest: Some(digest), issuer_name_hash, issuer_key_hash, serial: serial.to_vec() })
    }

    /// The encoding, DER.
    pub fn der(&self) -> &[u8] {
        &self.raw
    }

    /// Whether the certificate meant is one of this issuer's.
    pub fn is_by(&self, issuer: &Certificate) -> bool {
        let Some(digest) = self.digest else { return false };
        digest.of(issuer.subject.der()) == self.issuer_name_hash
            && key_bits(&issuer.spki).is_ok_and(|key| digest.of(key) == self.issuer_key_hash)
    }

    pub(super) fn from_value(value: Value<'_>) -> Result<Self, Asn1Error> {
        let mut fields = value.typed(tag::SEQUENCE)?.children()?;
        let digest = Digest::from_identifier(fields.expect(tag::SEQUENCE)?.raw).ok();
        let issuer_name_hash = fields.any()?.octets()?.into_owned();
        let issuer_key_hash = fields.any()?.octets()?.into_owned();
        let serial = fields.any()?.integer(64)?.to_vec();
        fields.end()?;
        Ok(Self { raw: value.raw.to_vec(), digest, issuer_name_hash, issuer_key_hash, serial })
    }
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspRequest {
    /// About which certificates; 1 to 16.
    pub certificates: Vec<CertId>,
    /// The nonce, which the answer must repeat.
    pub nonce: Option<Vec<u8>>,
}

impl OcspRequest {
    /// Reads a DER OCSPRequest, at most 16 KiB. A requester's signature is neither asked for nor looked at.
    ///
    /// # Errors
    /// When it is none, asks about no or too many certificates, or has a critical extension.
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        let not = |reason: &str| Err(X509Error::NotAllowed { what: "OCSP request", reason: reason.into() });
        if der.len() > MAX_SIZE {
            return not("larger than 16 KiB");
        }
        let read = || {
            let mut outer = Value::parse(der, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
            let mut fields = outer.expect(tag::SEQUENCE)?.children()?;
            outer.optional(tag::context(0))?;
            outer.end()?;
            if let Some(version) = fields.optional(tag::context(0))?
                && version.only()?.unsigned()? != 0
            {
                return Err(Asn1Error::Content("version"));
            }
            fields.optional(tag::context(1))?;
            let list = fields.expect(tag::SEQUENCE)?.children()?.all(MAX_CERTIFICATES, "certificates")?;
            let mut certificates = Vec::new();
            for request in list {
                certificates.push(CertId::from_value(request.typed(tag::SEQUENCE)?.children()?.any()?)?);
            }
            let extensions = match fields.optional(tag::context(2))? {
                Some(explicit) => extensions(explicit.only()?)?,
                None => Vec::new(),
            };
            fields.end()?;
            Ok((certificates, extensions))
        };
        let (certificates, extensions) = read().map_err(X509Error::within("OCSP request"))?;
        if certificates.is_empty() {
            return not("no certificate");
        }
        let mut nonce = None;
        for extension in &extensions {
            if extension.oid == NONCE {
                nonce = Some(nonce_value(&extension.value)?);
            } else if extension.critical {
                return not("unknown critical extension");
            }
        }
        Ok(Self { certificates, nonce })
    }

    /// OCSPRequest, DER.
    pub fn to_der(&self) -> Vec<u8> {
        let each: Vec<Vec<u8>> = self.certificates.iter().map(|id| asn1::sequence(&[id.der()])).collect();
        let each: Vec<&[u8]> = each.iter().map(Vec::as_slice).collect();
        let extensions = match &self.nonce {
            Some(nonce) => asn1::context(2, &[&asn1::sequence(&[&nonce_extension(nonce)])]),
            None => Vec::new(),
        };
        asn1::sequence(&[&asn1::sequence(&[&asn1::sequence(&each), &extensions])])
    }
}

/// Nonce ::= OCTET STRING; some clients forget the inner OCTET STRING and put the bare octets there.
pub(super) fn nonce_value(value: &[u8]) -> Result<Vec<u8>, X509Error> {
    let nonce = match Value::parse(value, Rules::Der).and_then(|v| v.octets().map(|o| o.into_owned())) {
        Ok(nonce) => nonce,
        Err(_) => value.to_vec(),
    };
    if nonce.is_empty() || nonce.len() > MAX_NONCE {
        return Err(X509Error::NotAllowed { what: "OCSP nonce", reason: format!("{} octets", nonce.len()) });
    }
    Ok(nonce)
}

pub(super) fn nonce_extension(nonce: &[u8]) -> Vec<u8> {
    extension(&NONCE, false, &asn1::octet_string(nonce))
}
