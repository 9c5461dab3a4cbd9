//! The appliance as operations see it: its ports, its settings, and what it keeps in memory.

use super::cache::Cache;
use super::ids::Ids;
use super::locks::Locks;
use super::rows::{App, Seal, Signer};
use super::settings::Settings;
use super::sign::Credential;
use super::table::{self, Row};
use super::{Error, Result, auth, places, seals, signers};
use crate::audit::{Act, Actor, AuditLog, AuditReader, Ending, Event, Facts};
use crate::codes::Code;
use crate::documents::Documents;
use crate::keys::Keys;
use crate::seal::FontSet;
use crate::x509::path::TrustStore;
use arc_swap::ArcSwap;
use hufu_api::{
    CertificateAuthorities, Clock, Cx, Entropy, IdKind, RequestId, SmsChannel, Space, StatusLookup,
    StatusProofs, Store, TimestampSource, UnixTime,
};
use std::net::IpAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// What the appliance stands on.
pub struct Ports {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// State.
    pub store: Arc<dyn Store>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// The token.
    pub keys: Arc<dyn Keys>,
    /// Randomness for ids.
    pub entropy: Arc<dyn Entropy>,
    /// Certificate channels.
    pub authorities: Arc<dyn CertificateAuthorities>,
    /// The SMS gateway, where one is configured.
    pub sms: Option<Arc<dyn SmsChannel>>,
    /// The time source, where one is configured.
    pub timestamps: Option<Arc<dyn TimestampSource>>,
    /// Where proofs of certificates' status come from, for the levels B-LT and B-LTA.
    pub proofs: Option<Arc<dyn StatusProofs>>,
    /// Where the status of certificates in verified files is looked up, where they do not bring it along.
    pub lookup: Option<Arc<dyn StatusLookup>>,
    /// Files below the document roots.
    pub documents: Arc<dyn Documents>,
    /// Fonts of seals and captions.
    pub fonts: Arc<FontSet>,
}

/// The appliance. Shared by all worker slots; every operation is a method, each in its own file.
pub struct Appliance {
    pub(super) ports: Ports,
    pub(super) settings: Settings,
    pub(super) secrets: auth::Secrets,
    pub(super) throttle: auth::Throttle,
    pub(super) apps: Cache<String, App>,
    pub(super) signers: Cache<(String, u64), Signer>,
    pub(super) credentials: Cache<(String, u64), Credential>,
    pub(super) seals: Cache<(String, u64), Seal>,
    pub(super) appearances: seals::Appearances,
    pub(super) directory: signers::Directory,
    pub(super) locks: Locks,
    pub(super) signer_ids: Ids,
    pub(super) seal_ids: Ids,
    pub(super) signature_ids: Ids,
    pub(super) deposit_ids: Ids,
    pub(super) certificate_ids: Ids,
    pub(super) remote: places::Remote,
    /// Octets of the largest time-stamp token seen.
    pub(super) largest_stamp: AtomicUsize,
    pub(super) usage: super::quota::Usage,
    pub(super) refusals: super::refusals::Refusals,
    pub(super) withdrawals: super::release::Withdrawals,
    pub(super) trust: ArcSwap<TrustStore>,
    pub(super) reader: OnceLock<Arc<dyn AuditReader>>,
    pub(super) nonces: super::validate::Nonces,
    pub(super) channel_files: OnceLock<super::operate::ChannelFiles>,
    pub(super) renewals: parking_lot::Mutex<super::RenewalReport>,
}

/// One request as operations see it.
#[derive(Clone, Debug)]
pub struct Call {
    /// Request id and deadline.
    pub cx: Cx,
    /// Where it came from.
    pub from: Origin,
    /// SHA-256 of the client certificate's SPKI, on mutual TLS.
    pub client: Option<[u8; 32]>,
    /// Set when the client asked for at-most-once.
    pub idempotency: Option<super::idempotency::IdempotencyKey>,
}

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// An address.
    Address(IpAddr),
    /// The admin socket or the command line.
    Operator,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(ip) => ip.fmt(f),
            Self::Operator => f.write_str("cli"),
        }
    }
}

