//! What a token can do, tried out: a record that a site keeps when it accepts an HSM.

use super::abilities::Abilities;
use super::ceremony::signatures;
use super::fault::Trouble;
use super::generate::{self, Residence};
use super::module::{self, Module, OpenError};
use super::session::TokenSession;
use super::settings::{TokenName, TokenSettings};
use super::{seal, sign, wrapped};
use crate::keys::{Custody, GenerateSpec, KeyAlgorithm, KeyError, KeyId, KeyLocation, Purpose, StoredKey};
use cryptoki::context::Pkcs11;
use cryptoki::session::Session;
use cryptoki::slot::{Limit, Slot, TokenInfo};
use hufu_api::{Der, SignerKind, Subject};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is tried out.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// Whether to log in. Without, only what the token says of itself is reported.
    pub log_in: bool,
    /// Sessions to open at most, and to measure with.
    pub sessions: u16,
    /// How long each rate is measured.
    pub span: Duration,
}

/// The record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Manufacturer, description and version of the library, and its version of PKCS#11.
    pub library: String,
    /// What the token says of itself, by name; empty where the module gives it malformed.
    pub token: Vec<(String, String)>,
    /// Mechanisms that the appliance can use, each with key sizes and uses.
    pub mechanisms: Vec<(String, String)>,
    /// How many mechanisms there are in all.
    pub offered: usize,
    /// What was tried, and what came of it.
    pub trials: Vec<Tried>,
}

/// One thing that was tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tried {
    /// What.
    pub what: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "text", rename_all = "snake_case")]
pub enum Outcome {
    /// It works, with a figure where there is one.
    Works(String),
    /// The token does not offer it; the appliance does without.
    NotOffered(String),
    /// It is offered and does not work.
    Fails(String),
}

/// Mechanisms that the appliance has a use for.
const USED: [&str; 16] = [
    "CKM_RSA_PKCS_KEY_PAIR_GEN",
    "CKM_RSA_PKCS",
    "CKM_SHA256_RSA_PKCS",
    "CKM_RSA_PKCS_PSS",
    "CKM_EC_KEY_PAIR_GEN",
    "CKM_ECDSA_KEY_PAIR_GEN",
    "CKM_ECDSA",
    "CKM_ECDSA_SHA256",
    "CKM_ECDSA_SHA384",
    "CKM_AES_KEY_GEN",
    "CKM_AES_KEY_WRAP_PAD",
    "CKM_AES_CBC_PAD",
    "CKM_AES_GCM",
    "CKM_AES_CMAC",
    "CKM_SHA256_HMAC",
    "CKM_GENERIC_SECRET_KEY_GEN",
];

const ALGORITHMS: [KeyAlgorithm; 4] =
    [KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::Rsa2048, KeyAlgorithm::Rsa3072];

/// Asks the token in this process, which must have the environment that its module needs. Nothing stays in the token. No PIN is
/// tried on one that warns of its last tries.
///
/// # Errors
/// When the module cannot be loaded or shows no such token.
pub fn make(settings: &TokenSettings, trial: &Trial) -> Result<Report, OpenError> {
    let (mut report, warned) = {
        let context = module::load(&settings.module)?;
        let (slot, info) = module::find(&context, &settings.name)?;
        describe(&context, slot, info.as_ref(), &settings.name)?
    };
    if !trial.log_in {
        return Ok(report);
    }
    if let Some(warned) = warned {
        report.tried("login", Err(KeyError::Refused(format!("not tried: {warned}")).into()));
        return Ok(report);
    }
    let (module, session) = match Module::open(settings) {
        Ok(opened) => opened,
        Err(error) => {
            report.tried("login", Err(KeyError::Failed(error.to_string()).into()));
            return Ok(report);
        }
    };
    report.tried("login", Ok(String::new()));
    let mut token = TokenSession::over(&Arc::new(module), session, 4);
    for algorithm in ALGORITHMS {
        let tried = pair(&token, algorithm, trial.span);
        report.tried(&format!("{algorithm:?}: generate, sign, verify outside, destroy"), tried);
    }
    report.tried("private keys wrapped and unwrapped", wrapping(&mut token));
    report.tried("small secrets protected and revealed", sealing(&token));
    report.sessions(&token, trial);
    Ok(report)
}

