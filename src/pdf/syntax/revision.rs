//! Revisions: what each incremental update added.

use super::error::{Result, SyntaxError, malformed};
use super::finding::{Finding, FindingKind};
use super::lexer::Lexer;
use super::pieces::{Piece, Pieces};
use super::section::{Entry, Section, SectionKind};
use super::{Dict, Object};
use std::collections::{HashMap, HashSet};

/// One revision of the document: the original or one incremental update.
#[derive(Clone, Debug)]
pub struct Revision<'a> {
    /// Its cross-reference sections in the order in which readers ask them: one, or two for a linearised original.
    pub sections: Vec<Section<'a>>,
    /// Where its bytes begin: the end of the revision before.
    pub start: usize,
    /// Where its bytes end: behind `%%EOF` and one end-of-line marker.
    pub end: usize,
    /// The number behind its `startxref`.
    pub startxref: u64,
    pub(super) findings: Vec<Finding>,
}

impl Revision<'_> {
    /// Its trailer.
    pub fn trailer(&self) -> &Dict {
        static EMPTY: std::sync::OnceLock<Dict> = std::sync::OnceLock::new();
        self.sections.first().map_or_else(|| EMPTY.get_or_init(Dict::new), |s| &s.trailer)
    }

    /// What this revision alone says about an object; `None` if it does not speak of it.
    pub fn entry(&self, number: u32) -> Option<Entry> {
        self.sections.iter().find_map(|s| s.entry(number))
    }

    /// Every object that this revision speaks of. A linearised original may name one twice; the first counts.
    pub fn entries(&self) -> impl Iterator<Item = (u32, Entry)> + '_ {
        self.sections.iter().enumerate().flat_map(move |(i, section)| {
            section.entries().filter(move |(number, _)| {
                !self.sections.iter().take(i).any(|earlier| earlier.entry(*number).is_some())
            })
        })
    }

    /// Table or stream: how its newest section is written.
    pub fn kind(&self) -> SectionKind {
        self.sections.first().map_or(SectionKind::Table, |s| s.kind)
    }

    /// Whether this is a linearised original: two sections, the first of them in front.
    pub fn is_linearised(&self) -> bool {
        self.sections.len() > 1
    }
}

/// The last `startxref` of the file: where the keyword stands, and its number.
pub(super) fn last_startxref(data: Piece<'_>) -> Result<(usize, u64)> {
    let from = data.end().saturating_sub(64 << 10).max(data.start());
    let tail = data.from(from);
    let Some(at) = memchr::memmem::rfind(tail, b"startxref").map(|n| n + from) else {
        return malformed(data.end(), "no startxref");
    };
    let mut lexer = Lexer::new(data, at + b"startxref".len());
    lexer.skip_space();
    Ok((at, lexer.unsigned()?))
}

