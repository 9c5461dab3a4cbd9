//! `[authority]`: what `hufu init` puts into the certificates of the appliance's own CA.

use serde::{Deserialize, Serialize};

/// `[authority]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Authority {
    /// organizationName of root, issuing CA, time-stamping authority and responder.
    pub organization: String,
    /// countryName, two letters.
    pub country: String,
    /// Where relying parties reach the PKI listener; goes into certificates as CRL, OCSP and issuer addresses. Absent: none.
    pub pki_url: Option<String>,
    /// Years that the root is valid.
    pub root_years: u16,
    /// Years that the issuing CA, the time-stamping authority and the responder are valid.
    pub issuing_years: u16,
    /// Days until the root's revocation list must be made anew (`hufu init --root-crl`).
    pub root_crl_days: u16,
}

impl Default for Authority {
    fn default() -> Self {
        Self {
            organization: "Hufu".into(),
            country: "CN".into(),
            pki_url: None,
            root_years: 20,
            issuing_years: 10,
            root_crl_days: 400,
        }
    }
}
