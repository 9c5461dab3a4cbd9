//! The key port: what may be asked of the token. Workers take structures, not bare digests, and check them.

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]
pub mod soft;

use crate::audit::Receipt;
use hufu_api::{Cx, Der, Subject};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// One life of one token worker process: 128 random bits that the supervisor chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Generation(pub u128);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// CKA_ID of a key pair: 16 random bytes, unique over all custodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId(pub [u8; 16]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// What a key is for. Each purpose can have its own token, PIN and workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Signers' keys; also the state-encryption and hashing keys.
    Signer,
    /// Issuing CAs' keys.
    Ca,
    /// Time-stamping and OCSP responder keys.
    Tsa,
    /// The audit log's checkpoint key.
    Audit,
}

/// Key types that the appliance makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyAlgorithm {
    /// ECDSA on NIST P-256, with SHA-256.
    P256,
    /// ECDSA on NIST P-384, with SHA-384.
    P384,
    /// RSA 2048 bits, e = 65537, PKCS#1 v1.5 with SHA-256.
    Rsa2048,
    /// RSA 3072 bits, e = 65537, PKCS#1 v1.5 with SHA-256.
    Rsa3072,
}

/// Where a private key lives (DESIGN: key custody).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Custody {
    /// A token object, never extractable.
    Token,
    /// Generated in the token, kept outside wrapped under a token-resident AES key.
    Wrapped,
    /// A session object for one signature.
    Ephemeral,
}

/// A key pair as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKey {
    /// Its id.
    pub id: KeyId,
    /// For what.
    pub purpose: Purpose,
    /// Its type.
    pub algorithm: KeyAlgorithm,
    /// Whose it is, as [`GenerateSpec::owner`]; callers compare it with whom they act for.
    pub owner: String,
    /// SubjectPublicKeyInfo, DER.
    pub spki: Der,
    /// Where the private half is.
    pub location: KeyLocation,
}

/// Where the private half of a [`StoredKey`] is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyLocation {
    /// In the token under CKA_ID = id.
    Token,
    /// Here, wrapped; `mac` is a token-keyed MAC over owner, public key and blob.
    Wrapped {
        /// The wrapped key.
        blob: Vec<u8>,
        /// Binds it to its owner and public key.
        mac: Vec<u8>,
    },
    /// In a session of that worker, and gone with it.
    Ephemeral {
        /// Which worker process.
        generation: Generation,
    },
}

impl StoredKey {
    /// What the receipt of [`Keys::destroy`] binds: SHA-256 of the key id.
    pub fn destroy_digest(&self) -> [u8; 32] {
        Sha256::digest(self.id.0).into()
    }
}

/// Asks for a key pair and its certification request in one act: the worker generates the pair, builds the
/// CertificationRequestInfo (RFC 2986) from `subject` and the new public key, and signs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerateSpec {
    /// The new key's id.
    pub id: KeyId,
    /// For what.
    pub purpose: Purpose,
    /// Which type.
    pub algorithm: KeyAlgorithm,
    /// Where it shall live.
    pub custody: Custody,
    /// Owner, for the wrapped key's MAC, for example `signer/APP/17`.
    pub owner: String,
    /// The request's subject.
    pub subject: Subject,
}

impl GenerateSpec {
    /// What the receipt of [`Keys::generate`] binds: SHA-256 of this structure as JSON, members in declaration order.
    pub fn digest(&self) -> [u8; 32] {
        // Strings, numbers and unit variants only: this cannot fail to serialise.
        Sha256::digest(serde_json::to_vec(self).unwrap_or_default()).into()
    }
}

/// A new key pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generated {
    /// What to store.
    pub key: StoredKey,
    /// The CertificationRequest, DER, signed by the new key.
    pub csr: Der,
}

/// What a key is asked to sign, whole. The receipt's digest is SHA-256 of the bytes given here; which variants a worker
/// accepts depends on its purpose and it checks each structure before it signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToBeSigned {
    /// CMS SignedAttributes as DER SET OF (RFC 5652 5.4); purpose signer or tsa. A tsa worker wants id-ct-TSTInfo as content type.
    SignedAttributes(Vec<u8>),
    /// TBSCertificate; purpose ca (and tsa never).
    TbsCertificate(Vec<u8>),
    /// TBSCertList; purpose ca.
    TbsCertList(Vec<u8>),
    /// OCSP ResponseData (RFC 6960 4.2.1); purpose tsa.
    OcspResponseData(Vec<u8>),
    /// A C2SP checkpoint's note text; purpose audit.
    Checkpoint(Vec<u8>),
}

impl ToBeSigned {
    /// The bytes that are hashed and signed.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::SignedAttributes(b)
            | Self::TbsCertificate(b)
            | Self::TbsCertList(b)
            | Self::OcspResponseData(b)
            | Self::Checkpoint(b) => b,
        }
    }

    /// What the receipt of [`Keys::sign`] binds: SHA-256 of the bytes.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.bytes()).into()
    }
}

/// Why the token did not do it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No worker of that purpose is up, or none has a free place: 503.
    #[error("token unavailable: {0}")]
    Unavailable(String),
    /// The worker refused the receipt or the structure.
    #[error("refused: {0}")]
    Refused(String),
    /// No such key.
    #[error("key not found")]
    NotFound,
    /// The token does not offer this mechanism or key type.
    #[error("not supported by this token: {0}")]
    Unsupported(String),
    /// The token failed.
    #[error("token failed: {0}")]
    Failed(String),
    /// No answer before the deadline.
    #[error("the token did not answer in time")]
    Timeout,
}

/// The token, through its workers.
pub trait Keys: Send + Sync {
    /// Chooses the worker that shall serve the next act; its generation goes into the intent.
    ///
    /// # Errors
    /// [`KeyError::Unavailable`].
    fn choose(&self, purpose: Purpose) -> Result<Generation, KeyError>;

    /// Generates a key pair and its request. One use: key = `spec.id`, purpose =
    /// `spec.purpose`, digest = [`GenerateSpec::digest`].
    ///
    /// # Errors
    /// See [`KeyError`].
    fn generate(&self, cx: Cx, receipt: Receipt, spec: &GenerateSpec) -> Result<Generated, KeyError>;

    /// Signs. ECDSA signatures come as DER `ECDSA-Sig-Value`, RSA as the octets of RFC 8017.
    ///
    /// # Errors
    /// See [`KeyError`].
    fn sign(&self, cx: Cx, receipt: Receipt, key: &StoredKey, what: &ToBeSigned)
    -> Result<Vec<u8>, KeyError>;

    /// Destroys a key pair. The receipt's digest is [`StoredKey::destroy_digest`]. Destroying what is not there is a success only if
    /// the worker is logged in and healthy.
    ///
    /// # Errors
    /// See [`KeyError`].
    fn destroy(&self, cx: Cx, receipt: Receipt, key: &StoredKey) -> Result<(), KeyError>;

    /// Encrypts a small secret (≤ 4 KiB) under the token-resident state key, authenticated, bound to `context`.
    ///
    /// # Errors
    /// See [`KeyError`].
    fn protect(&self, cx: Cx, context: &str, secret: &[u8]) -> Result<Vec<u8>, KeyError>;

    /// Undoes [`Keys::protect`]; the context must be the same.
    ///
    /// # Errors
    /// See [`KeyError`].
    fn reveal(
        &self,
        cx: Cx,
        context: &str,
        protected: &[u8],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, KeyError>;

    /// Random bytes from the token, at most 1,024.
    ///
    /// # Errors
    /// See [`KeyError`].
    fn random(&self, cx: Cx, n: usize) -> Result<Vec<u8>, KeyError>;
}
