//! Key ceremonies: making tokens and the keys that serving relies on. Runs in the init process alone, which may load the
//! module since nothing is served then; every step is the caller's to write into the transcript.

use super::abilities::{Abilities, Macing};
use super::fault::Trouble;
use super::generate::{self, Residence, SecretUse};
use super::handles::{MAC_KEY, STATE_KEY, TEST_KEY, WRAPPING_KEY};
use super::module::{Module, OpenError, load, token};
use super::recovery::{RecoverableKind, Recovery, left_open, save};
use super::session::TokenSession;
use super::settings::TokenSettings;
use super::{sign, spki};
use crate::keys::{KeyAlgorithm, KeyError, KeyId, KeyLocation, Purpose, StoredKey};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use hufu_api::{Der, Subject};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whether a step found what it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Made now.
    Made,
    /// Was there already.
    Found,
}

/// Initialises an empty slot's token under `label` and sets its user PIN, unless a token of that label is there.
///
/// # Errors
/// See [`OpenError`].
pub fn initialise(
    module: &Path,
    label: &str,
    so_pin: &AuthPin,
    user_pin: &AuthPin,
) -> Result<Step, OpenError> {
    let context = load(module)?;
    let labelled = |slot| {
        context.get_token_info(slot).is_ok_and(|info| info.token_initialized() && info.label() == label)
    };
    let slots = context.get_slots_with_token().map_err(token)?;
    if slots.iter().copied().any(labelled) {
        return Ok(Step::Found);
    }
    let empty = |slot: &cryptoki::slot::Slot| {
        context.get_token_info(*slot).is_ok_and(|info| !info.token_initialized())
    };
    let slot = slots.into_iter().find(empty);
    let slot = slot.ok_or_else(|| OpenError::Token("no slot with an uninitialised token".into()))?;
    context.init_token(slot, so_pin, label).map_err(token)?;
    // Slots may have been renumbered.
    let slots = context.get_slots_with_token().map_err(token)?;
    let slot = slots.into_iter().find(|slot| labelled(*slot));
    let slot = slot.ok_or_else(|| OpenError::Token("the new token does not show".into()))?;
    let session = context.open_rw_session(slot).map_err(token)?;
    session.login(UserType::So, Some(so_pin)).map_err(token)?;
    session.init_pin(user_pin).map_err(token)?;
    session.logout().map_err(token)?;
    Ok(Step::Made)
}

/// A token opened for a ceremony.
pub struct Ceremony {
    pub(super) token: TokenSession,
    pub(super) recovery: Option<Recovery>,
}