impl Call {
    /// A call of an operator at the command line or admin socket.
    pub fn operator(request: RequestId, time: Duration) -> Self {
        let deadline = Instant::now().checked_add(time).unwrap_or_else(Instant::now);
        Self { cx: Cx { request, deadline }, from: Origin::Operator, client: None, idempotency: None }
    }
}

/// Who calls, after authentication.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The application.
    pub app: Arc<App>,
    /// Set for a signer's own token.
    pub signer: Option<u64>,
}

impl Caller {
    /// 403 for signers' tokens.
    ///
    /// # Errors
    /// [`Code::Forbidden`].
    pub fn platform_only(&self) -> Result<()> {
        if self.signer.is_some() { Err(Code::Forbidden.into()) } else { Ok(()) }
    }

    /// A signer's token may act for itself alone.
    ///
    /// # Errors
    /// [`Code::NoPermission`].
    pub fn may_act_for(&self, signer: u64) -> Result<()> {
        match self.signer {
            Some(own) if own != signer => Err(Code::NoPermission.into()),
            _ => Ok(()),
        }
    }
}

impl Appliance {
    /// Puts the appliance together. Nothing is read or written yet.
    pub fn new(ports: Ports, settings: Settings) -> Self {
        let remote = places::Remote::new(settings.remote_places);
        Self {
            ports,
            remote,
            settings,
            secrets: auth::Secrets::default(),
            throttle: auth::Throttle::default(),
            apps: Cache::new(1_000),
            signers: Cache::new(100_000),
            credentials: Cache::new(50_000),
            seals: Cache::new(100_000),
            appearances: seals::Appearances::new(),
            directory: signers::Directory::default(),
            locks: Locks::default(),
            signer_ids: Ids::new(IdKind::Signer, 8),
            seal_ids: Ids::new(IdKind::Seal, 8),
            signature_ids: Ids::new(IdKind::Signature, 1_024),
            deposit_ids: Ids::new(IdKind::Deposit, 64),
            certificate_ids: Ids::new(IdKind::Certificate, 64),
            largest_stamp: AtomicUsize::new(8 * 1_024),
            usage: super::quota::Usage::default(),
            refusals: super::refusals::Refusals::default(),
            withdrawals: super::release::Withdrawals::default(),
            trust: ArcSwap::from_pointee(TrustStore::new()),
            reader: OnceLock::new(),
            nonces: super::validate::Nonces::default(),
            channel_files: OnceLock::new(),
            renewals: parking_lot::Mutex::default(),
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The ports, for the edge's own needs (health, time).
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    pub(super) fn store(&self) -> &dyn Store {
        self.ports.store.as_ref()
    }

    pub(super) fn now(&self) -> Result<UnixTime> {
        Ok(self.ports.clock.now()?)
    }

    /// The application, from memory where possible.
    pub(super) fn app(&self, id: &str) -> Result<Option<Arc<App>>> {
        self.apps.get_or(id, || {
            Ok(table::read::<App>(self.store(), &table::named(Space::App, id))?.map(|row| row.value))
        })
    }

    /// The signer of this app; 20206 if there is none.
    pub(super) fn signer(&self, app: &App, id: u64) -> Result<Arc<Signer>> {
        self.signers
            .get_or(&(app.id.clone(), id), || Ok::<_, Error>(self.signer_row(app, id)?.map(|row| row.value)))?
            .ok_or_else(|| Code::SignerNotFound.into())
    }

    pub(super) fn signer_row(&self, app: &App, id: u64) -> Result<Option<Row<Signer>>> {
        table::read(self.store(), &table::in_app(Space::Signer, &app.id, id))
    }

    /// Who, for the audit log.
    pub(super) fn actor(call: &Call, caller: &Caller) -> Actor {
        Actor {
            app: Some(caller.app.id.clone()),
            client: call.client.map(hex::encode),
            from: Some(call.from.to_string()),
            operator: None,
            signer: caller.signer,
        }
    }

    /// Records an act without a key.
    pub(super) fn note(
        &self,
        call: &Call,
        actor: Actor,
        act: Act,
        facts: Facts,
        ending: Ending,
    ) -> Result<u64> {
        Ok(self.ports.audit.record(call.cx, Event { act, actor, facts, ending })?)
    }
}

/// Facts from pairs.
pub(super) fn facts<const N: usize>(pairs: [(&str, serde_json::Value); N]) -> Facts {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