/// Follows `/Prev` from `start`, offsets counted from byte `shift` on; newest section first.
pub(super) fn chain<'a>(
    start: u64,
    shift: usize,
    max: usize,
    mut read: impl FnMut(usize) -> Result<Section<'a>>,
) -> Result<Vec<Section<'a>>> {
    let mut sections: Vec<Section<'a>> = Vec::new();
    let mut seen = HashSet::new();
    // The section that holds each `/XRefStm`: the oldest one that names it.
    let mut streams: HashMap<usize, usize> = HashMap::new();
    let counted = |offset: u64| usize::try_from(offset).ok().and_then(|n| n.checked_add(shift));
    let mut next = Some(start);
    while let Some(offset) = next {
        let offset = counted(offset).ok_or(SyntaxError::Structure("offset out of range"))?;
        if !seen.insert(offset) {
            return Err(SyntaxError::Structure("the cross-reference chain loops"));
        }
        if sections.len() >= max {
            return Err(SyntaxError::Limit("cross-reference sections"));
        }
        let mut section = read(offset)?;
        // The same section by two offsets.
        if section.offset != offset && !seen.insert(section.offset) {
            return Err(SyntaxError::Structure("the cross-reference chain loops"));
        }
        let astray = section.findings.iter().any(|f| f.kind == FindingKind::SectionAstray);
        if let (true, Some(pointing)) = (astray, sections.last_mut()) {
            // Whoever points there is at fault.
            section.findings.retain(|f| f.kind != FindingKind::SectionAstray);
            pointing.note(FindingKind::SectionAstray);
        }
        if let (SectionKind::Table, Some(at)) = (section.kind, section.trailer.get("XRefStm")) {
            let at = at
                .as_integer()
                .and_then(|n| counted(u64::try_from(n).ok()?))
                .ok_or(SyntaxError::Structure("bad /XRefStm"))?;
            let newer = streams.insert(at, sections.len()).and_then(|n| sections.get_mut(n));
            section.hidden = match newer {
                Some(newer) => {
                    newer.repeats = true;
                    newer.findings.retain(|f| f.kind != FindingKind::Hybrid);
                    newer.hidden.take()
                }
                None if seen.insert(at) => Some(Box::new(read(at)?)),
                None => return Err(SyntaxError::Structure("the cross-reference chain loops")),
            };
            section.note(FindingKind::Hybrid);
        }
        next = match section.trailer.get("Prev") {
            None | Some(Object::Null) => None,
            // Some writers give /Prev 0 for "none".
            Some(o) => Some(
                o.as_integer()
                    .and_then(|n| u64::try_from(n).ok())
                    .ok_or(SyntaxError::Structure("bad /Prev"))?,
            )
            .filter(|&n| n != 0),
        };
        sections.push(section);
    }
    Ok(sections)
}

/// Groups a chain (newest first) into revisions, oldest first.
pub(super) fn group<'a>(data: Pieces<'_>, chain: Vec<Section<'a>>) -> Vec<Revision<'a>> {
    let mut newest_first: Vec<Vec<Section<'a>>> = Vec::new();
    for section in chain {
        match newest_first.last_mut() {
            // Only a linearised original has a section whose /Prev lies behind it.
            Some(group) if group.len() == 1 && group.first().is_some_and(|s| s.offset < section.offset) => {
                group.push(section);
            }
            _ => newest_first.push(vec![section]),
        }
    }
    let mut start = 0;
    let mut revisions: Vec<Revision<'a>> = Vec::new();
    for sections in newest_first.into_iter().rev() {
        let last = sections.iter().map(|s| s.end).max().unwrap_or(start);
        let mut findings: Vec<Finding> = Vec::new();
        for section in &sections {
            findings.extend(section.findings.iter().cloned());
            findings.extend(section.hidden.iter().flat_map(|h| h.findings.iter().cloned()));
        }
        let first = sections.iter().map(|s| s.offset).min().unwrap_or(start);
        if first < start || (sections.len() > 1 && !revisions.is_empty()) {
            findings.push(Finding { kind: FindingKind::ChainOrder, span: first..last });
        }
        let (startxref, end) = match end_of_revision(data, last) {
            Some((number, end)) => (number, end),
            None => {
                findings.push(Finding { kind: FindingKind::RevisionEnd, span: last..last });
                (0, last)
            }
        };
        revisions.push(Revision { sections, start, end, startxref, findings });
        start = end;
    }
    revisions
}

/// `startxref`, a number, `%%EOF` and one end of line behind a section.
fn end_of_revision(data: Pieces<'_>, from: usize) -> Option<(u64, usize)> {
    let mut lexer = Lexer::new(data.at(from), from);
    lexer.skip_space();
    if !lexer.keyword(b"startxref") {
        return None;
    }
    lexer.skip_white();
    let number = lexer.unsigned().ok()?;
    lexer.skip_white();
    if !lexer.literally(b"%%EOF") {
        return None;
    }
    lexer.skip_line_end();
    Some((number, lexer.pos))
}
