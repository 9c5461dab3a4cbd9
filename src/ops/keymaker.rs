//! Keys and certificates for signers: intent, key and request from the token, certificate from a channel, and the key
//! destroyed again when there is no certificate for it.

use super::appliance::facts;
use super::error::{ca_error, key_error};
use super::places::Service;
use super::rows::{App, Certificate, Standing};
use super::settings::CertificateSettings;
use super::{Appliance, Call, Error, Result};
use crate::audit::{Act, Actor, Ending, Facts, Intent, Outcome, Use};
use crate::codes::Code;
use crate::keys::{GenerateSpec, Generated, KeyId, Purpose, StoredKey};
use crate::x509;
use hufu_api::{
    CertificateKind, Chain, Csr, Der, Enrolled, Enrollment, RouteError, SceneBinding, Subject, UnixTime,
};
use sha2::{Digest, Sha256};

/// Whose certificate is wanted.
pub(super) struct Applicant<'a> {
    pub(super) app: &'a App,
    pub(super) signer: u64,
    pub(super) subject: Subject,
    pub(super) kind: CertificateKind,
    pub(super) ca_type: Option<&'a str>,
    pub(super) scene: Option<&'a SceneBinding>,
}

/// A key with its certificate, or with a claim check for one.
pub(super) struct Certified {
    pub(super) key: StoredKey,
    pub(super) csr: Der,
    pub(super) enrolled: Enrolled,
    pub(super) subject: Subject,
    pub(super) profile: String,
    pub(super) kind: CertificateKind,
}

impl Appliance {
    /// The settings of this applicant's certificate and the channels to ask, so that a bad caType fails before a key is made.
    pub(super) fn route(&self, applicant: &Applicant<'_>) -> Result<(&CertificateSettings, Vec<String>)> {
        if !applicant.app.grants.certificates {
            return Err(Code::NoCertificateService.into());
        }
        let route = applicant
            .app
            .channels
            .route(self.ports.authorities.as_ref(), applicant.ca_type, applicant.subject.kind, applicant.kind)
            .map_err(|error| match error {
                RouteError::Unknown(_) => Error::malformed("caType").mirrored(404).because(error),
                _ => Error::new(Code::Disabled).because(error),
            })?;
        Ok((self.settings.certificates.of(applicant.subject.kind, applicant.kind), route))
    }

    /// Makes a key in the token and gets its certificate. On any failure the key is destroyed before the error returns.
    pub(super) fn certify(&self, call: &Call, actor: &Actor, applicant: &Applicant<'_>) -> Result<Certified> {
        let (settings, route) = self.route(applicant)?;
        let _place = self.remote.take(Service::Authority)?;
        self.now()?;
        let generated = self.generate(call, actor, applicant, settings)?;
        let csr = Csr { der: &generated.csr.0, subject: &applicant.subject, scene: applicant.scene };
        let enrolled = self
            .ports
            .authorities
            .enroll(call.cx, &route, csr, &settings.profile)
            .map_err(|error| ca_error(&error));
        let result = enrolled.and_then(|enrolled| {
            self.note_enrolment(call, actor, applicant, &generated, &enrolled)?;
            Ok(enrolled)
        });
        match result {
            Ok(enrolled) => Ok(Certified {
                key: generated.key,
                csr: generated.csr,
                enrolled,
                subject: applicant.subject.clone(),
                profile: settings.profile.name.clone(),
                kind: applicant.kind,
            }),
            Err(error) => {
                self.destroy(call, actor, &generated.key, "no certificate");
                Err(error)
            }
        }
    }

    fn generate(
        &self,
        call: &Call,
        actor: &Actor,
        applicant: &Applicant<'_>,
        settings: &CertificateSettings,
    ) -> Result<Generated> {
        let mut id = [0; 16];
        self.ports.entropy.fill(&mut id)?;
        let spec = GenerateSpec {
            id: KeyId(id),
            purpose: Purpose::Signer,
            algorithm: settings.algorithm,
            custody: settings.custody,
            owner: owner(&applicant.app.id, applicant.signer),
            subject: applicant.subject.clone(),
        };
        let away = |e| key_error(&e, Code::KeyGenerationFailed);
        let generation = self.ports.keys.choose(Purpose::Signer).map_err(away)?;
        let intent = Intent {
            act: Act::GenerateKey,
            actor: actor.clone(),
            facts: facts([
                ("signer", applicant.signer.into()),
                ("key", spec.id.to_string().into()),
                ("profile", settings.profile.name.clone().into()),
                ("custody", super::orphans::custody_word(settings.custody).into()),
            ]),
            uses: vec![Use { digest: spec.digest(), generation, key: spec.id, purpose: Purpose::Signer }],
        };
        let mut permit = self.ports.audit.begin(call.cx, intent)?;
        let Some(receipt) = permit.next_receipt() else {
            permit.spend().fail("no receipt");
            return Err(Error::internal("a permit without receipt"));
        };
        let made = self.ports.keys.generate(call.cx, receipt, &spec);
        let spent = permit.spend();
        match made {
            Ok(generated) => {
                let spki = hex::encode(Sha256::digest(&generated.key.spki.0));
                let facts = facts([("spki_sha256", spki.into())]);
                if let Err(error) = spent.close(Outcome { ending: Ending::Done, facts }) {
                    self.destroy(call, actor, &generated.key, "not recorded");
                    return Err(error.into());
                }
                Ok(generated)
            }
            Err(error) => {
                spent.fail(&error.to_string());
                Err(away(error))
            }
        }
    }

