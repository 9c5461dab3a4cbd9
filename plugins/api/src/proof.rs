//! Proof of certificates' status, for signatures that outlive their authorities (ETSI EN 319 142-1 5.4).

use crate::{ChannelError, Cx, Der, UnixTime};

/// Something signed that says a certificate was not revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusProof {
    /// An OCSPResponse (RFC 6960).
    Ocsp(Der),
    /// A CertificateList (RFC 5280).
    Crl(Der),
}

/// How far one may go for a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// What the appliance's own CAs and folders have. For certificates out of files that strangers send: their addresses
    /// are not asked.
    Here,
    /// The addresses that the certificate names as well.
    Network,
}

/// Which certificate's status is asked for.
#[derive(Clone, Copy, Debug)]
pub struct StatusQuestion<'a> {
    /// The certificate, DER.
    pub certificate: &'a Der,
    /// Its issuer's, DER.
    pub issuer: &'a Der,
    /// thisUpdate must not lie before this moment; for a CA's certificate nextUpdate must not.
    pub not_before: UnixTime,
    /// Where to look.
    pub reach: Reach,
}

/// A proof and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The proof.
    pub proof: StatusProof,
    /// The address that it was fetched from, or the name of the list; for reports.
    pub from: String,
}

/// Where the status of certificates in files of strangers is looked up.
pub trait StatusLookup: Send + Sync {
    /// What somebody says about the certificate now; `None` when nobody is known who may be asked. The core checks the
    /// signature and what it says.
    ///
    /// # Errors
    /// When it was tried and failed, with the reasons.
    fn look_up(&self, cx: Cx, certificate: &Der, issuer: &Der) -> Result<Option<Statement>, ChannelError>;
}

/// Where proofs come from.
pub trait StatusProofs: Send + Sync {
    /// A proof about the certificate. The core checks its signature and what it says.
    ///
    /// # Errors
    /// [`ChannelError::Unavailable`] when none can be had now, with the reasons of all places that were asked.
    fn prove(&self, cx: Cx, question: &StatusQuestion<'_>) -> Result<StatusProof, ChannelError>;
}
