//! Verifying one signer of a SignedData (RFC 5652 5.6): content digest, signed attributes, the signature, and the binding to the
//! certificate. Whether that certificate is to be trusted is not asked here.

use super::ess::{self, Binding};
use super::read::{SignedData, SignerId, SignerInfo};
use super::{CmsError, oid};
use crate::x509::asn1::{Rules, Value, to_der};
use crate::x509::signature::{
    Digest, Hasher, Message, PublicKey, Scheme, SignatureError, Weakness, Work, verify,
};
use crate::x509::{Certificate, X509Error, parse_time};
use const_oid::ObjectIdentifier;
use hufu_api::UnixTime;

/// The signed content: what stands inside the SignedData, or outside of it.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// Pieces one after another, for example the two parts of a ByteRange.
    Pieces(&'a [&'a [u8]]),
    /// A digest that has been made before; only signers that use this hash can be verified.
    Digest(Digest, &'a [u8]),
}

impl Content<'_> {
    /// The content's digest.
    ///
    /// # Errors
    /// When only another digest is known.
    pub fn digest(&self, wanted: Digest) -> Result<Vec<u8>, SignatureError> {
        match self {
            Self::Pieces(pieces) => {
                let mut hasher = Hasher::new(wanted);
                pieces.iter().for_each(|piece| hasher.update(piece));
                Ok(hasher.finish())
            }
            Self::Digest(made, value) if *made == wanted => Ok(value.to_vec()),
            Self::Digest(..) => {
                Err(SignatureError::Unsupported(format!("no {wanted} of the content at hand")))
            }
        }
    }
}

/// Why a signer's signature is not good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// No certificate at hand is the signer's.
    #[error("the signer's certificate is not among those at hand")]
    NoCertificate,
    /// The signer's certificate cannot be read.
    #[error("the signer's certificate: {0}")]
    Certificate(X509Error),
    /// messageDigest is not the content's: the content was changed.
    #[error("the content's digest is not the signed one")]
    ContentChanged,
    /// The signature does not verify, or cannot be verified.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A signed attribute is missing, repeated, malformed or contradicts the rest.
    #[error("signed attributes: {0}")]
    Attributes(String),
    /// The ESS signing-certificate attribute names another certificate.
    #[error("the signed attributes name another signing certificate")]
    OtherCertificate,
}

impl From<CmsError> for SignerError {
    fn from(error: CmsError) -> Self {
        Self::Attributes(error.to_string())
    }
}

/// What is noteworthy about a signature that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Key or signature digest are weak.
    Weak(Weakness),
    /// Signed attributes are not DER; `reencoded` says whether the signature covers their DER form (as the standard has it) or the
    /// bytes as transmitted.
    AttributesNotDer {
        /// Which of the two verified.
        reencoded: bool,
    },
    /// There are no signed attributes: the signature covers the bare content.
    NoSignedAttributes,
    /// No ESS signing-certificate attribute binds the certificate (EN 319 122-1 5.2.2 requires one).
    CertificateNotBound,
    /// It is bound by SHA-1 or MD5 only.
    CertificateWeaklyBound(Digest),
    /// digestAlgorithm and the signature algorithm's own hash differ.
    DigestsDiffer(Digest, Digest),
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Weak(weakness) => weakness.fmt(f),
            Self::AttributesNotDer { reencoded: true } => {
                f.write_str("signed attributes are transmitted in BER")
            }
            Self::AttributesNotDer { reencoded: false } => {
                f.write_str("signed attributes are signed in BER, not in DER")
            }
            Self::NoSignedAttributes => f.write_str("no signed attributes"),
            Self::CertificateNotBound => f.write_str("no signing-certificate attribute"),
            Self::CertificateWeaklyBound(digest) => write!(f, "the signing certificate is bound by {digest}"),
            Self::DigestsDiffer(content, signature) => {
                write!(f, "the content is hashed with {content}, the attributes with {signature}")
            }
        }
    }
}

/// A signer whose signature verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSigner {
    /// The certificate whose key verified it.
    pub certificate: Certificate,
    /// How it was made.
    pub scheme: Scheme,
    /// signing-time, the signer's own claim.
    pub signing_time: Option<UnixTime>,
    /// What is noteworthy.
    pub findings: Vec<Finding>,
}

impl SignerInfo {
    /// The hash of the content, from digestAlgorithm.
    ///
    /// # Errors
    /// When it is unknown.
    pub fn digest(&self) -> Result<Digest, SignatureError> {
        Digest::from_identifier(&self.digest_algorithm)
    }

