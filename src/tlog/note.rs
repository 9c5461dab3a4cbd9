//! C2SP signed notes and tlog checkpoints.
//!
//! A note is text that ends in a newline, an empty line, and signature lines `— name base64(id ‖ signature)`. The signature type
//! is 0x02: ECDSA on P-256 over SHA-256 of the text, DER-encoded, the key id being the first four bytes of SHA-256 over the
//! SubjectPublicKeyInfo. Sigstore's logs use the same type, and public implementations verify it.

use super::Hash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};
use spki::DecodePublicKey as _;

/// The longest note that is read, in bytes.
const MAX_NOTE: usize = 64 << 10;
/// Signature type of the verifier key string.
const ECDSA_SHA256: u8 = 2;
const DASH: &str = "— ";

/// Why a note or checkpoint is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a signed note.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// A note whose text is not a checkpoint.
    #[error("not a checkpoint: {0}")]
    NotACheckpoint(&'static str),
    /// No signature of the key that was asked for.
    #[error("no signature by {0}")]
    Unsigned(String),
    /// A signature of that key that does not verify.
    #[error("signature by {0} does not verify")]
    Forged(String),
    /// The public key is not P-256, or the name has spaces or `+`.
    #[error("unusable key: {0}")]
    Key(&'static str),
}

/// A key that signs notes, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    spki: Vec<u8>,
    key: VerifyingKey,
}

impl NoteKey {
    /// From a name and a P-256 SubjectPublicKeyInfo, DER.
    ///
    /// # Errors
    /// [`NoteError::Key`].
    pub fn new(name: &str, spki: &[u8]) -> Result<Self, NoteError> {
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+') {
            return Err(NoteError::Key("name is empty or has spaces or +"));
        }
        let key =
            VerifyingKey::from_public_key_der(spki).map_err(|_| NoteError::Key("not a P-256 public key"))?;
        Ok(Self { name: name.into(), spki: spki.into(), key })
    }

    /// From a verifier key: `name+id+base64(0x02 ‖ SubjectPublicKeyInfo)`.
    ///
    /// # Errors
    /// [`NoteError::Key`].
    pub fn parse(verifier: &str) -> Result<Self, NoteError> {
        let mut parts = verifier.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key("a verifier key is name+id+key"));
        };
        let key = BASE64.decode(key).map_err(|_| NoteError::Key("not base64"))?;
        let Some((&ECDSA_SHA256, spki)) = key.split_first() else {
            return Err(NoteError::Key("not of type 2, ECDSA"));
        };
        let key = Self::new(name, spki)?;
        if id == hex::encode(key.id()) { Ok(key) } else { Err(NoteError::Key("id does not fit the key")) }
    }

    /// The verifier key, for other people's tools.
    pub fn verifier(&self) -> String {
        let key = [[ECDSA_SHA256].as_slice(), &self.spki].concat();
        format!("{}+{}+{}", self.name, hex::encode(self.id()), BASE64.encode(key))
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SubjectPublicKeyInfo, DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// First four bytes of SHA-256 over the SubjectPublicKeyInfo.
    pub fn id(&self) -> [u8; 4] {
        let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(&self.spki).into();
        [a, b, c, d]
    }

    /// Puts text and a DER `ECDSA-Sig-Value` together, if it verifies.
    ///
    /// # Errors
    /// [`NoteError::Malformed`], [`NoteError::Forged`].
    pub fn seal(&self, text: &str, signature: &[u8]) -> Result<String, NoteError> {
        if !text.ends_with('\n') {
            return Err(NoteError::Malformed("text does not end in a newline"));
        }
        let note = format!(
            "{text}\n{DASH}{} {}\n",
            self.name,
            BASE64.encode([self.id().as_slice(), signature].concat())
        );
        self.open(&note)?;
        Ok(note)
    }

    /// The text of a note that this key has signed.
    ///
    /// # Errors
    /// See [`NoteError`].
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let (text, signatures) = split(note)?;
        let mut ours = None;
        for line in signatures.lines() {
            let line =
                line.strip_prefix(DASH).ok_or(NoteError::Malformed("signature line without a dash"))?;
            let (name, value) =
                line.split_once(' ').ok_or(NoteError::Malformed("signature line without a value"))?;
            let value = BASE64.decode(value).map_err(|_| NoteError::Malformed("signature is not base64"))?;
            let (id, signature) =
                value.split_first_chunk().ok_or(NoteError::Malformed("signature without a key id"))?;
            if name == self.name && *id == self.id() {
                ours = Some(signature.to_vec());
                break;
            }
        }
        let signature = ours.ok_or_else(|| NoteError::Unsigned(self.name.clone()))?;
        let forged = || NoteError::Forged(self.name.clone());
        let signature = Signature::from_der(&signature).map_err(|_| forged())?;
        self.key.verify(text.as_bytes(), &signature).map_err(|_| forged())?;
        Ok(text)
    }
}

/// Text (with its last newline) and signature lines.
fn split(note: &str) -> Result<(&str, &str), NoteError> {
    if note.len() > MAX_NOTE || note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(NoteError::Malformed("too long or with control characters"));
    }
    let at = note.rfind("\n\n").ok_or(NoteError::Malformed("no empty line"))?;
    let text = note.get(..=at).ok_or(NoteError::Malformed("no text"))?;
    let signatures = note.get(at + 2..).unwrap_or_default();
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(NoteError::Malformed("no signature lines"));
    }
    Ok((text, signatures))
}

