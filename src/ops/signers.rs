//! 更新与查询用户: changes of name and phone, look-ups by certifyNum and signerId.

use super::appliance::facts;
use super::enroll::subject;
use super::keymaker::Applicant;
use super::rows::{App, Certificate, Signer, Standing};
use super::rules::Name;
use super::{Appliance, Call, Caller, Error, Result, table};
use crate::audit::{Act, Actor, Ending};
use crate::codes::Code;
use hufu_api::{CertificateKind, Mobile, Revocation, RevocationReason, SignerKind, Space, Store, StoreError};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// A change of a signer; at least one of the two.
#[derive(Clone, Debug)]
pub struct SignerChange {
    /// The new name.
    pub name: Option<Name>,
    /// The new mobile number.
    pub mobile: Option<Mobile>,
}

/// One page of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// pageNum, from 1.
    pub page: u64,
    /// pageSize, 1 to 1,000.
    pub size: u64,
}

/// What a query found.
#[derive(Clone, Debug)]
pub struct SignerPage {
    /// The page asked for.
    pub page: u64,
    /// Pages in all.
    pub pages: u64,
    /// Signers in all.
    pub total: u64,
    /// This page's.
    pub signers: Vec<Arc<Signer>>,
}

/// All signerIds of each app in ascending order, read once and kept up.
#[derive(Debug, Default)]
pub(super) struct Directory {
    apps: Mutex<HashMap<String, Vec<u64>>>,
}

impl Directory {
    /// Notes a new signer, if the app's list has been read.
    pub(super) fn add(&self, app: &str, id: u64) {
        if let Some(ids) = self.apps.lock().get_mut(app)
            && let Err(at) = ids.binary_search(&id)
        {
            ids.insert(at, id);
        }
    }

    /// Reads the list anew at next use.
    pub(super) fn forget(&self, app: &str) {
        self.apps.lock().remove(app);
    }

    fn with<T>(&self, store: &dyn Store, app: &str, look: impl FnOnce(&[u64]) -> T) -> Result<T> {
        let mut apps = self.apps.lock();
        if !apps.contains_key(app) {
            let mut ids = Vec::new();
            table::each_in_app(store, Space::Signer, app, |key, _| {
                ids.extend(table::id_of(key));
                Ok(())
            })?;
            apps.insert(app.to_owned(), ids);
        }
        Ok(look(apps.get(app).map_or(&[], Vec::as_slice)))
    }
}

impl Appliance {
    /// The signer, if it is of this kind and the caller may act for it.
    ///
    /// # Errors
    /// 20001 another signer's token or the other kind, 20206 no such signer.
    pub fn signer_of_kind(&self, caller: &Caller, id: u64, kind: SignerKind) -> Result<Arc<Signer>> {
        caller.may_act_for(id)?;
        let signer = self.acting_signer(&caller.app, id)?;
        if signer.kind == kind { Ok(signer) } else { Err(Code::NoPermission.into()) }
    }

    /// 更新用户信息. A new name brings a new certificate; the old one is revoked and its key destroyed.
    ///
    /// # Errors
    /// 201 nothing to change, 20001 the present value, 20206 no such signer, and what enrolment may fail with.
    pub fn change_signer(
        &self,
        call: &Call,
        caller: &Caller,
        id: u64,
        kind: SignerKind,
        change: SignerChange,
    ) -> Result<()> {
        self.signer_of_kind(caller, id, kind)?;
        let app = &caller.app;
        let key = table::in_app(Space::Signer, &app.id, id);
        let lock = [b"signer\0", key.bytes.as_slice()].concat();
        let _held = self.locks.hold(lock, call.cx.deadline).ok_or(Code::Overloaded)?;
        let row = self.signer_row(app, id)?.ok_or(Code::SignerNotFound)?;
        let mut signer = row.value;
        if change.name.as_ref() == Some(&signer.name) {
            return Err(Error::unchanged("userName"));
        }
        if change.mobile.is_some() && change.mobile == signer.mobile {
            return Err(Error::unchanged("phoneNo"));
        }
        if change.name.is_none() && change.mobile.is_none() {
            return Err(Error::with(Code::BadParameter, "userName、phoneNo 为空"));
        }
        let actor = Self::actor(call, caller);
        let renamed = change.name.is_some();
        if let Some(name) = change.name {
            signer.name = name;
        }
        if let Some(mobile) = change.mobile {
            signer.mobile = Some(mobile);
        }
        let mut writes = Vec::new();
        let mut replaced = None;
        let mut fresh = None;
        if renamed && signer.certificates == CertificateKind::Long {
            let new = self.renew_certificate(call, &actor, caller, &signer)?;
            replaced = self.revoked_row(caller, signer.certificate)?;
            signer.certificate = Some(new.id);
            writes.push(table::insert(table::in_app(Space::Certificate, &app.id, new.id), &new)?);
            if let Some((old, version)) = &replaced {
                writes.push(table::replace(
                    table::in_app(Space::Certificate, &app.id, old.id),
                    *version,
                    old,
                )?);
            }
            fresh = Some(new);
        }
        writes.push(table::replace(key, row.version, &signer)?);
        let mut facts = facts([("signer", id.into()), ("renamed", renamed.into())]);
        if let Some(mobile) = &signer.mobile {
            facts.insert("mobile_hash".into(), self.pseudonym(call.cx, &mobile.number)?.into());
        }
        let stored = self
            .note(call, actor.clone(), Act::ChangeSigner, facts, Ending::Done)
            .and_then(|_| Ok(self.store().commit(&writes)?));
        if let Err(error) = stored {
            if let Some(new) = &fresh {
                self.destroy(call, &actor, &new.key, "change not stored");
            }
            return Err(error);
        }
        self.signers.forget(&(app.id.clone(), id));
        if let Some((old, _)) = replaced {
            self.credentials.forget(&(app.id.clone(), old.id));
            self.revoke_at_channel(call, &actor, &app.id, &old);
            self.destroy(call, &actor, &old.key, "superseded");
        }
        Ok(())
    }

