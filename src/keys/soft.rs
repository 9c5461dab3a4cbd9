//! A token without a token, for unit tests of what stands above the key port: P-256 keys in memory.
//!
//! It keeps the port's rules that its callers can break: a receipt serves once and only this generation.

use super::{
    GenerateSpec, Generated, Generation, KeyAlgorithm, KeyError, KeyId, KeyLocation, Keys, Purpose,
    StoredKey, ToBeSigned,
};
use crate::audit::{Receipt, RecordNumber};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use const_oid::db::rfc4519;
use der::asn1::{PrintableStringRef, SetOfVec, Utf8StringRef};
use der::{Encode, asn1::Any};
use hufu_api::{Cx, Der, Subject};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::builder::{Builder, RequestBuilder};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::spki::EncodePublicKey;
use zeroize::Zeroizing;

/// Keys in memory.
pub struct SoftKeys {
    generation: Generation,
    keys: Mutex<HashMap<KeyId, SigningKey>>,
    receipts: Mutex<HashSet<(RecordNumber, u16)>>,
    state_key: [u8; 32],
    down: Mutex<bool>,
}

impl Default for SoftKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl SoftKeys {
    /// An empty token.
    pub fn new() -> Self {
        Self {
            generation: Generation(u128::from_be_bytes(octets())),
            keys: Mutex::default(),
            receipts: Mutex::default(),
            state_key: octets(),
            down: Mutex::new(false),
        }
    }

    /// Makes a key as a ceremony would, without receipt.
    pub fn install(&self, purpose: Purpose) -> StoredKey {
        self.make(KeyId(octets()), purpose, "ceremony")
    }

    /// From now on every call fails as if no worker were up, or works again.
    pub fn set_down(&self, down: bool) {
        *self.down.lock() = down;
    }

    /// Keys held.
    pub fn count(&self) -> usize {
        self.keys.lock().len()
    }

    /// Signatures and other acts done under receipts.
    pub fn uses(&self) -> usize {
        self.receipts.lock().len()
    }

    fn make(&self, id: KeyId, purpose: Purpose, owner: &str) -> StoredKey {
        let key = SigningKey::from_slice(&octets::<32>()).unwrap();
        let spki = key.verifying_key().to_public_key_der().unwrap();
        self.keys.lock().insert(id, key);
        StoredKey {
            id,
            purpose,
            algorithm: KeyAlgorithm::P256,
            owner: owner.to_owned(),
            spki: Der(spki.as_bytes().to_vec()),
            location: KeyLocation::Token,
        }
    }

    fn up(&self) -> Result<(), KeyError> {
        if *self.down.lock() { Err(KeyError::Unavailable("down".into())) } else { Ok(()) }
    }

    fn redeem(&self, receipt: &Receipt) -> Result<(), KeyError> {
        self.up()?;
        if receipt.generation != self.generation {
            return Err(KeyError::Refused("receipt of another generation".into()));
        }
        if !self.receipts.lock().insert((receipt.number, receipt.index)) {
            return Err(KeyError::Refused("receipt already used".into()));
        }
        Ok(())
    }

    fn state_key(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.state_key).unwrap())
    }
}

impl Keys for SoftKeys {
    fn choose(&self, _purpose: Purpose) -> Result<Generation, KeyError> {
        self.up().map(|()| self.generation)
    }

    fn generate(&self, _cx: Cx, receipt: Receipt, spec: &GenerateSpec) -> Result<Generated, KeyError> {
        self.redeem(&receipt)?;
        if spec.algorithm != KeyAlgorithm::P256 {
            return Err(KeyError::Unsupported("only P-256 in memory".into()));
        }
        let key = self.make(spec.id, spec.purpose, &spec.owner);
        let signer = self.keys.lock().get(&spec.id).cloned().unwrap();
        let request = RequestBuilder::new(name(&spec.subject), &signer).unwrap();
        let csr = request.build::<DerSignature>().unwrap();
        Ok(Generated { key, csr: Der(csr.to_der().unwrap()) })
    }

    fn sign(
        &self,
        _cx: Cx,
        receipt: Receipt,
        key: &StoredKey,
        what: &ToBeSigned,
    ) -> Result<Vec<u8>, KeyError> {
        self.redeem(&receipt)?;
        let signer = self.keys.lock().get(&key.id).cloned().ok_or(KeyError::NotFound)?;
        let signature: DerSignature = signer.sign(what.bytes());
        Ok(signature.as_bytes().to_vec())
    }

