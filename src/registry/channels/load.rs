//! Making the channels.

use super::Texts;
use super::file::{Common, FileProblem, parse_all};
use super::{CA, SMS, TSA};
use crate::audit::AuditLog;
use crate::channels::{
    AuditedIssuer, Authorities, CaEntry, Identity, LocalTsa, Standing, TimeProtocol, TimeSource, TimeSources,
    TsaParts,
};
use crate::keys::{Keys, Purpose};
use crate::registry::ceremony::label;
use hufu_api::{
    AuthoritySpec, ChannelError, Clock, Cx, Der, Entropy, Factory, Host, IssuerKey, Mobile, PluginError,
    SmsChannel, SmsReceipt, SmsText, Store, TimestampSource,
};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What channels are made from.
#[derive(Clone)]
pub struct Parts {
    /// The folder that relative paths in channel files count from.
    pub base: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// State.
    pub store: Arc<dyn Store>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The token.
    pub keys: Arc<dyn Keys>,
    /// The log.
    pub log: Arc<dyn AuditLog>,
    /// The CA, time-stamping and responder keys that the ceremony made, with their certificates.
    pub identities: Vec<Identity>,
}

/// The channels of the installation.
pub struct Channels {
    /// Certificates.
    pub authorities: Arc<Authorities>,
    /// Texts: the first SMS channel in order; without one every text fails with a clear reason.
    pub sms: Arc<dyn SmsChannel>,
    /// The SMS channel's name, or why there is none.
    pub sms_health: Result<String, String>,
    /// Time stamps: all sources in order.
    pub timestamps: Arc<TimeSources>,
    /// The appliance's own time-stamping authority for the RFC 3161 server: the first `tsa-local` in order.
    pub tsa: Option<Arc<LocalTsa>>,
    /// Files that could not be read at all.
    pub problems: Vec<FileProblem>,
}

