//! Stream filters that a document's structure needs (ISO 32000-2 7.4), with bounded output.

use super::error::{Result, SyntaxError};
use super::lexer::is_white;
use super::parser::hex_value;
use super::{Dict, Name};
use std::io::Read;

/// Decodes `data` through one filter. Output beyond `max` bytes is refused.
pub(super) fn decode(filter: &Name, parameters: &Dict, data: &[u8], max: usize) -> Result<Vec<u8>> {
    match filter.as_bytes() {
        b"FlateDecode" | b"Fl" => predict(parameters, flate(data, max)?, max),
        b"LZWDecode" | b"LZW" => {
            let early = parameters.get("EarlyChange").and_then(|o| o.as_integer()).unwrap_or(1) != 0;
            predict(parameters, lzw(data, early, max)?, max)
        }
        b"ASCIIHexDecode" | b"AHx" => ascii_hex(data, max),
        b"ASCII85Decode" | b"A85" => ascii85(data, max),
        b"RunLengthDecode" | b"RL" => run_length(data, max),
        b"Crypt" => Ok(data.to_vec()),
        _ => Err(SyntaxError::Filter("not a filter of structural streams")),
    }
}

fn too_long<T>() -> Result<T> {
    Err(SyntaxError::Limit("decoded data"))
}

fn flate(data: &[u8], max: usize) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len().saturating_mul(4).min(max));
    let bound = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    flate2::bufread::ZlibDecoder::new(data)
        .take(bound)
        .read_to_end(&mut out)
        .map_err(|_| SyntaxError::Filter("damaged Flate data"))?;
    if out.len() > max { too_long() } else { Ok(out) }
}

fn lzw(data: &[u8], early: bool, max: usize) -> Result<Vec<u8>> {
    let mut decoder = if early {
        weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
    } else {
        weezl::decode::Decoder::new(weezl::BitOrder::Msb, 8)
    };
    let mut out = Vec::new();
    let mut rest = data;
    let mut buffer = vec![0u8; 32 << 10];
    loop {
        let step = decoder.decode_bytes(rest, &mut buffer);
        out.extend_from_slice(buffer.get(..step.consumed_out).unwrap_or_default());
        rest = rest.get(step.consumed_in..).unwrap_or_default();
        if out.len() > max {
            return too_long();
        }
        match step.status {
            Ok(weezl::LzwStatus::Done) => return Ok(out),
            Ok(weezl::LzwStatus::Ok) if step.consumed_in > 0 || step.consumed_out > 0 => {}
            // No end-of-data code: what came is all there is.
            Ok(_) if rest.is_empty() => return Ok(out),
            _ => return Err(SyntaxError::Filter("damaged LZW data")),
        }
    }
}

fn ascii_hex(data: &[u8], max: usize) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity((data.len() / 2 + 1).min(max));
    let mut high = None;
    for &b in data.iter().filter(|&&b| !is_white(b)) {
        match b {
            b'>' => break,
            b if b.is_ascii_hexdigit() => match high.take() {
                Some(h) => out.push(h << 4 | hex_value(b)),
                None => high = Some(hex_value(b)),
            },
            _ => return Err(SyntaxError::Filter("damaged ASCIIHex data")),
        }
        if out.len() > max {
            return too_long();
        }
    }
    out.extend(high.map(|h| h << 4));
    Ok(out)
}

fn ascii85(data: &[u8], max: usize) -> Result<Vec<u8>> {
    const DAMAGED: SyntaxError = SyntaxError::Filter("damaged ASCII85 data");
    let mut out = Vec::new();
    let (mut value, mut digits) = (0u64, 0usize);
    for &b in data.iter().filter(|&&b| !is_white(b)) {
        match b {
            b'~' => break,
            b'z' if digits == 0 => out.extend_from_slice(&[0; 4]),
            b'!'..=b'u' => {
                value = value * 85 + u64::from(b - b'!');
                digits += 1;
                if digits == 5 {
                    out.extend_from_slice(&u32::try_from(value).map_err(|_| DAMAGED)?.to_be_bytes());
                    (value, digits) = (0, 0);
                }
            }
            _ => return Err(DAMAGED),
        }
        if out.len() > max {
            return too_long();
        }
    }
    if digits == 1 {
        return Err(DAMAGED);
    }
    if digits > 1 {
        for _ in digits..5 {
            value = value * 85 + 84;
        }
        let bytes = u32::try_from(value).map_err(|_| DAMAGED)?.to_be_bytes();
        out.extend_from_slice(bytes.get(..digits - 1).unwrap_or_default());
    }
    Ok(out)
}

fn run_length(data: &[u8], max: usize) -> Result<Vec<u8>> {
    const DAMAGED: SyntaxError = SyntaxError::Filter("damaged RunLength data");
    let mut out = Vec::new();
    let mut rest = data;
    while let Some((&length, tail)) = rest.split_first() {
        rest = match length {
            128 => break,
            0..=127 => {
                let n = usize::from(length) + 1;
                out.extend_from_slice(tail.get(..n).ok_or(DAMAGED)?);
                tail.get(n..).unwrap_or_default()
            }
            _ => {
                let (&byte, more) = tail.split_first().ok_or(DAMAGED)?;
                out.resize(out.len() + 257 - usize::from(length), byte);
                more
            }
        };
        if out.len() > max {
            return too_long();
        }
    }
    Ok(out)
}

