//! Signature algorithms by their AlgorithmIdentifiers.

use super::{Digest, SignatureError};
use crate::asn1::{Asn1Error, Reader, Rules, Value, tag};
use const_oid::ObjectIdentifier as Oid;

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 8.2).
    RsaPkcs1(Digest),
    /// RSASSA-PSS (RFC 8017 8.1).
    RsaPss(Pss),
    /// ECDSA, the signature a DER `SEQUENCE { r, s }`.
    Ecdsa(Digest),
    /// ECDSA, the signature r ‖ s (BSI TR-03111 5.2.1).
    EcdsaPlain(Digest),
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// SM2 with SM3 and the default identity 1234567812345678 (GB/T 32918.2, GB/T 35275).
    Sm2WithSm3,
    /// DSA, the signature a DER `SEQUENCE { r, s }` (RFC 3279 2.2.2).
    Dsa(Digest),
}

/// RSASSA-PSS-params (RFC 8017 A.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pss {
    /// Hash of the message.
    pub digest: Digest,
    /// Hash of MGF1.
    pub mgf_digest: Digest,
    /// Salt length in octets.
    pub salt_len: usize,
}

const RSA_ENCRYPTION: Oid = Oid::new_unwrap("1.2.840.113549.1.1.1");
pub(super) const RSA_PSS: Oid = Oid::new_unwrap("1.2.840.113549.1.1.10");
const MGF1: Oid = Oid::new_unwrap("1.2.840.113549.1.1.8");
const EC_PUBLIC_KEY: Oid = Oid::new_unwrap("1.2.840.10045.2.1");
const ECDSA_SPECIFIED: Oid = Oid::new_unwrap("1.2.840.10045.4.3");
const DSA: Oid = Oid::new_unwrap("1.2.840.10040.4.1");
const ED25519: Oid = Oid::new_unwrap("1.3.101.112");

/// Algorithms whose OID says all: RSA of RFC 8017 and NIST, ECDSA of X9.62 and NIST, BSI's plain ECDSA, SM2 of GM/T
/// 0006, DSA of X9.57 and NIST.
const FIXED: [(&str, Scheme); 34] = [
    ("1.2.840.113549.1.1.4", Scheme::RsaPkcs1(Digest::Md5)),
    ("1.2.840.113549.1.1.5", Scheme::RsaPkcs1(Digest::Sha1)),
    // The Open Systems Implementors' Workshop's, which old certificates and signers use.
    ("1.3.14.3.2.29", Scheme::RsaPkcs1(Digest::Sha1)),
    ("1.2.840.113549.1.1.14", Scheme::RsaPkcs1(Digest::Sha224)),
    ("1.2.840.113549.1.1.11", Scheme::RsaPkcs1(Digest::Sha256)),
    ("1.2.840.113549.1.1.12", Scheme::RsaPkcs1(Digest::Sha384)),
    ("1.2.840.113549.1.1.13", Scheme::RsaPkcs1(Digest::Sha512)),
    ("1.2.840.113549.1.1.16", Scheme::RsaPkcs1(Digest::Sha512_256)),
    ("2.16.840.1.101.3.4.3.13", Scheme::RsaPkcs1(Digest::Sha3_224)),
    ("2.16.840.1.101.3.4.3.14", Scheme::RsaPkcs1(Digest::Sha3_256)),
    ("2.16.840.1.101.3.4.3.15", Scheme::RsaPkcs1(Digest::Sha3_384)),
    ("2.16.840.1.101.3.4.3.16", Scheme::RsaPkcs1(Digest::Sha3_512)),
    ("1.2.840.10045.4.1", Scheme::Ecdsa(Digest::Sha1)),
    ("1.2.840.10045.4.3.1", Scheme::Ecdsa(Digest::Sha224)),
    ("1.2.840.10045.4.3.2", Scheme::Ecdsa(Digest::Sha256)),
    ("1.2.840.10045.4.3.3", Scheme::Ecdsa(Digest::Sha384)),
    ("1.2.840.10045.4.3.4", Scheme::Ecdsa(Digest::Sha512)),
    ("2.16.840.1.101.3.4.3.9", Scheme::Ecdsa(Digest::Sha3_224)),
    ("2.16.840.1.101.3.4.3.10", Scheme::Ecdsa(Digest::Sha3_256)),
    ("2.16.840.1.101.3.4.3.11", Scheme::Ecdsa(Digest::Sha3_384)),
    ("2.16.840.1.101.3.4.3.12", Scheme::Ecdsa(Digest::Sha3_512)),
    ("0.4.0.127.0.7.1.1.4.1.1", Scheme::EcdsaPlain(Digest::Sha1)),
    ("0.4.0.127.0.7.1.1.4.1.2", Scheme::EcdsaPlain(Digest::Sha224)),
    ("0.4.0.127.0.7.1.1.4.1.3", Scheme::EcdsaPlain(Digest::Sha256)),
    ("0.4.0.127.0.7.1.1.4.1.4", Scheme::EcdsaPlain(Digest::Sha384)),
    ("0.4.0.127.0.7.1.1.4.1.5", Scheme::EcdsaPlain(Digest::Sha512)),
    ("1.2.156.10197.1.501", Scheme::Sm2WithSm3),
    // sm2-1 "digital signature", and the algorithm's own arc, which GM/T 0010 signers put into SignerInfo
    ("1.2.156.10197.1.301.1", Scheme::Sm2WithSm3),
    ("1.2.156.10197.1.301", Scheme::Sm2WithSm3),
    ("1.2.840.10040.4.3", Scheme::Dsa(Digest::Sha1)),
    ("2.16.840.1.101.3.4.3.1", Scheme::Dsa(Digest::Sha224)),
    ("2.16.840.1.101.3.4.3.2", Scheme::Dsa(Digest::Sha256)),
    ("2.16.840.1.101.3.4.3.3", Scheme::Dsa(Digest::Sha384)),
    ("2.16.840.1.101.3.4.3.4", Scheme::Dsa(Digest::Sha512)),
];

