//! What a CA worker looks at before its key signs: the certificate or list must say that it is from exactly that CA, and be
//! nothing that the site's profiles do not issue.
//!
//! The network process builds both and has the receipts; if it were taken over, this is what still stands between it and a CA
//! certificate, a time-stamping certificate, or a list that brings a revoked certificate back.

use super::settings::CaRules;
use crate::channels::Identity;
use crate::keys::{KeyAlgorithm, KeyId, StoredKey};
use crate::x509::{Certificate, SCENE_BINDING_OID, SignatureAlgorithm, frame};
use const_oid::db::{rfc5280, rfc5912};
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_cert::TbsCertificate;
use x509_cert::crl::TbsCertList;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, CertificatePolicies, CrlNumber, ExtendedKeyUsage, KeyUsage,
    KeyUsages,
};
use x509_cert::name::Name;

/// The largest file of identities.
const MAX_FILE: u64 = 16 << 20;
/// Octets of a serial number: 64 random bits at least (CA/B 7.1), RFC 5280's bound at most.
const SERIAL: std::ops::RangeInclusive<usize> = 8..=20;
/// A certificate may begin this long ago (relying parties whose clocks are behind), a list must have been made since.
const AGO: Duration = Duration::from_secs(2 * 3600);
/// Neither may begin later than this from now.
const AHEAD: Duration = Duration::from_secs(600);
/// A list is good for a year at most.
const LIST_LIFE: Duration = Duration::from_secs(367 * 86_400);
/// cRLNumber is at least thisUpdate in seconds, less this: a worker that was started anew knows no earlier number, and still
/// lets none go back by more.
const NUMBER_SLACK: u64 = 86_400;

/// A CA key of the site with what its certificate says.
struct Known {
    key: StoredKey,
    certificate: Certificate,
    key_identifier: Vec<u8>,
}

/// The rules of a CA worker, and what it has signed.
pub struct Issuance {
    rules: CaRules,
    known: Mutex<HashMap<KeyId, Arc<Known>>>,
    /// The newest list's number by key.
    numbers: Mutex<HashMap<KeyId, u64>>,
}

impl Issuance {
    /// With these rules; nothing signed yet.
    pub fn new(rules: CaRules) -> Self {
        Self { rules, known: Mutex::default(), numbers: Mutex::default() }
    }

    /// The CA that has this key. The file is read anew for a key that is not known: a rollover adds one while workers run. No
    /// process that serves can write it.
    fn known(&self, key: &StoredKey) -> Result<Arc<Known>, String> {
        let mut known = self.known.lock();
        if !known.contains_key(&key.id) {
            *known = read(&self.rules)?;
        }
        let found = known.get(&key.id).ok_or("not a CA key of this site")?;
        if found.key.spki != key.spki || found.key.algorithm != key.algorithm {
            return Err("not the CA key that the site's file describes".into());
        }
        Ok(Arc::clone(found))
    }

    /// TBSCertificate (RFC 5280 4.1.2) of a signer: the ceremony alone makes certificates of any other kind.
    pub(super) fn certificate(&self, der: &[u8], key: &StoredKey) -> Result<(), String> {
        let tbs = frame::decode::<TbsCertificate>(der).map_err(|e| format!("TBSCertificate: {e}"))?;
        let ca = self.known(key)?;
        if tbs.version != x509_cert::Version::V3 {
            return Err("not version 3".into());
        }
        if tbs.signature.oid != signature_oid(key.algorithm) {
            return Err("signature algorithm is not the key's".into());
        }
        let serial = tbs.serial_number.as_bytes();
        if !SERIAL.contains(&serial.len()) || serial.first().is_none_or(|first| first & 0x80 != 0) {
            return Err("serial number".into());
        }
        ca.named_by(&tbs.issuer)?;
        if encoded(&tbs.subject)? == ca.certificate.subject.der() {
            return Err("the subject is the CA itself".into());
        }
        let spki = tbs.subject_public_key_info.to_der().map_err(|e| e.to_string())?;
        if spki == ca.certificate.spki {
            return Err("the key is the CA's own".into());
        }
        SignatureAlgorithm::for_key(&spki).map_err(|e| format!("subject's key: {e}"))?;
        let from = tbs.validity.not_before.to_unix_duration();
        let until = tbs.validity.not_after.to_unix_duration();
        self.validity(&ca, from, until)?;
        if tbs.issuer_unique_id.is_some() || tbs.subject_unique_id.is_some() {
            return Err("unique identifiers".into());
        }
        self.certificate_extensions(&ca, tbs.extensions.as_ref())
    }

