//! Which revision a signature covers, and what is odd about those that follow (ISO 32000-2 7.5.6, 12.8.1).

use super::finding::{Attack, Finding, Subject};
use super::structure::as_u64;
use crate::pdf::syntax::inspect::{Inspection, inspect};
use crate::pdf::syntax::{Document, FindingKind, Object, Revision, Section};
use std::ops::Range;

/// Readers look for `startxref` in the last 1,024 bytes of a file (ISO 32000-1, annex H.3, note 18).
const END: usize = 1_000;
/// Octets before the signed end that an object's header may begin in.
const HEADER: usize = 1_024;
/// More objects than this are taken for a mistake by some readers.
const LARGE_SIZE: i64 = 8_000_000;
/// Entries of all cross-reference sections together that are inspected, at most.
const MAX_OBJECTS: usize = 400_000;

/// The revision that ends where the signed bytes end.
///
/// # Errors
/// The reason why there is none.
pub(super) fn covered(document: &Document<'_>, end: usize) -> Result<usize, Finding> {
    let bytes = document.bytes();
    // What stands between, and is signed, was there before whoever made it: in the whole file's last revision anything
    // may, elsewhere nothing that a later revision could make use of.
    let between = |r: &Revision<'_>| bytes.get(r.end.min(end)..r.end.max(end)).unwrap_or_default();
    let last = document.revisions().len().saturating_sub(1);
    let none = || {
        let detail = "the signed bytes do not end where a revision ends: part of the document is not covered";
        Finding::failure(Subject::Structure, "partial-coverage", detail).attack(Attack::Wrapping)
    };
    let index = document
        .revisions()
        .iter()
        .rposition(|r| r.end <= end.saturating_add(2))
        .filter(|&n| {
            document.revisions().get(n).is_some_and(|r| {
                let rest = between(r);
                rest.iter().all(|&b| is_white(b)) || (r.end <= end && (n == last || is_idle(rest)))
            })
        })
        .ok_or_else(none)?;
    if index + 1 == document.revisions().len() {
        return Ok(index);
    }
    // What was signed must be what the chain of the whole file calls this revision.
    let prefix = bytes.get(..end).unwrap_or_default();
    let broken = |why: &str| {
        let detail = format!("the signed revision is not part of the file's cross-reference chain: {why}");
        Finding::failure(Subject::Structure, "broken-chain", detail).attack(Attack::IncrementalSaving)
    };
    let signed = Document::open(prefix).map_err(|e| broken(&e.to_string()))?;
    let offset =
        |d: &Document<'_>, i: usize| d.revisions().get(i).and_then(|r| r.sections.first()).map(|s| s.offset);
    if signed.shift() != document.shift() {
        return Err(broken("its offsets count from another byte"));
    }
    if signed.revisions().len() != index + 1 || offset(&signed, index) != offset(document, index) {
        return Err(broken("its own chain is another one"));
    }
    Ok(index)
}

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\r' | b'\n' | b'\t' | 0 | 12)
}

/// White space, comments and the mark that ends a file of CP/M.
fn is_idle(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|b| matches!(b, b'\r' | b'\n'));
    lines.all(|line| {
        let rest = line.iter().position(|&b| !is_white(b) && b != 0x1a).and_then(|at| line.get(at..));
        rest.is_none_or(|rest| rest.starts_with(b"%"))
    })
}

