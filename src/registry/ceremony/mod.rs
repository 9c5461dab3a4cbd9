//! The key ceremony of `hufu init`: tokens, keys, the appliance's own CA, and a transcript. Every step finds what an earlier
//! run has made, so that an interrupted ceremony is simply run again.

mod authority;
mod recovery;
mod replace;
mod rollover;
mod transcript;

pub use recovery::{FILE as RECOVERY_FILE, Recovery, Saved};
pub use replace::{Kind, named, revoke_issuing, succeed};
pub use rollover::rollover;
pub use transcript::{Transcript, clock_text};

use crate::channels::Identity;
use crate::conf::{Authority, Seat, Site};
use crate::keys::{KeyAlgorithm, KeyError, Purpose, StoredKey};
use crate::token::ceremony::{self, Ceremony, Step};
use authority::{Issued, issue};
use cryptoki::types::AuthPin;
use hufu_api::{Der, UnixTime};
use std::fs;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Labels of the keys that the first ceremony makes.
pub mod label {
    /// The root CA.
    pub const ROOT: &str = "root";
    /// The first issuing CA.
    pub const ISSUING: &str = "issuing-1";
    /// The first time-stamping authority.
    pub const TSA: &str = "tsa-1";
    /// The first issuing CA's OCSP responder.
    pub const OCSP: &str = "ocsp-issuing-1";
    /// The audit log's first checkpoint key.
    pub const AUDIT: &str = "audit-1";

    /// The `number`th issuing CA, from 1.
    pub fn issuing(number: u32) -> String {
        format!("issuing-{number}")
    }

    /// The last number of a label.
    pub fn number(label: &str) -> Option<u32> {
        label.rsplit_once('-')?.1.parse().ok()
    }

    /// Its OCSP responder.
    pub fn ocsp(number: u32) -> String {
        format!("ocsp-issuing-{number}")
    }
}

/// Key types of the root, the first that its token offers.
const LONG_LIVED: &[KeyAlgorithm] =
    &[KeyAlgorithm::P384, KeyAlgorithm::P256, KeyAlgorithm::Rsa3072, KeyAlgorithm::Rsa2048];
/// Key types of everything below it, the first that the token offers.
const USUAL: &[KeyAlgorithm] = &[KeyAlgorithm::P256, KeyAlgorithm::Rsa2048];

/// What checkpoints of the audit log can be signed with (C2SP signed-note).
const CHECKPOINTS: &[KeyAlgorithm] = &[KeyAlgorithm::P256];

