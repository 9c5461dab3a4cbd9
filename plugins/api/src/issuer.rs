//! The capability that `ca-local` is lent for its own CA key.

use crate::{Cx, Der};

/// Why the CA key did not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerKeyError {
    /// The worker checked the structure against the profile or the log's receipt and said no.
    #[error("refused: {0}")]
    Refused(String),
    /// The token, its worker or the audit log is not there now.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// Use of one CA key in the token. Every call is recorded in the audit log before the key signs; the worker
/// takes whole structures and checks them, so a holder of this capability cannot have arbitrary bytes signed.
pub trait IssuerKey: Send + Sync {
    /// The CA's own certificate, DER.
    fn certificate(&self) -> &Der;

    /// The certificates above it, nearest first, trust anchor last.
    fn issuers(&self) -> &[Der];

    /// AlgorithmIdentifier (DER) of the signatures that this key makes; goes into `TBSCertificate.signature`.
    fn signature_algorithm(&self) -> &Der;

    /// Signs a TBSCertificate (RFC 5280 4.1.2) and returns the BIT STRING's bytes.
    ///
    /// # Errors
    /// See [`IssuerKeyError`].
    fn sign_certificate(&self, cx: Cx, tbs: &[u8]) -> Result<Vec<u8>, IssuerKeyError>;

    /// Signs a TBSCertList (RFC 5280 5.1.2) and returns the BIT STRING's bytes.
    ///
    /// # Errors
    /// See [`IssuerKeyError`].
    fn sign_crl(&self, cx: Cx, tbs: &[u8]) -> Result<Vec<u8>, IssuerKeyError>;
}
