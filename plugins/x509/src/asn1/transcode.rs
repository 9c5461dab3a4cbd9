//! BER to DER.

use super::read::{Asn1Error, Rules, Value};
use super::{set_of, tag, tlv};

/// Values that a rewriting may consist of. What is DER already, however large, is not rewritten.
const MAX_VALUES: u32 = 50_000;

/// The DER encoding of a BER value: definite minimal lengths, strings in one piece, sets in order. Values that are not in
/// DER form within themselves (a padded INTEGER, a BOOLEAN of 1) stay as they are: rewriting them could change what a digest
/// was made of.
///
/// # Errors
/// When the encoding is broken, nested too deeply, or consists of more than 50,000 values and is not DER already.
pub fn to_der(value: Value<'_>) -> Result<Vec<u8>, Asn1Error> {
    if Value::parse(value.raw, Rules::Der).and_then(is_der).unwrap_or(false) {
        return Ok(value.raw.to_vec());
    }
    let mut budget = MAX_VALUES;
    rewrite(value, &mut budget)
}

/// Whether rewriting would change nothing; `value` has been read under DER, which takes care of the lengths.
fn is_der(value: Value<'_>) -> Result<bool, Asn1Error> {
    if value.tag & 0x20 == 0 {
        return Ok(true);
    }
    if value.tag == tag::OCTET_STRING | 0x20 {
        return Ok(false);
    }
    let mut children = value.children()?;
    let mut previous: &[u8] = &[];
    while !children.is_empty() {
        let child = children.any()?;
        if !is_der(child)? || (value.tag == tag::SET && previous > child.raw) {
            return Ok(false);
        }
        previous = child.raw;
    }
    Ok(true)
}

fn rewrite(value: Value<'_>, budget: &mut u32) -> Result<Vec<u8>, Asn1Error> {
    *budget = budget.checked_sub(1).ok_or(Asn1Error::TooMany("values"))?;
    if value.tag & 0x20 == 0 {
        return Ok(tlv(value.tag, &[value.content]));
    }
    if value.tag == tag::OCTET_STRING | 0x20 {
        return Ok(tlv(tag::OCTET_STRING, &[&value.octets()?]));
    }
    let mut children = value.children()?;
    let mut parts = Vec::new();
    while !children.is_empty() {
        parts.push(rewrite(children.any()?, budget)?);
    }
    if value.tag == tag::SET {
        return Ok(set_of(&parts));
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    Ok(tlv(value.tag, &parts))
}
