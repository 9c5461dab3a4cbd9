//! Files whose cross-reference cannot be followed: every object is looked for, the last one of a number counts.
//!
//! A file that lost its end is one of them, although an earlier `startxref` can still be followed: what stands behind
//! the revision that it leads to belongs to the document, and no reader that repairs the file overlooks it.
//!
//! Only for signing, and only files without a signature: the update then carries a complete section of its own, so that
//! whoever reads the signed file needs no search, and sees what was signed. A validator never reads a file this way.

use super::container::Container;
use super::document::Document;
use super::error::{Result, SyntaxError, malformed};
use super::finding::{Finding, FindingKind};
use super::lexer::{is_regular, is_white};
use super::parser::Parser;
use super::revision::Revision;
use super::section::{Entry, Rows, Section, SectionKind, Subsection};
use super::view::View;
use super::{Dict, Limits, Object, ObjectId};
use crate::pdf::pages;
use std::collections::BTreeMap;

/// What looks like an object and is none may cost so many bytes of parsing, or four times the file.
const MAX_WASTE: usize = 32 << 20;

impl<'a> Document<'a> {
    /// Opens a file to add to it: as [`Document::open`] does or, where its cross-reference leads nowhere and it is not
    /// signed yet, by searching for its objects.
    ///
    /// # Errors
    /// [`SyntaxError`]: what was wrong with the file in the first place.
    pub fn open_to_sign(data: &'a [u8]) -> Result<Self> {
        Self::open_to_sign_within(data, Limits::default())
    }

    /// [`Document::open_to_sign`] within other bounds.
    ///
    /// # Errors
    /// [`SyntaxError`]: what was wrong with the file in the first place.
    pub fn open_to_sign_within(data: &'a [u8], limits: Limits) -> Result<Self> {
        let signed = || memchr::memmem::find(data, b"/ByteRange").is_some();
        let (error, tail) = match Self::open_within(data, limits) {
            Ok(document) if document.has(FindingKind::SectionAstray) => (ASTRAY, NOTHING),
            Ok(document) => match (unread_tail(&document), pages::page(document.latest(), 1)) {
                (Some(tail), _) if has_objects(tail) || signed() => (UNREAD_TAIL, tail),
                (_, Ok(Some(_))) => return Ok(document),
                (_, Ok(None)) => (SyntaxError::Structure("the document has no page"), NOTHING),
                (_, Err(error)) => (error, NOTHING),
            },
            Err(error) => (error, NOTHING),
        };
        let hopeless =
            matches!(error, SyntaxError::Password | SyntaxError::Encryption(_) | SyntaxError::Limit(_));
        if hopeless {
            return Err(error);
        }
        if signed() {
            return Err(SyntaxError::SignedAndDamaged(error.to_string()));
        }
        // What the cut went through cannot be had back, and must not be left out in silence.
        if ends_inside_an_object(tail) {
            return Err(error);
        }
        match Self::rebuilt(data, limits) {
            Ok(document) if matches!(pages::page(document.latest(), 1), Ok(Some(_))) => Ok(document),
            _ => Err(error),
        }
    }

    fn rebuilt(data: &'a [u8], limits: Limits) -> Result<Self> {
        let mut document = Self::bare(data, limits)?;
        let mut found = Found::default();
        found.search(&document)?;
        let trailer = found.trailer.take().ok_or(SyntaxError::Structure("no trailer"))?;
        document.revisions = vec![revision(&found.entries, trailer.clone(), data.len())];
        document.open_encryption()?;
        let inside = found.in_streams(&document);
        for (number, entry) in inside {
            found.entries.insert(number, entry);
        }
        document.revisions = vec![revision(&found.entries, trailer, data.len())];
        Ok(document)
    }
}

/// Why a file with something behind its last revision is not taken as it is.
const UNREAD_TAIL: SyntaxError = SyntaxError::Structure(
    "objects stand behind the last cross-reference section: the end of the file is lost",
);
/// A validator finds the section that is meant; what we add to must not need that.
const ASTRAY: SyntaxError = SyntaxError::Structure("a cross-reference section stands beside its offset");
const NOTHING: &[u8] = &[];

/// What stands behind the last revision, unless it is white space.
fn unread_tail<'a>(document: &Document<'a>) -> Option<&'a [u8]> {
    let found = document.findings().find(|f| f.kind == FindingKind::JunkAfterEof)?;
    document.bytes().get(found.span.clone())
}

/// Where the last object of `tail` begins, if there is one.
fn last_object(tail: &[u8]) -> Option<usize> {
    memchr::memmem::rfind_iter(tail, b"obj").find(|&at| header_start(tail, at).is_some())
}

fn has_objects(tail: &[u8]) -> bool {
    last_object(tail).is_some()
}

fn ends_inside_an_object(tail: &[u8]) -> bool {
    last_object(tail).is_some_and(|at| memchr::memmem::rfind(tail, b"endobj").is_none_or(|end| end < at))
}

