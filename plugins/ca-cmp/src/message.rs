//! PKIMessage (RFC 4210 5.1): header, protection, and what ties messages together.

use crate::body::{self, Body};
use crate::mac;
use const_oid::ObjectIdentifier;
use hufu_api::UnixTime;
use hufu_x509::asn1::{self, Asn1Error, Rules, Value, tag};
use hufu_x509::{X509Error, generalized_time};

/// id-it-implicitConfirm
const IMPLICIT_CONFIRM: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.4.13");

/// Certificates in one message.
const MOST_CERTIFICATES: usize = 32;

/// One transaction's state.
pub(crate) struct Exchange {
    pub(crate) transaction: [u8; 16],
    pub(crate) sender_nonce: [u8; 16],
    /// The other side's last senderNonce; empty before its first message.
    pub(crate) recipient_nonce: Vec<u8>,
}

/// An answer whose protection has been verified.
pub(crate) struct Message {
    pub(crate) transaction: Vec<u8>,
    pub(crate) sender_nonce: Vec<u8>,
    pub(crate) recipient_nonce: Vec<u8>,
    pub(crate) implicit_confirm: bool,
    pub(crate) body: Body,
    pub(crate) extra_certificates: Vec<Vec<u8>>,
}

/// A PKIMessage around `body`, protected with a password-based MAC.
pub(crate) fn protected(
    exchange: &Exchange,
    reference: &str,
    now: UnixTime,
    body: &[u8],
    secret: &[u8],
    salt: &[u8],
) -> Result<Vec<u8>, X509Error> {
    // With a MAC the name says nothing: the empty one, as RFC 9483 3.1 allows; the reference tells whose secret it is.
    let nobody = asn1::context(4, &[&asn1::sequence(&[])]);
    let algorithm = mac::algorithm(salt);
    let recipient_nonce = match exchange.recipient_nonce.as_slice() {
        [] => Vec::new(),
        nonce => asn1::context(6, &[&asn1::octet_string(nonce)]),
    };
    let confirm = asn1::sequence(&[&asn1::oid(&IMPLICIT_CONFIRM), &asn1::null()]);
    let header = asn1::sequence(&[
        &asn1::integer_u64(2),
        &nobody,
        &nobody,
        &asn1::context(0, &[&generalized_time(now, false)?]),
        &asn1::context(1, &[&algorithm]),
        &asn1::context(2, &[&asn1::octet_string(reference.as_bytes())]),
        &asn1::context(4, &[&asn1::octet_string(&exchange.transaction)]),
        &asn1::context(5, &[&asn1::octet_string(&exchange.sender_nonce)]),
        &recipient_nonce,
        &asn1::context(8, &[&asn1::sequence(&[&confirm])]),
    ]);
    let part = asn1::sequence(&[&header, body]);
    let within = |error| X509Error::Malformed { what: "protection", error };
    let protection = mac::compute(&algorithm, secret, &part).map_err(within)?;
    Ok(asn1::sequence(&[&header, body, &asn1::context(0, &[&asn1::bit_string(&protection)])]))
}

/// Reads an answer; an error message may come without protection, everything else must be protected with our secret.
pub(crate) fn read(bytes: &[u8], secret: &[u8]) -> Result<Message, String> {
    let message = parse(bytes).map_err(|e| format!("PKIMessage: {e}"))?;
    let unprotected_error = matches!(message.0.body, Body::Error(_)) && message.1.is_none();
    if unprotected_error {
        return Ok(message.0);
    }
    let protection = message.1.ok_or("an answer without protection")?;
    let verified = mac::verifies(&protection.algorithm, secret, &protection.part, &protection.value);
    match verified.map_err(|e| e.to_string())? {
        true => Ok(message.0),
        false => Err("the answer's protection does not verify".into()),
    }
}

struct Protection {
    algorithm: Vec<u8>,
    part: Vec<u8>,
    value: Vec<u8>,
}

fn parse(bytes: &[u8]) -> Result<(Message, Option<Protection>), Asn1Error> {
    let mut outer = Value::parse(bytes, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
    let header = outer.expect(tag::SEQUENCE)?;
    let body = outer.any()?;
    let value = outer.optional(tag::context(0))?.map(|v| v.only()?.bits().map(<[u8]>::to_vec)).transpose()?;
    let extra = match outer.optional(tag::context(1))? {
        Some(list) => raw_all(list.only()?)?,
        None => Vec::new(),
    };
    outer.end()?;
    let mut fields = header.children()?;
    fields.expect(tag::INTEGER)?;
    // sender and recipient
    fields.any()?;
    fields.any()?;
    fields.optional(tag::context(0))?;
    let algorithm =
        fields.optional(tag::context(1))?.map(|v| v.only().map(|v| v.raw.to_vec())).transpose()?;
    fields.optional(tag::context(2))?;
    fields.optional(tag::context(3))?;
    let mut octets = |n| -> Result<Vec<u8>, Asn1Error> {
        match fields.optional(tag::context(n))? {
            Some(value) => Ok(value.only()?.octets()?.into_owned()),
            None => Ok(Vec::new()),
        }
    };
    let (transaction, sender_nonce, recipient_nonce) = (octets(4)?, octets(5)?, octets(6)?);
    fields.optional(tag::context(7))?;
    let implicit_confirm = match fields.optional(tag::context(8))? {
        Some(list) => {
            let all = list.only()?.children()?.all(16, "general information")?;
            let mut found = false;
            for info in all {
                found |= info.children()?.any()?.oid()? == IMPLICIT_CONFIRM;
            }
            found
        }
        None => false,
    };
    fields.end()?;
    let part = asn1::sequence(&[header.raw, body.raw]);
    let protection = match (algorithm, value) {
        (Some(algorithm), Some(value)) => Some(Protection { algorithm, part, value }),
        _ => None,
    };
    let body = body::read(body)?;
    let message = Message {
        transaction,
        sender_nonce,
        recipient_nonce,
        implicit_confirm,
        body,
        extra_certificates: extra,
    };
    Ok((message, protection))
}

/// The encodings of a SEQUENCE OF certificates.
pub(crate) fn raw_all(list: Value<'_>) -> Result<Vec<Vec<u8>>, Asn1Error> {
    let all = list.typed(tag::SEQUENCE)?.children()?.all(MOST_CERTIFICATES, "certificates")?;
    Ok(all.into_iter().map(|v| v.raw.to_vec()).collect())
}
