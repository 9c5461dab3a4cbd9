//! Reading SignedData (RFC 5652 5) as it is found in the wild: BER where real files have it, bounded everywhere, the bytes
//! that signatures cover kept as they were transmitted.

use super::{CmsError, oid};
use crate::x509::asn1::{Asn1Error, Reader, Rules, Value, tag};
use const_oid::ObjectIdentifier;

/// Bounds of what is read. Real signatures have a handful of each.
const MAX_CERTIFICATES: usize = 200;
const MAX_SIGNERS: usize = 16;
const MAX_ATTRIBUTES: usize = 64;
const MAX_VALUES: usize = 32;

/// id-ri-ocsp-response (RFC 5940)
const RI_OCSP_RESPONSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.16.2");

/// A SignedData, read but not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedData {
    /// eContentType.
    pub content_type: ObjectIdentifier,
    /// eContent, if it is carried along.
    pub content: Option<Vec<u8>>,
    /// The certificates, DER, in the order of the encoding; other kinds of CertificateChoices are left out.
    pub certificates: Vec<Vec<u8>>,
    /// CertificateLists, DER.
    pub crls: Vec<Vec<u8>>,
    /// OCSPResponses (RFC 5940), DER.
    pub ocsp_responses: Vec<Vec<u8>>,
    /// The signers.
    pub signers: Vec<SignerInfo>,
}

/// One signer (RFC 5652 5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignerInfo {
    /// Which certificate.
    pub signer: SignerId,
    /// digestAlgorithm, AlgorithmIdentifier as it came.
    pub digest_algorithm: Vec<u8>,
    /// signatureAlgorithm, AlgorithmIdentifier as it came.
    pub signature_algorithm: Vec<u8>,
    /// signedAttrs.
    pub signed: Option<SignedSet>,
    /// The signature's octets.
    pub signature: Vec<u8>,
    /// unsignedAttrs.
    pub unsigned: Vec<Attribute>,
}

/// SignerIdentifier (RFC 5652 5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignerId {
    /// issuerAndSerialNumber: Name as it came, serial number's content octets.
    IssuerSerial(Vec<u8>, Vec<u8>),
    /// subjectKeyIdentifier.
    KeyId(Vec<u8>),
}

/// Signed attributes with the bytes that the signature may cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedSet {
    /// As transmitted, under the SET tag with which RFC 5652 5.4 has them hashed.
    pub transmitted: Vec<u8>,
    /// The same in DER.
    pub der: Vec<u8>,
    /// The attributes.
    pub attributes: Vec<Attribute>,
}

/// An attribute: its type and the encodings of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Which.
    pub oid: ObjectIdentifier,
    /// The values, each as it came.
    pub values: Vec<Vec<u8>>,
}

impl SignedData {
    /// Reads a ContentInfo that holds a SignedData and fills `bytes` entirely.
    ///
    /// # Errors
    /// When it does not.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CmsError> {
        let (read, used) = Self::from_prefix(bytes)?;
        if used == bytes.len() {
            Ok(read)
        } else {
            Err(CmsError::Malformed { what: "SignedData", error: Asn1Error::Trailing })
        }
    }

    /// Reads a ContentInfo at the beginning of `bytes`, as `/Contents` of a PDF signature has it before its padding, and says how
    /// many octets it takes.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_prefix(bytes: &[u8]) -> Result<(Self, usize), CmsError> {
        let mut reader = Reader::new(bytes, Rules::Ber);
        let read = |reader: &mut Reader<'_>| {
            let mut info = reader.expect(tag::SEQUENCE)?.children()?;
            let kind = info.any()?.oid()?;
            if kind != oid::SIGNED_DATA && kind != oid::SM_SIGNED_DATA {
                return Err(Asn1Error::Content("content type: not SignedData"));
            }
            let signed_data = info.expect(tag::context(0))?.only()?;
            info.end()?;
            signed_data_fields(signed_data)
        };
        let read = read(&mut reader).map_err(CmsError::within("SignedData"))?;
        Ok((read, bytes.len() - reader.rest().len()))
    }
}

impl SignerInfo {
    /// The single value of a signed attribute; `None` when there is no such attribute.
    ///
    /// # Errors
    /// When it stands twice or does not have exactly one value (RFC 5652 11).
    pub fn signed_value(&self, oid: &ObjectIdentifier) -> Result<Option<&[u8]>, CmsError> {
        let attributes = self.signed.as_ref().map_or(&[][..], |set| &set.attributes);
        let mut found = attributes.iter().filter(|a| a.oid == *oid);
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(Attribute { values, .. }), None) if values.len() == 1 => {
                Ok(values.first().map(Vec::as_slice))
            }
            _ => Err(CmsError::NotAllowed(format!("signed attribute {oid} must stand once with one value"))),
        }
    }

    /// All values of an unsigned attribute.
    pub fn unsigned_values(&self, oid: &ObjectIdentifier) -> impl Iterator<Item = &[u8]> {
        self.unsigned.iter().filter(move |a| a.oid == *oid).flat_map(|a| a.values.iter().map(Vec::as_slice))
    }
}