/// What can be said without logging in, and why nobody should.
fn describe(
    context: &Pkcs11,
    slot: Slot,
    info: Option<&TokenInfo>,
    name: &TokenName,
) -> Result<(Report, Option<&'static str>), OpenError> {
    let library = context.get_library_info().map_err(module::token)?;
    let offered = context.get_mechanism_list(slot).map_err(module::token)?;
    let mut mechanisms = Vec::new();
    for mechanism in &offered {
        let name = mechanism.to_string();
        if !USED.contains(&name.as_str()) {
            continue;
        }
        let text = context.get_mechanism_info(slot, *mechanism).map_or_else(
            |error| error.to_string(),
            |info| {
                let uses = [
                    (info.generate() || info.generate_key_pair(), "generate"),
                    (info.sign(), "sign"),
                    (info.encrypt(), "encrypt"),
                    (info.wrap(), "wrap"),
                    (info.unwrap(), "unwrap"),
                    (info.hardware(), "in hardware"),
                ];
                let uses: Vec<&str> = uses.iter().filter(|(has, _)| *has).map(|(_, text)| *text).collect();
                format!("{} to {}: {}", info.min_key_size(), info.max_key_size(), uses.join(", "))
            },
        );
        mechanisms.push((name, text));
    }
    let mut token =
        vec![("named".to_owned(), format!("{name:?}")), ("slot".to_owned(), slot.id().to_string())];
    let mut warned = None;
    if let Some(info) = info {
        let limit = match info.max_session_count() {
            Limit::Max(count) => count.to_string(),
            Limit::Infinite => "no limit".into(),
            Limit::Unavailable => "not told".into(),
        };
        warned = [
            (info.user_pin_locked(), "the user PIN is locked"),
            (info.user_pin_final_try(), "only one PIN try is left"),
            (info.user_pin_count_low(), "a wrong PIN was tried since the last login"),
            (info.user_pin_to_be_changed(), "the user PIN must be changed first"),
        ]
        .into_iter()
        .find_map(|(is, why)| is.then_some(why));
        token.extend(
            [
                ("label", info.label().to_owned()),
                ("manufacturer", info.manufacturer_id().to_owned()),
                ("model", info.model().to_owned()),
                ("serial", info.serial_number().to_owned()),
                ("hardware", info.hardware_version().to_string()),
                ("firmware", info.firmware_version().to_string()),
                ("sessions", limit),
                ("own random generator", if info.rng() { "yes" } else { "no" }.to_owned()),
                ("PIN", warned.unwrap_or("no warning").to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
    }
    let library = format!(
        "{} {} {}, PKCS#11 {}",
        library.manufacturer_id(),
        library.library_description(),
        library.library_version(),
        library.cryptoki_version()
    );
    Ok((Report { library, token, mechanisms, offered: offered.len(), trials: Vec::new() }, warned))
}

impl Report {
    fn tried(&mut self, what: &str, outcome: Result<String, Trouble>) {
        let outcome = match outcome {
            Ok(text) => Outcome::Works(text),
            Err(Trouble::Final(KeyError::Unsupported(text))) => Outcome::NotOffered(text),
            Err(Trouble::Final(error)) => Outcome::Fails(error.to_string()),
            Err(Trouble::Module(error)) => Outcome::Fails(error.to_string()),
        };
        self.trials.push(Tried { what: what.to_owned(), outcome });
    }

    /// Whether nothing that is offered fails.
    pub fn is_sound(&self) -> bool {
        self.trials.iter().all(|tried| !matches!(tried.outcome, Outcome::Fails(_)))
    }

    /// How many sessions there are, and what they are good for.
    fn sessions(&mut self, token: &TokenSession, trial: &Trial) {
        let (opened, ended) = open(token, trial.sessions);
        let count = opened.len() + 1;
        drop(opened);
        let why = match ended {
            None => String::new(),
            Some(Trouble::Module(error)) => format!(", then: {error}"),
            Some(Trouble::Final(error)) => format!(", then: {error}"),
        };
        self.tried("sessions at once", Ok(format!("{count}{why}")));
        for algorithm in [KeyAlgorithm::P256, KeyAlgorithm::Rsa2048] {
            if token.module.abilities.offers(algorithm) {
                let (more, _) = open(token, trial.sessions);
                let rate = in_parallel(token, more, algorithm, trial.span);
                let what = format!("{algorithm:?}: signatures a second in {count} sessions");
                self.tried(&what, rate.map(|rate| format!("{rate:.0}")));
            }
        }
    }
}

/// Sessions beside the one there is, up to so many in all, and why there are not more.
fn open(token: &TokenSession, sessions: u16) -> (Vec<Session>, Option<Trouble>) {
    let mut more = Vec::new();
    for _ in 1..sessions {
        match token.module.session() {
            Ok(session) => more.push(session),
            Err(trouble) => return (more, Some(trouble)),
        }
    }
    (more, None)
}

fn in_parallel(
    token: &TokenSession,
    more: Vec<Session>,
    algorithm: KeyAlgorithm,
    span: Duration,
) -> Result<f64, Trouble> {
    let abilities = &token.module.abilities;
    let pair = generate::pair(&token.session, id(token)?, LABEL, algorithm, Residence::Session, false)?;
    let key = pair.private;
    let sum = std::thread::scope(|scope| {
        let others: Vec<_> = more
            .into_iter()
            .map(|session| scope.spawn(move || signatures(&session, abilities, key, algorithm, span)))
            .collect();
        let own = signatures(&token.session, abilities, key, algorithm, span);
        others.into_iter().fold(own, |sum, other| {
            let other =
                other.join().unwrap_or_else(|_| Err(KeyError::Failed("a thread failed".into()).into()));
            Ok(sum? + other?)
        })
    });
    pair.destroy(&token.session);
    sum
}

/// Label of what the trials make; nothing of it is a token object.
const LABEL: &str = "hufu trial";

fn id(token: &TokenSession) -> Result<KeyId, Trouble> {
    let octets = token.session.generate_random_vec(16)?;
    octets.try_into().map(KeyId).map_err(|_| KeyError::Failed("too few random octets".into()).into())
}

fn subject() -> Subject {
    Subject {
        kind: SignerKind::Person,
        common_name: LABEL.into(),
        serial_number: "0".into(),
        organization: None,
        country: "CN".into(),
    }
}

fn pair(token: &TokenSession, algorithm: KeyAlgorithm, span: Duration) -> Result<String, Trouble> {
    let abilities: &Abilities = &token.module.abilities;
    if !abilities.offers(algorithm) {
        return Err(KeyError::Unsupported(String::new()).into());
    }
    let begun = Instant::now();
    let pair = generate::pair(&token.session, id(token)?, LABEL, algorithm, Residence::Session, false)?;
    let took = begun.elapsed();
    let tried = sign::request(&token.session, abilities, pair.private, algorithm, (&subject(), &pair.spki))
        .and_then(|request| {
            crate::x509::Request::verified(&request.0)
                .map_err(|error| KeyError::Failed(format!("the signature is wrong: {error}")))?;
            signatures(&token.session, abilities, pair.private, algorithm, span)
        });
    pair.destroy(&token.session);
    Ok(format!(
        "generated in {:.1} ms, {:.0} signatures a second in one session",
        took.as_secs_f64() * 1e3,
        tried?
    ))
}

/// A wrapped key comes back and signs as before.
fn wrapping(token: &mut TokenSession) -> Result<String, Trouble> {
    let abilities = token.module.abilities.clone();
    let algorithm = ALGORITHMS.into_iter().find(|a| abilities.offers(*a));
    let (true, Some(algorithm)) = (abilities.offers_wrapping(), algorithm) else {
        return Err(KeyError::Unsupported("no AES wrapping and MAC".into()).into());
    };
    if token.module.handles.fixed().wrapping.is_none() {
        return Err(
            KeyError::Unsupported("not tried before the key ceremony has made its keys".into()).into()
        );
    }
    let spec = GenerateSpec {
        id: id(token)?,
        purpose: Purpose::Signer,
        algorithm,
        custody: Custody::Wrapped,
        owner: LABEL.into(),
        subject: subject(),
    };
    let made = generate::pair(&token.session, spec.id, LABEL, algorithm, Residence::Wrappable, false)?;
    let location = wrapped::wrap(&token.session, &token.module, &made, &spec);
    made.destroy(&token.session);
    let KeyLocation::Wrapped { blob, mac } = location? else {
        return Err(KeyError::Failed("wrapped elsewhere".into()).into());
    };
    let spki = Der(made.spki);
    let location = KeyLocation::Wrapped { blob: blob.clone(), mac: mac.clone() };
    let (id, purpose, owner) = (spec.id, spec.purpose, spec.owner.clone());
    let key = StoredKey { id, purpose, algorithm, owner, spki, location };
    let handle = wrapped::unwrap(token, &key, &blob, &mac)?;
    let asked = (&spec.subject, key.spki.0.as_slice());
    let request = sign::request(&token.session, &abilities, handle, algorithm, asked)?;
    crate::x509::Request::verified(&request.0)
        .map_err(|error| KeyError::Failed(format!("the unwrapped key is another: {error}")))?;
    let _ = token.session.destroy_object(handle);
    token.unwrapped.clear();
    Ok(format!("{algorithm:?}, {} octets", blob.len()))
}

fn sealing(token: &TokenSession) -> Result<String, Trouble> {
    if !token.module.abilities.offers_sealing() {
        return Err(KeyError::Unsupported("no AES and no MAC".into()).into());
    }
    let fixed = token.module.handles.fixed();
    if fixed.state.is_none() && fixed.mac.is_none() {
        return Err(
            KeyError::Unsupported("not tried before the key ceremony has made its keys".into()).into()
        );
    }
    let protected = match seal::protect(&token.session, &token.module, LABEL, b"secret") {
        // It says now by what else it does so.
        Err(Trouble::Module(_)) => {
            let session = token.module.session()?;
            seal::protect(&session, &token.module, LABEL, b"secret")?
        }
        other => other?,
    };
    let session = token.module.session()?;
    let revealed = seal::reveal(&session, &token.module, LABEL, &protected)?;
    if revealed.as_slice() != b"secret" {
        return Err(KeyError::Failed("what came back is something else".into()).into());
    }
    Ok(token.module.sealing().map_or_else(String::new, |how| format!("{how:?}")))
}
