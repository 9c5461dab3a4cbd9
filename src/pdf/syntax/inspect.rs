//! The strict look at a whole file: every byte must belong to something that the cross-reference names.
//!
//! Shadow attacks live in what lenient readers skip: objects that no section names, objects named twice, bytes
//! behind the end. This finds them; a validator then refuses to call such a file unmodified.

use super::document::Document;
use super::error::Result;
use super::finding::{Finding, FindingKind};
use super::lexer::Lexer;
use super::section::{Entry, Section, SectionKind};
use super::view::View;
use super::{Object, ObjectId, SyntaxError};
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

/// The definition of an object in one revision, and the bytes it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Object number.
    pub number: u32,
    /// Index of the revision whose section names it.
    pub revision: usize,
    /// Its entry.
    pub entry: Entry,
    /// From its number to behind `endobj`; `None` for free entries and objects in object streams.
    pub span: Option<Range<usize>>,
}

/// Everything that a strict reader sees.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// Every entry of every revision, oldest revision first, then by number.
    pub placed: Vec<Placed>,
    /// What is not as it should be, in file order.
    pub findings: Vec<Finding>,
}

/// Looks at every entry of every revision and accounts for every byte.
///
/// # Errors
/// [`SyntaxError::Limit`] when there are more than `max_objects` entries. What cannot be read is a finding.
pub fn inspect(document: &Document<'_>, max_objects: usize) -> Result<Inspection> {
    let mut out = Inspection { placed: Vec::new(), findings: document.findings().cloned().collect() };
    let mut taken: Vec<Range<usize>> = Vec::new();
    let mut by_offset: BTreeMap<u64, Range<usize>> = BTreeMap::new();
    let mut kinds = HashSet::new();
    let mut highest = 0;
    let last = document.revisions().len().saturating_sub(1);
    for (index, revision) in document.revisions().iter().enumerate() {
        let entries: usize = revision.sections.iter().map(Section::len).sum();
        if out.placed.len().saturating_add(entries) > max_objects {
            return Err(SyntaxError::Limit("objects"));
        }
        let view = document.as_of(index);
        let said = revision.sections.first().map_or(revision.start, |section| section.offset);
        let mut own_highest = 0;
        for (number, entry) in revision.entries() {
            if entry != Entry::Free {
                own_highest = own_highest.max(number);
            }
            let span = match entry {
                Entry::InFile { offset, generation } => match by_offset.get(&offset) {
                    Some(span) => Some(span.clone()),
                    None => {
                        let id = ObjectId { number, generation };
                        let span = look_at(view, id, (offset, said), &mut out.findings);
                        if let Some(span) = span.clone().filter(|s| index < last && s.end > revision.end) {
                            out.findings.push(Finding { kind: FindingKind::Ahead, span });
                        }
                        by_offset.extend(span.clone().map(|s| (offset, s)));
                        taken.extend(span.clone());
                        span
                    }
                },
                Entry::InStream { stream, index } => {
                    look_inside(view, number, (stream, index), said, &mut out.findings);
                    None
                }
                Entry::Free => None,
            };
            out.placed.push(Placed { number, revision: index, entry, span });
        }
        highest = highest.max(own_highest);
        let said_size = revision.trailer().get("Size");
        let size = said_size.and_then(Object::as_integer);
        // PDFBox 2 counts to the highest object of its update, and readers take older objects all the same.
        let own = i64::from(own_highest).saturating_add(1);
        let kind = match size {
            Some(size) if size <= i64::from(highest) && size == own => Some(FindingKind::SizeOfUpdate),
            Some(size) if size <= i64::from(highest) => Some(FindingKind::Size),
            // A real is none: some readers search the file for its objects then.
            None if said_size.is_some() => Some(FindingKind::Size),
            _ => None,
        };
        out.findings.extend(kind.map(|kind| Finding { kind, span: said..said.saturating_add(1) }));
        for section in revision.sections.iter().flat_map(|s| std::iter::once(s).chain(s.hidden.as_deref())) {
            kinds.insert(matches!(section.kind, SectionKind::Stream(_)));
            // A cross-reference stream that lists itself was taken as an object already.
            let listed = u64::try_from(section.offset).is_ok_and(|at| by_offset.contains_key(&at));
            let start = if listed { section.end } else { section.offset };
            taken.push(start..end_of_section(document.bytes(), section.end));
        }
    }
    if kinds.len() > 1 && !document.has(FindingKind::Hybrid) {
        out.findings.push(Finding { kind: FindingKind::MixedSections, span: 0..0 });
    }
    account(document.bytes(), taken, &mut out.findings);
    out.findings.sort_by_key(|f| (f.span.start, f.span.end, f.kind));
    out.findings.dedup();
    Ok(out)
}

