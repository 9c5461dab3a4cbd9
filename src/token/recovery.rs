//! Recovery of a token's own keys: each is taken out once, wrapped under a key that custodians keep, before it is made
//! non-extractable for good; a fresh token takes it in again. Only ceremonies do this; no worker knows a recovery key.

use super::ceremony::{Ceremony, Step, existing, one_of};
use super::fault::Trouble;
use super::generate;
pub use super::generate::SecretUse;
use super::session::TokenSession;
use super::{sign, spki, wrapped};
use crate::keys::{KeyAlgorithm, KeyError, KeyId, KeyLocation, StoredKey};
use crate::x509::{SignatureAlgorithm, signature};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use hufu_api::Der;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The key that custodians keep, AES-256. In memory only while a ceremony runs.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RecoveryKey([u8; 32]);

impl RecoveryKey {
    /// From its octets.
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets.
    pub const fn octets(&self) -> &[u8; 32] {
        &self.0
    }

    /// What tells recovery keys apart without telling anything of them: the first octets of a hash, lower hex.
    pub fn check_value(&self) -> String {
        let digest = Sha256::new().chain_update(b"hufu recovery key check\0").chain_update(self.0).finalize();
        hex::encode(digest.get(..4).unwrap_or_default())
    }
}

/// What kind of key was taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoverableKind {
    /// A secret key.
    Secret(SecretUse),
    /// A private key with its public half.
    Pair {
        /// CKA_ID
        id: KeyId,
        /// Its type.
        algorithm: KeyAlgorithm,
        /// SubjectPublicKeyInfo, DER.
        spki: Der,
    },
}

/// A key of the token, wrapped under the recovery key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recoverable {
    /// CKA_LABEL
    pub label: String,
    /// What it is.
    pub kind: RecoverableKind,
    /// The wrapped key: first octet the form, as for signers' wrapped keys.
    pub blob: Vec<u8>,
}

/// Puts a wrapped key where it outlives the token; returns once it is there.
pub type Keep = Box<dyn FnMut(Recoverable) -> Result<(), String> + Send>;

/// A ceremony's recovery key in its token, and where wrapped keys go.
pub(super) struct Recovery {
    key: ObjectHandle,
    keep: Keep,
}

impl Ceremony {
    /// From now on every key that this ceremony makes is also handed to `keep`, wrapped under `key`.
    ///
    /// # Errors
    /// See [`KeyError`]; [`KeyError::Unsupported`] when the token cannot wrap keys.
    pub fn with_recovery(mut self, key: &RecoveryKey, keep: Keep) -> Result<Self, KeyError> {
        if self.abilities().wrapping.is_none() {
            return Err(KeyError::Unsupported("wrapping of keys, which recovery needs".into()));
        }
        let key = self.import(key)?;
        self.recovery = Some(Recovery { key, keep });
        Ok(self)
    }

    /// The recovery key as a session object, gone with this ceremony.
    fn import(&mut self, key: &RecoveryKey) -> Result<ObjectHandle, KeyError> {
        self.token.run(|t| {
            Ok(t.session.create_object(&[
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::KeyType(KeyType::AES),
                Attribute::Token(false),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Wrap(true),
                Attribute::Unwrap(true),
                Attribute::Value(key.octets().to_vec()),
            ])?)
        })
    }

    /// Puts a key back into the token, and tries it; one that is there already is tried alone.
    ///
    /// # Errors
    /// See [`KeyError`]; [`KeyError::Refused`] when the key does not belong to this recovery key, or another one has its label.
    pub fn restore(&mut self, saved: &Recoverable) -> Result<Step, KeyError> {
        let key = self.recovery.as_ref().map(|r| r.key);
        let key = key.ok_or_else(|| KeyError::Refused("no recovery key".into()))?;
        let step = self.token.run(|t| restore(t, key, saved))?;
        self.token.run(|t| Ok(t.module.handles.enumerate(&t.session)?))?;
        if let RecoverableKind::Pair { id, algorithm, spki } = &saved.kind {
            let bytes = self.random(32)?;
            let signature = self.token.run(|t| {
                let handle = t.module.handles.token_key(&t.session, *id)?.ok_or(KeyError::NotFound)?;
                sign::sign_bytes(&t.session, &t.module.abilities, handle, *algorithm, &bytes)
            })?;
            verified(&spki.0, &bytes, &signature)?;
        }
        Ok(step)
    }

