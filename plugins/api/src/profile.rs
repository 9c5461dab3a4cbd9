//! What a certificate is asked to be.

use crate::SignerKind;
use serde::{Deserialize, Serialize};

/// 长效证书 or 场景证书.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateKind {
    /// 长效证书: kept with the signer and used for many signatures.
    Long,
    /// 场景证书: made for one signature; its key is destroyed afterwards.
    Scene,
}

/// A certificate profile: what the core asks of a channel and checks in what comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The profile's name in configuration, for example `person-long`.
    pub name: String,
    /// Whom it is for.
    pub signer: SignerKind,
    /// Long-term or scene.
    pub kind: CertificateKind,
    /// Validity in seconds, counted from the time of issue.
    pub validity_seconds: u64,
    /// Extended key usages as dotted OIDs; may be empty. keyUsage is always digitalSignature + nonRepudiation.
    #[serde(default)]
    pub extended_key_usage: Vec<String>,
    /// Certificate policies as dotted OIDs; may be empty.
    #[serde(default)]
    pub policies: Vec<String>,
}
