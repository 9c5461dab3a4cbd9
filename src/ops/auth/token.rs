//! The 长效令牌: what it says, under an HMAC-SHA256. Nothing about it is stored, so it survives a restart.

use crate::ops::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use hufu_api::UnixTime;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Token {
    pub(super) app: String,
    pub(super) signer: Option<u64>,
    /// The app's epoch when it was made.
    pub(super) epoch: u64,
    /// SHA-256 of the SPKI of the client certificate that logged in.
    pub(super) client: Option<[u8; 32]>,
    pub(super) expires: UnixTime,
}

/// Distinguishes this format from any later one, under the MAC.
const VERSION: u8 = 1;
const MAC: usize = 32;
/// An app id of 64 bytes and everything else at its longest stay well below.
const LONGEST: usize = 512;

fn mac(key: &[u8; 32]) -> Result<Hmac<Sha256>> {
    Hmac::new_from_slice(key).map_err(Error::internal)
}

impl Token {
    /// The header's text.
    pub(super) fn seal(&self, key: &[u8; 32]) -> Result<String> {
        let mut bytes = vec![VERSION];
        bytes.extend(postcard::to_stdvec(self).map_err(Error::internal)?);
        let tag = mac(key)?.chain_update(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a header; `None` for anything that this key did not seal.
    pub(super) fn open(text: &str, key: &[u8; 32]) -> Option<Self> {
        if text.is_empty() || text.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (said, tag) = bytes.split_at_checked(bytes.len().checked_sub(MAC)?)?;
        mac(key).ok()?.chain_update(said).verify_slice(tag).ok()?;
        match said {
            [VERSION, rest @ ..] => postcard::from_bytes(rest).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn token() -> Token {
        Token {
            app: "2018051800000000".into(),
            signer: Some(7),
            epoch: 3,
            client: Some([9; 32]),
            expires: UnixTime::from_seconds(1_700_000_000),
        }
    }

    #[test]
    fn what_is_sealed_opens_again() {
        let text = token().seal(&[1; 32]).unwrap();
        assert_eq!(Token::open(&text, &[1; 32]), Some(token()));
    }

    #[test]
    fn another_key_does_not_open_it() {
        let text = token().seal(&[1; 32]).unwrap();
        assert_eq!(Token::open(&text, &[2; 32]), None);
    }

    #[test]
    fn no_changed_character_passes() {
        let text = token().seal(&[1; 32]).unwrap();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(Token::open(&changed, &[1; 32]), None, "at {at}");
        }
        for junk in ["", "x", "????", &"A".repeat(2_000)] {
            assert_eq!(Token::open(junk, &[1; 32]), None);
        }
    }
}
