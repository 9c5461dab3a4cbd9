//! Rows and records as octets: lengths first, big-endian, each bounded.

use crate::store::Row;
use std::io::{self, Read, Write};

/// The longest key of a row, with its tag.
const MAX_KEY: u32 = 2 << 10;
/// The longest value of a row, with its version.
const MAX_VALUE: u32 = 17 << 20;
/// The longest record.
const MAX_RECORD: u32 = 1 << 16;
/// In place of a value's length: the row was removed.
const REMOVED: u32 = u32::MAX;

fn length(octets: &[u8], most: u32) -> io::Result<[u8; 4]> {
    let fits = u32::try_from(octets.len()).ok().filter(|n| *n <= most);
    Ok(fits.ok_or_else(|| io::Error::other("too long for a backup"))?.to_be_bytes())
}

fn take(from: &mut dyn Read, length: u32, most: u32) -> io::Result<Vec<u8>> {
    if length > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a length beyond its bound"));
    }
    let mut octets = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    from.read_exact(&mut octets)?;
    Ok(octets)
}

fn number(from: &mut dyn Read) -> io::Result<u32> {
    let mut octets = [0; 4];
    from.read_exact(&mut octets)?;
    Ok(u32::from_be_bytes(octets))
}

/// One row.
pub(super) fn put_row(to: &mut dyn Write, (key, value): &Row) -> io::Result<()> {
    to.write_all(&length(key, MAX_KEY)?)?;
    match value {
        Some(value) => to.write_all(&length(value, MAX_VALUE)?)?,
        None => to.write_all(&REMOVED.to_be_bytes())?,
    }
    to.write_all(key)?;
    to.write_all(value.as_deref().unwrap_or_default())
}

/// Says that no row follows; what ends without it was cut short.
pub(super) fn end_rows(to: &mut dyn Write) -> io::Result<()> {
    to.write_all(&0_u32.to_be_bytes())
}

/// The next row; `None` at the end that was said.
pub(super) fn next_row(from: &mut dyn Read) -> io::Result<Option<Row>> {
    let key = number(from)?;
    if key == 0 {
        return Ok(None);
    }
    let value = number(from)?;
    let key = take(from, key, MAX_KEY)?;
    let value = if value == REMOVED { None } else { Some(take(from, value, MAX_VALUE)?) };
    Ok(Some((key, value)))
}

/// One record.
pub(super) fn put_record(to: &mut dyn Write, record: &[u8]) -> io::Result<()> {
    to.write_all(&length(record, MAX_RECORD)?)?;
    to.write_all(record)
}

/// Says that no record follows.
pub(super) fn end_records(to: &mut dyn Write) -> io::Result<()> {
    to.write_all(&0_u32.to_be_bytes())
}

/// The next record; `None` at the end that was said.
pub(super) fn next_record(from: &mut dyn Read) -> io::Result<Option<Vec<u8>>> {
    match number(from)? {
        0 => Ok(None),
        length => take(from, length, MAX_RECORD).map(Some),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn rows_and_records_come_back_and_a_cut_is_seen() {
        let rows = [(b"a".to_vec(), Some(vec![1, 2])), (b"b".to_vec(), None), (b"c".to_vec(), Some(vec![]))];
        let mut bytes = Vec::new();
        rows.iter().for_each(|row| put_row(&mut bytes, row).unwrap());
        end_rows(&mut bytes).unwrap();
        let mut from = bytes.as_slice();
        for row in &rows {
            assert_eq!(next_row(&mut from).unwrap().as_ref(), Some(row));
        }
        assert_eq!(next_row(&mut from).unwrap(), None);
        for cut in 0..bytes.len() {
            let mut from = &bytes[..cut];
            while let Ok(row) = next_row(&mut from) {
                assert!(row.is_some(), "cut at {cut}");
            }
        }
        let mut hostile = &[0xff; 64][..];
        assert_eq!(next_row(&mut hostile).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut hostile = &[0xff; 64][..];
        assert_eq!(next_record(&mut hostile).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
