//! One cross-reference section: a table or a stream (ISO 32000-2 7.5.4, 7.5.8). Entries are read where they lie.

use super::error::{Result, SyntaxError, malformed};
use super::finding::{Finding, FindingKind};
use super::parser::Parser;
use super::pieces::Piece;
use super::{Dict, Limits, Object, ObjectId};

/// Where an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Not in use.
    Free,
    /// In the file at this offset.
    InFile {
        /// Offset of `N G obj`.
        offset: u64,
        /// Its generation.
        generation: u16,
    },
    /// In an object stream.
    InStream {
        /// Number of the object stream.
        stream: u32,
        /// Position in it.
        index: u32,
    },
}

/// Which kind of section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// `xref` and `trailer`.
    Table,
    /// A cross-reference stream, which is this object.
    Stream(ObjectId),
}

/// A cross-reference section.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// Where it begins.
    pub offset: usize,
    /// Where its trailer dictionary (or its `endobj`) ends.
    pub end: usize,
    /// Table or stream.
    pub kind: SectionKind,
    /// Trailer dictionary, or the stream's dictionary.
    pub trailer: Dict,
    /// The `/XRefStm` of a hybrid file.
    pub hidden: Option<Box<Section<'a>>>,
    /// Names the `/XRefStm` of an earlier section again.
    pub(super) repeats: bool,
    /// Bytes in front of the first that offsets count.
    pub(super) shift: u64,
    pub(super) ranges: Vec<Subsection>,
    pub(super) rows: Rows<'a>,
    pub(super) findings: Vec<Finding>,
}

/// Objects `first .. first + count`, their rows beginning at `row` (in [`Rows::Table`]: at this offset).
#[derive(Clone, Copy, Debug)]
pub(super) struct Subsection {
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) row: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Rows<'a> {
    /// 20-byte entries in the file.
    Table(Piece<'a>),
    /// Rows of a decoded stream.
    Packed { widths: [usize; 3], bytes: Vec<u8> },
    /// Entries that had to be read one by one.
    List(Vec<Entry>),
}

impl<'a> Section<'a> {
    /// The entry of an object in this section alone; `/XRefStm` fills in what the table leaves out or hides.
    pub fn entry(&self, number: u32) -> Option<Entry> {
        let own = self.own_entry(number);
        match (own, &self.hidden) {
            (None | Some(Entry::Free), Some(hidden)) => hidden.own_entry(number).or(own),
            _ => own,
        }
    }

    pub(super) fn own_entry(&self, number: u32) -> Option<Entry> {
        let after = self.ranges.partition_point(|r| r.first <= number);
        let range = self.ranges.get(after.checked_sub(1)?)?;
        let index = number - range.first;
        if index < range.count { self.row(range, index) } else { None }
    }

    fn row(&self, range: &Subsection, index: u32) -> Option<Entry> {
        Some(match self.written_row(range, index)? {
            Entry::InFile { offset, generation } => {
                Entry::InFile { offset: offset.saturating_add(self.shift), generation }
            }
            other => other,
        })
    }

    fn written_row(&self, range: &Subsection, index: u32) -> Option<Entry> {
        let index = usize::try_from(index).ok()?;
        match &self.rows {
            Rows::Table(piece) => {
                let at = index.checked_mul(20)?.checked_add(range.row)?;
                piece.get(at..at.checked_add(20)?).and_then(table_row)
            }
            Rows::Packed { widths, bytes } => {
                let width: usize = widths.iter().sum();
                let at = index.checked_add(range.row)?.checked_mul(width)?;
                bytes.get(at..at.checked_add(width)?).and_then(|row| packed_row(row, *widths))
            }
            Rows::List(entries) => entries.get(index.checked_add(range.row)?).copied(),
        }
    }

