//! The protocol's messages, version 1.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hufu_api::{Csr, Profile, Revocation, SignerKind, Ticket};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// The version that every message carries.
pub(crate) const VERSION: u32 = 1;

/// Bytes as base64 text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base64(pub(crate) Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(&text).map(Self).map_err(|e| D::Error::custom(format!("base64: {e}")))
    }
}

/// A question to the child.
#[derive(Debug, Serialize)]
pub(crate) struct Question<'a, T> {
    pub(crate) v: u32,
    pub(crate) id: u64,
    pub(crate) verb: &'a str,
    /// Milliseconds after which nobody waits any more.
    pub(crate) deadline_ms: u64,
    pub(crate) request: String,
    pub(crate) params: T,
}

/// The child's answer: `ok` or `error`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) v: u32,
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) ok: Option<serde_json::Value>,
    #[serde(default)]
    pub(crate) error: Option<Failure>,
}

/// Why the child did not do it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    #[serde(default)]
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureKind {
    Refused,
    Unavailable,
    Unsupported,
}

/// Parameters of `hello`.
#[derive(Debug, Serialize)]
pub(crate) struct Hello<'a> {
    pub(crate) settings: &'a serde_json::Value,
    pub(crate) secrets: BTreeMap<&'a str, &'a str>,
}

/// Answer to `hello`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Greeting {
    pub(crate) name: String,
    pub(crate) verbs: Vec<String>,
}

/// Parameters of `enroll`.
#[derive(Debug, Serialize)]
pub(crate) struct Enroll<'a> {
    csr: Base64,
    subject: Subject<'a>,
    profile: &'a Profile,
    #[serde(skip_serializing_if = "Option::is_none")]
    scene: Option<Scene>,
}

#[derive(Debug, Serialize)]
struct Subject<'a> {
    kind: &'static str,
    common_name: &'a str,
    serial_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
    country: &'a str,
}

#[derive(Debug, Serialize)]
struct Scene {
    document_sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<u64>,
}

impl<'a> Enroll<'a> {
    pub(crate) fn new(csr: Csr<'a>, profile: &'a Profile) -> Self {
        let subject = Subject {
            kind: match csr.subject.kind {
                SignerKind::Person => "person",
                SignerKind::Company => "company",
            },
            common_name: &csr.subject.common_name,
            serial_number: &csr.subject.serial_number,
            organization: csr.subject.organization.as_deref(),
            country: &csr.subject.country,
        };
        let scene =
            csr.scene.map(|s| Scene { document_sha256: hex::encode(s.document_sha256), consent: s.consent });
        Self { csr: Base64(csr.der.to_vec()), subject, profile, scene }
    }
}

/// Answer to `enroll` and `resume`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    #[serde(default)]
    pub(crate) chain: Option<Vec<Base64>>,
    #[serde(default)]
    pub(crate) ticket: Option<Base64>,
    #[serde(default)]
    pub(crate) retry_after_seconds: Option<u32>,
}

/// Parameters of `resume`.
#[derive(Debug, Serialize)]
pub(crate) struct Resume {
    ticket: Base64,
}

impl Resume {
    pub(crate) fn new(ticket: &Ticket) -> Self {
        Self { ticket: Base64(ticket.opaque.clone()) }
    }
}

/// Parameters of `revoke`.
#[derive(Debug, Serialize)]
pub(crate) struct Revoke<'a> {
    certificate: Base64,
    reason: &'a hufu_api::RevocationReason,
    /// Seconds since 1970.
    at: i64,
}

impl<'a> Revoke<'a> {
    pub(crate) fn new(what: &'a Revocation) -> Self {
        Self { certificate: Base64(what.certificate.0.clone()), reason: &what.reason, at: what.at.seconds() }
    }
}

/// Parameters of `authorities`; answer to `revoke`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Nothing {}

/// Answer to `authorities`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Certificates {
    pub(crate) certificates: Vec<Base64>,
}
