//! The local authority as a configured time-stamp source, `kind = "tsa-local"`.

use hufu_api::{AuthoritySpec, Cx, Der, Factory, Host, Imprint, PluginError, TimestampSource};
use serde::Deserialize;
use std::sync::Arc;

/// How the registry builds it.
pub const TSA_LOCAL: Factory<dyn TimestampSource> = Factory { kind: "tsa-local", build };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Label of the key, as the ceremony named it.
    key: String,
    /// The policy that tokens name, dotted OID.
    policy: String,
    /// Accuracy of the time, in milliseconds; 0 leaves the field out.
    #[serde(default = "one_and_a_half_seconds")]
    accuracy_millis: u32,
    /// Whether tokens can be ordered by their time alone.
    #[serde(default)]
    ordering: bool,
}

fn one_and_a_half_seconds() -> u32 {
    1500
}

/// The box that the factory's type wants around a shared authority.
struct Shared(Arc<dyn TimestampSource>);

impl TimestampSource for Shared {
    fn stamp(&self, cx: Cx, imprint: Imprint<'_>) -> Result<Der, hufu_api::ChannelError> {
        self.0.stamp(cx, imprint)
    }
}

fn build(host: &Host<'_>, table: toml::Table) -> Result<Box<dyn TimestampSource>, PluginError> {
    let settings: Settings = table.try_into().map_err(|e: toml::de::Error| PluginError(e.to_string()))?;
    let Settings { key: label, policy, accuracy_millis, ordering } = settings;
    let made = (host.timestamper)(&AuthoritySpec { label, policy, accuracy_millis, ordering })?;
    Ok(Box::new(Shared(made)))
}
