//! What verifying costs, and a bound on it for files whose keys strangers chose.

use super::{Curve, PublicKey, SignatureError};
use std::cell::Cell;

/// Octets whose hashing costs as much as one verification with P-256.
const OCTETS_PER_UNIT: usize = 64 << 10;

impl PublicKey {
    /// What one verification costs, in those with P-256: about a tenth of a millisecond each. Measured, rounded up.
    pub fn cost(&self) -> u32 {
        match self {
            Self::Rsa(key) => match (key.bits(), key.is_fast()) {
                (0..=2048, true) => 1,
                (2049..=4096, true) => 2,
                (_, true) => 5,
                (0..=2048, false) => 3,
                (2049..=4096, false) => 8,
                (_, false) => 30,
            },
            Self::Ec(curve, _) => match curve {
                Curve::P256 => 1,
                Curve::P224 | Curve::Secp256k1 => 6,
                Curve::P384 => 3,
                Curve::P521 | Curve::BrainpoolP256r1 => 6,
                Curve::BrainpoolP384r1 => 10,
            },
            Self::Ed25519(_) => 1,
            Self::Sm2(_) => 16,
            Self::Dsa(_) => 60,
        }
    }
}

/// What public-key verifications may still cost together, in those with P-256.
#[derive(Debug)]
pub struct Work(Cell<u32>);

impl Work {
    /// So many verifications with P-256, or fewer that cost more.
    pub const fn new(units: u32) -> Self {
        Self(Cell::new(units))
    }

    /// Pays for one verification over so many octets that are hashed for it alone.
    ///
    /// # Errors
    /// [`SignatureError::TooMuchWork`] when it is not to be had any more.
    pub fn take(&self, key: &PublicKey, octets: usize) -> Result<(), SignatureError> {
        let hashing = u32::try_from(octets / OCTETS_PER_UNIT).unwrap_or(u32::MAX);
        match self.0.get().checked_sub(key.cost().saturating_add(hashing)) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => {
                self.0.set(0);
                Err(SignatureError::TooMuchWork)
            }
        }
    }
}
