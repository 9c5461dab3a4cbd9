//! Who may ask for time stamps at the API's own listener: clients by their TLS certificate.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A client, as configuration writes it: `any`, or SHA-256 of its certificate's SubjectPublicKeyInfo in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum StampClient {
    /// Whoever shows a certificate of the clients' CA.
    Any,
    /// Whoever has this key.
    Key([u8; 32]),
}

/// Not a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no client; write any, or the 64 hexadecimal digits of SHA-256 over its SubjectPublicKeyInfo"
)]
pub struct StampClientError(String);

impl FromStr for StampClient {
    type Err = StampClientError;

    fn from_str(text: &str) -> Result<Self, StampClientError> {
        if text == "any" {
            return Ok(Self::Any);
        }
        let mut key = [0; 32];
        let plain = text.replace(':', "");
        hex::decode_to_slice(plain, &mut key).map_err(|_| StampClientError(text.to_owned()))?;
        Ok(Self::Key(key))
    }
}

impl TryFrom<String> for StampClient {
    type Error = StampClientError;

    fn try_from(text: String) -> Result<Self, StampClientError> {
        text.parse()
    }
}

impl From<StampClient> for String {
    fn from(client: StampClient) -> Self {
        match client {
            StampClient::Any => "any".to_owned(),
            StampClient::Key(key) => hex::encode(key),
        }
    }
}

impl StampClient {
    /// Whether a peer with this certificate's key (none: it showed no certificate) is meant.
    pub fn admits(&self, shown: Option<[u8; 32]>) -> bool {
        match (self, shown) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Key(key), Some(shown)) => *key == shown,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn clients_are_known_by_their_key() {
        let key = "ab".repeat(32);
        let one: StampClient = key.parse().unwrap();
        assert_eq!(one, key.to_uppercase().parse().unwrap());
        assert!(one.admits(Some([0xab; 32])) && !one.admits(Some([0xac; 32])) && !one.admits(None));
        let any: StampClient = "any".parse().unwrap();
        assert!(any.admits(Some([1; 32])) && !any.admits(None), "without a certificate nobody is known");
        for text in ["", "anybody", "ab", &"zz".repeat(32), &"ab".repeat(33)] {
            assert!(text.parse::<StampClient>().is_err(), "{text}");
        }
    }
}
