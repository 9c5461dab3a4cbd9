//! Public keys out of SubjectPublicKeyInfo.

use super::SignatureError;
use super::dsa::DsaKey;
use super::scheme::{Pss, RSA_PSS};
use crate::asn1::{Asn1Error, Rules, Value, tag};
use const_oid::ObjectIdentifier as Oid;

/// Largest RSA modulus that is verified; larger ones only cost time.
const RSA_MAX_BITS: usize = 8192;
const RSA_MIN_BITS: usize = 512;

const RSA_ENCRYPTION: Oid = Oid::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: Oid = Oid::new_unwrap("1.2.840.10045.2.1");
const ED25519: Oid = Oid::new_unwrap("1.3.101.112");
const DSA: Oid = Oid::new_unwrap("1.2.840.10040.4.1");
const SM2_CURVE: Oid = Oid::new_unwrap("1.2.156.10197.1.301");

/// Named curves of ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Curve {
    P224,
    P256,
    P384,
    P521,
    Secp256k1,
    BrainpoolP256r1,
    BrainpoolP384r1,
}

const CURVES: [(Oid, Curve); 7] = [
    (Oid::new_unwrap("1.3.132.0.33"), Curve::P224),
    (Oid::new_unwrap("1.2.840.10045.3.1.7"), Curve::P256),
    (Oid::new_unwrap("1.3.132.0.34"), Curve::P384),
    (Oid::new_unwrap("1.3.132.0.35"), Curve::P521),
    (Oid::new_unwrap("1.3.132.0.10"), Curve::Secp256k1),
    (Oid::new_unwrap("1.3.36.3.3.2.8.1.1.7"), Curve::BrainpoolP256r1),
    (Oid::new_unwrap("1.3.36.3.3.2.8.1.1.11"), Curve::BrainpoolP384r1),
];

impl Curve {
    /// Octets of a scalar.
    pub fn scalar_len(self) -> usize {
        match self {
            Self::P224 => 28,
            Self::P256 | Self::Secp256k1 | Self::BrainpoolP256r1 => 32,
            Self::P384 | Self::BrainpoolP384r1 => 48,
            Self::P521 => 66,
        }
    }
}

impl std::fmt::Display for Curve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::P224 => "P-224",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Secp256k1 => "secp256k1",
            Self::BrainpoolP256r1 => "brainpoolP256r1",
            Self::BrainpoolP384r1 => "brainpoolP384r1",
        })
    }
}

/// A public key that can verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// RSA.
    Rsa(RsaKey),
    /// ECDSA: curve and point (SEC 1).
    Ec(Curve, Vec<u8>),
    /// Ed25519: 32 octets.
    Ed25519(Vec<u8>),
    /// SM2: point (SEC 1).
    Sm2(Vec<u8>),
    /// DSA.
    Dsa(DsaKey),
}

/// An RSA public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaKey {
    /// RSAPublicKey, DER.
    pub(super) der: Vec<u8>,
    /// Modulus, unsigned big-endian without leading zeros.
    pub(super) modulus: Vec<u8>,
    /// Exponent, likewise.
    pub(super) exponent: Vec<u8>,
    /// The key is declared for PSS alone, perhaps with parameters.
    pss: Option<Option<Pss>>,
}

impl RsaKey {
    /// Bits of the modulus.
    pub fn bits(&self) -> usize {
        let leading = self.modulus.first().map_or(0, |b| b.leading_zeros());
        self.modulus.len() * 8 - usize::try_from(leading).unwrap_or(0)
    }

    /// AWS-LC computes with moduli from 2048 bits on and usual exponents, if it has the hash.
    pub(super) fn is_fast(&self) -> bool {
        self.bits() >= 2048 && self.exponent.len() <= 4
    }

    pub(super) fn pss_only(&self) -> bool {
        self.pss.is_some()
    }

