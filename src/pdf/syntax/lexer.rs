//! Characters and tokens (ISO 32000-2 7.2).

use super::error::{Result, malformed};
use super::pieces::Piece;

/// White space (table 1).
pub(crate) fn is_white(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0C | b'\r' | b' ')
}

/// Delimiters (table 2).
pub(crate) fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

/// Neither white space nor delimiter.
pub(crate) fn is_regular(byte: u8) -> bool {
    !is_white(byte) && !is_delimiter(byte)
}

/// A position in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    piece: Piece<'a>,
    /// Offset in the file.
    pub(super) pos: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(piece: impl Into<Piece<'a>>, pos: usize) -> Self {
        Self { piece: piece.into(), pos }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.piece.byte(self.pos)
    }

    pub(crate) fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.piece.byte(self.pos.checked_add(ahead)?)
    }

    pub(crate) fn bump(&mut self) {
        self.pos += 1;
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.piece.from(self.pos)
    }

    /// White space and comments.
    pub(crate) fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if is_white(byte) {
                self.pos += 1;
            } else if byte == b'%' {
                let line = self.rest().iter().position(|&b| b == b'\n' || b == b'\r');
                self.pos = line.map_or(self.piece.end(), |n| self.pos + n);
            } else {
                break;
            }
        }
    }

    /// White space alone.
    pub(crate) fn skip_white(&mut self) {
        let n = self.rest().iter().position(|&b| !is_white(b)).unwrap_or(self.rest().len());
        self.pos += n;
    }

    /// One end-of-line marker, if there is one.
    pub(crate) fn skip_line_end(&mut self) -> bool {
        let n = match self.rest() {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => 0,
        };
        self.pos += n;
        n > 0
    }

    /// A run of regular characters.
    pub(crate) fn regular(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let n = rest.iter().position(|&b| !is_regular(b)).unwrap_or(rest.len());
        self.pos += n;
        rest.get(..n).unwrap_or_default()
    }

    /// Takes `word` if it stands here as a whole token.
    pub(crate) fn keyword(&mut self, word: &[u8]) -> bool {
        let hit = self.rest().starts_with(word) && self.peek_at(word.len()).is_none_or(|b| !is_regular(b));
        if hit {
            self.pos += word.len();
        }
        hit
    }

    /// Takes `bytes` if they stand here.
    pub(crate) fn literally(&mut self, bytes: &[u8]) -> bool {
        let hit = self.rest().starts_with(bytes);
        if hit {
            self.pos += bytes.len();
        }
        hit
    }

    /// An integer without sign.
    pub(crate) fn unsigned(&mut self) -> Result<u64> {
        let start = self.pos;
        let rest = self.rest();
        let n = rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
        self.pos += n;
        std::str::from_utf8(rest.get(..n).unwrap_or_default())
            .ok()
            .and_then(|t| t.parse().ok())
            .map_or_else(|| malformed(start, "expected an integer"), Ok)
    }

    /// `N G obj`, white space in front allowed.
    pub(crate) fn object_header(&mut self) -> Result<super::ObjectId> {
        self.skip_space();
        let start = self.pos;
        let mut read = || -> Result<Option<super::ObjectId>> {
            let number = self.unsigned()?;
            self.skip_space();
            let generation = self.unsigned()?;
            self.skip_space();
            if !self.literally(b"obj") {
                return Ok(None);
            }
            Ok(u32::try_from(number)
                .ok()
                .zip(u16::try_from(generation).ok())
                .map(|(number, generation)| super::ObjectId { number, generation }))
        };
        match read() {
            Ok(Some(id)) => Ok(id),
            _ => malformed(start, "expected an object header"),
        }
    }
}