/// Bytes behind the last revision that are neither white space nor signed up to `own`: an appended part that no
/// cross-reference names. A later sound signature, up to `signed`, may cover comments there.
pub(super) fn trailing(document: &Document<'_>, own: usize, signed: usize) -> Option<Finding> {
    let bytes = document.bytes();
    let last = document.revisions().last()?.end;
    let start = memchr::memmem::rfind(bytes.get(..last)?, b"startxref").unwrap_or(0);
    if bytes.len() > own && bytes.len() - start > END {
        let detail =
            "the last startxref stands too far from the end: readers do not find it and search for objects";
        let finding = Finding::failure(Subject::File, "trailing-bytes", detail);
        return Some(finding.attack(Attack::IncrementalSaving).at(as_u64(start), as_u64(bytes.len())));
    }
    let end = last.max(own).min(bytes.len());
    let within = bytes.get(end..signed.max(end)).unwrap_or_default();
    let end = if is_idle(within) { end.max(signed) } else { end };
    let rest = bytes.get(end..).unwrap_or_default();
    let Some(first) = rest.iter().position(|&b| !is_white(b)) else {
        let odd = bytes.get(last..end).unwrap_or_default().iter().position(|&b| !is_white(b))?;
        let finding = Finding::warning(Subject::File, "trailing-bytes", "signed bytes follow the last %%EOF");
        return Some(finding.at(as_u64(last + odd), as_u64(end)));
    };
    let has = |needle: &[u8]| memchr::memmem::find(rest, needle).is_some();
    let (attack, what) = if !has(b" obj") {
        (Attack::IncrementalSaving, "bytes")
    } else if !has(b"xref") && !has(b"/XRef") {
        (Attack::IncrementalSavingWithoutXref, "objects without a cross-reference section")
    } else {
        (Attack::IncrementalSavingWithoutTrailer, "objects without a usable trailer")
    };
    let detail = format!("{what} follow the last %%EOF");
    let finding = Finding::failure(Subject::File, "trailing-bytes", detail).attack(attack);
    Some(finding.at(as_u64(end + first), as_u64(bytes.len())))
}

/// The strict look at everything, made once.
pub(super) fn strict(document: &Document<'_>) -> Result<Inspection, Finding> {
    inspect(document, MAX_OBJECTS).map_err(|e| Finding::failure(Subject::File, "too-large", e.to_string()))
}

/// What the strict look found behind `end`: failures for whoever signed up to there.
///
/// What follows the last revision is for [`trailing`] to judge.
pub(super) fn later_oddities(document: &Document<'_>, inspection: &Inspection, end: usize) -> Vec<Finding> {
    let last = document.revisions().last().map_or(0, |r| r.end);
    let behind = |f: &crate::pdf::syntax::Finding| {
        let idle = |from: usize| document.bytes().get(from..f.span.end).is_none_or(is_idle);
        match f.kind {
            FindingKind::JunkAfterEof => false,
            FindingKind::Unaccounted if f.span.start >= last => false,
            // Signed bytes that nobody names may go on behind the signed ones.
            FindingKind::Unaccounted if f.span.start < end => f.span.end > end && !idle(end),
            // Objects that begin in the signed bytes and go on behind them.
            FindingKind::Ahead | FindingKind::Overlap => f.span.end > end,
            _ => f.span.end > end && f.span.start.saturating_add(2) >= end,
        }
    };
    inspection.findings.iter().filter(|f| behind(f)).map(describe).collect()
}

/// Something behind `end` that looks like an object and is none: in a string, a stream or a comment. Readers that search a file for its
/// objects, because they find its end odd, would take it for one.
pub(super) fn hidden_object(document: &Document<'_>, inspection: &Inspection, end: usize) -> Option<Finding> {
    let at = unnamed_object(document, inspection, end..document.bytes().len())?;
    let detail = "what looks like an object stands inside of something else";
    let finding = Finding::failure(Subject::File, "hidden-object", detail);
    Some(finding.attack(Attack::IncrementalSaving).at(as_u64(at), as_u64(at)))
}