    /// Every object that this section speaks of, `/XRefStm` included, in ascending order within each.
    pub fn entries(&self) -> impl Iterator<Item = (u32, Entry)> + '_ {
        // Nothing is looked up twice where no number can stand twice.
        let apart = |pair: &[Subsection]| match pair {
            [a, b] => a.first.checked_add(a.count).is_some_and(|end| end <= b.first),
            _ => true,
        };
        let once = self.hidden.is_none() && self.ranges.windows(2).all(apart);
        let own = self.own_entries().filter_map(move |(number, entry)| {
            Some((number, if once { entry } else { self.entry(number)? }))
        });
        let hidden = self
            .hidden
            .iter()
            .flat_map(move |h| h.own_entries().filter(|(number, _)| self.own_entry(*number).is_none()));
        own.chain(hidden)
    }

    fn own_entries(&self) -> impl Iterator<Item = (u32, Entry)> + '_ {
        self.ranges.iter().flat_map(move |range| {
            (0..range.count).filter_map(move |i| Some((range.first.checked_add(i)?, self.row(range, i)?)))
        })
    }

    /// Whether it was made by searching the file for objects, because the file's own section cannot be followed.
    pub fn is_rebuilt(&self) -> bool {
        self.findings.iter().any(|f| f.kind == FindingKind::Rebuilt)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        let own: usize = self.ranges.iter().filter_map(|r| usize::try_from(r.count).ok()).sum();
        own + self.hidden.as_ref().map_or(0, |h| h.len())
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The highest object number it speaks of.
    pub fn highest(&self) -> u32 {
        let own = self.ranges.last().map_or(0, |r| r.first.saturating_add(r.count).saturating_sub(1));
        own.max(self.hidden.as_ref().map_or(0, |h| h.highest()))
    }

    pub(super) fn sort_ranges(&mut self) {
        self.ranges.retain(|r| r.count > 0);
        self.ranges.sort_by_key(|r| r.first);
        let overlap = self
            .ranges
            .windows(2)
            .any(|w| matches!(w, [a, b] if a.first.checked_add(a.count).is_none_or(|end| end > b.first)));
        if overlap {
            self.note(FindingKind::DuplicateEntry);
        }
    }

    pub(super) fn note(&mut self, kind: FindingKind) {
        self.findings.push(Finding { kind, span: self.offset..self.end.max(self.offset) });
    }

    /// Reads a table; `pos` stands behind the keyword `xref`.
    pub(super) fn table(piece: Piece<'a>, offset: usize, pos: usize, limits: &Limits) -> Result<Self> {
        let mut parser = Parser::new(piece, pos, limits);
        let mut section = Self {
            offset,
            end: pos,
            kind: SectionKind::Table,
            trailer: Dict::new(),
            hidden: None,
            repeats: false,
            shift: 0,
            ranges: Vec::new(),
            rows: Rows::Table(piece),
            findings: Vec::new(),
        };
        let mut odd = false;
        let heads = parser.pos();
        loop {
            parser.lexer.skip_space();
            if parser.lexer.keyword(b"trailer") {
                break;
            }
            let range = subsection_head(&mut parser)?;
            let length = usize::try_from(range.count).ok().and_then(|n| n.checked_mul(20));
            let bytes = length.and_then(|n| piece.get(range.row..range.row.checked_add(n)?));
            let regular = bytes.is_some_and(|b| b.chunks_exact(20).all(is_standard_row));
            if !regular {
                odd = true;
                break;
            }
            parser.lexer.pos = range.row + bytes.map_or(0, <[u8]>::len);
            section.ranges.push(range);
            if section.ranges.len() > limits.entries {
                return Err(SyntaxError::Limit("cross-reference entries"));
            }
        }
        if odd {
            parser.lexer.pos = heads;
            section.irregular_table(&mut parser, limits)?;
            section.note(FindingKind::EntryFormat);
        }
        match parser.object()? {
            Object::Dictionary(trailer) => section.trailer = trailer,
            _ => return malformed(parser.pos(), "expected a trailer dictionary"),
        }
        section.end = parser.pos();
        section.shift_if_it_starts_at_one();
        section.sort_ranges();
        Ok(section)
    }

    /// Entries with odd line ends or spacing, read token by token.
    fn irregular_table(&mut self, parser: &mut Parser<'a>, limits: &Limits) -> Result<()> {
        let mut entries = Vec::new();
        self.ranges.clear();
        loop {
            parser.lexer.skip_space();
            if parser.lexer.keyword(b"trailer") {
                break;
            }
            let range = subsection_head(parser)?;
            let row = entries.len();
            for _ in 0..range.count {
                parser.lexer.skip_space();
                let at = parser.pos();
                let offset = parser.lexer.unsigned()?;
                parser.lexer.skip_space();
                let generation = parser.lexer.unsigned()?;
                parser.lexer.skip_space();
                entries.push(match (parser.lexer.regular(), u16::try_from(generation)) {
                    (b"n", Ok(generation)) if offset > 0 => Entry::InFile { offset, generation },
                    (b"n" | b"f", _) => Entry::Free,
                    _ => return malformed(at, "bad cross-reference entry"),
                });
                if entries.len() > limits.entries {
                    return Err(SyntaxError::Limit("cross-reference entries"));
                }
            }
            self.ranges.push(Subsection { row, ..range });
        }
        self.rows = Rows::List(entries);
        Ok(())
    }

    /// A well-known slip: the free head of the list is there, but the subsection says it begins at 1.
    fn shift_if_it_starts_at_one(&mut self) {
        let Some(first) = self.ranges.first().copied() else { return };
        let head = first.first == 1
            && self.row(&first, 0) == Some(Entry::Free)
            && match &self.rows {
                Rows::Table(piece) => piece.from(first.row).starts_with(b"0000000000 65535 f"),
                _ => false,
            };
        if head {
            if let Some(range) = self.ranges.first_mut() {
                range.first = 0;
            }
            self.note(FindingKind::TableStartsAtOne);
        }
    }

    /// Takes the decoded data of a cross-reference stream apart.
    pub(super) fn stream(
        id: ObjectId,
        span: std::ops::Range<usize>,
        dict: Dict,
        bytes: Vec<u8>,
        limits: &Limits,
    ) -> Result<Self> {
        let bad = |what| SyntaxError::Object { id, what };
        let integers = |key: &str| -> Option<Vec<i64>> {
            dict.get(key)?.as_array()?.iter().map(Object::as_integer).collect()
        };
        let widths = integers("W").ok_or(bad("no /W"))?;
        let widths: Vec<usize> =
            widths.iter().filter_map(|&w| usize::try_from(w).ok().filter(|&w| w <= 8)).collect();
        let &[a, b, c] = widths.as_slice() else { return Err(bad("bad /W")) };
        let size = dict.get("Size").and_then(Object::as_integer).ok_or(bad("no /Size"))?;
        let index = integers("Index").unwrap_or_else(|| vec![0, size]);
        let mut ranges = Vec::new();
        let mut row = 0usize;
        for pair in index.chunks(2) {
            let &[first, count] = pair else { return Err(bad("bad /Index")) };
            let (Ok(first), Ok(count)) = (u32::try_from(first), u32::try_from(count)) else {
                return Err(bad("bad /Index"));
            };
            ranges.push(Subsection { first, count, row });
            row = row.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
        }
        if a + b + c == 0 {
            // PDFBox 2 writes this for an update without objects: object 0, which is always free.
            if ranges.iter().any(|r| r.first.saturating_add(r.count) > 1) {
                return Err(bad("bad /W"));
            }
            ranges.clear();
        }
        if row.saturating_mul(a + b + c) > bytes.len() {
            return Err(bad("cross-reference stream too short"));
        }
        if ranges.len() > limits.entries {
            return Err(SyntaxError::Limit("cross-reference entries"));
        }
        let mut section = Self {
            offset: span.start,
            end: span.end,
            kind: SectionKind::Stream(id),
            trailer: dict,
            hidden: None,
            repeats: false,
            shift: 0,
            ranges,
            rows: Rows::Packed { widths: [a, b, c], bytes },
            findings: Vec::new(),
        };
        section.sort_ranges();
        Ok(section)
    }
}

