//! Keys, requests and a CA in software.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use hufu_api::{Cx, Der, IssuerKey, IssuerKeyError, SignerKind, Subject, UnixTime};
use hufu_x509::{
    Addresses, Issuer, Role, SignatureAlgorithm, TbsSpec, asn1, assemble, authority_name, certificate_tbs,
    key_identifier, request_info,
};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A P-256 key.
pub struct SoftKey(EcdsaKeyPair);

impl SoftKey {
    /// A fresh key.
    pub fn new() -> Self {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref()).unwrap())
    }

    /// SubjectPublicKeyInfo, DER.
    pub fn spki(&self) -> Vec<u8> {
        let oid = |dotted: &str| asn1::oid(&dotted.parse().unwrap());
        let algorithm = asn1::sequence(&[&oid("1.2.840.10045.2.1"), &oid("1.2.840.10045.3.1.7")]);
        asn1::sequence(&[&algorithm, &asn1::bit_string(self.0.public_key().as_ref())])
    }

    /// ECDSA with SHA-256, DER.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }
}

impl Default for SoftKey {
    fn default() -> Self {
        Self::new()
    }
}

/// A person's name as certificates carry it.
pub fn subject(common_name: &str) -> Subject {
    Subject {
        kind: SignerKind::Person,
        common_name: common_name.into(),
        serial_number: "HUFU-17".into(),
        organization: None,
        country: "CN".into(),
    }
}

/// Somebody who asks for a certificate.
pub struct Requester {
    /// The new key.
    pub key: SoftKey,
    /// The name asked for.
    pub subject: Subject,
    /// CertificationRequest, DER.
    pub csr: Vec<u8>,
}

impl Requester {
    /// A fresh key and its request.
    pub fn new(common_name: &str) -> Self {
        let key = SoftKey::new();
        let subject = subject(common_name);
        let info = request_info(&subject, &key.spki()).unwrap();
        let csr = assemble(&info, &SignatureAlgorithm::EcdsaSha256.identifier(), &key.sign(&info));
        Self { key, subject, csr }
    }
}

/// A CA key in software, with its certificate.
pub struct SoftCa {
    key: SoftKey,
    name: Vec<u8>,
    certificate: Der,
    issuers: Vec<Der>,
    algorithm: Der,
    down: AtomicBool,
    uses: AtomicUsize,
    serial: Mutex<u64>,
}

impl SoftCa {
    /// A self-signed root, valid for ten years around `now`.
    pub fn root(common_name: &str, now: UnixTime) -> Self {
        let key = SoftKey::new();
        let name = authority_name("CN", "Hufu Test", common_name).unwrap();
        let certificate = certificate(&key, &name, &key, &name, None, now, 3650);
        Self::with(key, name, certificate, vec![])
    }

    /// An issuing CA below this one, valid for `days`.
    pub fn issuing(&self, common_name: &str, now: UnixTime, days: i64) -> Self {
        let key = SoftKey::new();
        let name = authority_name("CN", "Hufu Test", common_name).unwrap();
        let certificate = certificate(&self.key, &self.name, &key, &name, Some(0), now, days);
        let mut issuers = vec![self.certificate.clone()];
        issuers.extend(self.issuers.iter().cloned());
        Self::with(key, name, certificate, issuers)
    }

    fn with(key: SoftKey, name: Vec<u8>, certificate: Der, issuers: Vec<Der>) -> Self {
        let algorithm = Der(SignatureAlgorithm::EcdsaSha256.identifier());
        let (down, uses) = (AtomicBool::new(false), AtomicUsize::new(0));
        Self { key, name, certificate, issuers, algorithm, down, uses, serial: Mutex::new(1) }
    }

    /// From now on the key does not sign, or signs again.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Signatures made.
    pub fn uses(&self) -> usize {
        self.uses.load(Ordering::SeqCst)
    }

    /// Issues a certificate for `role` directly, as a CA that has its own ways.
    pub fn issue(
        &self,
        subject: &[u8],
        spki: &[u8],
        role: Role<'_>,
        not_before: UnixTime,
        not_after: UnixTime,
    ) -> Der {
        let mut serial = self.serial.lock().unwrap();
        *serial += 1;
        let identifier = key_identifier(&self.key.spki()).unwrap();
        let tbs = certificate_tbs(&TbsSpec {
            serial: &serial.to_be_bytes(),
            algorithm: &self.algorithm.0,
            issuer: Issuer::new(&self.name, &identifier),
            subject,
            spki,
            not_before,
            not_after,
            role,
            addresses: Addresses::default(),
        })
        .unwrap();
        Der(assemble(&tbs, &self.algorithm.0, &self.key.sign(&tbs)))
    }

    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, IssuerKeyError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(IssuerKeyError::Unavailable("the token is gone".into()));
        }
        self.uses.fetch_add(1, Ordering::SeqCst);
        Ok(self.key.sign(bytes))
    }
}

impl IssuerKey for SoftCa {
    fn certificate(&self) -> &Der {
        &self.certificate
    }

    fn issuers(&self) -> &[Der] {
        &self.issuers
    }

    fn signature_algorithm(&self) -> &Der {
        &self.algorithm
    }

    fn sign_certificate(&self, _cx: Cx, tbs: &[u8]) -> Result<Vec<u8>, IssuerKeyError> {
        self.sign(tbs)
    }

    fn sign_crl(&self, _cx: Cx, tbs: &[u8]) -> Result<Vec<u8>, IssuerKeyError> {
        self.sign(tbs)
    }
}

fn certificate(
    signer: &SoftKey,
    issuer: &[u8],
    key: &SoftKey,
    name: &[u8],
    path_length: Option<u8>,
    now: UnixTime,
    days: i64,
) -> Der {
    let algorithm = SignatureAlgorithm::EcdsaSha256.identifier();
    let identifier = key_identifier(&signer.spki()).unwrap();
    let serial: [u8; 16] = {
        let mut bytes = [0; 16];
        aws_lc_rs::rand::fill(&mut bytes).unwrap();
        bytes
    };
    let tbs = certificate_tbs(&TbsSpec {
        serial: &serial,
        algorithm: &algorithm,
        issuer: Issuer::new(issuer, &identifier),
        subject: name,
        spki: &key.spki(),
        not_before: now.plus_millis(-3_600_000),
        not_after: now.plus_millis(days * 86_400_000),
        role: Role::Authority { path_length },
        addresses: Addresses::default(),
    })
    .unwrap();
    Der(assemble(&tbs, &algorithm, &signer.sign(&tbs)))
}
