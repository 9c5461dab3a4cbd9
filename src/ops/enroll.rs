//! 创建用户: a signer with key and certificate, in one commit.

use super::appliance::facts;
use super::idempotency::Asked;
use super::keymaker::Applicant;
use super::quota::Counted;
use super::rows::{Certificate, Signer};
use super::rules::{Certify, IdentityRegion, Name};
use super::{Appliance, Call, Caller, Error, Result, table};
use crate::audit::{Act, Ending};
use crate::codes::Code;
use hufu_api::{CertificateKind, Mobile, SignerKind, Space, StoreError, Subject};

/// A signer to be created; every value has been checked.
#[derive(Clone, Debug)]
pub struct NewSigner {
    /// Person or company.
    pub kind: SignerKind,
    /// userName
    pub name: Name,
    /// identityRegion, for persons.
    pub region: Option<IdentityRegion>,
    /// certifyType and certifyNum
    pub certify: Certify,
    /// phoneRegion and phoneNo
    pub mobile: Option<Mobile>,
    /// caType
    pub ca_type: Option<String>,
    /// certType
    pub certificates: Option<CertificateKind>,
}

impl Appliance {
    /// Creates a signer and returns its signerId.
    ///
    /// # Errors
    /// 20207 certifyNum exists, 20210 no certificate service, 20302 quota, and what key and channel may fail with.
    pub fn create_signer(&self, call: &Call, caller: &Caller, new: NewSigner) -> Result<u64> {
        caller.platform_only()?;
        let app = &caller.app;
        let once = match self.once(call, &app.id)? {
            Asked::Before(id) => return Ok(id),
            Asked::First(once) => once,
        };
        let number = new.certify.number.clone();
        let index = table::in_app_text(Space::SignerByCertify, &app.id, &number);
        let exists = || Error::with(Code::CertifyNumberExists, format!("认证号码({number})已经存在"));
        let lock = [b"certify\0", index.bytes.as_slice()].concat();
        let _held = self.locks.hold(lock, call.cx.deadline).ok_or(Code::Overloaded)?;
        if self.store().get(&index)?.is_some() {
            return Err(exists());
        }
        let quota = self.count(app, Counted::Signers)?;
        let id = self.signer_ids.next(self.store())?;
        let now = self.now()?;
        let actor = Self::actor(call, caller);
        let kind = new.certificates.unwrap_or(app.certificates);
        let applicant = Applicant {
            app,
            signer: id,
            subject: subject(&app.id, id, new.kind, &new.name, new.region),
            kind,
            ca_type: new.ca_type.as_deref(),
            scene: None,
        };
        let certificate = match kind {
            CertificateKind::Long => {
                let certified = self.certify(call, &actor, &applicant)?;
                let certificate_id = self.certificate_ids.next(self.store())?;
                let key = certified.key.clone();
                match certified.into_row(certificate_id, id) {
                    Ok(row) => Some(row),
                    Err(error) => {
                        self.destroy(call, &actor, &key, "certificate does not read");
                        return Err(error);
                    }
                }
            }
            // Made for each signature; only the route is checked now.
            CertificateKind::Scene => {
                self.route(&applicant)?;
                None
            }
        };
        let signer = Signer {
            id,
            kind: new.kind,
            name: new.name,
            certify: new.certify,
            region: new.region,
            mobile: new.mobile,
            certificates: kind,
            ca_type: new.ca_type,
            certificate: certificate.as_ref().map(|c| c.id),
            created: now,
            disabled: None,
        };
        let stored = self.note_signer(call, caller, &signer).and_then(|()| {
            self.store_signer(&app.id, &signer, certificate.as_ref(), index, once.remember(id, now)?)
        });
        if let Err(error) = stored {
            if let Some(certificate) = &certificate {
                self.destroy(call, &actor, &certificate.key, "signer not stored");
            }
            return Err(if error.code == Code::CertifyNumberExists { exists() } else { error });
        }
        self.directory.add(&app.id, id);
        quota.keep();
        Ok(id)
    }

    fn note_signer(&self, call: &Call, caller: &Caller, signer: &Signer) -> Result<()> {
        let mut facts = facts([
            ("signer", signer.id.into()),
            ("kind", serde_json::to_value(signer.kind).map_err(Error::internal)?),
            ("certify_hash", self.pseudonym(call.cx, &signer.certify.number)?.into()),
        ]);
        if let Some(mobile) = &signer.mobile {
            facts.insert("mobile_hash".into(), self.pseudonym(call.cx, &mobile.number)?.into());
        }
        self.note(call, Self::actor(call, caller), Act::CreateSigner, facts, Ending::Done)?;
        Ok(())
    }

    fn store_signer(
        &self,
        app: &str,
        signer: &Signer,
        certificate: Option<&Certificate>,
        index: hufu_api::Key,
        answer: Option<hufu_api::Write>,
    ) -> Result<()> {
        let mut writes = vec![
            table::insert(index, &signer.id)?,
            table::insert(table::in_app(Space::Signer, app, signer.id), signer)?,
        ];
        if let Some(certificate) = certificate {
            writes.push(table::insert(table::in_app(Space::Certificate, app, certificate.id), certificate)?);
        }
        writes.extend(answer);
        match self.store().commit(&writes) {
            Err(StoreError::Conflict(0)) => Err(Code::CertifyNumberExists.into()),
            other => Ok(other?),
        }
    }
}

/// The name in a signer's certificate. serialNumber is the app's own reference, never the identity number.
pub(super) fn subject(
    app: &str,
    signer: u64,
    kind: SignerKind,
    name: &Name,
    region: Option<IdentityRegion>,
) -> Subject {
    Subject {
        kind,
        common_name: name.as_str().to_owned(),
        serial_number: format!("{app}-{signer}"),
        organization: (kind == SignerKind::Company).then(|| name.as_str().to_owned()),
        country: region.map_or("CN", IdentityRegion::country).to_owned(),
    }
}