/// BSI TR-03111's plain signatures with SHA-3 (arcs 8–11).
const PLAIN_SHA3: [(&str, Digest); 4] = [
    ("0.4.0.127.0.7.1.1.4.1.8", Digest::Sha3_224),
    ("0.4.0.127.0.7.1.1.4.1.9", Digest::Sha3_256),
    ("0.4.0.127.0.7.1.1.4.1.10", Digest::Sha3_384),
    ("0.4.0.127.0.7.1.1.4.1.11", Digest::Sha3_512),
];

impl Scheme {
    /// Reads an AlgorithmIdentifier (BER). `digest` is SignerInfo's digestAlgorithm, for identifiers that leave the hash open
    /// (rsaEncryption, id-ecPublicKey, id-dsa); certificates have none.
    ///
    /// # Errors
    /// When it is malformed or not supported.
    pub fn from_identifier(identifier: &[u8], digest: Option<Digest>) -> Result<Self, SignatureError> {
        let malformed = |e: Asn1Error| SignatureError::Unsupported(format!("AlgorithmIdentifier: {e}"));
        let mut fields = Value::parse(identifier, Rules::Ber)
            .and_then(|v| v.typed(tag::SEQUENCE)?.children())
            .map_err(malformed)?;
        let oid = fields.any().and_then(Value::oid).map_err(malformed)?;
        let parameters = if fields.is_empty() { None } else { Some(fields.any().map_err(malformed)?) };
        fields.end().map_err(malformed)?;
        let dotted = oid.to_string();
        if let Some((_, scheme)) = FIXED.iter().find(|(known, _)| *known == dotted) {
            return Ok(*scheme);
        }
        if let Some((_, digest)) = PLAIN_SHA3.iter().find(|(known, _)| *known == dotted) {
            return Ok(Self::EcdsaPlain(*digest));
        }
        match (oid, digest, parameters) {
            (ED25519, _, _) => Ok(Self::Ed25519),
            (RSA_PSS, _, Some(parameters)) => Pss::from_value(parameters).map(Self::RsaPss),
            (RSA_ENCRYPTION, Some(digest), _) => Ok(Self::RsaPkcs1(digest)),
            (EC_PUBLIC_KEY, Some(Digest::Sm3), _) => Ok(Self::Sm2WithSm3),
            (EC_PUBLIC_KEY, Some(digest), _) => Ok(Self::Ecdsa(digest)),
            (DSA, Some(digest), _) => Ok(Self::Dsa(digest)),
            (ECDSA_SPECIFIED, _, Some(parameters)) => {
                Digest::from_identifier(parameters.raw).map(Self::Ecdsa)
            }
            _ => Err(SignatureError::Unsupported(dotted)),
        }
    }

