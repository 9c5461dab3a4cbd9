//! TimeStampResp (RFC 3161 2.4.2).

use super::token::{Token, TokenError, VerifiedToken};
use super::{Request, hash_oid};
use crate::x509::asn1::{self, Rules, Value, tag};

/// PKIFailureInfo, the bits that RFC 3161 names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// badAlg (0): unrecognised or unsupported algorithm
    BadAlgorithm,
    /// badRequest (2): transaction not permitted or supported
    BadRequest,
    /// badDataFormat (5): the data submitted has the wrong format
    BadDataFormat,
    /// timeNotAvailable (14): the TSA's time source is not available
    TimeNotAvailable,
    /// unacceptedPolicy (15): the requested policy is not supported
    UnacceptedPolicy,
    /// unacceptedExtension (16): the requested extension is not supported
    UnacceptedExtension,
    /// systemFailure (25): the request cannot be handled due to system failure
    SystemFailure,
}

impl Failure {
    /// Bit number in PKIFailureInfo.
    pub fn bit(self) -> u8 {
        match self {
            Self::BadAlgorithm => 0,
            Self::BadRequest => 2,
            Self::BadDataFormat => 5,
            Self::TimeNotAvailable => 14,
            Self::UnacceptedPolicy => 15,
            Self::UnacceptedExtension => 16,
            Self::SystemFailure => 25,
        }
    }
}

/// TimeStampResp, DER, status granted, with a token.
pub fn granted(token: &[u8]) -> Vec<u8> {
    asn1::sequence(&[&asn1::sequence(&[&asn1::integer_u64(0)]), token])
}

/// TimeStampResp, DER, status rejection, with a reason for machines and one for people.
pub fn rejected(failure: Failure, text: &str) -> Vec<u8> {
    let text = asn1::sequence(&[&asn1::tlv(tag::UTF8_STRING, &[text.as_bytes()])]);
    asn1::sequence(&[&asn1::sequence(&[&asn1::integer_u64(2), &text, &failure_info(failure)])])
}

/// BIT STRING with one named bit, trailing zeros cut off (X.690 11.2.2).
fn failure_info(failure: Failure) -> Vec<u8> {
    let (octets, bit) = (failure.bit() / 8, failure.bit() % 8);
    let mut content = vec![7 - bit];
    content.extend(std::iter::repeat_n(0, usize::from(octets)));
    content.push(0x80 >> bit);
    asn1::tlv(tag::BIT_STRING, &[&content])
}

/// Reads a TimeStampResp and verifies that its token answers `request`: status granted, imprint, nonce, policy, certificates as asked
/// for, signature by a certificate for time-stamping. Returns the token's bytes beside what it says.
///
/// # Errors
/// See [`TokenError`].
pub fn check_response(
    response: &[u8],
    request: &Request,
    more: &[Vec<u8>],
) -> Result<(Vec<u8>, VerifiedToken), TokenError> {
    let mut fields = Value::parse(response, Rules::Ber)?.typed(tag::SEQUENCE)?.children()?;
    let mut status_info = fields.expect(tag::SEQUENCE)?.children()?;
    let status = status_info.expect(tag::INTEGER)?.unsigned()?;
    if status > 1 {
        let text = status_info.optional(tag::SEQUENCE)?.map(free_text).transpose()?.unwrap_or_default();
        let failure = status_info.optional(tag::BIT_STRING)?.map(|v| v.flags(tag::BIT_STRING)).transpose()?;
        let failure = failure.map(|flags| format!(", failure bits {flags:#x}")).unwrap_or_default();
        return Err(TokenError::Refused(format!("status {status}{failure} {text}").trim_end().to_owned()));
    }
    let token = fields.expect(tag::SEQUENCE)?.raw.to_vec();
    fields.end()?;
    let verified = check_token(&token, request, more)?;
    Ok((token, verified))
}

/// The same for a token that came without TimeStampResp around it.
///
/// # Errors
/// See [`TokenError`].
pub fn check_token(token: &[u8], request: &Request, more: &[Vec<u8>]) -> Result<VerifiedToken, TokenError> {
    let token = Token::from_bytes(token)?;
    let info = &token.info;
    let not = |what: &str| Err(TokenError::OtherRequest(what.into()));
    if info.digest.oid() != hash_oid(request.algorithm) || info.imprint != request.digest {
        return not("another imprint");
    }
    if info.nonce != request.nonce {
        return not("another nonce");
    }
    if request.policy.is_some_and(|policy| info.policy != policy) {
        return not("another policy");
    }
    if request.cert_req && token.signed_data.certificates.is_empty() {
        return not("no certificate, although asked for");
    }
    token.verify_signature(more)
}

/// PKIFreeText, at most 500 characters of it, without control characters.
fn free_text(value: Value<'_>) -> Result<String, TokenError> {
    let parts = value.children()?.all(16, "texts")?;
    let text = parts.iter().map(|p| String::from_utf8_lossy(p.content)).collect::<Vec<_>>().join(" ");
    Ok(text.chars().filter(|c| !c.is_control()).take(500).collect())
}