    pub(super) fn renew_certificate(
        &self,
        call: &Call,
        actor: &Actor,
        caller: &Caller,
        signer: &Signer,
    ) -> Result<Certificate> {
        let app = &caller.app;
        let applicant = Applicant {
            app,
            signer: signer.id,
            subject: subject(&app.id, signer.id, signer.kind, &signer.name, signer.region),
            kind: CertificateKind::Long,
            ca_type: signer.ca_type.as_deref(),
            scene: None,
        };
        let certified = self.certify(call, actor, &applicant)?;
        let key = certified.key.clone();
        let row = self
            .certificate_ids
            .next(self.store())
            .and_then(|certificate_id| certified.into_row(certificate_id, signer.id));
        if row.is_err() {
            self.destroy(call, actor, &key, "certificate does not read");
        }
        row
    }

    /// The certificate of a signer that has none yet, as one from an older installation: made at the first need.
    ///
    /// # Errors
    /// What enrolment may fail with.
    pub(super) fn first_certificate(&self, call: &Call, app: &App, id: u64) -> Result<u64> {
        let caller = Caller { app: Arc::new(app.clone()), signer: None };
        let actor = Self::actor(call, &caller);
        let key = table::in_app(Space::Signer, &app.id, id);
        let lock = [b"signer\0", key.bytes.as_slice()].concat();
        let _held = self.locks.hold(lock, call.cx.deadline).ok_or(Code::Overloaded)?;
        let row = self.signer_row(app, id)?.ok_or(Code::SignerNotFound)?;
        if let Some(there) = row.value.certificate {
            return Ok(there);
        }
        let new = self.renew_certificate(call, &actor, &caller, &row.value)?;
        let signer = Signer { certificate: Some(new.id), ..row.value };
        let writes = [
            table::insert(table::in_app(Space::Certificate, &app.id, new.id), &new)?,
            table::replace(key, row.version, &signer)?,
        ];
        let change = facts([("signer", id.into()), ("certificate", new.id.into())]);
        let stored = self
            .note(call, actor.clone(), Act::ChangeSigner, change, Ending::Done)
            .and_then(|_| Ok(self.store().commit(&writes)?));
        if let Err(error) = stored {
            self.destroy(call, &actor, &new.key, "certificate not stored");
            return Err(error);
        }
        self.signers.forget(&(app.id.clone(), id));
        Ok(new.id)
    }

    /// The present certificate's row as revoked, with the version to expect.
    fn revoked_row(&self, caller: &Caller, id: Option<u64>) -> Result<Option<(Certificate, u64)>> {
        let Some(id) = id else { return Ok(None) };
        let key = table::in_app(Space::Certificate, &caller.app.id, id);
        let Some(row) = table::read::<Certificate>(self.store(), &key)? else { return Ok(None) };
        let mut old = row.value;
        let reason = RevocationReason::AffiliationChanged;
        old.standing = Standing::Revoked { at: self.now()?, reason, confirmed: false };
        Ok(Some((old, row.version)))
    }