impl Ceremony {
    /// Loads the module and logs in.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(settings: &TokenSettings) -> Result<Self, OpenError> {
        let (module, session) = Module::open(settings)?;
        Ok(Self { token: TokenSession::over(&Arc::new(module), session, 1), recovery: None })
    }

    /// What the token offers.
    pub fn abilities(&self) -> &Abilities {
        &self.token.module.abilities
    }

    /// Manufacturer, label and serial number.
    pub fn described(&self) -> &str {
        &self.token.module.described
    }

    /// Makes the token's own secret keys and test key, those that are missing and that the token can have: state key,
    /// wrapping key, MAC key, test key pair. Gives each one's label.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn own_keys(&mut self) -> Result<Vec<(&'static str, Step)>, KeyError> {
        let abilities = self.abilities().clone();
        let mut wanted = Vec::new();
        if abilities.needs_state_key() {
            wanted.push((STATE_KEY, SecretUse::Encrypt));
        }
        if abilities.offers_wrapping() {
            wanted.push((WRAPPING_KEY, SecretUse::Wrap));
        }
        match abilities.macing {
            Some(Macing::HmacSha256) => wanted.push((MAC_KEY, SecretUse::MacHmac)),
            Some(Macing::AesCmac) => wanted.push((MAC_KEY, SecretUse::MacCmac)),
            None => {}
        }
        let mut steps = Vec::new();
        for (label, purpose) in wanted {
            let recovery = &mut self.recovery;
            let step = self.token.run(|t| {
                let (handle, step) = match one_of(&t.session, ObjectClass::SECRET_KEY, label)? {
                    Some(found) if !left_open(t, found)? => return Ok(Step::Found),
                    Some(found) => (found, Step::Found),
                    None => (generate::secret(&t.session, label, purpose, recovery.is_some())?, Step::Made),
                };
                if let Some(recovery) = recovery {
                    save(t, recovery, handle, label, RecoverableKind::Secret(purpose))?;
                } else if step == Step::Found {
                    return Err(interrupted(label));
                }
                Ok(step)
            })?;
            steps.push((label, step));
        }
        let algorithms = [KeyAlgorithm::P256, KeyAlgorithm::Rsa2048];
        if let Some(algorithm) = algorithms.into_iter().find(|a| abilities.offers(*a)) {
            steps.push((TEST_KEY, self.key_pair(Purpose::Audit, algorithm, TEST_KEY)?.1));
        }
        self.token.run(|t| Ok(t.module.handles.enumerate(&t.session)?))?;
        Ok(steps)
    }

    /// The key pair of that label, made if it is not there. Both halves are token objects, so that other tools see them.
    ///
    /// # Errors
    /// See [`KeyError`]; [`KeyError::Refused`] when one of that label is there with another type.
    pub fn key_pair(
        &mut self,
        purpose: Purpose,
        algorithm: KeyAlgorithm,
        label: &str,
    ) -> Result<(StoredKey, Step), KeyError> {
        if !self.abilities().offers(algorithm) {
            return Err(KeyError::Unsupported(format!("{algorithm:?} keys")));
        }
        let stored = |id, spki| StoredKey {
            id,
            purpose,
            algorithm,
            owner: label.to_owned(),
            spki: Der(spki),
            location: KeyLocation::Token,
        };
        // The test key is nobody's: a fresh token makes its own.
        let recovery = &mut self.recovery.as_mut().filter(|_| label != TEST_KEY);
        self.token.run(|t| {
            let (private, id, spki, step) = match one_of(&t.session, ObjectClass::PRIVATE_KEY, label)? {
                Some(private) => {
                    let open = left_open(t, private)?;
                    let (id, spki) = existing(&t.session, private, algorithm, label)?;
                    if !open {
                        return Ok((stored(id, spki), Step::Found));
                    }
                    (private, id, spki, Step::Found)
                }
                None => {
                    let octets = t.session.generate_random_vec(16)?;
                    let id = KeyId(
                        octets.try_into().map_err(|_| KeyError::Failed("too few random octets".into()))?,
                    );
                    let residence =
                        if recovery.is_some() { Residence::Recoverable } else { Residence::Token };
                    let pair = generate::pair(&t.session, id, label, algorithm, residence, true)?;
                    (pair.private, id, pair.spki, Step::Made)
                }
            };
            if let Some(recovery) = recovery {
                save(
                    t,
                    recovery,
                    private,
                    label,
                    RecoverableKind::Pair { id, algorithm, spki: Der(spki.clone()) },
                )?;
            } else if step == Step::Found {
                return Err(interrupted(label));
            }
            t.module.handles.insert(id, private);
            Ok((stored(id, spki), step))
        })
    }

    /// A new key pair that ends with this ceremony, for measurements.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn session_key(
        &mut self,
        purpose: Purpose,
        algorithm: KeyAlgorithm,
        label: &str,
    ) -> Result<StoredKey, KeyError> {
        let octets = self.random(16)?;
        let id = KeyId(octets.try_into().map_err(|_| KeyError::Failed("too few random octets".into()))?);
        self.token.run(|t| {
            let pair = generate::pair(&t.session, id, label, algorithm, Residence::Session, false)?;
            t.module.handles.insert(id, pair.private);
            let (owner, spki, location) = (label.to_owned(), Der(pair.spki), KeyLocation::Token);
            Ok(StoredKey { id, purpose, algorithm, owner, spki, location })
        })
    }

    /// Signs what the ceremony's caller built: TBSCertificates of root, issuing CA, time-stamping authority. There is no
    /// receipt here; the transcript takes its place.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn sign(&mut self, key: &StoredKey, bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.token.run(|t| {
            let handle = t.module.handles.token_key(&t.session, key.id)?.ok_or(KeyError::NotFound)?;
            sign::sign_bytes(&t.session, &t.module.abilities, handle, key.algorithm, bytes)
        })
    }

    /// A certification request (RFC 2986) of a key of this token, for a CA elsewhere.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn request(&mut self, key: &StoredKey, subject: &Subject) -> Result<Der, KeyError> {
        self.token.run(|t| {
            let handle = t.module.handles.token_key(&t.session, key.id)?.ok_or(KeyError::NotFound)?;
            sign::request(&t.session, &t.module.abilities, handle, key.algorithm, (subject, &key.spki.0))
        })
    }

    /// Signatures per second that the token alone makes in so many sessions at once, with a key of that type, made under
    /// `label` for the measurement and destroyed after it.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn rate(
        &mut self,
        algorithm: KeyAlgorithm,
        label: &str,
        sessions: u16,
        span: Duration,
    ) -> Result<f64, KeyError> {
        let octets = self.random(16)?;
        let id = KeyId(octets.try_into().map_err(|_| KeyError::Failed("too few random octets".into()))?);
        self.token.run(|t| {
            let more: Vec<Session> =
                (1..sessions.max(1)).map(|_| t.module.session()).collect::<Result<_, _>>()?;
            let pair = generate::pair(&t.session, id, label, algorithm, Residence::Session, false)?;
            let abilities = &t.module.abilities;
            let measured = std::thread::scope(|scope| {
                let others: Vec<_> = more
                    .into_iter()
                    .map(|session| {
                        let key = pair.private;
                        scope.spawn(move || signatures(&session, abilities, key, algorithm, span))
                    })
                    .collect();
                let own = signatures(&t.session, abilities, pair.private, algorithm, span);
                others.into_iter().fold(own, |sum, other| {
                    let other = other
                        .join()
                        .unwrap_or_else(|_| Err(KeyError::Failed("a thread failed".into()).into()));
                    Ok(sum? + other?)
                })
            });
            pair.destroy(&t.session);
            measured
        })
    }

    /// Objects that the token holds, of every class.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn objects(&mut self) -> Result<usize, KeyError> {
        self.token.run(|t| Ok(t.session.find_objects(&[Attribute::Token(true)])?.len()))
    }

    /// Random octets from the token, at most 1,024.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn random(&mut self, n: u16) -> Result<Vec<u8>, KeyError> {
        self.token.run(|t| Ok(t.session.generate_random_vec(u32::from(n.min(1024)))?))
    }

    /// Encrypts a small secret under the state key, as [`crate::keys::Keys::protect`].
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn protect(&mut self, context: &str, secret: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.token.run(|t| super::seal::protect(&t.session, &t.module, context, secret))
    }
}

