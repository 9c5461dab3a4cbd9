//! DER out of finished pieces.

use super::tag;
use const_oid::ObjectIdentifier;

/// One value: identifier octet, definite minimal length, the parts one after another.
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|p| p.len()).sum();
    let mut out = Vec::with_capacity(len + 6);
    out.push(tag);
    let digits = len.to_be_bytes();
    let significant = digits.iter().skip_while(|b| **b == 0);
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let count = u8::try_from(significant.clone().count()).unwrap_or(8);
            out.push(0x80 | count);
            out.extend(significant);
        }
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// SEQUENCE of the parts.
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(tag::SEQUENCE, parts)
}

/// SET of the parts in the order given.
pub fn set(parts: &[&[u8]]) -> Vec<u8> {
    tlv(tag::SET, parts)
}

/// SET OF in DER order (X.690 11.6).
pub fn set_of<T: AsRef<[u8]>>(values: &[T]) -> Vec<u8> {
    let mut sorted: Vec<&[u8]> = values.iter().map(AsRef::as_ref).collect();
    // The shorter of two is padded with zeros for comparing; a whole encoding is never a prefix of another one.
    sorted.sort_unstable();
    tlv(tag::SET, &sorted)
}

/// `[n]` constructed: EXPLICIT tag, or IMPLICIT over a constructed value.
pub fn context(n: u8, parts: &[&[u8]]) -> Vec<u8> {
    tlv(tag::context(n), parts)
}

/// `[n]` IMPLICIT over a primitive value.
pub fn context_primitive(n: u8, content: &[u8]) -> Vec<u8> {
    tlv(tag::context_primitive(n), &[content])
}

/// INTEGER from an unsigned big-endian magnitude.
pub fn integer(magnitude: &[u8]) -> Vec<u8> {
    let zeros = magnitude.iter().take_while(|b| **b == 0).count();
    let digits = magnitude.get(zeros..).unwrap_or_default();
    match digits.first() {
        None => tlv(tag::INTEGER, &[&[0]]),
        Some(first) if first & 0x80 != 0 => tlv(tag::INTEGER, &[&[0], digits]),
        Some(_) => tlv(tag::INTEGER, &[digits]),
    }
}

/// INTEGER from a number.
pub fn integer_u64(n: u64) -> Vec<u8> {
    integer(&n.to_be_bytes())
}

/// BOOLEAN.
pub fn boolean(b: bool) -> Vec<u8> {
    tlv(tag::BOOLEAN, &[&[if b { 0xff } else { 0 }]])
}

/// NULL.
pub fn null() -> Vec<u8> {
    vec![tag::NULL, 0]
}

/// OBJECT IDENTIFIER.
pub fn oid(oid: &ObjectIdentifier) -> Vec<u8> {
    tlv(tag::OID, &[oid.as_bytes()])
}

/// OCTET STRING.
pub fn octet_string(bytes: &[u8]) -> Vec<u8> {
    tlv(tag::OCTET_STRING, &[bytes])
}

/// BIT STRING of whole octets.
pub fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tlv(tag::BIT_STRING, &[&[0], bytes])
}
