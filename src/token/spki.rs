//! SubjectPublicKeyInfo (RFC 5280 4.1.2.7, RFC 5480, RFC 3279) from a token's public key object.

use super::fault::Trouble;
use crate::keys::{KeyAlgorithm, KeyError};
use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5912, rfc5912::ID_EC_PUBLIC_KEY};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectHandle};
use cryptoki::session::Session;
use der::asn1::{Any, BitString, Null, OctetStringRef, UintRef};
use der::{Decode, Encode, Sequence};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

/// The named curve's OID, DER: also CKA_EC_PARAMS. `None` for RSA.
pub(super) fn curve(algorithm: KeyAlgorithm) -> Option<ObjectIdentifier> {
    match algorithm {
        KeyAlgorithm::P256 => Some(rfc5912::SECP_256_R_1),
        KeyAlgorithm::P384 => Some(rfc5912::SECP_384_R_1),
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 => None,
    }
}

/// RSA modulus length in bits; `None` for EC.
pub(super) fn modulus_bits(algorithm: KeyAlgorithm) -> Option<u16> {
    match algorithm {
        KeyAlgorithm::P256 | KeyAlgorithm::P384 => None,
        KeyAlgorithm::Rsa2048 => Some(2048),
        KeyAlgorithm::Rsa3072 => Some(3072),
    }
}

/// Reads the public key object and encodes it.
pub(super) fn of(
    session: &Session,
    public: ObjectHandle,
    algorithm: KeyAlgorithm,
) -> Result<Vec<u8>, Trouble> {
    let wanted: &[AttributeType] = match curve(algorithm) {
        Some(_) => &[AttributeType::EcPoint],
        None => &[AttributeType::Modulus, AttributeType::PublicExponent],
    };
    let (mut point, mut modulus, mut exponent) = (Vec::new(), Vec::new(), Vec::new());
    for attribute in session.get_attributes(public, wanted)? {
        match attribute {
            Attribute::EcPoint(octets) => point = octets,
            Attribute::Modulus(octets) => modulus = octets,
            Attribute::PublicExponent(octets) => exponent = octets,
            _ => {}
        }
    }
    let encoded = match curve(algorithm) {
        Some(curve) => ec(curve, &point, algorithm),
        None => rsa(&modulus, &exponent, algorithm),
    };
    encoded.ok_or_else(|| KeyError::Failed("the token's public key is malformed".into()).into())
}

/// The attributes of a public key object, the other way round.
pub(super) fn attributes(spki: &[u8], algorithm: KeyAlgorithm) -> Result<Vec<Attribute>, Trouble> {
    let malformed = || Trouble::from(KeyError::Refused("malformed public key".into()));
    let spki = SubjectPublicKeyInfo::<Any, BitString>::from_der(spki).map_err(|_| malformed())?;
    let bits = spki.subject_public_key.as_bytes().ok_or_else(malformed)?;
    match curve(algorithm) {
        Some(curve) => {
            let point = OctetStringRef::new(bits).and_then(|p| p.to_der()).map_err(|_| malformed())?;
            let curve = curve.to_der().map_err(|_| malformed())?;
            Ok(vec![Attribute::KeyType(KeyType::EC), Attribute::EcParams(curve), Attribute::EcPoint(point)])
        }
        None => {
            let key = RsaPublicKey::from_der(bits).map_err(|_| malformed())?;
            Ok(vec![
                Attribute::KeyType(KeyType::RSA),
                Attribute::Modulus(key.modulus.as_bytes().to_vec()),
                Attribute::PublicExponent(key.public_exponent.as_bytes().to_vec()),
            ])
        }
    }
}

fn ec(curve: ObjectIdentifier, ec_point: &[u8], algorithm: KeyAlgorithm) -> Option<Vec<u8>> {
    let length = if algorithm == KeyAlgorithm::P384 { 97 } else { 65 };
    // A DER OCTET STRING by the standard; some tokens give the bare point.
    let point = match OctetStringRef::from_der(ec_point) {
        Ok(wrapped) => wrapped.as_bytes(),
        Err(_) => ec_point,
    };
    if point.len() != length || point.first() != Some(&4) {
        return None;
    }
    let algorithm =
        AlgorithmIdentifier { oid: ID_EC_PUBLIC_KEY, parameters: Some(Any::encode_from(&curve).ok()?) };
    let subject_public_key = BitString::from_bytes(point).ok()?;
    SubjectPublicKeyInfo { algorithm, subject_public_key }.to_der().ok()
}

fn rsa(modulus: &[u8], exponent: &[u8], algorithm: KeyAlgorithm) -> Option<Vec<u8>> {
    let modulus = UintRef::new(modulus).ok()?;
    let bytes = usize::from(modulus_bits(algorithm)?) / 8;
    if modulus.as_bytes().len() != bytes || modulus.as_bytes().first()? & 0x80 == 0 {
        return None;
    }
    let key = RsaPublicKey { modulus, public_exponent: UintRef::new(exponent).ok()? };
    let algorithm =
        AlgorithmIdentifier { oid: rfc5912::RSA_ENCRYPTION, parameters: Some(Any::encode_from(&Null).ok()?) };
    let subject_public_key = BitString::from_bytes(&key.to_der().ok()?).ok()?;
    SubjectPublicKeyInfo { algorithm, subject_public_key }.to_der().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use p256::elliptic_curve::sec1::ToEncodedPoint;
    use p256::pkcs8::DecodePublicKey;

    #[test]
    fn an_ec_point_is_read_wrapped_or_bare() {
        let point = p256::SecretKey::from_slice(&[1; 32]).unwrap().public_key().to_encoded_point(false);
        let wrapped = OctetStringRef::new(point.as_bytes()).unwrap().to_der().unwrap();
        let curve = curve(KeyAlgorithm::P256).unwrap();
        for form in [point.as_bytes(), &wrapped] {
            let spki = ec(curve, form, KeyAlgorithm::P256).unwrap();
            assert!(p256::PublicKey::from_public_key_der(&spki).is_ok());
        }
        assert!(ec(curve, point.compress().as_bytes(), KeyAlgorithm::P256).is_none());
        assert!(ec(curve, &wrapped, KeyAlgorithm::P384).is_none());
    }

    #[test]
    fn an_rsa_modulus_has_the_length_that_was_asked_for() {
        let mut modulus = vec![0xc1; 256];
        assert!(rsa(&modulus, &[1, 0, 1], KeyAlgorithm::Rsa2048).is_some());
        assert!(rsa(&modulus, &[1, 0, 1], KeyAlgorithm::Rsa3072).is_none());
        modulus.insert(0, 0);
        assert!(rsa(&modulus, &[1, 0, 1], KeyAlgorithm::Rsa2048).is_some());
        assert!(rsa(&[0x41; 256], &[1, 0, 1], KeyAlgorithm::Rsa2048).is_none());
    }
}
