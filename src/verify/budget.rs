//! What the signatures of one file may cost together.

use crate::x509::signature::{Digest, Hasher, Work};

/// Public-key checks of the signatures and time stamps of one file, in P-256 verifications.
const MAX_WORK: u32 = 450;
/// Octets of hashing that every file may ask for; a larger one sixteen times its length.
const MIN_OCTETS: usize = 16 << 20;

/// The bytes that one signature covers: all up to `end` but its hole.
#[derive(Clone, Copy)]
pub(super) struct Covered<'a> {
    pub bytes: &'a [u8],
    pub hole: (usize, usize),
    pub end: usize,
}

impl<'a> Covered<'a> {
    /// Before the hole and behind it.
    pub(super) fn pieces(&self) -> [&'a [u8]; 2] {
        let (first, second) = self.hole;
        [self.bytes.get(..first).unwrap_or_default(), self.bytes.get(second..self.end).unwrap_or_default()]
    }
}

/// What the signatures of one file may still cost. Signatures one behind the other cover the same beginning: it is hashed once for
/// all of them.
pub(super) struct Budget {
    /// Octets to hash.
    octets: usize,
    /// Public-key checks.
    pub work: Work,
    /// Hashes of the file's beginning, up to where the holes so far begin.
    begun: Vec<(Digest, usize, Hasher)>,
}

/// Too many octets would have to be hashed.
#[derive(Debug)]
pub(super) struct TooMuchHashing;

impl Budget {
    /// For a file of this length.
    pub(super) fn of_file(length: usize) -> Self {
        let octets = length.saturating_mul(16).max(MIN_OCTETS);
        Self { octets, work: Work::new(MAX_WORK), begun: Vec::new() }
    }

    /// Pays for hashing so many octets.
    pub(super) fn hash(&mut self, octets: usize) -> Result<(), TooMuchHashing> {
        self.octets = self.octets.checked_sub(octets).ok_or(TooMuchHashing)?;
        Ok(())
    }

    /// The digest of what a signature covers.
    pub(super) fn digest(&mut self, covered: Covered<'_>, digest: Digest) -> Result<Vec<u8>, TooMuchHashing> {
        let [before, behind] = covered.pieces();
        let begun = self.begun.iter().filter(|(made, at, _)| *made == digest && *at <= before.len());
        let (at, mut hasher) = begun
            .max_by_key(|(_, at, _)| *at)
            .map_or_else(|| (0, Hasher::new(digest)), |(_, at, hasher)| (*at, hasher.clone()));
        let rest = before.get(at..).unwrap_or_default();
        self.hash(rest.len() + behind.len())?;
        hasher.update(rest);
        if !rest.is_empty() {
            self.begun.push((digest, before.len(), hasher.clone()));
        }
        hasher.update(behind);
        Ok(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_beginning_is_hashed_once_and_the_digests_are_those_of_the_pieces() {
        let bytes: Vec<u8> =
            (0..4u32 << 20).map(|n| n.to_le_bytes().into_iter().fold(7, u8::wrapping_add)).collect();
        let mut budget = Budget::of_file(bytes.len());
        let whole = budget.octets;
        for (n, digest) in
            [Digest::Sha256, Digest::Sm3, Digest::Sha256, Digest::Sha256].into_iter().enumerate()
        {
            let first = bytes.len() - 4000 + 900 * n;
            let covered = Covered { bytes: &bytes, hole: (first, first + 300), end: first + 800 };
            assert_eq!(budget.digest(covered, digest).unwrap(), digest.of(&covered.pieces().concat()));
        }
        let earlier = Covered { bytes: &bytes, hole: (10, 20), end: 30 };
        assert_eq!(
            budget.digest(earlier, Digest::Sha256).unwrap(),
            Digest::Sha256.of(&earlier.pieces().concat())
        );
        // Once with each of two algorithms.
        assert!(whole - budget.octets < 2 * bytes.len() + 4000);
    }

    #[test]
    fn hashing_ends() {
        let bytes = vec![0; 1 << 20];
        let mut budget = Budget::of_file(bytes.len());
        let covered = Covered { bytes: &bytes, hole: (0, 1), end: bytes.len() };
        let made = (0..100).take_while(|_| budget.digest(covered, Digest::Sha256).is_ok()).count();
        assert_eq!(made, 16);
    }
}
