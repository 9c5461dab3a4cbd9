//! Randomness from the operating system, through the same library as TLS.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use hufu_api::{Entropy, EntropyError};

/// The operating system's generator. Serial numbers and nonces come from here; keys never do.
#[derive(Debug, Default)]
pub struct OsEntropy(SystemRandom);

impl Entropy for OsEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(out).map_err(|_| EntropyError)
    }
}
