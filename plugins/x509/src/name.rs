//! Distinguished names (X.501, RFC 5280 4.1.2.4).

use crate::X509Error;
use crate::asn1::{self, AnyOid, Asn1Error, Rules, Value, tag};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::{
    COMMON_NAME, COUNTRY_NAME, DOMAIN_COMPONENT, GIVEN_NAME, L, O, ORGANIZATIONAL_UNIT_NAME, SERIAL_NUMBER,
    SN, ST, STREET, TITLE, UID,
};
use hufu_api::Subject;
use std::fmt::Write;

/// emailAddress of PKCS#9, which RFC 4519 does not have.
const EMAIL_ADDRESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");
/// organizationIdentifier (X.520), which ETSI profiles use.
const ORGANIZATION_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.97");

/// More attributes than any real name has.
const MAX_ATTRIBUTES: usize = 64;

/// A Name as it came, and its attributes in the order of the encoding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    der: Vec<u8>,
    attributes: Vec<Attribute>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Attribute {
    oid: AnyOid,
    text: Option<String>,
    raw: Vec<u8>,
    /// Belongs to the same RDN as the one before.
    joined: bool,
}

impl Name {
    /// Reads a DER Name.
    ///
    /// # Errors
    /// When it is none or has more than 64 attributes.
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        Value::parse(der, Rules::Der).and_then(Self::from_value).map_err(X509Error::within("Name"))
    }

    pub(crate) fn from_value(value: Value<'_>) -> Result<Self, Asn1Error> {
        let mut rdns = value.typed(tag::SEQUENCE)?.children()?;
        let mut attributes = Vec::new();
        while !rdns.is_empty() {
            let mut rdn = rdns.expect(tag::SET)?.children()?;
            let mut joined = false;
            while !rdn.is_empty() {
                if attributes.len() >= MAX_ATTRIBUTES {
                    return Err(Asn1Error::TooMany("name attributes"));
                }
                let mut pair = rdn.expect(tag::SEQUENCE)?.children()?;
                let oid = pair.any()?.any_oid()?;
                let value = pair.any()?;
                pair.end()?;
                attributes.push(Attribute { oid, text: text(value), raw: value.raw.to_vec(), joined });
                joined = true;
            }
        }
        Ok(Self { der: value.raw.to_vec(), attributes })
    }

    /// The encoding as it came.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether there is no attribute at all.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// The last commonName, which by custom is the most specific one.
    pub fn common_name(&self) -> Option<&str> {
        self.attribute(&COMMON_NAME)
    }

    /// The last attribute of that type, as text.
    pub fn attribute(&self, oid: &ObjectIdentifier) -> Option<&str> {
        self.attributes.iter().rev().find(|a| a.oid == *oid).and_then(|a| a.text.as_deref())
    }

    /// The attributes in the encoding's order: OID and text; `None` where the value is no string.
    pub fn attributes(&self) -> impl Iterator<Item = (&AnyOid, Option<&str>)> {
        self.attributes.iter().map(|a| (&a.oid, a.text.as_deref()))
    }
}

/// `C=CN,O=…,CN=…`: the encoding's own order (RFC 4514 would reverse it), values escaped as RFC 4514 2.4 says. Control characters
/// stay; who shows the text encodes it for its output.
impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, attribute) in self.attributes.iter().enumerate() {
            if i > 0 {
                f.write_char(if attribute.joined { '+' } else { ',' })?;
            }
            match attribute.oid.known().as_ref().and_then(keyword) {
                Some(keyword) => write!(f, "{keyword}=")?,
                None => write!(f, "{}=", attribute.oid)?,
            }
            match &attribute.text {
                Some(text) => escape(f, text)?,
                None => {
                    f.write_char('#')?;
                    attribute.raw.iter().try_for_each(|b| write!(f, "{b:02x}"))?;
                }
            }
        }
        Ok(())
    }
}

fn escape(f: &mut std::fmt::Formatter<'_>, text: &str) -> std::fmt::Result {
    let last = text.chars().count().saturating_sub(1);
    for (i, c) in text.chars().enumerate() {
        let edge = (i == 0 && matches!(c, ' ' | '#')) || (i == last && c == ' ');
        if edge || matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    Ok(())
}

fn keyword(oid: &ObjectIdentifier) -> Option<&'static str> {
    Some(match *oid {
        COMMON_NAME => "CN",
        COUNTRY_NAME => "C",
        O => "O",
        ORGANIZATIONAL_UNIT_NAME => "OU",
        ST => "ST",
        L => "L",
        STREET => "STREET",
        SERIAL_NUMBER => "SERIALNUMBER",
        SN => "SURNAME",
        GIVEN_NAME => "GIVENNAME",
        TITLE => "T",
        DOMAIN_COMPONENT => "DC",
        UID => "UID",
        EMAIL_ADDRESS => "EMAILADDRESS",
        ORGANIZATION_IDENTIFIER => "ORGANIZATIONIDENTIFIER",
        _ => return None,
    })
}