    /// RFC 4055 3.3: parameters of the key bind hash and MGF, and are a lower bound of the salt.
    pub(super) fn allows(&self, used: Pss) -> Result<(), SignatureError> {
        match self.pss.flatten() {
            Some(key)
                if key.digest != used.digest
                    || key.mgf_digest != used.mgf_digest
                    || key.salt_len > used.salt_len =>
            {
                Err(SignatureError::Unsupported("PSS parameters that the key does not allow".into()))
            }
            _ => Ok(()),
        }
    }
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo, DER.
    ///
    /// # Errors
    /// When it is malformed, or of a kind or size that is not supported.
    pub fn from_spki(spki: &[u8]) -> Result<Self, SignatureError> {
        let bad = |e: Asn1Error| SignatureError::BadKey(e.to_string());
        let read = || {
            let mut fields = Value::parse(spki, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
            let mut algorithm = fields.expect(tag::SEQUENCE)?.children()?;
            let oid = algorithm.any()?.oid()?;
            let parameters = if algorithm.is_empty() { None } else { Some(algorithm.any()?) };
            algorithm.end()?;
            let bits = fields.any()?.bits()?;
            fields.end()?;
            Ok((oid, parameters, bits))
        };
        let (oid, parameters, bits) = read().map_err(bad)?;
        match oid {
            RSA_ENCRYPTION => rsa_key(bits, None).map(Self::Rsa),
            RSA_PSS => {
                let pss = parameters.map(Pss::from_value).transpose()?;
                rsa_key(bits, Some(pss)).map(Self::Rsa)
            }
            EC_PUBLIC_KEY => {
                let named =
                    parameters.ok_or(Asn1Error::Content("named curve")).and_then(Value::oid).map_err(bad)?;
                if named == SM2_CURVE {
                    return Ok(Self::Sm2(bits.to_vec()));
                }
                match CURVES.iter().find(|(known, _)| *known == named) {
                    Some((_, curve)) => Ok(Self::Ec(*curve, bits.to_vec())),
                    None => Err(SignatureError::Unsupported(format!("curve {named}"))),
                }
            }
            ED25519 => Ok(Self::Ed25519(bits.to_vec())),
            DSA => DsaKey::read(parameters, bits).map(Self::Dsa),
            other => Err(SignatureError::Unsupported(format!("key type {other}"))),
        }
    }
}

fn rsa_key(der: &[u8], pss: Option<Option<Pss>>) -> Result<RsaKey, SignatureError> {
    let read = || {
        let mut fields = Value::parse(der, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
        let modulus = positive(fields.any()?)?;
        let exponent = positive(fields.any()?)?;
        fields.end()?;
        Ok(RsaKey { der: der.to_vec(), modulus, exponent, pss })
    };
    let key: RsaKey = read().map_err(|e: Asn1Error| SignatureError::BadKey(e.to_string()))?;
    if !(RSA_MIN_BITS..=RSA_MAX_BITS).contains(&key.bits()) {
        return Err(SignatureError::BadKey(format!("RSA modulus of {} bits", key.bits())));
    }
    Ok(key)
}

fn positive(value: Value<'_>) -> Result<Vec<u8>, Asn1Error> {
    match value.integer(2 * RSA_MAX_BITS / 8)? {
        [first, ..] if first & 0x80 != 0 => Err(Asn1Error::Content("positive integer")),
        [0, rest @ ..] => Ok(rest.to_vec()),
        all => Ok(all.to_vec()),
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rsa(key) if key.pss_only() => write!(f, "RSA-PSS {}", key.bits()),
            Self::Rsa(key) => write!(f, "RSA {}", key.bits()),
            Self::Ec(curve, _) => write!(f, "{curve}"),
            Self::Ed25519(_) => f.write_str("Ed25519"),
            Self::Sm2(_) => f.write_str("SM2"),
            Self::Dsa(key) => write!(f, "DSA {}", key.bits()),
        }
    }
}
