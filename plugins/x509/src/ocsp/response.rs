//! Making OCSPResponses (RFC 6960 4.2).

use super::request::{CertId, nonce_extension};
use super::{BASIC, read::OcspStatus};
use crate::X509Error;
use crate::asn1::{self, tag};
use crate::certificate::Certificate;
use crate::crl::reason_code;
use crate::time::generalized_time;
use hufu_api::UnixTime;

/// What is said about one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspStatement {
    /// Which.
    pub certificate: CertId,
    /// Its status.
    pub status: OcspStatus,
    /// Since when this is known to be so.
    pub this_update: UnixTime,
    /// When there will be newer information.
    pub next_update: Option<UnixTime>,
}

/// All that goes into a ResponseData.
#[derive(Clone, Copy, Debug)]
pub struct OcspSpec<'a> {
    /// The responder's certificate: the CA's own or one with OCSPSigning from that CA.
    pub responder: &'a Certificate,
    /// The time now.
    pub produced_at: UnixTime,
    /// About each certificate asked for.
    pub statements: &'a [OcspStatement],
    /// The request's nonce.
    pub nonce: Option<&'a [u8]>,
}

/// ResponseData, DER: the bytes that the responder's key signs. The responder is named by its subject.
///
/// # Errors
/// When a time cannot be encoded.
pub fn ocsp_response_data(spec: &OcspSpec<'_>) -> Result<Vec<u8>, X509Error> {
    let each = spec.statements.iter().map(single).collect::<Result<Vec<_>, _>>()?;
    let each: Vec<&[u8]> = each.iter().map(Vec::as_slice).collect();
    let extensions = match spec.nonce {
        Some(nonce) => asn1::context(1, &[&asn1::sequence(&[&nonce_extension(nonce)])]),
        None => Vec::new(),
    };
    Ok(asn1::sequence(&[
        &asn1::context(1, &[spec.responder.subject.der()]),
        &generalized_time(spec.produced_at, false)?,
        &asn1::sequence(&each),
        &extensions,
    ]))
}

fn single(statement: &OcspStatement) -> Result<Vec<u8>, X509Error> {
    let status = match statement.status {
        OcspStatus::Good => asn1::context_primitive(0, &[]),
        OcspStatus::Revoked { at, reason } => {
            let reason =
                reason.map(|r| asn1::context(0, &[&asn1::tlv(tag::ENUMERATED, &[&[reason_code(r)]])]));
            asn1::context(1, &[&generalized_time(at, false)?, &reason.unwrap_or_default()])
        }
        OcspStatus::Unknown => asn1::context_primitive(2, &[]),
    };
    let next = match statement.next_update {
        Some(next) => asn1::context(0, &[&generalized_time(next, false)?]),
        None => Vec::new(),
    };
    Ok(asn1::sequence(&[
        statement.certificate.der(),
        &status,
        &generalized_time(statement.this_update, false)?,
        &next,
    ]))
}

/// A successful OCSPResponse, DER, out of ResponseData, AlgorithmIdentifier (DER) and signature; `certificates` (DER) let the client
/// find a delegated responder's certificate.
pub fn ocsp_response(data: &[u8], algorithm: &[u8], signature: &[u8], certificates: &[&[u8]]) -> Vec<u8> {
    let certificates = match certificates {
        [] => Vec::new(),
        some => asn1::context(0, &[&asn1::sequence(some)]),
    };
    let basic = asn1::sequence(&[data, algorithm, &asn1::bit_string(signature), &certificates]);
    let bytes = asn1::sequence(&[&asn1::oid(&BASIC), &asn1::octet_string(&basic)]);
    asn1::sequence(&[&asn1::tlv(tag::ENUMERATED, &[&[0]]), &asn1::context(0, &[&bytes])])
}

/// OCSPResponseStatus other than successful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OcspFailure {
    /// malformedRequest (1)
    MalformedRequest,
    /// internalError (2)
    InternalError,
    /// tryLater (3)
    TryLater,
    /// unauthorized (6): this responder does not speak for the issuer
    Unauthorized,
}

/// An OCSPResponse without an answer, DER; such are not signed.
pub fn ocsp_failure(failure: OcspFailure) -> Vec<u8> {
    let code = match failure {
        OcspFailure::MalformedRequest => 1,
        OcspFailure::InternalError => 2,
        OcspFailure::TryLater => 3,
        OcspFailure::Unauthorized => 6,
    };
    asn1::sequence(&[&asn1::tlv(tag::ENUMERATED, &[&[code]])])
}
