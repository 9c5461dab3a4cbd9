//! How the appliance makes a channel from its configuration file.

use crate::{AuthoritySpec, Clock, Der, Entropy, IssuerKey, Store, TimestampProtocol, TimestampSource};
use std::path::Path;
use std::sync::Arc;

/// Why a channel could not be made. Shown in `/health` and by `hufu doctor`; the daemon goes on without it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PluginError(pub String);

/// Makes a time-stamping authority over a key in the token.
pub type Timestamper<'a> = &'a dyn Fn(&AuthoritySpec) -> Result<Arc<dyn TimestampSource>, PluginError>;

/// What the appliance offers to a channel while making it.
pub struct Host<'a> {
    /// The channel's name: its configuration file's name without `.toml`.
    pub name: &'a str,
    /// The folder that relative paths in the configuration are relative to.
    pub base: &'a Path,
    /// The CA certificates that the channel's file names as `anchors`, DER; empty when it names none.
    pub anchors: &'a [Der],
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Durable state of the channel's own, in [`crate::Space::Channel`]; begin keys with the name.
    pub store: Arc<dyn Store>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The time-stamp protocol.
    pub timestamps: Arc<dyn TimestampProtocol>,
    /// Lends the CA key of that label; only `ca-local` asks. `None`: no such key in the token.
    pub issuer_key: &'a dyn Fn(&str) -> Option<Arc<dyn IssuerKey>>,
    /// Labels of the issuing CA keys in the token, oldest first; only `ca-local` asks.
    pub issuer_labels: &'a [String],
    /// Makes the appliance's own time-stamping authority; only `tsa-local` asks.
    pub timestamper: Timestamper<'a>,
}

/// One kind of channel: its name in configuration and how to build an instance.
pub struct Factory<T: ?Sized> {
    /// `kind = "…"` in `conf/channels.d/NAME.toml`.
    pub kind: &'static str,
    /// Builds an instance from the rest of the file. Unknown keys must be refused.
    pub build: fn(&Host<'_>, toml::Table) -> Result<Box<T>, PluginError>,
}
