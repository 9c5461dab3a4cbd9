//! Small secrets of the state store, encrypted under the token-resident state key and bound to a context.

use super::abilities::Sealing;
use super::fault::Trouble;
use super::module::Module;
use super::wrapped::mac;
use crate::keys::KeyError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// First octet: AES-256-GCM; nonce of 12 octets, ciphertext, tag of 16.
const FORM_GCM: u8 = 1;
/// AES-256-CBC with padding, then a MAC; IV of 16 octets, length of the ciphertext (u32), ciphertext, MAC.
const FORM_CBC: u8 = 2;
/// A salt of 32 octets, then AES-256-GCM (ciphertext, tag of 16) under the key that the token derives from salt and context.
/// The key is used once, so the nonce is zero.
const FORM_DERIVED: u8 = 3;

/// The longest secret.
pub(super) const MAX_SECRET: usize = 4 << 10;
const TAG_BITS: u32 = 128;
const SALT: usize = 32;

fn refused() -> Trouble {
    KeyError::Refused("not protected by this token or for another use".into()).into()
}

fn state_key(module: &Module) -> Result<ObjectHandle, Trouble> {
    let none = || KeyError::Unsupported("this token has no state key; the key ceremony makes it".into());
    module.handles.fixed().state.ok_or_else(|| none().into())
}

pub(super) fn protect(
    session: &Session,
    module: &Module,
    context: &str,
    secret: &[u8],
) -> Result<Vec<u8>, Trouble> {
    if secret.len() > MAX_SECRET {
        return Err(KeyError::Refused("secret too long".into()).into());
    }
    match module.sealing() {
        Some(Sealing::Gcm) => {
            let key = state_key(module)?;
            let mut nonce = [0; 12];
            session.generate_random_slice(&mut nonce)?;
            let mut out = vec![FORM_GCM];
            out.extend_from_slice(&nonce);
            let parameters =
                GcmParams::new(&mut nonce, context.as_bytes(), Ulong::from(u64::from(TAG_BITS)))?;
            let encrypted = session.encrypt(&Mechanism::AesGcm(parameters), key, secret);
            out.extend(encrypted.inspect_err(|error| no_gcm(module, error))?);
            Ok(out)
        }
        Some(Sealing::CbcThenMac) => {
            let key = state_key(module)?;
            let mut iv = [0; 16];
            session.generate_random_slice(&mut iv)?;
            let ciphertext = session.encrypt(&Mechanism::AesCbcPad(iv), key, secret)?;
            let mut out = vec![FORM_CBC];
            out.extend_from_slice(&iv);
            out.extend_from_slice(&u32::try_from(ciphertext.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend_from_slice(&ciphertext);
            let mac = mac(session, module, &bound(context, &out))?;
            out.extend_from_slice(&mac);
            Ok(out)
        }
        Some(Sealing::DerivedKey) => {
            let mut salt = [0; SALT];
            session.generate_random_slice(&mut salt)?;
            let mut sealed = secret.to_vec();
            derived(session, module, context, &salt)?
                .seal_in_place_append_tag(zero_nonce(), Aad::from(context.as_bytes()), &mut sealed)
                .map_err(|_| KeyError::Failed("encryption".into()))?;
            Ok([&[FORM_DERIVED][..], &salt, &sealed].concat())
        }
        None => Err(KeyError::Unsupported("encryption".into()).into()),
    }
}

/// NSS answers the question for the length of CKM_AES_GCM without the tag, so that the call itself fails. From now on this
/// token is taken to have no such mechanism.
fn no_gcm(module: &Module, error: &cryptoki::error::Error) {
    use cryptoki::error::{Error, RvError};
    if matches!(error, Error::Pkcs11(RvError::BufferTooSmall | RvError::MechanismInvalid, _)) {
        module.give_up_gcm();
    }
}

/// The key for one secret: SHA-256 over two MACs, so that a MAC of 128 bits gives as much as one of 256.
fn derived(session: &Session, module: &Module, context: &str, salt: &[u8]) -> Result<LessSafeKey, Trouble> {
    let mut key = Zeroizing::new([0; 32]);
    let mut digest = Sha256::new();
    for half in [1, 2] {
        let mut bytes = b"hufu secret key 1\0".to_vec();
        bytes.push(half);
        bytes.extend_from_slice(salt);
        bytes.extend_from_slice(context.as_bytes());
        digest.update(Zeroizing::new(mac(session, module, &bytes)?));
    }
    key.copy_from_slice(&digest.finalize());
    let key = UnboundKey::new(&AES_256_GCM, key.as_slice());
    Ok(LessSafeKey::new(key.map_err(|_| KeyError::Failed("encryption".into()))?))
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

pub(super) fn reveal(
    session: &Session,
    module: &Module,
    context: &str,
    protected: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    match protected.split_first() {
        Some((&FORM_GCM, rest)) => {
            let key = state_key(module)?;
            let (nonce, ciphertext) = rest.split_first_chunk::<12>().ok_or_else(refused)?;
            let mut nonce = *nonce;
            let parameters =
                GcmParams::new(&mut nonce, context.as_bytes(), Ulong::from(u64::from(TAG_BITS)))?;
            // The module says only that it failed: a wrong tag is by far the likeliest.
            let plain = session.decrypt(&Mechanism::AesGcm(parameters), key, ciphertext);
            plain.map(Zeroizing::new).map_err(wrong_tag)
        }
        Some((&FORM_CBC, rest)) => {
            let (iv, rest) = rest.split_first_chunk::<16>().ok_or_else(refused)?;
            let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(refused)?;
            let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| refused())?;
            let (ciphertext, tag) = rest.split_at_checked(length).ok_or_else(refused)?;
            let covered = protected.get(..protected.len() - tag.len()).ok_or_else(refused)?;
            if !bool::from(mac(session, module, &bound(context, covered))?.ct_eq(tag)) {
                return Err(refused());
            }
            let key = state_key(module)?;
            Ok(Zeroizing::new(session.decrypt(&Mechanism::AesCbcPad(*iv), key, ciphertext)?))
        }
        Some((&FORM_DERIVED, rest)) => {
            let (salt, sealed) = rest.split_first_chunk::<SALT>().ok_or_else(refused)?;
            let mut plain = Zeroizing::new(sealed.to_vec());
            let length = derived(session, module, context, salt)?
                .open_in_place(zero_nonce(), Aad::from(context.as_bytes()), &mut plain)
                .map_err(|_| refused())?
                .len();
            plain.truncate(length);
            Ok(plain)
        }
        _ => Err(refused()),
    }
}

fn wrong_tag(error: cryptoki::error::Error) -> Trouble {
    use super::fault::{Remedy, remedy};
    use cryptoki::error::{Error, RvError};
    match &error {
        // SoftHSM answers CKR_GENERAL_ERROR to a wrong tag.
        Error::Pkcs11(RvError::GeneralError | RvError::FunctionFailed, _) => refused(),
        _ if remedy(&error) == Remedy::None => refused(),
        _ => error.into(),
    }
}

fn bound(context: &str, covered: &[u8]) -> Vec<u8> {
    let mut bytes = b"hufu secret 1\0".to_vec();
    bytes.extend_from_slice(&(context.len() as u64).to_be_bytes());
    bytes.extend_from_slice(context.as_bytes());
    bytes.extend_from_slice(covered);
    bytes
}
