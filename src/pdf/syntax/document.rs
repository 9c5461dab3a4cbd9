//! A document: its bytes, its cross-reference chain, and its objects on demand.

use super::container::Container;
use super::crypt::Encryption;
use super::error::{Result, SyntaxError, malformed};
use super::finding::{Finding, FindingKind};
use super::lexer::Lexer;
use super::parser::Parser;
use super::pieces::Pieces;
use super::revision::{self, Revision};
use super::section::{Entry, Section, SectionKind};
use super::view::View;
use super::{Dict, Limits, Name, Object, ObjectId, Stream, filter};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// Bytes of an object that is worth keeping: with a signature in it.
const LONG: std::ops::Range<usize> = 2_000..70_000;
/// Work that its parts may have cost besides: a hundred of them. What has more takes more memory than it is worth.
const LONG_PARTS: usize = 4_000;
/// Such objects that are kept.
const MAX_LONG: usize = 256;

/// Bytes before and behind an offset within which a lost section is looked for.
const ASTRAY: usize = 16;

/// A document over its bytes. Opening reads the cross-reference chain alone; objects are parsed when asked for.
#[derive(Debug)]
pub struct Document<'a> {
    file: Pieces<'a>,
    pub(super) limits: Limits,
    pub(super) revisions: Vec<Revision<'a>>,
    pub(super) encryption: Option<Encryption>,
    encryption_object: Option<ObjectId>,
    findings: Vec<Finding>,
    /// Bytes before the header that offsets do not count.
    shift: usize,
    containers: RefCell<HashMap<usize, Rc<Container>>>,
    /// Long objects that were parsed, and their work: a signature's is asked for again and again.
    long: RefCell<HashMap<usize, (Indirect, usize)>>,
    decoded: Cell<usize>,
    scanned: Cell<usize>,
    worked: Cell<usize>,
    loading: Cell<usize>,
}

/// An indirect object as it stands in the file.
#[derive(Clone, Debug)]
pub struct Indirect {
    /// The number and generation in front of it.
    pub id: ObjectId,
    /// The object, strings decrypted.
    pub object: Object,
    /// From its number to behind `endobj`.
    pub span: Range<usize>,
    /// What is odd about it.
    pub findings: Vec<FindingKind>,
}

/// The other form of a header, `%!PS-Adobe-3.0 PDF-1.4`, at the first byte (Adobe's implementation note 14 to PDF 1.7).
fn postscript_header(head: &[u8]) -> Option<usize> {
    let line = head.split(|b| matches!(b, b'\r' | b'\n')).next()?;
    let version = line.strip_prefix(b"%!PS-Adobe-")?;
    memchr::memmem::find(version, b" PDF-").map(|_| 0)
}

impl<'a> Document<'a> {
    /// Reads the cross-reference chain of `data` within the default limits.
    ///
    /// # Errors
    /// [`SyntaxError`]
    pub fn open(data: &'a [u8]) -> Result<Self> {
        Self::open_within(data, Limits::default())
    }

    /// Reads the cross-reference chain of `data`.
    ///
    /// # Errors
    /// [`SyntaxError`]: no PDF, a chain that is broken, loops or exceeds the limits, encryption that the empty user
    /// password does not open.
    pub fn open_within(data: &'a [u8], limits: Limits) -> Result<Self> {
        Self::follow(Self::bare(data, limits)?)
    }

    /// Reads the cross-reference chain of a file that need not lie in one piece.
    ///
    /// # Errors
    /// [`SyntaxError`] as for [`Document::open_within`].
    pub fn open_pieces(file: Pieces<'a>) -> Result<Self> {
        Self::follow(Self { file, ..Self::bare(file.input(), Limits::default())? })
    }