/// A later section that readers may not take, over signed bytes with an object that no section names: a reader that searches the file for
/// its objects would show that one.
pub(super) fn second_reading(
    document: &Document<'_>,
    inspection: &Inspection,
    end: usize,
) -> Option<Finding> {
    let odd_section = |section: &Section<'_>| {
        let span = document.bytes().get(section.offset..section.end).unwrap_or_default();
        let table = memchr::memmem::find(span, b"trailer").and_then(|at| span.get(..at));
        let widths = section.trailer.get("W").and_then(Object::as_array).unwrap_or_default();
        let wide = |(at, width): (usize, &Object)| {
            let most = [1, 8, 2].get(at).copied().unwrap_or(0);
            !width.as_integer().is_some_and(|width| (0..=most).contains(&width))
        };
        let size = section.trailer.get("Size").and_then(Object::as_integer).unwrap_or(i64::MAX);
        size > LARGE_SIZE
            || table.is_some_and(|table| !is_usual(table))
            || widths.iter().enumerate().any(wide)
    };
    let sections = || document.revisions().iter().flat_map(|r| &r.sections).filter(|s| s.offset >= end);
    let odd = |kind: FindingKind| {
        matches!(
            kind,
            FindingKind::EntryFormat
                | FindingKind::BadEntry
                | FindingKind::SectionOffset
                | FindingKind::TableStartsAtOne
        )
    };
    let is_odd = sections().any(odd_section)
        || inspection.findings.iter().any(|found| odd(found.kind) && found.span.end > end);
    let at = unnamed_object(document, inspection, 0..end).filter(|_| is_odd)?;
    let detail = "a later section is written as not every reader takes it, and the signed bytes have an object that no \
                  section names: readers that search for objects would show it";
    let finding = Finding::failure(Subject::File, "hidden-object", detail);
    Some(finding.attack(Attack::ShadowReplace).at(as_u64(at), as_u64(at)))
}

/// Whether a table is written as in 7.5.4: the keyword alone on its line, subsections of two numbers with one space, rows of 20 octets.
fn is_usual(table: &[u8]) -> bool {
    let digits = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    let line = |line: &[u8]| {
        let line = line.trim_ascii_end();
        let words: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
        match *words.as_slice() {
            [b"xref" | b""] => true,
            [first, count] => digits(first) && digits(count),
            [place, generation, b"n" | b"f"] => {
                place.len() == 10 && generation.len() == 5 && digits(place) && digits(generation)
            }
            _ => false,
        }
    };
    table.split(|b| matches!(b, b'\n' | b'\r')).all(line)
}

/// The first place in these bytes that looks like the beginning of an object and is that of none.
fn unnamed_object(document: &Document<'_>, inspection: &Inspection, within: Range<usize>) -> Option<usize> {
    let mut known: Vec<usize> = inspection
        .placed
        .iter()
        .filter_map(|placed| placed.span.as_ref().map(|span| span.start))
        .chain(document.revisions().iter().flat_map(|r| &r.sections).map(|section| section.offset))
        .filter(|start| start.saturating_add(HEADER) >= within.start)
        .collect();
    known.sort_unstable();
    let bytes = document.bytes();
    let searched = bytes.get(within.clone()).unwrap_or_default();
    // Both go up: each known place is passed once.
    let mut known = known.into_iter().peekable();
    memchr::memmem::find_iter(searched, b"obj").find_map(|at| {
        let start = header_before(bytes.get(..within.start.saturating_add(at))?)?;
        while known.next_if(|place| *place < start).is_some() {}
        (known.peek() != Some(&start)).then_some(start)
    })
}

/// Where two numbers begin that stand at the end of `bytes`, with white space and perhaps a comment behind each.
fn header_before(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| back(bytes, from, |b| b.is_ascii_digit());
    [false, true].iter().find_map(|&comment| {
        let generation_end = blank_before(bytes, bytes.len(), comment)?;
        let generation = digits(generation_end);
        [false, true].iter().find_map(|&comment| {
            let number_end = blank_before(bytes, generation, comment)?;
            let number = digits(number_end);
            (generation < generation_end && number_end < generation && number < number_end).then_some(number)
        })
    })
}

/// Where white space begins that ends at `from`, and a comment before it where there is to be one.
fn blank_before(bytes: &[u8], from: usize, comment: bool) -> Option<usize> {
    let ends_line = |b: u8| matches!(b, b'\r' | b'\n');
    let near = back(bytes, from, is_white);
    if !comment {
        return Some(near);
    }
    bytes.get(near..from)?.iter().find(|&&b| ends_line(b))?;
    let text = back(bytes, near, |b| !matches!(b, b'\r' | b'\n' | b'%'));
    let sign = text.checked_sub(1).filter(|&at| bytes.get(at) == Some(&b'%'))?;
    Some(back(bytes, sign, is_white))
}

