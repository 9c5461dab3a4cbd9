//! What the signatures of one file may cost together.

use crate::pdf::syntax::Dict;
use crate::x509::signature::Work;

/// Public-key checks of the signatures and time stamps of one file, in P-256 verifications.
const MAX_WORK: u32 = 450;

/// What the signatures of one file may still cost.
pub(super) struct Budget {
    /// Octets to hash: honest files have a handful of signatures.
    pub octets: usize,
    /// Public-key checks.
    pub work: Work,
}

/// Too many octets would have to be hashed.
pub(super) struct TooMuchHashing;

impl Budget {
    /// For a file of this length.
    pub(super) fn of_file(length: usize) -> Self {
        Self { octets: length.saturating_mul(16).max(24 << 20), work: Work::new(MAX_WORK) }
    }

    /// Pays for the digests of `covered` octets. adbe.x509.rsa_sha1 does not say with which of four algorithms they are made.
    pub(super) fn hash(&mut self, covered: usize, signature: &Dict) -> Result<(), TooMuchHashing> {
        let times = if signature.is_name("SubFilter", "adbe.x509.rsa_sha1") { 4 } else { 1 };
        self.octets = self.octets.checked_sub(covered.saturating_mul(times)).ok_or(TooMuchHashing)?;
        Ok(())
    }
}