    /// Reads the cross-reference chain. Behind other bytes, offsets may count from the header or from the first byte: as
    /// long as one of the two leads through the chain to a catalogue, and the other does not, or to the same.
    fn follow(document: Self) -> Result<Self> {
        let header =
            document.findings.iter().find(|f| f.kind == FindingKind::JunkBeforeHeader).map(|f| f.span.end);
        let Some(shift) = header else { return Self::follow_counted(document) };
        let (file, limits) = (document.file, document.limits);
        let from_header = Self::follow_counted(Self { file, shift, ..Self::bare(file.input(), limits)? });
        let from_first_byte = Self::follow_counted(document);
        let leads = |outcome: &Result<Self>| {
            outcome.as_ref().is_ok_and(|d| d.latest().catalog().is_ok() && !d.has(FindingKind::SectionAstray))
        };
        let place = |outcome: &Result<Self>| {
            outcome.as_ref().ok().map(|d| {
                let sections = d.revisions.iter().flat_map(|r| &r.sections).map(|s| s.offset);
                (sections.collect::<Vec<_>>(), d.latest().catalog().ok())
            })
        };
        match (leads(&from_first_byte), leads(&from_header)) {
            (true, true) if place(&from_first_byte) != place(&from_header) => Err(SyntaxError::Structure(
                "offsets from the header and from the first byte lead to two documents",
            )),
            (false, true) => from_header,
            _ => from_first_byte,
        }
    }

    fn follow_counted(mut document: Self) -> Result<Self> {
        let file = document.file;
        let (_, start) = revision::last_startxref(file.end())?;
        let shift = document.shift;
        let chain =
            revision::chain(start, shift, document.limits.sections, |offset| document.section(offset))?;
        document.revisions = revision::group(file, chain);
        document.repeated_streams()?;
        if let Some(last) = document.revisions.last() {
            let rest = file.at(last.end).from(last.end);
            if rest.iter().any(|&b| !super::lexer::is_white(b)) {
                document
                    .findings
                    .push(Finding { kind: FindingKind::JunkAfterEof, span: last.end..file.len() });
            }
        }
        document.open_encryption()?;
        Ok(document)
    }

    pub(super) fn bare(data: &'a [u8], limits: Limits) -> Result<Self> {
        let head = data.get(..data.len().min(1024)).unwrap_or_default();
        let Some(header) = memchr::memmem::find(head, b"%PDF-").or(postscript_header(head)) else {
            return Err(SyntaxError::Header);
        };
        let mut findings = Vec::new();
        if header > 0 {
            findings.push(Finding { kind: FindingKind::JunkBeforeHeader, span: 0..header });
        }
        Ok(Self {
            file: Pieces::whole(data),
            limits,
            revisions: Vec::new(),
            encryption: None,
            encryption_object: None,
            findings,
            shift: 0,
            containers: RefCell::new(HashMap::new()),
            long: RefCell::new(HashMap::new()),
            decoded: Cell::new(0),
            scanned: Cell::new(0),
            worked: Cell::new(0),
            loading: Cell::new(0),
        })
    }

    pub(super) fn open_encryption(&mut self) -> Result<()> {
        let Some(value) = self.trailer().get("Encrypt").filter(|o| !o.is_null()).cloned() else {
            return Ok(());
        };
        self.encryption_object = value.as_reference();
        // Four levels: the dictionary, its crypt filters, each of them, their entries.
        let Object::Dictionary(dict) = self.latest().resolve_inside(&value, 4)? else {
            return Err(SyntaxError::Encryption("no encryption dictionary"));
        };
        if self.trailer().contains("AuthCode") {
            return Err(SyntaxError::Encryption("integrity protection (ISO/TS 32004)"));
        }
        let id = self.latest().get(self.trailer(), "ID")?;
        let first = id.as_array().and_then(|a| a.first()).and_then(Object::as_string);
        let first = first.map(|s| s.as_bytes().to_vec()).unwrap_or_default();
        self.encryption = Some(Encryption::open(&dict, &first)?);
        // What was read so far is not deciphered.
        self.long.borrow_mut().clear();
        Ok(())
    }