fn signed_data_fields(value: Value<'_>) -> Result<SignedData, Asn1Error> {
    let mut fields = value.typed(tag::SEQUENCE)?.children()?;
    fields.expect(tag::INTEGER)?.unsigned()?;
    fields.expect(tag::SET)?.children()?.all(MAX_SIGNERS, "digest algorithms")?;
    let mut encapsulated = fields.expect(tag::SEQUENCE)?.children()?;
    let content_type = encapsulated.any()?.oid()?;
    let content = encapsulated.optional(tag::context(0))?.map(content).transpose()?;
    encapsulated.end()?;
    let mut certificates = Vec::new();
    if let Some(set) = fields.optional(tag::context(0))? {
        let all = set.children()?.all(MAX_CERTIFICATES, "certificates")?;
        certificates.extend(all.iter().filter(|v| v.tag == tag::SEQUENCE).map(|v| v.raw.to_vec()));
    }
    let (mut crls, mut ocsp_responses) = (Vec::new(), Vec::new());
    if let Some(set) = fields.optional(tag::context(1))? {
        for value in set.children()?.all(MAX_CERTIFICATES, "revocation data")? {
            if value.tag == tag::SEQUENCE {
                crls.push(value.raw.to_vec());
            } else if value.tag == tag::context(1) {
                let mut other = value.children()?;
                if other.any()?.oid()? == RI_OCSP_RESPONSE {
                    ocsp_responses.push(other.any()?.raw.to_vec());
                }
            }
        }
    }
    let signers = fields.expect(tag::SET)?.children()?.all(MAX_SIGNERS, "signers")?;
    fields.end()?;
    let signers = signers.into_iter().map(signer_info).collect::<Result<Vec<_>, _>>()?;
    Ok(SignedData { content_type, content, certificates, crls, ocsp_responses, signers })
}

/// eContent: an OCTET STRING, or, in PKCS#7 1.5 as Authenticode and old signers have it, any value whose content octets are signed.
fn content(explicit: Value<'_>) -> Result<Vec<u8>, Asn1Error> {
    let value = explicit.only()?;
    match value.octets() {
        Ok(octets) => Ok(octets.into_owned()),
        Err(_) => Ok(value.content.to_vec()),
    }
}

fn signer_info(value: Value<'_>) -> Result<SignerInfo, Asn1Error> {
    let mut fields = value.typed(tag::SEQUENCE)?.children()?;
    fields.expect(tag::INTEGER)?.unsigned()?;
    let sid = fields.any()?;
    let signer = if sid.tag == tag::SEQUENCE {
        let mut parts = sid.children()?;
        let issuer = parts.expect(tag::SEQUENCE)?.raw.to_vec();
        let serial = parts.expect(tag::INTEGER)?.content.to_vec();
        parts.end()?;
        SignerId::IssuerSerial(issuer, serial)
    } else {
        SignerId::KeyId(sid.octets_tagged(tag::context_primitive(0))?.into_owned())
    };
    let digest_algorithm = fields.expect(tag::SEQUENCE)?.raw.to_vec();
    let signed = fields.optional(tag::context(0))?.map(signed_set).transpose()?;
    let signature_algorithm = fields.expect(tag::SEQUENCE)?.raw.to_vec();
    let signature = fields.any()?.octets()?.into_owned();
    let unsigned = match fields.optional(tag::context(1))? {
        Some(set) => attributes(set)?,
        None => Vec::new(),
    };
    fields.end()?;
    Ok(SignerInfo { signer, digest_algorithm, signature_algorithm, signed, signature, unsigned })
}

fn signed_set(value: Value<'_>) -> Result<SignedSet, Asn1Error> {
    // First, since it bounds their number.
    let attributes = attributes(value)?;
    let mut transmitted = value.raw.to_vec();
    if let Some(first) = transmitted.first_mut() {
        *first = tag::SET;
    }
    let der = crate::x509::asn1::to_der(Value::parse(&transmitted, Rules::Ber)?)?;
    Ok(SignedSet { transmitted, der, attributes })
}

/// Attributes; those with an identifier that `const-oid` cannot hold mean nothing here and are left out.
fn attributes(set: Value<'_>) -> Result<Vec<Attribute>, Asn1Error> {
    let mut all = Vec::new();
    for attribute in set.children()?.all(MAX_ATTRIBUTES, "attributes")? {
        let mut fields = attribute.typed(tag::SEQUENCE)?.children()?;
        let oid = fields.any()?.any_oid()?.known();
        let values = fields.expect(tag::SET)?.children()?.all(MAX_VALUES, "attribute values")?;
        fields.end()?;
        all.extend(oid.map(|oid| Attribute { oid, values: values.iter().map(|v| v.raw.to_vec()).collect() }));
    }
    Ok(all)
}
