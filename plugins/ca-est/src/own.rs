//! The certificate by which the server knows us, and its replacement before it ends: simplereenroll (RFC 7030 4.2.2). A new key
//! each time; name and alternative names stay, as 4.2.2 demands.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use const_oid::ObjectIdentifier;
use hufu_api::{ChannelError, Der, PluginError, UnixTime};
use hufu_https::Tls;
use hufu_x509::{Certificate, SignatureAlgorithm, asn1, assemble};
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// In the folder of renewed certificates: chain and key in one file, so that they change together.
const FILE: &str = "client.pem";
const LONGEST: u64 = 64 * 1024;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// Where the client certificate is, and where renewed ones go.
#[derive(Debug)]
pub(super) struct Own {
    given: Tls,
    base: PathBuf,
    folder: Option<PathBuf>,
}

/// A request for the next certificate, kept while the CA thinks about it.
pub(super) struct Renewal {
    /// CertificationRequest, DER.
    pub(super) request: Vec<u8>,
    spki: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Own {
    pub(super) fn new(given: Tls, base: &Path, folder: Option<&Path>) -> Self {
        Self { given, base: base.to_owned(), folder: folder.map(|folder| base.join(folder)) }
    }

    /// What to connect with: the renewed certificate if there is one, as long as it lasts longer than the one of the settings,
    /// which an operator may have replaced since.
    pub(super) fn tls(&self) -> Tls {
        let renewed = self.folder.as_ref().map(|folder| folder.join(FILE));
        let end = |file: &Path| first(file).ok().map(|certificate| certificate.not_after);
        match renewed {
            Some(file)
                if end(&file) > self.given.certificate.as_ref().and_then(|f| end(&self.base.join(f))) =>
            {
                Tls { certificate: Some(file.clone()), key: Some(file), ..self.given.clone() }
            }
            _ => self.given.clone(),
        }
    }

    /// The certificate in use; `None` where the server knows us by a password.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub(super) fn certificate(&self) -> Result<Option<Certificate>, PluginError> {
        self.tls().certificate.map(|file| first(&self.base.join(file))).transpose()
    }

    /// Whether renewed certificates have a place.
    pub(super) const fn renews(&self) -> bool {
        self.folder.is_some()
    }

    /// Puts a renewed certificate, leaf first, with its key into the folder: whole, readable by us alone.
    ///
    /// # Errors
    /// When it is not over the request's key, names somebody else or lasts no longer, and when it cannot be written.
    pub(super) fn store(&self, renewal: &Renewal, chain: &[Der], now: UnixTime) -> Result<(), ChannelError> {
        let bad = |why: &str| ChannelError::BadAnswer(format!("simplereenroll: {why}"));
        let all: Result<Vec<_>, _> = chain.iter().map(|der| Certificate::from_der(&der.0)).collect();
        let all = all.map_err(|e| bad(&e.to_string()))?;
        let leaf = all.first().filter(|leaf| leaf.spki == renewal.spki);
        let leaf = leaf.ok_or_else(|| bad("no certificate for the new key"))?;
        let old = self.certificate().map_err(|PluginError(why)| ChannelError::Unavailable(why))?;
        let same =
            old.is_some_and(|old| old.subject.der() == leaf.subject.der() && leaf.not_after > old.not_after);
        if !same || leaf.not_before > now {
            return Err(bad("the new certificate is for another name or does not last longer"));
        }
        let failed =
            |e: std::io::Error| ChannelError::Unavailable(format!("renewed client certificate: {e}"));
        let folder = self.folder.as_ref().ok_or(ChannelError::Unsupported)?;
        let mut text = Zeroizing::new(String::with_capacity(64 * 1024));
        for der in chain {
            pem(&mut text, "CERTIFICATE", &der.0);
        }
        pem(&mut text, "PRIVATE KEY", &renewal.key);
        let new = folder.join(format!("{FILE}.new"));
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        std::fs::rename(&new, folder.join(FILE)).map_err(failed)?;
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}

impl Renewal {
    /// A fresh key and a request for the same names as `old`.
    pub(super) fn of(old: &Certificate) -> Result<Self, ChannelError> {
        let failed = |_| ChannelError::Unavailable("no new client key could be made".into());
        let random = SystemRandom::new();
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(failed)?;
        let key = Zeroizing::new(document.as_ref().to_vec());
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key)
            .map_err(|e| ChannelError::Unavailable(e.to_string()))?;
        let spki = asn1::sequence(&[
            &asn1::sequence(&[&asn1::oid(&EC_PUBLIC_KEY), &asn1::oid(&P_256)]),
            &asn1::bit_string(pair.public_key().as_ref()),
        ]);
        let names = old.extension(&SUBJECT_ALT_NAME).map(|names| {
            let critical = if names.critical { asn1::boolean(true) } else { Vec::new() };
            let extension =
                asn1::sequence(&[&asn1::oid(&names.oid), &critical, &asn1::octet_string(&names.value)]);
            let wanted = asn1::set(&[&asn1::sequence(&[&extension])]);
            asn1::sequence(&[&asn1::oid(&EXTENSION_REQUEST), &wanted])
        });
        let attributes = asn1::context(0, &[&names.unwrap_or_default()]);
        let info = asn1::sequence(&[&asn1::integer_u64(0), old.subject.der(), &spki, &attributes]);
        let signature = pair.sign(&random, &info).map_err(failed)?;
        let algorithm = SignatureAlgorithm::EcdsaSha256.identifier();
        let request = assemble(&info, &algorithm, signature.as_ref());
        Ok(Self { request, spki, key })
    }

    /// The new public key, SubjectPublicKeyInfo.
    pub(super) fn spki(&self) -> &[u8] {
        &self.spki
    }
}

/// From when on a certificate is replaced: the last third of its life.
pub(super) fn due(certificate: &Certificate) -> UnixTime {
    let life = certificate.not_after.millis().saturating_sub(certificate.not_before.millis());
    certificate.not_after.plus_millis(-life / 3)
}

fn pem(text: &mut String, kind: &str, der: &[u8]) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "-----BEGIN {kind}-----");
    let body = Zeroizing::new(STANDARD.encode(der));
    for line in body.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    let _ = writeln!(text, "-----END {kind}-----");
}

/// The first certificate of a PEM file.
fn first(file: &Path) -> Result<Certificate, PluginError> {
    let problem = |e: &dyn std::fmt::Display| PluginError(format!("{}: {e}", file.display()));
    if std::fs::metadata(file).map_err(|e| problem(&e))?.len() > LONGEST {
        return Err(problem(&"too long"));
    }
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|e| problem(&e))?);
    let body = text
        .split_once("-----BEGIN CERTIFICATE-----")
        .and_then(|(_, rest)| rest.split_once("-----END CERTIFICATE-----"))
        .ok_or_else(|| problem(&"no PEM certificate in it"))?
        .0;
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|e| problem(&e))?;
    Certificate::from_der(&der).map_err(|e| problem(&e))
}