    /// Signs with a key of this token and verifies it with the key's public half: shows that a wrapped key unwraps here.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn prove(&mut self, key: &StoredKey) -> Result<(), KeyError> {
        let bytes = self.random(32)?;
        let signature = self.token.run(|t| {
            let handle = match &key.location {
                KeyLocation::Wrapped { blob, mac } => wrapped::unwrap(t, key, blob, mac)?,
                KeyLocation::Token => {
                    t.module.handles.token_key(&t.session, key.id)?.ok_or(KeyError::NotFound)?
                }
                KeyLocation::Ephemeral { .. } => return Err(KeyError::NotFound.into()),
            };
            sign::sign_bytes(&t.session, &t.module.abilities, handle, key.algorithm, &bytes)
        })?;
        verified(&key.spki.0, &bytes, &signature)
    }

    /// Whether what [`crate::keys::Keys::protect`] gave opens here.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn opens(&mut self, context: &str, protected: &[u8]) -> Result<(), KeyError> {
        self.token.run(|t| super::seal::reveal(&t.session, &t.module, context, protected)).map(drop)
    }
}

/// Takes a new key out, has it kept, and only then makes it non-extractable for good.
pub(super) fn save(
    token: &TokenSession,
    recovery: &mut Recovery,
    handle: ObjectHandle,
    label: &str,
    kind: RecoverableKind,
) -> Result<(), Trouble> {
    let blob = wrapped::wrap_under(&token.session, &token.module.abilities, recovery.key, handle)?;
    let saved = Recoverable { label: label.to_owned(), kind, blob };
    (recovery.keep)(saved).map_err(KeyError::Failed)?;
    token.session.update_attributes(handle, &[Attribute::Extractable(false)])?;
    generate::confirm(&token.session, handle, false)
}

/// Whether an interrupted ceremony left the key extractable.
pub(super) fn left_open(token: &TokenSession, handle: ObjectHandle) -> Result<bool, Trouble> {
    let found = token.session.get_attributes(handle, &[AttributeType::Extractable])?;
    Ok(found.contains(&Attribute::Extractable(true)))
}

fn verified(spki: &[u8], bytes: &[u8], made: &[u8]) -> Result<(), KeyError> {
    let wrong = |why: String| KeyError::Refused(format!("the key is not the one it should be: {why}"));
    let algorithm = SignatureAlgorithm::for_key(spki).map_err(|e| wrong(e.to_string()))?.identifier();
    signature::verify_signed(spki, &algorithm, bytes, made).map(drop).map_err(|e| wrong(e.to_string()))
}

fn restore(token: &mut TokenSession, key: ObjectHandle, saved: &Recoverable) -> Result<Step, Trouble> {
    let session = &token.session;
    match &saved.kind {
        RecoverableKind::Secret(purpose) => {
            if one_of(session, ObjectClass::SECRET_KEY, &saved.label)?.is_some() {
                return Ok(Step::Found);
            }
            let mut template = generate::secret_template(&saved.label, *purpose);
            template.push(Attribute::KeyType(purpose.key_type()));
            take_in(token, key, &saved.blob, &template)?;
        }
        RecoverableKind::Pair { id, algorithm, spki } => {
            if let Some(private) = one_of(session, ObjectClass::PRIVATE_KEY, &saved.label)? {
                let (found, public) = existing(session, private, *algorithm, &saved.label)?;
                return if (found, public.as_slice()) == (*id, spki.0.as_slice()) {
                    Ok(Step::Found)
                } else {
                    Err(KeyError::Refused(format!("another key is called {:?}", saved.label)).into())
                };
            }
            let template = [
                Attribute::Class(ObjectClass::PRIVATE_KEY),
                Attribute::KeyType(if spki::curve(*algorithm).is_some() {
                    KeyType::EC
                } else {
                    KeyType::RSA
                }),
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Sign(true),
                Attribute::Id(id.0.to_vec()),
                Attribute::Label(saved.label.as_bytes().to_vec()),
            ];
            let private = take_in(token, key, &saved.blob, &template)?;
            let mut public = spki::attributes(&spki.0, *algorithm)?;
            public.extend([
                Attribute::Class(ObjectClass::PUBLIC_KEY),
                Attribute::Token(true),
                Attribute::Private(false),
                Attribute::Verify(true),
                Attribute::Id(id.0.to_vec()),
                Attribute::Label(saved.label.as_bytes().to_vec()),
            ]);
            if let Err(error) = session.create_object(&public) {
                let _ = session.destroy_object(private);
                return Err(error.into());
            }
        }
    }
    Ok(Step::Made)
}

/// Unwraps a key and reads back that it stays inside.
fn take_in(
    token: &TokenSession,
    key: ObjectHandle,
    blob: &[u8],
    template: &[Attribute],
) -> Result<ObjectHandle, Trouble> {
    let session = &token.session;
    let handle = wrapped::unwrap_under(session, key, blob, template).map_err(|trouble| {
        tracing::warn!(?trouble, "a saved key does not unwrap");
        KeyError::Refused("does not unwrap: another recovery key, or changed".into())
    })?;
    match generate::keep_inside(session, handle) {
        Ok(()) => Ok(handle),
        Err(trouble) => {
            let _ = session.destroy_object(handle);
            Err(trouble)
        }
    }
}
