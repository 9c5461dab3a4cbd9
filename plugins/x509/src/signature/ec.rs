//! Elliptic curve signatures.

use super::{Curve, SignatureError};
use crate::asn1::{self, Asn1Error, Rules, Value, tag};
use aws_lc_rs::{digest as lc_digest, signature as lc};
use ecdsa::signature::hazmat::PrehashVerifier;
use ecdsa::{Signature, VerifyingKey};

/// The identity that SM2 signers use unless they agreed on another one (GM/T 0009 10).
const SM2_DEFAULT_ID: &str = "1234567812345678";

/// ECDSA over a digest; `signature` is DER.
pub(super) fn verify(
    curve: Curve,
    point: &[u8],
    hash: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    match curve {
        Curve::P224 => {
            use p224::ecdsa::signature::hazmat::PrehashVerifier;
            let key = p224::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(bad_point)?;
            let signature = p224::ecdsa::Signature::from_slice(&scalars(curve, signature)?)
                .map_err(|_| SignatureError::Invalid)?;
            key.verify_prehash(&fit(hash, 28), &signature).map_err(|_| SignatureError::Invalid)
        }
        Curve::P256 => aws(&lc::ECDSA_P256_SHA256_ASN1, &lc_digest::SHA256, point, hash, signature),
        Curve::P384 => aws(&lc::ECDSA_P384_SHA384_ASN1, &lc_digest::SHA384, point, hash, signature),
        Curve::P521 => aws(&lc::ECDSA_P521_SHA512_ASN1, &lc_digest::SHA512, point, hash, signature),
        Curve::Secp256k1 => aws(&lc::ECDSA_P256K1_SHA256_ASN1, &lc_digest::SHA256, point, hash, signature),
        Curve::BrainpoolP256r1 => {
            let key = VerifyingKey::<bp256::BrainpoolP256r1>::from_sec1_bytes(point).map_err(bad_point)?;
            let signature =
                Signature::from_slice(&scalars(curve, signature)?).map_err(|_| SignatureError::Invalid)?;
            key.verify_prehash(&fit(hash, 32), &signature).map_err(|_| SignatureError::Invalid)
        }
        Curve::BrainpoolP384r1 => {
            let key = VerifyingKey::<bp384::BrainpoolP384r1>::from_sec1_bytes(point).map_err(bad_point)?;
            let signature =
                Signature::from_slice(&scalars(curve, signature)?).map_err(|_| SignatureError::Invalid)?;
            key.verify_prehash(&fit(hash, 48), &signature).map_err(|_| SignatureError::Invalid)
        }
    }
}

fn bad_point<E: std::fmt::Display>(e: E) -> SignatureError {
    SignatureError::BadKey(e.to_string())
}

/// ECDSA takes the leftmost bits of a digest that is longer than the order, and a shorter one as the number that it is
/// (SEC 1 4.1.4). Cut or padded to the order's length, the number stays the same, and one verifier serves all hashes.
fn fit(hash: &[u8], len: usize) -> Vec<u8> {
    let cut = hash.get(..len).unwrap_or(hash);
    let mut fitted = vec![0; len - cut.len()];
    fitted.extend_from_slice(cut);
    fitted
}

fn aws(
    algorithm: &'static lc::EcdsaVerificationAlgorithm,
    hash_algorithm: &'static lc_digest::Algorithm,
    point: &[u8],
    hash: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let hash = lc_digest::Digest::import_less_safe(&fit(hash, hash_algorithm.output_len()), hash_algorithm)
        .map_err(|_| SignatureError::Invalid)?;
    lc::UnparsedPublicKey::new(algorithm, point)
        .verify_digest(&hash, signature)
        .map_err(|_| SignatureError::Invalid)
}

/// r ‖ s of a DER `SEQUENCE { r, s }`, each padded to the scalar's length.
fn scalars(curve: Curve, signature: &[u8]) -> Result<Vec<u8>, SignatureError> {
    sequence_of_two(signature, curve.scalar_len()).map_err(|_| SignatureError::Invalid)
}

/// r ‖ s of a DER `SEQUENCE { r, s }`, each padded to `len`.
pub(super) fn sequence_of_two(signature: &[u8], len: usize) -> Result<Vec<u8>, Asn1Error> {
    let mut fields = Value::parse(signature, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
    let mut scalar = || {
        let bytes = match fields.any()?.integer(len + 1)? {
            [first, ..] if first & 0x80 != 0 => return Err(Asn1Error::Content("scalar")),
            [0, rest @ ..] => rest,
            all => all,
        };
        if bytes.len() > len { Err(Asn1Error::Content("scalar")) } else { Ok(fit(bytes, len)) }
    };
    let pair = [scalar()?, scalar()?].concat();
    fields.end()?;
    Ok(pair)
}

/// r ‖ s (BSI TR-03111) to DER.
pub(super) fn plain_to_der(curve: Curve, signature: &[u8]) -> Result<Vec<u8>, SignatureError> {
    let len = curve.scalar_len();
    if signature.len() != 2 * len {
        return Err(SignatureError::Invalid);
    }
    let (r, s) = signature.split_at_checked(len).ok_or(SignatureError::Invalid)?;
    Ok(asn1::sequence(&[&asn1::integer(r), &asn1::integer(s)]))
}

pub(super) fn verify_ed25519(key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    lc::UnparsedPublicKey::new(&lc::ED25519, key)
        .verify(message, signature)
        .map_err(|_| SignatureError::Invalid)
}

/// SM2 with SM3; `signature` is DER `SEQUENCE { r, s }` (GM/T 0009 7.3).
pub(super) fn verify_sm2(point: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    use sm2::dsa::signature::Verifier;
    let scalars = sequence_of_two(signature, 32).map_err(|_| SignatureError::Invalid)?;
    let key = sm2::dsa::VerifyingKey::from_sec1_bytes(SM2_DEFAULT_ID, point).map_err(bad_point)?;
    let signature = sm2::dsa::Signature::from_slice(&scalars).map_err(|_| SignatureError::Invalid)?;
    key.verify(message, &signature).map_err(|_| SignatureError::Invalid)
}