/// Why the ceremony stopped. What was made until then is found again by the next run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// The configuration does not say enough about a token.
    #[error("{key}: {reason}")]
    Configuration {
        /// Which key.
        key: String,
        /// What would be right.
        reason: String,
    },
    /// The token cannot be used.
    #[error("token {seat}: {reason}")]
    Token {
        /// Whose.
        seat: &'static str,
        /// What it said.
        reason: String,
    },
    /// A key could not be made or used.
    #[error("token {seat}: {source}")]
    Key {
        /// Whose.
        seat: &'static str,
        /// What it said.
        source: KeyError,
    },
    /// A certificate or list was not signed.
    #[error("{label}: {source}")]
    Issue {
        /// Which.
        label: String,
        /// What the token said.
        source: KeyError,
    },
    /// A PIN file is needed to initialise a token and is not there.
    #[error("{path}: {reason}")]
    Pin {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Recovery components, or the keys wrapped under them, are not usable.
    #[error("{path}: {reason}")]
    Recovery {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A certificate could not be built.
    #[error("certificate: {0}")]
    Certificate(#[from] crate::x509::X509Error),
    /// A file could not be written or read.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What a key of the ceremony must be in for a fresh token to take the appliance over.
const NEEDED: [(&str, &str); 8] = [
    ("root", label::ROOT),
    ("ca", label::ISSUING),
    ("tsa", label::TSA),
    ("tsa", label::OCSP),
    ("audit", label::AUDIT),
    ("signer", "hufu state key"),
    ("signer", "hufu wrapping key"),
    ("signer", "hufu mac key"),
];

/// Runs the whole ceremony. `so_pin` is needed only where a token has to be initialised; with `recovery` every key that is made
/// now can be brought back with its components.
///
/// # Errors
/// See [`CeremonyError`].
pub fn run(
    site: &Site,
    file: &Path,
    so_pin: Option<&Path>,
    recovery: Option<&Recovery>,
    now: UnixTime,
    tell: &mut dyn FnMut(&str),
) -> Result<Transcript, CeremonyError> {
    let mut transcript = Transcript::begin(now, file);
    let mut say = saying(tell);
    let folder = site.pki_folder();
    fs::create_dir_all(&folder).map_err(|source| CeremonyError::Io { path: folder.clone(), source })?;

    for seat in Seat::ALL {
        if let Some(step) = initialise(site, file, seat, so_pin)? {
            say(&mut transcript, format!("token {}: {}", seat.name(), made(step, "initialised")));
        }
    }

    let mut root = open(site, file, Seat::Root, recovery)?;
    say(&mut transcript, format!("token root: {}", root.described()));
    let root_key = key(&mut root, Seat::Root, LONG_LIVED, label::ROOT, &mut transcript, &mut say)?;
    let authority = site.authority();
    let root_issued = issue(&mut root, Issued::root(&folder, authority, &root_key, now))?;
    report(&root_issued, &mut transcript, &mut say);

    let mut ca = open(site, file, Seat::Served(Purpose::Ca), recovery)?;
    own_keys(&mut ca, Seat::Served(Purpose::Ca), &mut transcript, &mut say)?;
    let ca_seat = Seat::Served(Purpose::Ca);
    let ca_key = key(&mut ca, ca_seat, USUAL, label::ISSUING, &mut transcript, &mut say)?;
    let issuing =
        issue(&mut root, Issued::issuing(1, &folder, authority, &ca_key, &root_issued, &root_key, now))?;
    report(&issuing, &mut transcript, &mut say);
    // What it says of issuing CAs stays said.
    let revoked = authority::listed(&folder, &known_identities(site)?);
    let root_crl =
        authority::root_crl(&mut root, &folder, authority, &root_issued, &root_key, &revoked, now)?;
    say(&mut transcript, format!("revocation list of the root: {}", root_crl.display()));
    // The root's token is closed before any other work: `hufu serve` never opens it.
    drop(root);

    let tsa_seat = Seat::Served(Purpose::Tsa);
    let mut tsa = open(site, file, tsa_seat, recovery)?;
    own_keys(&mut tsa, tsa_seat, &mut transcript, &mut say)?;
    let tsa_key = key(&mut tsa, tsa_seat, USUAL, label::TSA, &mut transcript, &mut say)?;
    let ocsp_key = key(&mut tsa, tsa_seat, USUAL, label::OCSP, &mut transcript, &mut say)?;
    drop(tsa);
    let stamping = issue(&mut ca, Issued::stamping(&folder, authority, &tsa_key, &issuing, &ca_key, now))?;
    report(&stamping, &mut transcript, &mut say);
    let responder =
        issue(&mut ca, Issued::responder(1, &folder, authority, &ocsp_key, &issuing, &ca_key, now))?;
    report(&responder, &mut transcript, &mut say);
    drop(ca);

    let audit_seat = Seat::Served(Purpose::Audit);
    let mut audit = open(site, file, audit_seat, recovery)?;
    own_keys(&mut audit, audit_seat, &mut transcript, &mut say)?;
    let audit_key = key(&mut audit, audit_seat, CHECKPOINTS, label::AUDIT, &mut transcript, &mut say)?;
    drop(audit);
    let mut signer = open(site, file, Seat::Served(Purpose::Signer), recovery)?;
    own_keys(&mut signer, Seat::Served(Purpose::Signer), &mut transcript, &mut say)?;
    drop(signer);

    let mut identities = vec![
        identity(ca_key, &issuing, &[&root_issued]),
        identity(tsa_key, &stamping, &[&issuing, &root_issued]),
        identity(ocsp_key, &responder, &[&issuing, &root_issued]),
    ];
    // What rollovers have added since stays.
    let first: Vec<String> = identities.iter().map(|identity| identity.label.clone()).collect();
    identities.extend(known_identities(site)?.into_iter().filter(|known| !first.contains(&known.label)));
    write_json(&site.identities_file(), &identities)?;
    write_json(&site.audit_key_file(), &audit_key)?;
    for name in ["signer-root.pem", "tsa-root.pem"] {
        let path = folder.join(name);
        let pem = authority::pem(&root_issued.certificate);
        fs::write(&path, pem).map_err(|source| CeremonyError::Io { path, source })?;
    }
    say(&mut transcript, format!("identities: {}", site.identities_file().display()));
    if let Some(recovery) = recovery {
        let saved = recovery.saved()?;
        let text = format!(
            "recovery: {} keys come back with the components of check value {}",
            saved.len(),
            recovery.key().check_value()
        );
        say(&mut transcript, text);
        let there = |(seat, label): &&(&str, &str)| {
            saved.iter().any(|s| (s.seat.as_str(), s.key.label.as_str()) == (*seat, *label))
        };
        for (seat, label) in NEEDED.iter().filter(|needed| !there(needed)) {
            say(
                &mut transcript,
                format!("recovery: {label} of token {seat} was made without it and cannot be recovered"),
            );
        }
    }
    Ok(transcript)
}

fn identity(key: StoredKey, issued: &Issued, above: &[&Issued]) -> Identity {
    Identity {
        label: issued.label.clone(),
        key,
        certificate: Der(issued.certificate.clone()),
        issuers: above.iter().map(|issuer| Der(issuer.certificate.clone())).collect(),
    }
}

/// The identities that ceremonies have made so far; none before the first.
fn known_identities(site: &Site) -> Result<Vec<Identity>, CeremonyError> {
    let path = site.identities_file();
    let io = |source| CeremonyError::Io { path: path.clone(), source };
    match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        other => serde_json::from_slice(&other.map_err(io)?).map_err(|e| io(std::io::Error::other(e))),
    }
}

pub(super) fn made(step: Step, verb: &str) -> String {
    match step {
        Step::Made => format!("{verb} now"),
        Step::Found => "already there".to_owned(),
    }
}

/// Opens a token for a ceremony; with `recovery` its new keys are wrapped for recovery.
pub(super) fn open(
    site: &Site,
    file: &Path,
    seat: Seat,
    recovery: Option<&Recovery>,
) -> Result<Ceremony, CeremonyError> {
    let token =
        site.tokens().of(seat, file).map_err(|(key, reason)| CeremonyError::Configuration { key, reason })?;
    let ceremony = Ceremony::open(&super::tokens::settings(site, &token))
        .map_err(|e| CeremonyError::Token { seat: seat.name(), reason: e.to_string() })?;
    match recovery {
        None => Ok(ceremony),
        Some(recovery) => ceremony
            .with_recovery(recovery.key(), recovery.keep(seat.name()))
            .map_err(|source| CeremonyError::Key { seat: seat.name(), source }),
    }
}

/// Makes the token if its label names none; tokens named by serial number are the site's own.
pub(super) fn initialise(
    site: &Site,
    file: &Path,
    seat: Seat,
    so_pin: Option<&Path>,
) -> Result<Option<Step>, CeremonyError> {
    let token =
        site.tokens().of(seat, file).map_err(|(key, reason)| CeremonyError::Configuration { key, reason })?;
    let (crate::conf::Name::Label(label), Some(so_pin)) = (&token.name, so_pin) else { return Ok(None) };
    let settings = super::tokens::settings(site, &token);
    let token_error =
        |e: &dyn std::fmt::Display| CeremonyError::Token { seat: seat.name(), reason: e.to_string() };
    let user_pin = crate::token::pin::read(&settings.pin).map_err(|e| token_error(&e))?;
    let step = ceremony::initialise(&settings.module, label, &pin(so_pin)?, &user_pin)
        .map_err(|e| token_error(&e))?;
    Ok(Some(step))
}

fn pin(path: &Path) -> Result<AuthPin, CeremonyError> {
    let unfit = |reason: String| CeremonyError::Pin { path: path.to_owned(), reason };
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|e| unfit(e.to_string()))?);
    let pin = text.trim_end_matches(['\n', '\r']);
    if pin.is_empty() {
        return Err(unfit("empty".into()));
    }
    Ok(AuthPin::new(pin.into()))
}