    /// The bytes; of [`Document::open_pieces`] those of the input.
    pub fn bytes(&self) -> &'a [u8] {
        self.file.input()
    }

    /// All bytes, an update's included.
    pub fn file(&self) -> Pieces<'a> {
        self.file
    }

    /// The bounds it is read within.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The header's version, `1.7` for `%PDF-1.7`; the catalogue may name a later one.
    pub fn header_version(&self) -> Option<(u8, u8)> {
        let at = memchr::memmem::find(self.bytes().get(..self.bytes().len().min(1024))?, b"%PDF-")?;
        match self.bytes().get(at + 5..at + 8)? {
            [a @ b'0'..=b'9', b'.', b @ b'0'..=b'9'] => Some((a - b'0', b - b'0')),
            _ => None,
        }
    }

    /// Its revisions, the oldest first. There is at least one.
    pub fn revisions(&self) -> &[Revision<'a>] {
        &self.revisions
    }

    /// The newest trailer.
    pub fn trailer(&self) -> &Dict {
        static EMPTY: std::sync::OnceLock<Dict> = std::sync::OnceLock::new();
        self.revisions.last().map_or_else(|| EMPTY.get_or_init(Dict::new), |r| r.trailer())
    }

    /// The document as its last revision leaves it.
    pub fn latest(&self) -> View<'_, 'a> {
        View::new(self, self.revisions.len())
    }

    /// The document as revision `index` (0 is the oldest) left it.
    pub fn as_of(&self, index: usize) -> View<'_, 'a> {
        View::new(self, index.saturating_add(1).min(self.revisions.len()))
    }

    /// Bytes before the header that offsets do not count: 0 unless the file counts from a header behind other bytes.
    pub fn shift(&self) -> usize {
        self.shift
    }

    /// How it is encrypted, if it is.
    pub fn encryption(&self) -> Option<&Encryption> {
        self.encryption.as_ref()
    }

    /// The object that holds the encryption dictionary: its strings are never encrypted.
    pub fn encryption_object(&self) -> Option<ObjectId> {
        self.encryption_object
    }

    /// What opening it remarked on. [`super::inspect`] looks at everything.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().chain(self.revisions.iter().flat_map(|r| r.findings.iter()))
    }

    /// Whether opening it remarked on `kind`.
    pub fn has(&self, kind: FindingKind) -> bool {
        self.findings().any(|f| f.kind == kind)
    }

    /// Counts work against [`Limits::work`]. An object may be read a million times, and each time be as long as the file.
    pub(super) fn spend(&self, units: usize) -> Result<()> {
        let worked = self.worked.get().saturating_add(units);
        self.worked.set(worked);
        // What object streams hold counts as well, but a bomb buys no time.
        let size = self.file.len();
        let unpacked = self.decoded.get().min(size.saturating_mul(8));
        if worked > self.limits.all_work(size.saturating_add(unpacked)) {
            return Err(SyntaxError::Limit("structure for its size"));
        }
        Ok(())
    }

    /// Runs a look at the document that has an allowance of work of its own, and leaves the rest of it to others.
    pub fn apart<T>(&self, look: impl FnOnce() -> T) -> T {
        let before = self.worked.replace(0);
        let out = look();
        self.worked.set(before);
        out
    }

    /// The work of looking an object up: every revision may have to be asked.
    pub(super) fn spend_lookup(&self) -> Result<()> {
        self.spend(self.revisions.len().saturating_mul(20))
    }

    /// A section that names an earlier one's `/XRefStm` again says nothing, unless that brings back what was redefined.
    fn repeated_streams(&self) -> Result<()> {
        let sections =
            || self.revisions.iter().enumerate().flat_map(|(n, r)| r.sections.iter().map(move |s| (n, s)));
        for (index, again) in sections().filter(|(_, s)| s.repeats) {
            let named = again.trailer.get("XRefStm");
            let holder = sections().find(|(_, s)| s.hidden.is_some() && s.trailer.get("XRefStm") == named);
            let Some(stream) = holder.and_then(|(_, s)| s.hidden.as_deref()) else { continue };
            let before = View::new(self, index);
            for (number, entry) in stream.entries() {
                self.spend_lookup()?;
                let own =
                    matches!(again.own_entry(number), Some(Entry::InFile { .. } | Entry::InStream { .. }));
                if !own && before.definition(number).map(|d| d.entry) != Some(entry) {
                    return Err(SyntaxError::Structure(
                        "a repeated /XRefStm brings back an object that was redefined",
                    ));
                }
            }
        }
        Ok(())
    }

    /// One cross-reference section: where it should be, else the only one in sight.
    fn section(&self, offset: usize) -> Result<Section<'a>> {
        let outcome = self.section_at(offset);
        let mut section = match outcome {
            Err(SyntaxError::Malformed { .. }) => {
                let Some(at) = self.section_nearby(offset) else { return outcome };
                let mut section = self.section_at(at)?;
                section.note(FindingKind::SectionAstray);
                section
            }
            outcome => outcome?,
        };
        section.shift = u64::try_from(self.shift).unwrap_or(0);
        Ok(section)
    }

    /// Where the keyword `xref` stands within a few bytes of the offset, if that is once.
    fn section_nearby(&self, offset: usize) -> Option<usize> {
        let from = offset.saturating_sub(ASTRAY);
        let near = self.file.get(from..offset.saturating_add(ASTRAY).min(self.file.len()))?;
        let mut found = memchr::memmem::find_iter(near, b"xref").filter(|&at| {
            let before = at.checked_sub(1).and_then(|at| near.get(at));
            let behind = near.get(at.saturating_add(4));
            [before, behind].iter().all(|b| b.is_some_and(|&b| super::lexer::is_white(b)))
        });
        let only = found.next()?;
        found.next().is_none().then_some(from.saturating_add(only))
    }

    fn section_at(&self, offset: usize) -> Result<Section<'a>> {
        let mut lexer = Lexer::new(self.file.at(offset), offset);
        if offset >= self.file.len() {
            return malformed(offset, "cross-reference offset behind the end");
        }
        lexer.skip_white();
        let moved = lexer.pos != offset;
        let mut section = if lexer.keyword(b"xref") {
            Section::table(self.file.at(offset), lexer.pos - 4, lexer.pos, &self.limits)?
        } else {
            let indirect = self.indirect(View::new(self, 0), lexer.pos, None)?;
            match indirect.object {
                Object::Stream(stream) if stream.dict.is_name("Type", "XRef") => {
                    let bytes = self.decode(&stream, self.limits.decoded(stream.data.len()))?.into_owned();
                    Section::stream(indirect.id, indirect.span, stream.dict, bytes, &self.limits)?
                }
                _ => return malformed(offset, "expected a cross-reference section"),
            }
        };
        if moved {
            section.note(FindingKind::SectionOffset);
        }
        Ok(section)
    }

    /// The indirect object at `offset`, read with the eyes of `view` (for an indirect `/Length`).
    ///
    /// # Errors
    /// [`SyntaxError`] if none stands there or, with `expected`, another one.
    pub fn indirect(
        &self,
        view: View<'_, 'a>,
        offset: usize,
        expected: Option<ObjectId>,
    ) -> Result<Indirect> {
        if let Some((indirect, work)) = self.long.borrow().get(&offset)
            && expected.is_none_or(|e| e == indirect.id)
        {
            self.spend(*work)?;
            return Ok(indirect.clone());
        }
        let mut lexer = Lexer::new(self.file.at(offset), offset);
        lexer.skip_white();
        let start = lexer.pos;
        let id = lexer.object_header()?;
        if expected.is_some_and(|e| e != id) {
            return malformed(offset, "another object than the cross-reference says");
        }
        let mut parser = Parser::new(self.file.at(offset), lexer.pos, &self.limits);
        let parsed = parser.object();
        let work = parser.work_since(start);
        self.spend(work)?;
        let mut object = parsed?;
        let mut findings = Vec::new();
        if start != offset {
            findings.push(FindingKind::BadEntry);
        }
        let mut end = parser.pos();
        parser.lexer.skip_space();
        if let (Object::Dictionary(dict), true) = (&mut object, parser.lexer.keyword(b"stream")) {
            let dict = std::mem::take(dict);
            let data = self.stream_data(view, &mut parser.lexer, &dict, &mut findings)?;
            end = parser.pos();
            parser.lexer.skip_space();
            object = Object::Stream(Stream { dict, id, data });
        }
        if parser.lexer.keyword(b"endobj") {
            end = parser.pos();
        } else {
            findings.push(FindingKind::MissingEndobj);
        }
        let in_clear = self.encryption_object == Some(id)
            || matches!(&object, Object::Stream(s) if s.dict.is_name("Type", "XRef"));
        if let (Some(encryption), false) = (&self.encryption, in_clear) {
            encryption.decrypt_strings(id, &mut object)?;
        }
        let indirect = Indirect { id, object, span: start..end, findings };
        let mut long = self.long.borrow_mut();
        // A stream may be read with the eyes of another revision.
        if LONG.contains(&(end - start))
            && work <= end - start + LONG_PARTS
            && !matches!(indirect.object, Object::Stream(_))
            && long.len() < MAX_LONG
        {
            long.insert(offset, (indirect.clone(), work));
        }
        Ok(indirect)
    }

    /// The range of a stream's data; the lexer moves behind `endstream`.
    fn stream_data(
        &self,
        view: View<'_, 'a>,
        lexer: &mut Lexer<'a>,
        dict: &Dict,
        findings: &mut Vec<FindingKind>,
    ) -> Result<Range<usize>> {
        let keyword = lexer.pos;
        match lexer.rest() {
            [b'\r', b'\n', ..] => lexer.pos += 2,
            [b'\n', ..] => lexer.pos += 1,
            _ => {
                findings.push(FindingKind::StreamKeyword);
                while matches!(lexer.peek(), Some(b' ' | b'\t')) {
                    lexer.bump();
                }
                lexer.skip_line_end();
            }
        }
        let start = lexer.pos;
        let length = match dict.get("Length") {
            Some(Object::Integer(n)) => Some(*n),
            Some(Object::Reference(r)) => self.indirect_length(view, *r),
            _ => None,
        };
        let end = length.and_then(|n| start.checked_add(usize::try_from(n).ok()?));
        if let Some(end) = end.filter(|&e| e <= self.file.len()) {
            lexer.pos = end;
            lexer.skip_white();
            if lexer.keyword(b"endstream") {
                return Ok(start..end);
            }
        }
        // The length is wrong: the data end before the next `endstream`. Looking for it costs time, so it is rationed.
        findings.push(FindingKind::StreamLength);
        let rest = self.file.at(start).from(start);
        let budget = self.file.len().saturating_mul(2).saturating_sub(self.scanned.get());
        let rest = rest.get(..rest.len().min(budget)).unwrap_or_default();
        let found = memchr::memmem::find(rest, b"endstream");
        self.scanned.set(self.scanned.get().saturating_add(found.unwrap_or(rest.len())));
        let Some(found) = found else { return malformed(keyword, "stream without end") };
        lexer.pos = start + found + b"endstream".len();
        let body = rest.get(..found).unwrap_or_default();
        let body = body
            .strip_suffix(b"\r\n")
            .or(body.strip_suffix(b"\n"))
            .or(body.strip_suffix(b"\r"))
            .unwrap_or(body);
        Ok(start..start + body.len())
    }

    /// An indirect `/Length` must be a plain integer; nested lookups are bounded.
    fn indirect_length(&self, view: View<'_, 'a>, reference: ObjectId) -> Option<i64> {
        if self.loading.get() >= 4 {
            return None;
        }
        self.loading.set(self.loading.get() + 1);
        let length = view.object(reference).ok().and_then(|o| o.as_integer());
        self.loading.set(self.loading.get() - 1);
        length
    }

    /// The object stream at `offset`, decoded once.
    pub(super) fn container(&self, view: View<'_, 'a>, id: ObjectId, offset: usize) -> Result<Rc<Container>> {
        if let Some(container) = self.containers.borrow().get(&offset) {
            return Ok(Rc::clone(container));
        }
        let indirect = self.indirect(view, offset, Some(id))?;
        let Object::Stream(stream) = indirect.object else {
            return Err(SyntaxError::Object { id, what: "not an object stream" });
        };
        let bytes = self.decode(&stream, self.limits.decoded(stream.data.len()))?.into_owned();
        let container = Rc::new(Container::new(&stream, bytes)?);
        self.containers.borrow_mut().insert(offset, Rc::clone(&container));
        Ok(container)
    }

    /// A stream's data as they stand in the file: encoded, and encrypted if the document is.
    pub fn raw(&self, stream: &Stream) -> &'a [u8] {
        self.file.get(stream.data.clone()).unwrap_or_default()
    }

    /// A stream's data decrypted, still encoded.
    ///
    /// # Errors
    /// [`SyntaxError::Encryption`]
    pub fn encoded(&self, stream: &Stream) -> Result<Cow<'a, [u8]>> {
        match &self.encryption {
            Some(encryption) => {
                Ok(Cow::Owned(encryption.decrypt_stream(stream.id, &stream.dict, self.raw(stream))?))
            }
            None => Ok(Cow::Borrowed(self.raw(stream))),
        }
    }

    /// A stream's data decrypted and decoded, at most `max` bytes; counts against [`Limits::total_bytes`].
    ///
    /// # Errors
    /// [`SyntaxError::Filter`] for filters of images, [`SyntaxError::Limit`] for bombs.
    pub fn decode(&self, stream: &Stream, max: usize) -> Result<Cow<'a, [u8]>> {
        let mut data = self.encoded(stream)?;
        let left = self.limits.total_bytes.saturating_sub(self.decoded.get());
        let view = self.latest();
        let listed = |key: &str, short: &str| -> Result<Vec<Object>> {
            let value = match stream.dict.get(key).or_else(|| stream.dict.get(short)) {
                Some(value) => view.resolve(value)?,
                None => return Ok(Vec::new()),
            };
            match value {
                Object::Null => Ok(Vec::new()),
                Object::Array(items) => items.iter().map(|o| view.resolve(o)).collect(),
                one => Ok(vec![one]),
            }
        };
        let filters = listed("Filter", "F")?;
        let parameters = listed("DecodeParms", "DP")?;
        if filters.len() > 8 {
            return Err(SyntaxError::Filter("too many filters"));
        }
        for (i, name) in filters.iter().enumerate() {
            let Object::Name(name) = name else { return Err(SyntaxError::Filter("bad filter name")) };
            let none = Dict::new();
            let parameters = parameters.get(i).and_then(Object::as_dict).unwrap_or(&none);
            let decoded = filter::decode(name, parameters, &data, max.min(left))?;
            self.decoded.set(self.decoded.get().saturating_add(decoded.len()));
            data = Cow::Owned(decoded);
        }
        Ok(data)
    }

    /// Whether the newest section is a stream: how an update has to be written.
    pub fn ends_with_stream(&self) -> bool {
        self.revisions.last().is_some_and(|r| matches!(r.kind(), SectionKind::Stream(_)))
    }

    /// The name of the first filter of a stream, for callers that hand images on undecoded.
    pub fn first_filter(stream: &Stream) -> Option<&Name> {
        match stream.dict.get("Filter")? {
            Object::Name(n) => Some(n),
            Object::Array(a) => a.iter().find_map(|o| match o {
                Object::Name(n) => Some(n),
                _ => None,
            }),
            _ => None,
        }
    }
}