    /// Tells the channel of a revocation that the store already knows; what fails is told again by
    /// [`Appliance::settle_revocations`].
    pub(super) fn revoke_at_channel(&self, call: &Call, actor: &Actor, app: &str, old: &Certificate) {
        let Standing::Revoked { at, reason, confirmed: false } = old.standing else { return };
        let Some(leaf) = old.chain.first() else { return };
        let what = Revocation { certificate: leaf.clone(), reason, at };
        let result = self.ports.authorities.revoke(call.cx, &old.channel, &what);
        let ending = if result.is_ok() { Ending::Done } else { Ending::Failed };
        let mut facts = facts([("certificate", old.id.into()), ("channel", old.channel.clone().into())]);
        if let Err(error) = &result {
            tracing::warn!(request = %call.cx.request, certificate = old.id, %error, "revocation not confirmed");
            facts.insert("reason".into(), error.to_string().into());
        }
        let noted = self.note(call, actor.clone(), Act::RevokeCertificate, facts, ending);
        if result.is_ok() && noted.is_ok() {
            let mut confirmed = old.clone();
            confirmed.standing = Standing::Revoked { at, reason, confirmed: true };
            let write = table::put(table::in_app(Space::Certificate, app, old.id), &confirmed);
            if let Err(error) = write.and_then(|w| Ok(self.store().commit(&[w])?)) {
                tracing::warn!(certificate = old.id, %error, "confirmation of a revocation not stored");
            }
        }
    }

    /// 查询用户编号: the signerIds of certifyNums, in the order asked, unknown ones left out.
    ///
    /// # Errors
    /// 20206 when none is known.
    pub fn signer_ids(&self, caller: &Caller, numbers: &[String]) -> Result<Vec<(String, u64)>> {
        caller.platform_only()?;
        let mut found: Vec<(String, u64)> = Vec::new();
        for number in numbers {
            if found.iter().any(|(known, _)| known == number) {
                continue;
            }
            found.extend(self.signer_id(caller, number)?.map(|id| (number.clone(), id)));
        }
        if found.is_empty() { Err(Code::SignerNotFound.into()) } else { Ok(found) }
    }

    /// The signer with this certifyNum; a mainland card's small x is its X.
    pub(super) fn signer_id(&self, caller: &Caller, number: &str) -> Result<Option<u64>> {
        let look = |number: &str| {
            let key = table::in_app_text(Space::SignerByCertify, &caller.app.id, number);
            Ok::<_, Error>(table::read::<u64>(self.store(), &key)?.map(|row| row.value))
        };
        match look(number)? {
            None if number.ends_with('x') => look(&number.to_ascii_uppercase()),
            found => Ok(found),
        }
    }

    /// 查询用户信息: the signers asked for, or all of the app in ascending order.
    ///
    /// # Errors
    /// 20206 when ids were given and none is known.
    pub fn signer_page(&self, caller: &Caller, ids: Option<&[u64]>, paging: Paging) -> Result<SignerPage> {
        caller.platform_only()?;
        let app = &caller.app;
        let skip = paging.page.saturating_sub(1).saturating_mul(paging.size);
        let slice = |ids: &[u64]| -> (u64, Vec<u64>) {
            let total = u64::try_from(ids.len()).unwrap_or(u64::MAX);
            let from = usize::try_from(skip).unwrap_or(usize::MAX);
            let size = usize::try_from(paging.size).unwrap_or(usize::MAX);
            (total, ids.iter().copied().skip(from).take(size).collect())
        };
        let (total, page) = match ids {
            None => self.directory.with(self.store(), &app.id, slice)?,
            Some(ids) => {
                let mut known = Vec::new();
                for id in ids {
                    if known.contains(id) {
                        continue;
                    }
                    match self.signer(app, *id) {
                        Ok(_) => known.push(*id),
                        Err(error) if error.code == Code::SignerNotFound => {}
                        Err(error) => return Err(error),
                    }
                }
                if known.is_empty() {
                    return Err(Code::SignerNotFound.into());
                }
                slice(&known)
            }
        };
        let signers = page.into_iter().map(|id| self.signer(app, id)).collect::<Result<Vec<_>>>()?;
        Ok(SignerPage { page: paging.page, pages: total.div_ceil(paging.size.max(1)), total, signers })
    }

