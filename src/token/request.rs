//! CertificationRequest (RFC 2986) of a new key.

use crate::keys::{KeyAlgorithm, KeyError};
use const_oid::ObjectIdentifier;
use const_oid::db::{rfc4519, rfc5912};
use der::asn1::{Any, BitString, Null, PrintableStringRef, SetOfVec, Utf8StringRef};
use der::{Decode, Encode};
use hufu_api::Subject;
use spki::AlgorithmIdentifier;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::request::{CertReq, CertReqInfo, Version};

/// AlgorithmIdentifier of the signatures that keys of this type make (RFC 5758, RFC 4055).
pub(super) fn signature_algorithm(algorithm: KeyAlgorithm) -> (ObjectIdentifier, bool) {
    match algorithm {
        KeyAlgorithm::P256 => (rfc5912::ECDSA_WITH_SHA_256, false),
        KeyAlgorithm::P384 => (rfc5912::ECDSA_WITH_SHA_384, false),
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 => (rfc5912::SHA_256_WITH_RSA_ENCRYPTION, true),
    }
}

/// CertificationRequestInfo without attributes.
pub(super) fn info(subject: &Subject, spki: &[u8]) -> Result<CertReqInfo, KeyError> {
    let bad = |error: der::Error| KeyError::Refused(format!("subject: {error}"));
    Ok(CertReqInfo {
        version: Version::V1,
        subject: name(subject).map_err(bad)?,
        public_key: spki::SubjectPublicKeyInfo::from_der(spki).map_err(bad)?,
        attributes: SetOfVec::new(),
    })
}

/// The whole request.
pub(super) fn assemble(
    info: CertReqInfo,
    algorithm: KeyAlgorithm,
    signature: &[u8],
) -> Result<Vec<u8>, KeyError> {
    let bad = |error: der::Error| KeyError::Failed(format!("certification request: {error}"));
    let (oid, null) = signature_algorithm(algorithm);
    let parameters = if null { Some(Any::encode_from(&Null).map_err(bad)?) } else { None };
    let request = CertReq {
        info,
        algorithm: AlgorithmIdentifier { oid, parameters },
        signature: BitString::from_bytes(signature).map_err(bad)?,
    };
    request.to_der().map_err(bad)
}

fn name(subject: &Subject) -> der::Result<Name> {
    let printable = |text: &str| Any::encode_from(&PrintableStringRef::new(text)?);
    let utf8 = |text: &str| Any::encode_from(&Utf8StringRef::new(text)?);
    let mut parts = vec![(rfc4519::C, printable(&subject.country)?)];
    if let Some(organization) = &subject.organization {
        parts.push((rfc4519::O, utf8(organization)?));
    }
    parts.push((rfc4519::CN, utf8(&subject.common_name)?));
    parts.push((rfc4519::SERIAL_NUMBER, printable(&subject.serial_number)?));
    let mut sequence = Vec::with_capacity(parts.len());
    for (oid, value) in parts {
        let attribute = AttributeTypeAndValue { oid, value };
        sequence.push(RelativeDistinguishedName(SetOfVec::try_from(vec![attribute])?));
    }
    Ok(RdnSequence(sequence))
}
