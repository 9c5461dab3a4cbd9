//! Whom a certificate names.

use serde::{Deserialize, Serialize};

/// A natural person or an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignerKind {
    /// 个人
    Person,
    /// 企业
    Company,
}

/// The distinguished name a certificate for a signer shall carry, as attributes; encoding is the X.509 kernel's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Person or company.
    pub kind: SignerKind,
    /// commonName: the signer's name as registered.
    pub common_name: String,
    /// serialNumber (X.520): an identifier of the signer that is not the identity number itself.
    pub serial_number: String,
    /// organizationName; companies repeat their name here, persons have none.
    pub organization: Option<String>,
    /// countryName, two letters.
    pub country: String,
}
