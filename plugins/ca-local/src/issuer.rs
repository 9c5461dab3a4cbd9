//! One CA key with what its certificate says.

use hufu_api::{Der, IssuerKey};
use hufu_x509::{Certificate, Issuer, SignatureAlgorithm, X509Error, signature::verify_signed};
use parking_lot::Mutex;
use std::sync::Arc;

/// One CA key that this channel has been lent.
pub(crate) struct LocalIssuer {
    pub(crate) label: String,
    pub(crate) key: Arc<dyn IssuerKey>,
    pub(crate) certificate: Certificate,
    key_identifier: Vec<u8>,
    /// Held while a revocation list is made.
    pub(crate) lists: Mutex<()>,
}

impl LocalIssuer {
    pub(crate) fn new(label: String, key: Arc<dyn IssuerKey>) -> Result<Self, X509Error> {
        let certificate = Certificate::from_der(&key.certificate().0)?;
        let not_allowed =
            |reason: &str| X509Error::NotAllowed { what: "CA certificate", reason: reason.into() };
        if certificate.ca()?.is_none() {
            return Err(not_allowed("basicConstraints does not say that it is a CA"));
        }
        if !certificate.key_usage()?.is_some_and(|u| u.cert_sign() && u.crl_sign()) {
            return Err(not_allowed("keyUsage lacks keyCertSign or cRLSign"));
        }
        if SignatureAlgorithm::for_key(&certificate.spki)?.identifier() != key.signature_algorithm().0 {
            return Err(not_allowed("the key in the token is of another type than the certificate's"));
        }
        let key_identifier = certificate.issuing_key_identifier()?;
        Ok(Self { label, key, certificate, key_identifier, lists: Mutex::default() })
    }

    /// What certificates and lists say of their issuer.
    pub(crate) fn name(&self) -> Issuer<'_> {
        Issuer::new(self.certificate.subject.der(), &self.key_identifier)
    }

    /// Whether `certificate` says that this CA issued it.
    pub(crate) fn issued(&self, certificate: &Certificate) -> bool {
        let named = certificate.issuer.der() == self.certificate.subject.der();
        named
            && certificate.authority_key_identifier().ok().flatten().as_deref() == Some(&self.key_identifier)
    }

    /// Whether this CA's key signed `certificate`.
    pub(crate) fn signed(&self, certificate: &Certificate) -> bool {
        let (algorithm, signature) = (&certificate.signature_algorithm, &certificate.signature);
        verify_signed(&self.certificate.spki, algorithm, certificate.tbs(), signature).is_ok()
    }

    /// The CA's own certificate and those above it, trust anchor last.
    pub(crate) fn chain(&self) -> Vec<Der> {
        std::iter::once(self.key.certificate()).chain(self.key.issuers()).cloned().collect()
    }
}
