//! All certificate channels as one port: routing, fallback, back-off, bulkheads, and the check of every certificate.

use super::{Standing, StandingReport};
use crate::x509::signature::verify_signed;
use crate::x509::{Certificate, IssuedCheck, Request, SCENE_BINDING_OID, scene_binding};
use hufu_api::{
    CaChannel, CertificateAuthorities, ChannelError, Clock, Csr, Cx, Der, Enrolled, Enrollment, Profile,
    Revocation, Ticket,
};
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::time::Duration;

/// One configured certificate channel.
pub struct CaEntry {
    /// Its name: the configuration file's, without `.toml`.
    pub name: String,
    /// Further names that `caType` may use, such as A1.
    pub aliases: Vec<String>,
    /// The channel, or why it could not be started.
    pub channel: Result<Arc<dyn CaChannel>, String>,
    /// The longest that one call may take.
    pub timeout: Duration,
    /// The CA certificates that chains from this channel must end at. Empty: those that the channel itself names.
    pub anchors: Vec<Der>,
    /// How it has behaved lately.
    pub standing: Standing,
}

type Running = Result<Arc<dyn CaChannel>, String>;

/// Every certificate channel of the installation.
pub struct Authorities {
    entries: Vec<Entry>,
    clock: Arc<dyn Clock>,
}

/// A channel that another can take the place of, while calls to it go on.
struct Entry {
    settings: CaEntry,
    channel: RwLock<Running>,
    /// What its last maintenance failed with.
    trouble: Mutex<Option<String>>,
}

impl std::ops::Deref for Entry {
    type Target = CaEntry;

    fn deref(&self) -> &CaEntry {
        &self.settings
    }
}

impl Entry {
    fn running(&self) -> Running {
        self.channel.read().clone()
    }
}

impl Authorities {
    /// Brings the configured channels together, in the order of configuration.
    pub fn new(entries: Vec<CaEntry>, clock: Arc<dyn Clock>) -> Self {
        let entry = |settings: CaEntry| Entry {
            channel: RwLock::new(settings.channel.clone()),
            trouble: Mutex::default(),
            settings,
        };
        Self { entries: entries.into_iter().map(entry).collect(), clock }
    }

    /// Puts `channel` in the place of the one of that name. Calls under way end with the old one.
    pub fn replace(&self, name: &str, channel: Arc<dyn CaChannel>) {
        for entry in self.entries.iter().filter(|e| e.name == name) {
            *entry.channel.write() = Ok(Arc::clone(&channel));
        }
    }

    /// Every channel's name with its standing, or why it could not be started.
    pub fn health(&self) -> Vec<(String, Result<StandingReport, String>)> {
        let state = |e: &Entry| {
            let report = e.running().map(|_| e.standing.report())?;
            let last_error = report.last_error.or_else(|| e.trouble.lock().clone());
            Ok(StandingReport { last_error, ..report })
        };
        self.entries.iter().map(|e| (e.name.clone(), state(e))).collect()
    }

    /// Remembers how a channel's maintenance went; whether that is news.
    pub fn maintained(&self, name: &str, trouble: Option<String>) -> bool {
        let Some(entry) = self.entries.iter().find(|e| e.name == name) else { return false };
        let mut before = entry.trouble.lock();
        let news = *before != trouble;
        *before = trouble;
        news
    }

    /// The channels that started, by name.
    pub fn running(&self) -> impl Iterator<Item = (&str, Arc<dyn CaChannel>)> {
        self.entries.iter().filter_map(|e| e.running().ok().map(|c| (e.name.as_str(), c)))
    }

    fn entry(&self, name: &str) -> Result<&Entry, ChannelError> {
        let missing = || ChannelError::Unavailable(format!("{name}: no such channel is configured"));
        self.entries.iter().find(|e| e.name == name).ok_or_else(missing)
    }

    /// One call to one channel, with its place, its deadline and its standing kept.
    fn call<T>(
        entry: &Entry,
        cx: Cx,
        act: impl FnOnce(&dyn CaChannel, Cx) -> Result<T, ChannelError>,
    ) -> Result<T, ChannelError> {
        let channel = entry.running().map_err(ChannelError::Unavailable)?;
        let _place = entry.standing.enter().map_err(ChannelError::Unavailable)?;
        if cx.remaining().is_zero() {
            return Err(ChannelError::Timeout);
        }
        let answer = act(channel.as_ref(), cx.within(entry.timeout));
        match &answer {
            Ok(_) | Err(ChannelError::Refused(_) | ChannelError::Unsupported) => entry.standing.succeeded(),
            Err(error) => entry.standing.failed(&error.to_string()),
        }
        answer
    }

