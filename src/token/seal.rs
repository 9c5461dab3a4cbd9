//! Small secrets of the state store, encrypted under the token-resident state key and bound to a context.

use super::abilities::Sealing;
use super::fault::Trouble;
use super::module::Module;
use super::wrapped::mac;
use crate::keys::KeyError;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki::types::Ulong;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// First octet: AES-256-GCM; nonce of 12 octets, ciphertext, tag of 16.
const FORM_GCM: u8 = 1;
/// AES-256-CBC with padding, then a MAC; IV of 16 octets, length of the ciphertext (u32), ciphertext, MAC.
const FORM_CBC: u8 = 2;

/// The longest secret.
pub(super) const MAX_SECRET: usize = 4 << 10;
const TAG_BITS: u32 = 128;

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
    let key = state_key(module)?;
    match module.abilities.sealing {
        Some(Sealing::Gcm) => {
            let mut nonce = [0; 12];
            session.generate_random_slice(&mut nonce)?;
            let mut out = vec![FORM_GCM];
            out.extend_from_slice(&nonce);
            let parameters =
                GcmParams::new(&mut nonce, context.as_bytes(), Ulong::from(u64::from(TAG_BITS)))?;
            out.extend(session.encrypt(&Mechanism::AesGcm(parameters), key, secret)?);
            Ok(out)
        }
        Some(Sealing::CbcThenMac) => {
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
        None => Err(KeyError::Unsupported("encryption".into()).into()),
    }
}

pub(super) fn reveal(
    session: &Session,
    module: &Module,
    context: &str,
    protected: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let key = state_key(module)?;
    match protected.split_first() {
        Some((&FORM_GCM, rest)) => {
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
            Ok(Zeroizing::new(session.decrypt(&Mechanism::AesCbcPad(*iv), key, ciphertext)?))
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
