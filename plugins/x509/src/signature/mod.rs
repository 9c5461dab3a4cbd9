//! Verifying signatures with public keys: RSA (PKCS#1 v1.5 and PSS), ECDSA on NIST and brainpool curves in DER and in BSI's plain form,
//! Ed25519, SM2 with SM3, and DSA.
//!
//! RSA, the NIST curves and Ed25519 go through AWS-LC; what it lacks goes through RustCrypto. Algorithms that are broken or
//! worn out are verified all the same, since a verdict on an old contract needs them, and named in [`Verified::weaknesses`].

mod digest;
mod dsa;
mod ec;
mod key;
mod rsa;
mod scheme;
mod work;

pub use digest::{Digest, Hasher};
pub use dsa::DsaKey;
pub use key::{Curve, PublicKey};
pub use scheme::{Pss, Scheme};
pub use work::Work;

/// RSA moduli below this many bits are called weak (NIST SP 800-131A).
pub const RSA_MINIMUM_BITS: usize = 2048;

/// Why a signature was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The algorithm, its parameters, or its combination with the key is not supported.
    #[error("unsupported signature algorithm: {0}")]
    Unsupported(String),
    /// The key is malformed, or not of a size that is verified.
    #[error("bad public key: {0}")]
    BadKey(String),
    /// More verifications were asked for than one file may cost.
    #[error("too many signatures, or too costly ones, for one file")]
    TooMuchWork,
    /// It does not verify.
    #[error("the signature does not verify")]
    Invalid,
}

/// What is known to be too weak about a signature that verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Weakness {
    /// A digest for which collisions can be made: MD5, SHA-1.
    Digest(Digest),
    /// An RSA modulus of fewer than [`RSA_MINIMUM_BITS`] bits.
    RsaBits(usize),
    /// DSA, which FIPS 186-5 withdrew.
    Dsa,
}

impl std::fmt::Display for Weakness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Digest(digest) => write!(f, "{digest} is broken"),
            Self::RsaBits(bits) => write!(f, "RSA key of {bits} bits"),
            Self::Dsa => f.write_str("DSA was withdrawn by FIPS 186-5"),
        }
    }
}

/// A signature that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How it was made.
    pub scheme: Scheme,
    /// What is weak about it.
    pub weaknesses: Vec<Weakness>,
}

/// What was signed: the bytes, or their digest where the bytes are too large to pass around.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// The bytes.
    Bytes(&'a [u8]),
    /// Their digest under the scheme's hash. Ed25519 and SM2 cannot be verified from a digest.
    Digest(&'a [u8]),
}

/// Verifies `signature` over `message` with a key (SubjectPublicKeyInfo, DER) and an AlgorithmIdentifier (DER), as certificates,
/// requests, CRLs and OCSP responses carry them.
///
/// # Errors
/// When it does not verify, or cannot be verified.
pub fn verify_signed(
    spki: &[u8],
    algorithm: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<Verified, SignatureError> {
    let key = PublicKey::from_spki(spki)?;
    let scheme = Scheme::from_identifier(algorithm, None)?;
    verify(&key, scheme, Message::Bytes(message), signature)
}

/// Verifies `signature` over `message`.
///
/// # Errors
/// When it does not verify, or cannot be verified.
pub fn verify(
    key: &PublicKey,
    scheme: Scheme,
    message: Message<'_>,
    signature: &[u8],
) -> Result<Verified, SignatureError> {
    match (key, scheme) {
        (PublicKey::Rsa(key), Scheme::RsaPkcs1(digest)) if !key.pss_only() => {
            rsa::verify_pkcs1(key, digest, &hashed(digest, message), signature)?;
        }
        (PublicKey::Rsa(key), Scheme::RsaPss(pss)) => {
            key.allows(pss)?;
            rsa::verify_pss(key, pss, &hashed(pss.digest, message), signature)?;
        }
        (PublicKey::Ec(curve, point), Scheme::Ecdsa(digest)) => {
            ec::verify(*curve, point, &hashed(digest, message), signature)?;
        }
        (PublicKey::Ec(curve, point), Scheme::EcdsaPlain(digest)) => {
            let signature = ec::plain_to_der(*curve, signature)?;
            ec::verify(*curve, point, &hashed(digest, message), &signature)?;
        }
        (PublicKey::Dsa(key), Scheme::Dsa(digest)) => key.verify(&hashed(digest, message), signature)?,
        (PublicKey::Ed25519(key), Scheme::Ed25519) => ec::verify_ed25519(key, bytes(message)?, signature)?,
        (PublicKey::Sm2(point), Scheme::Sm2WithSm3) => ec::verify_sm2(point, bytes(message)?, signature)?,
        (key, scheme) => return Err(SignatureError::Unsupported(format!("{scheme} with {key}"))),
    }
    Ok(Verified { scheme, weaknesses: weaknesses(key, scheme) })
}

/// What is weak about signatures of this key and scheme.
pub fn weaknesses(key: &PublicKey, scheme: Scheme) -> Vec<Weakness> {
    let mut found = Vec::new();
    if let Some(digest) = scheme.digest().filter(|d| d.is_broken()) {
        found.push(Weakness::Digest(digest));
    }
    match key {
        PublicKey::Rsa(key) if key.bits() < RSA_MINIMUM_BITS => found.push(Weakness::RsaBits(key.bits())),
        PublicKey::Dsa(_) => found.push(Weakness::Dsa),
        _ => {}
    }
    found
}

fn hashed(digest: Digest, message: Message<'_>) -> Vec<u8> {
    match message {
        Message::Bytes(bytes) => digest.of(bytes),
        Message::Digest(digest) => digest.to_vec(),
    }
}

fn bytes(message: Message<'_>) -> Result<&[u8], SignatureError> {
    match message {
        Message::Bytes(bytes) => Ok(bytes),
        Message::Digest(_) => {
            Err(SignatureError::Unsupported("this algorithm needs the content itself".into()))
        }
    }
}

#[cfg(test)]
mod tests;
