//! RC4 and AES-CBC as PDF uses them (ISO 32000-2 7.6.3).

use super::super::ObjectId;
use super::super::error::{Result, SyntaxError};
use aes::cipher::block_padding::{NoPadding, Pkcs7};
use aes::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use md5::{Digest, Md5};

/// A crypt filter's method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Identity,
    Rc4,
    Aes128,
    Aes256,
}

impl Method {
    /// Algorithm 1 (the object's key), 1.A (AESV3: the file key itself).
    fn object_key(self, file_key: &[u8], id: ObjectId) -> Vec<u8> {
        if self == Self::Aes256 {
            return file_key.to_vec();
        }
        let mut md5 = Md5::new();
        md5.update(file_key);
        md5.update(id.number.to_le_bytes().get(..3).unwrap_or_default());
        md5.update(id.generation.to_le_bytes());
        if self == Self::Aes128 {
            md5.update(b"sAlT");
        }
        let mut key = md5.finalize().to_vec();
        key.truncate((file_key.len() + 5).min(16));
        key
    }

    pub(super) fn decrypt(self, file_key: &[u8], id: ObjectId, data: &[u8]) -> Result<Vec<u8>> {
        let key = self.object_key(file_key, id);
        match self {
            Self::Identity => Ok(data.to_vec()),
            Self::Rc4 => Ok(rc4(&key, data)),
            Self::Aes128 | Self::Aes256 => {
                if data.is_empty() {
                    return Ok(Vec::new());
                }
                const BAD: SyntaxError = SyntaxError::Encryption("damaged AES data");
                let (iv, body) = data.split_at_checked(16).ok_or(BAD)?;
                if self == Self::Aes128 {
                    let cipher = cbc::Decryptor::<aes::Aes128>::new_from_slices(&key, iv).map_err(|_| BAD)?;
                    cipher.decrypt_padded_vec_mut::<Pkcs7>(body).map_err(|_| BAD)
                } else {
                    let cipher = cbc::Decryptor::<aes::Aes256>::new_from_slices(&key, iv).map_err(|_| BAD)?;
                    cipher.decrypt_padded_vec_mut::<Pkcs7>(body).map_err(|_| BAD)
                }
            }
        }
    }

    pub(super) fn encrypt(self, file_key: &[u8], id: ObjectId, data: &[u8], iv: [u8; 16]) -> Result<Vec<u8>> {
        const BAD: SyntaxError = SyntaxError::Encryption("bad key length");
        let key = self.object_key(file_key, id);
        let body = match self {
            Self::Identity => return Ok(data.to_vec()),
            Self::Rc4 => return Ok(rc4(&key, data)),
            Self::Aes128 => cbc::Encryptor::<aes::Aes128>::new_from_slices(&key, &iv)
                .map_err(|_| BAD)?
                .encrypt_padded_vec_mut::<Pkcs7>(data),
            Self::Aes256 => cbc::Encryptor::<aes::Aes256>::new_from_slices(&key, &iv)
                .map_err(|_| BAD)?
                .encrypt_padded_vec_mut::<Pkcs7>(data),
        };
        Ok([iv.as_slice(), &body].concat())
    }
}

/// RC4: kept only because old files use it. Encrypting and decrypting are the same.
pub(super) fn rc4(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut state: [u8; 256] = std::array::from_fn(|i| i.to_le_bytes()[0]);
    let at = |state: &[u8; 256], i: u8| state.get(usize::from(i)).copied().unwrap_or(0);
    let mut j = 0u8;
    for (i, k) in (0..=255u8).zip(key.iter().cycle()) {
        j = j.wrapping_add(at(&state, i)).wrapping_add(*k);
        state.swap(usize::from(i), usize::from(j));
    }
    let (mut i, mut j) = (0u8, 0u8);
    data.iter()
        .map(|byte| {
            i = i.wrapping_add(1);
            j = j.wrapping_add(at(&state, i));
            state.swap(usize::from(i), usize::from(j));
            byte ^ at(&state, at(&state, i).wrapping_add(at(&state, j)))
        })
        .collect()
}

/// AES-256-CBC without padding and with a zero IV: how R6 wraps the file key.
pub(super) fn unwrap_key(key: &[u8], wrapped: &[u8]) -> Result<Vec<u8>> {
    const BAD: SyntaxError = SyntaxError::Encryption("damaged key");
    cbc::Decryptor::<aes::Aes256>::new_from_slices(key, &[0; 16])
        .map_err(|_| BAD)?
        .decrypt_padded_vec_mut::<NoPadding>(wrapped)
        .map_err(|_| BAD)
}

/// AES-128-CBC without padding (algorithm 2.B).
pub(super) fn aes128_cbc(key: &[u8], iv: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    Ok(cbc::Encryptor::<aes::Aes128>::new_from_slices(key, iv)
        .map_err(|_| SyntaxError::Encryption("bad key length"))?
        .encrypt_padded_vec_mut::<NoPadding>(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rc4_matches_rfc_6229() {
        let stream = rc4(&[1, 2, 3, 4, 5], &[0; 8]);
        assert_eq!(stream, [0xb2, 0x39, 0x63, 0x05, 0xf0, 0x3d, 0xc0, 0x27]);
    }

    #[test]
    fn every_method_decrypts_what_it_encrypts() {
        let id = ObjectId::new(7);
        for (method, key) in [
            (Method::Identity, 5),
            (Method::Rc4, 5),
            (Method::Rc4, 16),
            (Method::Aes128, 16),
            (Method::Aes256, 32),
        ] {
            let key = vec![9; key];
            let cipher = method.encrypt(&key, id, b"attack at dawn", [3; 16]);
            let clear = cipher.and_then(|c| method.decrypt(&key, id, &c));
            assert_eq!(clear.as_deref(), Ok(b"attack at dawn".as_slice()), "{method:?}");
        }
    }
}
