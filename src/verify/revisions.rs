//! Which revision a signature covers, and what is odd about those that follow (ISO 32000-2 7.5.6, 12.8.1).

use super::finding::{Attack, Finding, Subject};
use super::structure::as_u64;
use crate::pdf::syntax::inspect::{Inspection, inspect};
use crate::pdf::syntax::{Document, FindingKind};

/// Entries of all cross-reference sections together that are inspected, at most.
const MAX_OBJECTS: usize = 400_000;

/// The revision that ends where the signed bytes end.
///
/// # Errors
/// The reason why there is none.
pub(super) fn covered(document: &Document<'_>, end: usize) -> Result<usize, Finding> {
    let bytes = document.bytes();
    let white = |from: usize, to: usize| {
        bytes
            .get(from.min(to)..from.max(to))
            .unwrap_or_default()
            .iter()
            .all(|b| matches!(b, b' ' | b'\r' | b'\n' | b'\t' | 0))
    };
    let none = || {
        let detail = "the signed bytes do not end where a revision ends: part of the document is not covered";
        Finding::failure(Subject::Structure, "partial-coverage", detail).attack(Attack::Wrapping)
    };
    let index = document
        .revisions()
        .iter()
        .rposition(|r| r.end <= end.saturating_add(2) && white(r.end, end))
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
    if signed.revisions().len() != index + 1 || offset(&signed, index) != offset(document, index) {
        return Err(broken("its own chain is another one"));
    }
    Ok(index)
}

/// Bytes behind the last revision that are not white space: an appended part that no cross-reference names.
pub(super) fn trailing(document: &Document<'_>) -> Option<Finding> {
    let bytes = document.bytes();
    let end = document.revisions().last()?.end;
    let rest = bytes.get(end..).unwrap_or_default();
    let first = rest.iter().position(|b| !matches!(b, b' ' | b'\r' | b'\n' | b'\t' | 0 | 12))?;
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
pub(super) fn later_oddities(inspection: &Inspection, end: usize) -> Vec<Finding> {
    inspection
        .findings
        .iter()
        .filter(|f| f.span.end > end && f.span.start.saturating_add(2) >= end)
        .map(describe)
        .collect()
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
        FindingKind::Size => ("size", "/Size leaves out objects that are in use", true),
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