/// What the search finds.
#[derive(Debug, Default)]
struct Found {
    entries: BTreeMap<u32, (Entry, usize)>,
    /// Object streams in file order.
    streams: Vec<(ObjectId, usize)>,
    trailer: Option<Dict>,
    catalog: Option<ObjectId>,
}

impl Found {
    fn search(&mut self, document: &Document<'_>) -> Result<()> {
        let data = document.bytes();
        let mut waste = MAX_WASTE.max(data.len().saturating_mul(4));
        let mut pos = 0;
        while let Some(at) =
            memchr::memmem::find(data.get(pos..).unwrap_or_default(), b"obj").map(|n| n + pos)
        {
            pos = at + 3;
            let Some(start) = header_start(data, at) else { continue };
            match document.indirect(View::new(document, 0), start, None) {
                Ok(indirect) => {
                    pos = indirect.span.end.max(pos);
                    self.take(indirect.id, start, &indirect.object);
                }
                Err(_) => {
                    let looked_at = data.len() - start;
                    let Some(left) = waste.checked_sub(looked_at) else {
                        return malformed(start, "too much that looks like objects and is none");
                    };
                    waste = left;
                }
            }
            if self.entries.len() > document.limits().entries {
                return Err(SyntaxError::Limit("objects"));
            }
        }
        self.find_trailer(document);
        Ok(())
    }

    fn take(&mut self, id: ObjectId, start: usize, object: &Object) {
        let offset = u64::try_from(start).unwrap_or(u64::MAX);
        self.entries.insert(id.number, (Entry::InFile { offset, generation: id.generation }, start));
        let Some(dict) = object.as_dict() else { return };
        if dict.is_name("Type", "Catalog") {
            self.catalog = Some(id);
        }
        if let Object::Stream(_) = object {
            if dict.is_name("Type", "ObjStm") {
                self.streams.push((id, start));
            } else if dict.is_name("Type", "XRef") && dict.contains("Root") {
                self.trailer = Some(dict.clone());
            }
        }
    }

    /// The last trailer that names a catalogue, else one that is made up.
    fn find_trailer(&mut self, document: &Document<'_>) {
        let data = document.bytes();
        let classic = memchr::memmem::rfind_iter(data, b"trailer").take(64).find_map(|at| {
            let object = Parser::new(data, at + b"trailer".len(), document.limits()).object().ok()?;
            object.as_dict().filter(|d| d.contains("Root")).cloned()
        });
        let made_up = self.catalog.map(|id| Dict::new().with("Root", id));
        self.trailer = classic.or(self.trailer.take()).or(made_up);
    }

    /// Objects in object streams, unless one of the same number stands behind the stream.
    fn in_streams(&self, document: &Document<'_>) -> Vec<(u32, (Entry, usize))> {
        let view = document.latest();
        let mut out = Vec::new();
        for (id, start) in &self.streams {
            let Ok(container) = document.container(view, *id, *start) else { continue };
            for (number, index) in Container::numbers(&container).zip(0u32..) {
                let later = self.entries.get(&number).is_some_and(|(_, at)| at > start);
                if !later {
                    out.push((number, (Entry::InStream { stream: id.number, index }, *start)));
                }
            }
        }
        out
    }
}

/// Where `N G obj` begins whose keyword stands at `at`.
fn header_start(data: &[u8], at: usize) -> Option<usize> {
    let before = data.get(at.saturating_sub(40)..at)?;
    let (before, spaces) = strip(before, is_white);
    let (before, generation) = strip(before, |b| b.is_ascii_digit());
    let (before, more) = strip(before, is_white);
    let (before, number) = strip(before, |b| b.is_ascii_digit());
    let token = spaces > 0 && (1..=5).contains(&generation) && more > 0 && (1..=10).contains(&number);
    (token && before.last().is_none_or(|&b| !is_regular(b))).then(|| at - spaces - generation - more - number)
}

/// Takes a run of such bytes off the end, and its length.
fn strip(bytes: &[u8], of: impl Fn(u8) -> bool) -> (&[u8], usize) {
    let kept = bytes.iter().rposition(|&b| !of(b)).map_or(0, |n| n + 1);
    (bytes.get(..kept).unwrap_or_default(), bytes.len() - kept)
}

fn revision<'a>(entries: &BTreeMap<u32, (Entry, usize)>, mut trailer: Dict, end: usize) -> Revision<'a> {
    for key in ["Prev", "XRefStm"] {
        trailer.remove(key);
    }
    let ranges =
        entries.keys().zip(0usize..).map(|(&first, row)| Subsection { first, count: 1, row }).collect();
    let mut section = Section {
        offset: 0,
        end,
        kind: SectionKind::Table,
        trailer,
        hidden: None,
        repeats: false,
        shift: 0,
        ranges,
        rows: Rows::List(entries.values().map(|(entry, _)| *entry).collect()),
        findings: Vec::new(),
    };
    section.note(FindingKind::Rebuilt);
    let findings = vec![Finding { kind: FindingKind::Rebuilt, span: 0..end }];
    Revision { sections: vec![section], start: 0, end, startxref: 0, findings }
}