/// DirectoryString and its relatives as text.
fn text(value: Value<'_>) -> Option<String> {
    match value.tag {
        tag::UTF8_STRING
        | tag::PRINTABLE_STRING
        | tag::IA5_STRING
        | tag::NUMERIC_STRING
        | tag::VISIBLE_STRING => String::from_utf8(value.content.to_vec()).ok(),
        // T.61 as everybody used it: ISO 8859-1; Chinese CAs also put UTF-8 and GBK there, the former is kept legible.
        tag::TELETEX_STRING => Some(
            String::from_utf8(value.content.to_vec())
                .unwrap_or_else(|_| value.content.iter().map(|b| char::from(*b)).collect()),
        ),
        tag::BMP_STRING => {
            let (pairs, odd) = value.content.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().map(|p| u16::from_be_bytes(*p)).collect();
            if odd.is_empty() { String::from_utf16(&units).ok() } else { None }
        }
        tag::UNIVERSAL_STRING => {
            let (quads, odd) = value.content.as_chunks::<4>();
            if odd.is_empty() {
                quads.iter().map(|q| char::from_u32(u32::from_be_bytes(*q))).collect()
            } else {
                None
            }
        }
        _ => None,
    }
}

/// The Name that a signer's certificate carries: C, O (if any), CN, serialNumber, one attribute per RDN. UTF8String, but C and
/// serialNumber are PrintableString as X.520 fixes them. Upper bounds of RFC 5280 appendix A.1 in characters.
///
/// # Errors
/// When a value is empty, too long, or outside its type's characters.
pub fn subject_name(subject: &Subject) -> Result<Vec<u8>, X509Error> {
    let mut rdns = vec![rdn(&COUNTRY_NAME, &country(&subject.country)?)];
    if let Some(organization) = &subject.organization {
        rdns.push(rdn(&O, &utf8("organizationName", organization, 64)?));
    }
    rdns.push(rdn(&COMMON_NAME, &utf8("commonName", &subject.common_name, 64)?));
    rdns.push(rdn(&SERIAL_NUMBER, &printable("serialNumber", &subject.serial_number, 64)?));
    let parts: Vec<&[u8]> = rdns.iter().map(Vec::as_slice).collect();
    Ok(asn1::sequence(&parts))
}

/// A CA's, TSA's or responder's Name: C, O, CN.
///
/// # Errors
/// As [`subject_name`].
pub fn authority_name(
    country_name: &str,
    organization: &str,
    common_name: &str,
) -> Result<Vec<u8>, X509Error> {
    Ok(asn1::sequence(&[
        &rdn(&COUNTRY_NAME, &country(country_name)?),
        &rdn(&O, &utf8("organizationName", organization, 64)?),
        &rdn(&COMMON_NAME, &utf8("commonName", common_name, 64)?),
    ]))
}

fn rdn(oid: &ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    asn1::set(&[&asn1::sequence(&[&asn1::oid(oid), value])])
}

fn country(code: &str) -> Result<Vec<u8>, X509Error> {
    if code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()) {
        Ok(asn1::tlv(tag::PRINTABLE_STRING, &[code.as_bytes()]))
    } else {
        Err(X509Error::Unencodable { what: "countryName", reason: "two capital letters are wanted".into() })
    }
}

fn utf8(what: &'static str, text: &str, limit: usize) -> Result<Vec<u8>, X509Error> {
    bounded(what, text, limit)?;
    if text.chars().any(char::is_control) {
        return Err(X509Error::Unencodable { what, reason: "control characters".into() });
    }
    Ok(asn1::tlv(tag::UTF8_STRING, &[text.as_bytes()]))
}

fn printable(what: &'static str, text: &str, limit: usize) -> Result<Vec<u8>, X509Error> {
    bounded(what, text, limit)?;
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&b)) {
        return Err(X509Error::Unencodable {
            what,
            reason: "only letters, digits and ' ( ) + , - . / : = ? are allowed".into(),
        });
    }
    Ok(asn1::tlv(tag::PRINTABLE_STRING, &[text.as_bytes()]))
}

fn bounded(what: &'static str, text: &str, limit: usize) -> Result<(), X509Error> {
    match text.chars().count() {
        0 => Err(X509Error::Unencodable { what, reason: "empty".into() }),
        n if n > limit => Err(X509Error::Unencodable {
            what,
            reason: format!("{n} characters; at most {limit} are allowed"),
        }),
        _ => Ok(()),
    }
}
