//! OCSP messages (RFC 6960, RFC 5019): reading requests, building answers around a token's signature.

use crate::x509::asn1::{self, Asn1Error, Rules, Value, tag};
use crate::x509::{X509Error, generalized_time, reason_code};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::ID_SHA_256;
use const_oid::db::rfc6960::ID_PKIX_OCSP_BASIC;
use hufu_api::{Status, UnixTime};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A request larger than this is none.
pub(super) const MAX_REQUEST: usize = 8 * 1024;

/// Certificates asked about in one request.
const MAX_QUESTIONS: usize = 8;

/// id-sha1, which RFC 5019 has clients use; it names a CA here and protects nothing.
const ID_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");

/// OCSPResponseStatus without a signed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsigned {
    /// malformedRequest (1)
    Malformed,
    /// internalError (2)
    Internal,
    /// tryLater (3)
    TryLater,
    /// unauthorized (6): nothing can be said of that certificate
    Unauthorized,
}

impl Unsigned {
    /// OCSPResponse, DER.
    pub(super) fn to_der(self) -> Vec<u8> {
        let code = match self {
            Self::Malformed => 1,
            Self::Internal => 2,
            Self::TryLater => 3,
            Self::Unauthorized => 6,
        };
        asn1::sequence(&[&asn1::tlv(tag::ENUMERATED, &[&[code]])])
    }
}

/// Hash of a CertID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdHash {
    Sha1,
    Sha256,
}

impl IdHash {
    /// The hash of `bytes`.
    pub(super) fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
        }
    }
}

/// CertID: which certificate is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) hash: IdHash,
    pub(super) issuer_name: Vec<u8>,
    pub(super) issuer_key: Vec<u8>,
    /// INTEGER content octets.
    pub(super) serial: Vec<u8>,
    /// The CertID as it came; it goes back in the answer.
    pub(super) raw: Vec<u8>,
}

impl Question {
    /// The CertID with SHA-1 of a certificate's serial number below an issuer.
    pub(super) fn about(issuer_name: &[u8], issuer_key_bits: &[u8], serial: &[u8]) -> Self {
        let (issuer_name, issuer_key) = (IdHash::Sha1.of(issuer_name), IdHash::Sha1.of(issuer_key_bits));
        let algorithm = asn1::sequence(&[&asn1::oid(&ID_SHA_1), &asn1::null()]);
        let number = asn1::tlv(tag::INTEGER, &[serial]);
        let raw = asn1::sequence(&[
            &algorithm,
            &asn1::octet_string(&issuer_name),
            &asn1::octet_string(&issuer_key),
            &number,
        ]);
        Self { hash: IdHash::Sha1, issuer_name, issuer_key, serial: serial.to_vec(), raw }
    }
}

/// The questions of an OCSPRequest, DER. A signature, the requestor's name and extensions (a nonce too) are passed over: answers are
/// made before they are asked for (RFC 5019 4).
pub(super) fn questions(request: &[u8]) -> Result<Vec<Question>, Asn1Error> {
    if request.len() > MAX_REQUEST {
        return Err(Asn1Error::TooMany("octets"));
    }
    let mut outer = Value::parse(request, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
    let mut tbs = outer.expect(tag::SEQUENCE)?.children()?;
    outer.optional(tag::context(0))?;
    outer.end()?;
    tbs.optional(tag::context(0))?;
    tbs.optional(tag::context(1))?;
    let list = tbs.expect(tag::SEQUENCE)?.children()?.all(MAX_QUESTIONS, "questions")?;
    tbs.optional(tag::context(2))?;
    tbs.end()?;
    if list.is_empty() {
        return Err(Asn1Error::Content("no certificate is asked about"));
    }
    list.into_iter().map(question).collect()
}

fn question(request: Value<'_>) -> Result<Question, Asn1Error> {
    let mut fields = request.typed(tag::SEQUENCE)?.children()?;
    let id = fields.expect(tag::SEQUENCE)?;
    fields.optional(tag::context(0))?;
    fields.end()?;
    let mut parts = id.children()?;
    let hash = match parts.expect(tag::SEQUENCE)?.children()?.any()?.oid()? {
        ID_SHA_1 => IdHash::Sha1,
        ID_SHA_256 => IdHash::Sha256,
        _ => return Err(Asn1Error::Content("CertID: the hash must be SHA-1 or SHA-256")),
    };
    let issuer_name = parts.any()?.octets()?.into_owned();
    let issuer_key = parts.any()?.octets()?.into_owned();
    let serial = parts.expect(tag::INTEGER)?.integer(21)?.to_vec();
    parts.end()?;
    Ok(Question { hash, issuer_name, issuer_key, serial, raw: id.raw.to_vec() })
}

/// Times of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// When the status was looked up, and the answer produced.
    pub(super) this_update: UnixTime,
    /// Until when it may be used.
    pub(super) next_update: UnixTime,
}

/// ResponseData (RFC 6960 4.2.1), DER; the responder is named by SHA-1 of its key (RFC 5019 2.2.1).
pub(super) fn response_data(
    responder_key_bits: &[u8],
    answers: &[(&Question, Status)],
    times: Times,
) -> Result<Vec<u8>, X509Error> {
    let this_update = generalized_time(times.this_update, false)?;
    let next_update = asn1::context(0, &[&generalized_time(times.next_update, false)?]);
    let mut singles = Vec::new();
    for (question, status) in answers {
        let status = match status {
            Status::Good => asn1::context_primitive(0, &[]),
            Status::Unknown => asn1::context_primitive(2, &[]),
            Status::Revoked { at, reason } => {
                // unspecified is said by saying nothing (RFC 5280 5.3.1).
                let reason = match reason_code(*reason) {
                    0 => Vec::new(),
                    code => asn1::context(0, &[&asn1::tlv(tag::ENUMERATED, &[&[code]])]),
                };
                asn1::context(1, &[&generalized_time(*at, false)?, &reason])
            }
        };
        singles.push(asn1::sequence(&[&question.raw, &status, &this_update, &next_update]));
    }
    let singles: Vec<&[u8]> = singles.iter().map(Vec::as_slice).collect();
    let responder = asn1::context(2, &[&asn1::octet_string(&IdHash::Sha1.of(responder_key_bits))]);
    Ok(asn1::sequence(&[&responder, &this_update, &asn1::sequence(&singles)]))
}

/// OCSPResponse, DER, status successful, around a signed ResponseData.
pub(super) fn successful(data: &[u8], algorithm: &[u8], signature: &[u8], responder: &[u8]) -> Vec<u8> {
    let certificates = asn1::context(0, &[&asn1::sequence(&[responder])]);
    let basic = asn1::sequence(&[data, algorithm, &asn1::bit_string(signature), &certificates]);
    let bytes = asn1::sequence(&[&asn1::oid(&ID_PKIX_OCSP_BASIC), &asn1::octet_string(&basic)]);
    asn1::sequence(&[&asn1::tlv(tag::ENUMERATED, &[&[0]]), &asn1::context(0, &[&bytes])])
}

/// The octets of `subjectPublicKey`.
pub(super) fn key_bits(spki: &[u8]) -> Result<Vec<u8>, Asn1Error> {
    let mut fields = Value::parse(spki, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
    fields.expect(tag::SEQUENCE)?;
    Ok(fields.any()?.bits()?.to_vec())
}
