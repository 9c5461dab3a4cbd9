//! DSA (FIPS 186-4), for certificates of its time: FIPS 186-5 withdrew it, so whatever verifies is called weak.

use super::{SignatureError, ec};
use crate::asn1::{Asn1Error, Rules, Value, tag};
use dsa::signature::hazmat::PrehashVerifier;
use dsa::{BigUint, Components, Signature, VerifyingKey};

/// Sizes of p and q in bits (FIPS 186-4 4.2).
const SIZES: [(usize, usize); 4] = [(1024, 160), (2048, 224), (2048, 256), (3072, 256)];

/// A DSA public key with its domain parameters. That it is in the group is found out when it verifies.
#[derive(Clone, Debug, PartialEq)]
pub struct DsaKey {
    components: Components,
    y: BigUint,
}

impl Eq for DsaKey {}

impl DsaKey {
    /// Reads Dss-Parms and DSAPublicKey (RFC 3279 2.3.2).
    ///
    /// # Errors
    /// When the parameters are missing (a chain may hand them down), malformed, of another size or outside their ranges.
    pub(super) fn read(parameters: Option<Value<'_>>, key: &[u8]) -> Result<Self, SignatureError> {
        let bad = |e: Asn1Error| SignatureError::BadKey(e.to_string());
        let Some(parameters) = parameters.filter(|p| p.tag == tag::SEQUENCE) else {
            return Err(SignatureError::BadKey("DSA parameters are those of the issuer".into()));
        };
        let read = || {
            let mut fields = parameters.children()?;
            let (p, q, g) = (number(fields.any()?)?, number(fields.any()?)?, number(fields.any()?)?);
            fields.end()?;
            Ok((p, q, g, number(Value::parse(key, Rules::Der)?)?))
        };
        let (p, q, g, y) = read().map_err(bad)?;
        if !SIZES.contains(&(p.bits(), q.bits())) {
            return Err(SignatureError::BadKey(format!(
                "DSA with p of {} and q of {} bits",
                p.bits(),
                q.bits()
            )));
        }
        let one = BigUint::from(1u8);
        if g <= one || g >= p || y <= one || y >= p {
            return Err(SignatureError::BadKey("DSA numbers outside their ranges".into()));
        }
        let components = Components::from_components(p, q, g);
        let components = components.map_err(|_| SignatureError::BadKey("DSA parameters".into()))?;
        Ok(Self { components, y })
    }

    /// Bits of p.
    pub fn bits(&self) -> usize {
        self.components.p().bits()
    }

    /// Verifies a DER `SEQUENCE { r, s }` over a digest, of which the leftmost bits count (FIPS 186-4 4.7).
    pub(super) fn verify(&self, hash: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let len = self.components.q().bits().div_ceil(8);
        let key = VerifyingKey::from_components(self.components.clone(), self.y.clone())
            .map_err(|_| SignatureError::BadKey("the DSA key is not in its group".into()))?;
        let pair = ec::sequence_of_two(signature, len).map_err(|_| SignatureError::Invalid)?;
        let (r, s) = pair.split_at_checked(len).ok_or(SignatureError::Invalid)?;
        Signature::from_components(BigUint::from_bytes_be(r), BigUint::from_bytes_be(s))
            .and_then(|signature| key.verify_prehash(hash, &signature))
            .map_err(|_| SignatureError::Invalid)
    }
}

/// A positive INTEGER of at most 3072 bits.
fn number(value: Value<'_>) -> Result<BigUint, Asn1Error> {
    match value.integer(385)? {
        [first, ..] if first & 0x80 != 0 => Err(Asn1Error::Content("positive integer")),
        octets => Ok(BigUint::from_bytes_be(octets)),
    }
}
