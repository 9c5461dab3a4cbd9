//! The structure of one signature: /ByteRange exactly around /Contents, hexadecimal digits and zero padding only
//! (ISO 32000-2 12.8.1, EN 319 142-1 5.4).

use super::finding::{Attack, Finding, Subject};
use crate::pdf::syntax::{Dict, Object, View};

/// What a sound signature dictionary covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Coverage {
    /// The hole: from `<` to behind `>` of /Contents.
    pub hole: (usize, usize),
    /// One past the last signed byte.
    pub end: usize,
    /// The CMS (or PKCS#1 value), padding removed.
    pub contents: Vec<u8>,
}

/// Checks the dictionary. `Err` has the reasons; the signature then covers nothing that one could rely on.
pub(super) fn coverage(view: View<'_, '_>, dict: &Dict) -> Result<Coverage, Vec<Finding>> {
    let bytes = view.document().file();
    let usf = |code, detail: &str| {
        vec![Finding::failure(Subject::Structure, code, detail).attack(Attack::UniversalForgery)]
    };
    let contents = match dict.get("Contents") {
        None | Some(Object::Null) => return Err(usf("no-contents", "/Contents is missing or null")),
        Some(Object::String(s)) => s,
        Some(_) => return Err(usf("contents-type", "/Contents is not a direct string (ISO 32000-2 12.8.1)")),
    };
    if contents.as_bytes().is_empty() {
        return Err(usf("contents-empty", "/Contents is empty"));
    }
    let range = byte_range(view, dict).ok_or_else(|| {
        usf(
            "byte-range",
            "/ByteRange is missing, null or not four non-negative integers (ISO 32000-2 12.8.1)",
        )
    })?;
    if dict.has_duplicate_keys() {
        let finding =
            Finding::failure(Subject::Structure, "duplicate-key", "the signature dictionary has a key twice");
        return Err(vec![finding.attack(Attack::UniversalForgery)]);
    }
    let swa = |code, detail: String| {
        vec![Finding::failure(Subject::Structure, code, detail).attack(Attack::Wrapping)]
    };
    let [start, first, second, rest] = range;
    let Some(end) = second.checked_add(rest).filter(|&end| end <= bytes.len()) else {
        return Err(usf("byte-range-outside", "/ByteRange reaches beyond the end of the file"));
    };
    if start != 0 || first == 0 || second <= first || rest == 0 {
        return Err(swa(
            "byte-range-shape",
            format!("/ByteRange [{start} {first} {second} {rest}] is not two runs from the first byte on"),
        ));
    }
    let span = contents.span();
    if span != Some(first..second) {
        let found =
            span.map_or_else(|| "inside an object stream".into(), |s| format!("{}..{}", s.start, s.end));
        return Err(swa(
            "byte-range-hole",
            format!("the unsigned hole {first}..{second} is not exactly the /Contents value ({found})"),
        ));
    }
    let value = bytes.get(first..second).unwrap_or_default();
    let digits = value.strip_prefix(b"<").and_then(|v| v.strip_suffix(b">"));
    let Some(mut decoded) = digits.and_then(unhex) else {
        return Err(swa("contents-not-hex", "/Contents has something other than hexadecimal digits".into()));
    };
    let Some(used) = first_value_length(&decoded).filter(|&n| n <= decoded.len()) else {
        return Err(usf("contents-not-der", "/Contents is not one ASN.1 value"));
    };
    if let Some(at) = decoded.iter().skip(used).position(|&b| b != 0) {
        let at = first + 1 + 2 * (used + at);
        let detail = "the padding behind the signature value is not zero";
        let finding = Finding::failure(Subject::Structure, "padding", detail).attack(Attack::Wrapping);
        return Err(vec![finding.at(as_u64(at), as_u64(at + 2))]);
    }
    decoded.truncate(used);
    Ok(Coverage { hole: (first, second), end, contents: decoded })
}

/// The four integers, if they are four that a file can have.
pub(super) fn byte_range(view: View<'_, '_>, dict: &Dict) -> Option<[usize; 4]> {
    let numbers = view.get(dict, "ByteRange").ok()?;
    let numbers: Option<Vec<usize>> = numbers
        .as_array()?
        .iter()
        .map(|n| match n {
            Object::Integer(n) => usize::try_from(*n).ok(),
            _ => None,
        })
        .collect();
    numbers?.try_into().ok()
}

/// The octets; a missing last digit is 0 (ISO 32000-2 7.3.4.3).
fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let decode = |digits: &[u8]| data_encoding::HEXLOWER_PERMISSIVE.decode(digits).ok();
    if digits.len().is_multiple_of(2) { decode(digits) } else { decode(&[digits, b"0"].concat()) }
}

/// Length of the first BER value, header included; an indefinite length is followed to its end-of-contents.
fn first_value_length(bytes: &[u8]) -> Option<usize> {
    value_length(bytes, 0)
}

fn value_length(bytes: &[u8], depth: usize) -> Option<usize> {
    if depth > 32 {
        return None;
    }
    let (&tag, rest) = bytes.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&length, rest) = rest.split_first()?;
    match length {
        0..=0x7f => usize::from(length).checked_add(2),
        0x80 if tag & 0x20 != 0 => {
            let mut at = 2;
            loop {
                let inner = bytes.get(at..)?;
                if inner.starts_with(&[0, 0]) {
                    return Some(at + 2);
                }
                at = at.checked_add(value_length(inner, depth + 1)?)?;
            }
        }
        0x81..=0x84 => {
            let count = usize::from(length & 0x7f);
            let value = rest.get(..count)?.iter().fold(0usize, |n, &b| n << 8 | usize::from(b));
            value.checked_add(2 + count)
        }
        _ => None,
    }
}

/// File offsets are below 2^63.
pub(super) fn as_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::first_value_length;

    #[test]
    fn measures_definite_and_indefinite_values() {
        assert_eq!(first_value_length(&[0x30, 3, 1, 2, 3, 0, 0]), Some(5));
        assert_eq!(first_value_length(&[0x30, 0x81, 2, 1, 2]), Some(5));
        assert_eq!(first_value_length(&[0x30, 0x80, 4, 1, 7, 0, 0, 0]), Some(7));
        assert_eq!(first_value_length(&[0x30, 0x80, 4, 1, 7]), None);
        assert_eq!(first_value_length(&[]), None);
    }

    #[test]
    fn nesting_is_bounded() {
        assert_eq!(first_value_length(&[0x30, 0x80].repeat(1000)), None);
    }
}
