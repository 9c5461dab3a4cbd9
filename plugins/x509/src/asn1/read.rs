//! A reader over borrowed bytes, DER or BER.

use super::tag;
use const_oid::ObjectIdentifier;
use std::borrow::Cow;

/// How deep values may nest. Certificates and CMS with embedded time stamps stay below 25.
pub const MAX_DEPTH: u8 = 48;

/// What is wrong with an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Asn1Error {
    /// A length reaches beyond the enclosing bytes.
    #[error("truncated")]
    Truncated,
    /// Bytes follow where nothing may follow.
    #[error("trailing bytes")]
    Trailing,
    /// Another type than expected.
    #[error("tag {found:#04x} where {expected:#04x} is expected")]
    Tag {
        /// Identifier octet wanted.
        expected: u8,
        /// Identifier octet found.
        found: u8,
    },
    /// A tag number of 31 or more; no structure here has one.
    #[error("tag number above 30")]
    HighTag,
    /// A length that is indefinite or not minimal under DER, or above 2³²−1.
    #[error("bad length")]
    Length,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested too deeply")]
    TooDeep,
    /// The content is not a value of its type.
    #[error("bad {0}")]
    Content(&'static str),
    /// More elements than are sensible.
    #[error("too many {0}")]
    TooMany(&'static str),
}

/// Which encoding rules to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// X.690 clause 10: definite, minimal lengths only.
    Der,
    /// X.690 clause 8: also indefinite lengths, long lengths, strings in pieces.
    Ber,
}

/// One encoded value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// Identifier octet (class, constructed bit, number).
    pub tag: u8,
    /// The content octets, without end-of-contents.
    pub content: &'a [u8],
    /// The whole encoding as it came: identifier, length, content, end-of-contents.
    pub raw: &'a [u8],
    rules: Rules,
    depth: u8,
}

/// Reads values one after another.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    rules: Rules,
    depth: u8,
}

impl<'a> Reader<'a> {
    /// A reader over `bytes`.
    pub fn new(bytes: &'a [u8], rules: Rules) -> Self {
        Self { rest: bytes, rules, depth: 0 }
    }

    /// Whether all has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The identifier octet of the next value, if there is one.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next value, whatever it is.
    ///
    /// # Errors
    /// When there is none or its header is bad.
    pub fn any(&mut self) -> Result<Value<'a>, Asn1Error> {
        let head = header(self.rest, self.rules)?;
        let (content_len, total) = match head.length {
            Some(n) => (n, head.len.checked_add(n).ok_or(Asn1Error::Length)?),
            None => {
                let body = self.rest.get(head.len..).ok_or(Asn1Error::Truncated)?;
                let n = indefinite(body, MAX_DEPTH.saturating_sub(self.depth))?;
                (n, head.len + n + 2)
            }
        };
        let raw = self.rest.get(..total).ok_or(Asn1Error::Truncated)?;
        let content = raw.get(head.len..head.len + content_len).ok_or(Asn1Error::Truncated)?;
        self.rest = self.rest.get(total..).ok_or(Asn1Error::Truncated)?;
        Ok(Value { tag: head.tag, content, raw, rules: self.rules, depth: self.depth })
    }

    /// The next value, which must have this identifier octet.
    ///
    /// # Errors
    /// When it has not.
    pub fn expect(&mut self, tag: u8) -> Result<Value<'a>, Asn1Error> {
        let mut ahead = *self;
        let value = ahead.any()?.typed(tag)?;
        *self = ahead;
        Ok(value)
    }

    /// The next value if it has this identifier octet.
    ///
    /// # Errors
    /// When it has, and is broken.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>, Asn1Error> {
        if self.peek() == Some(tag) { self.expect(tag).map(Some) } else { Ok(None) }
    }

    /// All values that are left, at most `limit`.
    ///
    /// # Errors
    /// When one is broken or there are more.
    pub fn all(mut self, limit: usize, what: &'static str) -> Result<Vec<Value<'a>>, Asn1Error> {
        let mut values = Vec::new();
        while !self.is_empty() {
            if values.len() >= limit {
                return Err(Asn1Error::TooMany(what));
            }
            values.push(self.any()?);
        }
        Ok(values)
    }

    /// Succeeds when nothing is left.
    ///
    /// # Errors
    /// [`Asn1Error::Trailing`].
    pub fn end(self) -> Result<(), Asn1Error> {
        if self.is_empty() { Ok(()) } else { Err(Asn1Error::Trailing) }
    }
}

