//! What the store holds: one type per space, as JSON, so that a field can be added with a default and old rows still read.

use super::rules::{Certify, IdentityRegion, Name};
use crate::audit::Actor;
use crate::keys::StoredKey;
use hufu_api::{
    CaPolicy, CertificateKind, Der, Mobile, RevocationReason, SignerKind, Subject, Ticket, UnixTime,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// 测试应用 or 正式应用.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppKind {
    /// 测试应用: its data may be purged.
    Test,
    /// 正式应用.
    Production,
}

/// What an application has been granted. All on by default: an on-premise appliance belongs to its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grants {
    /// 证书服务 (else 20210)
    pub certificates: bool,
    /// 存证服务 (else 20303)
    pub evidence: bool,
    /// 短信验证服务 (else 20304)
    pub sms: bool,
}

impl Default for Grants {
    fn default() -> Self {
        Self { certificates: true, evidence: true, sms: true }
    }
}

/// How many of each an application may have made in its life; absent means without limit (else 20302).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Signers.
    pub signers: Option<u64>,
    /// Signatures.
    pub signatures: Option<u64>,
    /// Document time stamps.
    pub stamps: Option<u64>,
    /// Evidence deposits.
    pub deposits: Option<u64>,
}

/// One appKey, encrypted under the token's state key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// What [`crate::keys::Keys::protect`] gave.
    pub protected: Der,
    /// After a rotation the old key is good until then; `None`: the current one.
    pub until: Option<UnixTime>,
}

/// 应用
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// appId
    pub id: String,
    /// For operators.
    pub name: String,
    /// Test or production.
    pub kind: AppKind,
    /// 已上线; else 20300.
    pub online: bool,
    /// Switched off by an operator; its tokens stop at once.
    pub disabled: bool,
    /// Current key first, then those in a rotation's overlap.
    pub secrets: Vec<Secret>,
    /// SHA-256 of the SPKI of the client certificates that may speak for it, lower hex; empty: any client.
    pub clients: Vec<String>,
    /// Tokens of another epoch are refused.
    pub epoch: u64,
    /// What it may use.
    #[serde(default)]
    pub grants: Grants,
    /// How much.
    #[serde(default)]
    pub quotas: Quotas,
    /// Which certificate channels.
    #[serde(default)]
    pub channels: CaPolicy,
    /// Which kind of certificate its signers get when the request does not say.
    #[serde(default = "long")]
    pub certificates: CertificateKind,
    /// The level of its signatures; `None`: the appliance's default.
    #[serde(default)]
    pub level: Option<super::settings::Level>,
    /// Names of the document roots it may use; empty: none.
    #[serde(default)]
    pub roots: Vec<String>,
    /// Name of the document root that keeps deposited files under their SHA-256; `None`: only digests are deposited.
    #[serde(default)]
    pub archive: Option<String>,
    /// When it was added.
    pub created: UnixTime,
}

const fn long() -> CertificateKind {
    CertificateKind::Long
}

/// 用户, 签署人
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// signerId
    pub id: u64,
    /// Person or company.
    pub kind: SignerKind,
    /// userName
    pub name: Name,
    /// certifyType and certifyNum
    pub certify: Certify,
    /// identityRegion; companies have none.
    pub region: Option<IdentityRegion>,
    /// The registered mobile number.
    pub mobile: Option<Mobile>,
    /// Which kind of certificate it signs with.
    pub certificates: CertificateKind,
    /// The channel that the client asked for (caType), if it did.
    pub ca_type: Option<String>,
    /// Its long-term certificate, newest; certificate row's id.
    pub certificate: Option<u64>,
    /// When it was created.
    pub created: UnixTime,
    /// When it was disabled; `None`: it may act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<UnixTime>,
}

/// How a certificate stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// In use.
    Active,
    /// The channel has not decided yet.
    Pending {
        /// What to ask again with.
        ticket: Ticket,
        /// The request.
        csr: Der,
    },
    /// Not to be used any more.
    Revoked {
        /// Since when.
        at: UnixTime,
        /// Why.
        reason: RevocationReason,
        /// Whether the channel has confirmed it; else it is asked again.
        confirmed: bool,
    },
}

/// A certificate of a signer with its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Its number in the store.
    pub id: u64,
    /// signerId
    pub signer: u64,
    /// The channel that issued it.
    pub channel: String,
    /// The profile's name.
    pub profile: String,
    /// Long-term or scene.
    pub kind: CertificateKind,
    /// Leaf first; empty while pending.
    pub chain: Vec<Der>,
    /// Its key.
    pub key: StoredKey,
    /// The name it carries.
    pub subject: Subject,
    /// How it stands.
    pub standing: Standing,
    /// Start of validity.
    pub not_before: UnixTime,
    /// End of validity.
    pub not_after: UnixTime,
}

/// 印章
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// moulageId
    pub id: u64,
    /// Whose.
    pub signer: u64,
    /// What it looks like.
    pub design: super::seals::Design,
    /// When it was revoked.
    pub revoked: Option<UnixTime>,
    /// When it was made.
    pub created: UnixTime,
    /// Who had it made; unknown for seals of an older installation.
    #[serde(default)]
    pub maker: Option<Actor>,
    /// The audit record of its making.
    #[serde(default)]
    pub record: Option<u64>,
    /// Who revoked it.
    #[serde(default)]
    pub revoker: Option<Actor>,
}

/// A numeric id that clients store, as the answers show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(pub u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
