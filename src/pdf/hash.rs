//! Digests over a document's bytes, with the state after the input kept, so that a file of any size is hashed once.

use hufu_api::HashAlgorithm;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A running digest that can be forked.
#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

/// The hash state after all bytes of a document: forked for the signature's digest and again for the self-check.
#[derive(Clone)]
pub struct PrefixHash {
    state: State,
    len: u64,
}

impl std::fmt::Debug for PrefixHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrefixHash").field("algorithm", &self.algorithm()).field("len", &self.len).finish()
    }
}

impl PrefixHash {
    /// Hashes `document` with `algorithm`: the one pass over the input that a signature needs.
    pub fn of(algorithm: HashAlgorithm, document: &[u8]) -> Self {
        let state = match algorithm {
            HashAlgorithm::Sha256 => State::Sha256(Sha256::new()),
            HashAlgorithm::Sha384 => State::Sha384(Sha384::new()),
            HashAlgorithm::Sha512 => State::Sha512(Sha512::new()),
        };
        Self { state, len: 0 }.followed_by(document)
    }

    /// The state after `tail` as well, for the next incremental update on the same document.
    #[must_use]
    pub fn followed_by(mut self, tail: &[u8]) -> Self {
        match &mut self.state {
            State::Sha256(s) => s.update(tail),
            State::Sha384(s) => s.update(tail),
            State::Sha512(s) => s.update(tail),
        }
        self.len = self.len.saturating_add(u64::try_from(tail.len()).unwrap_or(u64::MAX));
        self
    }

    /// The digest of everything so far.
    pub fn digest(self) -> Vec<u8> {
        match self.state {
            State::Sha256(s) => s.finalize().to_vec(),
            State::Sha384(s) => s.finalize().to_vec(),
            State::Sha512(s) => s.finalize().to_vec(),
        }
    }

    /// Which hash this is.
    pub fn algorithm(&self) -> HashAlgorithm {
        match self.state {
            State::Sha256(_) => HashAlgorithm::Sha256,
            State::Sha384(_) => HashAlgorithm::Sha384,
            State::Sha512(_) => HashAlgorithm::Sha512,
        }
    }

    /// How many bytes went in.
    pub fn hashed_bytes(&self) -> u64 {
        self.len
    }
}