    fn note_enrolment(
        &self,
        call: &Call,
        actor: &Actor,
        applicant: &Applicant<'_>,
        generated: &Generated,
        enrolled: &Enrolled,
    ) -> Result<()> {
        let mut facts = facts([
            ("signer", applicant.signer.into()),
            ("key", generated.key.id.to_string().into()),
            ("channel", enrolled.channel.clone().into()),
        ]);
        match &enrolled.enrollment {
            Enrollment::Issued(chain) => {
                let leaf = chain.0.first().ok_or(Code::CertificateInvalid)?;
                facts.insert("certificate_sha256".into(), hex::encode(Sha256::digest(&leaf.0)).into());
            }
            Enrollment::Pending(_) => {
                facts.insert("pending".into(), true.into());
            }
        }
        if let Some(scene) = applicant.scene {
            facts.insert("document_sha256".into(), hex::encode(scene.document_sha256).into());
        }
        self.note(call, actor.clone(), Act::EnrollCertificate, facts, Ending::Done)?;
        Ok(())
    }

    /// Destroys a key that nothing needs any more. A failure is logged; the record of the intent names the key, and the next
    /// start sweeps it up.
    pub(super) fn destroy(&self, call: &Call, actor: &Actor, key: &StoredKey, reason: &str) {
        if let Err(error) = self.try_destroy(call, actor, key, reason) {
            tracing::error!(request = %call.cx.request, key = %key.id, %error, "key not destroyed");
        }
    }

    pub(super) fn try_destroy(
        &self,
        call: &Call,
        actor: &Actor,
        key: &StoredKey,
        reason: &str,
    ) -> Result<()> {
        let away = |e| key_error(&e, Code::KeyGenerationFailed);
        let generation = self.ports.keys.choose(key.purpose).map_err(away)?;
        let intent = Intent {
            act: Act::DestroyKey,
            actor: actor.clone(),
            facts: facts([("key", key.id.to_string().into()), ("reason", reason.into())]),
            uses: vec![Use { digest: key.destroy_digest(), generation, key: key.id, purpose: key.purpose }],
        };
        let mut permit = self.ports.audit.begin(call.cx, intent)?;
        let destroyed = match permit.next_receipt() {
            Some(receipt) => self.ports.keys.destroy(call.cx, receipt, key).map_err(away),
            None => Err(Error::internal("a permit without receipt")),
        };
        let spent = permit.spend();
        match destroyed {
            Ok(()) => {
                spent.close(Outcome { ending: Ending::Done, facts: Facts::new() })?;
                Ok(())
            }
            Err(error) => {
                spent.fail(&error.to_string());
                Err(error)
            }
        }
    }
}

impl Certified {
    /// The row to store. A pending certificate has no validity yet.
    pub(super) fn into_row(self, id: u64, signer: u64) -> Result<Certificate> {
        let (chain, standing, (not_before, not_after)) = match self.enrolled.enrollment {
            Enrollment::Issued(chain) => {
                let validity = validity(&chain)?;
                (chain.0, Standing::Active, validity)
            }
            Enrollment::Pending(ticket) => {
                let never = UnixTime::from_millis(0);
                (Vec::new(), Standing::Pending { ticket, csr: self.csr }, (never, never))
            }
        };
        Ok(Certificate {
            id,
            signer,
            channel: self.enrolled.channel,
            profile: self.profile,
            kind: self.kind,
            chain,
            key: self.key,
            subject: self.subject,
            standing,
            not_before,
            not_after,
        })
    }
}

/// Whose a signer's keys are.
pub(super) fn owner(app: &str, signer: u64) -> String {
    format!("signer/{app}/{signer}")
}

/// Validity of a chain's leaf.
pub(super) fn validity(chain: &Chain) -> Result<(UnixTime, UnixTime)> {
    let bad = |detail: String| Error::new(Code::CertificateInvalid).because(detail);
    let leaf = chain.0.first().ok_or_else(|| bad("empty chain".into()))?;
    let leaf = x509::Certificate::from_der(&leaf.0).map_err(|e| bad(e.to_string()))?;
    Ok((leaf.not_before, leaf.not_after))
}
