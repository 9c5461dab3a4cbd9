//! The file key from the empty user password (ISO 32000-2 7.6.4.3: algorithms 2, 2.A, 2.B, 4, 5, 11).

use super::super::error::{Result, SyntaxError};
use super::super::{Dict, Object};
use super::cipher::{aes128_cbc, rc4, unwrap_key};
use md5::{Digest, Md5};
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

/// What the key depends on.
pub(super) struct Parameters<'a> {
    pub(super) dict: &'a Dict,
    pub(super) first_id: &'a [u8],
    pub(super) revision: i64,
    pub(super) key_bytes: usize,
    pub(super) permissions: i32,
    pub(super) metadata: bool,
}

const BAD: SyntaxError = SyntaxError::Encryption("damaged encryption dictionary");

const PADDING: [u8; 32] = [
    0x28, 0xBF, 0x4E, 0x5E, 0x4E, 0x75, 0x8A, 0x41, 0x64, 0x00, 0x4E, 0x56, 0xFF, 0xFA, 0x01, 0x08, 0x2E,
    0x2E, 0x00, 0xB6, 0xD0, 0x68, 0x3E, 0x80, 0x2F, 0x0C, 0xA9, 0xFE, 0x64, 0x53, 0x69, 0x7A,
];

pub(super) fn with_empty_user_password(p: &Parameters<'_>) -> Result<Zeroizing<Vec<u8>>> {
    match p.revision {
        2..=4 => old(p),
        5 | 6 => new(p),
        _ => Err(SyntaxError::Encryption("unknown revision")),
    }
}

fn string<'a>(p: &Parameters<'a>, key: &str, length: usize) -> Result<&'a [u8]> {
    p.dict.get(key).and_then(Object::as_string).and_then(|s| s.as_bytes().get(..length)).ok_or(BAD)
}

fn old(p: &Parameters<'_>) -> Result<Zeroizing<Vec<u8>>> {
    let mut md5 = Md5::new();
    md5.update(PADDING);
    md5.update(string(p, "O", 32)?);
    md5.update(p.permissions.to_le_bytes());
    md5.update(p.first_id);
    if p.revision >= 4 && !p.metadata {
        md5.update([0xFF; 4]);
    }
    let mut key = Zeroizing::new(md5.finalize().to_vec());
    let length = if p.revision == 2 { 5 } else { p.key_bytes };
    if p.revision >= 3 {
        for _ in 0..50 {
            *key = Md5::digest(key.get(..length).unwrap_or(&key)).to_vec();
        }
    }
    key.truncate(length);
    let matches = if p.revision == 2 {
        rc4(&key, &PADDING) == string(p, "U", 32)?
    } else {
        let mut md5 = Md5::new();
        md5.update(PADDING);
        md5.update(p.first_id);
        let mut check = md5.finalize().to_vec();
        for round in 0..20u8 {
            let key: Vec<u8> = key.iter().map(|b| b ^ round).collect();
            check = rc4(&key, &check);
        }
        check == string(p, "U", 16)?
    };
    if matches { Ok(key) } else { Err(SyntaxError::Password) }
}

fn new(p: &Parameters<'_>) -> Result<Zeroizing<Vec<u8>>> {
    let (user, owner) = (string(p, "U", 48)?, string(p, "O", 48)?);
    // The owner's hashes take the user's 48 bytes along; an empty owner password opens the file as well.
    for (check, wrapped, along) in [(user, "UE", &b""[..]), (owner, "OE", user)] {
        let part = |range| check.get(range).ok_or(BAD);
        let hash = |salt: &[u8]| {
            let salted = [salt, along].concat();
            if p.revision == 5 { Ok(Sha256::digest(&salted).to_vec()) } else { hardened(&salted, along) }
        };
        if hash(part(32..40)?)? == part(0..32)? {
            let key = Zeroizing::new(hash(part(40..48)?)?);
            return Ok(Zeroizing::new(unwrap_key(&key, string(p, wrapped, 32)?)?));
        }
    }
    Err(SyntaxError::Password)
}

/// Algorithm 2.B for the empty password; `along` is the user's entry where the owner's is checked.
fn hardened(salted: &[u8], along: &[u8]) -> Result<Vec<u8>> {
    let mut k = Sha256::digest(salted).to_vec();
    let mut round = 0u32;
    loop {
        let e = [k.as_slice(), along].concat().repeat(64);
        let e = aes128_cbc(k.get(..16).ok_or(BAD)?, k.get(16..32).ok_or(BAD)?, &e)?;
        // The first 16 bytes as a number modulo 3: 256 is 1 modulo 3, so their sum will do.
        let sum: u32 = e.iter().take(16).map(|&b| u32::from(b)).sum();
        k = match sum % 3 {
            0 => Sha256::digest(&e).to_vec(),
            1 => Sha384::digest(&e).to_vec(),
            _ => Sha512::digest(&e).to_vec(),
        };
        round += 1;
        if round >= 64 && u32::from(e.last().copied().unwrap_or(0)) <= round - 32 {
            k.truncate(32);
            return Ok(k);
        }
    }
}
