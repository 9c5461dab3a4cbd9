//! Randomness for serial numbers and nonces.

/// The random generator gave nothing; whatever needed it must fail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes to be had")]
pub struct EntropyError;

/// A cryptographically secure source of random bytes. Keys come from the token, never from here.
pub trait Entropy: Send + Sync {
    /// Fills `out` with random bytes.
    ///
    /// # Errors
    /// [`EntropyError`]; `out` must not be used then.
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError>;
}
