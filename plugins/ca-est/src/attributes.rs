//! What the server wants in requests: the answer to `csrattrs` (RFC 7030 4.5.2).
//!
//! Our request is made and signed in the token, whole; nothing can be put in that is not there. What can be done is to see
//! beforehand that a key of another type is wanted, and to tell an operator what else a refusal may be about.

use hufu_x509::asn1::{Asn1Error, Rules, Value, tag};

/// Attributes in one answer.
const MOST: usize = 64;
/// id-ecPublicKey and rsaEncryption: which key.
const EC_PUBLIC_KEY: &str = "1.2.840.10045.2.1";
const RSA_ENCRYPTION: &str = "1.2.840.113549.1.1.1";

/// The server's wishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The curve of EC keys, dotted; empty: any.
    curves: Vec<String>,
    /// Bits of RSA keys; `None`: any.
    rsa: Option<Option<u64>>,
    /// All else, dotted: attributes that our requests do not have, hash algorithms.
    others: Vec<String>,
}

impl Wanted {
    /// CsrAttrs, DER or BER.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Asn1Error> {
        let mut wanted = Self::default();
        for item in
            Value::parse(bytes, Rules::Ber)?.typed(tag::SEQUENCE)?.children()?.all(MOST, "attributes")?
        {
            if item.tag != tag::SEQUENCE {
                wanted.others.push(item.oid()?.to_string());
                continue;
            }
            let mut attribute = item.children()?;
            let kind = attribute.any()?.oid()?.to_string();
            let values = attribute.expect(tag::SET)?.children()?.all(MOST, "values")?;
            match kind.as_str() {
                EC_PUBLIC_KEY => {
                    for value in values {
                        wanted.curves.push(value.oid()?.to_string());
                    }
                }
                RSA_ENCRYPTION => wanted.rsa = Some(values.first().map(|v| v.unsigned()).transpose()?),
                _ => wanted.others.push(kind),
            }
        }
        Ok(wanted)
    }

    /// Why a request over this SubjectPublicKeyInfo does not fit; `None`: it does, as far as can be seen.
    pub(crate) fn unfit(&self, spki: &[u8]) -> Option<String> {
        if self.curves.is_empty() && self.rsa.is_none() {
            return None;
        }
        let (kind, curve) = key_type(spki).ok()?;
        let fits = match kind.as_str() {
            EC_PUBLIC_KEY => self.curves.iter().any(|wanted| Some(wanted) == curve.as_ref()),
            RSA_ENCRYPTION => self.rsa.is_some_and(|bits| bits.is_none_or(|bits| rsa_bits(spki) == Ok(bits))),
            _ => false,
        };
        if fits {
            return None;
        }
        let curves = self.curves.iter().map(|curve| format!("EC keys on {curve}"));
        let rsa =
            self.rsa.map(|bits| bits.map_or("RSA keys".into(), |bits| format!("RSA keys of {bits} bits")));
        let all: Vec<String> = curves.chain(rsa).collect();
        Some(format!("the server's csrattrs want {}; set `algorithm` of the profile so", all.join(" or ")))
    }

    /// What else the server asks for, for a refusal's message.
    pub(crate) fn hint(&self) -> Option<String> {
        (!self.others.is_empty()).then(|| format!("its csrattrs also name {}", self.others.join(", ")))
    }
}

/// Algorithm and curve of a key, dotted.
fn key_type(spki: &[u8]) -> Result<(String, Option<String>), Asn1Error> {
    let mut algorithm = Value::parse(spki, Rules::Der)?
        .typed(tag::SEQUENCE)?
        .children()?
        .expect(tag::SEQUENCE)?
        .children()?;
    let kind = algorithm.any()?.oid()?.to_string();
    let curve = algorithm.any().ok().and_then(|value| value.oid().ok()).map(|oid| oid.to_string());
    Ok((kind, curve))
}

/// Bits of an RSA modulus.
fn rsa_bits(spki: &[u8]) -> Result<u64, Asn1Error> {
    let mut parts = Value::parse(spki, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
    parts.expect(tag::SEQUENCE)?;
    // A BIT STRING without unused bits.
    let key = parts.any()?.content.get(1..).ok_or(Asn1Error::Truncated)?;
    let modulus = Value::parse(key, Rules::Der)?.typed(tag::SEQUENCE)?.children()?.any()?.content;
    let significant = modulus.iter().skip_while(|octet| **octet == 0).count();
    Ok(u64::try_from(significant).unwrap_or(0) * 8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use hufu_x509::asn1;

    fn oid(dotted: &str) -> Vec<u8> {
        asn1::oid(&dotted.parse().unwrap())
    }

    fn attribute(kind: &str, value: &[u8]) -> Vec<u8> {
        asn1::sequence(&[&oid(kind), &asn1::set(&[value])])
    }

    fn p256() -> Vec<u8> {
        hufu_testkit::SoftKey::new().spki()
    }

    #[test]
    fn the_example_of_the_standard_is_read() {
        // RFC 7030 4.5.2: challengePassword, secp384r1, an extension request, ecdsa-with-SHA384.
        let bytes = asn1::sequence(&[
            &oid("1.2.840.113549.1.9.7"),
            &attribute(EC_PUBLIC_KEY, &oid("1.3.132.0.34")),
            &attribute("1.2.840.113549.1.9.14", &oid("1.3.6.1.1.1.1.22")),
            &oid("1.2.840.10045.4.3.3"),
        ]);
        let wanted = Wanted::parse(&bytes).unwrap();
        assert_eq!(wanted.curves, ["1.3.132.0.34"]);
        assert_eq!(wanted.others.len(), 3);
        let unfit = wanted.unfit(&p256()).unwrap();
        assert!(unfit.contains("EC keys on 1.3.132.0.34"), "{unfit}");
        assert!(wanted.hint().unwrap().contains("1.2.840.113549.1.9.7"));
    }

    #[test]
    fn a_server_without_wishes_takes_every_key() {
        assert_eq!(Wanted::parse(&asn1::sequence(&[])).unwrap().unfit(&p256()), None);
        let p256_wanted = asn1::sequence(&[&attribute(EC_PUBLIC_KEY, &oid("1.2.840.10045.3.1.7"))]);
        assert_eq!(Wanted::parse(&p256_wanted).unwrap().unfit(&p256()), None);
        let rsa = asn1::sequence(&[&attribute(RSA_ENCRYPTION, &asn1::integer_u64(4096))]);
        assert!(Wanted::parse(&rsa).unwrap().unfit(&p256()).unwrap().contains("RSA keys of 4096 bits"));
    }

    #[test]
    fn what_is_no_list_of_attributes_is_refused() {
        for bytes in [&b""[..], b"<html>", &[0x30, 2, 5, 0], &[0x30, 0x80], &[0x30, 4, 0x30, 2, 6, 0]] {
            assert!(Wanted::parse(bytes).is_err(), "{bytes:?}");
        }
    }
}
