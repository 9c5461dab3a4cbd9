//! The key and certificate that a signer signs with.

use super::SignRequest;
use super::input::Content;
use crate::cms::{AttributesSpec, Encapsulated, SignedDataSpec, oid};
use crate::codes::Code;
use crate::keys::{KeyLocation, Purpose};
use crate::ops::consent::Consent;
use crate::ops::enroll::subject;
use crate::ops::keymaker::{Applicant, owner};
use crate::ops::rows::{App, Certificate, Signer, Standing};
use crate::ops::{Appliance, Call, Caller, Error, Result, seals, table};
use crate::seal::SealForm;
use crate::x509::{self, SignatureAlgorithm};
use hufu_api::{CertificateKind, HashAlgorithm, SceneBinding, Space, UnixTime};
use std::sync::Arc;

/// A certificate with what signing needs of it, worked out once.
#[derive(Debug)]
pub(in crate::ops) struct Credential {
    pub(in crate::ops) row: Certificate,
    pub(in crate::ops) leaf: x509::Certificate,
    pub(in crate::ops) algorithm: SignatureAlgorithm,
    pub(in crate::ops) fingerprint: [u8; 32],
    /// Issuers, DER.
    pub(in crate::ops) issuers: Vec<Vec<u8>>,
    /// Longest CMS without a time stamp.
    pub(in crate::ops) longest: usize,
}

impl Credential {
    pub(in crate::ops) fn new(row: Certificate) -> Result<Self> {
        let bad = |e: String| Error::new(Code::CertificateMissing).because(e);
        let leaf = row.chain.first().ok_or_else(|| bad("no certificate".into()))?;
        let leaf = x509::Certificate::from_der(&leaf.0).map_err(|e| bad(e.to_string()))?;
        let algorithm = SignatureAlgorithm::for_key(&leaf.spki).map_err(|e| bad(e.to_string()))?;
        let issuers = row.chain.iter().skip(1).map(|der| der.0.clone()).collect();
        let mut credential =
            Self { fingerprint: leaf.fingerprint(), row, leaf, algorithm, issuers, longest: 0 };
        credential.longest = credential.room(None)?;
        Ok(credential)
    }

    /// The hash that this key signs with.
    pub(in crate::ops) const fn hash(&self) -> HashAlgorithm {
        match self.algorithm {
            SignatureAlgorithm::EcdsaSha256 | SignatureAlgorithm::RsaSha256 => HashAlgorithm::Sha256,
            SignatureAlgorithm::EcdsaSha384 => HashAlgorithm::Sha384,
        }
    }

    /// SignedAttributes of a PAdES signature over this digest.
    pub(in crate::ops) fn attributes(&self, digest: &[u8]) -> Result<Vec<u8>> {
        AttributesSpec {
            content_type: oid::DATA,
            message_digest: digest,
            algorithm: self.algorithm,
            certificate: self.leaf.der(),
            signing_time: None,
            algorithm_protection: true,
            others: &[],
        }
        .build()
        .map_err(Error::internal)
    }

    /// What becomes the CMS once it is signed.
    pub(in crate::ops) fn signed_data<'a>(&'a self, attributes: &'a [u8]) -> SignedDataSpec<'a> {
        SignedDataSpec {
            content: Encapsulated::Detached,
            signer: &self.leaf,
            chain: &self.issuers,
            with_certificates: true,
            algorithm: self.algorithm,
            signed_attributes: attributes,
        }
    }

    /// Octets that the CMS takes at most, with a time stamp of so many octets.
    pub(in crate::ops) fn room(&self, timestamp: Option<usize>) -> Result<usize> {
        let attributes = self.attributes(&self.algorithm.digest(&[]))?;
        self.signed_data(&attributes).longest(timestamp).map_err(Error::internal)
    }
}

