//! Wrapped custody: the private key lies outside the token, encrypted under a token-resident AES key and authenticated
//! under another, and comes back as a session object for use.

use super::abilities::{Abilities, Macing, Wrapping};
use super::fault::Trouble;
use super::generate::{Pair, keep_inside};
use super::module::Module;
use super::session::TokenSession;
use crate::keys::{GenerateSpec, KeyAlgorithm, KeyError, KeyId, KeyLocation, Purpose, StoredKey};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// First octet of a blob: how it was wrapped. CKM_AES_KEY_WRAP_PAD.
const FORM_KEY_WRAP_PAD: u8 = 1;
/// CKM_AES_CBC_PAD; an IV of 16 octets follows.
const FORM_CBC_PAD: u8 = 2;

/// A larger blob is none of ours.
const MAX_BLOB: usize = 8 << 10;

fn missing(what: &str) -> Trouble {
    KeyError::Unsupported(format!("this token has no {what}; the key ceremony makes it")).into()
}

/// Wraps the private half of a new pair.
pub(super) fn wrap(
    session: &Session,
    module: &Module,
    pair: &Pair,
    spec: &GenerateSpec,
) -> Result<KeyLocation, Trouble> {
    let wrapping_key = module.handles.fixed().wrapping.ok_or_else(|| missing("wrapping key"))?;
    let blob = wrap_under(session, &module.abilities, wrapping_key, pair.private)?;
    let bound = bound(spec.id, spec.purpose, spec.algorithm, &spec.owner, &pair.spki, &blob);
    let mac = mac(session, module, &bound)?;
    Ok(KeyLocation::Wrapped { blob, mac })
}

/// A key wrapped under another of the same token, with the octet that says how.
pub(super) fn wrap_under(
    session: &Session,
    abilities: &Abilities,
    wrapping_key: ObjectHandle,
    key: ObjectHandle,
) -> Result<Vec<u8>, Trouble> {
    let mut blob = Vec::new();
    let wrapped = match abilities.wrapping {
        Some(Wrapping::KeyWrapPad) => {
            blob.push(FORM_KEY_WRAP_PAD);
            session.wrap_key(&Mechanism::AesKeyWrapPad, wrapping_key, key)?
        }
        Some(Wrapping::CbcPad) => {
            let mut iv = [0; 16];
            session.generate_random_slice(&mut iv)?;
            blob.push(FORM_CBC_PAD);
            blob.extend_from_slice(&iv);
            without_slack(session.wrap_key(&Mechanism::AesCbcPad(iv), wrapping_key, key)?)
        }
        None => return Err(KeyError::Unsupported("wrapping of keys".into()).into()),
    };
    blob.extend_from_slice(&wrapped);
    Ok(blob)
}

/// Makes what [`wrap_under`] gave an object again.
pub(super) fn unwrap_under(
    session: &Session,
    unwrapping_key: ObjectHandle,
    blob: &[u8],
    template: &[Attribute],
) -> Result<ObjectHandle, Trouble> {
    let malformed = || Trouble::from(KeyError::Refused("wrapped key of unknown form".into()));
    match blob.split_first() {
        Some((&FORM_KEY_WRAP_PAD, wrapped)) => {
            Ok(session.unwrap_key(&Mechanism::AesKeyWrapPad, unwrapping_key, wrapped, template)?)
        }
        Some((&FORM_CBC_PAD, rest)) => {
            let (iv, wrapped) = rest.split_first_chunk::<16>().ok_or_else(malformed)?;
            Ok(session.unwrap_key(&Mechanism::AesCbcPad(*iv), unwrapping_key, wrapped, template)?)
        }
        _ => Err(malformed()),
    }
}

/// The PKCS#11 crate gives as many octets as the module announced, not as it wrote, and NSS announces up to a block too many. A last
/// block of ciphertext that is zero by chance would come once in 2^128.
fn without_slack(mut wrapped: Vec<u8>) -> Vec<u8> {
    wrapped.truncate(wrapped.len() - wrapped.len() % 16);
    while wrapped.ends_with(&[0; 16]) {
        wrapped.truncate(wrapped.len() - 16);
    }
    wrapped
}

/// CKA_NSS_DB, in which NSS softokn wants an EC key's public point when it unwraps the private one.
const NSS_DB: AttributeType = AttributeType::VendorDefined(0xd5a0_db00);

