//! The certificates of the appliance's own CA, and the root's revocation list.

use super::{CeremonyError, label};
use crate::channels::Identity;
use crate::conf::Authority;
use crate::keys::{Purpose, StoredKey};
use crate::token::ceremony::Ceremony;
use crate::x509::{
    self, Addresses, Certificate, CrlRead, CrlSpec, Issuer, Revoked, Role, SignatureAlgorithm, TbsSpec,
    authority_name, certificate_tbs, crl_tbs, key_identifier,
};
use hufu_api::{RevocationReason, UnixTime};
use std::fs;
use std::path::{Path, PathBuf};

const YEAR_MILLIS: i64 = 31_557_600_000;
const DAY_MILLIS: i64 = 86_400_000;

/// Certificates begin an hour back, for relying parties whose clock is behind.
const BACK_MILLIS: i64 = 3_600_000;

/// Why `Issued` before `issue`: one description for what is to be made and what was found.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) label: String,
    pub(super) certificate: Vec<u8>,
    pub(super) found: bool,
}

/// What is to be issued.
pub(super) struct Wanted<'a> {
    label: String,
    folder: &'a Path,
    common_name: String,
    authority: &'a Authority,
    subject_key: &'a StoredKey,
    issuer: Option<&'a Issued>,
    issuer_key: &'a StoredKey,
    role: Role<'static>,
    years: u16,
    now: UnixTime,
}

impl Issued {
    pub(super) fn root<'a>(
        folder: &'a Path,
        authority: &'a Authority,
        key: &'a StoredKey,
        now: UnixTime,
    ) -> Wanted<'a> {
        let role = Role::Authority { path_length: None };
        let years = authority.root_years;
        let (subject_key, issuer_key) = (key, key);
        let common_name = "Hufu Root CA".to_owned();
        Wanted {
            label: label::ROOT.to_owned(),
            folder,
            common_name,
            authority,
            subject_key,
            issuer: None,
            issuer_key,
            role,
            years,
            now,
        }
    }

    /// The `number`th issuing CA, from 1.
    pub(super) fn issuing<'a>(
        number: u32,
        folder: &'a Path,
        authority: &'a Authority,
        key: &'a StoredKey,
        root: &'a Self,
        root_key: &'a StoredKey,
        now: UnixTime,
    ) -> Wanted<'a> {
        let role = Role::Authority { path_length: Some(0) };
        let names = (label::issuing(number), format!("Hufu Issuing CA {number}"));
        Self::below(names, role, folder, authority, key, root, root_key, now)
    }

    pub(super) fn stamping<'a>(
        folder: &'a Path,
        authority: &'a Authority,
        key: &'a StoredKey,
        ca: &'a Self,
        ca_key: &'a StoredKey,
        now: UnixTime,
    ) -> Wanted<'a> {
        let names = (label::TSA.to_owned(), "Hufu TSA 1".to_owned());
        Self::below(names, Role::TimeStamping, folder, authority, key, ca, ca_key, now)
    }

    /// The OCSP responder of the `number`th issuing CA.
    pub(super) fn responder<'a>(
        number: u32,
        folder: &'a Path,
        authority: &'a Authority,
        key: &'a StoredKey,
        ca: &'a Self,
        ca_key: &'a StoredKey,
        now: UnixTime,
    ) -> Wanted<'a> {
        let names = (label::ocsp(number), format!("Hufu OCSP {number}"));
        Self::below(names, Role::OcspResponder, folder, authority, key, ca, ca_key, now)
    }

    /// Below an issuing CA, under this label and common name: the first, or one in the place of an earlier one.
    #[allow(clippy::too_many_arguments, reason = "the one constructor behind the named ones")]
    pub(super) fn below<'a>(
        (label, common_name): (String, String),
        role: Role<'static>,
        folder: &'a Path,
        authority: &'a Authority,
        subject_key: &'a StoredKey,
        issuer: &'a Self,
        issuer_key: &'a StoredKey,
        now: UnixTime,
    ) -> Wanted<'a> {
        let years = authority.issuing_years;
        let issuer = Some(issuer);
        Wanted { label, folder, common_name, authority, subject_key, issuer, issuer_key, role, years, now }
    }
}