/// Undoes a predictor (7.4.4.4).
fn predict(parameters: &Dict, data: Vec<u8>, max: usize) -> Result<Vec<u8>> {
    let number = |key, default: i64| {
        let value = parameters.get(key).and_then(|o| o.as_integer()).unwrap_or(default);
        usize::try_from(value)
            .ok()
            .filter(|&n| n <= 1 << 20)
            .ok_or(SyntaxError::Filter("bad predictor parameters"))
    };
    let predictor = number("Predictor", 1)?;
    if predictor <= 1 {
        return Ok(data);
    }
    let colors = number("Colors", 1)?.max(1);
    let bits = number("BitsPerComponent", 8)?.max(1);
    let row = (number("Columns", 1)?.max(1).saturating_mul(colors).saturating_mul(bits)).div_ceil(8);
    let pixel = (colors * bits).div_ceil(8);
    if row > max.max(1 << 16) {
        return too_long();
    }
    match predictor {
        2 if bits == 8 => Ok(tiff(data, row, pixel)),
        10..=15 => png(&data, row, pixel),
        _ => Err(SyntaxError::Filter("unknown predictor")),
    }
}

fn tiff(mut data: Vec<u8>, row: usize, pixel: usize) -> Vec<u8> {
    for line in data.chunks_mut(row) {
        let mut left = vec![0u8; pixel];
        for chunk in line.chunks_mut(pixel) {
            for (byte, before) in chunk.iter_mut().zip(&mut left) {
                *byte = byte.wrapping_add(*before);
                *before = *byte;
            }
        }
    }
    data
}

fn png(data: &[u8], row: usize, pixel: usize) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len());
    let mut above = vec![0u8; row];
    for line in data.chunks(row + 1) {
        let Some((&kind, bytes)) = line.split_first() else { break };
        let mut current = bytes.to_vec();
        current.resize(row, 0);
        for i in 0..current.len() {
            let at = |line: &[u8], j: Option<usize>| j.and_then(|j| line.get(j).copied()).unwrap_or(0);
            let (left, up, corner) =
                (at(&current, i.checked_sub(pixel)), at(&above, Some(i)), at(&above, i.checked_sub(pixel)));
            let add = match kind {
                0 => 0,
                1 => left,
                2 => up,
                3 => (u16::from(left).midpoint(u16::from(up))).to_le_bytes()[0],
                4 => paeth(left, up, corner),
                _ => return Err(SyntaxError::Filter("unknown predictor")),
            };
            if let Some(byte) = current.get_mut(i) {
                *byte = byte.wrapping_add(add);
            }
        }
        out.extend_from_slice(current.get(..bytes.len()).unwrap_or_default());
        above = current;
    }
    Ok(out)
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let p = a + b - c;
    let (pa, pb, pc) = ((p - a).abs(), (p - b).abs(), (p - c).abs());
    if pa <= pb && pa <= pc {
        left
    } else if pb <= pc {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use std::io::Write;

    fn run(name: &str, data: &[u8]) -> Result<Vec<u8>> {
        decode(&name.into(), &Dict::new(), data, 1 << 16)
    }

    #[test]
    fn each_filter_decodes_its_example() {
        assert_eq!(run("ASCIIHexDecode", b"68 65 6C6c6F7>").unwrap(), b"hellop");
        assert_eq!(run("ASCII85Decode", b"87cURD]i,\"Ebo80~>").unwrap(), b"Hello World!");
        assert_eq!(run("ASCII85Decode", b"z87cUR~>").unwrap(), b"\0\0\0\0Hell");
        assert_eq!(run("RunLengthDecode", &[2, b'a', b'b', b'c', 254, b'x', 128]).unwrap(), b"abcxxx");
        // The example of ISO 32000-2 7.4.4.2.
        let lzw = [0x80, 0x0B, 0x60, 0x50, 0x22, 0x0C, 0x0C, 0x85, 0x01];
        assert_eq!(run("LZWDecode", &lzw).unwrap(), [45, 45, 45, 45, 45, 65, 45, 45, 45, 66]);
    }

    #[test]
    fn bombs_stop_at_the_bound() {
        let mut z = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        z.write_all(&vec![0; 10 << 20]).unwrap();
        assert_eq!(run("FlateDecode", &z.finish().unwrap()), Err(SyntaxError::Limit("decoded data")));
        assert_eq!(run("RunLengthDecode", &[129, 0].repeat(4096)), Err(SyntaxError::Limit("decoded data")));
        assert_eq!(run("ASCII85Decode", &[b'z'; 1 << 16]), Err(SyntaxError::Limit("decoded data")));
    }

    #[test]
    fn predictors_are_undone() {
        let up = [2, 1, 2, 3, 2, 1, 1, 1];
        assert_eq!(png(&up, 3, 1).unwrap(), [1, 2, 3, 2, 3, 4]);
        let left = [1, 1, 1, 1];
        assert_eq!(png(&left, 3, 1).unwrap(), [1, 2, 3]);
        assert_eq!(tiff(vec![1, 1, 1, 5, 0, 1], 3, 1), [1, 2, 3, 5, 5, 6]);
        assert_eq!((paeth(3, 5, 4), paeth(9, 1, 1), paeth(1, 9, 1)), (4, 9, 9));
    }
}