/// The session object of a wrapped key, from the session's cache or by unwrapping.
pub(super) fn unwrap(
    token: &mut TokenSession,
    key: &StoredKey,
    blob: &[u8],
    expected: &[u8],
) -> Result<ObjectHandle, Trouble> {
    if blob.len() > MAX_BLOB {
        return Err(KeyError::Refused("wrapped key too large".into()).into());
    }
    let bound = bound(key.id, key.purpose, key.algorithm, &key.owner, &key.spki.0, blob);
    let name: [u8; 32] = Sha256::new().chain_update(&bound).chain_update(expected).finalize().into();
    if let Some(handle) = token.unwrapped.get(&name) {
        return Ok(*handle);
    }
    let session = &token.session;
    if !bool::from(mac(session, &token.module, &bound)?.ct_eq(expected)) {
        tracing::error!(key = %key.id, "a wrapped key was tampered with");
        return Err(
            KeyError::Refused("wrapped key does not belong to this owner and public key".into()).into()
        );
    }
    let unwrapping_key = token.module.handles.fixed().wrapping.ok_or_else(|| missing("wrapping key"))?;
    let template = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(match key.algorithm {
            KeyAlgorithm::P256 | KeyAlgorithm::P384 => KeyType::EC,
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 => KeyType::RSA,
        }),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
    ];
    let handle = match unwrap_under(session, unwrapping_key, blob, &template) {
        Err(Trouble::Module(Error::Pkcs11(RvError::TemplateIncomplete, _))) => {
            let point = key.spki.0.get(key.spki.0.len().saturating_sub(point_octets(key.algorithm))..);
            let point = Attribute::VendorDefined((NSS_DB, point.unwrap_or_default().to_vec()));
            let template = [template.as_slice(), &[point]].concat();
            unwrap_under(session, unwrapping_key, blob, &template)?
        }
        other => other?,
    };
    if let Err(trouble) = keep_inside(session, handle) {
        let _ = session.destroy_object(handle);
        return Err(trouble);
    }
    if let Some((_, evicted)) = token.unwrapped.push(name, handle)
        && let Err(error) = session.destroy_object(evicted)
    {
        tracing::warn!(%error, "unwrapped key not destroyed");
    }
    Ok(handle)
}

/// Octets of an uncompressed public point, with which a SubjectPublicKeyInfo ends; none for RSA.
fn point_octets(algorithm: KeyAlgorithm) -> usize {
    match algorithm {
        KeyAlgorithm::P256 => 65,
        KeyAlgorithm::P384 => 97,
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 => 0,
    }
}

/// What the MAC binds: everything that says whose key this is. Lengths make the concatenation unambiguous.
fn bound(
    id: KeyId,
    purpose: Purpose,
    algorithm: KeyAlgorithm,
    owner: &str,
    spki: &[u8],
    blob: &[u8],
) -> Vec<u8> {
    let mut bytes = b"hufu wrapped key 1\0".to_vec();
    bytes.extend_from_slice(&id.0);
    bytes.push(match purpose {
        Purpose::Signer => 1,
        Purpose::Ca => 2,
        Purpose::Tsa => 3,
        Purpose::Audit => 4,
    });
    bytes.push(match algorithm {
        KeyAlgorithm::P256 => 1,
        KeyAlgorithm::P384 => 2,
        KeyAlgorithm::Rsa2048 => 3,
        KeyAlgorithm::Rsa3072 => 4,
    });
    for part in [owner.as_bytes(), spki, blob] {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

/// MAC under the token-resident key.
pub(super) fn mac(session: &Session, module: &Module, bytes: &[u8]) -> Result<Vec<u8>, Trouble> {
    let key = module.handles.fixed().mac.ok_or_else(|| missing("MAC key"))?;
    let mechanism = match module.abilities.macing {
        Some(Macing::HmacSha256) => Mechanism::Sha256Hmac,
        Some(Macing::AesCmac) => Mechanism::AesCMac,
        None => return Err(KeyError::Unsupported("MACs".into()).into()),
    };
    Ok(session.sign(&mechanism, key, bytes)?)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_were_announced_and_not_written_are_cut_off() {
        for slack in [10, 16, 32] {
            let announced = [vec![7; 32], vec![0; slack]].concat();
            assert_eq!(without_slack(announced), vec![7; 32]);
        }
        let mut last = vec![7; 32];
        last[31] = 0;
        assert_eq!(without_slack(last.clone()), last);
    }
}
