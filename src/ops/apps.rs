//! 应用: what operators do with applications. The command line reaches these through the admin socket.

use super::appliance::facts;
use super::rows::{App, AppKind, Certificate, Grants, Quotas, Secret};
use super::settings::Level;
use super::{Appliance, Call, Error, Result, table};
use crate::audit::{Act, Actor, Ending, Facts};
use crate::codes::Code;
use hufu_api::{CaPolicy, CertificateKind, Order, Space, StoreError, Write};
use serde::{Deserialize, Serialize};
use std::ops::Bound;
use zeroize::Zeroizing;

/// An application to be added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewApp {
    /// appId: 1 to 64 of letters, digits, `-`, `_`; absent: one is made.
    pub id: Option<String>,
    /// For operators.
    pub name: String,
    /// Test or production.
    pub kind: AppKind,
    /// SHA-256 of SPKI of client certificates, lower hex; empty: any client.
    pub clients: Vec<String>,
    /// Document roots by name; empty: none.
    pub roots: Vec<String>,
    /// appKey to take over from an older installation; absent: one is made.
    pub key: Option<String>,
}

/// An application with its key, which is shown this once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IssuedKey {
    /// appId
    pub app: String,
    /// appKey
    pub key: String,
}

/// A change of an application; absent fields stay.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AppChange {
    /// For operators.
    pub name: Option<String>,
    /// Going from test to production (never back) wants its data purged or kept by decision.
    pub kind: Option<AppKind>,
    /// 上线
    pub online: Option<bool>,
    /// Tokens stop at once.
    pub disabled: Option<bool>,
    /// Client certificate pins.
    pub clients: Option<Vec<String>>,
    /// Document roots.
    pub roots: Option<Vec<String>>,
    /// Grants.
    pub grants: Option<Grants>,
    /// Quotas.
    pub quotas: Option<Quotas>,
    /// Certificate channels.
    pub channels: Option<CaPolicy>,
    /// Kind of certificate of new signers.
    pub certificates: Option<CertificateKind>,
    /// Level of signatures.
    pub level: Option<Level>,
    /// Document root that keeps deposited files; empty: none.
    pub archive: Option<String>,
}

/// An application as operators see it: without its keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AppView {
    /// The row; `secrets` is empty.
    #[serde(flatten)]
    pub app: App,
}

