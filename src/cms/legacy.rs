//! Signature formats of PDF files from before PAdES (ISO 32000-1 12.8.3), verified but never made.

use super::verify::{Content, SignerError, VerifiedSigner};
use super::{Finding, SignedData};
use crate::x509::Certificate;
use crate::x509::asn1::{Reader, Rules};
use crate::x509::signature::{Digest, Message, PublicKey, Scheme, SignatureError, Verified, Work, verify};

/// adbe.pkcs7.sha1: a SignedData that encapsulates the SHA-1 digest of the ByteRange.
///
/// # Errors
/// See [`SignerError`]; [`SignerError::ContentChanged`] when the encapsulated digest is not the document's.
pub fn verify_pkcs7_sha1(
    signed_data: &SignedData,
    document: Content<'_>,
    work: &Work,
) -> Result<VerifiedSigner, SignerError> {
    match &signed_data.content {
        Some(inside) if *inside == document.digest(Digest::Sha1)? => {}
        Some(_) => return Err(SignerError::ContentChanged),
        None => return Err(SignerError::Attributes("the encapsulated digest is missing".into())),
    }
    let mut verified = signed_data.verify_single_within(None, &[], work)?;
    let sha1 = Finding::Weak(crate::x509::signature::Weakness::Digest(Digest::Sha1));
    if !verified.findings.contains(&sha1) {
        verified.findings.push(sha1);
    }
    Ok(verified)
}

/// adbe.x509.rsa_sha1: `contents` begins with an OCTET STRING that holds a PKCS#1 signature over the ByteRange; the certificate stands in
/// `/Cert`. Despite the name, ISO 32000-1 table 257 also allows SHA-2; DigestInfo says which, so each is tried.
///
/// # Errors
/// When it does not verify, or the key is not RSA.
pub fn verify_x509_rsa(
    contents: &[u8],
    certificate: &Certificate,
    document: Content<'_>,
    work: &Work,
) -> Result<Verified, SignatureError> {
    let signature = Reader::new(contents, Rules::Ber)
        .any()
        .and_then(|v| v.octets().map(|o| o.into_owned()))
        .map_err(|_| SignatureError::Invalid)?;
    let key = PublicKey::from_spki(&certificate.spki)?;
    let mut outcome = Err(SignatureError::Invalid);
    for digest in [Digest::Sha1, Digest::Sha256, Digest::Sha384, Digest::Sha512] {
        work.take(&key, 0)?;
        let hash = document.digest(digest)?;
        outcome = verify(&key, Scheme::RsaPkcs1(digest), Message::Digest(&hash), &signature);
        if !matches!(outcome, Err(SignatureError::Invalid)) {
            break;
        }
    }
    outcome
}
