//! Hash functions by their object identifiers.

use super::SignatureError;
use crate::asn1::{Reader, Rules, Value, tag};
use aws_lc_rs::digest as lc;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_SHA_1, ID_SHA_224, ID_SHA_256, ID_SHA_384, ID_SHA_512};

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Digest {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha512_256,
    Sha3_224,
    Sha3_256,
    Sha3_384,
    Sha3_512,
    Sm3,
}

use Digest::{
    Md5, Sha1, Sha3_224, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512, Sha512_256, Sm3,
};

const ALL: [(Digest, ObjectIdentifier, &str); 12] = [
    (Md5, ObjectIdentifier::new_unwrap("1.2.840.113549.2.5"), "MD5"),
    (Sha1, ID_SHA_1, "SHA-1"),
    (Sha224, ID_SHA_224, "SHA-224"),
    (Sha256, ID_SHA_256, "SHA-256"),
    (Sha384, ID_SHA_384, "SHA-384"),
    (Sha512, ID_SHA_512, "SHA-512"),
    (Sha512_256, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.6"), "SHA-512/256"),
    (Sha3_224, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.7"), "SHA3-224"),
    (Sha3_256, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.8"), "SHA3-256"),
    (Sha3_384, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.9"), "SHA3-384"),
    (Sha3_512, ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.10"), "SHA3-512"),
    (Sm3, ObjectIdentifier::new_unwrap("1.2.156.10197.1.401"), "SM3"),
];

impl Digest {
    /// The hash of an OID.
    pub fn from_oid(oid: &ObjectIdentifier) -> Option<Self> {
        ALL.iter().find(|(_, known, _)| known == oid).map(|(digest, _, _)| *digest)
    }

    /// The hash of an AlgorithmIdentifier, BER.
    ///
    /// # Errors
    /// When it is malformed or unknown.
    pub fn from_identifier(der: &[u8]) -> Result<Self, SignatureError> {
        let read = || {
            let mut fields: Reader<'_> = Value::parse(der, Rules::Ber)?.typed(tag::SEQUENCE)?.children()?;
            fields.any()?.oid()
        };
        let oid = read().map_err(|e| SignatureError::Unsupported(e.to_string()))?;
        Self::from_oid(&oid).ok_or_else(|| SignatureError::Unsupported(format!("digest {oid}")))
    }

    /// Its OID.
    pub fn oid(self) -> ObjectIdentifier {
        ALL.iter().find(|(digest, _, _)| *digest == self).map_or(ID_SHA_256, |(_, oid, _)| *oid)
    }

    /// Whether collisions can be made with the means of our time.
    pub fn is_broken(self) -> bool {
        matches!(self, Md5 | Sha1)
    }

    /// Digest length in octets.
    pub fn len(self) -> usize {
        match self {
            Md5 => 16,
            Sha1 => 20,
            Sha224 | Sha3_224 => 28,
            Sha256 | Sha512_256 | Sha3_256 | Sm3 => 32,
            Sha384 | Sha3_384 => 48,
            Sha512 | Sha3_512 => 64,
        }
    }

    /// Never: no digest is empty. For clippy's sake, which wants it beside `len`.
    pub fn is_empty(self) -> bool {
        false
    }

    /// The digest of `bytes`.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        let mut hasher = Hasher::new(self);
        hasher.update(bytes);
        hasher.finish()
    }

    fn aws(self) -> Option<&'static lc::Algorithm> {
        Some(match self {
            Sha1 => &lc::SHA1_FOR_LEGACY_USE_ONLY,
            Sha224 => &lc::SHA224,
            Sha256 => &lc::SHA256,
            Sha384 => &lc::SHA384,
            Sha512 => &lc::SHA512,
            Sha512_256 => &lc::SHA512_256,
            Sha3_256 => &lc::SHA3_256,
            Sha3_384 => &lc::SHA3_384,
            Sha3_512 => &lc::SHA3_512,
            Md5 | Sha3_224 | Sm3 => return None,
        })
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(ALL.iter().find(|(digest, _, _)| digest == self).map_or("?", |(_, _, name)| name))
    }
}

/// A hash under way, for contents in pieces.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Aws(Box<lc::Context>),
    Md5(md5::Md5),
    Sha3(Box<sha3::Sha3_224>),
    Sm3(sm3::Sm3),
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

impl Hasher {
    /// Begins.
    pub fn new(digest: Digest) -> Self {
        use sm3::Digest as _;
        Self(match digest.aws() {
            Some(algorithm) => State::Aws(Box::new(lc::Context::new(algorithm))),
            None if digest == Md5 => State::Md5(md5::Md5::new()),
            None if digest == Sha3_224 => State::Sha3(Box::new(sha3::Sha3_224::new())),
            None => State::Sm3(sm3::Sm3::new()),
        })
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        use sm3::Digest as _;
        match &mut self.0 {
            State::Aws(context) => context.update(bytes),
            State::Md5(hash) => hash.update(bytes),
            State::Sha3(hash) => hash.update(bytes),
            State::Sm3(hash) => hash.update(bytes),
        }
    }

    /// The digest.
    pub fn finish(self) -> Vec<u8> {
        use sm3::Digest as _;
        match self.0 {
            State::Aws(context) => context.finish().as_ref().to_vec(),
            State::Md5(hash) => hash.finalize().to_vec(),
            State::Sha3(hash) => hash.finalize().to_vec(),
            State::Sm3(hash) => hash.finalize().to_vec(),
        }
    }
}
