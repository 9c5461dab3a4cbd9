//! Which channel serves a request: the application's policy, and the port through which operations use channels.

use crate::{
    CertificateKind, ChannelError, Csr, Cx, Der, Enrollment, Profile, Revocation, SignerKind, Ticket,
};
use serde::{Deserialize, Serialize};

/// Which certificate channels an application may use. Entries are channel names or their aliases (A1, B2); in lists the
/// first is the default and the others are asked in order when those before cannot serve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaPolicy {
    /// What `caType` may name. Empty: every configured channel.
    pub allowed: Vec<String>,
    /// Persons' long-term certificates. Empty: `allowed` in its order.
    pub person_long: Vec<String>,
    /// Persons' scene certificates. Empty: `allowed` in its order.
    pub person_scene: Vec<String>,
    /// Companies' long-term certificates. Empty: `allowed` in its order.
    pub company_long: Vec<String>,
    /// Companies' scene certificates. Empty: `allowed` in its order.
    pub company_scene: Vec<String>,
}

/// Why a request cannot be routed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// No channel has this name or alias, or the application may not use it; the two are not told apart to clients.
    #[error("no such certificate channel: {0}")]
    Unknown(String),
    /// Nothing is configured for this kind of certificate.
    #[error("no certificate channel is configured")]
    Empty,
}

impl CaPolicy {
    /// The channels to ask, in order. A `ca_type` that the client names is the only one asked: it chose a CA, and a
    /// certificate from another is not what it asked for.
    ///
    /// # Errors
    /// See [`RouteError`].
    pub fn route(
        &self,
        authorities: &dyn CertificateAuthorities,
        ca_type: Option<&str>,
        signer: SignerKind,
        kind: CertificateKind,
    ) -> Result<Vec<String>, RouteError> {
        let allowed = if self.allowed.is_empty() {
            authorities.names()
        } else {
            self.allowed.iter().filter_map(|name| authorities.resolve(name)).collect()
        };
        if let Some(asked) = ca_type {
            let unknown = || RouteError::Unknown(asked.to_owned());
            let name = authorities.resolve(asked).ok_or_else(unknown)?;
            return if allowed.contains(&name) { Ok(vec![name]) } else { Err(unknown()) };
        }
        let listed = match (signer, kind) {
            (SignerKind::Person, CertificateKind::Long) => &self.person_long,
            (SignerKind::Person, CertificateKind::Scene) => &self.person_scene,
            (SignerKind::Company, CertificateKind::Long) => &self.company_long,
            (SignerKind::Company, CertificateKind::Scene) => &self.company_scene,
        };
        let route: Vec<String> = if listed.is_empty() {
            allowed
        } else {
            listed.iter().filter_map(|name| authorities.resolve(name)).collect()
        };
        if route.is_empty() { Err(RouteError::Empty) } else { Ok(route) }
    }
}

/// An enrolment with the channel that took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The channel's name; store it with the certificate or ticket.
    pub channel: String,
    /// What it answered. An issued certificate has been checked: key, chain, validity, profile.
    pub enrollment: Enrollment,
}

/// All certificate channels of the installation, as operations see them. Implementations check every certificate that a
/// channel gives before they hand it on, keep each channel's health, and fall back in the order they are given.
pub trait CertificateAuthorities: Send + Sync {
    /// Every channel's name in the order of configuration.
    fn names(&self) -> Vec<String>;

    /// The channel's name behind a name or alias.
    fn resolve(&self, name_or_alias: &str) -> Option<String>;

    /// Asks the channels of `route` in order until one issues or says that it needs time. One that refuses is not
    /// followed by another: the next CA is asked only when one cannot serve or answers wrongly.
    ///
    /// # Errors
    /// See [`ChannelError`]; the text names the channel.
    fn enroll(
        &self,
        cx: Cx,
        route: &[String],
        csr: Csr<'_>,
        profile: &Profile,
    ) -> Result<Enrolled, ChannelError>;

    /// Asks again for an enrolment that was pending; `csr` and `profile` are those of the first call.
    ///
    /// # Errors
    /// See [`ChannelError`].
    fn resume(
        &self,
        cx: Cx,
        channel: &str,
        ticket: &Ticket,
        csr: Csr<'_>,
        profile: &Profile,
    ) -> Result<Enrollment, ChannelError>;

    /// Has a certificate revoked by the channel that issued it.
    ///
    /// # Errors
    /// See [`ChannelError`].
    fn revoke(&self, cx: Cx, channel: &str, what: &Revocation) -> Result<(), ChannelError>;

    /// The CA certificates of a channel, trust anchor last.
    ///
    /// # Errors
    /// See [`ChannelError`].
    fn authorities(&self, cx: Cx, channel: &str) -> Result<Vec<Der>, ChannelError>;
}
