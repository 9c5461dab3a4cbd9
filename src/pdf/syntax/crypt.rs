//! The standard security handler with the empty user password (ISO 32000-2 7.6): RC4, AESV2, AESV3.

mod cipher;
mod key;

use super::error::{Result, SyntaxError};
use super::{Dict, Object, ObjectId, PdfString};
use cipher::Method;
use zeroize::Zeroizing;

/// How a document's strings and streams are encrypted.
#[derive(Debug)]
pub struct Encryption {
    file_key: Zeroizing<Vec<u8>>,
    strings: Method,
    streams: Method,
    filters: Vec<(Vec<u8>, Method)>,
    metadata: bool,
    permissions: i32,
    revision: i64,
}

impl Encryption {
    /// Opens the encryption dictionary (its references resolved) with the empty user password.
    pub(super) fn open(dict: &Dict, first_id: &[u8]) -> Result<Self> {
        const BAD: SyntaxError = SyntaxError::Encryption("damaged encryption dictionary");
        if !dict.is_name("Filter", "Standard") {
            return Err(SyntaxError::Encryption("not the standard security handler"));
        }
        let integer = |key: &str| dict.get(key).and_then(Object::as_integer);
        let version = integer("V").unwrap_or(0);
        let revision = integer("R").ok_or(BAD)?;
        let metadata = dict.get("EncryptMetadata").and_then(Object::as_bool).unwrap_or(true);
        // A 32-bit field that some writers give without its sign.
        let permissions = integer("P")
            .and_then(|p| i32::try_from(p).ok().or_else(|| u32::try_from(p).ok().map(u32::cast_signed)))
            .ok_or(BAD)?;
        let bits = integer("Length").unwrap_or(40);
        let (strings, streams, filters, key_bytes) = match version {
            1 => (Method::Rc4, Method::Rc4, Vec::new(), 5),
            2 => {
                let bytes = usize::try_from(bits / 8).ok().filter(|n| (5..=16).contains(n)).ok_or(BAD)?;
                (Method::Rc4, Method::Rc4, Vec::new(), bytes)
            }
            4 | 5 => {
                let filters = crypt_filters(dict)?;
                let by_name = |key: &str| named(&filters, dict.get(key).and_then(Object::as_name));
                let (strings, streams) = (by_name("StrF")?, by_name("StmF")?);
                (strings, streams, filters, if version == 4 { 16 } else { 32 })
            }
            _ => return Err(SyntaxError::Encryption("unknown version")),
        };
        let parameters = key::Parameters { dict, first_id, revision, key_bytes, permissions, metadata };
        let file_key = key::with_empty_user_password(&parameters)?;
        Ok(Self { file_key, strings, streams, filters, metadata, permissions, revision })
    }

    /// `/P`, the permissions of a user (table 22).
    pub fn permissions(&self) -> i32 {
        self.permissions
    }

    /// Whether a user may sign: bit 4 (modify), 6 (annotate and fill) or 9 (fill existing fields).
    pub fn allows_signing(&self) -> bool {
        self.permissions & (1 << 3 | 1 << 5 | 1 << 8) != 0
    }

    /// `/R`
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Decrypts every string inside `object`, but not a signature's `/Contents` (7.6.2).
    pub(super) fn decrypt_strings(&self, id: ObjectId, object: &mut Object) -> Result<()> {
        self.each_string(object, &mut |string| {
            let clear = self.strings.decrypt(&self.file_key, id, string.as_bytes())?;
            string.replace_bytes(clear);
            Ok(())
        })
    }

    /// Encrypts every string inside `object`, but not a signature's `/Contents`. `iv` gives fresh random blocks.
    pub(crate) fn encrypt_strings(
        &self,
        id: ObjectId,
        object: &mut Object,
        iv: &mut dyn FnMut() -> [u8; 16],
    ) -> Result<()> {
        self.each_string(object, &mut |string| {
            let cipher = self.strings.encrypt(&self.file_key, id, string.as_bytes(), iv())?;
            string.replace_bytes(cipher);
            Ok(())
        })
    }

    fn each_string(
        &self,
        object: &mut Object,
        change: &mut dyn FnMut(&mut PdfString) -> Result<()>,
    ) -> Result<()> {
        match object {
            Object::String(s) if self.strings != Method::Identity => change(s),
            Object::Array(items) => items.iter_mut().try_for_each(|o| self.each_string(o, change)),
            Object::Dictionary(d) => self.each_in_dict(d, change),
            Object::Stream(s) => self.each_in_dict(&mut s.dict, change),
            _ => Ok(()),
        }
    }

    fn each_in_dict(
        &self,
        dict: &mut Dict,
        change: &mut dyn FnMut(&mut PdfString) -> Result<()>,
    ) -> Result<()> {
        let signature = dict.get("ByteRange").is_some() && dict.get("Contents").is_some();
        dict.values_mut()
            .filter(|(key, _)| !(signature && key.as_bytes() == b"Contents"))
            .try_for_each(|(_, value)| self.each_string(value, change))
    }

    fn stream_method(&self, dict: &Dict) -> Result<Method> {
        if dict.is_name("Type", "XRef") || dict.is_name("Type", "Metadata") && !self.metadata {
            return Ok(Method::Identity);
        }
        let first = |key: &str| match dict.get(key) {
            Some(Object::Array(items)) => items.first().cloned(),
            other => other.cloned(),
        };
        match first("Filter") {
            Some(Object::Name(n)) if n.as_bytes() == b"Crypt" => {
                let parameters = first("DecodeParms");
                let name = parameters.as_ref().and_then(Object::as_dict).and_then(|d| d.get("Name"));
                named(&self.filters, name.and_then(Object::as_name))
            }
            _ => Ok(self.streams),
        }
    }

    /// Decrypts a stream's data.
    pub(super) fn decrypt_stream(&self, id: ObjectId, dict: &Dict, data: &[u8]) -> Result<Vec<u8>> {
        self.stream_method(dict)?.decrypt(&self.file_key, id, data)
    }

    /// Encrypts a stream's data.
    pub(crate) fn encrypt_stream(
        &self,
        id: ObjectId,
        dict: &Dict,
        data: &[u8],
        iv: [u8; 16],
    ) -> Result<Vec<u8>> {
        self.stream_method(dict)?.encrypt(&self.file_key, id, data, iv)
    }
}

fn crypt_filters(dict: &Dict) -> Result<Vec<(Vec<u8>, Method)>> {
    let Some(filters) = dict.get("CF").and_then(Object::as_dict) else { return Ok(Vec::new()) };
    filters
        .iter()
        .map(|(name, filter)| {
            let method = match filter.as_dict().and_then(|d| d.get("CFM")).and_then(Object::as_name) {
                Some(b"V2") => Method::Rc4,
                Some(b"AESV2") => Method::Aes128,
                Some(b"AESV3") => Method::Aes256,
                Some(b"None") | None => Method::Identity,
                Some(_) => return Err(SyntaxError::Encryption("unknown crypt filter method")),
            };
            Ok((name.as_bytes().to_vec(), method))
        })
        .collect()
}

fn named(filters: &[(Vec<u8>, Method)], name: Option<&[u8]>) -> Result<Method> {
    match name {
        None | Some(b"Identity") => Ok(Method::Identity),
        Some(name) => filters
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, method)| *method)
            .ok_or(SyntaxError::Encryption("unknown crypt filter")),
    }
}