type Say<'a> = &'a mut dyn FnMut(&mut Transcript, String);

/// Says each line to whoever is there, and writes it down.
fn saying(tell: &mut dyn FnMut(&str)) -> impl FnMut(&mut Transcript, String) {
    |transcript, text| {
        tell(&text);
        transcript.line(&text);
    }
}

fn key(
    token: &mut Ceremony,
    seat: Seat,
    preferred: &[KeyAlgorithm],
    label: &str,
    transcript: &mut Transcript,
    say: Say<'_>,
) -> Result<StoredKey, CeremonyError> {
    let purpose = match seat {
        Seat::Served(purpose) => purpose,
        Seat::Root => Purpose::Ca,
    };
    let offered = preferred.iter().copied().find(|algorithm| token.abilities().offers(*algorithm));
    let algorithm = offered.ok_or_else(|| CeremonyError::Token {
        seat: seat.name(),
        reason: format!(
            "{label} wants one of {preferred:?}, which this token does not make; give [token.{}] another token",
            seat.name()
        ),
    })?;
    let (key, step) = token
        .key_pair(purpose, algorithm, label)
        .map_err(|source| CeremonyError::Key { seat: seat.name(), source })?;
    say(transcript, format!("key {label} ({algorithm:?}), CKA_ID {}: {}", key.id, made(step, "generated")));
    Ok(key)
}

fn own_keys(
    token: &mut Ceremony,
    seat: Seat,
    transcript: &mut Transcript,
    say: Say<'_>,
) -> Result<(), CeremonyError> {
    let steps = token.own_keys().map_err(|source| CeremonyError::Key { seat: seat.name(), source })?;
    for (label, step) in steps {
        say(transcript, format!("token {}: {label}: {}", seat.name(), made(step, "generated")));
    }
    Ok(())
}

fn report(issued: &Issued, transcript: &mut Transcript, say: Say<'_>) {
    let text = format!(
        "certificate {}: SHA-256 {}, {}",
        issued.label,
        hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&issued.certificate)),
        if issued.found { "already there" } else { "issued now" }
    );
    say(transcript, text);
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), CeremonyError> {
    let io = |source: std::io::Error| CeremonyError::Io { path: path.to_owned(), source };
    let text = serde_json::to_vec_pretty(value).map_err(|e| io(std::io::Error::other(e)))?;
    let waiting = path.with_extension("new");
    fs::write(&waiting, text).map_err(io)?;
    fs::File::open(&waiting).and_then(|f| f.sync_all()).map_err(io)?;
    fs::rename(&waiting, path).map_err(io)
}

impl Authority {
    fn address(&self, name: &str) -> Option<String> {
        self.pki_url.as_ref().map(|base| format!("{}/{name}", base.trim_end_matches('/')))
    }
}
