//! Trust anchors.

use der::{DecodePem, Encode};
use pkix_path::TrustAnchor;
use x509_cert::Certificate;

/// Why a certificate does not become a trust anchor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustStoreError {
    /// Not a certificate, or one with a name-constraints extension that cannot be read.
    #[error("not a usable certificate: {0}")]
    Malformed(String),
}

/// A trusted certificate: name, key and, if it carries any, name constraints count; its validity does not
/// (RFC 5280 6.1.1 (d)).
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub certificate: Certificate,
    pub anchor: TrustAnchor,
}

/// The certificates that trust begins at.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    anchors: Vec<Anchor>,
}

impl TrustStore {
    /// A store without anchors: nothing is trusted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one DER certificate. A certificate that is there already is not added twice.
    ///
    /// # Errors
    /// [`TrustStoreError::Malformed`].
    pub fn add_der(&mut self, der: &[u8]) -> Result<(), TrustStoreError> {
        let certificate = crate::x509::frame::decode::<Certificate>(der)
            .map_err(|e| TrustStoreError::Malformed(e.to_string()))?;
        self.add(certificate)
    }

    /// Adds every certificate of a PEM text and says how many there were.
    ///
    /// # Errors
    /// [`TrustStoreError::Malformed`] for the first block that is not a certificate; those before it are kept.
    pub fn add_pem(&mut self, pem: &str) -> Result<usize, TrustStoreError> {
        const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
        const END: &str = "-----END CERTIFICATE-----";
        let mut added = 0;
        for block in pem.split(BEGIN).skip(1) {
            let body = block.split(END).next().unwrap_or_default();
            let text = format!("{BEGIN}{body}{END}\n");
            let certificate = Certificate::from_pem(text.trim_start())
                .map_err(|e| TrustStoreError::Malformed(e.to_string()))?;
            self.add(certificate)?;
            added += 1;
        }
        Ok(added)
    }

    /// Number of anchors.
    pub fn len(&self) -> usize {
        self.anchors.len()
    }

    /// True when nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// The anchors' certificates, DER.
    pub fn certificates(&self) -> Vec<Vec<u8>> {
        self.anchors.iter().filter_map(|anchor| anchor.certificate.to_der().ok()).collect()
    }

    fn add(&mut self, certificate: Certificate) -> Result<(), TrustStoreError> {
        if self.anchors.iter().all(|a| a.certificate != certificate) {
            let anchor = TrustAnchor::try_from(certificate.clone())
                .map_err(|e| TrustStoreError::Malformed(e.to_string()))?;
            self.anchors.push(Anchor { certificate, anchor });
        }
        Ok(())
    }

    pub(super) fn insert(&mut self, anchor: Anchor) {
        self.anchors.push(anchor);
    }

    pub(super) fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }
}
