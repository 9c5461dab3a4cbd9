//! Before strangers' DER goes to the `der` crate: it makes room for a value of the length that was announced, up to 256 MiB, before it
//! looks whether there is so much.

use der::{Decode, ErrorKind, Tag};

/// Values within each other, at most.
const MAX_DEPTH: usize = 64;

/// Reads `octets` as a `T` if every length in them stays within what contains it.
///
/// # Errors
/// As the `der` crate's, and for lengths beyond what is there.
pub(crate) fn decode<'a, T: Decode<'a>>(octets: &'a [u8]) -> der::Result<T> {
    if !fits(octets, MAX_DEPTH) {
        return Err(ErrorKind::Length { tag: Tag::Sequence }.into());
    }
    T::from_der(octets)
}

fn fits(mut octets: &[u8], depth: usize) -> bool {
    while !octets.is_empty() {
        let Some((constructed, content, rest)) = first(octets) else { return false };
        if constructed && (depth == 0 || !fits(content, depth - 1)) {
            return false;
        }
        octets = rest;
    }
    true
}

/// Whether the first value is constructed, its content, and what follows it. Tags of one octet, definite lengths (X.690, 8.1.3).
fn first(octets: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let (&tag, rest) = octets.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (big_endian, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        if big_endian.is_empty() || big_endian.len() > 4 {
            return None;
        }
        (big_endian.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag & 0x20 != 0, content, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use der::asn1::Utf8StringRef;

    #[test]
    fn a_length_beyond_what_is_there_is_refused_before_room_is_made() {
        assert_eq!(decode::<Utf8StringRef<'_>>(b"\x0c\x02ab").unwrap().as_str(), "ab");
        assert!(fits(b"\x30\x04\x0c\x02ab", 1));
        assert!(!fits(b"\x30\x04\x0c\x02ab", 0));
        assert!(!fits(b"\x30\x06\x0c\x84\x0c\xc0\x00\x00", 64));
        assert!(!fits(b"\x30\x80\x00\x00", 64));
        assert!(fits(b"", 64));
    }
}
