//! The bytes of an update: its objects, its cross-reference section, its trailer.

use super::serial::{self, BYTE_RANGE_ROOM, text};
use super::{Body, Update};
use crate::pdf::syntax::{Dict, Entry, Object, ObjectId, Section, SyntaxError};
use std::ops::Range;

/// A finished update.
#[derive(Debug)]
pub(in crate::pdf) struct Tail {
    /// What goes behind the input.
    pub(in crate::pdf) bytes: Vec<u8>,
    /// `/Contents` of the signature in `bytes`, delimiters included; empty without a signature.
    pub(in crate::pdf) hole: Range<usize>,
    /// Where the array of `/ByteRange` stands in `bytes`.
    pub(in crate::pdf) byte_range_at: Range<usize>,
    /// Its values.
    pub(in crate::pdf) byte_range: [u64; 4],
}

/// Largest offset that ten digits hold.
const TABLE_MAX: u64 = 9_999_999_999;

/// One row of the section.
#[derive(Clone, Copy, Debug)]
struct Row {
    number: u32,
    place: Place,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    At { offset: u64, generation: u16 },
    In { stream: u32, index: u32 },
}

impl Row {
    fn at(number: u32, generation: u16, offset: u64) -> Self {
        Self { number, place: Place::At { offset, generation } }
    }

    fn of_entry((number, entry): (u32, Entry)) -> Option<Self> {
        match entry {
            Entry::InFile { offset, generation } => Some(Self::at(number, generation, offset)),
            Entry::InStream { stream, index } => Some(Self { number, place: Place::In { stream, index } }),
            Entry::Free => None,
        }
    }

    /// The three columns of a cross-reference stream.
    fn columns(self) -> (u8, u64, u32) {
        match self.place {
            Place::At { offset, generation } => (1, offset, u32::from(generation)),
            Place::In { stream, index } => (2, u64::from(stream), index),
        }
    }
}

impl Update<'_, '_> {
    /// Writes the update.
    ///
    /// # Errors
    /// [`SyntaxError`] when an object cannot be encrypted or a table cannot hold an offset.
    pub(in crate::pdf) fn finish(self) -> Result<Tail, SyntaxError> {
        let document = self.view().document();
        let file = document.file();
        let length = u64::try_from(file.len()).map_err(|_| SyntaxError::Limit("bytes"))?;
        let newest = document.revisions().last().and_then(|r| r.sections.first());
        let previous = newest.filter(|s| !s.is_rebuilt()).map(|s: &Section<'_>| s.offset);
        let rebuilt: Vec<Row> = newest
            .filter(|s| s.is_rebuilt())
            .iter()
            .flat_map(|s| s.entries())
            .filter_map(Row::of_entry)
            .collect();
        let line_end = !matches!(file.last(), Some(b'\n' | b'\r'));
        let style = Style {
            base: length,
            // Only a stream can say that objects are in object streams.
            stream: document.ends_with_stream()
                || rebuilt.iter().any(|r| matches!(r.place, Place::In { .. })),
            previous: previous.and_then(|p| u64::try_from(p).ok()),
            rebuilt,
            line_end,
        };
        self.write(style)
    }

    fn write(mut self, style: Style) -> Result<Tail, SyntaxError> {
        let trailer = self.trailer();
        let document = self.view().document();
        let mut out = Vec::with_capacity(16 << 10);
        if style.line_end {
            out.push(b'\n');
        }
        let mut rows = Vec::with_capacity(self.objects.len() + 1);
        let (mut hole, mut range) = (0..0, 0..0);
        let objects = std::mem::take(&mut self.objects);
        for (number, (generation, body)) in objects {
            let id = ObjectId { number, generation };
            rows.push(Row::at(number, generation, style.at(&out)));
            text(&mut out, format_args!("{number} {generation} obj\n"));
            let secret = document.encryption().filter(|_| document.encryption_object() != Some(id));
            match body {
                Body::Object(mut object) => {
                    if let Some(encryption) = secret {
                        encryption.encrypt_strings(id, &mut object, &mut || self.nonces.next())?;
                    }
                    serial::object(&mut out, &object);
                }
                Body::Stream(dict, data) => {
                    let mut object = Object::Dictionary(dict);
                    let mut data = data;
                    if let Some(encryption) = secret {
                        encryption.encrypt_strings(id, &mut object, &mut || self.nonces.next())?;
                        let dict = object.as_dict().cloned().unwrap_or_default();
                        data = encryption.encrypt_stream(id, &dict, &data, self.nonces.next())?;
                    }
                    let mut dict = object.as_dict().cloned().unwrap_or_default();
                    dict.set("Length", i64::try_from(data.len()).unwrap_or(i64::MAX));
                    stream(&mut out, &dict, &data);
                }
                Body::Signature(dict, reserve) => {
                    let mut object = Object::Dictionary(dict);
                    if let Some(encryption) = secret {
                        encryption.encrypt_strings(id, &mut object, &mut || self.nonces.next())?;
                    }
                    let dict = object.as_dict().cloned().unwrap_or_default();
                    (range, hole) = serial::signature(&mut out, &dict, reserve);
                }
            }
            out.extend_from_slice(b"\nendobj\n");
        }
        let next = self.next;
        style.section(&mut out, rows, trailer, next)?;
        let byte_range = style.byte_range(&mut out, &hole, &range);
        Ok(Tail { bytes: out, hole, byte_range_at: range, byte_range })
    }
}

fn stream(out: &mut Vec<u8>, dict: &Dict, data: &[u8]) {
    serial::dict(out, dict);
    out.extend_from_slice(b"\nstream\n");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\nendstream");
}

/// How the section is written.
#[derive(Clone, Debug)]
struct Style {
    /// Length of the input.
    base: u64,
    /// A cross-reference stream instead of a table.
    stream: bool,
    /// Offset of the section before; `None` when it cannot be followed.
    previous: Option<u64>,
    /// All objects of a file whose own cross-reference cannot be followed.
    rebuilt: Vec<Row>,
    /// Begin with an end of line.
    line_end: bool,
}

impl Style {
    fn at(&self, out: &[u8]) -> u64 {
        self.base.saturating_add(u64::try_from(out.len()).unwrap_or(u64::MAX))
    }