    fn validity(&self, ca: &Known, from: Duration, until: Duration) -> Result<(), String> {
        let now = now();
        if from + AGO < now || from > now + AHEAD {
            return Err("validity begins too long ago or too far ahead".into());
        }
        let longest = Duration::from_secs(u64::from(self.rules.max_validity_days) * 86_400);
        let life =
            until.checked_sub(from).filter(|life| !life.is_zero()).ok_or("validity ends before it begins")?;
        if life > longest + AGO {
            let (days, most) = (life.as_secs().div_ceil(86_400), self.rules.max_validity_days);
            return Err(format!("validity of {days} days, allowed are {most}"));
        }
        let end = u64::try_from(ca.certificate.not_after.seconds()).unwrap_or(0);
        if until.as_secs() > end {
            return Err("outlives the CA".into());
        }
        Ok(())
    }

    fn certificate_extensions(&self, ca: &Known, all: Option<&Extensions>) -> Result<(), String> {
        let (mut usage, mut authority) = (false, false);
        for (oid, value) in each(all)? {
            match oid {
                rfc5912::ID_CE_BASIC_CONSTRAINTS => {
                    if decoded::<BasicConstraints>("basicConstraints", value)?.ca {
                        return Err("a CA certificate".into());
                    }
                }
                rfc5912::ID_CE_KEY_USAGE => {
                    let permitted = KeyUsages::DigitalSignature | KeyUsages::NonRepudiation;
                    let KeyUsage(flags) = decoded("keyUsage", value)?;
                    if flags.is_empty() || !permitted.contains(flags) {
                        return Err("key usage that no signer has".into());
                    }
                    usage = true;
                }
                rfc5912::ID_CE_EXT_KEY_USAGE => {
                    let ExtendedKeyUsage(usages) = decoded("extKeyUsage", value)?;
                    listed("extended key usage", &usages, &self.rules.extended_key_usage)?;
                }
                rfc5912::ID_CE_CERTIFICATE_POLICIES => {
                    let CertificatePolicies(policies) = decoded("certificatePolicies", value)?;
                    let policies: Vec<_> = policies.iter().map(|p| p.policy_identifier).collect();
                    listed("policy", &policies, &self.rules.policies)?;
                }
                rfc5912::ID_CE_AUTHORITY_KEY_IDENTIFIER => {
                    ca.identified_by(value)?;
                    authority = true;
                }
                rfc5912::ID_CE_SUBJECT_KEY_IDENTIFIER
                | rfc5912::ID_CE_CRL_DISTRIBUTION_POINTS
                | rfc5912::ID_PE_AUTHORITY_INFO_ACCESS
                | SCENE_BINDING_OID => {}
                other => return Err(format!("extension {other}, which no profile has")),
            }
        }
        if usage && authority { Ok(()) } else { Err("without keyUsage or authorityKeyIdentifier".into()) }
    }

    /// TBSCertList (RFC 5280 5.1.2): complete, of this CA, made now, its number higher than that of every earlier one.
    pub(super) fn revocation_list(&self, der: &[u8], key: &StoredKey) -> Result<(), String> {
        let tbs = frame::decode::<TbsCertList>(der).map_err(|e| format!("TBSCertList: {e}"))?;
        let ca = self.known(key)?;
        if tbs.signature.oid != signature_oid(key.algorithm) {
            return Err("signature algorithm is not the key's".into());
        }
        ca.named_by(&tbs.issuer)?;
        let (made, now) = (tbs.this_update.to_unix_duration(), now());
        if made + AGO < now || made > now + AHEAD {
            return Err("thisUpdate is not now".into());
        }
        let next = tbs.next_update.ok_or("no nextUpdate")?.to_unix_duration();
        if next <= made || next > made + LIST_LIFE {
            return Err("nextUpdate".into());
        }
        let (mut number, mut authority) = (None, false);
        for (oid, value) in each(tbs.crl_extensions.as_ref())? {
            match oid {
                rfc5280::ID_CE_CRL_NUMBER => {
                    let CrlNumber(said) = decoded("cRLNumber", value)?;
                    let octets = said.as_bytes();
                    let octets = octets.strip_prefix(&[0]).filter(|o| o.len() == 8).unwrap_or(octets);
                    if octets.len() > 8 {
                        return Err("cRLNumber".into());
                    }
                    number = Some(octets.iter().fold(0_u64, |n, octet| n << 8 | u64::from(*octet)));
                }
                rfc5912::ID_CE_AUTHORITY_KEY_IDENTIFIER => {
                    ca.identified_by(value)?;
                    authority = true;
                }
                // A delta, an indirect list, or one for some certificates only would hide what is revoked.
                other => return Err(format!("extension {other}, which no list of ours has")),
            }
        }
        for entry in tbs.revoked_certificates.iter().flatten() {
            for (oid, _) in each(entry.crl_entry_extensions.as_ref())? {
                if oid != rfc5280::ID_CE_CRL_REASONS {
                    return Err(format!("entry extension {oid}"));
                }
            }
        }
        let (Some(number), true) = (number, authority) else {
            return Err("without cRLNumber or authorityKeyIdentifier".into());
        };
        let least = made.as_secs().saturating_sub(NUMBER_SLACK);
        let mut numbers = self.numbers.lock();
        let last = numbers.get(&key.id).copied().unwrap_or(least);
        if number <= last {
            return Err(format!("cRLNumber {number} goes back: it must be above {last}"));
        }
        // The next one must be higher still, even if this one's signature fails.
        numbers.insert(key.id, number);
        Ok(())
    }
}

