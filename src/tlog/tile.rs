//! C2SP tlog-tiles: where hashes and records lie in files.
//!
//! Tile N of level L holds the hashes of 256 subtrees of height 8·L, from subtree 256·N on; an entry bundle holds the records
//! themselves, each behind its length (u16, big-endian). A full tile never changes. A partial one, of width W, has `.p/W` behind its
//! name and exists only in exports.

use super::merkle::{Hash, Range};

/// Hashes or records in a full tile.
pub const WIDTH: u64 = 256;
/// Height of a tile: 2⁸ = 256.
pub const HEIGHT: u32 = 8;

/// `tile/L/x001/x234/567`, or with `.p/W` for a partial tile of `width` < 256.
pub fn hash_tile(level: u32, index: u64, width: u64) -> String {
    format!("tile/{level}/{}", numbered(index, width))
}

/// `tile/entries/x001/x234/567`, or with `.p/W`.
pub fn entry_bundle(index: u64, width: u64) -> String {
    format!("tile/entries/{}", numbered(index, width))
}

/// Three digits a folder, all but the last with an `x`.
fn numbered(index: u64, width: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    if width < WIDTH { format!("{path}.p/{width}") } else { path }
}

/// Root of a full tile: the hash of its 256 subtrees as one.
pub fn tile_root(hashes: &[Hash]) -> Hash {
    let mut range = Range::new();
    hashes.iter().for_each(|hash| range.push(*hash));
    range.root()
}

/// The hashes of a tile file; `None` if it is not a whole number of them, at most 256.
pub fn parse_hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    (rest.is_empty() && hashes.len() <= 256).then(|| hashes.to_vec())
}

/// Records as an entry bundle; `None` if one is longer than 65,535 bytes.
pub fn bundle<'a>(records: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for record in records {
        bytes.extend(u16::try_from(record.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(record);
    }
    Some(bytes)
}

/// The records of an entry bundle; `None` if it is cut short or holds more than 256.
pub fn parse_bundle(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let (record, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        records.push(record.to_vec());
        bytes = rest;
    }
    (records.len() <= 256).then_some(records)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(hash_tile(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(hash_tile(1, 0, 256), "tile/1/000");
        assert_eq!(hash_tile(0, 273, 112), "tile/0/273.p/112");
        assert_eq!(entry_bundle(1_000, 256), "tile/entries/x001/000");
    }

    #[test]
    fn bundles_come_back() {
        let records: Vec<Vec<u8>> = vec![b"".to_vec(), b"a".to_vec(), vec![7; 65_535]];
        let bytes = bundle(records.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(parse_bundle(&bytes), Some(records));
        assert_eq!(parse_bundle(bytes.split_last().unwrap().1), None);
        assert_eq!(bundle([vec![0; 65_536].as_slice()]), None);
        assert_eq!(parse_bundle(&[0; 2 * 257]), None);
    }

    #[test]
    fn a_tile_is_a_whole_number_of_hashes() {
        assert_eq!(parse_hashes(&[7; 64]), Some(vec![[7; 32]; 2]));
        assert_eq!(parse_hashes(&[7; 63]), None);
        assert_eq!(parse_hashes(&[7; 257 * 32]), None);
    }
}
