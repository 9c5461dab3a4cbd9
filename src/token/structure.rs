//! Workers sign structures, not bare digests: each purpose takes its own kinds and looks into them first, so that a
//! compromised caller with a receipt still cannot have a certificate signed by a signer's key or a document by a CA's.

use super::issuance::Issuance;
use crate::keys::{KeyError, Purpose, StoredKey, ToBeSigned};
use crate::x509::frame;
use const_oid::db::rfc5911;
use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Tag, Tagged};

/// id-ct-TSTInfo (RFC 3161 2.4.2).
const ID_CT_TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// The largest structure.
const MAX_STRUCTURE: usize = 3 << 20;
/// Everything but a revocation list is small.
const MAX_SMALL: usize = 64 << 10;

/// Checks that `what` is a structure that a worker of `purpose` may sign with that key.
///
/// # Errors
/// [`KeyError::Refused`] with the reason.
pub fn check(purpose: Purpose, key: &StoredKey, ca: &Issuance, what: &ToBeSigned) -> Result<(), KeyError> {
    let length = what.bytes().len();
    let limit = if matches!(what, ToBeSigned::TbsCertList(_)) { MAX_STRUCTURE } else { MAX_SMALL };
    if length > limit {
        return Err(KeyError::Refused(format!("structure of {length} octets")));
    }
    let good = match (purpose, what) {
        (Purpose::Signer, ToBeSigned::SignedAttributes(der)) => signed_attributes(der, false),
        (Purpose::Tsa, ToBeSigned::SignedAttributes(der)) => signed_attributes(der, true),
        (Purpose::Tsa, ToBeSigned::OcspResponseData(der)) => {
            frame::decode::<x509_ocsp::ResponseData>(der).map(|_| ()).map_err(|e| e.to_string())
        }
        (Purpose::Ca, ToBeSigned::TbsCertificate(der)) => ca.certificate(der, key),
        (Purpose::Ca, ToBeSigned::TbsCertList(der)) => ca.revocation_list(der, key),
        (Purpose::Audit, ToBeSigned::Checkpoint(text)) => checkpoint(text),
        _ => Err("not a structure for this purpose".into()),
    };
    good.map_err(KeyError::Refused)
}

/// SignedAttributes (RFC 5652 5.3, 11): exactly one content-type and one message-digest; the content type is TSTInfo for
/// a time-stamping key and for no other.
fn signed_attributes(der: &[u8], for_time_stamp: bool) -> Result<(), String> {
    let attributes = frame::decode::<cms::signed_data::SignedAttributes>(der)
        .map_err(|e| format!("signed attributes: {e}"))?;
    let (mut content_type, mut digest) = (None, None);
    for attribute in attributes.iter() {
        let slot = match attribute.oid {
            rfc5911::ID_CONTENT_TYPE => &mut content_type,
            rfc5911::ID_MESSAGE_DIGEST => &mut digest,
            _ => continue,
        };
        let [value] = attribute.values.as_slice() else { return Err("attribute without one value".into()) };
        if slot.replace(value).is_some() {
            return Err("attribute given twice".into());
        }
    }
    let content_type: ObjectIdentifier = content_type
        .ok_or("no content-type")?
        .decode_as()
        .map_err(|e: der::Error| format!("content-type: {e}"))?;
    let digest = digest.ok_or("no message-digest")?;
    if digest.tag() != Tag::OctetString {
        return Err("message-digest is no octet string".into());
    }
    let digest = digest.decode_as::<OctetStringRef<'_>>().map_err(|e| format!("message-digest: {e}"))?;
    if !(32..=64).contains(&digest.as_bytes().len()) {
        return Err("message-digest of an unknown length".into());
    }
    if (content_type == ID_CT_TST_INFO) != for_time_stamp {
        return Err(format!("content type {content_type} is not for this key"));
    }
    Ok(())
}