    fn section(
        &self,
        out: &mut Vec<u8>,
        mut rows: Vec<Row>,
        mut trailer: Dict,
        next: u32,
    ) -> Result<(), SyntaxError> {
        for row in &self.rebuilt {
            if !rows.iter().any(|r| r.number == row.number) {
                rows.push(*row);
            }
        }
        rows.sort_by_key(|r| r.number);
        if let Some(previous) = self.previous {
            trailer.set("Prev", i64::try_from(previous).map_err(|_| SyntaxError::Limit("bytes"))?);
        }
        let at = self.at(out);
        if self.stream {
            self.stream_section(out, rows, trailer, next);
        } else {
            self.table_section(out, &rows, &trailer)?;
        }
        text(out, format_args!("startxref\n{at}\n%%EOF\n"));
        Ok(())
    }

    fn table_section(&self, out: &mut Vec<u8>, rows: &[Row], trailer: &Dict) -> Result<(), SyntaxError> {
        out.extend_from_slice(b"xref\n");
        if self.previous.is_none() {
            out.extend_from_slice(b"0 1\n0000000000 65535 f \n");
        }
        for run in runs(rows) {
            text(out, format_args!("{} {}\n", run.first().map_or(0, |r| r.number), run.len()));
            for row in run {
                let (_, offset, generation) = row.columns();
                if offset > TABLE_MAX {
                    return Err(SyntaxError::Limit("bytes for a cross-reference table"));
                }
                text(out, format_args!("{offset:010} {generation:05} n \n"));
            }
        }
        out.extend_from_slice(b"trailer\n");
        serial::dict(out, trailer);
        out.push(b'\n');
        Ok(())
    }

