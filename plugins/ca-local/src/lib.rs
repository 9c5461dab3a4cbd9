//! CA channel `ca-local`: certificates from an issuing CA whose key lives in the appliance's own token. See README.md.
//!
//! The plugin never holds the key. It is lent an [`IssuerKey`], builds the whole TBSCertificate or TBSCertList, and has it
//! signed; every use stands in the audit log before it happens. The serial number is on disk before the certificate
//! exists, so that there is no certificate that could not be revoked.

mod issue;
mod issuer;
mod lists;
mod rows;
mod settings;

use hufu_api::{
    CaChannel, Chain, ChannelError, Clock, Csr, Cx, Der, Enrollment, Entropy, Factory, Host, IssuerKeyError,
    PluginError, Profile, Published, Repository, Revocation, Status, Store, StoreError, Ticket, UnixTime,
};
use hufu_x509::Certificate;
use issuer::LocalIssuer;
use rows::{Issued, Marked, Revoked, Rows};
use settings::Settings;
use std::sync::Arc;

/// How the registry builds it.
pub const FACTORY: Factory<dyn CaChannel> =
    Factory { kind: "ca-local", build: |host, table| Ok(Box::new(CaLocal::new(host, table)?)) };

/// An issuing CA in the token, and those before it that only keep their revocation lists going.
pub struct CaLocal {
    /// The CA that issues now.
    issuing: LocalIssuer,
    /// CAs that issued before a rollover.
    retired: Vec<LocalIssuer>,
    settings: Settings,
    rows: Rows,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl CaLocal {
    /// Makes the channel from its file.
    ///
    /// # Errors
    /// When a setting is wrong or a CA key that it names is not there.
    pub fn new(host: &Host<'_>, table: toml::Table) -> Result<Self, PluginError> {
        let settings: Settings = table.try_into().map_err(|e: toml::de::Error| PluginError(e.to_string()))?;
        settings.check()?;
        let (issuer, retired) = settings.labels(host.issuer_labels)?;
        let lend = |label: &String| {
            let key = (host.issuer_key)(label)
                .ok_or_else(|| PluginError(format!("no CA key is called {label:?}; hufu init makes it")))?;
            LocalIssuer::new(label.clone(), key)
                .map_err(|e| PluginError(format!("CA certificate {label}: {e}")))
        };
        Ok(Self {
            issuing: lend(&issuer)?,
            retired: retired.iter().map(lend).collect::<Result<_, _>>()?,
            settings,
            rows: Rows::new(Arc::clone(&host.store) as Arc<dyn Store>, host.name),
            clock: Arc::clone(&host.clock),
            entropy: Arc::clone(&host.entropy),
        })
    }

    fn issuers(&self) -> impl Iterator<Item = &LocalIssuer> {
        std::iter::once(&self.issuing).chain(&self.retired)
    }

    fn labelled(&self, label: &str) -> Option<&LocalIssuer> {
        self.issuers().find(|i| i.label == label)
    }

    /// The time; without a trustworthy clock nothing is issued.
    fn now(&self) -> Result<UnixTime, ChannelError> {
        self.clock.now().map_err(|e| ChannelError::Unavailable(e.to_string()))
    }
}

impl CaChannel for CaLocal {
    fn enroll(&self, cx: Cx, csr: Csr<'_>, profile: &Profile) -> Result<Enrollment, ChannelError> {
        let leaf = self.issue(cx, csr, profile)?;
        let mut chain = vec![leaf];
        chain.extend(self.issuing.chain());
        Ok(Enrollment::Issued(Chain(chain)))
    }

    fn resume(&self, _cx: Cx, _ticket: &Ticket) -> Result<Enrollment, ChannelError> {
        // This channel decides at once and gives no tickets.
        Err(ChannelError::Refused("no such enrolment".into()))
    }

    fn revoke(&self, cx: Cx, what: &Revocation) -> Result<(), ChannelError> {
        let certificate = Certificate::from_der(&what.certificate.0)
            .map_err(|e| ChannelError::Refused(format!("not a certificate: {e}")))?;
        let issuer = self.issuers().find(|i| i.issued(&certificate));
        let issuer = issuer.ok_or_else(|| ChannelError::Refused("issued by another CA".into()))?;
        let revoked = Revoked { at: what.at, reason: what.reason };
        let mut marked = self.rows.revoke(&issuer.label, &certificate.serial, revoked)?;
        if marked == Marked::NeverIssued && issuer.signed(&certificate) {
            // The ceremony's, or one from after the backup that this state was restored from: written down now.
            let row = Issued { not_after: certificate.not_after, revoked: None };
            self.rows.issue(&issuer.label, &certificate.serial, &row)?;
            marked = self.rows.revoke(&issuer.label, &certificate.serial, revoked)?;
        }
        match marked {
            Marked::NeverIssued => Err(ChannelError::Refused("this CA has not issued it".into())),
            // Also for one that is revoked already: its list may not have been made yet.
            Marked::Already | Marked::Now => self.make_list(cx, issuer, lists::Why::Revocation),
        }
    }

    fn authorities(&self, _cx: Cx) -> Result<Vec<Der>, ChannelError> {
        let mut all: Vec<Der> = Vec::new();
        for certificate in
            self.retired.iter().chain(std::iter::once(&self.issuing)).flat_map(LocalIssuer::chain)
        {
            // A root that two issuing CAs share stands once, at its last place: the trust anchor comes last.
            all.retain(|known| *known != certificate);
            all.push(certificate);
        }
        Ok(all)
    }

    fn maintain(&self, cx: Cx) -> Result<Option<UnixTime>, ChannelError> {
        let now = self.now()?;
        let mut next: Option<UnixTime> = None;
        for issuer in self.issuers().filter(|i| i.certificate.not_after > now) {
            let due = self.keep_list_fresh(cx, issuer, now)?;
            next = Some(next.map_or(due, |n| n.min(due)));
        }
        Ok(next)
    }

    fn repository(&self) -> Option<&dyn Repository> {
        Some(self)
    }
}

impl Repository for CaLocal {
    fn published(&self) -> Vec<Published> {
        let published = |i: &LocalIssuer| Published {
            label: i.label.clone(),
            certificate: i.key.certificate().clone(),
            issuers: i.key.issuers().to_vec(),
        };
        self.issuers().map(published).collect()
    }

    fn crl(&self, label: &str) -> Result<Option<Der>, ChannelError> {
        if self.labelled(label).is_none() {
            return Ok(None);
        }
        Ok(self.rows.list(label)?)
    }

    fn status(&self, label: &str, serial: &[u8]) -> Result<Status, ChannelError> {
        if self.labelled(label).is_none() {
            return Ok(Status::Unknown);
        }
        Ok(match self.rows.issued(label, serial)? {
            None => Status::Unknown,
            Some(row) => match row.revoked {
                None => Status::Good,
                Some(Revoked { at, reason }) => Status::Revoked { at, reason },
            },
        })
    }
}

/// The store failed: the channel is out of order, whatever the cause.
pub(crate) struct StateError(String);

impl From<StoreError> for StateError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<StateError> for ChannelError {
    fn from(error: StateError) -> Self {
        Self::Unavailable(format!("state: {}", error.0))
    }
}

/// The CA key did not sign.
fn key_error(error: IssuerKeyError) -> ChannelError {
    match error {
        IssuerKeyError::Refused(why) => ChannelError::Refused(format!("the CA key's worker refused: {why}")),
        other => ChannelError::Unavailable(format!("CA key: {other}")),
    }
}

#[cfg(test)]
mod tests;