    fn destroy(&self, _cx: Cx, receipt: Receipt, key: &StoredKey) -> Result<(), KeyError> {
        self.redeem(&receipt)?;
        self.keys.lock().remove(&key.id);
        Ok(())
    }

    fn protect(&self, _cx: Cx, context: &str, secret: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.up()?;
        let nonce = octets::<NONCE_LEN>();
        let mut sealed = secret.to_vec();
        let aad = Aad::from(context.as_bytes());
        self.state_key()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .unwrap();
        Ok([&nonce[..], &sealed].concat())
    }

    fn reveal(&self, _cx: Cx, context: &str, protected: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.up()?;
        let refused = || KeyError::Refused("not protected here or for this".into());
        let (nonce, sealed) = protected.split_first_chunk::<NONCE_LEN>().ok_or_else(refused)?;
        let mut open = sealed.to_vec();
        let aad = Aad::from(context.as_bytes());
        let plain = self
            .state_key()
            .open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut open)
            .map_err(|_| refused())?;
        Ok(Zeroizing::new(plain.to_vec()))
    }

    fn random(&self, _cx: Cx, n: usize) -> Result<Vec<u8>, KeyError> {
        self.up()?;
        let mut out = vec![0; n];
        aws_lc_rs::rand::fill(&mut out).unwrap();
        Ok(out)
    }
}

fn octets<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    aws_lc_rs::rand::fill(&mut out).unwrap();
    out
}

fn name(subject: &Subject) -> Name {
    let country = PrintableStringRef::new(&subject.country).unwrap();
    let serial = PrintableStringRef::new(&subject.serial_number).unwrap();
    let mut parts = vec![(rfc4519::C, Any::encode_from(&country).unwrap())];
    if let Some(organization) = &subject.organization {
        parts.push((rfc4519::O, Any::encode_from(&Utf8StringRef::new(organization).unwrap()).unwrap()));
    }
    parts.push((rfc4519::CN, Any::encode_from(&Utf8StringRef::new(&subject.common_name).unwrap()).unwrap()));
    parts.push((rfc4519::SERIAL_NUMBER, Any::encode_from(&serial).unwrap()));
    let rdn = |(oid, value)| {
        RelativeDistinguishedName(SetOfVec::try_from(vec![AttributeTypeAndValue { oid, value }]).unwrap())
    };
    RdnSequence(parts.into_iter().map(rdn).collect())
}

mod tests {
    use super::*;
    use crate::keys::Custody;
    use hufu_api::{RequestId, SignerKind};
    use std::time::{Duration, Instant};

    fn cx() -> Cx {
        Cx { request: RequestId(1), deadline: Instant::now() + Duration::from_secs(5) }
    }

    fn receipt(keys: &SoftKeys, number: u64) -> Receipt {
        let generation = keys.choose(Purpose::Signer).unwrap();
        Receipt { number, index: 0, generation, expires: 0, mac: [0; 32] }
    }

    #[test]
    fn generates_signs_once_per_receipt_and_destroys() {
        let keys = SoftKeys::new();
        let spec = GenerateSpec {
            id: KeyId([1; 16]),
            purpose: Purpose::Signer,
            algorithm: KeyAlgorithm::P256,
            custody: Custody::Token,
            owner: "signer/1".into(),
            subject: Subject {
                kind: SignerKind::Person,
                common_name: "张三".into(),
                serial_number: "S1".into(),
                organization: None,
                country: "CN".into(),
            },
        };
        let made = keys.generate(cx(), receipt(&keys, 1), &spec).unwrap();
        let what = ToBeSigned::SignedAttributes(vec![0x31, 0]);
        assert!(keys.sign(cx(), receipt(&keys, 2), &made.key, &what).is_ok());
        assert!(matches!(keys.sign(cx(), receipt(&keys, 2), &made.key, &what), Err(KeyError::Refused(_))));
        keys.destroy(cx(), receipt(&keys, 3), &made.key).unwrap();
        assert_eq!(keys.sign(cx(), receipt(&keys, 4), &made.key, &what), Err(KeyError::NotFound));
    }

    #[test]
    fn reveals_only_in_the_same_context() {
        let keys = SoftKeys::new();
        let sealed = keys.protect(cx(), "app/1", b"secret").unwrap();
        assert_eq!(keys.reveal(cx(), "app/1", &sealed).unwrap().as_slice(), b"secret");
        assert!(keys.reveal(cx(), "app/2", &sealed).is_err());
    }
}
