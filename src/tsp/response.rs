//! TimeStampResp (RFC 3161 2.4.2).

use crate::x509::asn1::{self, tag};

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
