//! The object model (ISO 32000-2 7.3).

use super::text_string::text_string;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

/// Object number and generation of an indirect object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// Object number, at least 1.
    pub number: u32,
    /// Generation.
    pub generation: u16,
}

impl ObjectId {
    /// Object `number` of generation 0.
    pub const fn new(number: u32) -> Self {
        Self { number, generation: 0 }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.generation)
    }
}

/// A name without its solidus, `#xx` decoded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<[u8]>);

impl Name {
    /// A name of these bytes.
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self(bytes.as_ref().into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its bytes as text, for messages.
    pub fn lossy(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.lossy())
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// A real number that remembers how it was written, so that copying an object changes none of its digits.
#[derive(Clone, Debug)]
pub struct Real {
    value: f64,
    text: Box<str>,
}

impl Real {
    /// A finite number, written with at most four decimals.
    pub fn new(value: f64) -> Self {
        let value = if value.is_finite() { value } else { 0.0 };
        let fixed = format!("{value:.4}");
        let text = fixed.trim_end_matches('0').trim_end_matches('.');
        Self { value, text: if text.is_empty() || text == "-0" { "0".into() } else { text.into() } }
    }

    pub(super) fn as_written(value: f64, text: &str) -> Self {
        Self { value, text: text.into() }
    }

    /// Its value.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Its digits.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A string: its bytes (decrypted), and where it stood in the file.
#[derive(Clone)]
pub struct PdfString {
    bytes: Vec<u8>,
    hex: bool,
    span: Option<(usize, usize)>,
}

impl PdfString {
    /// A string to be written in literal form.
    pub fn literal(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), hex: false, span: None }
    }

    /// A string to be written in hexadecimal form.
    pub fn hexadecimal(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), hex: true, span: None }
    }

    /// A text string (7.9.2.2): PDFDocEncoding where ASCII suffices, else UTF-16BE with a byte order mark.
    pub fn text(text: &str) -> Self {
        if text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Self::literal(text.as_bytes());
        }
        let mut bytes = vec![0xFE, 0xFF];
        bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        Self::literal(bytes)
    }

    pub(super) fn parsed(bytes: Vec<u8>, hex: bool, span: Range<usize>) -> Self {
        Self { bytes, hex, span: Some((span.start, span.end)) }
    }

    pub(super) fn replace_bytes(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
    }

    pub(super) fn forget_span(&mut self) {
        self.span = None;
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it was (or will be) written between `<` and `>`.
    pub fn is_hexadecimal(&self) -> bool {
        self.hex
    }

    /// Where it stands in the file, delimiters included; `None` inside object streams and for new strings.
    pub fn span(&self) -> Option<Range<usize>> {
        self.span.map(|(start, end)| start..end)
    }

    /// As a text string (7.9.2.2): UTF-16 with a byte order mark, UTF-8 with one, else PDFDocEncoding.
    pub fn to_text(&self) -> String {
        text_string(&self.bytes)
    }
}

impl PartialEq for PdfString {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl fmt::Debug for PdfString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.bytes.escape_ascii())
    }
}

/// A dictionary in its written order. Two are equal when they say the same, in whatever order; with a key twice only when they are
/// written alike, since nobody knows which of the two counts.
#[derive(Clone, Default)]
pub struct Dict {
    entries: Vec<(Name, Object)>,
    duplicate_keys: bool,
}

impl PartialEq for Dict {
    fn eq(&self, other: &Self) -> bool {
        if self.entries.len() != other.entries.len() || self.duplicate_keys != other.duplicate_keys {
            return false;
        }
        let alike = self.entries.iter().map(|(k, _)| k).eq(other.entries.iter().map(|(k, _)| k));
        if alike || self.duplicate_keys {
            return self.entries == other.entries;
        }
        let sorted = |dict: &Self| {
            let mut entries: Vec<_> = (0..dict.entries.len()).collect();
            entries.sort_unstable_by_key(|&n| dict.entries.get(n).map(|(k, _)| k));
            entries
        };
        sorted(self).into_iter().zip(sorted(other)).all(|(a, b)| self.entries.get(a) == other.entries.get(b))
    }
}

