//! Password-based MAC (RFC 4211 4.4), the protection that a shared secret gives.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use aws_lc_rs::hmac;
use const_oid::ObjectIdentifier;
use hufu_x509::asn1::{self, Asn1Error, Rules, Value, tag};

const PASSWORD_BASED_MAC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113533.7.66.13");
const ID_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const ID_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const ID_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const ID_SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
/// hMAC-SHA1 (RFC 4210 appendix D.2), which OpenSSL answers with by default.
const HMAC_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.8.1.2");
const HMAC_SHA_1_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.7");
const HMAC_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.9");
const HMAC_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.10");
const HMAC_SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.11");

/// Our own iterations; the secret is a machine's, not a person's.
const ITERATIONS: u64 = 10_000;

/// Iterations that an answer may ask of us.
const MOST_ITERATIONS: u64 = 1_000_000;

/// The AlgorithmIdentifier of our own messages: SHA-256 and HMAC-SHA256 with this salt.
pub(crate) fn algorithm(salt: &[u8]) -> Vec<u8> {
    let parameters = asn1::sequence(&[
        &asn1::octet_string(salt),
        &asn1::sequence(&[&asn1::oid(&ID_SHA_256), &asn1::null()]),
        &asn1::integer_u64(ITERATIONS),
        &asn1::sequence(&[&asn1::oid(&HMAC_SHA_256), &asn1::null()]),
    ]);
    asn1::sequence(&[&asn1::oid(&PASSWORD_BASED_MAC), &parameters])
}

/// The MAC of `part` under `secret` as the AlgorithmIdentifier says.
pub(crate) fn compute(algorithm: &[u8], secret: &[u8], part: &[u8]) -> Result<Vec<u8>, Asn1Error> {
    let (key, mac) = key(algorithm, secret)?;
    Ok(hmac::sign(&hmac::Key::new(mac, &key), part).as_ref().to_vec())
}

/// Whether `found` is that MAC, compared in constant time.
pub(crate) fn verifies(
    algorithm: &[u8],
    secret: &[u8],
    part: &[u8],
    found: &[u8],
) -> Result<bool, Asn1Error> {
    let (key, mac) = key(algorithm, secret)?;
    Ok(hmac::verify(&hmac::Key::new(mac, &key), part, found).is_ok())
}

fn key(algorithm: &[u8], secret: &[u8]) -> Result<(Vec<u8>, hmac::Algorithm), Asn1Error> {
    let mut outer = Value::parse(algorithm, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
    if outer.any()?.oid()? != PASSWORD_BASED_MAC {
        return Err(Asn1Error::Content("protection: not a password-based MAC"));
    }
    let mut fields = outer.expect(tag::SEQUENCE)?.children()?;
    let salt = fields.any()?.octets()?.into_owned();
    let owf = fields.expect(tag::SEQUENCE)?.children()?.any()?.oid()?;
    let iterations = fields.expect(tag::INTEGER)?.unsigned()?;
    let mac = fields.expect(tag::SEQUENCE)?.children()?.any()?.oid()?;
    let owf = match owf {
        ID_SHA_1 => &SHA1_FOR_LEGACY_USE_ONLY,
        ID_SHA_256 => &SHA256,
        ID_SHA_384 => &SHA384,
        ID_SHA_512 => &SHA512,
        _ => return Err(Asn1Error::Content("protection: unknown one-way function")),
    };
    let mac = match mac {
        HMAC_SHA_1 | HMAC_SHA_1_RSA => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        HMAC_SHA_256 => hmac::HMAC_SHA256,
        HMAC_SHA_384 => hmac::HMAC_SHA384,
        HMAC_SHA_512 => hmac::HMAC_SHA512,
        _ => return Err(Asn1Error::Content("protection: unknown MAC")),
    };
    if !(1..=MOST_ITERATIONS).contains(&iterations) {
        return Err(Asn1Error::Content("protection: too many iterations"));
    }
    let mut key = digest(owf, &[secret, &salt].concat()).as_ref().to_vec();
    for _ in 1..iterations {
        key = digest(owf, &key).as_ref().to_vec();
    }
    Ok((key, mac))
}
