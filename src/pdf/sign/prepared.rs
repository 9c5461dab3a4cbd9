//! The two-step: an update with an empty `/Contents`, then the same with the CMS in it, and the look at what was added.

use super::SignError;
use crate::pdf::hash::PrefixHash;
use crate::pdf::syntax::{Limits, Object, Parser};
use crate::pdf::update::Tail;
use std::ops::Range;

/// An update with an empty `/Contents`, waiting for the CMS.
#[derive(Debug)]
pub struct Prepared {
    update: Unsigned,
}

/// A finished update: the signed file is the input followed by [`Signed::tail`].
#[derive(Debug)]
pub struct Signed {
    update: Unsigned,
}

#[derive(Debug)]
struct Unsigned {
    tail: Vec<u8>,
    hole: Range<usize>,
    byte_range_at: Range<usize>,
    byte_range: [u64; 4],
    digest: Vec<u8>,
    prefix: PrefixHash,
}

impl Prepared {
    pub(super) fn new(tail: Tail, prefix: &PrefixHash) -> Self {
        let Tail { bytes, hole, byte_range_at, byte_range } = tail;
        let digest = digest_around(&bytes, &hole, prefix);
        let prefix = prefix.clone();
        Self { update: Unsigned { tail: bytes, hole, byte_range_at, byte_range, digest, prefix } }
    }

    /// The digest over the `/ByteRange`, to be signed (messageDigest of the CMS, or the imprint of a time stamp).
    pub fn digest(&self) -> &[u8] {
        &self.update.digest
    }

    /// Room for the CMS in bytes.
    pub fn room(&self) -> usize {
        self.update.hole.len().saturating_sub(2) / 2
    }

    /// Puts the CMS (DER) into the hole, padded with zeros.
    ///
    /// # Errors
    /// [`SignError::Overflow`] when it does not fit.
    pub fn embed(self, cms: &[u8]) -> Result<Signed, SignError> {
        let reserved = self.room();
        if cms.len() > reserved {
            return Err(SignError::Overflow { needed: cms.len(), reserved });
        }
        let mut update = self.update;
        let inside = update.hole.start + 1..update.hole.end.saturating_sub(1);
        if let Some(room) = update.tail.get_mut(inside) {
            for (pair, byte) in room.chunks_exact_mut(2).zip(cms) {
                const DIGITS: [u8; 16] = *b"0123456789abcdef";
                let digit = |n: u8| DIGITS.get(usize::from(n)).copied().unwrap_or(b'0');
                pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
        }
        Ok(Signed { update })
    }
}

impl Signed {
    /// The bytes to append to the input.
    pub fn tail(&self) -> &[u8] {
        &self.update.tail
    }

    /// The digest that was signed.
    pub fn digest(&self) -> &[u8] {
        &self.update.digest
    }

    /// `/ByteRange` as written.
    pub fn byte_range(&self) -> [u64; 4] {
        self.update.byte_range
    }

    /// The tail, and the hash state over the whole signed file, for a further update (DSS, document time stamp).
    pub fn into_prefix(self) -> (Vec<u8>, PrefixHash) {
        let prefix = self.update.prefix.followed_by(&self.update.tail);
        (self.update.tail, prefix)
    }

    /// The self-check of invariant 5, on the bytes as they will be written: `/ByteRange` begins at 0, spans exactly the
    /// file but the hole, the hole holds exactly `cms` and zeros, and the digest over the ranges is the one that was
    /// signed. The input enters through its hash state and is not hashed again.
    ///
    /// # Errors
    /// [`SignError::SelfCheck`]: nothing may be released then.
    pub fn check(&self, cms: &[u8]) -> Result<(), SignError> {
        let failed = |what: &str| Err(SignError::SelfCheck(what.to_owned()));
        let u = &self.update;
        let read = |range: &Range<usize>| {
            let bytes = u.tail.get(range.clone()).unwrap_or_default();
            Parser::new(bytes, 0, &Limits::default()).object().map_err(SignError::Syntax)
        };
        let numbers: Vec<u64> = match read(&u.byte_range_at)? {
            Object::Array(items) => {
                items.iter().filter_map(Object::as_integer).filter_map(|n| u64::try_from(n).ok()).collect()
            }
            _ => return failed("/ByteRange is no array"),
        };
        let input = u.prefix.hashed_bytes();
        let at = |n: usize| u64::try_from(n).ok().and_then(|n| input.checked_add(n));
        let (Some(before), Some(after), Some(end)) = (at(u.hole.start), at(u.hole.end), at(u.tail.len()))
        else {
            return failed("offsets overflow");
        };
        if numbers != [0, before, after, end - after] {
            return failed("/ByteRange does not span the file but its hole");
        }
        let Object::String(contents) = read(&u.hole)? else { return failed("/Contents is no string") };
        let Some((value, padding)) = contents.as_bytes().split_at_checked(cms.len()) else {
            return failed("/Contents is too short");
        };
        if value != cms || padding.iter().any(|&b| b != 0) {
            return failed("/Contents does not hold the signature and zeros");
        }
        if digest_around(&u.tail, &u.hole, &u.prefix) != u.digest {
            return failed("the bytes changed after they were signed");
        }
        Ok(())
    }
}

fn digest_around(tail: &[u8], hole: &Range<usize>, prefix: &PrefixHash) -> Vec<u8> {
    let before = tail.get(..hole.start).unwrap_or_default();
    let after = tail.get(hole.end..).unwrap_or_default();
    prefix.clone().followed_by(before).followed_by(after).digest()
}
