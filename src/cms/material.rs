//! What a long-term signature must carry (PAdES B-LT, EN 319 142-1 5.4): the certificates and revocation data with which signer, time
//! stamps and responders can be validated when their authorities are gone.

use super::{CmsError, SignedData, oid};
use crate::tsp::Token;
use crate::x509::ocsp::{OcspRead, OcspStatus};
use crate::x509::signature::verify_signed;
use crate::x509::{Certificate, CrlRead};
use const_oid::db::rfc6960::ID_PKIX_OCSP_NOCHECK;
use hufu_api::UnixTime;
use std::collections::{BTreeSet, VecDeque};

/// Certificates that one signature may lead to; real chains have 2 to 5.
const MAX_CERTIFICATES: usize = 40;

/// What is at hand, DER each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Material {
    /// Certificates, trust anchors among them.
    pub certificates: Vec<Vec<u8>>,
    /// CertificateLists.
    pub crls: Vec<Vec<u8>>,
    /// OCSPResponses.
    pub ocsp_responses: Vec<Vec<u8>>,
}

/// What a signature needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needed {
    /// For the DSS: each once, in the order found.
    pub material: Material,
    /// What is needed and was not at hand; empty when the signature can be validated for good.
    pub missing: Vec<Missing>,
}

/// A gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The issuer of this certificate (its DN in the certificate's order).
    Issuer(String),
    /// Revocation data about this certificate; fetch it and ask again.
    Revocation(Box<Certificate>),
    /// It has been revoked: no long-term signature can be made.
    Revoked(Box<Certificate>),
}

/// Collects what the signature `cms` (ContentInfo; may be a time-stamp token) needs out of `pool`. Revocation data about end
/// entities must not be older than `since`, the time of the signature time stamp (EN 319 142-1 5.4.2.2: otherwise it says nothing about
/// the moment of signing).
///
/// # Errors
/// When `cms` or a time stamp in it cannot be read.
pub fn needed(cms: &[u8], pool: &Material, since: UnixTime) -> Result<Needed, CmsError> {
    let (signed_data, _) = SignedData::from_prefix(cms)?;
    let mut collector = Collector::new(pool);
    collector.take_signers(&signed_data);
    for token in signed_data.signers.iter().flat_map(|s| s.unsigned_values(&oid::TIME_STAMP_TOKEN)) {
        let token = Token::from_bytes(token).map_err(|e| CmsError::NotAllowed(e.to_string()))?;
        collector.take_signers(&token.signed_data);
    }
    Ok(collector.run(since))
}

struct Collector {
    certificates: Vec<Certificate>,
    crls: Vec<(Vec<u8>, CrlRead)>,
    responses: Vec<(Vec<u8>, OcspRead)>,
    open: VecDeque<Certificate>,
    seen: BTreeSet<[u8; 32]>,
    needed: Needed,
}

impl Collector {
    /// What cannot be read in the pool is no help and left out.
    fn new(pool: &Material) -> Self {
        Self {
            certificates: pool
                .certificates
                .iter()
                .filter_map(|der| Certificate::from_der(der).ok())
                .collect(),
            crls: pool
                .crls
                .iter()
                .filter_map(|der| Some((der.clone(), CrlRead::from_der(der).ok()?)))
                .collect(),
            responses: pool
                .ocsp_responses
                .iter()
                .filter_map(|der| Some((der.clone(), OcspRead::from_der(der).ok()?)))
                .collect(),
            open: VecDeque::new(),
            seen: BTreeSet::new(),
            needed: Needed::default(),
        }
    }

    fn take_signers(&mut self, signed_data: &SignedData) {
        let own = signed_data.certificates.iter().filter_map(|der| Certificate::from_der(der).ok());
        self.certificates.extend(own);
        for signer in &signed_data.signers {
            match self.certificates.iter().find(|c| signer.signer.fits(c)).cloned() {
                Some(certificate) => self.open.push_back(certificate),
                None => self.needed.missing.push(Missing::Issuer("the signer's certificate".into())),
            }
        }
    }

    fn run(mut self, since: UnixTime) -> Needed {
        while let Some(certificate) = self.open.pop_front() {
            if self.seen.len() >= MAX_CERTIFICATES || !self.seen.insert(certificate.fingerprint()) {
                continue;
            }
            push(&mut self.needed.material.certificates, certificate.der());
            if is_signed_by(&certificate, &certificate) {
                continue;
            }
            let Some(issuer) = self.certificates.iter().find(|c| is_signed_by(&certificate, c)).cloned()
            else {
                self.needed.missing.push(Missing::Issuer(certificate.subject.to_string()));
                continue;
            };
            // RFC 6960 4.2.2.2.1: a responder certificate with ocsp-nocheck is trusted for its lifetime.
            if certificate.extension(&ID_PKIX_OCSP_NOCHECK).is_none() {
                self.take_revocation(&certificate, &issuer, since);
            }
            self.open.push_back(issuer);
        }
        self.needed
    }

    fn take_revocation(&mut self, certificate: &Certificate, issuer: &Certificate, since: UnixTime) {
        let is_ca = certificate.ca().is_ok_and(|ca| ca.is_some());
        let fits = |this_update: UnixTime, next_update: Option<UnixTime>| {
            if is_ca {
                next_update.is_none_or(|next| next >= since)
            } else {
                this_update.seconds() >= since.seconds()
            }
        };
        for (der, response) in &self.responses {
            let Some(answer) = response.about(certificate, issuer) else { continue };
            let Ok(delegate) = response.verify(issuer) else { continue };
            match answer.status {
                OcspStatus::Good if fits(answer.this_update, answer.next_update) => {
                    push(&mut self.needed.material.ocsp_responses, der);
                    self.open.extend(delegate);
                    return;
                }
                OcspStatus::Revoked { .. } => {
                    self.needed.missing.push(Missing::Revoked(Box::new(certificate.clone())));
                    return;
                }
                _ => {}
            }
        }
        for (der, crl) in &self.crls {
            if crl.is_delta || crl.verify(issuer).is_err() {
                continue;
            }
            match crl.entry(&certificate.serial) {
                Ok(None) if fits(crl.this_update, crl.next_update) => {
                    push(&mut self.needed.material.crls, der);
                    return;
                }
                Ok(Some(_)) => {
                    self.needed.missing.push(Missing::Revoked(Box::new(certificate.clone())));
                    return;
                }
                _ => {}
            }
        }
        self.needed.missing.push(Missing::Revocation(Box::new(certificate.clone())));
    }
}

fn is_signed_by(child: &Certificate, parent: &Certificate) -> bool {
    child.issuer.der() == parent.subject.der()
        && verify_signed(&parent.spki, &child.signature_algorithm, child.tbs(), &child.signature).is_ok()
}

fn push(list: &mut Vec<Vec<u8>>, der: &[u8]) {
    if !list.iter().any(|known| known == der) {
        list.push(der.to_vec());
    }
}
