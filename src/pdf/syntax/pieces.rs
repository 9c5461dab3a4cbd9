//! The bytes of a file, which may lie in two places: what is there, and what is about to be appended to it.

use std::ops::Range;

/// A file whose end may not have been put together with its beginning, so that an update to a large input is looked at
/// without a copy of the input. What is read from the input ends with it: an input is a whole file before anything is appended.
#[derive(Clone, Copy, Debug)]
pub struct Pieces<'a> {
    input: &'a [u8],
    update: &'a [u8],
}

/// Bytes of a file from offset `base` on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    bytes: &'a [u8],
    base: usize,
}

impl<'a> Pieces<'a> {
    /// A file in one piece.
    pub fn whole(input: &'a [u8]) -> Self {
        Self { input, update: &[] }
    }

    /// `input` followed by `update`.
    pub fn updated(input: &'a [u8], update: &'a [u8]) -> Self {
        Self { input, update }
    }

    /// The input.
    pub fn input(&self) -> &'a [u8] {
        self.input
    }

    /// The update with `more` behind it, which is to follow the same input.
    pub fn update_and(&self, more: &[u8]) -> Vec<u8> {
        [self.update, more].concat()
    }

    /// Bytes of the file.
    pub fn len(&self) -> usize {
        self.input.len().saturating_add(self.update.len())
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last byte.
    pub fn last(&self) -> Option<u8> {
        self.update.last().or(self.input.last()).copied()
    }

    /// These bytes; `None` outside the file, and where input and update meet.
    pub fn get(&self, range: Range<usize>) -> Option<&'a [u8]> {
        self.at(range.start).get(range)
    }

    /// The piece that holds this offset.
    pub(crate) fn at(&self, offset: usize) -> Piece<'a> {
        if self.update.is_empty() || offset < self.input.len() {
            Piece { bytes: self.input, base: 0 }
        } else {
            self.end()
        }
    }

    /// The piece that the file ends with.
    pub(super) fn end(&self) -> Piece<'a> {
        match self.update {
            [] => Piece { bytes: self.input, base: 0 },
            update => Piece { bytes: update, base: self.input.len() },
        }
    }
}

impl<'a> Piece<'a> {
    /// The offset of its first byte.
    pub(super) fn start(self) -> usize {
        self.base
    }

    /// The offset behind its last byte.
    pub(super) fn end(self) -> usize {
        self.base.saturating_add(self.bytes.len())
    }

    /// The byte at an offset of the file.
    pub(super) fn byte(self, offset: usize) -> Option<u8> {
        self.bytes.get(offset.checked_sub(self.base)?).copied()
    }

    /// Bytes at offsets of the file.
    pub(super) fn get(self, range: Range<usize>) -> Option<&'a [u8]> {
        self.bytes.get(range.start.checked_sub(self.base)?..range.end.checked_sub(self.base)?)
    }

    /// What follows an offset of the file.
    pub(super) fn from(self, offset: usize) -> &'a [u8] {
        offset.checked_sub(self.base).and_then(|at| self.bytes.get(at..)).unwrap_or_default()
    }
}

impl<'a> From<&'a [u8]> for Piece<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { bytes, base: 0 }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn offsets_count_through_both_pieces() {
        let two = Pieces::updated(b"input", b"update");
        assert_eq!((two.len(), two.last()), (11, Some(b'e')));
        assert_eq!(two.get(0..5), Some(&b"input"[..]));
        assert_eq!(two.get(5..11), Some(&b"update"[..]));
        assert_eq!(two.get(4..6), None);
        assert_eq!(two.get(5..12), None);
        assert_eq!(two.at(4).from(3), b"ut");
        assert_eq!(two.at(5).from(6), b"pdate");
        assert_eq!(two.at(5).byte(4), None);
        assert_eq!(Pieces::whole(b"x").end().end(), 1);
    }
}
