//! Reading certificates (RFC 5280 4.1).

use crate::X509Error;
use crate::asn1::{Asn1Error, Reader, Rules, Value, tag};
use crate::name::Name;
use crate::time::parse_time;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS, ID_CE_CERTIFICATE_POLICIES, ID_CE_EXT_KEY_USAGE,
    ID_CE_KEY_USAGE, ID_CE_SUBJECT_KEY_IDENTIFIER,
};
use hufu_api::UnixTime;

/// Certificates above this size are not read; real ones are a few KiB.
const MAX_SIZE: usize = 256 * 1024;
const MAX_EXTENSIONS: usize = 100;

/// A certificate: the bytes as they came, and what they say. Cheap to keep; nothing in it has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    tbs: Vec<u8>,
    /// 1, 2 or 3.
    pub version: u8,
    /// INTEGER content of serialNumber, two's complement as it stands there.
    pub serial: Vec<u8>,
    /// `signatureAlgorithm`, DER; reading checked that `tbsCertificate.signature` is the same.
    pub signature_algorithm: Vec<u8>,
    /// Who issued it.
    pub issuer: Name,
    /// Whom it names.
    pub subject: Name,
    /// First moment of validity.
    pub not_before: UnixTime,
    /// Last second of validity.
    pub not_after: UnixTime,
    /// SubjectPublicKeyInfo, DER.
    pub spki: Vec<u8>,
    /// The extensions in order.
    pub extensions: Vec<Extension>,
    /// The signature's octets.
    pub signature: Vec<u8>,
}

/// One extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Which.
    pub oid: ObjectIdentifier,
    /// Whether who does not understand it must refuse the certificate.
    pub critical: bool,
    /// The DER value inside the OCTET STRING.
    pub value: Vec<u8>,
}

/// keyUsage (RFC 5280 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(u32);

impl KeyUsage {
    /// digitalSignature
    pub fn digital_signature(self) -> bool {
        self.0 & 1 != 0
    }
    /// nonRepudiation, also called contentCommitment
    pub fn non_repudiation(self) -> bool {
        self.0 & 2 != 0
    }
    /// keyCertSign
    pub fn cert_sign(self) -> bool {
        self.0 & 32 != 0
    }
    /// cRLSign
    pub fn crl_sign(self) -> bool {
        self.0 & 64 != 0
    }
    /// All flags, bit n = flag n of the standard.
    pub fn flags(self) -> u32 {
        self.0
    }
}

/// What answers of the API say about a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Issuer DN in the certificate's own order.
    pub issuer: String,
    /// Subject DN in the certificate's own order.
    pub subject: String,
    /// The subject's last commonName.
    pub common_name: Option<String>,
    /// Serial number, lower hex without leading zero octet.
    pub serial: String,
    /// First moment of validity.
    pub not_before: UnixTime,
    /// Last second of validity.
    pub not_after: UnixTime,
}

impl Certificate {
    /// Reads a DER certificate. The outer frame must be DER; negative or overlong serial numbers and times before 1970 are
    /// read, since real certificates have them.
    ///
    /// # Errors
    /// When it is none, or two of its parts contradict each other (algorithm fields, repeated extensions).
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        if der.len() > MAX_SIZE {
            return Err(X509Error::NotAllowed { what: "certificate", reason: "larger than 256 KiB".into() });
        }
        let read = || {
            let mut outer = Value::parse(der, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
            let tbs = outer.expect(tag::SEQUENCE)?;
            let algorithm = outer.expect(tag::SEQUENCE)?;
            let signature = outer.any()?.bits()?;
            outer.end()?;
            Self::fields(der, tbs, algorithm.raw, signature)
        };
        let certificate: Self = read().map_err(X509Error::within("certificate"))?;
        certificate.check_repeats()?;
        Ok(certificate)
    }

    /// Reads a TBSCertificate before it is signed, for who must judge it. `signature` and `der` are empty.
    ///
    /// # Errors
    /// As [`Certificate::from_der`].
    pub fn from_tbs(tbs: &[u8]) -> Result<Self, X509Error> {
        if tbs.len() > MAX_SIZE {
            return Err(X509Error::NotAllowed {
                what: "TBSCertificate",
                reason: "larger than 256 KiB".into(),
            });
        }
        let read = || {
            let value = Value::parse(tbs, Rules::Der)?.typed(tag::SEQUENCE)?;
            let algorithm = tbs_algorithm(value)?;
            Self::fields(&[], value, algorithm, &[])
        };
        let certificate: Self = read().map_err(X509Error::within("TBSCertificate"))?;
        certificate.check_repeats()?;
        Ok(certificate)
    }

    fn check_repeats(&self) -> Result<(), X509Error> {
        let mut seen: Vec<_> = self.extensions.iter().map(|e| e.oid).collect();
        seen.sort();
        let before = seen.len();
        seen.dedup();
        if seen.len() == before {
            Ok(())
        } else {
            Err(X509Error::NotAllowed { what: "certificate", reason: "an extension stands twice".into() })
        }
    }

