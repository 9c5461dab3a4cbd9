//! BER to DER.

use super::read::{Asn1Error, Value};
use super::{set_of, tag, tlv};

/// The DER encoding of a BER value: definite minimal lengths, strings in one piece, sets in order. Values that are not in
/// DER form within themselves (a padded INTEGER, a BOOLEAN of 1) stay as they are: rewriting them could change what a digest
/// was made of.
///
/// # Errors
/// When the encoding is broken or nested too deeply.
pub fn to_der(value: Value<'_>) -> Result<Vec<u8>, Asn1Error> {
    if value.tag & 0x20 == 0 {
        return Ok(tlv(value.tag, &[value.content]));
    }
    if value.tag == tag::OCTET_STRING | 0x20 {
        return Ok(tlv(tag::OCTET_STRING, &[&value.octets()?]));
    }
    let mut children = value.children()?;
    let mut parts = Vec::new();
    while !children.is_empty() {
        parts.push(to_der(children.any()?)?);
    }
    if value.tag == tag::SET {
        return Ok(set_of(&parts));
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    Ok(tlv(value.tag, &parts))
}
