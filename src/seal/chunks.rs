//! The chunk structure of a PNG (ISO/IEC 15948, clause 5), checked before a decoder sees it.
//!
//! The decoder inflates whatever follows the pixels that the header promises only to throw it away; half a second can be
//! spent so on 400 KB. Here the amount of pixel data is compared with the header first, within that amount.

use std::io::Read;

use flate2::{Crc, read::ZlibDecoder};

use super::PictureError;

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// What the header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    depth: u8,
    colour: u8,
    interlaced: bool,
}

/// A PNG whose chunks are whole, with right checksums and in order.
pub(super) struct Chunks<'a> {
    pub(super) header: Header,
    pixels: Vec<&'a [u8]>,
}

impl<'a> Chunks<'a> {
    /// Walks the chunks from IHDR to IEND, with nothing after it.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, PictureError> {
        let mut rest = bytes.strip_prefix(SIGNATURE).ok_or(PictureError::NotPng)?;
        let (kind, data) = chunk(&mut rest)?;
        if &kind != b"IHDR" {
            return damaged("no header");
        }
        let &[w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, _, _, interlace] = data else {
            return damaged("bad header");
        };
        let (width, height) = (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
        let header = Header { width, height, depth, colour, interlaced: interlace != 0 };
        let mut pixels = Vec::new();
        let mut closed = false;
        loop {
            let (kind, data) = chunk(&mut rest)?;
            match &kind {
                b"IDAT" if closed => return damaged("pixel data in two places"),
                b"IDAT" => pixels.push(data),
                b"IEND" if !data.is_empty() || !rest.is_empty() => return damaged("data after the end"),
                b"IEND" if pixels.is_empty() => return damaged("no pixel data"),
                b"IEND" => return Ok(Self { header, pixels }),
                b"IHDR" => return damaged("two headers"),
                _ => closed = !pixels.is_empty(),
            }
        }
    }

    /// Inflates the pixel data as far as the header's size goes, and refuses less and more.
    pub(super) fn check_amount(&self) -> Result<(), PictureError> {
        let Header { width, height, depth, colour, interlaced } = self.header;
        let samples: u64 = match colour {
            0 | 3 => 1,
            2 => 3,
            4 => 2,
            6 => 4,
            _ => return damaged("unknown colour type"),
        };
        let row = |w: u64| if w == 0 { 0 } else { 1 + (w * samples * u64::from(depth)).div_ceil(8) };
        let (w, h) = (u64::from(width), u64::from(height));
        let expected = if interlaced {
            // Adam7: origin and step of each pass, in x and y.
            [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)]
                .iter()
                .map(|(x, dx, y, dy): &(u64, u64, u64, u64)| {
                    row(w.saturating_sub(*x).div_ceil(*dx)) * h.saturating_sub(*y).div_ceil(*dy)
                })
                .sum()
        } else {
            row(w) * h
        };
        let mut found = 0;
        let mut inflated =
            ZlibDecoder::new(Joined { parts: self.pixels.iter(), now: &[] }).take(expected + 1);
        let mut block = [0; 16 * 1024];
        loop {
            match inflated.read(&mut block) {
                Ok(0) => break,
                Ok(n) => found += u64::try_from(n).unwrap_or(u64::MAX),
                Err(e) => return Err(PictureError::Damaged(e.to_string())),
            }
        }
        if found == expected { Ok(()) } else { damaged("more or less pixel data than the header says") }
    }
}

fn damaged<T>(why: &str) -> Result<T, PictureError> {
    Err(PictureError::Damaged(why.to_owned()))
}

/// Splits one chunk off, its checksum verified.
fn chunk<'a>(rest: &mut &'a [u8]) -> Result<([u8; 4], &'a [u8]), PictureError> {
    let split = |bytes: &'a [u8], n: usize| bytes.split_at_checked(n);
    let parsed = (|| {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (checked, _) = split(after, length.checked_add(4)?)?;
        let (kind, data) = checked.split_first_chunk::<4>()?;
        let (_, behind) = split(after, length + 4)?;
        let (sum, next) = behind.split_first_chunk::<4>()?;
        Some((*kind, data, checked, u32::from_be_bytes(*sum), next))
    })();
    let Some((kind, data, checked, sum, next)) = parsed else { return damaged("truncated") };
    let mut crc = Crc::new();
    crc.update(checked);
    if crc.sum() != sum {
        return damaged("wrong checksum");
    }
    *rest = next;
    Ok((kind, data))
}

/// The IDAT chunks as one stream.
struct Joined<'a, 'b> {
    parts: std::slice::Iter<'b, &'a [u8]>,
    now: &'a [u8],
}

impl Read for Joined<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.now.is_empty() {
            match self.parts.next() {
                Some(next) => self.now = next,
                None => return Ok(0),
            }
        }
        self.now.read(buffer)
    }
}