/// `first count`, up to the first row.
fn subsection_head(parser: &mut Parser<'_>) -> Result<Subsection> {
    let start = parser.pos();
    let first = parser.lexer.unsigned()?;
    parser.lexer.skip_space();
    let count = parser.lexer.unsigned()?;
    parser.lexer.skip_white();
    let (Ok(first), Ok(count)) = (u32::try_from(first), u32::try_from(count)) else {
        return malformed(start, "bad cross-reference subsection");
    };
    Ok(Subsection { first, count, row: parser.pos() })
}

fn is_standard_row(row: &[u8]) -> bool {
    matches!(row, [offset @ .., b' ', g0, g1, g2, g3, g4, b' ', b'n' | b'f', end1, end2]
        if offset.len() == 10
            && offset.iter().all(u8::is_ascii_digit)
            && [g0, g1, g2, g3, g4].iter().all(|b| b.is_ascii_digit())
            && matches!((end1, end2), (b' ', b'\r' | b'\n') | (b'\r', b'\n')))
}

fn table_row(row: &[u8]) -> Option<Entry> {
    let number = |range| std::str::from_utf8(row.get(range)?).ok()?.parse::<u64>().ok();
    let (offset, generation) = (number(0..10)?, number(11..16)?);
    Some(match (row.get(17)?, u16::try_from(generation)) {
        (b'n', Ok(generation)) if offset > 0 => Entry::InFile { offset, generation },
        _ => Entry::Free,
    })
}

fn packed_row(row: &[u8], [a, b, c]: [usize; 3]) -> Option<Entry> {
    let number = |bytes: &[u8]| bytes.iter().fold(0u64, |n, &byte| n << 8 | u64::from(byte));
    let kind = if a == 0 { 1 } else { number(row.get(..a)?) };
    let second = number(row.get(a..a + b)?);
    let third = number(row.get(a + b..a + b + c)?);
    Some(match kind {
        1 => Entry::InFile { offset: second, generation: u16::try_from(third).ok()? },
        2 => Entry::InStream { stream: u32::try_from(second).ok()?, index: u32::try_from(third).ok()? },
        // 0 is free; unknown types count as references to null (7.5.8.3).
        _ => Entry::Free,
    })
}