/// Signatures a second in this session.
pub(super) fn signatures(
    session: &Session,
    abilities: &Abilities,
    key: ObjectHandle,
    algorithm: KeyAlgorithm,
    span: Duration,
) -> Result<f64, Trouble> {
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < span {
        sign::sign_bytes(session, abilities, key, algorithm, &count.to_be_bytes())?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

fn interrupted(label: &str) -> Trouble {
    let why =
        format!("{label:?} is from an interrupted ceremony with recovery: run it again with the components");
    KeyError::Refused(why).into()
}

pub(super) fn one_of(
    session: &Session,
    class: ObjectClass,
    label: &str,
) -> Result<Option<ObjectHandle>, Trouble> {
    let template = [Attribute::Token(true), Attribute::Class(class), Attribute::Label(label.into())];
    let found = session.find_objects(&template)?;
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        _ => Err(KeyError::Refused(format!("{} objects are called {label:?}", found.len())).into()),
    }
}

/// Id and public key of a pair that is there.
pub(super) fn existing(
    session: &Session,
    private: ObjectHandle,
    algorithm: KeyAlgorithm,
    label: &str,
) -> Result<(KeyId, Vec<u8>), Trouble> {
    generate::confirm(session, private, true)?;
    let other = || Trouble::from(KeyError::Refused(format!("{label:?} is there with another key type")));
    let (mut id, mut kind) = (None, None);
    for attribute in session.get_attributes(private, &[AttributeType::Id, AttributeType::KeyType])? {
        match attribute {
            Attribute::Id(octets) => id = octets.try_into().ok().map(KeyId),
            Attribute::KeyType(key_type) => kind = Some(key_type),
            _ => {}
        }
    }
    let wanted = if spki::curve(algorithm).is_some() { KeyType::EC } else { KeyType::RSA };
    let (Some(id), true) = (id, kind == Some(wanted)) else { return Err(other()) };
    let public = one_of(session, ObjectClass::PUBLIC_KEY, label)?.ok_or_else(other)?;
    let spki = spki::of(session, public, algorithm).map_err(|_| other())?;
    Ok((id, spki))
}
