//! The capability that `ca-local` is lent: its CA key, through the log and the token worker.

use super::{AuditedKey, AuditedKeyError, Identity};
use crate::audit::{Act, AuditLog, Facts};
use crate::keys::{KeyError, Keys, ToBeSigned};
use crate::x509::{SignatureAlgorithm, X509Error};
use hufu_api::{Cx, Der, IssuerKey, IssuerKeyError};
use std::sync::Arc;

/// One CA key, every use of it on record.
pub struct AuditedIssuer {
    key: AuditedKey,
    certificate: Der,
    issuers: Vec<Der>,
    algorithm: Der,
    label: String,
}

impl AuditedIssuer {
    /// Lends the CA key of `identity`.
    ///
    /// # Errors
    /// When the key is of no type that certificates are signed with.
    pub fn new(keys: Arc<dyn Keys>, log: Arc<dyn AuditLog>, identity: &Identity) -> Result<Self, X509Error> {
        Ok(Self {
            algorithm: Der(SignatureAlgorithm::for_key(&identity.key.spki.0)?.identifier()),
            key: AuditedKey::new(keys, log, identity.key.clone()),
            certificate: identity.certificate.clone(),
            issuers: identity.issuers.clone(),
            label: identity.label.clone(),
        })
    }

    fn sign(&self, cx: Cx, act: Act, what: &ToBeSigned) -> Result<Vec<u8>, IssuerKeyError> {
        let mut facts = Facts::new();
        facts.insert("issuer".into(), self.label.clone().into());
        match self.key.sign(cx, act, facts, what) {
            Ok((signature, _)) => Ok(signature),
            Err(AuditedKeyError::Key(KeyError::Refused(reason))) => Err(IssuerKeyError::Refused(reason)),
            Err(error) => Err(IssuerKeyError::Unavailable(error.to_string())),
        }
    }
}

impl IssuerKey for AuditedIssuer {
    fn certificate(&self) -> &Der {
        &self.certificate
    }

    fn issuers(&self) -> &[Der] {
        &self.issuers
    }

    fn signature_algorithm(&self) -> &Der {
        &self.algorithm
    }

    fn sign_certificate(&self, cx: Cx, tbs: &[u8]) -> Result<Vec<u8>, IssuerKeyError> {
        self.sign(cx, Act::IssueCertificate, &ToBeSigned::TbsCertificate(tbs.to_vec()))
    }

    fn sign_crl(&self, cx: Cx, tbs: &[u8]) -> Result<Vec<u8>, IssuerKeyError> {
        self.sign(cx, Act::IssueCrl, &ToBeSigned::TbsCertList(tbs.to_vec()))
    }
}
