//! The worker's protocol.

use crate::audit::Receipt;
use crate::keys::{GenerateSpec, Generated, KeyError, StoredKey, ToBeSigned};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret on its way to or from the token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A call of a worker. What uses a key pair carries a receipt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum TokenRequest {
    /// Make a key pair and its certification request.
    Generate(Receipt, GenerateSpec),
    /// Sign a structure.
    Sign(Receipt, StoredKey, ToBeSigned),
    /// Destroy a key pair.
    Destroy(Receipt, StoredKey),
    /// Encrypt a small secret under the state key, bound to a context.
    Protect(String, Secret),
    /// Undo it.
    Reveal(String, Vec<u8>),
    /// Random octets.
    Random(u32),
    /// Sign with the worker's own test key.
    Health,
}

/// What a worker answers.
pub type TokenAnswer = Result<TokenDone, KeyError>;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenDone {
    /// A key pair.
    Generated(Generated),
    /// A signature, or random octets, or a protected secret.
    Octets(Vec<u8>),
    /// A revealed secret.
    Revealed(Secret),
    /// A test signature was made; whether the worker's process is confined.
    Well {
        /// It sees nothing of the appliance's but its token's, and may not reach into other processes.
        confined: bool,
    },
    /// Done, nothing to give.
    Done,
}