/// The text of a C2SP tlog-checkpoint: origin, size, root hash, then extension lines; each ends with a line feed.
fn checkpoint(text: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(text).map_err(|_| "checkpoint is not UTF-8")?;
    let body = text.strip_suffix('\n').ok_or("checkpoint does not end with a line feed")?;
    let mut lines = body.split('\n');
    let origin = lines.next().unwrap_or_default();
    let size = lines.next().ok_or("checkpoint without a size")?;
    let root = lines.next().ok_or("checkpoint without a root hash")?;
    let decimal = size.parse::<u64>().is_ok_and(|n| n.to_string() == size);
    let hash = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, root);
    if origin.is_empty() || !decimal || !hash.is_ok_and(|h| h.len() == 32) || lines.any(str::is_empty) {
        return Err("not a checkpoint".into());
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::keys::{KeyAlgorithm, KeyId, KeyLocation};
    use crate::token::CaRules;
    use cms::cert::x509::attr::Attribute;
    use der::Encode;
    use der::asn1::{Any, OctetString, SetOfVec};

    fn attributes(content_type: ObjectIdentifier, digest_length: usize) -> Vec<u8> {
        let attribute = |oid, value: Any| Attribute { oid, values: SetOfVec::try_from(vec![value]).unwrap() };
        let digest = OctetString::new(vec![7; digest_length]).unwrap();
        let list = vec![
            attribute(rfc5911::ID_CONTENT_TYPE, Any::encode_from(&content_type).unwrap()),
            attribute(rfc5911::ID_MESSAGE_DIGEST, Any::encode_from(&digest).unwrap()),
        ];
        SetOfVec::try_from(list).unwrap().to_der().unwrap()
    }

    fn check(purpose: Purpose, what: &ToBeSigned) -> Result<(), KeyError> {
        let key = StoredKey {
            id: KeyId([1; 16]),
            purpose,
            algorithm: KeyAlgorithm::P256,
            owner: String::new(),
            spki: hufu_api::Der(Vec::new()),
            location: KeyLocation::Token,
        };
        super::check(purpose, &key, &Issuance::new(CaRules::default()), what)
    }

    #[test]
    fn signers_sign_documents_and_time_stampers_time_stamps() {
        let document = ToBeSigned::SignedAttributes(attributes(rfc5911::ID_DATA, 32));
        let stamp = ToBeSigned::SignedAttributes(attributes(ID_CT_TST_INFO, 32));
        assert_eq!(check(Purpose::Signer, &document), Ok(()));
        assert_eq!(check(Purpose::Tsa, &stamp), Ok(()));
        assert!(check(Purpose::Signer, &stamp).is_err());
        assert!(check(Purpose::Tsa, &document).is_err());
        for purpose in [Purpose::Ca, Purpose::Audit] {
            assert!(check(purpose, &document).is_err());
        }
    }

    #[test]
    fn what_is_no_structure_is_not_signed() {
        let too_long = b"\x31\x08\x30\x06\x06\x84\x0c\xc0\x00\x00".to_vec();
        for bytes in [vec![], vec![0; 32], b"any text".to_vec(), too_long, attributes(rfc5911::ID_DATA, 20)] {
            for purpose in [Purpose::Signer, Purpose::Ca, Purpose::Tsa, Purpose::Audit] {
                assert!(check(purpose, &ToBeSigned::SignedAttributes(bytes.clone())).is_err());
                assert!(check(purpose, &ToBeSigned::TbsCertificate(bytes.clone())).is_err());
                assert!(check(purpose, &ToBeSigned::TbsCertList(bytes.clone())).is_err());
                assert!(check(purpose, &ToBeSigned::OcspResponseData(bytes.clone())).is_err());
                assert!(check(purpose, &ToBeSigned::Checkpoint(bytes.clone())).is_err());
            }
        }
        assert!(check(Purpose::Signer, &ToBeSigned::SignedAttributes(vec![0x31; MAX_SMALL + 1])).is_err());
    }

    #[test]
    fn checkpoints_have_origin_size_and_root() {
        let root = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [9; 32]);
        let good = |text: String| check(Purpose::Audit, &ToBeSigned::Checkpoint(text.into_bytes())).is_ok();
        assert!(good(format!("log.example/hufu\n17\n{root}\n")));
        assert!(good(format!("log.example/hufu\n17\n{root}\nextension\n")));
        assert!(!good(format!("log.example/hufu\n17\n{root}")));
        assert!(!good(format!("log.example/hufu\n017\n{root}\n")));
        assert!(!good(format!("\n17\n{root}\n")));
        assert!(!good("log.example/hufu\n17\nshort\n".into()));
        assert!(!good(format!("log.example/hufu\n17\n{root}\n\n")));
    }
}