impl<'a> Value<'a> {
    /// The one value that `bytes` encode.
    ///
    /// # Errors
    /// When they do not, or more follows.
    pub fn parse(bytes: &'a [u8], rules: Rules) -> Result<Self, Asn1Error> {
        let mut reader = Reader::new(bytes, rules);
        let value = reader.any()?;
        reader.end()?;
        Ok(value)
    }

    /// This value if it has that identifier octet.
    ///
    /// # Errors
    /// [`Asn1Error::Tag`].
    pub fn typed(self, tag: u8) -> Result<Self, Asn1Error> {
        if self.tag == tag { Ok(self) } else { Err(Asn1Error::Tag { expected: tag, found: self.tag }) }
    }

    /// A reader over the values within.
    ///
    /// # Errors
    /// [`Asn1Error::TooDeep`], or when this value is primitive.
    pub fn children(self) -> Result<Reader<'a>, Asn1Error> {
        if self.tag & 0x20 == 0 {
            return Err(Asn1Error::Content("constructed value"));
        }
        self.inside()
    }

    /// A reader over the content, for strings that wrap an encoding of their own.
    ///
    /// # Errors
    /// [`Asn1Error::TooDeep`].
    pub fn inside(self) -> Result<Reader<'a>, Asn1Error> {
        if self.depth >= MAX_DEPTH {
            return Err(Asn1Error::TooDeep);
        }
        Ok(Reader { rest: self.content, rules: self.rules, depth: self.depth + 1 })
    }

    /// The one value within, as EXPLICIT tags have it.
    ///
    /// # Errors
    /// When there is none or more than one.
    pub fn only(self) -> Result<Value<'a>, Asn1Error> {
        let mut inside = self.children()?;
        let value = inside.any()?;
        inside.end()?;
        Ok(value)
    }

    /// OBJECT IDENTIFIER.
    ///
    /// # Errors
    /// When it is none, or an arc is above 2³²−1.
    pub fn oid(self) -> Result<ObjectIdentifier, Asn1Error> {
        self.typed(tag::OID)?;
        ObjectIdentifier::from_bytes(self.content).map_err(|_| Asn1Error::Content("object identifier"))
    }

    /// INTEGER or ENUMERATED as two's complement, minimal, at most `limit` octets.
    ///
    /// # Errors
    /// When it is empty, padded or longer.
    pub fn integer(self, limit: usize) -> Result<&'a [u8], Asn1Error> {
        if self.tag != tag::ENUMERATED {
            self.typed(tag::INTEGER)?;
        }
        let padded = match self.content {
            [] => true,
            [0, next, ..] => next & 0x80 == 0,
            [0xff, next, ..] => next & 0x80 != 0,
            _ => false,
        };
        if (padded && self.rules == Rules::Der) || self.content.is_empty() || self.content.len() > limit {
            return Err(Asn1Error::Content("integer"));
        }
        Ok(self.content)
    }

    /// A non-negative INTEGER of up to 64 bits.
    ///
    /// # Errors
    /// When it is negative or larger.
    pub fn unsigned(self) -> Result<u64, Asn1Error> {
        let bytes = self.integer(9)?;
        let magnitude = match bytes {
            [first, ..] if first & 0x80 != 0 => return Err(Asn1Error::Content("unsigned integer")),
            [0, rest @ ..] => rest,
            all => all,
        };
        if magnitude.len() > 8 {
            return Err(Asn1Error::Content("unsigned integer"));
        }
        Ok(magnitude.iter().fold(0, |n, b| (n << 8) | u64::from(*b)))
    }

    /// BOOLEAN.
    ///
    /// # Errors
    /// When it is not one octet; under DER also when true is not 0xff.
    pub fn boolean(self) -> Result<bool, Asn1Error> {
        self.typed(tag::BOOLEAN)?;
        match self.content {
            [0] => Ok(false),
            [0xff] => Ok(true),
            [_] if self.rules == Rules::Ber => Ok(true),
            _ => Err(Asn1Error::Content("boolean")),
        }
    }

    /// OCTET STRING; under BER it may come in pieces, which are joined.
    ///
    /// # Errors
    /// When it is none.
    pub fn octets(self) -> Result<Cow<'a, [u8]>, Asn1Error> {
        self.octets_tagged(tag::OCTET_STRING)
    }

    /// OCTET STRING under another (primitive) identifier octet, as IMPLICIT tags have it.
    ///
    /// # Errors
    /// When it is none.
    pub fn octets_tagged(self, primitive: u8) -> Result<Cow<'a, [u8]>, Asn1Error> {
        if self.tag == primitive {
            return Ok(Cow::Borrowed(self.content));
        }
        if self.rules == Rules::Ber && self.tag == primitive | 0x20 {
            let mut joined = Vec::new();
            join(self, &mut joined)?;
            return Ok(Cow::Owned(joined));
        }
        Err(Asn1Error::Tag { expected: primitive, found: self.tag })
    }

    /// BIT STRING of whole octets (no unused bits), primitive.
    ///
    /// # Errors
    /// When it is none.
    pub fn bits(self) -> Result<&'a [u8], Asn1Error> {
        match self.typed(tag::BIT_STRING)?.content {
            [0, rest @ ..] => Ok(rest),
            _ => Err(Asn1Error::Content("bit string")),
        }
    }

    /// BIT STRING of flags, bit 0 first, of which at most 32 are kept.
    ///
    /// # Errors
    /// When it is none.
    pub fn flags(self, tag: u8) -> Result<u32, Asn1Error> {
        let [unused, bytes @ ..] = self.typed(tag)?.content else {
            return Err(Asn1Error::Content("bit string"));
        };
        if *unused > 7 || (bytes.is_empty() && *unused != 0) {
            return Err(Asn1Error::Content("bit string"));
        }
        let mut flags = 0u32;
        for (i, byte) in bytes.iter().take(4).enumerate() {
            flags |= u32::from(byte.reverse_bits()) << (8 * i);
        }
        Ok(flags)
    }
}

