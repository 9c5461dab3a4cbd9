//! Receipts: how the log's writer proves to a token worker that a use of a key is on record.

use super::{RecordNumber, Use};
use crate::keys::{Generation, KeyId, Purpose};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Separates this MAC from every other use of HMAC-SHA256.
const DOMAIN: &[u8; 16] = b"hufu receipt v1\0";

/// The key that the supervisor gives to the log's writer and the token workers and to nobody else.
#[derive(Clone)]
pub struct ReceiptKey(Zeroizing<[u8; 32]>);

impl ReceiptKey {
    /// From 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl std::fmt::Debug for ReceiptKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiptKey(…)")
    }
}

/// Proof for one token worker that one use of one key is on record: HMAC-SHA256 under the [`ReceiptKey`] over all other
/// fields and the use's key, purpose and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The intent's record number.
    pub number: RecordNumber,
    /// Which of the intent's uses, from 0.
    pub index: u16,
    /// The only worker process that accepts it.
    pub generation: Generation,
    /// Milliseconds since the epoch after which the worker refuses it.
    pub expires: i64,
    /// The MAC.
    pub mac: [u8; 32],
}

/// Why a receipt does not prove what it should. That each (number, index) is accepted once is the worker's to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It was made for another worker process.
    #[error("receipt is for another worker generation")]
    Generation,
    /// It is past its time.
    #[error("receipt has expired")]
    Expired,
    /// The MAC is wrong: forged, or for another key, purpose or input.
    #[error("receipt does not match key, purpose and input")]
    Forged,
}

impl Receipt {
    /// Made by the log's writer, once record `number` is on disk, for its use `index`.
    pub fn issue(key: &ReceiptKey, number: RecordNumber, index: u16, r#use: &Use, expires: i64) -> Self {
        let mut receipt = Self { number, index, generation: r#use.generation, expires, mac: [0; 32] };
        if let Some(mac) = receipt.authenticate(key, r#use.key, r#use.purpose, &r#use.digest) {
            receipt.mac = mac.finalize().into_bytes().into();
        }
        receipt
    }

    /// Checks it in a worker of `generation` that is asked at `now` (ms since the epoch) to use `key` for `purpose` on the structure
    /// whose SHA-256 is `digest`.
    ///
    /// # Errors
    /// See [`ReceiptError`].
    pub fn check(
        &self,
        receipt_key: &ReceiptKey,
        generation: Generation,
        key: KeyId,
        purpose: Purpose,
        digest: &[u8; 32],
        now: i64,
    ) -> Result<(), ReceiptError> {
        let mac = self.authenticate(receipt_key, key, purpose, digest).ok_or(ReceiptError::Forged)?;
        mac.verify_slice(&self.mac).map_err(|_| ReceiptError::Forged)?;
        if self.generation != generation {
            return Err(ReceiptError::Generation);
        }
        if now > self.expires {
            return Err(ReceiptError::Expired);
        }
        Ok(())
    }

    /// All fields have a fixed length, so the concatenation is unambiguous. HMAC takes a key of any length: always `Some`.
    fn authenticate(
        &self,
        key: &ReceiptKey,
        id: KeyId,
        purpose: Purpose,
        digest: &[u8; 32],
    ) -> Option<Hmac<Sha256>> {
        let purpose = match purpose {
            Purpose::Signer => 1_u8,
            Purpose::Ca => 2,
            Purpose::Tsa => 3,
            Purpose::Audit => 4,
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(key.0.as_slice()).ok()?;
        mac.update(DOMAIN);
        mac.update(&self.generation.0.to_be_bytes());
        mac.update(&self.number.to_be_bytes());
        mac.update(&self.index.to_be_bytes());
        mac.update(&self.expires.to_be_bytes());
        mac.update(&id.0);
        mac.update(&[purpose]);
        mac.update(digest);
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::redundant_clone)]
    use super::*;

    fn sample() -> (ReceiptKey, Use) {
        let r#use = Use {
            digest: [7; 32],
            generation: Generation(42),
            key: KeyId([9; 16]),
            purpose: Purpose::Signer,
        };
        (ReceiptKey::new([1; 32]), r#use)
    }

    #[test]
    fn proves_exactly_what_was_recorded() {
        let (key, u) = sample();
        let receipt = Receipt::issue(&key, 5, 0, &u, 1_000);
        let check = |r: &Receipt| r.check(&key, u.generation, u.key, u.purpose, &u.digest, 1_000);
        assert_eq!(check(&receipt), Ok(()));
        assert_eq!(check(&Receipt { number: 6, ..receipt.clone() }), Err(ReceiptError::Forged));
        assert_eq!(check(&Receipt { index: 1, ..receipt.clone() }), Err(ReceiptError::Forged));
        assert_eq!(check(&Receipt { expires: 2_000, ..receipt.clone() }), Err(ReceiptError::Forged));
        assert_eq!(
            check(&Receipt { generation: Generation(43), ..receipt.clone() }),
            Err(ReceiptError::Forged)
        );
        let other = ReceiptKey::new([2; 32]);
        let at = |k: &ReceiptKey, g, id, p, d: &[u8; 32], now| receipt.check(k, g, id, p, d, now);
        assert_eq!(at(&other, u.generation, u.key, u.purpose, &u.digest, 0), Err(ReceiptError::Forged));
        assert_eq!(
            at(&key, u.generation, KeyId([8; 16]), u.purpose, &u.digest, 0),
            Err(ReceiptError::Forged)
        );
        assert_eq!(at(&key, u.generation, u.key, Purpose::Ca, &u.digest, 0), Err(ReceiptError::Forged));
        assert_eq!(at(&key, u.generation, u.key, u.purpose, &[8; 32], 0), Err(ReceiptError::Forged));
        assert_eq!(at(&key, Generation(43), u.key, u.purpose, &u.digest, 0), Err(ReceiptError::Generation));
        assert_eq!(at(&key, u.generation, u.key, u.purpose, &u.digest, 1_001), Err(ReceiptError::Expired));
    }

    #[test]
    fn the_key_never_shows() {
        assert_eq!(format!("{:?}", sample().0), "ReceiptKey(…)");
    }
}
