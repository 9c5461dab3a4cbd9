//! Objects as bytes (ISO 32000-2 7.3).

use crate::pdf::syntax::lexer::is_regular;
use crate::pdf::syntax::{Dict, Name, Object, PdfString};
use std::io::Write;

/// Writes an object. A stream of the input cannot be written by value: it becomes `null`.
pub(super) fn object(out: &mut Vec<u8>, object: &Object) {
    match object {
        Object::Null | Object::Stream(_) => out.extend_from_slice(b"null"),
        Object::Boolean(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        Object::Integer(i) => text(out, format_args!("{i}")),
        Object::Real(r) => out.extend_from_slice(r.text().as_bytes()),
        Object::String(s) => string(out, s),
        Object::Name(n) => name(out, n),
        Object::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b' ');
                }
                self::object(out, item);
            }
            out.push(b']');
        }
        Object::Dictionary(d) => dict(out, d),
        Object::Reference(r) => text(out, format_args!("{} {} R", r.number, r.generation)),
    }
}

/// Writing to memory cannot fail.
pub(super) fn text(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(arguments);
}

pub(super) fn dict(out: &mut Vec<u8>, dict: &Dict) {
    out.extend_from_slice(b"<<");
    for (key, value) in dict.iter() {
        entry(out, key, value);
    }
    out.extend_from_slice(b">>");
}

fn entry(out: &mut Vec<u8>, key: &Name, value: &Object) {
    name(out, key);
    if !matches!(value, Object::Name(_) | Object::String(_) | Object::Array(_) | Object::Dictionary(_)) {
        out.push(b' ');
    }
    object(out, value);
}

/// A signature dictionary with `/ByteRange` and `/Contents` left open. Gives where they stand in `out`: the array and
/// the hexadecimal string, delimiters included.
pub(super) fn signature(
    out: &mut Vec<u8>,
    dict: &Dict,
    reserve: usize,
) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let (mut range, mut contents) = (0..0, 0..0);
    out.extend_from_slice(b"<<");
    for (key, value) in dict.iter() {
        match key.as_bytes() {
            b"ByteRange" => {
                name(out, key);
                let start = out.len();
                out.push(b'[');
                out.resize(out.len() + BYTE_RANGE_ROOM, b' ');
                out.push(b']');
                range = start..out.len();
            }
            b"Contents" => {
                name(out, key);
                let start = out.len();
                out.push(b'<');
                out.resize(out.len() + reserve * 2, b'0');
                out.push(b'>');
                contents = start..out.len();
            }
            _ => entry(out, key, value),
        }
    }
    out.extend_from_slice(b">>");
    (range, contents)
}

/// Room for four offsets of any 64-bit file.
pub(super) const BYTE_RANGE_ROOM: usize = 64;

fn name(out: &mut Vec<u8>, name: &Name) {
    out.push(b'/');
    for &byte in name.as_bytes() {
        if byte.is_ascii_graphic() && is_regular(byte) && byte != b'#' {
            out.push(byte);
        } else {
            text(out, format_args!("#{byte:02X}"));
        }
    }
}

fn string(out: &mut Vec<u8>, string: &PdfString) {
    if string.is_hexadecimal() {
        out.push(b'<');
        string.as_bytes().iter().for_each(|b| text(out, format_args!("{b:02X}")));
        out.push(b'>');
        return;
    }
    out.push(b'(');
    for &byte in string.as_bytes() {
        match byte {
            b'(' | b')' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.push(byte),
        }
    }
    out.push(b')');
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pdf::syntax::{Limits, Parser};

    #[test]
    fn what_is_written_reads_back_the_same() {
        for text in [
            "<</A#20b[1 -2 .5 (x\\(\\)\\\\\\r\\n\\000) <00ff> null true false 12 0 R]/C<</D/E#23>>/F(\u{7f})/G 1>>",
            "[]",
            "<<>>",
            "[1 0 R 2 0 R 3 4]",
        ] {
            let read = |bytes: &[u8]| Parser::new(bytes, 0, &Limits::default()).object().unwrap();
            let first = read(text.as_bytes());
            let mut out = Vec::new();
            object(&mut out, &first);
            assert_eq!(read(&out), first, "{}", out.escape_ascii());
        }
    }
}