impl Known {
    fn named_by(&self, issuer: &Name) -> Result<(), String> {
        if encoded(issuer)? == self.certificate.subject.der() {
            Ok(())
        } else {
            Err("the issuer is not the CA of this key".into())
        }
    }

    /// authorityKeyIdentifier: this CA's identifier and nothing else.
    fn identified_by(&self, value: &[u8]) -> Result<(), String> {
        let found: AuthorityKeyIdentifier = decoded("authorityKeyIdentifier", value)?;
        let ours = found.key_identifier.is_some_and(|id| id.as_bytes() == self.key_identifier);
        if ours && found.authority_cert_issuer.is_none() && found.authority_cert_serial_number.is_none() {
            Ok(())
        } else {
            Err("authorityKeyIdentifier is not this CA's".into())
        }
    }
}

fn read(rules: &CaRules) -> Result<HashMap<KeyId, Arc<Known>>, String> {
    use std::io::Read;
    let named = |e: &dyn std::fmt::Display| format!("{}: {e}", rules.identities.display());
    let mut text = Vec::new();
    let file = std::fs::File::open(&rules.identities).map_err(|e| named(&e))?;
    file.take(MAX_FILE).read_to_end(&mut text).map_err(|e| named(&e))?;
    let identities: Vec<Identity> = serde_json::from_slice(&text).map_err(|e| named(&e))?;
    let mut known = HashMap::new();
    for Identity { key, certificate, .. } in identities {
        let certificate = Certificate::from_der(&certificate.0).map_err(|e| named(&e))?;
        if !certificate.ca().is_ok_and(|ca| ca.is_some()) {
            continue;
        }
        let key_identifier = certificate.issuing_key_identifier().map_err(|e| named(&e))?;
        known.insert(key.id, Arc::new(Known { key, certificate, key_identifier }));
    }
    Ok(known)
}

/// Extensions, each once.
fn each(all: Option<&Extensions>) -> Result<Vec<(ObjectIdentifier, &[u8])>, String> {
    let mut seen: Vec<(ObjectIdentifier, &[u8])> = Vec::new();
    for extension in all.into_iter().flatten() {
        if seen.iter().any(|(oid, _)| *oid == extension.extn_id) {
            return Err(format!("extension {} twice", extension.extn_id));
        }
        seen.push((extension.extn_id, extension.extn_value.as_bytes()));
    }
    Ok(seen)
}

fn decoded<'a, T: Decode<'a>>(what: &str, value: &'a [u8]) -> Result<T, String> {
    frame::decode::<T>(value).map_err(|e| format!("{what}: {e}"))
}

fn encoded(name: &Name) -> Result<Vec<u8>, String> {
    name.to_der().map_err(|e| e.to_string())
}

fn listed(what: &str, found: &[ObjectIdentifier], permitted: &[String]) -> Result<(), String> {
    match found.iter().find(|oid| !permitted.contains(&oid.to_string())) {
        None => Ok(()),
        Some(oid) => Err(format!("{what} {oid}, which no profile has")),
    }
}

/// The algorithm that a structure signed by such a key must name (RFC 5758, RFC 4055).
fn signature_oid(algorithm: KeyAlgorithm) -> ObjectIdentifier {
    match algorithm {
        KeyAlgorithm::P256 => rfc5912::ECDSA_WITH_SHA_256,
        KeyAlgorithm::P384 => rfc5912::ECDSA_WITH_SHA_384,
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 => rfc5912::SHA_256_WITH_RSA_ENCRYPTION,
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
