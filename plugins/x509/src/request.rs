//! Certification requests (PKCS#10, RFC 2986).

use crate::X509Error;
use crate::asn1::{self, Rules, Value, tag};
use crate::name::{Name, subject_name};
use crate::signature;
use hufu_api::Subject;

const MAX_SIZE: usize = 64 * 1024;

/// CertificationRequestInfo, DER, for `subject` and a new key; without attributes.
///
/// # Errors
/// When the subject cannot be encoded.
pub fn request_info(subject: &Subject, spki: &[u8]) -> Result<Vec<u8>, X509Error> {
    let name = subject_name(subject)?;
    Ok(asn1::sequence(&[&asn1::integer_u64(0), &name, spki, &asn1::context(0, &[])]))
}

/// A certification request whose signature has been verified: who sent it has the private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The name asked for.
    pub subject: Name,
    /// SubjectPublicKeyInfo, DER.
    pub spki: Vec<u8>,
}

impl Request {
    /// Reads a DER CertificationRequest and verifies its proof of possession.
    ///
    /// # Errors
    /// When it is none, its signature does not verify with its own key, or key or digest are weak.
    pub fn verified(der: &[u8]) -> Result<Self, X509Error> {
        if der.len() > MAX_SIZE {
            return Err(X509Error::NotAllowed {
                what: "certification request",
                reason: "larger than 64 KiB".into(),
            });
        }
        let read = || {
            let mut outer = Value::parse(der, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
            let info = outer.expect(tag::SEQUENCE)?;
            let algorithm = outer.expect(tag::SEQUENCE)?.raw;
            let signature = outer.any()?.bits()?;
            outer.end()?;
            let mut fields = info.children()?;
            fields.expect(tag::INTEGER)?.unsigned()?;
            let subject = Name::from_value(fields.expect(tag::SEQUENCE)?)?;
            let spki = fields.expect(tag::SEQUENCE)?.raw.to_vec();
            Ok((info.raw, algorithm, signature, Self { subject, spki }))
        };
        let (info, algorithm, signature, request) =
            read().map_err(X509Error::within("certification request"))?;
        let verified = signature::verify_signed(&request.spki, algorithm, info, signature)
            .map_err(|_| X509Error::BadSignature("certification request"))?;
        match verified.weaknesses.first() {
            None => Ok(request),
            Some(weakness) => {
                Err(X509Error::NotAllowed { what: "certification request", reason: weakness.to_string() })
            }
        }
    }
}