    /// Verifies this signature over `content`. The signer's certificate is looked for among `certificates` (DER): the SignedData's own
    /// and whatever else is at hand. What is tried is paid out of `work`.
    ///
    /// # Errors
    /// See [`SignerError`].
    pub fn verify(
        &self,
        content_type: ObjectIdentifier,
        content: Content<'_>,
        certificates: &[Vec<u8>],
        work: &Work,
    ) -> Result<VerifiedSigner, SignerError> {
        let candidates = self.candidates(certificates)?;
        let mut last = SignerError::NoCertificate;
        // More than one certificate can carry the same issuer and serial number; the one that is bound and verifies counts.
        for certificate in candidates {
            match self.verify_with(content_type, content, certificate, work) {
                Ok(verified) => return Ok(verified),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Verifies with a given certificate.
    fn verify_with(
        &self,
        content_type: ObjectIdentifier,
        content: Content<'_>,
        certificate: Certificate,
        work: &Work,
    ) -> Result<VerifiedSigner, SignerError> {
        let mut findings = Vec::new();
        let digest = self.digest()?;
        let scheme = Scheme::from_identifier(&self.signature_algorithm, Some(digest))?;
        let key = PublicKey::from_spki(&certificate.spki)?;
        if let Some(own) = scheme.digest().filter(|own| *own != digest) {
            findings.push(Finding::DigestsDiffer(digest, own));
        }
        let mut signing_time = None;
        let verified = match &self.signed {
            None => {
                findings.push(Finding::NoSignedAttributes);
                if content_type != oid::DATA && content_type != oid::SM_DATA {
                    return Err(SignerError::Attributes("must be present for this type of content".into()));
                }
                self.verify_bare(&key, scheme, content, work)?
            }
            Some(set) => {
                if self.message_digest()? != content.digest(digest)? {
                    return Err(SignerError::ContentChanged);
                }
                self.check_content_type(content_type)?;
                self.check_algorithm_protection()?;
                signing_time = self.signing_time()?;
                let over = |bytes: &[u8]| {
                    work.take(&key, bytes.len())?;
                    verify(&key, scheme, Message::Bytes(bytes), &self.signature)
                };
                if set.transmitted == set.der {
                    over(&set.der)?
                } else if let Ok(verified) = over(&set.der) {
                    findings.push(Finding::AttributesNotDer { reencoded: true });
                    verified
                } else {
                    findings.push(Finding::AttributesNotDer { reencoded: false });
                    over(&set.transmitted)?
                }
            }
        };
        match ess::binding(self, &certificate)? {
            Binding::Bound(digest) if digest.is_broken() => {
                findings.push(Finding::CertificateWeaklyBound(digest));
            }
            Binding::Bound(_) => {}
            Binding::Absent => findings.push(Finding::CertificateNotBound),
            Binding::Other => return Err(SignerError::OtherCertificate),
        }
        findings.extend(verified.weaknesses.into_iter().map(Finding::Weak));
        if digest.is_broken() && scheme.digest() != Some(digest) {
            findings.push(Finding::Weak(Weakness::Digest(digest)));
        }
        Ok(VerifiedSigner { certificate, scheme, signing_time, findings })
    }

    fn verify_bare(
        &self,
        key: &PublicKey,
        scheme: Scheme,
        content: Content<'_>,
        work: &Work,
    ) -> Result<crate::x509::signature::Verified, SignerError> {
        let octets = match content {
            Content::Pieces(pieces) => pieces.iter().map(|piece| piece.len()).sum(),
            Content::Digest(..) => 0,
        };
        work.take(key, octets)?;
        let verified = match (scheme, content) {
            (Scheme::Ed25519 | Scheme::Sm2WithSm3, Content::Pieces(pieces)) => {
                verify(key, scheme, Message::Bytes(&pieces.concat()), &self.signature)
            }
            (_, content) => {
                let digest = scheme.digest().unwrap_or(self.digest()?);
                verify(key, scheme, Message::Digest(&content.digest(digest)?), &self.signature)
            }
        };
        verified.map_err(Into::into)
    }

    fn message_digest(&self) -> Result<Vec<u8>, SignerError> {
        let value = self.signed_value(&oid::MESSAGE_DIGEST)?;
        let value = value.ok_or_else(|| SignerError::Attributes("messageDigest is missing".into()))?;
        let octets = Value::parse(value, Rules::Ber).and_then(|v| v.octets().map(|o| o.into_owned()));
        octets.map_err(|e| SignerError::Attributes(format!("messageDigest: {e}")))
    }

    fn check_content_type(&self, content_type: ObjectIdentifier) -> Result<(), SignerError> {
        let value = self.signed_value(&oid::CONTENT_TYPE)?;
        let value = value.ok_or_else(|| SignerError::Attributes("contentType is missing".into()))?;
        match Value::parse(value, Rules::Ber).and_then(Value::oid) {
            Ok(found) if found == content_type => Ok(()),
            Ok(found) => Err(SignerError::Attributes(format!(
                "contentType {found}, but the content is {content_type}"
            ))),
            Err(error) => Err(SignerError::Attributes(format!("contentType: {error}"))),
        }
    }

    /// signing-time, when it is there and legible.
    fn signing_time(&self) -> Result<Option<UnixTime>, SignerError> {
        let Some(value) = self.signed_value(&oid::SIGNING_TIME)? else { return Ok(None) };
        Ok(Value::parse(value, Rules::Ber).and_then(parse_time).ok())
    }

    /// CMSAlgorithmProtection (RFC 6211), when it is there, must repeat the algorithms of the SignerInfo.
    fn check_algorithm_protection(&self) -> Result<(), SignerError> {
        let Some(value) = self.signed_value(&oid::ALGORITHM_PROTECTION)? else { return Ok(()) };
        let read = || {
            let mut fields = Value::parse(value, Rules::Ber)?.children()?;
            let digest = to_der(fields.any()?)?;
            let signature = fields.optional(crate::x509::asn1::tag::context(1))?.map(to_der).transpose()?;
            Ok((digest, signature))
        };
        let malformed =
            |e: crate::x509::asn1::Asn1Error| SignerError::Attributes(format!("CMSAlgorithmProtection: {e}"));
        let (digest, signature) = read().map_err(malformed)?;
        let own = |der: &[u8]| Value::parse(der, Rules::Ber).and_then(to_der).map_err(malformed);
        let mut own_signature = own(&self.signature_algorithm)?;
        if let Some(first) = own_signature.first_mut() {
            *first = crate::x509::asn1::tag::context(1);
        }
        if digest != own(&self.digest_algorithm)? || signature.is_some_and(|s| s != own_signature) {
            return Err(SignerError::Attributes("the algorithms are not the protected ones".into()));
        }
        Ok(())
    }

    /// Readable certificates that the signer identifier fits, those that ESS binds first.
    fn candidates(&self, certificates: &[Vec<u8>]) -> Result<Vec<Certificate>, SignerError> {
        let mut found = Vec::new();
        let mut unreadable = None;
        let mark = self.signer.mark();
        for der in certificates.iter().filter(|der| memchr::memmem::find(der, mark).is_some()) {
            match Certificate::from_der(der) {
                Ok(certificate) if self.signer.fits(&certificate) => found.push(certificate),
                Ok(_) => {}
                Err(error) => unreadable = Some(error),
            }
        }
        found.dedup();
        if found.is_empty() {
            return Err(unreadable.map_or(SignerError::NoCertificate, SignerError::Certificate));
        }
        found.sort_by_cached_key(|c| !matches!(ess::binding(self, c), Ok(Binding::Bound(_))));
        found.truncate(4);
        Ok(found)
    }
}

impl SignerId {
    /// Octets that stand in the certificate that it identifies.
    fn mark(&self) -> &[u8] {
        match self {
            Self::IssuerSerial(_, serial) => {
                let at = serial.iter().position(|&b| b != 0).unwrap_or(0);
                serial.get(at..).unwrap_or_default()
            }
            Self::KeyId(id) => id,
        }
    }

    /// Whether this identifies the certificate.
    pub fn fits(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerSerial(issuer, serial) => {
                let significant =
                    |bytes: &[u8]| bytes.iter().skip_while(|b| **b == 0).copied().collect::<Vec<u8>>();
                significant(serial) == significant(&certificate.serial) && same_name(issuer, certificate)
            }
            Self::KeyId(id) => certificate.subject_key_identifier().ok().flatten().as_ref() == Some(id),
        }
    }
}

/// Some signers write the issuer's name anew with other string types; then the texts decide.
fn same_name(issuer: &[u8], certificate: &Certificate) -> bool {
    issuer == certificate.issuer.der()
        || crate::x509::Name::from_der(issuer)
            .is_ok_and(|name| name.attributes().eq(certificate.issuer.attributes()))
}

impl SignedData {
    /// Verifies the only signer; `detached` is the content when the SignedData does not carry it. `more` are certificates
    /// beside its own.
    ///
    /// # Errors
    /// See [`SignerError`]; also when there is not exactly one signer, or no content.
    pub fn verify_single(
        &self,
        detached: Option<Content<'_>>,
        more: &[Vec<u8>],
    ) -> Result<VerifiedSigner, SignerError> {
        self.verify_single_within(detached, more, &Work::new(u32::MAX))
    }

    /// The same, paid out of `work`: for what strangers made.
    ///
    /// # Errors
    /// As [`Self::verify_single`].
    pub fn verify_single_within(
        &self,
        detached: Option<Content<'_>>,
        more: &[Vec<u8>],
        work: &Work,
    ) -> Result<VerifiedSigner, SignerError> {
        let [signer] = self.signers.as_slice() else {
            return Err(SignerError::Attributes(format!(
                "{} signers where one is expected",
                self.signers.len()
            )));
        };
        let mut certificates = self.certificates.clone();
        certificates.extend_from_slice(more);
        match (&self.content, detached) {
            (Some(inside), None) => {
                signer.verify(self.content_type, Content::Pieces(&[inside]), &certificates, work)
            }
            (None, Some(outside)) => signer.verify(self.content_type, outside, &certificates, work),
            (Some(_), Some(_)) => Err(SignerError::Attributes("content stands inside and outside".into())),
            (None, None) => Err(SignerError::Attributes("there is no content".into())),
        }
    }
}