    /// The certificates of a signer, or of the whole app, as clients see them.
    ///
    /// # Errors
    /// 20001 for another's token.
    pub fn certificates(&self, caller: &Caller, signer: Option<u64>) -> Result<Vec<serde_json::Value>> {
        let wanted = signer.or(caller.signer);
        match wanted {
            Some(id) => caller.may_act_for(id)?,
            None => caller.platform_only()?,
        }
        let mut found = Vec::new();
        table::each_in_app(self.store(), Space::Certificate, &caller.app.id, |_, bytes| {
            let row: Certificate = table::decode(Space::Certificate, bytes)?;
            if wanted.is_none_or(|id| row.signer == id) && found.len() < 10_000 {
                found.push(shown(&row));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The chain of one certificate of the app as PEM, leaf first.
    ///
    /// # Errors
    /// 60108 when there is none, 20001 for another's token.
    pub fn certificate_pem(&self, caller: &Caller, id: u64) -> Result<String> {
        let key = table::in_app(Space::Certificate, &caller.app.id, id);
        let row = table::read::<Certificate>(self.store(), &key)?.ok_or(Code::CertificateMissing)?.value;
        caller.may_act_for(row.signer)?;
        if row.chain.is_empty() {
            return Err(Code::CertificateMissing.into());
        }
        let pem = |der: &hufu_api::Der| {
            der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &der.0).map_err(Error::internal)
        };
        row.chain.iter().map(pem).collect()
    }

    /// Tells channels again of revocations that they have not confirmed, and asks again for pending certificates; the
    /// edge calls it now and then. Returns how many were settled.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn settle_certificates(&self, call: &Call) -> Result<u64> {
        let mut settled = 0;
        for app in self.app_ids()? {
            let mut open = Vec::new();
            table::each_in_app(self.store(), Space::Certificate, &app, |_, bytes| {
                let row: Certificate = table::decode(Space::Certificate, bytes)?;
                if matches!(
                    row.standing,
                    Standing::Pending { .. } | Standing::Revoked { confirmed: false, .. }
                ) {
                    open.push(row);
                }
                Ok(())
            })?;
            let actor = Actor { app: Some(app.clone()), ..Actor::default() };
            for row in open {
                match row.standing {
                    Standing::Revoked { .. } => self.revoke_at_channel(call, &actor, &app, &row),
                    Standing::Pending { .. } => match self.resume(call, &app, row) {
                        Ok(()) => settled += 1,
                        Err(error) => tracing::info!(%error, "certificate still pending"),
                    },
                    Standing::Active => {}
                }
            }
        }
        Ok(settled)
    }

    /// Asks a channel again for a pending certificate.
    pub(super) fn resume(&self, call: &Call, app: &str, mut row: Certificate) -> Result<()> {
        let Standing::Pending { ticket, csr } = &row.standing else { return Ok(()) };
        if self.now()? < ticket.not_before {
            return Err(Code::CertificateMissing.into());
        }
        let settings = self.settings.certificates.of(row.subject.kind, row.kind);
        let csr = hufu_api::Csr { der: &csr.0, subject: &row.subject, scene: None };
        let enrollment = self
            .ports
            .authorities
            .resume(call.cx, &row.channel, ticket, csr, &settings.profile)
            .map_err(|error| super::error::ca_error(&error))?;
        match enrollment {
            hufu_api::Enrollment::Pending(ticket) => {
                if let Standing::Pending { ticket: old, .. } = &mut row.standing {
                    *old = ticket;
                }
            }
            hufu_api::Enrollment::Issued(chain) => {
                (row.not_before, row.not_after) = super::keymaker::validity(&chain)?;
                row.chain = chain.0;
                row.standing = Standing::Active;
            }
        }
        let pending = row.standing != Standing::Active;
        let write = table::put(table::in_app(Space::Certificate, app, row.id), &row)?;
        match self.store().commit(&[write]) {
            Ok(()) | Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.credentials.forget(&(app.to_owned(), row.id));
        if pending { Err(Code::CertificateMissing.into()) } else { Ok(()) }
    }
}

fn shown(row: &Certificate) -> serde_json::Value {
    use base64::Engine;
    let (standing, revoked) = match &row.standing {
        Standing::Active => ("active", None),
        Standing::Pending { .. } => ("pending", None),
        Standing::Revoked { at, reason, confirmed } => ("revoked", Some((at, reason, confirmed))),
    };
    let chain: Vec<String> =
        row.chain.iter().map(|der| base64::engine::general_purpose::STANDARD.encode(&der.0)).collect();
    let mut shown = serde_json::json!({
        "certificateId": row.id,
        "signerId": row.signer,
        "channel": row.channel,
        "profile": row.profile,
        "standing": standing,
        "notBefore": row.not_before.millis(),
        "notAfter": row.not_after.millis(),
        "chain": chain,
    });
    if let (Some(members), Some((at, reason, confirmed))) = (shown.as_object_mut(), revoked) {
        members.insert("revoked".into(), at.millis().into());
        members.insert("reason".into(), serde_json::to_value(reason).unwrap_or_default());
        // Until its channel has confirmed it, it is told again.
        members.insert("confirmed".into(), (*confirmed).into());
    }
    shown
}
