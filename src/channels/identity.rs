//! A key of the appliance together with its certificate.

use crate::keys::StoredKey;
use hufu_api::Der;
use serde::{Deserialize, Serialize};

/// A CA, time-stamp or responder key with its certificate and the certificates above it, as the key ceremony leaves it.
/// Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// What configuration calls it, for example `issuing-1`, `tsa-1`, `ocsp-issuing-1`.
    pub label: String,
    /// The key pair.
    pub key: StoredKey,
    /// Its certificate.
    pub certificate: Der,
    /// The certificates above, nearest first, trust anchor last; empty for a root.
    pub issuers: Vec<Der>,
}
