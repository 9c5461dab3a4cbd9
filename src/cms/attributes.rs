//! SignedAttributes (RFC 5652 5.3): what a CMS signature really signs.

use super::{CmsError, oid};
use crate::x509::asn1::{self, Rules, Value, tag};
use crate::x509::{Certificate, SignatureAlgorithm, x509_time};
use const_oid::ObjectIdentifier;
use hufu_api::UnixTime;

const MAX_SIZE: usize = 64 * 1024;
const MAX_ATTRIBUTES: usize = 64;

/// What the SignedAttributes of one signature shall say.
#[derive(Clone, Copy, Debug)]
pub struct AttributesSpec<'a> {
    /// Type of the signed content: [`oid::DATA`] or [`oid::TST_INFO`].
    pub content_type: ObjectIdentifier,
    /// The content's digest under `algorithm`'s hash.
    pub message_digest: &'a [u8],
    /// How the key will sign.
    pub algorithm: SignatureAlgorithm,
    /// The signer's certificate, which ESS signing-certificate-v2 (RFC 5035) binds by its SHA-256.
    pub certificate: &'a [u8],
    /// signing-time; PAdES baseline has none, since /M says it (EN 319 142-1 6.3).
    pub signing_time: Option<UnixTime>,
    /// Whether to add CMSAlgorithmProtection (RFC 6211), which binds the algorithms against substitution (RFC 8933).
    pub algorithm_protection: bool,
    /// Further attributes, DER `Attribute` each; see [`attribute`].
    pub others: &'a [Vec<u8>],
}

impl AttributesSpec<'_> {
    /// The SignedAttributes as DER `SET OF Attribute`: exactly the bytes that are hashed and signed (RFC 5652 5.4).
    ///
    /// # Errors
    /// When the digest's length does not fit the algorithm or an attribute would stand twice.
    pub fn build(&self) -> Result<Vec<u8>, CmsError> {
        if self.message_digest.len() != self.algorithm.digest(&[]).len() {
            return Err(CmsError::NotAllowed("message digest of the wrong length".into()));
        }
        let digest = SignatureAlgorithm::EcdsaSha256.digest(self.certificate);
        // ESSCertIDv2: SHA-256 is the default and therefore absent in DER; issuerSerial adds nothing to the hash.
        let cert_id = asn1::sequence(&[&asn1::octet_string(&digest)]);
        let signing_certificate = asn1::sequence(&[&asn1::sequence(&[&cert_id])]);
        let mut all = vec![
            attribute(&oid::CONTENT_TYPE, &asn1::oid(&self.content_type)),
            attribute(&oid::MESSAGE_DIGEST, &asn1::octet_string(self.message_digest)),
            attribute(&oid::SIGNING_CERTIFICATE_V2, &signing_certificate),
        ];
        if let Some(at) = self.signing_time {
            all.push(attribute(&oid::SIGNING_TIME, &x509_time(at)?));
        }
        if self.algorithm_protection {
            let signature = self.algorithm.identifier();
            let inner =
                Value::parse(&signature, Rules::Der).map_err(CmsError::within("AlgorithmIdentifier"))?;
            let protection =
                asn1::sequence(&[&self.algorithm.digest_identifier(), &asn1::context(1, &[inner.content])]);
            all.push(attribute(&oid::ALGORITHM_PROTECTION, &protection));
        }
        all.extend(self.others.iter().cloned());
        let set = asn1::set_of(&all);
        SignedAttributes::from_der(&set)?;
        Ok(set)
    }
}

/// `Attribute { type, SET { value } }`, DER.
pub fn attribute(oid: &ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    asn1::sequence(&[&asn1::oid(oid), &asn1::set(&[value])])
}

/// SignedAttributes read strictly: DER, sorted, each type once. For who must judge what a key is asked to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedAttributes {
    /// contentType
    pub content_type: ObjectIdentifier,
    /// messageDigest
    pub message_digest: Vec<u8>,
    /// SHA-256 of the signer's certificate, when signing-certificate-v2 says so.
    pub certificate_sha256: Option<Vec<u8>>,
    /// All attribute types in the set.
    pub types: Vec<ObjectIdentifier>,
}

impl SignedAttributes {
    /// Reads a DER `SET OF Attribute`.
    ///
    /// # Errors
    /// When it is none, is not in DER order, repeats a type, or lacks contentType or messageDigest.
    pub fn from_der(der: &[u8]) -> Result<Self, CmsError> {
        if der.len() > MAX_SIZE {
            return Err(CmsError::NotAllowed("SignedAttributes larger than 64 KiB".into()));
        }
        let read = || {
            let all = Value::parse(der, Rules::Der)?
                .typed(tag::SET)?
                .children()?
                .all(MAX_ATTRIBUTES, "attributes")?;
            let mut pairs = Vec::new();
            for attribute in &all {
                let mut fields = attribute.typed(tag::SEQUENCE)?.children()?;
                let oid = fields.any()?.oid()?;
                let values = fields.expect(tag::SET)?;
                fields.end()?;
                pairs.push((oid, values));
            }
            let raws: Vec<&[u8]> = all.iter().map(|v| v.raw).collect();
            let one = |wanted| match pairs.iter().find(|(oid, _)| *oid == wanted) {
                Some((_, values)) => values.only().map(Some),
                None => Ok(None),
            };
            let content_type = one(oid::CONTENT_TYPE)?.map(Value::oid).transpose()?;
            let message_digest =
                one(oid::MESSAGE_DIGEST)?.map(|v| v.octets().map(|o| o.into_owned())).transpose()?;
            let certificate_sha256 =
                one(oid::SIGNING_CERTIFICATE_V2)?.map(first_sha256).transpose()?.flatten();
            let types: Vec<ObjectIdentifier> = pairs.iter().map(|(oid, _)| *oid).collect();
            Ok((raws.is_sorted(), content_type, message_digest, certificate_sha256, types))
        };
        let (sorted, content_type, message_digest, certificate_sha256, types) =
            read().map_err(CmsError::within("SignedAttributes"))?;
        if !sorted {
            return Err(CmsError::NotAllowed("SignedAttributes not in DER order".into()));
        }
        let mut unique = types.clone();
        unique.sort();
        unique.dedup();
        if unique.len() != types.len() {
            return Err(CmsError::NotAllowed("an attribute stands twice".into()));
        }
        match (content_type, message_digest) {
            (Some(content_type), Some(message_digest)) => {
                Ok(Self { content_type, message_digest, certificate_sha256, types })
            }
            _ => Err(CmsError::NotAllowed("contentType and messageDigest must be present".into())),
        }
    }

    /// Whether signing-certificate-v2 names this certificate.
    pub fn binds(&self, certificate: &Certificate) -> bool {
        self.certificate_sha256.as_deref() == Some(&certificate.fingerprint()[..])
    }
}

/// certHash of the first ESSCertIDv2, when its hash is SHA-256 by default.
fn first_sha256(value: Value<'_>) -> Result<Option<Vec<u8>>, asn1::Asn1Error> {
    let mut ids = value.typed(tag::SEQUENCE)?.children()?.expect(tag::SEQUENCE)?.children()?;
    let mut first = ids.expect(tag::SEQUENCE)?.children()?;
    if first.optional(tag::SEQUENCE)?.is_some() {
        return Ok(None);
    }
    Ok(Some(first.any()?.octets()?.into_owned()))
}
