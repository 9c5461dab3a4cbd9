//! Certificates that are read as something a little different from what was signed.
//!
//! `x509-cert` counts time from 1970 on, and UTCTime begins in 1950 (RFC 5280 4.1.2.5.1); DSA keys may leave their parameters to
//! the issuer (6.1.4 (d)–(f)). Such a certificate is judged as one that says the same, and its signature over what was signed.

use super::Verifier;
use super::store::Anchor;
use crate::x509::Certificate as Read;
use crate::x509::frame;
use const_oid::ObjectIdentifier;
use der::Encode;
use spki::SubjectPublicKeyInfoOwned;
use std::borrow::Cow;
use x509_cert::Certificate;

const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
/// UTCTime, its length, and the first second that `x509-cert` can tell.
const EPOCH: &[u8; 15] = b"\x17\x0d700101000000Z";

/// A certificate that is judged in place of another one.
#[derive(Clone, Debug)]
pub struct StandIn {
    /// As it is read, DER.
    pub der: Vec<u8>,
    /// As it came, DER.
    pub original: Vec<u8>,
    tbs: Vec<u8>,
    original_tbs: Vec<u8>,
}

impl StandIn {
    /// The TBSCertificate that is read, and the one that was signed.
    pub(super) fn signed(&self) -> (&[u8], &[u8]) {
        (&self.tbs, &self.original_tbs)
    }
}

/// Reads a certificate for path validation; with a stand-in where its validity begins before 1970.
///
/// # Errors
/// When it is none.
pub fn read(der: &[u8]) -> Result<(Certificate, Option<StandIn>), der::Error> {
    let error = match frame::decode::<Certificate>(der) {
        Ok(certificate) => return Ok((certificate, None)),
        Err(error) => error,
    };
    let Some((rewritten, original)) = since_1970(der) else { return Err(error) };
    let certificate: Certificate = frame::decode(&rewritten)?;
    let stand_in = StandIn {
        tbs: certificate.tbs_certificate.to_der()?,
        der: rewritten,
        original_tbs: original.tbs().to_vec(),
        original: der.to_vec(),
    };
    Ok((certificate, Some(stand_in)))
}

/// The certificate with a validity that begins in 1970 in place of 1950 to 1969, and what it was.
fn since_1970(der: &[u8]) -> Option<(Vec<u8>, Read)> {
    let read = Read::from_der(der).ok().filter(|c| c.not_before.seconds() < 0)?;
    let not_before = crate::x509::x509_time(read.not_before).ok().filter(|t| t.len() == EPOCH.len())?;
    // Before it stand a serial number and names only: the first place that looks like it is it, or the result is no certificate
    // with that validity.
    let at = memchr::memmem::find(der, &not_before)?;
    let mut rewritten = der.to_vec();
    rewritten.get_mut(at..at + EPOCH.len())?.copy_from_slice(EPOCH);
    let again = Read::from_der(&rewritten).ok()?;
    let same = again.not_before.seconds() == 0
        && again.not_after == read.not_after
        && again.subject == read.subject
        && again.issuer == read.issuer
        && again.serial == read.serial;
    same.then_some((rewritten, read))
}

/// True for a DSA key that leaves its parameters to its certificate's issuer: it verifies nothing before they are known.
pub(super) fn inherits_parameters(certificate: &Certificate) -> bool {
    let key = &certificate.tbs_certificate.subject_public_key_info;
    key.algorithm.oid == DSA && key.algorithm.parameters.as_ref().is_none_or(|p| p.is_null())
}

/// The chain below the anchor, leaf first, with the parameters of DSA keys handed down (RFC 5280 6.1.4 (d)–(f)).
pub(super) fn with_parameters<'a>(
    chain: &'a [Certificate],
    anchor: &Anchor,
    verifier: &Verifier,
) -> Cow<'a, [Certificate]> {
    if !chain.iter().any(inherits_parameters) {
        return Cow::Borrowed(chain);
    }
    let mut chain = chain.to_vec();
    let mut above: SubjectPublicKeyInfoOwned =
        anchor.certificate.tbs_certificate.subject_public_key_info.clone();
    for certificate in chain.iter_mut().rev() {
        if inherits_parameters(certificate)
            && above.algorithm.oid == DSA
            && above.algorithm.parameters.is_some()
        {
            let signed = certificate.tbs_certificate.to_der();
            certificate
                .tbs_certificate
                .subject_public_key_info
                .algorithm
                .parameters
                .clone_from(&above.algorithm.parameters);
            if let (Ok(signed), Ok(read)) = (signed, certificate.tbs_certificate.to_der()) {
                verifier.stands_for(&read, &signed);
            }
        }
        above.clone_from(&certificate.tbs_certificate.subject_public_key_info);
    }
    Cow::Owned(chain)
}
