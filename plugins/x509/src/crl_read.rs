//! Reading and verifying revocation lists (RFC 5280 5), for who collects them. Path validation has its own judgement of scope and
//! freshness.

use crate::X509Error;
use crate::asn1::{Asn1Error, Reader, Rules, Value, tag};
use crate::certificate::{Certificate, extensions};
use crate::crl::reason_from_code;
use crate::name::Name;
use crate::signature::verify_signed;
use crate::time::parse_time;
use const_oid::db::rfc5280::{ID_CE_CRL_NUMBER, ID_CE_CRL_REASONS, ID_CE_DELTA_CRL_INDICATOR};
use hufu_api::{RevocationReason, UnixTime};

/// Lists of large CAs have some MiB.
const MAX_SIZE: usize = 32 * 1024 * 1024;

/// A revocation list, read but not verified. Its entries are read anew at each question, so that a long list costs no memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlRead {
    tbs: Vec<u8>,
    entries: Vec<u8>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    /// Who issued it.
    pub issuer: Name,
    /// When it was made.
    pub this_update: UnixTime,
    /// When the next one comes at the latest.
    pub next_update: Option<UnixTime>,
    /// cRLNumber, if it fits 64 bits.
    pub number: Option<u64>,
    /// Whether it only lists changes since another list.
    pub is_delta: bool,
}

/// An entry of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrlEntry {
    /// Since when.
    pub at: UnixTime,
    /// Why, when it is said and known.
    pub reason: Option<RevocationReason>,
}

impl CrlRead {
    /// Reads a DER CertificateList, at most 32 MiB.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        if der.len() > MAX_SIZE {
            return Err(X509Error::NotAllowed { what: "CRL", reason: "larger than 32 MiB".into() });
        }
        fields(der).map_err(X509Error::within("CRL"))
    }

    /// Verifies that `issuer` signed it and may sign lists.
    ///
    /// # Errors
    /// When not.
    pub fn verify(&self, issuer: &Certificate) -> Result<(), X509Error> {
        let bad = || X509Error::BadSignature("CRL");
        if self.issuer.der() != issuer.subject.der()
            || issuer.key_usage()?.is_some_and(|usage| !usage.crl_sign())
        {
            return Err(bad());
        }
        verify_signed(&issuer.spki, &self.algorithm, &self.tbs, &self.signature)
            .map(|_| ())
            .map_err(|_| bad())
    }

    /// The entry of a serial number (INTEGER content octets).
    ///
    /// # Errors
    /// When an entry on the way there is malformed.
    pub fn entry(&self, serial: &[u8]) -> Result<Option<CrlEntry>, X509Error> {
        let err = X509Error::within("CRL entry");
        let mut entries = Reader::new(&self.entries, Rules::Der);
        while !entries.is_empty() {
            let mut fields = entries.expect(tag::SEQUENCE).and_then(Value::children).map_err(&err)?;
            if fields.expect(tag::INTEGER).map_err(&err)?.content == serial {
                return entry(fields).map(Some).map_err(err);
            }
        }
        Ok(None)
    }
}

fn entry(mut fields: Reader<'_>) -> Result<CrlEntry, Asn1Error> {
    let at = parse_time(fields.any()?)?;
    let mut reason = None;
    if let Some(list) = fields.optional(tag::SEQUENCE)? {
        for extension in extensions(list)? {
            if extension.oid == ID_CE_CRL_REASONS {
                reason = reason_from_code(Value::parse(&extension.value, Rules::Der)?.unsigned()?);
            }
        }
    }
    Ok(CrlEntry { at, reason })
}

fn fields(der: &[u8]) -> Result<CrlRead, Asn1Error> {
    let mut outer = Value::parse(der, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
    let tbs = outer.expect(tag::SEQUENCE)?;
    let algorithm = outer.expect(tag::SEQUENCE)?.raw;
    let signature = outer.any()?.bits()?;
    outer.end()?;
    let mut inner = tbs.children()?;
    inner.optional(tag::INTEGER)?;
    if inner.expect(tag::SEQUENCE)?.raw != algorithm {
        return Err(Asn1Error::Content("signature algorithm: inner and outer differ"));
    }
    let issuer = Name::from_value(inner.expect(tag::SEQUENCE)?)?;
    let this_update = parse_time(inner.any()?)?;
    let next_update = match inner.peek() {
        Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => Some(parse_time(inner.any()?)?),
        _ => None,
    };
    let entries = inner.optional(tag::SEQUENCE)?.map(|v| v.content.to_vec()).unwrap_or_default();
    let list = match inner.optional(tag::context(0))? {
        Some(explicit) => extensions(explicit.only()?)?,
        None => Vec::new(),
    };
    inner.end()?;
    let number = list.iter().find(|e| e.oid == ID_CE_CRL_NUMBER);
    let number = number.and_then(|e| Value::parse(&e.value, Rules::Der).and_then(Value::unsigned).ok());
    Ok(CrlRead {
        tbs: tbs.raw.to_vec(),
        entries,
        algorithm: algorithm.to_vec(),
        signature: signature.to_vec(),
        issuer,
        this_update,
        next_update,
        number,
        is_delta: list.iter().any(|e| e.oid == ID_CE_DELTA_CRL_INDICATOR),
    })
}
