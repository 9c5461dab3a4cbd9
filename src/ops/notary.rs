//! The appliance's own signature: a certificate from the default channel, with a key in the signers' token, under which it
//! issues its evidence reports.

use super::keymaker::{Applicant, owner};
use super::rows::{App, AppKind, Certificate, Grants, Quotas, Standing};
use super::sign::Credential;
use super::{Appliance, Call, Result, table};
use crate::audit::Actor;
use crate::codes::Code;
use hufu_api::{CaPolicy, CertificateKind, SignerKind, Space, Subject, UnixTime};
use std::sync::Arc;

/// Whose rows these are: no appId has a dot.
const APP: &str = "hufu.appliance";
/// The one signer there.
const SIGNER: u64 = 0;
/// Where the number of the certificate in use stands.
const IN_USE: &str = "evidence-certificate";
/// A certificate with less life left than this is replaced.
const LEAST_LIFE_MILLIS: i64 = 30 * 86_400_000;

impl Appliance {
    /// What the appliance signs its reports with; made at the first use, and anew before it ends.
    pub(super) fn own_credential(&self, call: &Call, now: UnixTime) -> Result<Arc<Credential>> {
        let _held = self.locks.hold(IN_USE.as_bytes().to_vec(), call.cx.deadline).ok_or(Code::Overloaded)?;
        let in_use = table::named(Space::Meta, IN_USE);
        let id = table::read::<u64>(self.store(), &in_use)?.map(|row| row.value);
        let mut held = None;
        if let Some(id) = id {
            held = self.own_certificate(id)?;
            let lasts = |c: &Credential| now.plus_millis(LEAST_LIFE_MILLIS) < c.row.not_after;
            if let Some(credential) = held.as_ref().filter(|c| lasts(c)) {
                return Ok(Arc::clone(credential));
            }
        }
        match self.new_own_certificate(call) {
            Ok(credential) => Ok(credential),
            // The old one still does while the channel is away.
            Err(error) => held.filter(|c| now <= c.row.not_after).ok_or(error),
        }
    }

    fn own_certificate(&self, id: u64) -> Result<Option<Arc<Credential>>> {
        let load = || {
            let stored = table::in_app(Space::Certificate, APP, id);
            let row = table::read::<Certificate>(self.store(), &stored)?.map(|row| row.value);
            row.filter(|row| row.standing == Standing::Active).map(Credential::new).transpose()
        };
        let found = self.credentials.get_or(&(APP.to_owned(), id), load)?;
        // A row that names another's key must not sign, whoever put it there.
        Ok(found.filter(|credential| credential.row.key.owner == owner(APP, SIGNER)))
    }

    fn new_own_certificate(&self, call: &Call) -> Result<Arc<Credential>> {
        let (app, name) = (own_app(self.ports.clock.now_untrusted()), self.settings.evidence_name.clone());
        let applicant = Applicant {
            app: &app,
            signer: SIGNER,
            subject: Subject {
                kind: SignerKind::Company,
                common_name: name.clone(),
                serial_number: APP.to_owned(),
                organization: Some(name),
                country: "CN".to_owned(),
            },
            kind: CertificateKind::Long,
            ca_type: None,
            scene: None,
        };
        let actor = Actor { operator: Some("appliance".into()), ..Actor::default() };
        let certified = self.certify(call, &actor, &applicant)?;
        let key = certified.key.clone();
        let stored = self.certificate_ids.next(self.store()).and_then(|id| {
            let row = certified.into_row(id, SIGNER)?;
            if row.standing != Standing::Active {
                return Err(Code::CertificateMissing.into());
            }
            self.store().commit(&[
                table::insert(table::in_app(Space::Certificate, APP, id), &row)?,
                table::put(table::named(Space::Meta, IN_USE), &id)?,
            ])?;
            self.own_certificate(id)?.ok_or_else(|| Code::CertificateMissing.into())
        });
        if stored.is_err() {
            self.destroy(call, &actor, &key, "no certificate for evidence");
        }
        stored
    }
}

/// Nobody can log in as this: it is in no table.
fn own_app(created: UnixTime) -> App {
    App {
        id: APP.to_owned(),
        name: APP.to_owned(),
        kind: AppKind::Production,
        online: false,
        disabled: true,
        secrets: Vec::new(),
        clients: Vec::new(),
        epoch: 0,
        grants: Grants::default(),
        quotas: Quotas::default(),
        channels: CaPolicy::default(),
        certificates: CertificateKind::Long,
        level: None,
        roots: Vec::new(),
        archive: None,
        created,
    }
}