impl Appliance {
    /// Adds an application, online at once, and returns its appKey.
    ///
    /// # Errors
    /// 201 naming what is malformed, 409 when the appId exists.
    pub fn add_app(&self, call: &Call, operator: &Actor, new: NewApp) -> Result<IssuedKey> {
        let id = match new.id {
            Some(id) => id,
            None => self.random_hex(&self.ports.entropy, 8)?,
        };
        if id.is_empty()
            || id.len() > 64
            || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            return Err(Error::malformed("appId"));
        }
        let key = match new.key {
            Some(key) if key.len() >= 8 && key.len() <= 256 => Zeroizing::new(key),
            Some(_) => return Err(Error::malformed("appKey")),
            None => Zeroizing::new(self.random_hex(&self.ports.entropy, 24)?),
        };
        let app = App {
            secrets: vec![Secret { protected: self.protect_app_key(call.cx, &id, &key)?, until: None }],
            id: id.clone(),
            name: new.name,
            kind: new.kind,
            online: true,
            disabled: false,
            clients: pins(new.clients)?,
            epoch: 1,
            grants: Grants::default(),
            quotas: Quotas::default(),
            channels: CaPolicy::default(),
            certificates: CertificateKind::Long,
            level: None,
            archive: None,
            roots: new.roots,
            created: self.ports.clock.now_untrusted(),
        };
        self.note_app(call, operator, &id, "add", Facts::new())?;
        match self.store().commit(&[table::insert(table::named(Space::App, &id), &app)?]) {
            Ok(()) => {
                self.apps.forget(id.as_str());
                Ok(IssuedKey { app: id, key: key.to_string() })
            }
            Err(StoreError::Conflict(_)) => {
                Err(Error::with(Code::IdempotencyConflict, format!("appId {id} 已存在")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Every application in the order of their making, without keys.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn app_views(&self) -> Result<Vec<AppView>> {
        let mut views = Vec::new();
        for id in self.app_ids()? {
            if let Some(row) = table::read::<App>(self.store(), &table::named(Space::App, &id))? {
                views.push(AppView { app: App { secrets: Vec::new(), ..row.value } });
            }
        }
        // An id is random: the order of their making is the one that people know them by.
        views.sort_by_key(|view| view.app.created);
        Ok(views)
    }

    pub(super) fn app_ids(&self) -> Result<Vec<String>> {
        let rows = self.store().scan(Space::App, Bound::Unbounded, Order::Ascending, 100_000)?;
        Ok(rows.into_iter().filter_map(|(key, _)| String::from_utf8(key).ok()).collect())
    }

    /// Changes an application. Disabling it ends its tokens for good.
    ///
    /// # Errors
    /// 20301 no such app; 201 naming what is malformed.
    pub fn set_app(&self, call: &Call, operator: &Actor, id: &str, change: AppChange) -> Result<AppView> {
        let said = serde_json::to_value(&change).map_err(Error::internal)?;
        let app = self.update_app(id, |app| {
            if change.kind == Some(AppKind::Test) && app.kind == AppKind::Production {
                return Err(Error::with(Code::BadParameter, "正式应用不能改为测试应用"));
            }
            if change.disabled == Some(true) && !app.disabled {
                app.epoch += 1;
            }
            app.name = change.name.unwrap_or_else(|| std::mem::take(&mut app.name));
            app.kind = change.kind.unwrap_or(app.kind);
            app.online = change.online.unwrap_or(app.online);
            app.disabled = change.disabled.unwrap_or(app.disabled);
            if let Some(clients) = change.clients {
                app.clients = pins(clients)?;
            }
            app.roots = change.roots.unwrap_or_else(|| std::mem::take(&mut app.roots));
            app.grants = change.grants.unwrap_or_else(|| app.grants.clone());
            app.quotas = change.quotas.unwrap_or_else(|| app.quotas.clone());
            app.channels = change.channels.unwrap_or_else(|| app.channels.clone());
            app.certificates = change.certificates.unwrap_or(app.certificates);
            app.level = change.level.or(app.level);
            if let Some(archive) = change.archive {
                app.archive = (!archive.is_empty()).then_some(archive);
            }
            // What a client may overwrite is no archive.
            if app.archive.as_ref().is_some_and(|archive| app.roots.contains(archive)) {
                return Err(Error::malformed("archive").because("the app may write to this document root"));
            }
            Ok(())
        })?;
        self.usage.forget(id);
        self.note_app(call, operator, id, "set", facts([("change", said)]))?;
        Ok(AppView { app: App { secrets: Vec::new(), ..app } })
    }

    /// A new appKey; the old one stays good for `rotation_overlap_hours`, or ends at once when `now`.
    ///
    /// # Errors
    /// 20301 no such app.
    pub fn rotate_app_key(
        &self,
        call: &Call,
        operator: &Actor,
        id: &str,
        at_once: bool,
    ) -> Result<IssuedKey> {
        let key = Zeroizing::new(self.random_hex(&self.ports.entropy, 24)?);
        let fresh = Secret { protected: self.protect_app_key(call.cx, id, &key)?, until: None };
        let now = self.ports.clock.now_untrusted();
        let overlap = i64::from(self.settings.rotation_overlap_hours) * 3_600_000;
        self.update_app(id, |app| {
            app.secrets.retain(|old| !at_once && old.until.is_none_or(|until| now < until));
            for old in &mut app.secrets {
                old.until.get_or_insert(now.plus_millis(overlap));
            }
            app.secrets.truncate(3);
            app.secrets.insert(0, fresh);
            if at_once {
                app.epoch += 1;
            }
            Ok(())
        })?;
        self.note_app(call, operator, id, "rotate", facts([("at_once", at_once.into())]))?;
        Ok(IssuedKey { app: id.to_owned(), key: key.to_string() })
    }

    /// 应用清库: removes all data of a test app: signers, seals, certificates and keys, projections. Audit records stay.
    /// Returns how many rows went.
    ///
    /// # Errors
    /// 20301 no such app; 403 for a production app.
    pub fn purge_app(&self, call: &Call, operator: &Actor, id: &str) -> Result<u64> {
        let row =
            table::read::<App>(self.store(), &table::named(Space::App, id))?.ok_or(Code::AppNotFound)?;
        if row.value.kind != AppKind::Test {
            return Err(Error::with(Code::Forbidden, "正式应用不能清库"));
        }
        self.note_app(call, operator, id, "purge", Facts::new())?;
        // Tokens of signers that will be gone end first.
        self.update_app(id, |app| {
            app.epoch += 1;
            Ok(())
        })?;
        let mut keys = Vec::new();
        table::each_in_app(self.store(), Space::Certificate, id, |_, bytes| {
            let row: Certificate = table::decode(Space::Certificate, bytes)?;
            keys.push(row);
            Ok(())
        })?;
        for certificate in &keys {
            self.destroy(call, operator, &certificate.key, "purge");
        }
        let mut gone = 0;
        for space in PURGED {
            loop {
                let mut writes: Vec<Write> = Vec::new();
                table::each_in_app(self.store(), space, id, |key, _| {
                    if writes.len() < 500 {
                        writes.push(table::remove(hufu_api::Key { space, bytes: key.to_vec() }));
                    }
                    Ok(())
                })?;
                if writes.is_empty() {
                    break;
                }
                gone += u64::try_from(writes.len()).unwrap_or(u64::MAX);
                self.store().commit(&writes)?;
            }
        }
        self.signers.clear();
        self.credentials.clear();
        self.seals.clear();
        self.appearances.clear();
        self.directory.forget(id);
        self.usage.forget(id);
        Ok(gone)
    }

    fn update_app(&self, id: &str, change: impl FnOnce(&mut App) -> Result<()>) -> Result<App> {
        let key = table::named(Space::App, id);
        let row = table::read::<App>(self.store(), &key)?.ok_or(Code::AppNotFound)?;
        let mut app = row.value;
        change(&mut app)?;
        self.store().commit(&[table::replace(key, row.version, &app)?])?;
        self.apps.forget(id);
        Ok(app)
    }

    fn note_app(&self, call: &Call, operator: &Actor, id: &str, what: &str, mut facts: Facts) -> Result<()> {
        facts.insert("app".into(), id.into());
        facts.insert("change_kind".into(), what.into());
        self.note(call, operator.clone(), Act::ChangeApp, facts, Ending::Done)?;
        Ok(())
    }
}

/// Spaces whose rows belong to one app.
const PURGED: [Space; 12] = [
    Space::SignerByCertify,
    Space::Signer,
    Space::Certificate,
    Space::Seal,
    Space::SealImage,
    Space::Signature,
    Space::Stamp,
    Space::Deposit,
    Space::DepositBySid,
    Space::ByteSign,
    Space::SmsCode,
    Space::Idempotency,
];

/// Client certificate pins: 64 hexadecimal digits each.
fn pins(given: Vec<String>) -> Result<Vec<String>> {
    given
        .into_iter()
        .map(|pin| {
            let pin = pin.to_ascii_lowercase();
            match hex::decode(&pin) {
                Ok(bytes) if bytes.len() == 32 => Ok(pin),
                _ => Err(Error::malformed("clients")),
            }
        })
        .collect()
}