impl Wanted<'_> {
    fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.label))
    }

    /// A certificate of an earlier run, if it is over the same key.
    fn found(&self) -> Option<Vec<u8>> {
        let text = fs::read(self.file()).ok()?;
        let (_, der) = der::pem::decode_vec(&text).ok()?;
        let certificate = Certificate::from_der(&der).ok()?;
        (certificate.spki == self.subject_key.spki.0).then_some(der)
    }

    fn tbs(&self, serial: &[u8]) -> Result<(Vec<u8>, Vec<u8>), CeremonyError> {
        let algorithm = SignatureAlgorithm::for_key(&self.issuer_key.spki.0)?.identifier();
        let organization = &self.authority.organization;
        let subject = authority_name(&self.authority.country, organization, &self.common_name)?;
        let issuer_name = match self.issuer {
            Some(issuer) => Certificate::from_der(&issuer.certificate)?.subject.der().to_vec(),
            None => subject.clone(),
        };
        let issuer_id = key_identifier(&self.issuer_key.spki.0)?;
        let name = |suffix: &str| {
            let above = self.issuer?;
            self.authority.address(&format!("{}.{suffix}", above.label))
        };
        let (crl, cer) = (name("crl"), name("cer"));
        let ocsp = match self.role {
            Role::TimeStamping => self.authority.address("ocsp"),
            _ => None,
        };
        let responder = matches!(self.role, Role::OcspResponder);
        let tbs = certificate_tbs(&TbsSpec {
            serial,
            algorithm: &algorithm,
            issuer: Issuer::new(&issuer_name, &issuer_id),
            subject: &subject,
            spki: &self.subject_key.spki.0,
            not_before: self.now.plus_millis(-BACK_MILLIS),
            not_after: self.now.plus_millis(i64::from(self.years) * YEAR_MILLIS),
            role: self.role,
            addresses: Addresses {
                crl: crl.as_deref().filter(|_| !responder),
                issuer: cer.as_deref(),
                ocsp: ocsp.as_deref(),
            },
        })?;
        Ok((tbs, algorithm))
    }
}

/// Issues with the key of the given token, unless an earlier run has.
pub(super) fn issue(issuer: &mut Ceremony, wanted: Wanted<'_>) -> Result<Issued, CeremonyError> {
    if let Some(certificate) = wanted.found() {
        return Ok(Issued { label: wanted.label.clone(), certificate, found: true });
    }
    let token = |source| CeremonyError::Issue { label: wanted.label.clone(), source };
    let mut serial = issuer.random(16).map_err(token)?;
    // Positive, and of full length.
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7F | 0x40;
    }
    let (tbs, algorithm) = wanted.tbs(&serial)?;
    let signature = issuer.sign(wanted.issuer_key, &tbs).map_err(token)?;
    let certificate = x509::assemble(&tbs, &algorithm, &signature);
    write(&wanted.file(), pem(&certificate).as_bytes())?;
    write(&wanted.file().with_extension("cer"), &certificate)?;
    Ok(Issued { label: wanted.label, certificate, found: false })
}

/// What the root's present list says of the issuing CAs; one that is not there or does not read says nothing.
pub(super) fn listed(folder: &Path, known: &[Identity]) -> Vec<Revoked> {
    let path = folder.join(format!("{}.crl", label::ROOT));
    let Some(list) = fs::read(path).ok().and_then(|bytes| CrlRead::from_der(&bytes).ok()) else {
        return Vec::new();
    };
    let entry = |identity: &Identity| {
        let serial = Certificate::from_der(&identity.certificate.0).ok()?.serial;
        let entry = list.entry(&serial).ok().flatten()?;
        let reason = entry.reason.unwrap_or(RevocationReason::Unspecified);
        Some(Revoked {
            serial: serial.into_iter().skip_while(|octet| *octet == 0).collect(),
            at: entry.at,
            reason,
        })
    };
    known.iter().filter(|identity| identity.key.purpose == Purpose::Ca).filter_map(entry).collect()
}

/// The root's revocation list, good for `root_crl_days`.
pub(super) fn root_crl(
    token: &mut Ceremony,
    folder: &Path,
    authority: &Authority,
    root: &Issued,
    key: &StoredKey,
    revoked: &[Revoked],
    now: UnixTime,
) -> Result<PathBuf, CeremonyError> {
    let algorithm = SignatureAlgorithm::for_key(&key.spki.0)?.identifier();
    let certificate = Certificate::from_der(&root.certificate)?;
    let identifier = certificate.issuing_key_identifier()?;
    let tbs = crl_tbs(&CrlSpec {
        algorithm: &algorithm,
        issuer: Issuer::new(certificate.subject.der(), &identifier),
        // Seconds rise with every list.
        number: u64::try_from(now.seconds()).unwrap_or(1),
        this_update: now,
        next_update: now.plus_millis(i64::from(authority.root_crl_days) * DAY_MILLIS),
        revoked,
    })?;
    let signature = token
        .sign(key, &tbs)
        .map_err(|source| CeremonyError::Issue { label: label::ROOT.to_owned(), source })?;
    let path = folder.join(format!("{}.crl", label::ROOT));
    write(&path, &x509::assemble(&tbs, &algorithm, &signature))?;
    Ok(path)
}

/// PEM of a certificate.
pub(super) fn pem(certificate: &[u8]) -> String {
    der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, certificate).unwrap_or_default()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CeremonyError> {
    fs::write(path, bytes).map_err(|source| CeremonyError::Io { path: path.to_owned(), source })
}