fn look_at(
    view: View<'_, '_>,
    id: ObjectId,
    (offset, said): (u64, usize),
    findings: &mut Vec<Finding>,
) -> Option<Range<usize>> {
    match view.indirect_at(id, offset) {
        Ok(indirect) => {
            let found = indirect.findings.iter().copied();
            let doubled = has_duplicate_keys(&indirect.object).then_some(FindingKind::DuplicateKey);
            findings.extend(found.chain(doubled).map(|kind| Finding { kind, span: indirect.span.clone() }));
            Some(indirect.span)
        }
        Err(_) => {
            // What points out of the file is odd where it says so.
            let length = view.document().bytes().len();
            let at = usize::try_from(offset).ok().filter(|at| *at < length).unwrap_or(said);
            findings.push(Finding { kind: FindingKind::Unreadable, span: at..at });
            None
        }
    }
}

/// Whoever names a wrong place in an object stream does so in the section at `said`, wherever the stream is.
fn look_inside(
    view: View<'_, '_>,
    number: u32,
    (stream, index): (u32, u32),
    said: usize,
    findings: &mut Vec<Finding>,
) {
    let kind = match view.in_stream(ObjectId::new(number), stream, index) {
        Ok((_, false)) => FindingKind::ObjectStreamIndex,
        Ok((object, true)) if has_duplicate_keys(&object) => FindingKind::DuplicateKey,
        Ok(_) => return,
        Err(_) => FindingKind::Unreadable,
    };
    findings.push(Finding { kind, span: said..said.saturating_add(1) });
}

/// Whether any dictionary inside says one key twice.
pub fn has_duplicate_keys(object: &Object) -> bool {
    match object {
        Object::Array(items) => items.iter().any(has_duplicate_keys),
        Object::Dictionary(d) => d.has_duplicate_keys() || d.iter().any(|(_, v)| has_duplicate_keys(v)),
        Object::Stream(s) => s.dict.has_duplicate_keys() || s.dict.iter().any(|(_, v)| has_duplicate_keys(v)),
        _ => false,
    }
}

/// A section's end with its `startxref … %%EOF`, if they follow, comments between the two included.
fn end_of_section(data: &[u8], end: usize) -> usize {
    let mut lexer = Lexer::new(data, end);
    // iText names itself in a comment here.
    lexer.skip_space();
    if !lexer.keyword(b"startxref") {
        return end;
    }
    lexer.skip_white();
    if lexer.unsigned().is_err() {
        return end;
    }
    let number = lexer.pos;
    lexer.skip_white();
    if lexer.literally(b"%%EOF") { lexer.pos } else { number }
}

/// Reports bytes that nobody took, and bytes taken twice.
fn account(data: &[u8], mut taken: Vec<Range<usize>>, findings: &mut Vec<Finding>) {
    taken.sort_by_key(|r| (r.start, r.end));
    taken.dedup();
    let mut pos = 0;
    for range in taken.iter().chain(std::iter::once(&(data.len()..data.len()))) {
        if range.start < pos {
            let span = range.start..pos.min(range.end);
            if !span.is_empty() {
                findings.push(Finding { kind: FindingKind::Overlap, span });
            }
        } else if let Some(span) = junk(data, pos..range.start) {
            findings.push(Finding { kind: FindingKind::Unaccounted, span });
        }
        pos = pos.max(range.end);
    }
}

/// The part of a gap that is neither white space nor a harmless comment.
fn junk(data: &[u8], gap: Range<usize>) -> Option<Range<usize>> {
    let bytes = data.get(gap.clone())?;
    let mut lexer = Lexer::new(bytes, 0);
    lexer.skip_space();
    // A comment that speaks of objects or sections is one to readers that search for them.
    let words = [b"obj".as_slice(), b"xref", b"trailer", b"stream"];
    if let Some(at) = words.iter().filter_map(|word| memchr::memmem::find(bytes, word)).min() {
        return Some(gap.start + at.min(lexer.pos)..gap.end);
    }
    (lexer.pos < bytes.len()).then(|| gap.start + lexer.pos..gap.end)
}