/// Appends the pieces of a constructed string.
fn join(value: Value<'_>, into: &mut Vec<u8>) -> Result<(), Asn1Error> {
    let mut pieces = value.children()?;
    while !pieces.is_empty() {
        let piece = pieces.any()?;
        match piece.tag {
            tag::OCTET_STRING => into.extend_from_slice(piece.content),
            0x24 => join(piece, into)?,
            found => return Err(Asn1Error::Tag { expected: tag::OCTET_STRING, found }),
        }
    }
    Ok(())
}

struct Header {
    tag: u8,
    /// Octets of identifier and length.
    len: usize,
    /// Content length; `None` is indefinite.
    length: Option<usize>,
}

fn header(bytes: &[u8], rules: Rules) -> Result<Header, Asn1Error> {
    let (tag, first) = match bytes {
        [tag, _, ..] if tag & 0x1f == 0x1f => return Err(Asn1Error::HighTag),
        [tag, first, ..] => (*tag, *first),
        _ => return Err(Asn1Error::Truncated),
    };
    match first {
        0..=0x7f => Ok(Header { tag, len: 2, length: Some(usize::from(first)) }),
        0x80 if rules == Rules::Ber && tag & 0x20 != 0 => Ok(Header { tag, len: 2, length: None }),
        0x81..=0x8f => {
            let n = usize::from(first & 0x0f);
            let digits = bytes.get(2..2 + n).ok_or(Asn1Error::Truncated)?;
            let value = digits.iter().try_fold(0u64, |v, b| v.checked_mul(256).map(|v| v | u64::from(*b)));
            let value = value.filter(|v| *v <= u64::from(u32::MAX)).ok_or(Asn1Error::Length)?;
            let minimal = digits.first() != Some(&0) && value > 0x7f;
            if rules == Rules::Der && !minimal {
                return Err(Asn1Error::Length);
            }
            let length = usize::try_from(value).map_err(|_| Asn1Error::Length)?;
            Ok(Header { tag, len: 2 + n, length: Some(length) })
        }
        _ => Err(Asn1Error::Length),
    }
}

/// Length of the content before the end-of-contents octets that close an indefinite length. One pass with a counter of
/// open indefinite values; definite ones are skipped whole.
fn indefinite(body: &[u8], depth: u8) -> Result<usize, Asn1Error> {
    let mut open = 1u32;
    let mut at = 0usize;
    loop {
        let rest = body.get(at..).ok_or(Asn1Error::Truncated)?;
        if rest.starts_with(&[0, 0]) {
            open -= 1;
            if open == 0 {
                return Ok(at);
            }
            at += 2;
            continue;
        }
        let head = header(rest, Rules::Ber)?;
        at = at.checked_add(head.len).ok_or(Asn1Error::Length)?;
        match head.length {
            Some(n) => at = at.checked_add(n).ok_or(Asn1Error::Length)?,
            None => {
                open += 1;
                if open > u32::from(depth) {
                    return Err(Asn1Error::TooDeep);
                }
            }
        }
    }
}
