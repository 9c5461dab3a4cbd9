//! What stands in the log.

use crate::keys::{Generation, KeyId, Purpose};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A record's place in the log, from 0: its leaf index in the RFC 6962 tree.
pub type RecordNumber = u64;

/// Further facts of a record by name: digests, ids, certificates. Names are `snake_case`; values have no floats, so that
/// the encoding is canonical (RFC 8785). Personal data goes in as keyed hashes only.
pub type Facts = BTreeMap<String, serde_json::Value>;

/// What is done. The serialised name is part of the log's format: never rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Act {
    /// A platform or signer logged in, or failed to.
    Login,
    /// A signer was created.
    CreateSigner,
    /// A signer's name or phone changed.
    ChangeSigner,
    /// A signer was disabled.
    DisableSigner,
    /// A key was generated and its certification request signed.
    GenerateKey,
    /// A key was destroyed.
    DestroyKey,
    /// A CA key signed a certificate.
    IssueCertificate,
    /// A certificate was enrolled through a channel.
    EnrollCertificate,
    /// A certificate was revoked.
    RevokeCertificate,
    /// A CA key signed a revocation list.
    IssueCrl,
    /// A responder key signed an OCSP answer.
    IssueOcsp,
    /// A seal was made or uploaded.
    CreateSeal,
    /// A seal was revoked.
    RevokeSeal,
    /// A document was signed.
    Sign,
    /// A document was time-stamped.
    StampDocument,
    /// A time-stamp token was issued.
    IssueTimestamp,
    /// An SMS code was sent.
    SendCode,
    /// An SMS code was tried.
    CheckCode,
    /// Evidence was deposited.
    Deposit,
    /// Evidence was looked up or a package was made.
    ReadEvidence,
    /// A file was validated.
    Validate,
    /// A data signature 数据签 was made.
    ByteSign,
    /// An application was added, changed, disabled or purged.
    ChangeApp,
    /// An operator was added or removed.
    ChangeOperator,
    /// A step of an act that several operators must agree to: asked for, approved, refused, carried out.
    Approve,
    /// Configuration was loaded or changed.
    Configure,
    /// A process of the appliance started or stopped.
    Lifecycle,
    /// A key ceremony step.
    Ceremony,
    /// Records were imported from an older installation.
    Import,
    /// A backup was made or restored.
    Backup,
    /// A request was refused: authentication, permission, rate.
    Refuse,
    /// A checkpoint of the log was signed.
    Checkpoint,
    /// A health check used a key.
    SelfTest,
    /// An operator was told who stands behind a keyed hash.
    Identify,
}

/// Who does it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// appId, when an application asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// SHA-256 of the client certificate's SubjectPublicKeyInfo, lower hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Where the request came from: an IP address, `socket` or `cli`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Operator's name, when an operator acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// signerId, when a signer's own token was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<u64>,
}

/// One use of a key that an intent announces. What is signed is fixed here by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// SHA-256 of the exact structure the worker will be given (see [`crate::keys`] for each operation).
    pub digest: [u8; 32],
    /// The worker process that will be asked.
    pub generation: Generation,
    /// Which key.
    pub key: KeyId,
    /// For what.
    pub purpose: Purpose,
}

/// Announces an act that uses keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What.
    pub act: Act,
    /// Who.
    pub actor: Actor,
    /// With what.
    pub facts: Facts,
    /// The key uses, in the order of the permit's receipts; 1 to 64.
    pub uses: Vec<Use>,
}

/// A complete record of an act without a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What.
    pub act: Act,
    /// Who.
    pub actor: Actor,
    /// With what.
    pub facts: Facts,
    /// How it ended.
    pub ending: Ending,
}

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// As asked.
    Done,
    /// It failed; nothing was released.
    Failed,
    /// It was refused: permission, policy, input.
    Refused,
    /// A signature was made but not released (overflow, failed self-check).
    Voided,
    /// The permit was dropped without a word.
    Abandoned,
    /// The process that held the permit ended.
    Interrupted,
}

/// Closes an intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// With what: ids given, digests of what was written, the reason of a failure. A `project` entry, if present, is
    /// what the state store is to show (see `ops`).
    pub facts: Facts,
}
