//! Objects from bytes (ISO 32000-2 7.3). Bounded in depth and count; what is not well formed is refused.

use super::error::{Result, SyntaxError, malformed};
use super::lexer::{Lexer, is_regular, is_white};
use super::pieces::Piece;
use super::{Dict, Limits, Name, Object, ObjectId, PdfString, Real};

/// Parses objects out of a piece of a file.
#[derive(Clone, Debug)]
pub(crate) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    depth: usize,
    nodes: usize,
    most_nodes: usize,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(piece: impl Into<Piece<'a>>, pos: usize, limits: &Limits) -> Self {
        Self {
            lexer: Lexer::new(piece, pos),
            depth: limits.depth,
            nodes: limits.nodes,
            most_nodes: limits.nodes,
        }
    }

    /// Where it stands.
    pub(crate) fn pos(&self) -> usize {
        self.lexer.pos
    }

    /// The work of what was parsed behind `start`, in the units of [`Limits::work`].
    pub(super) fn work_since(&self, start: usize) -> usize {
        let nodes = self.most_nodes.saturating_sub(self.nodes);
        self.lexer.pos.saturating_sub(start).saturating_add(nodes.saturating_mul(40))
    }

    /// The next object. A stream's data are not read: the caller looks for the keyword behind a dictionary.
    pub(crate) fn object(&mut self) -> Result<Object> {
        self.nodes = self.nodes.checked_sub(1).ok_or(SyntaxError::Limit("content in one object"))?;
        self.lexer.skip_space();
        let start = self.lexer.pos;
        match self.lexer.peek() {
            Some(b'/') => self.name().map(Object::Name),
            Some(b'(') => self.literal_string().map(Object::String),
            Some(b'<') if self.lexer.peek_at(1) == Some(b'<') => self.nested(Self::dictionary),
            Some(b'<') => self.hex_string().map(Object::String),
            Some(b'[') => self.nested(Self::array),
            Some(b'0'..=b'9' | b'+' | b'-' | b'.') => self.number_or_reference(),
            Some(b) if is_regular(b) => match self.lexer.regular() {
                b"true" => Ok(Object::Boolean(true)),
                b"false" => Ok(Object::Boolean(false)),
                b"null" => Ok(Object::Null),
                _ => malformed(start, "unknown keyword"),
            },
            Some(_) => malformed(start, "unexpected delimiter"),
            None => malformed(start, "unexpected end"),
        }
    }

    /// The next operand (`Ok`) or operator (`Err`) of a content stream; `None` at its end or where it is malformed.
    pub(crate) fn content_token(&mut self) -> Option<std::result::Result<Object, &'a [u8]>> {
        self.lexer.skip_space();
        match self.lexer.peek()? {
            b'A'..=b'Z' | b'a'..=b'z' | b'\'' | b'"' | b'*' => Some(Err(self.lexer.regular())),
            _ => self.object().ok().map(Ok),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Object>) -> Result<Object> {
        self.depth = self.depth.checked_sub(1).ok_or(SyntaxError::Limit("nesting"))?;
        let object = read(self)?;
        self.depth += 1;
        Ok(object)
    }

    fn array(&mut self) -> Result<Object> {
        let start = self.lexer.pos;
        self.lexer.bump();
        let mut items = Vec::new();
        loop {
            self.lexer.skip_space();
            match self.lexer.peek() {
                Some(b']') => {
                    self.lexer.bump();
                    return Ok(Object::Array(items));
                }
                Some(_) => items.push(self.object()?),
                None => return malformed(start, "array without end"),
            }
        }
    }

    fn dictionary(&mut self) -> Result<Object> {
        let start = self.lexer.pos;
        self.lexer.pos += 2;
        let mut entries = Vec::new();
        loop {
            self.lexer.skip_space();
            match self.lexer.peek() {
                Some(b'>') if self.lexer.peek_at(1) == Some(b'>') => {
                    self.lexer.pos += 2;
                    return Ok(Object::Dictionary(Dict::from_entries(entries)));
                }
                Some(b'/') => {
                    let key = self.name()?;
                    entries.push((key, self.object()?));
                }
                Some(_) => return malformed(self.lexer.pos, "expected a key"),
                None => return malformed(start, "dictionary without end"),
            }
        }
    }

    fn name(&mut self) -> Result<Name> {
        self.lexer.bump();
        let raw = self.lexer.regular();
        if !raw.contains(&b'#') {
            return Ok(Name::new(raw));
        }
        let mut bytes = Vec::with_capacity(raw.len());
        let mut rest = raw;
        while let Some((&first, tail)) = rest.split_first() {
            rest = tail;
            match (first, tail) {
                (b'#', [h, l, more @ ..]) if h.is_ascii_hexdigit() && l.is_ascii_hexdigit() => {
                    bytes.push(hex_value(*h) << 4 | hex_value(*l));
                    rest = more;
                }
                _ => bytes.push(first),
            }
        }
        Ok(Name::new(bytes))
    }

    fn number_or_reference(&mut self) -> Result<Object> {
        let start = self.lexer.pos;
        let token = self.lexer.regular();
        let Some(text) = std::str::from_utf8(token).ok() else { return malformed(start, "bad number") };
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let only_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if only_digits {
            if digits.len() == text.len()
                && let Some(reference) = self.reference(text)
            {
                return Ok(reference);
            }
            if let Ok(value) = text.strip_prefix('+').unwrap_or(text).parse() {
                return Ok(Object::Integer(value));
            }
        }
        let mut dots = 0;
        let plain = digits.bytes().all(|b| {
            dots += usize::from(b == b'.');
            b == b'.' || b.is_ascii_digit()
        });
        if !plain || dots > 1 || digits.len() < 2 && !only_digits || digits.len() > 1_000 {
            return malformed(start, "bad number");
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Object::Real(Real::as_written(value, text))),
            _ => malformed(start, "bad number"),
        }
    }

    /// `N G R`, where `number` is already read.
    fn reference(&mut self, number: &str) -> Option<Object> {
        let mut ahead = self.lexer.clone();
        if !ahead.peek().is_some_and(is_white) {
            return None;
        }
        ahead.skip_white();
        if !ahead.peek().is_some_and(|b| b.is_ascii_digit()) {
            return None;
        }
        let generation = std::str::from_utf8(ahead.regular()).ok()?.parse().ok()?;
        ahead.skip_white();
        if !ahead.keyword(b"R") {
            return None;
        }
        let number = number.parse().ok()?;
        self.lexer.pos = ahead.pos;
        Some(Object::Reference(ObjectId { number, generation }))
    }

    fn literal_string(&mut self) -> Result<PdfString> {
        let start = self.lexer.pos;
        self.lexer.bump();
        let mut bytes = Vec::new();
        let mut open = 0usize;
        loop {
            let Some(byte) = self.lexer.peek() else { return malformed(start, "string without end") };
            self.lexer.bump();
            match byte {
                b'(' => open += 1,
                b')' if open == 0 => return Ok(PdfString::parsed(bytes, false, start..self.lexer.pos)),
                b')' => open -= 1,
                b'\\' => {
                    self.escape(&mut bytes);
                    continue;
                }
                b'\r' => {
                    // Every end of line counts as one line feed.
                    if self.lexer.peek() == Some(b'\n') {
                        self.lexer.bump();
                    }
                    bytes.push(b'\n');
                    continue;
                }
                _ => {}
            }
            bytes.push(byte);
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) {
        let Some(byte) = self.lexer.peek() else { return };
        match byte {
            b'\r' | b'\n' => {
                self.lexer.skip_line_end();
                return;
            }
            b'0'..=b'7' => {
                let mut value = 0u32;
                for _ in 0..3 {
                    match self.lexer.peek() {
                        Some(d @ b'0'..=b'7') => {
                            value = value * 8 + u32::from(d - b'0');
                            self.lexer.bump();
                        }
                        _ => break,
                    }
                }
                bytes.push(value.to_le_bytes()[0]);
                return;
            }
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'b' => bytes.push(8),
            b'f' => bytes.push(0x0C),
            other => bytes.push(other),
        }
        self.lexer.bump();
    }

    fn hex_string(&mut self) -> Result<PdfString> {
        let start = self.lexer.pos;
        self.lexer.bump();
        let rest = self.lexer.rest();
        let Some(n) = memchr::memchr(b'>', rest) else {
            return malformed(start, "string without end");
        };
        let inner = rest.get(..n).unwrap_or_default();
        // Signatures are long, and hardly any has white space inside: the table-driven decoder is four times as fast as `hex`.
        if let Ok(bytes) = data_encoding::HEXLOWER_PERMISSIVE.decode(inner) {
            self.lexer.pos += n + 1;
            return Ok(PdfString::parsed(bytes, true, start..self.lexer.pos));
        }
        let mut bytes = Vec::with_capacity(n / 2 + 1);
        let mut high = None;
        for &b in inner.iter().filter(|&&b| !is_white(b)) {
            if !b.is_ascii_hexdigit() {
                return malformed(start, "bad hexadecimal string");
            }
            match high.take() {
                Some(h) => bytes.push(h << 4 | hex_value(b)),
                None => high = Some(hex_value(b)),
            }
        }
        bytes.extend(high.map(|h| h << 4));
        self.lexer.pos += n + 1;
        Ok(PdfString::parsed(bytes, true, start..self.lexer.pos))
    }
}

/// Value of a hexadecimal digit; 0 for anything else.
pub(super) fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}