    /// The hash that the message goes through before the key; none for Ed25519, and SM2's includes the signer's identity.
    pub fn digest(self) -> Option<Digest> {
        match self {
            Self::RsaPkcs1(digest) | Self::Ecdsa(digest) | Self::EcdsaPlain(digest) | Self::Dsa(digest) => {
                Some(digest)
            }
            Self::RsaPss(pss) => Some(pss.digest),
            Self::Ed25519 => None,
            Self::Sm2WithSm3 => Some(Digest::Sm3),
        }
    }
}

impl std::fmt::Display for Scheme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RsaPkcs1(digest) => write!(f, "RSA PKCS#1 v1.5 with {digest}"),
            Self::RsaPss(pss) => write!(f, "RSA-PSS with {} (salt {})", pss.digest, pss.salt_len),
            Self::Ecdsa(digest) => write!(f, "ECDSA with {digest}"),
            Self::EcdsaPlain(digest) => write!(f, "plain ECDSA with {digest}"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Sm2WithSm3 => f.write_str("SM2 with SM3"),
            Self::Dsa(digest) => write!(f, "DSA with {digest}"),
        }
    }
}

impl Pss {
    /// Reads RSASSA-PSS-params. Defaults are SHA-1 throughout, 20 octets of salt, trailer 1.
    pub(super) fn from_value(value: Value<'_>) -> Result<Self, SignatureError> {
        let malformed = |e: Asn1Error| SignatureError::Unsupported(format!("RSASSA-PSS-params: {e}"));
        let mut fields: Reader<'_> =
            value.typed(tag::SEQUENCE).and_then(Value::children).map_err(malformed)?;
        let mut field = |n| {
            fields.optional(tag::context(n)).and_then(|v| v.map(Value::only).transpose()).map_err(malformed)
        };
        let (hash, mgf, salt, trailer) = (field(0)?, field(1)?, field(2)?, field(3)?);
        fields.end().map_err(malformed)?;
        let digest = hash.map_or(Ok(Digest::Sha1), |v| Digest::from_identifier(v.raw))?;
        let mgf_digest = match mgf {
            None => Digest::Sha1,
            Some(mgf) => {
                let mut fields = mgf.typed(tag::SEQUENCE).and_then(Value::children).map_err(malformed)?;
                if fields.any().and_then(Value::oid).map_err(malformed)? != MGF1 {
                    return Err(SignatureError::Unsupported("mask generation other than MGF1".into()));
                }
                Digest::from_identifier(fields.any().map_err(malformed)?.raw)?
            }
        };
        let salt_len = salt.map_or(Ok(20), Value::unsigned).map_err(malformed)?;
        if trailer.map_or(Ok(1), Value::unsigned).map_err(malformed)? != 1 {
            return Err(SignatureError::Unsupported("PSS trailer field other than 1".into()));
        }
        let salt_len = usize::try_from(salt_len).ok().filter(|n| *n <= 1024);
        let salt_len = salt_len
            .ok_or_else(|| SignatureError::Unsupported("PSS salt of more than 1024 octets".into()))?;
        Ok(Self { digest, mgf_digest, salt_len })
    }
}
