//! The signature algorithms that the appliance's own keys use, and the frame of every signed structure.

use crate::X509Error;
use crate::asn1::{self, Rules, Value, tag};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ID_EC_PUBLIC_KEY, ID_SHA_256, ID_SHA_384, RSA_ENCRYPTION,
    SECP_256_R_1, SECP_384_R_1, SHA_256_WITH_RSA_ENCRYPTION,
};

/// How a key of ours signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// ECDSA with SHA-256, for P-256 keys (RFC 5758).
    EcdsaSha256,
    /// ECDSA with SHA-384, for P-384 keys (RFC 5758).
    EcdsaSha384,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017).
    RsaSha256,
}

impl SignatureAlgorithm {
    /// The algorithm that fits a key, given its SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// When the key is neither P-256, P-384 nor RSA.
    pub fn for_key(spki: &[u8]) -> Result<Self, X509Error> {
        let (algorithm, parameters) = key_algorithm(spki)?;
        match (algorithm, parameters) {
            (ID_EC_PUBLIC_KEY, Some(SECP_256_R_1)) => Ok(Self::EcdsaSha256),
            (ID_EC_PUBLIC_KEY, Some(SECP_384_R_1)) => Ok(Self::EcdsaSha384),
            (RSA_ENCRYPTION, _) => Ok(Self::RsaSha256),
            (other, _) => Err(X509Error::UnsupportedAlgorithm(other.to_string())),
        }
    }

    /// AlgorithmIdentifier, DER. ECDSA has no parameters, RSA has NULL.
    pub fn identifier(self) -> Vec<u8> {
        match self {
            Self::EcdsaSha256 => asn1::sequence(&[&asn1::oid(&ECDSA_WITH_SHA_256)]),
            Self::EcdsaSha384 => asn1::sequence(&[&asn1::oid(&ECDSA_WITH_SHA_384)]),
            Self::RsaSha256 => asn1::sequence(&[&asn1::oid(&SHA_256_WITH_RSA_ENCRYPTION), &asn1::null()]),
        }
    }

    /// OID of the digest.
    pub fn digest_oid(self) -> ObjectIdentifier {
        match self {
            Self::EcdsaSha256 | Self::RsaSha256 => ID_SHA_256,
            Self::EcdsaSha384 => ID_SHA_384,
        }
    }

    /// AlgorithmIdentifier of the digest, DER, without parameters (RFC 5754 2).
    pub fn digest_identifier(self) -> Vec<u8> {
        asn1::sequence(&[&asn1::oid(&self.digest_oid())])
    }

    /// The digest of `bytes`.
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::EcdsaSha256 | Self::RsaSha256 => &aws_lc_rs::digest::SHA256,
            Self::EcdsaSha384 => &aws_lc_rs::digest::SHA384,
        };
        aws_lc_rs::digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    /// The longest signature in octets that a key of this SubjectPublicKeyInfo makes: DER `ECDSA-Sig-Value`, or the modulus.
    ///
    /// # Errors
    /// When the key does not fit the algorithm.
    pub fn longest_signature(self, spki: &[u8]) -> Result<usize, X509Error> {
        if Self::for_key(spki)? != self {
            return Err(X509Error::NotAllowed {
                what: "key",
                reason: format!("does not sign with {self:?}"),
            });
        }
        match self {
            Self::EcdsaSha256 => Ok(72),
            Self::EcdsaSha384 => Ok(104),
            Self::RsaSha256 => {
                let err = X509Error::within("RSAPublicKey");
                let bits = key_bits(spki)?;
                let mut fields = Value::parse(bits, Rules::Der)
                    .and_then(|v| v.typed(tag::SEQUENCE)?.children())
                    .map_err(&err)?;
                let modulus = fields.any().and_then(|v| v.integer(2049)).map_err(&err)?;
                Ok(modulus.strip_prefix(&[0]).unwrap_or(modulus).len())
            }
        }
    }
}

/// Key algorithm of a SubjectPublicKeyInfo and, when its parameters are an OID, the named curve.
pub(crate) fn key_algorithm(spki: &[u8]) -> Result<(ObjectIdentifier, Option<ObjectIdentifier>), X509Error> {
    let err = X509Error::within("SubjectPublicKeyInfo");
    let read = || {
        let mut fields = Value::parse(spki, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
        let mut algorithm = fields.expect(tag::SEQUENCE)?.children()?;
        let oid = algorithm.any()?.oid()?;
        let parameters = algorithm.optional(tag::OID)?.map(Value::oid).transpose()?;
        Ok((oid, parameters))
    };
    read().map_err(err)
}

/// The octets of `subjectPublicKey`.
pub(crate) fn key_bits(spki: &[u8]) -> Result<&[u8], X509Error> {
    let err = X509Error::within("SubjectPublicKeyInfo");
    let read = || {
        let mut fields = Value::parse(spki, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
        fields.expect(tag::SEQUENCE)?;
        let bits = fields.any()?.bits()?;
        fields.end()?;
        Ok(bits)
    };
    read().map_err(err)
}

/// `SEQUENCE { tbs, algorithm, BIT STRING signature }`: a Certificate, CertificationRequest or CertificateList out of the
/// bytes that were signed, the AlgorithmIdentifier (DER) and the signature's octets.
pub fn assemble(tbs: &[u8], algorithm: &[u8], signature: &[u8]) -> Vec<u8> {
    asn1::sequence(&[tbs, algorithm, &asn1::bit_string(signature)])
}
