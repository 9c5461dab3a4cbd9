//! Certificates and revocation data at hand, and where each came from.

use super::report::Origin;
use crate::pdf::syntax::{Object, SyntaxError, View};
use crate::x509::path::{self, Crl, Ocsp, StandIn};
use hufu_api::{Statement, StatusProof};
use std::sync::Arc;
use x509_cert::Certificate;

/// Certificates, CRLs and OCSP responses of one file that are read, at most each.
const MAX_ITEMS: usize = 300;
/// Decoded bytes of one certificate or OCSP response, of one CRL, and of all of them (or twice the file's length), at most.
const MAX_SMALL: usize = 64 << 10;
const MAX_CRL: usize = 8 << 20;
const MAX_TOTAL: usize = 8 << 20;

/// Everything that may decide about a chain, read once. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// DER, as signers' certificates are looked for.
    pub certificates: Vec<Vec<u8>>,
    /// Those that can be read, and those of OCSP responders.
    pub pool: Vec<Arc<Certificate>>,
    /// Those of the pool that are read as something else than they were signed as.
    pub stand_ins: Vec<StandIn>,
    pub crls: Vec<Crl>,
    /// Where each of `crls` came from.
    pub crl_origins: Vec<Origin>,
    pub ocsp: Vec<Ocsp>,
    /// Where each of `ocsp` came from.
    pub ocsp_origins: Vec<Origin>,
    /// There was more than is read: what was left out may say that a certificate is revoked.
    pub more: bool,
}

impl Evidence {
    /// What the document security store holds (EN 319 142-1 5.4.2).
    pub(super) fn of_dss(view: View<'_, '_>) -> Self {
        let mut out = Self::default();
        let Ok(catalog) = view.catalog() else { return out };
        let Ok(Some(dss)) = view.get_dict(&catalog, "DSS") else { return out };
        let mut left = MAX_TOTAL.max(view.document().bytes().len().saturating_mul(2));
        for (key, most) in [("Certs", MAX_SMALL), ("OCSPs", MAX_SMALL), ("CRLs", MAX_CRL)] {
            let items = match view.get_array(&dss, key) {
                Ok(items) => items,
                Err(error) => {
                    out.more |= matches!(error, SyntaxError::Limit(_));
                    continue;
                }
            };
            out.more |= items.len() > MAX_ITEMS;
            for item in items.iter().take(MAX_ITEMS) {
                let decoded = view.resolve(item).and_then(|object| match object {
                    Object::Stream(stream) => {
                        view.document().decode(&stream, most.min(left)).map(|data| data.into_owned())
                    }
                    _ => Ok(Vec::new()),
                });
                let data = match decoded {
                    Ok(data) if data.is_empty() => continue,
                    Ok(data) => data,
                    Err(error) => {
                        // What is too long was decoded up to there as well.
                        left = left.saturating_sub(most.min(left));
                        out.more |= matches!(error, SyntaxError::Limit(_));
                        continue;
                    }
                };
                left = left.saturating_sub(data.len());
                match key {
                    "Certs" => out.add_certificate(&data),
                    "CRLs" => out.add_crl(&data, Origin::SecurityStore),
                    _ => out.add_ocsp(&data, Origin::SecurityStore),
                }
            }
        }
        out
    }

    /// This and what a signature or a time stamp carries along.
    pub(super) fn with_carried(&self, certificates: &[Vec<u8>], crls: &[Vec<u8>], ocsp: &[Vec<u8>]) -> Self {
        let mut all = self.clone();
        certificates.iter().for_each(|der| all.add_certificate(der));
        crls.iter().for_each(|der| all.add_crl(der, Origin::Signature));
        ocsp.iter().for_each(|der| all.add_ocsp(der, Origin::Signature));
        all
    }

    /// This and what did not come with the file.
    pub(super) fn with_outside(mut self, certificates: &[Vec<u8>], statements: &[Statement]) -> Self {
        certificates.iter().for_each(|der| self.add_certificate(der));
        for Statement { proof, from } in statements {
            match proof {
                StatusProof::Ocsp(der) => self.add_ocsp(&der.0, Origin::Outside(from.clone())),
                StatusProof::Crl(der) => self.add_crl(&der.0, Origin::Outside(from.clone())),
            }
        }
        self
    }

    fn add_certificate(&mut self, der: &[u8]) {
        if self.certificates.iter().any(|known| known == der) {
            return;
        }
        self.more |= self.certificates.len() >= MAX_ITEMS;
        if self.certificates.len() < MAX_ITEMS {
            self.certificates.push(der.to_vec());
            if let Ok((certificate, stand_in)) = path::read(der) {
                self.add_to_pool([certificate]);
                self.stand_ins.extend(stand_in);
            }
        }
    }

    fn add_to_pool(&mut self, certificates: impl IntoIterator<Item = Certificate>) {
        for certificate in certificates {
            if self.pool.iter().any(|known| **known == certificate) {
                continue;
            }
            self.more |= self.pool.len() >= MAX_ITEMS;
            if self.pool.len() < MAX_ITEMS {
                self.pool.push(Arc::new(certificate));
            }
        }
    }

    fn add_crl(&mut self, der: &[u8], origin: Origin) {
        self.more |= self.crls.len() >= MAX_ITEMS;
        if let (true, Ok(crl)) = (self.crls.len() < MAX_ITEMS, Crl::from_der(der)) {
            self.crls.push(crl);
            self.crl_origins.push(origin);
        }
    }

    fn add_ocsp(&mut self, der: &[u8], origin: Origin) {
        self.more |= self.ocsp.len() >= MAX_ITEMS;
        if let (true, Ok(ocsp)) = (self.ocsp.len() < MAX_ITEMS, Ocsp::from_der(der)) {
            self.add_to_pool(ocsp.certificates().iter().take(8).cloned());
            self.ocsp.push(ocsp);
            self.ocsp_origins.push(origin);
        }
    }
}