    fn fields(der: &[u8], tbs: Value<'_>, algorithm: &[u8], signature: &[u8]) -> Result<Self, Asn1Error> {
        let mut fields = tbs.children()?;
        let version = match fields.optional(tag::context(0))? {
            Some(explicit) => match explicit.only()?.unsigned()? {
                n @ 0..=2 => u8::try_from(n).unwrap_or(2) + 1,
                _ => return Err(Asn1Error::Content("version")),
            },
            None => 1,
        };
        let serial = fields.expect(tag::INTEGER)?.content;
        if serial.is_empty() || serial.len() > 64 {
            return Err(Asn1Error::Content("serialNumber"));
        }
        if fields.expect(tag::SEQUENCE)?.raw != algorithm {
            return Err(Asn1Error::Content("signature algorithm: inner and outer differ"));
        }
        let issuer = Name::from_value(fields.expect(tag::SEQUENCE)?)?;
        let mut validity = fields.expect(tag::SEQUENCE)?.children()?;
        let not_before = parse_time(validity.any()?)?;
        let not_after = parse_time(validity.any()?)?;
        validity.end()?;
        let subject = Name::from_value(fields.expect(tag::SEQUENCE)?)?;
        let spki = fields.expect(tag::SEQUENCE)?.raw;
        fields.optional(tag::context_primitive(1))?;
        fields.optional(tag::context_primitive(2))?;
        let extensions = match fields.optional(tag::context(3))? {
            Some(explicit) => extensions(explicit.only()?)?,
            None => Vec::new(),
        };
        fields.end()?;
        if version < 3 && !extensions.is_empty() {
            return Err(Asn1Error::Content("version: extensions need version 3"));
        }
        Ok(Self {
            der: der.to_vec(),
            tbs: tbs.raw.to_vec(),
            version,
            serial: serial.to_vec(),
            signature_algorithm: algorithm.to_vec(),
            issuer,
            subject,
            not_before,
            not_after,
            spki: spki.to_vec(),
            extensions,
            signature: signature.to_vec(),
        })
    }

    /// The whole encoding as it came.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The bytes that the issuer signed.
    pub fn tbs(&self) -> &[u8] {
        &self.tbs
    }

    /// An extension's value and criticality.
    pub fn extension(&self, oid: &ObjectIdentifier) -> Option<&Extension> {
        self.extensions.iter().find(|e| e.oid == *oid)
    }

    /// Whether issuer and subject are the same name; such a certificate usually signs itself.
    pub fn is_self_issued(&self) -> bool {
        self.issuer.der() == self.subject.der()
    }

    /// keyUsage; `None` when there is no such extension, and then nothing is restricted.
    ///
    /// # Errors
    /// When the extension is malformed.
    pub fn key_usage(&self) -> Result<Option<KeyUsage>, X509Error> {
        self.read(&ID_CE_KEY_USAGE, "keyUsage", |v| v.flags(tag::BIT_STRING).map(KeyUsage))
    }

    /// basicConstraints: `Some(pathLenConstraint)` for a CA, `None` for everybody else.
    ///
    /// # Errors
    /// When the extension is malformed.
    pub fn ca(&self) -> Result<Option<Option<u64>>, X509Error> {
        let found = self.read(&ID_CE_BASIC_CONSTRAINTS, "basicConstraints", |v| {
            let mut fields = v.typed(tag::SEQUENCE)?.children()?;
            let ca = fields.optional(tag::BOOLEAN)?.map(Value::boolean).transpose()?.unwrap_or(false);
            let length = fields.optional(tag::INTEGER)?.map(Value::unsigned).transpose()?;
            fields.end()?;
            Ok((ca, length))
        })?;
        Ok(found.filter(|(ca, _)| *ca).map(|(_, length)| length))
    }

    /// extendedKeyUsage with its criticality; `None` when there is no such extension.
    ///
    /// # Errors
    /// When the extension is malformed.
    pub fn extended_key_usage(&self) -> Result<Option<(bool, Vec<ObjectIdentifier>)>, X509Error> {
        let critical = self.extension(&ID_CE_EXT_KEY_USAGE).is_some_and(|e| e.critical);
        let usages = self.read(&ID_CE_EXT_KEY_USAGE, "extKeyUsage", |v| {
            let all = v.typed(tag::SEQUENCE)?.children()?.all(MAX_EXTENSIONS, "key purposes")?;
            known(all)
        })?;
        Ok(usages.map(|usages| (critical, usages)))
    }

    /// certificatePolicies, without their qualifiers; empty when there is no such extension.
    ///
    /// # Errors
    /// When the extension is malformed.
    pub fn policies(&self) -> Result<Vec<ObjectIdentifier>, X509Error> {
        let found = self.read(&ID_CE_CERTIFICATE_POLICIES, "certificatePolicies", |v| {
            let all = v.typed(tag::SEQUENCE)?.children()?.all(MAX_EXTENSIONS, "policies")?;
            let ids = all.into_iter().map(|p| p.typed(tag::SEQUENCE)?.children()?.any());
            known(ids.collect::<Result<Vec<_>, _>>()?)
        })?;
        Ok(found.unwrap_or_default())
    }