/// Makes the channels that the files of `dir`, as they were read, describe. A file's or channel's problem stands in the result.
pub fn load(dir: &Path, texts: &Texts, parts: &Parts) -> Channels {
    let local = Mutex::new(Vec::new());
    let mut problems = Vec::new();
    let (mut ca, mut sms, mut tsa) = (Vec::new(), Vec::new(), Vec::new());
    for file in parse_all(dir, texts) {
        let (common, table) = match file {
            Ok(parsed) => parsed,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let making = Making { parts, local: &local, common: &common };
        if let Some(factory) = CA.iter().find(|f| f.kind == common.kind) {
            ca.push(making.authority(factory, table));
        } else if let Some(factory) = SMS.iter().find(|f| f.kind == common.kind) {
            sms.push((common.name.clone(), making.build(factory, table)));
        } else if let Some(factory) = TSA.iter().find(|f| f.kind == common.kind) {
            tsa.push(making.time_source(factory, table));
        } else {
            let reason =
                format!("kind: no plugin is called {:?}; one of {}", common.kind, super::kinds().join(", "));
            problems.push(FileProblem { file: dir.join(format!("{}.toml", common.name)), reason });
        }
    }
    for problem in &problems {
        tracing::error!(%problem, "channel file not used");
    }
    let (sms, sms_health) = choose_sms(sms);
    Channels {
        authorities: Arc::new(Authorities::new(ca, Arc::clone(&parts.clock))),
        sms,
        sms_health,
        timestamps: Arc::new(TimeSources::new(tsa)),
        tsa: local.into_inner().into_iter().next(),
        problems,
    }
}

/// Makes the channels over our own CA keys anew, from changed `parts`, and puts each in the place of the one of its name. The new
/// ones have their revocation lists before anybody is told of them; a channel that cannot be made anew stays as it is.
///
/// # Errors
/// Which channels those are, and why.
pub fn renew_local(
    dir: &Path,
    texts: &Texts,
    parts: &Parts,
    authorities: &Authorities,
    cx: Cx,
) -> Result<(), String> {
    let mut failures = Vec::new();
    let local = Mutex::new(Vec::new());
    for (common, table) in parse_all(dir, texts).into_iter().flatten() {
        let Some(factory) = CA.iter().find(|f| f.kind == common.kind && f.kind == LOCAL) else { continue };
        let making = Making { parts, local: &local, common: &common };
        let made = making.authority(factory, table).channel.and_then(|channel| {
            channel.maintain(cx).map_err(|e| e.to_string())?;
            Ok(channel)
        });
        match made {
            Ok(channel) => authorities.replace(&common.name, channel),
            Err(reason) => failures.push(format!("{}: {reason}", common.name)),
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

/// What a channel file calls the newest of the keys tsa-1, tsa-2 and so on.
const NEWEST_TSA: &str = "tsa";

/// The kind of channels that sign with our own CA keys.
const LOCAL: &str = hufu_ca_local::FACTORY.kind;

/// One channel file being turned into a channel.
struct Making<'a> {
    parts: &'a Parts,
    /// The local time-stamping authorities made so far.
    local: &'a Mutex<Vec<Arc<LocalTsa>>>,
    common: &'a Common,
}

impl Making<'_> {
    fn build<T: ?Sized>(&self, factory: &Factory<T>, table: toml::Table) -> Result<Arc<T>, String> {
        self.build_with(factory, table, &self.anchors()?)
    }

    /// The anchors that the file names; none when it names none.
    fn anchors(&self) -> Result<Vec<Der>, String> {
        let file = self.common.anchors.as_ref().map(|file| self.parts.base.join(file));
        file.map_or(Ok(vec![]), |file| pem_certificates(&file))
    }

    fn build_with<T: ?Sized>(
        &self,
        factory: &Factory<T>,
        table: toml::Table,
        anchors: &[Der],
    ) -> Result<Arc<T>, String> {
        let parts = self.parts;
        let issuer_key = |label: &str| self.issuer_key(label);
        let timestamper = |spec: &AuthoritySpec| self.time_authority(spec);
        let cas = parts.identities.iter().filter(|i| i.key.purpose == Purpose::Ca);
        let labels: Vec<String> = cas.map(|i| i.label.clone()).collect();
        let host = Host {
            name: &self.common.name,
            base: &parts.base,
            anchors,
            clock: Arc::clone(&parts.clock),
            store: Arc::clone(&parts.store),
            entropy: Arc::clone(&parts.entropy),
            timestamps: Arc::new(TimeProtocol),
            issuer_key: &issuer_key,
            issuer_labels: &labels,
            timestamper: &timestamper,
        };
        let made = (factory.build)(&host, table);
        made.map(Arc::from).map_err(|PluginError(reason)| {
            tracing::error!(channel = %self.common.name, %reason, "channel unavailable");
            reason
        })
    }

    fn issuer_key(&self, label: &str) -> Option<Arc<dyn IssuerKey>> {
        let ours = |i: &&Identity| i.label == label && i.key.purpose == Purpose::Ca;
        let identity = self.parts.identities.iter().find(ours)?;
        let made = AuditedIssuer::new(Arc::clone(&self.parts.keys), Arc::clone(&self.parts.log), identity);
        made.ok().map(|issuer| Arc::new(issuer) as Arc<dyn IssuerKey>)
    }

    fn time_authority(&self, spec: &AuthoritySpec) -> Result<Arc<dyn TimestampSource>, PluginError> {
        let parts = self.parts;
        let missing =
            || PluginError(format!("no time-stamp key is called {:?}; hufu init makes it", spec.label));
        let newest = || {
            let all = parts.identities.iter().filter(|i| i.label.starts_with("tsa-"));
            all.max_by_key(|i| label::number(&i.label))
        };
        let exact = parts.identities.iter().find(|i| i.label == spec.label);
        let identity = exact.or_else(|| newest().filter(|_| spec.label == NEWEST_TSA)).ok_or_else(missing)?;
        let tsa_parts = TsaParts {
            keys: Arc::clone(&parts.keys),
            log: Arc::clone(&parts.log),
            clock: Arc::clone(&parts.clock),
            store: Arc::clone(&parts.store),
            entropy: Arc::clone(&parts.entropy),
        };
        let made = LocalTsa::new(&tsa_parts, identity, spec).map_err(|e| PluginError(e.to_string()))?;
        let made = Arc::new(made);
        self.local.lock().push(Arc::clone(&made));
        Ok(made)
    }

    fn authority(&self, factory: &Factory<dyn hufu_api::CaChannel>, table: toml::Table) -> CaEntry {
        let common = self.common;
        let anchors = self.anchors();
        let channel =
            anchors.as_ref().map_err(Clone::clone).and_then(|all| self.build_with(factory, table, all));
        CaEntry {
            name: common.name.clone(),
            aliases: common.aliases.clone(),
            channel,
            timeout: common.timeout,
            anchors: anchors.unwrap_or_default(),
            standing: Standing::new(common.concurrency),
        }
    }

    fn time_source(&self, factory: &Factory<dyn TimestampSource>, table: toml::Table) -> TimeSource {
        TimeSource {
            name: self.common.name.clone(),
            source: self.build(factory, table),
            timeout: self.common.timeout,
            standing: Standing::new(self.common.concurrency),
        }
    }
}

/// The certificates of a PEM file, at least one.
fn pem_certificates(file: &Path) -> Result<Vec<Der>, String> {
    let problem = |e: &dyn std::fmt::Display| format!("anchors {}: {e}", file.display());
    let text = std::fs::read(file).map_err(|e| problem(&e))?;
    let certificates = x509_cert::Certificate::load_pem_chain(&text).map_err(|e| problem(&e))?;
    let ders = certificates.iter().map(|c| der::Encode::to_der(c).map(Der)).collect::<Result<Vec<_>, _>>();
    match ders {
        Ok(ders) if !ders.is_empty() => Ok(ders),
        Ok(_) => Err(problem(&"no certificate in it")),
        Err(e) => Err(problem(&e)),
    }
}

/// The first SMS channel that started, else one that tells why there is none.
fn choose_sms(
    made: Vec<(String, Result<Arc<dyn SmsChannel>, String>)>,
) -> (Arc<dyn SmsChannel>, Result<String, String>) {
    let mut reasons = Vec::new();
    for (name, channel) in made {
        match channel {
            Ok(channel) => return (channel, Ok(name)),
            Err(reason) => reasons.push(format!("{name}: {reason}")),
        }
    }
    let reason =
        if reasons.is_empty() { "no SMS channel is configured".to_owned() } else { reasons.join("; ") };
    (Arc::new(NoSms(reason.clone())), Err(reason))
}

struct NoSms(String);

impl SmsChannel for NoSms {
    fn send(&self, _cx: Cx, _to: &Mobile, _text: SmsText<'_>) -> Result<SmsReceipt, ChannelError> {
        Err(ChannelError::Unavailable(self.0.clone()))
    }
}

#[cfg(test)]
mod tests;