/// A tree head (C2SP tlog-checkpoint): origin, size and root hash, without extension lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Names the log, for example `hufu.example.cn/audit`.
    pub origin: String,
    /// Number of records.
    pub size: u64,
    /// RFC 6962 tree head.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root))
    }

    /// Reads a checkpoint's text. Extension lines are refused: this log writes none.
    ///
    /// # Errors
    /// [`NoteError::NotACheckpoint`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.strip_suffix('\n').ok_or(NoteError::NotACheckpoint("cut short"))?.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(NoteError::NotACheckpoint("not three lines"));
        };
        let root = BASE64.decode(root).ok().and_then(|r| r.try_into().ok());
        let root = root.ok_or(NoteError::NotACheckpoint("root is not a hash"))?;
        let size = size.parse().map_err(|_| NoteError::NotACheckpoint("size is not a number"))?;
        let checkpoint = Self { origin: origin.into(), size, root };
        if !origin.is_empty() && checkpoint.text() == text {
            Ok(checkpoint)
        } else {
            Err(NoteError::NotACheckpoint("not in canonical form"))
        }
    }

    /// Reads a note's text without looking at its signatures.
    ///
    /// # Errors
    /// See [`NoteError`].
    pub fn unverified(note: &str) -> Result<Self, NoteError> {
        Self::parse(split(note)?.0)
    }

    /// The checkpoint in a note that `key` has signed.
    ///
    /// # Errors
    /// See [`NoteError`].
    pub fn open(note: &str, key: &NoteKey) -> Result<Self, NoteError> {
        let checkpoint = Self::parse(key.open(note)?)?;
        if checkpoint.origin == key.name {
            Ok(checkpoint)
        } else {
            Err(NoteError::NotACheckpoint("of another log"))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use p256::ecdsa::SigningKey;
    use p256::ecdsa::signature::Signer as _;
    use spki::EncodePublicKey as _;

    fn key(seed: u8) -> (SigningKey, NoteKey) {
        let signing = SigningKey::from_slice(&[seed; 32]).unwrap();
        let spki = signing.verifying_key().to_public_key_der().unwrap();
        (signing, NoteKey::new("hufu.example/audit", spki.as_bytes()).unwrap())
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "hufu.example/audit".into(), size: 42, root: [7; 32] }
    }

    fn sign(seed: u8, text: &str) -> Result<String, NoteError> {
        let (signing, key) = key(seed);
        let signature: Signature = signing.sign(text.as_bytes());
        key.seal(text, signature.to_der().as_bytes())
    }

    #[test]
    fn a_signed_checkpoint_opens_with_its_key_only() {
        let note = sign(1, &checkpoint().text()).unwrap();
        assert_eq!(Checkpoint::open(&note, &key(1).1), Ok(checkpoint()));
        assert_eq!(Checkpoint::unverified(&note), Ok(checkpoint()));
        assert_eq!(Checkpoint::open(&note, &key(2).1), Err(NoteError::Unsigned("hufu.example/audit".into())));
        let forged = note.replace("42", "43");
        assert_eq!(Checkpoint::open(&forged, &key(1).1), Err(NoteError::Forged("hufu.example/audit".into())));
    }

    #[test]
    fn further_signatures_do_not_disturb() {
        let note = sign(1, &checkpoint().text()).unwrap();
        let witnessed = format!("{note}— witness.example AAAAAAAA\n");
        assert_eq!(Checkpoint::open(&witnessed, &key(1).1), Ok(checkpoint()));
    }

    #[test]
    fn a_signature_that_does_not_verify_is_never_written() {
        let (signing, _) = key(2);
        let signature: Signature = signing.sign(b"text\n");
        assert!(key(1).1.seal("text\n", signature.to_der().as_bytes()).is_err());
    }

    #[test]
    fn what_is_not_a_note_is_refused() {
        let note = sign(1, &checkpoint().text()).unwrap();
        for bad in [
            String::new(),
            "text\n".into(),
            note.replace("\n\n", "\n"),
            note.trim_end().to_owned(),
            note.replace('—', "-"),
            format!("{note}\r\n"),
            note.replace("hufu", "\u{7}ufu"),
        ] {
            assert!(Checkpoint::open(&bad, &key(1).1).is_err(), "{bad}");
        }
        for bad in ["", "o\n1\n", "o\n01\nBwc=\n", "\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n"] {
            assert!(Checkpoint::parse(bad).is_err(), "{bad}");
        }
        let extended = format!("{}extension\n", checkpoint().text());
        assert!(Checkpoint::parse(&extended).is_err());
        let other = Checkpoint { origin: "other".into(), ..checkpoint() };
        assert!(Checkpoint::open(&sign(1, &other.text()).unwrap(), &key(1).1).is_err());
    }

    #[test]
    fn verifier_keys_come_back() {
        let (_, key) = key(1);
        assert_eq!(NoteKey::parse(&key.verifier()), Ok(key.clone()));
        assert!(NoteKey::parse(&key.verifier().replacen('+', "+0", 1)).is_err());
        assert!(NoteKey::new("a b", key.spki()).is_err());
        assert!(NoteKey::new("a", b"no key").is_err());
    }
}
