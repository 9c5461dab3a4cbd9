//! A small certification hierarchy with software keys, and other people's tools as judges. For tests only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]
#![allow(clippy::missing_docs_in_private_items)]

use super::{
    Addresses, Certificate, CrlSpec, Issuer, Revoked, Role, SignatureAlgorithm, TbsSpec, assemble,
    authority_name, certificate_tbs, crl_tbs, key_identifier, request_info, subject_name,
};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use hufu_api::{SignerKind, Subject, UnixTime};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) enum SoftKey {
    Ec(EcdsaKeyPair, SignatureAlgorithm),
    Rsa(RsaKeyPair),
}

impl SoftKey {
    pub(crate) fn new(algorithm: SignatureAlgorithm) -> Self {
        match algorithm {
            SignatureAlgorithm::EcdsaSha256 => {
                Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(), algorithm)
            }
            SignatureAlgorithm::EcdsaSha384 => {
                Self::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap(), algorithm)
            }
            SignatureAlgorithm::RsaSha256 => Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        }
    }

    pub(crate) fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Ec(pair, _) => pair.public_key().as_der().unwrap(),
            Self::Rsa(pair) => pair.public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    pub(crate) fn algorithm(&self) -> SignatureAlgorithm {
        match self {
            Self::Ec(_, algorithm) => *algorithm,
            Self::Rsa(_) => SignatureAlgorithm::RsaSha256,
        }
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ec(pair, _) => pair.sign(&random, bytes).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// A certificate with its key.
pub(crate) struct Identity {
    pub(crate) key: SoftKey,
    pub(crate) certificate: Certificate,
}

/// A root and an issuing CA below it, valid from a day before [`NOW`] on.
pub(crate) struct Pki {
    pub(crate) root: Identity,
    pub(crate) ca: Identity,
}

/// The wall clock when the tests run: judges use it too.
pub(crate) fn now() -> UnixTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixTime::from_seconds(i64::try_from(since.as_secs()).unwrap())
}

pub(crate) fn person() -> Subject {
    Subject {
        kind: SignerKind::Person,
        common_name: "张三".into(),
        serial_number: "HUFU-17".into(),
        organization: None,
        country: "CN".into(),
    }
}

static SERIAL: AtomicU64 = AtomicU64::new(0x8000_0000_0000_0001);

impl Pki {
    pub(crate) fn new(algorithm: SignatureAlgorithm) -> Self {
        let root_key = SoftKey::new(algorithm);
        let name = authority_name("CN", "Hufu 测试", "Hufu Test Root").unwrap();
        let root = issue(root_key, None, &name, Role::Authority { path_length: None });
        let ca_name = authority_name("CN", "Hufu 测试", "Hufu Test CA").unwrap();
        let ca_role = Role::Authority { path_length: Some(0) };
        let ca = issue(SoftKey::new(algorithm), Some(&root), &ca_name, ca_role);
        Self { root, ca }
    }

    pub(crate) fn leaf(&self, algorithm: SignatureAlgorithm, role: Role<'_>) -> Identity {
        issue(SoftKey::new(algorithm), Some(&self.ca), &subject_name(&person()).unwrap(), role)
    }

    pub(crate) fn signer(&self, algorithm: SignatureAlgorithm) -> Identity {
        self.leaf(algorithm, Role::Signer { extended_key_usage: &[], policies: &[], scene: None })
    }

    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        vec![self.ca.certificate.der().to_vec(), self.root.certificate.der().to_vec()]
    }
}

fn issue(key: SoftKey, issuer: Option<&Identity>, subject: &[u8], role: Role<'_>) -> Identity {
    let spki = key.spki();
    let id = match issuer {
        Some(issuer) => issuer.certificate.issuing_key_identifier().unwrap(),
        None => key_identifier(&spki).unwrap(),
    };
    let name = issuer.map_or(subject, |issuer| issuer.certificate.subject.der());
    let signer = issuer.map_or(&key, |issuer| &issuer.key);
    let algorithm = signer.algorithm().identifier();
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let day = 86_400_000;
    let addresses = Addresses {
        crl: Some("http://localhost/ca.crl"),
        issuer: Some("http://localhost/ca.cer"),
        ocsp: Some("http://localhost/ocsp"),
    };
    let tbs = certificate_tbs(&TbsSpec {
        serial: &serial,
        algorithm: &algorithm,
        issuer: Issuer::new(name, &id),
        subject,
        spki: &spki,
        not_before: now().plus_millis(-day),
        not_after: now().plus_millis(365 * day),
        role,
        addresses: if issuer.is_some() { addresses } else { Addresses::default() },
    })
    .unwrap();
    let der = assemble(&tbs, &algorithm, &signer.sign(&tbs));
    Identity { key, certificate: Certificate::from_der(&der).unwrap() }
}

/// A complete list by `ca`.
pub(crate) fn crl(ca: &Identity, revoked: &[Revoked]) -> Vec<u8> {
    crl_of(ca, revoked, now())
}

/// The same, made at another time.
pub(crate) fn crl_of(ca: &Identity, revoked: &[Revoked], made: UnixTime) -> Vec<u8> {
    let id = ca.certificate.issuing_key_identifier().unwrap();
    let algorithm = ca.key.algorithm().identifier();
    let tbs = crl_tbs(&CrlSpec {
        algorithm: &algorithm,
        issuer: Issuer::new(ca.certificate.subject.der(), &id),
        number: 3,
        this_update: made,
        next_update: now().plus_millis(86_400_000),
        revoked,
    })
    .unwrap();
    assemble(&tbs, &algorithm, &ca.key.sign(&tbs))
}

/// A PKCS#10 request for [`person`].
pub(crate) fn request(key: &SoftKey) -> Vec<u8> {
    let info = request_info(&person(), &key.spki()).unwrap();
    assemble(&info, &key.algorithm().identifier(), &key.sign(&info))
}

/// Runs a judge in `dir`; `None`, said aloud, when it is not installed.
pub(crate) fn judge(dir: &Path, command: &str, args: &[&str]) -> Option<Output> {
    match Command::new(command).args(args).current_dir(dir).output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: {command} is not installed");
            None
        }
        Err(error) => panic!("{command}: {error}"),
    }
}

/// Runs openssl and asserts success; its output.
pub(crate) fn openssl(dir: &Path, args: &str) -> Option<String> {
    let args: Vec<&str> = args.split_whitespace().collect();
    let output = judge(dir, "openssl", &args)?;
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {}: {text}", args.join(" "));
    Some(text)
}

/// A fresh folder, removed at the end of the test.
pub(crate) struct Folder(std::path::PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("hufu-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.join(name), bytes).unwrap();
    }

    /// Certificates as one PEM file.
    pub(crate) fn write_pem(&self, name: &str, certificates: &[&Certificate]) {
        use base64::Engine;
        let mut text = String::new();
        for certificate in certificates {
            let body = base64::engine::general_purpose::STANDARD.encode(certificate.der());
            text.push_str("-----BEGIN CERTIFICATE-----\n");
            for line in body.as_bytes().chunks(64) {
                text.push_str(std::str::from_utf8(line).unwrap());
                text.push('\n');
            }
            text.push_str("-----END CERTIFICATE-----\n");
        }
        self.write(name, text.as_bytes());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
