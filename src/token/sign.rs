//! A signature by the mechanism that the token offers.

use super::abilities::{Abilities, EcSigning, RsaSigning};
use super::fault::Trouble;
use crate::keys::{KeyAlgorithm, KeyError};
use crate::x509::{self, X509Error};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use der::asn1::UintRef;
use der::{Encode, Sequence};
use hufu_api::{Der, Subject};
use sha2::{Digest, Sha256, Sha384};

/// DigestInfo of SHA-256 up to the digest (RFC 8017 9.2, note 1).
const SHA256_DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0, 0x04,
    0x20,
];

/// ECDSA-Sig-Value (RFC 3279 2.2.3).
#[derive(Sequence)]
struct EcdsaSigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// What is to be signed, with the digest that the receipt bound.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) sha256: &'a [u8; 32],
}

/// Signs with SHA-256, or SHA-384 for P-384.
pub(super) fn sign(
    session: &Session,
    abilities: &Abilities,
    key: ObjectHandle,
    algorithm: KeyAlgorithm,
    message: Message<'_>,
) -> Result<Vec<u8>, Trouble> {
    match algorithm {
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 => match abilities.rsa {
            Some(RsaSigning::Pkcs) => {
                let info = [&SHA256_DIGEST_INFO[..], message.sha256].concat();
                Ok(session.sign(&Mechanism::RsaPkcs, key, &info)?)
            }
            Some(RsaSigning::Sha256Pkcs) => {
                Ok(session.sign(&Mechanism::Sha256RsaPkcs, key, message.bytes)?)
            }
            None => Err(KeyError::Unsupported("RSA signatures".into()).into()),
        },
        KeyAlgorithm::P256 => {
            let raw = match abilities.ec {
                Some(EcSigning::Plain) => session.sign(&Mechanism::Ecdsa, key, message.sha256)?,
                Some(EcSigning::Hashing) => session.sign(&Mechanism::EcdsaSha256, key, message.bytes)?,
                None => return Err(KeyError::Unsupported("ECDSA".into()).into()),
            };
            ecdsa_der(&raw, 32)
        }
        KeyAlgorithm::P384 => {
            let raw = match abilities.ec {
                Some(EcSigning::Plain) => {
                    session.sign(&Mechanism::Ecdsa, key, &Sha384::digest(message.bytes))?
                }
                Some(EcSigning::Hashing) => session.sign(&Mechanism::EcdsaSha384, key, message.bytes)?,
                None => return Err(KeyError::Unsupported("ECDSA".into()).into()),
            };
            ecdsa_der(&raw, 48)
        }
    }
}

/// Signs bytes that no receipt was checked for: certification requests of a key just made, ceremonies, the test key.
pub(super) fn sign_bytes(
    session: &Session,
    abilities: &Abilities,
    key: ObjectHandle,
    algorithm: KeyAlgorithm,
    bytes: &[u8],
) -> Result<Vec<u8>, Trouble> {
    let sha256 = Sha256::digest(bytes).into();
    sign(session, abilities, key, algorithm, Message { bytes, sha256: &sha256 })
}

/// A certification request (RFC 2986) signed by the key that it is for.
pub(super) fn request(
    session: &Session,
    abilities: &Abilities,
    key: ObjectHandle,
    algorithm: KeyAlgorithm,
    (subject, spki): (&Subject, &[u8]),
) -> Result<Der, Trouble> {
    let refused = |error: X509Error| KeyError::Refused(error.to_string());
    let info = x509::request_info(subject, spki).map_err(refused)?;
    let identifier = x509::SignatureAlgorithm::for_key(spki).map_err(refused)?.identifier();
    let signature = sign_bytes(session, abilities, key, algorithm, &info)?;
    Ok(Der(x509::assemble(&info, &identifier, &signature)))
}

/// r‖s as PKCS#11 gives it, to DER.
fn ecdsa_der(raw: &[u8], half: usize) -> Result<Vec<u8>, Trouble> {
    let malformed = || Trouble::from(KeyError::Failed("the token's signature is malformed".into()));
    if raw.len() != 2 * half {
        return Err(malformed());
    }
    let (r, s) = raw.split_at(half);
    let value = EcdsaSigValue {
        r: UintRef::new(r).map_err(|_| malformed())?,
        s: UintRef::new(s).map_err(|_| malformed())?,
    };
    value.to_der().map_err(|_| malformed())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn raw_signatures_become_der_with_minimal_integers() {
        let mut raw = [0; 64];
        raw[31] = 5;
        raw[32] = 0x80;
        let der = ecdsa_der(&raw, 32).unwrap();
        assert_eq!(der[..7], [0x30, 3 + 2 + 33, 2, 1, 5, 2, 33]);
        assert_eq!(der[7..9], [0, 0x80]);
        assert!(ecdsa_der(&raw[..63], 32).is_err());
    }
}
