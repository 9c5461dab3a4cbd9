//! The Merkle tree of RFC 6962 2.1, over SHA-256.

use sha2::{Digest, Sha256};

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// Hash of a leaf: SHA-256(0x00 ‖ record) (RFC 6962 2.1).
pub fn leaf_hash(record: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(record).finalize().into()
}

/// Hash of an inner node: SHA-256(0x01 ‖ left ‖ right) (RFC 6962 2.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Why a proof could not be made or does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf or the older tree is not in the tree.
    #[error("not in a tree of {0} records")]
    OutOfRange(u64),
    /// The proof leads to another root.
    #[error("proof does not lead to the root")]
    Mismatch,
    /// A hash that the proof needs cannot be had.
    #[error("missing hash: {0}")]
    Missing(String),
}

/// The perfect subtrees that make up a tree, left to right: all that appending needs.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Range {
    size: u64,
    /// One for each set bit of `size`, highest first.
    peaks: Vec<Hash>,
}

impl Range {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// From its parts; `None` if their number does not fit the size.
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        (usize::try_from(size.count_ones()).ok()? == peaks.len()).then_some(Self { size, peaks })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The subtrees' hashes, one for each set bit of the size, highest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing one bit of the size is a subtree that now becomes a left half.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The tree head (RFC 6962 2.1).
    pub fn root(&self) -> Hash {
        let folded = self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        folded.unwrap_or_else(empty_root)
    }

    /// `size ‖ peaks`, for storing.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        bytes.extend(self.peaks.iter().flatten());
        bytes
    }

    /// Undoes [`Range::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (size, rest) = bytes.split_first_chunk()?;
        let (peaks, rest) = rest.as_chunks::<32>();
        if rest.is_empty() { Self::from_parts(u64::from_be_bytes(*size), peaks.to_vec()) } else { None }
    }
}

/// Where hashes of perfect subtrees come from.
pub trait HashSource {
    /// Hash of the subtree over leaves `index · 2^height` up to `(index + 1) · 2^height`.
    ///
    /// # Errors
    /// [`ProofError::Missing`].
    fn subtree(&self, height: u32, index: u64) -> Result<Hash, ProofError>;
}

/// MTH(D\[from:to\]) of RFC 6962 2.1, where `from` is a multiple of the largest subtree inside.
fn range_hash(source: &dyn HashSource, from: u64, to: u64) -> Result<Hash, ProofError> {
    let mut peaks = Vec::new();
    let mut at = from;
    while at < to {
        let height = (to - at).ilog2();
        peaks.push(source.subtree(height, at >> height)?);
        at += 1 << height;
    }
    let folded = peaks.into_iter().rev().reduce(|right, left| node_hash(&left, &right));
    Ok(folded.unwrap_or_else(empty_root))
}

/// The tree head over the first `size` leaves.
///
/// # Errors
/// [`ProofError::Missing`].
pub fn root(source: &dyn HashSource, size: u64) -> Result<Hash, ProofError> {
    range_hash(source, 0, size)
}

/// The largest power of two below `n` (RFC 6962 2.1: k < n ≤ 2k).
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// Inclusion proof of leaf `number` in the tree of `size` leaves: PATH(m, D\[n\]) of RFC 6962 2.1.1, leaf to root.
///
/// # Errors
/// See [`ProofError`].
pub fn inclusion(source: &dyn HashSource, number: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
    if number >= size {
        return Err(ProofError::OutOfRange(size));
    }
    let (mut from, mut to) = (0, size);
    let mut path = Vec::new();
    while to - from > 1 {
        let middle = from + split(to - from);
        if number < middle {
            path.push(range_hash(source, middle, to)?);
            to = middle;
        } else {
            path.push(range_hash(source, from, middle)?);
            from = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// Checks an inclusion proof (RFC 9162 2.1.3.2).
///
/// # Errors
/// See [`ProofError`].
pub fn verify_inclusion(
    leaf: &Hash,
    number: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if number >= size {
        return Err(ProofError::OutOfRange(size));
    }
    let (mut node, mut last, mut hash) = (number, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Mismatch);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(ProofError::Mismatch) }
}

/// Consistency proof from the tree of `old` leaves to that of `new`: PROOF(m, D\[n\]) of RFC 6962 2.1.2.
///
/// # Errors
/// See [`ProofError`].
pub fn consistency(source: &dyn HashSource, old: u64, new: u64) -> Result<Vec<Hash>, ProofError> {
    if old > new {
        return Err(ProofError::OutOfRange(new));
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut from, mut to) = (0, new);
    let mut proof = Vec::new();
    while to != old {
        let middle = from + split(to - from);
        if old <= middle {
            proof.push(range_hash(source, middle, to)?);
            to = middle;
        } else {
            proof.push(range_hash(source, from, middle)?);
            from = middle;
        }
    }
    // The old tree's own root is known to the verifier when it is the left edge itself.
    if from != 0 {
        proof.push(range_hash(source, from, to)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks a consistency proof (RFC 9162 2.1.4.2).
///
/// # Errors
/// See [`ProofError`].
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::OutOfRange(new));
    }
    if old == new || old == 0 {
        let holds = proof.is_empty()
            && (old != new || old_root == new_root)
            && (old != 0 || *old_root == empty_root());
        return if holds { Ok(()) } else { Err(ProofError::Mismatch) };
    }
    let seed: &[Hash] = if old.is_power_of_two() { std::slice::from_ref(old_root) } else { &[] };
    let mut hashes = seed.iter().chain(proof);
    let first = hashes.next().ok_or(ProofError::Mismatch)?;
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in hashes {
        if last == 0 {
            return Err(ProofError::Mismatch);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    let holds = last == 0 && old_hash == *old_root && new_hash == *new_root;
    if holds { Ok(()) } else { Err(ProofError::Mismatch) }
}

#[cfg(test)]
#[path = "merkle_tests.rs"]
mod tests;
