//! Key pairs and secret keys made in the token.

use super::fault::Trouble;
use super::spki;
use crate::keys::{KeyAlgorithm, KeyError, KeyId};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use der::Encode;
use serde::{Deserialize, Serialize};

/// Where a new private key lives, and whether it can be wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Residence {
    /// A token object, never extractable.
    Token,
    /// A session object, never extractable.
    Session,
    /// A session object that the wrapping key may take out, once, before it is destroyed.
    Wrappable,
    /// A token object that a recovery key may take out, once, before it is made non-extractable.
    Recoverable,
}

/// A new key pair.
pub(super) struct Pair {
    pub(super) private: ObjectHandle,
    pub(super) public: ObjectHandle,
    /// SubjectPublicKeyInfo, DER.
    pub(super) spki: Vec<u8>,
}

impl Pair {
    /// Undoes the generation; what cannot be destroyed is logged.
    pub(super) fn destroy(&self, session: &Session) {
        for handle in [self.private, self.public] {
            if let Err(error) = session.destroy_object(handle) {
                tracing::warn!(%error, "object of a failed act not destroyed");
            }
        }
    }
}

/// Generates a pair and reads back that the private half is as it must be. With `keep_public` the public half is a token
/// object beside a key that is one; otherwise it lives only in this session.
pub(super) fn pair(
    session: &Session,
    id: KeyId,
    label: &str,
    algorithm: KeyAlgorithm,
    residence: Residence,
    keep_public: bool,
) -> Result<Pair, Trouble> {
    let in_token = matches!(residence, Residence::Token | Residence::Recoverable);
    let extractable = matches!(residence, Residence::Wrappable | Residence::Recoverable);
    let mut public = vec![
        Attribute::Token(in_token && keep_public),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::Id(id.0.to_vec()),
        Attribute::Label(label.into()),
    ];
    let private = [
        Attribute::Token(in_token),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(extractable),
        Attribute::Sign(true),
        Attribute::Id(id.0.to_vec()),
        Attribute::Label(label.into()),
    ];
    let mechanism = match (spki::curve(algorithm), spki::modulus_bits(algorithm)) {
        (Some(curve), _) => {
            let parameters = curve.to_der().map_err(|error| KeyError::Failed(error.to_string()))?;
            public.push(Attribute::EcParams(parameters));
            Mechanism::EccKeyPairGen
        }
        (None, bits) => {
            public.push(Attribute::ModulusBits(Ulong::from(u64::from(bits.unwrap_or(2048)))));
            public.push(Attribute::PublicExponent(vec![1, 0, 1]));
            Mechanism::RsaPkcsKeyPairGen
        }
    };
    let (public, private) = session.generate_key_pair(&mechanism, &public, &private)?;
    let mut pair = Pair { private, public, spki: Vec::new() };
    let checked = confirm(session, private, extractable).and_then(|()| spki::of(session, public, algorithm));
    match checked {
        Ok(spki) => {
            pair.spki = spki;
            Ok(pair)
        }
        Err(trouble) => {
            pair.destroy(session);
            Err(trouble)
        }
    }
}

/// Reads back what some tokens silently do otherwise: private keys are sensitive, and extractable only where asked for.
pub(super) fn confirm(session: &Session, key: ObjectHandle, may_extract: bool) -> Result<(), Trouble> {
    let (mut sensitive, mut extractable) = (false, true);
    for attribute in session.get_attributes(key, &[AttributeType::Sensitive, AttributeType::Extractable])? {
        match attribute {
            Attribute::Sensitive(value) => sensitive = value,
            Attribute::Extractable(value) => extractable = value,
            _ => {}
        }
    }
    if sensitive && (may_extract || !extractable) {
        return Ok(());
    }
    Err(KeyError::Unsupported("the token does not keep private keys sensitive and inside".into()).into())
}

/// As [`confirm`], for a key that was unwrapped. Some tokens give such a key their own defaults whatever the template says; to the stricter
/// side both attributes may be changed afterwards (PKCS#11, 4.9).
pub(super) fn keep_inside(session: &Session, key: ObjectHandle) -> Result<(), Trouble> {
    if confirm(session, key, false).is_ok() {
        return Ok(());
    }
    session.update_attributes(key, &[Attribute::Sensitive(true), Attribute::Extractable(false)])?;
    confirm(session, key, false)
}

/// What a token-resident secret key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretUse {
    /// Small secrets of the state store, AES.
    Encrypt,
    /// Private keys, AES.
    Wrap,
    /// MACs, a generic secret.
    MacHmac,
    /// MACs, AES.
    MacCmac,
}

impl SecretUse {
    /// CKA_KEY_TYPE
    pub(super) const fn key_type(self) -> KeyType {
        match self {
            Self::MacHmac => KeyType::GENERIC_SECRET,
            Self::Encrypt | Self::Wrap | Self::MacCmac => KeyType::AES,
        }
    }
}

/// A private, sensitive, non-extractable token object. Not CKA_TRUSTED: SoftHSM wants that public, and then keeps it in clear
/// on disk.
pub(super) fn secret_template(label: &str, purpose: SecretUse) -> Vec<Attribute> {
    let mut template = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Label(label.into()),
    ];
    template.extend(match purpose {
        SecretUse::Encrypt => [Attribute::Encrypt(true), Attribute::Decrypt(true)],
        SecretUse::Wrap => [Attribute::Wrap(true), Attribute::Unwrap(true)],
        SecretUse::MacHmac | SecretUse::MacCmac => [Attribute::Sign(true), Attribute::Verify(true)],
    });
    template
}

/// Makes a 256-bit secret key; `recoverable` leaves it extractable until it has been taken out.
pub(super) fn secret(
    session: &Session,
    label: &str,
    purpose: SecretUse,
    recoverable: bool,
) -> Result<ObjectHandle, Trouble> {
    let mut template = secret_template(label, purpose);
    for attribute in &mut template {
        if let Attribute::Extractable(value) = attribute {
            *value = recoverable;
        }
    }
    template.push(Attribute::ValueLen(Ulong::from(32)));
    let mechanism = match purpose.key_type() {
        KeyType::GENERIC_SECRET => Mechanism::GenericSecretKeyGen,
        _ => Mechanism::AesKeyGen,
    };
    let handle = session.generate_key(&mechanism, &template)?;
    if let Err(trouble) = confirm(session, handle, recoverable) {
        let _ = session.destroy_object(handle);
        return Err(trouble);
    }
    Ok(handle)
}