impl Appliance {
    /// The signer's long-term certificate; 60108 when there is none that is valid now.
    pub(in crate::ops) fn long_term(
        &self,
        call: &Call,
        app: &App,
        signer: &Signer,
        now: UnixTime,
    ) -> Result<Arc<Credential>> {
        let id = match signer.certificate {
            Some(id) => id,
            None => self.first_certificate(call, app, signer.id)?,
        };
        let key = (app.id.clone(), id);
        let load = || -> Result<Option<Credential>> {
            let stored = table::in_app(Space::Certificate, &app.id, id);
            let Some(row) = table::read::<Certificate>(self.store(), &stored)? else { return Ok(None) };
            if matches!(row.value.standing, Standing::Pending { .. }) {
                self.resume(call, &app.id, row.value)?;
                let again =
                    table::read::<Certificate>(self.store(), &stored)?.ok_or(Code::CertificateMissing)?;
                return Credential::new(again.value).map(Some);
            }
            Credential::new(row.value).map(Some)
        };
        let credential = self.credentials.get_or(&key, load)?.ok_or(Code::CertificateMissing)?;
        let row = &credential.row;
        if row.standing != Standing::Active || now < row.not_before || now > row.not_after {
            return Err(Code::CertificateMissing.into());
        }
        // A row that names another's key must not sign, whoever put it there.
        if row.key.owner != owner(&app.id, signer.id) || row.key.purpose != Purpose::Signer {
            return Err(Error::internal(format!("key {} belongs to {}", row.key.id, row.key.owner)));
        }
        Ok(credential)
    }

    /// 201 for a caType that is none of the app's, whether this signature needs a new certificate or not.
    pub(super) fn known_authority(
        &self,
        app: &App,
        signer: &Signer,
        asked: &str,
        kind: CertificateKind,
    ) -> Result<()> {
        let applicant = Applicant {
            app,
            signer: signer.id,
            subject: subject(&app.id, signer.id, signer.kind, &signer.name, signer.region),
            kind,
            ca_type: Some(asked),
            scene: None,
        };
        self.route(&applicant).map(|_| ())
    }

    /// A certificate for this one signature, bound to the document.
    pub(super) fn scene(
        &self,
        call: &Call,
        caller: &Caller,
        signer: &Signer,
        request: &SignRequest,
        input: &Content,
        consent: Option<&Consent>,
    ) -> Result<Arc<Credential>> {
        let app = &caller.app;
        let binding = SceneBinding { document_sha256: input.sha256, consent: consent.map(|c| c.record) };
        let applicant = Applicant {
            app,
            signer: signer.id,
            subject: subject(&app.id, signer.id, signer.kind, &signer.name, signer.region),
            kind: CertificateKind::Scene,
            ca_type: request.ca_type.as_deref().or(signer.ca_type.as_deref()),
            scene: Some(&binding),
        };
        let actor = Self::actor(call, caller);
        let certified = self.certify(call, &actor, &applicant)?;
        let key = certified.key.clone();
        let credential = self
            .certificate_ids
            .next(self.store())
            .and_then(|id| certified.into_row(id, signer.id))
            .and_then(|row| {
                // Kept, so that it can be shown and revoked later; its key is gone after this call.
                let stored = table::in_app(Space::Certificate, &app.id, row.id);
                self.store().commit(&[table::insert(stored, &row)?])?;
                if row.standing != Standing::Active {
                    return Err(Code::CertificateMissing.into());
                }
                Credential::new(row)
            });
        if credential.is_err() {
            self.destroy(call, &actor, &key, "no scene certificate");
        }
        credential.map(Arc::new)
    }

    pub(super) fn seal_shown(
        &self,
        app: &App,
        signer: &Signer,
        request: &SignRequest,
    ) -> Result<Arc<SealForm>> {
        match request.seal {
            Some(id) => self.appearance(app, id),
            None => Ok(Arc::new(seals::transparent(signer.kind))),
        }
    }
}

/// The worker process that must be asked for this key; `None`: any of its purpose.
pub(super) const fn bound_to(location: &KeyLocation) -> Option<crate::keys::Generation> {
    match location {
        KeyLocation::Ephemeral { generation } => Some(*generation),
        _ => None,
    }
}
