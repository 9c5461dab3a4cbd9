//! PKIBody (RFC 4210 5.1.2), the kinds that this client sends and understands.

use crate::message::raw_all;
use const_oid::ObjectIdentifier;
use hufu_api::RevocationReason;
use hufu_x509::asn1::{self, Asn1Error, Value, tag};
use hufu_x509::reason_code;

/// id-ce-cRLReasons
const CRL_REASON: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");

/// PKIFailureInfo bits (RFC 4210 5.2.3).
const SYSTEM_UNAVAILABLE: u32 = 1 << 24;
const SYSTEM_FAILURE: u32 = 1 << 25;
const CERTIFICATE_REVOKED: u32 = 1 << 10;

/// PKIStatusInfo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PkiStatus {
    /// 0 accepted, 1 granted with modifications, 2 rejection, 3 waiting, 4 and 5 revocation warning and notification.
    pub(crate) code: u64,
    text: String,
    failure: u32,
    /// The failure says that it may pass.
    pub(crate) may_pass: bool,
    /// The certificate was revoked before.
    pub(crate) already_revoked: bool,
}

impl PkiStatus {
    /// The CA's words and failure bits, to follow the number.
    pub(crate) fn words(&self) -> String {
        let mut words = String::new();
        if self.failure != 0 {
            words.push_str(&format!(", failure {:#x}", self.failure));
        }
        if !self.text.is_empty() {
            words.push_str(": ");
            words.push_str(&self.text);
        }
        words
    }
}

/// An answer's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// ip, cp or kup
    Issued {
        /// How it went.
        status: PkiStatus,
        /// The certificate, DER.
        certificate: Option<Vec<u8>>,
        /// caPubs.
        extra: Vec<Vec<u8>>,
    },
    /// pollRep: ask again after so many seconds.
    Waiting {
        /// checkAfter
        seconds: i64,
    },
    /// rp
    Revoked(PkiStatus),
    /// pkiconf
    Confirmed,
    /// error
    Error(PkiStatus),
}

/// p10cr: the PKCS#10 as it is.
pub(crate) fn p10(request: &[u8]) -> Vec<u8> {
    asn1::context(4, &[request])
}

/// pollReq for one request.
pub(crate) fn poll(id: i64) -> Vec<u8> {
    asn1::context(25, &[&asn1::sequence(&[&asn1::sequence(&[&signed(id)])])])
}

/// certConf for one certificate.
pub(crate) fn confirm(hash: &[u8], id: i64) -> Vec<u8> {
    let status = asn1::sequence(&[&asn1::octet_string(hash), &signed(id)]);
    asn1::context(24, &[&asn1::sequence(&[&status])])
}

/// rr for one certificate.
pub(crate) fn revoke(issuer: &[u8], serial: &[u8], reason: RevocationReason) -> Vec<u8> {
    // CertTemplate has implicit tags (RFC 4211), but a Name, being a CHOICE, keeps its own.
    let template = asn1::sequence(&[&asn1::context_primitive(1, serial), &asn1::context(3, &[issuer])]);
    let code = asn1::tlv(tag::ENUMERATED, &[&[reason_code(reason)]]);
    let extension = asn1::sequence(&[&asn1::oid(&CRL_REASON), &asn1::octet_string(&code)]);
    let details = asn1::sequence(&[&template, &asn1::sequence(&[&extension])]);
    asn1::context(11, &[&asn1::sequence(&[&details])])
}

/// INTEGER of a small number that may be negative.
fn signed(n: i64) -> Vec<u8> {
    match u64::try_from(n) {
        Ok(n) => asn1::integer_u64(n),
        Err(_) => asn1::tlv(tag::INTEGER, &[&n.to_be_bytes()[7..]]),
    }
}

/// Reads a body.
pub(crate) fn read(body: Value<'_>) -> Result<Body, Asn1Error> {
    const IP: u8 = tag::context(1);
    const CP: u8 = tag::context(3);
    const KUP: u8 = tag::context(8);
    const RP: u8 = tag::context(12);
    const CONFIRMED: u8 = tag::context(19);
    const ERROR: u8 = tag::context(23);
    const POLL: u8 = tag::context(26);
    match body.raw.first().copied() {
        Some(IP | CP | KUP) => issued(body.only()?),
        Some(RP) => {
            let mut fields = body.only()?.typed(tag::SEQUENCE)?.children()?;
            let first = fields.expect(tag::SEQUENCE)?.children()?.expect(tag::SEQUENCE)?;
            Ok(Body::Revoked(status(first)?))
        }
        Some(CONFIRMED) => Ok(Body::Confirmed),
        Some(ERROR) => {
            let first = body.only()?.typed(tag::SEQUENCE)?.children()?.expect(tag::SEQUENCE)?;
            Ok(Body::Error(status(first)?))
        }
        Some(POLL) => {
            let mut fields =
                body.only()?.typed(tag::SEQUENCE)?.children()?.expect(tag::SEQUENCE)?.children()?;
            fields.expect(tag::INTEGER)?;
            let seconds = fields.expect(tag::INTEGER)?.unsigned()?;
            Ok(Body::Waiting { seconds: i64::try_from(seconds).unwrap_or(i64::MAX) })
        }
        _ => Err(Asn1Error::Content("PKIBody: a kind that does not answer any request of ours")),
    }
}

/// CertRepMessage with one response.
fn issued(message: Value<'_>) -> Result<Body, Asn1Error> {
    let mut fields = message.typed(tag::SEQUENCE)?.children()?;
    let extra = match fields.optional(tag::context(1))? {
        Some(list) => raw_all(list.only()?)?,
        None => Vec::new(),
    };
    let mut response = fields.expect(tag::SEQUENCE)?.only()?.typed(tag::SEQUENCE)?.children()?;
    fields.end()?;
    response.expect(tag::INTEGER)?;
    let status = status(response.expect(tag::SEQUENCE)?)?;
    let certificate = match response.optional(tag::SEQUENCE)? {
        Some(pair) => {
            let mut pair = pair.children()?;
            let certificate = pair.expect(tag::context(0))?.only()?;
            Some(certificate.raw.to_vec())
        }
        None => None,
    };
    Ok(Body::Issued { status, certificate, extra })
}

fn status(info: Value<'_>) -> Result<PkiStatus, Asn1Error> {
    let mut fields = info.children()?;
    let code = fields.expect(tag::INTEGER)?.unsigned()?;
    let text = match fields.optional(tag::SEQUENCE)? {
        Some(texts) => {
            let all = texts.children()?.all(16, "texts")?;
            let text = all.iter().map(|t| String::from_utf8_lossy(t.content)).collect::<Vec<_>>().join(" ");
            text.chars().filter(|c| !c.is_control()).take(200).collect()
        }
        None => String::new(),
    };
    let failure =
        fields.optional(tag::BIT_STRING)?.map(|v| v.flags(tag::BIT_STRING)).transpose()?.unwrap_or(0);
    let may_pass = failure & (SYSTEM_UNAVAILABLE | SYSTEM_FAILURE) != 0;
    Ok(PkiStatus { code, text, failure, may_pass, already_revoked: failure & CERTIFICATE_REVOKED != 0 })
}
