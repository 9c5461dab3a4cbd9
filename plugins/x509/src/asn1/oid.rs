//! Object identifiers of any size.

use super::read::{Asn1Error, Value};
use super::tag;
use const_oid::ObjectIdentifier;

/// An object identifier as it came. `const-oid`'s type, which code compares with, holds neither those of fewer than three octets (a
/// time-stamping authority uses policy 1.1.2) nor arcs of more than 32 bits (2.25, the arc of UUIDs).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnyOid(Vec<u8>);

impl AnyOid {
    /// The content octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same as `const-oid`'s type, if it can hold it.
    pub fn known(&self) -> Option<ObjectIdentifier> {
        ObjectIdentifier::from_bytes(&self.0).ok()
    }
}

impl PartialEq<ObjectIdentifier> for AnyOid {
    fn eq(&self, other: &ObjectIdentifier) -> bool {
        self.0 == other.as_bytes()
    }
}

impl From<ObjectIdentifier> for AnyOid {
    fn from(oid: ObjectIdentifier) -> Self {
        Self(oid.as_bytes().to_vec())
    }
}

impl Value<'_> {
    /// OBJECT IDENTIFIER of any size, up to 128 octets.
    ///
    /// # Errors
    /// When it is none.
    pub fn any_oid(self) -> Result<AnyOid, Asn1Error> {
        self.typed(tag::OID)?;
        let bad = Asn1Error::Content("object identifier");
        let begins_padded =
            self.content.split_inclusive(|b| b & 0x80 == 0).any(|arc| arc.first() == Some(&0x80));
        match self.content.last() {
            Some(last) if last & 0x80 == 0 && !begins_padded && self.content.len() <= 128 => {
                Ok(AnyOid(self.content.to_vec()))
            }
            _ => Err(bad),
        }
    }
}

/// Dotted decimal; an arc above 128 bits is shown as `*`.
impl std::fmt::Display for AnyOid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, arc) in self.0.split_inclusive(|b| b & 0x80 == 0).enumerate() {
            let value = arc.iter().try_fold(0u128, |n, b| Some(n.checked_mul(128)? | u128::from(b & 0x7f)));
            match (position, value) {
                (0, Some(first)) => {
                    let root = (first / 40).min(2);
                    write!(f, "{root}.{}", first - 40 * root)?;
                }
                (0, None) => f.write_str("2.*")?,
                (_, Some(arc)) => write!(f, ".{arc}")?,
                (_, None) => f.write_str(".*")?,
            }
        }
        Ok(())
    }
}
