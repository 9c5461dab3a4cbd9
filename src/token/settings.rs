//! What a worker is told about its token.

use crate::keys::Purpose;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Which token of a module. Slots are renumbered at will, labels and serial numbers stay.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenName {
    /// By CK_TOKEN_INFO.label; must be unique among the module's tokens.
    Label(String),
    /// By CK_TOKEN_INFO.serialNumber.
    Serial(String),
    /// By CK_SLOT_ID, for tokens that name themselves wrongly.
    Slot(u64),
}

/// Where the PIN comes from; never from arguments or environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinSource {
    /// A regular file that nobody but its owner can read (mode 0400 or 0600).
    File(PathBuf),
    /// A systemd credential by name (`LoadCredential=`, `LoadCredentialEncrypted=`).
    Credential(String),
}

/// A token and how to get at it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenSettings {
    /// The PKCS#11 module, an absolute path.
    pub module: PathBuf,
    /// The token.
    pub name: TokenName,
    /// The user PIN.
    pub pin: PinSource,
    /// Where refused PINs are noted, for all processes of the installation.
    pub pin_folder: PathBuf,
    /// After a refusal nobody tries the token's PIN again for so long.
    pub pin_pause: Duration,
}

/// What a CA worker signs: certificates of the site's profiles and lists, from the CAs that the ceremony made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaRules {
    /// The longest validity of a certificate, in days.
    pub max_validity_days: u32,
    /// Purposes that certificates may have, dotted OIDs.
    pub extended_key_usage: Vec<String>,
    /// Policies that certificates may have, dotted OIDs.
    pub policies: Vec<String>,
    /// The ceremony's file of keys and certificates; no process that serves may write it.
    pub identities: PathBuf,
}

/// A worker's settings, sent to it over its control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerSettings {
    /// What its keys are for.
    pub purpose: Purpose,
    /// Its token.
    pub token: TokenSettings,
    /// Sessions, each with a thread: the most calls served at once. 1 to 256.
    pub sessions: u16,
    /// Unwrapped keys that each session keeps.
    pub unwrapped_keys: u16,
    /// For a CA worker.
    pub ca: CaRules,
    /// What is the appliance's own and not this worker's to see.
    pub hidden: Vec<PathBuf>,
}