/// Where those octets begin before `from` that are all accepted.
fn back(bytes: &[u8], from: usize, accept: fn(u8) -> bool) -> usize {
    let before = bytes.get(..from).unwrap_or_default();
    from - before.iter().rev().take_while(|&&b| accept(b)).count()
}

/// What it found before: no failure, since the signer saw it so; prepared content shows here.
pub(super) fn earlier_oddities(inspection: &Inspection, end: usize) -> Vec<Finding> {
    let earlier = inspection.findings.iter().filter(|f| f.span.end <= end).map(describe);
    earlier
        .map(|mut f| {
            f.severity = f.severity.min(super::finding::Severity::Warning);
            f.attack = None;
            f
        })
        .collect()
}

fn describe(found: &crate::pdf::syntax::Finding) -> Finding {
    let (code, detail, fails) = match found.kind {
        FindingKind::JunkBeforeHeader => ("junk-before-header", "bytes stand before the header", false),
        FindingKind::JunkAfterEof => ("junk-after-eof", "bytes follow the last %%EOF", true),
        FindingKind::Unaccounted => {
            ("unaccounted", "bytes belong to no object that the cross-reference names", true)
        }
        FindingKind::Overlap => ("overlap", "two objects share bytes", true),
        FindingKind::DuplicateEntry => {
            ("duplicate-entry", "one object number stands twice in one section", true)
        }
        FindingKind::EntryFormat => {
            ("entry-format", "cross-reference entries are not in the standard form", false)
        }
        FindingKind::TableStartsAtOne => {
            ("table-starts-at-one", "the cross-reference table begins with object 1", false)
        }
        FindingKind::BadEntry => {
            ("bad-entry", "a cross-reference entry does not point exactly to its object", false)
        }
        FindingKind::SectionOffset => {
            ("section-offset", "a section does not stand exactly where it should", false)
        }
        FindingKind::SectionAstray => {
            ("section-astray", "a section stands a few bytes from where it should", true)
        }
        FindingKind::SizeOfUpdate => {
            ("size-of-update", "/Size counts what the update touched: older objects lie beyond", false)
        }
        FindingKind::Ahead => {
            ("object-ahead", "an object stands behind the end of the revision that names it", true)
        }
        FindingKind::RevisionEnd => {
            ("revision-end", "a revision does not end with startxref and %%EOF", true)
        }
        FindingKind::ChainOrder => ("chain-order", "revisions do not follow one another", true),
        FindingKind::Hybrid => ("hybrid", "a hybrid section: two readers may see two documents", true),
        FindingKind::MixedSections => ("mixed-sections", "tables and streams are mixed", false),
        FindingKind::StreamLength => ("stream-length", "/Length does not lead to endstream", true),
        FindingKind::StreamKeyword => ("stream-keyword", "stream is not followed by a line end", false),
        FindingKind::MissingEndobj => ("missing-endobj", "endobj is missing", false),
        FindingKind::DuplicateKey => ("duplicate-key", "a dictionary has a key twice", true),
        FindingKind::ObjectStreamIndex => {
            ("object-stream-index", "an object stream's index contradicts the cross-reference", true)
        }
        FindingKind::Size => ("size", "/Size is no integer, or leaves out objects that are in use", true),
        FindingKind::Unreadable => ("unreadable", "an object cannot be read", true),
        _ => ("rebuilt", "the cross-reference had to be rebuilt", true),
    };
    let finding = if fails {
        Finding::failure(Subject::File, code, detail).attack(Attack::IncrementalSaving)
    } else {
        Finding::warning(Subject::File, code, detail)
    };
    finding.at(as_u64(found.span.start), as_u64(found.span.end))
}

#[cfg(test)]
mod tests;