    /// Judges what a channel answered; only a certificate that passes leaves here.
    fn judge(
        &self,
        entry: &CaEntry,
        cx: Cx,
        channel: &dyn CaChannel,
        csr: Csr<'_>,
        profile: &Profile,
        answer: Enrollment,
    ) -> Result<Enrollment, ChannelError> {
        let chain = match &answer {
            Enrollment::Pending(ticket) if ticket.opaque.len() <= MAX_TICKET => return Ok(answer),
            Enrollment::Pending(_) => return Err(ChannelError::BadAnswer("ticket too large".into())),
            Enrollment::Issued(chain) => chain,
        };
        let now = self.clock.now().map_err(|e| ChannelError::Unavailable(e.to_string()))?;
        let request = Request::verified(csr.der).map_err(|e| ChannelError::Refused(e.to_string()))?;
        // A CA of our own has no reason to change what it was asked for; a foreign one has its own naming rules.
        let own = channel.repository().is_some();
        let check =
            IssuedCheck { spki: &request.spki, subject: csr.subject, profile, now, exact_subject: own };
        let bad = |why: String| ChannelError::BadAnswer(why);
        let certificates = check.check(chain).map_err(|e| bad(e.to_string()))?;
        let named;
        let anchors = if entry.anchors.is_empty() {
            named = channel.authorities(cx)?;
            &named
        } else {
            &entry.anchors
        };
        anchored(&certificates, anchors).map_err(bad)?;
        if let Some(scene) = csr.scene {
            let found = certificates.first().and_then(|leaf| leaf.extension(&SCENE_BINDING_OID));
            match found {
                Some(extension) if extension.value == scene_binding(scene) => {}
                None if !own => {}
                _ => return Err(bad("the certificate is not bound to this document".into())),
            }
        }
        Ok(answer)
    }
}

const MAX_TICKET: usize = 4096;

impl CertificateAuthorities for Authorities {
    fn names(&self) -> Vec<String> {
        self.entries.iter().map(|e| e.name.clone()).collect()
    }

    fn resolve(&self, name_or_alias: &str) -> Option<String> {
        let named = self.entries.iter().find(|e| e.name == name_or_alias);
        let found =
            named.or_else(|| self.entries.iter().find(|e| e.aliases.iter().any(|a| a == name_or_alias)));
        found.map(|e| e.name.clone())
    }

    fn enroll(
        &self,
        cx: Cx,
        route: &[String],
        csr: Csr<'_>,
        profile: &Profile,
    ) -> Result<Enrolled, ChannelError> {
        let mut worst = ChannelError::Unavailable("no certificate channel is configured".into());
        for name in route {
            let answer = self.entry(name).and_then(|entry| {
                Self::call(entry, cx, |channel, cx| {
                    let answer = channel.enroll(cx, csr, profile)?;
                    self.judge(entry, cx, channel, csr, profile, answer)
                })
            });
            match answer {
                Ok(enrollment) => return Ok(Enrolled { channel: name.clone(), enrollment }),
                Err(error @ (ChannelError::Refused(_) | ChannelError::Unsupported)) => {
                    return Err(named(name, error));
                }
                Err(error) => {
                    tracing::warn!(channel = %name, request = %cx.request, %error, "certificate channel failed");
                    worst = named(name, error);
                }
            }
        }
        Err(worst)
    }

    fn resume(
        &self,
        cx: Cx,
        channel: &str,
        ticket: &Ticket,
        csr: Csr<'_>,
        profile: &Profile,
    ) -> Result<Enrollment, ChannelError> {
        let entry = self.entry(channel)?;
        Self::call(entry, cx, |port, cx| {
            let answer = port.resume(cx, ticket)?;
            self.judge(entry, cx, port, csr, profile, answer)
        })
        .map_err(|e| named(channel, e))
    }

    fn revoke(&self, cx: Cx, channel: &str, what: &Revocation) -> Result<(), ChannelError> {
        let entry = self.entry(channel)?;
        Self::call(entry, cx, |port, cx| port.revoke(cx, what)).map_err(|e| named(channel, e))
    }

    fn authorities(&self, cx: Cx, channel: &str) -> Result<Vec<Der>, ChannelError> {
        let entry = self.entry(channel)?;
        Self::call(entry, cx, |port, cx| port.authorities(cx)).map_err(|e| named(channel, e))
    }
}

/// Whether a chain ends at one of the anchors, or at a certificate that one of them issued.
///
/// # Errors
/// When it does not, with the name at which it ends.
pub fn anchored(chain: &[Certificate], anchors: &[Der]) -> Result<(), String> {
    let top = chain.last().ok_or("empty chain")?;
    for anchor in anchors {
        if anchor.0 == top.der() {
            return Ok(());
        }
        let Ok(anchor) = Certificate::from_der(&anchor.0) else { continue };
        let issued = anchor.subject.der() == top.issuer.der() && anchor.ca().is_ok_and(|ca| ca.is_some());
        let verified =
            || verify_signed(&anchor.spki, &top.signature_algorithm, top.tbs(), &top.signature).is_ok();
        if issued && verified() {
            return Ok(());
        }
    }
    Err(format!("the chain ends at {}, which no anchor of this channel has issued", top.issuer))
}

/// Puts the channel's name before the reason, so that operator and client see whose word it is.
fn named(name: &str, error: ChannelError) -> ChannelError {
    match error {
        ChannelError::Refused(why) => ChannelError::Refused(format!("{name}: {why}")),
        ChannelError::Unavailable(why) if !why.starts_with(name) => {
            ChannelError::Unavailable(format!("{name}: {why}"))
        }
        ChannelError::BadAnswer(why) => ChannelError::BadAnswer(format!("{name}: {why}")),
        other => other,
    }
}

#[cfg(test)]
mod tests;
