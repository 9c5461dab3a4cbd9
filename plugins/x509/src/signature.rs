//! Verifying signatures with public keys.

use crate::algorithm::{key_algorithm, key_bits};
use crate::asn1::{Rules, Value, tag};
use aws_lc_rs::signature as lc;
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, SECP_256_R_1, SECP_384_R_1, SHA_256_WITH_RSA_ENCRYPTION,
    SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};

/// Why a signature was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The algorithm, or its combination with the key, is not supported.
    #[error("unsupported signature algorithm: {0}")]
    Unsupported(String),
    /// The key is malformed.
    #[error("bad public key")]
    BadKey,
    /// It does not verify.
    #[error("the signature does not verify")]
    Invalid,
}

/// Verifies `signature` over `message` with a key (SubjectPublicKeyInfo, DER) and an AlgorithmIdentifier (DER).
///
/// # Errors
/// When it does not verify, or cannot be verified.
pub fn verify_signed(
    spki: &[u8],
    algorithm: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let oid = Value::parse(algorithm, Rules::Der)
        .and_then(|v| v.typed(tag::SEQUENCE)?.children()?.any()?.oid())
        .map_err(|e| SignatureError::Unsupported(e.to_string()))?;
    let (_, curve) = key_algorithm(spki).map_err(|_| SignatureError::BadKey)?;
    let verifier: &dyn lc::VerificationAlgorithm = match (oid, curve) {
        (ECDSA_WITH_SHA_256, Some(SECP_256_R_1)) => &lc::ECDSA_P256_SHA256_ASN1,
        (ECDSA_WITH_SHA_384, Some(SECP_384_R_1)) => &lc::ECDSA_P384_SHA384_ASN1,
        (SHA_256_WITH_RSA_ENCRYPTION, _) => &lc::RSA_PKCS1_2048_8192_SHA256,
        (SHA_384_WITH_RSA_ENCRYPTION, _) => &lc::RSA_PKCS1_2048_8192_SHA384,
        (SHA_512_WITH_RSA_ENCRYPTION, _) => &lc::RSA_PKCS1_2048_8192_SHA512,
        (other, _) => return Err(SignatureError::Unsupported(other.to_string())),
    };
    let key = key_bits(spki).map_err(|_| SignatureError::BadKey)?;
    lc::UnparsedPublicKey::new(verifier, key).verify(message, signature).map_err(|_| SignatureError::Invalid)
}
