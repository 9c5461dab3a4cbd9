//! Putting a SignedData together (RFC 5652 5.1) from a signature that somebody else made.

use super::{CmsError, oid};
use crate::x509::asn1::{self, Rules, Value, tag};
use crate::x509::{Certificate, SignatureAlgorithm};

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub enum Encapsulated<'a> {
    /// id-data that stands elsewhere, as in a PDF.
    Detached,
    /// id-data, carried along.
    Data(&'a [u8]),
    /// A TSTInfo (RFC 3161), DER.
    TstInfo(&'a [u8]),
}

/// A SignedData with one signer, all but the signature itself.
#[derive(Clone, Copy, Debug)]
pub struct SignedDataSpec<'a> {
    /// What is signed.
    pub content: Encapsulated<'a>,
    /// The signer's certificate.
    pub signer: &'a Certificate,
    /// Further certificates to carry, DER; one that repeats is carried once.
    pub chain: &'a [Vec<u8>],
    /// Whether certificates are carried at all; a time stamp asked for without certReq has none.
    pub with_certificates: bool,
    /// How the key signs.
    pub algorithm: SignatureAlgorithm,
    /// The SignedAttributes that are signed, from [`super::AttributesSpec::build`].
    pub signed_attributes: &'a [u8],
}

impl SignedDataSpec<'_> {
    /// ContentInfo, DER, with `signature` and, as unsigned attribute, a signature time stamp (TimeStampToken, DER).
    ///
    /// # Errors
    /// When the signed attributes are no DER SET.
    pub fn assemble(&self, signature: &[u8], timestamp: Option<&[u8]>) -> Result<Vec<u8>, CmsError> {
        let set = Value::parse(self.signed_attributes, Rules::Der)
            .and_then(|v| v.typed(tag::SET))
            .map_err(CmsError::within("SignedAttributes"))?;
        let digest = self.algorithm.digest_identifier();
        let sid =
            asn1::sequence(&[self.signer.issuer.der(), &asn1::tlv(tag::INTEGER, &[&self.signer.serial])]);
        let unsigned = match timestamp {
            Some(token) => asn1::context(1, &[&super::attribute(&oid::TIME_STAMP_TOKEN, token)]),
            None => Vec::new(),
        };
        let signer_info = asn1::sequence(&[
            &asn1::integer_u64(1),
            &sid,
            &digest,
            &asn1::context(0, &[set.content]),
            &self.algorithm.identifier(),
            &asn1::octet_string(signature),
            &unsigned,
        ]);
        let (version, content) = match self.content {
            Encapsulated::Detached => (1, asn1::sequence(&[&asn1::oid(&oid::DATA)])),
            Encapsulated::Data(bytes) => (1, encapsulated(&oid::DATA, bytes)),
            Encapsulated::TstInfo(bytes) => (3, encapsulated(&oid::TST_INFO, bytes)),
        };
        let signed_data = asn1::sequence(&[
            &asn1::integer_u64(version),
            &asn1::set(&[&digest]),
            &content,
            &self.certificates(),
            &asn1::set(&[&signer_info]),
        ]);
        Ok(asn1::sequence(&[&asn1::oid(&oid::SIGNED_DATA), &asn1::context(0, &[&signed_data])]))
    }

    /// The longest ContentInfo that [`SignedDataSpec::assemble`] can give, in octets, exactly: reached when the signature has
    /// its greatest length and the token `timestamp` octets.
    ///
    /// # Errors
    /// As `assemble`, and when the certificate's key does not fit the algorithm.
    pub fn longest(&self, timestamp: Option<usize>) -> Result<usize, CmsError> {
        let signature = vec![0; self.algorithm.longest_signature(&self.signer.spki)?];
        let token = timestamp.map(|n| vec![0; n]);
        Ok(self.assemble(&signature, token.as_deref())?.len())
    }

    /// CertificateSet in DER order, each certificate once.
    fn certificates(&self) -> Vec<u8> {
        if !self.with_certificates {
            return Vec::new();
        }
        let mut all: Vec<&[u8]> = self.chain.iter().map(Vec::as_slice).chain([self.signer.der()]).collect();
        all.sort_unstable();
        all.dedup();
        asn1::context(0, &all)
    }
}

fn encapsulated(oid: &const_oid::ObjectIdentifier, bytes: &[u8]) -> Vec<u8> {
    asn1::sequence(&[&asn1::oid(oid), &asn1::context(0, &[&asn1::octet_string(bytes)])])
}