impl Dict {
    /// An empty dictionary.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn from_entries(entries: Vec<(Name, Object)>) -> Self {
        let mut keys: Vec<&Name> = entries.iter().map(|(k, _)| k).collect();
        keys.sort_unstable();
        let duplicate_keys = keys.windows(2).any(|w| matches!(w, [a, b] if a == b));
        Self { entries, duplicate_keys }
    }

    /// The value of `key`; the last one where a key is given twice (see [`Dict::has_duplicate_keys`]).
    pub fn get(&self, key: &str) -> Option<&Object> {
        self.get_bytes(key.as_bytes())
    }

    /// The value of a key that need not be text.
    pub fn get_bytes(&self, key: &[u8]) -> Option<&Object> {
        self.entries.iter().rev().find(|(k, _)| k.as_bytes() == key).map(|(_, v)| v)
    }

    /// Whether `key` is there and not null.
    pub fn contains(&self, key: &str) -> bool {
        !matches!(self.get(key), None | Some(Object::Null))
    }

    /// Sets `key`, keeping its place when it is there already.
    pub fn set(&mut self, key: &str, value: impl Into<Object>) -> &mut Self {
        let value = value.into();
        match self.entries.iter_mut().rev().find(|(k, _)| k.as_bytes() == key.as_bytes()) {
            Some((_, old)) => *old = value,
            None => self.entries.push((Name::new(key), value)),
        }
        self
    }

    /// Adds an entry whose key is known to be new.
    pub(crate) fn push(&mut self, key: Name, value: Object) {
        self.entries.push((key, value));
    }

    /// [`Dict::set`] for building in one expression.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Object>) -> Self {
        self.set(key, value);
        self
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Object> {
        let mut removed = None;
        self.entries.retain_mut(|(k, v)| {
            let hit = k.as_bytes() == key.as_bytes();
            if hit {
                removed = Some(std::mem::replace(v, Object::Null));
            }
            !hit
        });
        removed
    }

    /// Its entries in written order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Object)> {
        self.entries.iter().map(|(k, v)| (k, v))
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = (&Name, &mut Object)> {
        self.entries.iter_mut().map(|(k, v)| (&*k, v))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Readers disagree on which of two equal keys counts, so nothing may depend on such a dictionary.
    pub fn has_duplicate_keys(&self) -> bool {
        self.duplicate_keys
    }

    /// The same with every key once; `None` where a key is given twice with different values.
    pub fn with_each_key_once(self) -> Option<Self> {
        let mut entries: Vec<(Name, Object)> = Vec::with_capacity(self.entries.len());
        let mut seen = HashMap::new();
        for (key, value) in self.entries {
            match seen.get(&key).and_then(|at: &usize| entries.get(*at)) {
                Some((_, first)) if *first != value => return None,
                Some(_) => {}
                None => {
                    seen.insert(key.clone(), entries.len());
                    entries.push((key, value));
                }
            }
        }
        Some(Self { entries, duplicate_keys: false })
    }

    /// Whether the entry `key` is this name.
    pub fn is_name(&self, key: &str, value: &str) -> bool {
        matches!(self.get(key), Some(Object::Name(n)) if n.as_bytes() == value.as_bytes())
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries.iter().map(|(k, v)| (k, v))).finish()
    }
}

/// A stream of the file: its dictionary and where its (still encoded, still encrypted) data lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// The stream dictionary, strings decrypted.
    pub dict: Dict,
    pub(super) id: ObjectId,
    pub(super) data: Range<usize>,
}

impl Stream {
    /// Where its data stand in the file.
    pub fn span(&self) -> Range<usize> {
        self.data.clone()
    }

    /// Which object it is.
    pub fn id(&self) -> ObjectId {
        self.id
    }
}

/// Any object.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Object {
    /// `null`, and every reference to an object that does not exist.
    #[default]
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A real number.
    Real(Real),
    /// A string.
    String(PdfString),
    /// A name.
    Name(Name),
    /// An array.
    Array(Vec<Object>),
    /// A dictionary.
    Dictionary(Dict),
    /// An indirect reference.
    Reference(ObjectId),
    /// A stream; only ever an indirect object itself.
    Stream(Stream),
}

impl Object {
    /// A name object.
    pub fn name(name: impl AsRef<[u8]>) -> Self {
        Self::Name(Name::new(name))
    }

    /// As an integer. A real without fraction is none: readers differ on it.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(i) = self { Some(*i) } else { None }
    }

    /// As a number.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            #[allow(clippy::cast_precision_loss)]
            Self::Integer(i) => Some(*i as f64),
            Self::Real(r) => Some(r.value),
            _ => None,
        }
    }

    /// As a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(b) => Some(*b),
            _ => None,
        }
    }

    /// As a name's bytes.
    pub fn as_name(&self) -> Option<&[u8]> {
        match self {
            Self::Name(n) => Some(n.as_bytes()),
            _ => None,
        }
    }

    /// As a string.
    pub fn as_string(&self) -> Option<&PdfString> {
        match self {
            Self::String(s) => Some(s),
            _ => None,
        }
    }

    /// As an array.
    pub fn as_array(&self) -> Option<&[Object]> {
        match self {
            Self::Array(a) => Some(a),
            _ => None,
        }
    }

    /// As a dictionary; a stream gives its own.
    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dictionary(d) => Some(d),
            Self::Stream(s) => Some(&s.dict),
            _ => None,
        }
    }

    /// As a stream.
    pub fn as_stream(&self) -> Option<&Stream> {
        match self {
            Self::Stream(s) => Some(s),
            _ => None,
        }
    }

    /// As a reference.
    pub fn as_reference(&self) -> Option<ObjectId> {
        match self {
            Self::Reference(r) => Some(*r),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl From<bool> for Object {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}
impl From<i32> for Object {
    fn from(value: i32) -> Self {
        Self::Integer(i64::from(value))
    }
}
impl From<i64> for Object {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}
impl From<f64> for Object {
    fn from(value: f64) -> Self {
        // Whole numbers are written as integers: shorter, and every reader takes them.
        if value.fract() == 0.0 && value.abs() < 1e9 {
            #[allow(clippy::cast_possible_truncation)]
            return Self::Integer(value as i64);
        }
        Self::Real(Real::new(value))
    }
}
impl From<Dict> for Object {
    fn from(value: Dict) -> Self {
        Self::Dictionary(value)
    }
}
impl From<Vec<Object>> for Object {
    fn from(value: Vec<Object>) -> Self {
        Self::Array(value)
    }
}
impl From<ObjectId> for Object {
    fn from(value: ObjectId) -> Self {
        Self::Reference(value)
    }
}
impl From<PdfString> for Object {
    fn from(value: PdfString) -> Self {
        Self::String(value)
    }
}
impl From<Name> for Object {
    fn from(value: Name) -> Self {
        Self::Name(value)
    }
}