    /// subjectKeyIdentifier.
    ///
    /// # Errors
    /// When the extension is malformed.
    pub fn subject_key_identifier(&self) -> Result<Option<Vec<u8>>, X509Error> {
        self.read(&ID_CE_SUBJECT_KEY_IDENTIFIER, "subjectKeyIdentifier", |v| Ok(v.octets()?.into_owned()))
    }

    /// keyIdentifier of authorityKeyIdentifier.
    ///
    /// # Errors
    /// When the extension is malformed.
    pub fn authority_key_identifier(&self) -> Result<Option<Vec<u8>>, X509Error> {
        let found = self.read(&ID_CE_AUTHORITY_KEY_IDENTIFIER, "authorityKeyIdentifier", |v| {
            let mut fields = v.typed(tag::SEQUENCE)?.children()?;
            Ok(fields.optional(tag::context_primitive(0))?.map(|id| id.content.to_vec()))
        })?;
        Ok(found.flatten())
    }

    fn read<T>(
        &self,
        oid: &ObjectIdentifier,
        what: &'static str,
        parse: impl Fn(Value<'_>) -> Result<T, Asn1Error>,
    ) -> Result<Option<T>, X509Error> {
        let Some(extension) = self.extension(oid) else { return Ok(None) };
        Value::parse(&extension.value, Rules::Der).and_then(parse).map(Some).map_err(X509Error::within(what))
    }

    /// Serial number as lower hex: the magnitude without a leading zero octet, `-` before a negative one.
    pub fn serial_hex(&self) -> String {
        serial_hex(&self.serial)
    }

    /// SHA-256 of the whole certificate.
    pub fn fingerprint(&self) -> [u8; 32] {
        sha256(&self.der)
    }

    /// What the API's answers show.
    pub fn summary(&self) -> Summary {
        Summary {
            issuer: self.issuer.to_string(),
            subject: self.subject.to_string(),
            common_name: self.subject.common_name().map(str::to_owned),
            serial: self.serial_hex(),
            not_before: self.not_before,
            not_after: self.not_after,
        }
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    for (to, from) in out.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    out
}

/// Lower hex of an INTEGER's content octets; see [`Certificate::serial_hex`].
pub fn serial_hex(content: &[u8]) -> String {
    let mut bytes = content.to_vec();
    let mut text = String::new();
    if bytes.first().is_some_and(|b| b & 0x80 != 0) {
        text.push('-');
        let mut carry = true;
        for b in bytes.iter_mut().rev() {
            let (value, overflow) = (!*b).overflowing_add(u8::from(carry));
            *b = value;
            carry = overflow;
        }
    }
    let significant = bytes.iter().skip_while(|b| **b == 0).count();
    for b in bytes.iter().skip(bytes.len() - significant.max(1).min(bytes.len())) {
        text.push_str(&format!("{b:02x}"));
    }
    text
}

/// `tbsCertificate.signature`.
fn tbs_algorithm(tbs: Value<'_>) -> Result<&[u8], Asn1Error> {
    let mut fields: Reader<'_> = tbs.children()?;
    fields.optional(tag::context(0))?;
    fields.expect(tag::INTEGER)?;
    Ok(fields.expect(tag::SEQUENCE)?.raw)
}

/// Object identifiers, without those that cannot be any that somebody asks for.
fn known(values: Vec<Value<'_>>) -> Result<Vec<ObjectIdentifier>, Asn1Error> {
    let all = values.into_iter().map(Value::any_oid).collect::<Result<Vec<_>, _>>()?;
    Ok(all.iter().filter_map(crate::asn1::AnyOid::known).collect())
}

/// Extensions (RFC 5280 4.1.2.9). One with an identifier that `const-oid` cannot hold is left out if it is not critical, and refused if
/// it is.
pub(crate) fn extensions(value: Value<'_>) -> Result<Vec<Extension>, Asn1Error> {
    let mut all = Vec::new();
    for extension in value.typed(tag::SEQUENCE)?.children()?.all(MAX_EXTENSIONS, "extensions")? {
        let mut fields = extension.typed(tag::SEQUENCE)?.children()?;
        let oid = fields.any()?.any_oid()?.known();
        let critical = fields.optional(tag::BOOLEAN)?.map(Value::boolean).transpose()?.unwrap_or(false);
        let value = fields.any()?.octets()?.into_owned();
        fields.end()?;
        match oid {
            Some(oid) => all.push(Extension { oid, critical, value }),
            None if critical => return Err(Asn1Error::Content("object identifier of a critical extension")),
            None => {}
        }
    }
    Ok(all)
}
