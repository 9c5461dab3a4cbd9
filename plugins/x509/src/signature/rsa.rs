//! RSA signatures (RFC 8017).

use super::key::RsaKey;
use super::{Digest, Pss, SignatureError};
use crate::asn1;
use aws_lc_rs::{digest as lc_digest, signature as lc};
use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};

/// RSASSA-PKCS1-v1_5 over a digest.
pub(super) fn verify_pkcs1(
    key: &RsaKey,
    digest: Digest,
    hash: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    if key.bits() >= 2048 {
        let fast: Option<(&'static dyn lc::VerificationAlgorithm, _)> = match digest {
            Digest::Sha1 => Some((
                &lc::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                &lc_digest::SHA1_FOR_LEGACY_USE_ONLY,
            )),
            Digest::Sha256 => Some((&lc::RSA_PKCS1_2048_8192_SHA256, &lc_digest::SHA256)),
            Digest::Sha384 => Some((&lc::RSA_PKCS1_2048_8192_SHA384, &lc_digest::SHA384)),
            Digest::Sha512 => Some((&lc::RSA_PKCS1_2048_8192_SHA512, &lc_digest::SHA512)),
            _ => None,
        };
        if let Some((algorithm, hash_algorithm)) = fast {
            return verify_aws(key, algorithm, hash_algorithm, hash, signature);
        }
    }
    if hash.len() != digest.len() {
        return Err(SignatureError::Invalid);
    }
    // DigestInfo up to the digest itself: SEQUENCE { AlgorithmIdentifier with NULL, OCTET STRING header }
    let identifier = asn1::sequence(&[&asn1::oid(&digest.oid()), &asn1::null()]);
    let info = asn1::sequence(&[&identifier, &asn1::octet_string(hash)]);
    let prefix = info.get(..info.len() - hash.len()).unwrap_or_default().into();
    public(key)?
        .verify(Pkcs1v15Sign { hash_len: Some(hash.len()), prefix }, hash, signature)
        .map_err(|_| SignatureError::Invalid)
}

/// RSASSA-PSS over a digest.
pub(super) fn verify_pss(
    key: &RsaKey,
    pss: Pss,
    hash: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    if key.bits() >= 2048 && pss.mgf_digest == pss.digest && pss.salt_len == pss.digest.len() {
        let fast: Option<(&'static dyn lc::VerificationAlgorithm, _)> = match pss.digest {
            Digest::Sha256 => Some((&lc::RSA_PSS_2048_8192_SHA256, &lc_digest::SHA256)),
            Digest::Sha384 => Some((&lc::RSA_PSS_2048_8192_SHA384, &lc_digest::SHA384)),
            Digest::Sha512 => Some((&lc::RSA_PSS_2048_8192_SHA512, &lc_digest::SHA512)),
            _ => None,
        };
        if let Some((algorithm, hash_algorithm)) = fast {
            return verify_aws(key, algorithm, hash_algorithm, hash, signature);
        }
    }
    if signature.len() != key.modulus.len() {
        return Err(SignatureError::Invalid);
    }
    let public = public(key)?;
    let s = BigUint::from_bytes_be(signature);
    if s >= BigUint::from_bytes_be(&key.modulus) {
        return Err(SignatureError::Invalid);
    }
    let message = rsa::hazmat::rsa_encrypt(&public, &s).map_err(|_| SignatureError::Invalid)?.to_bytes_be();
    let encoded_bits = key.bits() - 1;
    let encoded_len = encoded_bits.div_ceil(8);
    let padding = encoded_len.checked_sub(message.len()).ok_or(SignatureError::Invalid)?;
    let mut encoded = vec![0; padding];
    encoded.extend_from_slice(&message);
    if emsa_pss(&encoded, encoded_bits, pss, hash) { Ok(()) } else { Err(SignatureError::Invalid) }
}

/// EMSA-PSS-VERIFY (RFC 8017 9.1.2), steps 3 to 14. AWS-LC knows only one hash for both uses and few of those.
fn emsa_pss(encoded: &[u8], encoded_bits: usize, pss: Pss, hash: &[u8]) -> bool {
    let check = || {
        let hash_len = pss.digest.len();
        if hash.len() != hash_len || encoded.len() < hash_len + pss.salt_len + 2 {
            return None;
        }
        let (masked, rest) = encoded.split_at_checked(encoded.len() - hash_len - 1)?;
        let (h, trailer) = rest.split_at_checked(hash_len)?;
        let spare = u8::try_from(8 * encoded.len() - encoded_bits).ok()?;
        let keep = 0xffu8.checked_shr(spare.into()).unwrap_or(0);
        if trailer != [0xbc] || masked.first()? & !keep != 0 {
            return None;
        }
        let mask = mgf1(pss.mgf_digest, h, masked.len());
        let mut block: Vec<u8> = masked.iter().zip(&mask).map(|(a, b)| a ^ b).collect();
        *block.first_mut()? &= keep;
        let (zeros, tail) = block.split_at_checked(block.len() - pss.salt_len - 1)?;
        let (one, salt) = tail.split_first()?;
        if zeros.iter().any(|b| *b != 0) || *one != 1 {
            return None;
        }
        let expected = pss.digest.of(&[&[0; 8], hash, salt].concat());
        (expected == h).then_some(())
    };
    check().is_some()
}

/// MGF1 (RFC 8017 B.2.1).
fn mgf1(digest: Digest, seed: &[u8], len: usize) -> Vec<u8> {
    let mut mask = Vec::with_capacity(len + digest.len());
    let mut counter = 0u32;
    while mask.len() < len {
        mask.extend(digest.of(&[seed, &counter.to_be_bytes()].concat()));
        counter += 1;
    }
    mask.truncate(len);
    mask
}

fn verify_aws(
    key: &RsaKey,
    algorithm: &'static dyn lc::VerificationAlgorithm,
    hash_algorithm: &'static lc_digest::Algorithm,
    hash: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let hash =
        lc_digest::Digest::import_less_safe(hash, hash_algorithm).map_err(|_| SignatureError::Invalid)?;
    lc::UnparsedPublicKey::new(algorithm, &key.der)
        .verify_digest(&hash, signature)
        .map_err(|_| SignatureError::Invalid)
}

fn public(key: &RsaKey) -> Result<RsaPublicKey, SignatureError> {
    let (n, e) = (BigUint::from_bytes_be(&key.modulus), BigUint::from_bytes_be(&key.exponent));
    RsaPublicKey::new_with_max_size(n, e, 8192).map_err(|e| SignatureError::BadKey(e.to_string()))
}