    fn stream_section(&self, out: &mut Vec<u8>, mut rows: Vec<Row>, mut trailer: Dict, next: u32) {
        // The section is an object itself, and the last one.
        rows.push(Row::at(next, 0, self.at(out)));
        let largest = rows.iter().map(|r| r.columns().1).max().unwrap_or(0);
        let width = (1..8).find(|w| largest >> (8 * w) == 0).unwrap_or(8);
        let mut data = Vec::with_capacity(rows.len() * (width + 5));
        let mut index = Vec::new();
        if self.previous.is_none() {
            index.extend([Object::Integer(0), Object::Integer(1)]);
            data.push(0);
            data.resize(data.len() + width, 0);
            data.extend([0, 0, 0xFF, 0xFF]);
        }
        for run in runs(&rows) {
            index.push(Object::Integer(i64::from(run.first().map_or(0, |r| r.number))));
            index.push(Object::Integer(i64::try_from(run.len()).unwrap_or(i64::MAX)));
            for row in run {
                let (kind, second, third) = row.columns();
                data.push(kind);
                data.extend(second.to_be_bytes().iter().skip(8 - width));
                data.extend(third.to_be_bytes());
            }
        }
        let widths = [1, i64::try_from(width).unwrap_or(8), 4].map(Object::Integer).to_vec();
        trailer.set("Type", super::name("XRef"));
        trailer.set("Size", i64::from(next) + 1);
        trailer.set("W", widths).set("Index", index);
        trailer.set("Length", i64::try_from(data.len()).unwrap_or(i64::MAX));
        text(out, format_args!("{next} 0 obj\n"));
        stream(out, &trailer, &data);
        out.extend_from_slice(b"\nendobj\n");
    }

    /// Fills in `/ByteRange`: everything but the hole.
    fn byte_range(&self, out: &mut [u8], hole: &Range<usize>, range: &Range<usize>) -> [u64; 4] {
        if hole.is_empty() {
            return [0; 4];
        }
        let offset = |n: usize| self.base.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
        let (before, after, end) = (offset(hole.start), offset(hole.end), offset(out.len()));
        let values = [0, before, after, end.saturating_sub(after)];
        let digits = format!("{} {} {} {}", values[0], values[1], values[2], values[3]);
        debug_assert!(digits.len() <= BYTE_RANGE_ROOM);
        if let Some(room) = out.get_mut(range.start + 1..range.end) {
            room.iter_mut().zip(digits.bytes()).for_each(|(o, d)| *o = d);
        }
        values
    }
}

/// Runs of consecutive object numbers.
fn runs(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    rows.chunk_by(|a, b| a.number.checked_add(1) == Some(b.number))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn style(stream: bool) -> Style {
        Style { base: 5 << 30, stream, previous: Some((5 << 30) - 500), rebuilt: Vec::new(), line_end: true }
    }

    /// Offsets behind a base of 5 GiB: no 32-bit number anywhere.
    #[test]
    fn five_gibibytes_are_no_limit() {
        let rows = vec![Row::at(7, 0, (5 << 30) + 17)];
        let mut table = vec![b' '; 100];
        style(false).section(&mut table, rows.clone(), Dict::new(), 9).unwrap();
        let written = String::from_utf8(table[100..].to_vec()).unwrap();
        assert_eq!(
            written,
            "xref\n7 1\n5368709137 00000 n \ntrailer\n<</Prev 5368708620>>\nstartxref\n5368709220\n%%EOF\n"
        );
        let mut stream = Vec::new();
        style(true).section(&mut stream, rows, Dict::new(), 9).unwrap();
        let row = [1, 1, 0x40, 0, 0, 17, 0, 0, 0, 0];
        assert!(stream.windows(10).any(|w| w == row), "five bytes an offset");
        assert!(String::from_utf8_lossy(&stream).contains("/W[1 5 4]/Index[7 1 9 1]"));
        let mut out = vec![b' '; 400];
        let values = style(false).byte_range(&mut out, &(200..300), &(100..166));
        assert_eq!(values, [0, (5 << 30) + 200, (5 << 30) + 300, 100]);
        assert_eq!(&out[101..132], b"0 5368709320 5368709420 100    ");
    }

    #[test]
    fn a_table_holds_ten_digits_and_no_more() {
        let rows = vec![Row::at(1, 0, TABLE_MAX + 1)];
        assert!(style(false).section(&mut Vec::new(), rows, Dict::new(), 2).is_err());
    }
}
