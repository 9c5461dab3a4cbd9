//! What an operator can set about operations. Every field has a default that a production site can live with.

use crate::keys::{Custody, KeyAlgorithm};
use hufu_api::{CertificateKind, Profile, SignerKind};
use serde::{Deserialize, Serialize};

/// A PAdES baseline level (ETSI EN 319 142-1 clause 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The signature alone.
    BB,
    /// With a signature time stamp.
    BT,
    /// With the revocation data of that time.
    BLt,
    /// With a document time stamp over all of it.
    BLta,
}

/// What happens when no time stamp is to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestampPolicy {
    /// Nothing is signed: 20110.
    Require,
    /// B-B instead, recorded in the audit log.
    Prefer,
}

/// What happens when a document to be signed has content that may be there to show something else afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreparedContent {
    /// Nobody looks.
    Ignore,
    /// It is signed, and the answer and the audit log name what was found.
    Report,
    /// Nothing is signed: 20110.
    Refuse,
}

/// Which point of a seal the coordinates of a request name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// Its lower left corner.
    LowerLeft,
    /// Its centre.
    Centre,
}

impl From<Anchor> for crate::pdf::place::Anchor {
    fn from(anchor: Anchor) -> Self {
        match anchor {
            Anchor::LowerLeft => Self::LowerLeft,
            Anchor::Centre => Self::Centre,
        }
    }
}

/// `[operations]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// 长效令牌: seconds that a token lives; 900 is the documented 15 minutes.
    pub token_seconds: u32,
    /// Also check dates and check digits of identity numbers. The document's own samples fail them.
    pub strict_id_numbers: bool,
    /// Refuse uploaded seals whose pixel size is not one of the documented ones, instead of scaling them.
    pub strict_seal_sizes: bool,
    /// Largest PDF that may be signed by path, in bytes.
    pub pdf_bytes: u64,
    /// Largest PDF of stream calls and time stamps, in bytes; 20 MiB is the documented limit.
    pub stream_bytes: u64,
    /// The level of signatures where the app does not say; absent: B-T where a time source is configured, else B-B.
    pub level: Option<Level>,
    /// What happens when no time stamp is to be had.
    pub timestamp: TimestampPolicy,
    /// What happens when a document has prepared content.
    pub prepared_content: PreparedContent,
    /// Which point of the seal coordinates name.
    pub anchor: Anchor,
    /// Seconds until another code may be sent to a signer.
    pub sms_resend_seconds: u32,
    /// Most places of one signature: positions given, or hits of a keyword.
    pub places: usize,
    /// Most pages that share one seam seal where the call does not say.
    pub seam_pages: u32,
    /// Seconds that an operation may take in all, remote services included.
    pub deadline_seconds: u32,
    /// Operations that may wait for one remote service at a time; at most half the worker slots.
    pub remote_places: usize,
    /// Hours that the old appKey stays good after a rotation.
    pub rotation_overlap_hours: u32,
    /// Days that answers are kept under their Idempotency-Key.
    pub idempotency_days: u32,
    /// Reason written into signatures (`/Reason`); empty: none.
    pub reason: String,
    /// Whom the certificate names that the appliance signs its evidence reports with; also on their seal.
    pub evidence_name: String,
    /// Admins who must agree to a dangerous act, whoever asks for it included.
    pub approvals: u8,
    /// Certificate profiles.
    pub certificates: Certificates,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token_seconds: 900,
            strict_id_numbers: false,
            strict_seal_sizes: false,
            pdf_bytes: 200 << 20,
            stream_bytes: 20 << 20,
            level: None,
            timestamp: TimestampPolicy::Require,
            prepared_content: PreparedContent::Report,
            anchor: Anchor::LowerLeft,
            sms_resend_seconds: 60,
            places: 500,
            seam_pages: 20,
            deadline_seconds: 60,
            remote_places: 32,
            rotation_overlap_hours: 24,
            idempotency_days: 7,
            reason: String::new(),
            evidence_name: "虎符电子存证".into(),
            approvals: 2,
            certificates: Certificates::default(),
        }
    }
}

/// `[operations.certificates]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Certificates {
    /// Persons' long-term certificates.
    pub person_long: CertificateSettings,
    /// Persons' scene certificates.
    pub person_scene: CertificateSettings,
    /// Companies' long-term certificates.
    pub company_long: CertificateSettings,
    /// Companies' scene certificates.
    pub company_scene: CertificateSettings,
}

/// One profile with its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateSettings {
    /// What the channel is asked for.
    pub profile: Profile,
    /// The key's type.
    pub algorithm: KeyAlgorithm,
    /// Where the private key lives.
    pub custody: Custody,
}

impl Certificates {
    /// The profile for a signer.
    pub fn of(&self, signer: SignerKind, kind: CertificateKind) -> &CertificateSettings {
        match (signer, kind) {
            (SignerKind::Person, CertificateKind::Long) => &self.person_long,
            (SignerKind::Person, CertificateKind::Scene) => &self.person_scene,
            (SignerKind::Company, CertificateKind::Long) => &self.company_long,
            (SignerKind::Company, CertificateKind::Scene) => &self.company_scene,
        }
    }
}

impl Default for Certificates {
    fn default() -> Self {
        const YEAR: u64 = 366 * 86_400;
        // A scene certificate outlives the signature by minutes only.
        const SCENE: u64 = 600;
        let make = |name: &str, signer, kind| CertificateSettings {
            profile: Profile {
                name: name.to_owned(),
                signer,
                kind,
                validity_seconds: if kind == CertificateKind::Long { YEAR } else { SCENE },
                extended_key_usage: Vec::new(),
                policies: Vec::new(),
            },
            algorithm: KeyAlgorithm::P256,
            custody: if kind == CertificateKind::Long { Custody::Token } else { Custody::Ephemeral },
        };
        Self {
            person_long: make("person-long", SignerKind::Person, CertificateKind::Long),
            person_scene: make("person-scene", SignerKind::Person, CertificateKind::Scene),
            company_long: make("company-long", SignerKind::Company, CertificateKind::Long),
            company_scene: make("company-scene", SignerKind::Company, CertificateKind::Scene),
        }
    }
}
