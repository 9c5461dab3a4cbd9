//! Keys of the appliance's own, derived from one secret that the token protects, and the check of appKeys.

use crate::codes::Code;
use crate::ops::error::key_error;
use crate::ops::rows::App;
use crate::ops::{Appliance, Error, Result, table};
use hmac::{Hmac, Mac};
use hufu_api::{Cx, Der, Entropy, Expect, Space, StoreError, UnixTime, Write};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Derived keys. One secret in the store, protected by the token, stands behind all.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(in crate::ops) struct Keyring {
    /// Tokens' MAC.
    pub(in crate::ops) token: [u8; 32],
    /// Hashes of identity and telephone numbers in the audit log.
    pub(in crate::ops) personal: [u8; 32],
    /// Hashes of SMS codes.
    pub(in crate::ops) sms: [u8; 32],
}

/// What is in memory.
#[derive(Default)]
pub(in crate::ops) struct Secrets {
    keyring: OnceLock<Keyring>,
    loading: Mutex<()>,
    known: Mutex<Known>,
}

/// Which appKey each protected secret is, as a MAC under a key of this process: a look at memory gives no appKey.
#[derive(Default)]
struct Known {
    process: Option<Zeroizing<[u8; 32]>>,
    keys: HashMap<[u8; 32], [u8; 32]>,
}

/// The master secret's row in [`Space::Meta`], and the context under which it is protected.
pub(in crate::ops) const MASTER: &str = "master-secret";

fn derive(master: &[u8], what: &str) -> Result<[u8; 32]> {
    let mac = Hmac::<Sha256>::new_from_slice(master).map_err(Error::internal)?;
    Ok(mac.chain_update(what.as_bytes()).finalize().into_bytes().into())
}

/// The context under which an app's key is protected.
pub(in crate::ops) fn app_context(app: &str) -> String {
    format!("app-key/{app}")
}

impl Appliance {
    /// The keyring; the first call asks the token.
    pub(in crate::ops) fn keyring(&self, cx: Cx) -> Result<&Keyring> {
        if let Some(ready) = self.secrets.keyring.get() {
            return Ok(ready);
        }
        let _one = self.secrets.loading.lock();
        if let Some(ready) = self.secrets.keyring.get() {
            return Ok(ready);
        }
        let master = self.master(cx)?;
        let keyring = Keyring {
            token: derive(&master, "hufu token v1")?,
            personal: derive(&master, "hufu personal data v1")?,
            sms: derive(&master, "hufu sms code v1")?,
        };
        Ok(self.secrets.keyring.get_or_init(|| keyring))
    }

    fn master(&self, cx: Cx) -> Result<Zeroizing<Vec<u8>>> {
        let key = table::named(Space::Meta, MASTER);
        let token_away = |e| key_error(&e, Code::Overloaded);
        for _ in 0..2 {
            if let Some(row) = self.store().get(&key)? {
                return self.ports.keys.reveal(cx, MASTER, &row.value).map_err(token_away);
            }
            let fresh = Zeroizing::new(self.ports.keys.random(cx, 32).map_err(token_away)?);
            if fresh.len() != 32 {
                return Err(Error::internal("the token gave fewer random bytes than asked for"));
            }
            let protected = self.ports.keys.protect(cx, MASTER, &fresh).map_err(token_away)?;
            let write = Write { key: key.clone(), expect: Expect::Absent, value: Some(protected) };
            match self.store().commit(&[write]) {
                Ok(()) => return Ok(fresh),
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::internal("the master secret changes while it is read"))
    }

    /// Encrypts an appKey for its row.
    pub(in crate::ops) fn protect_app_key(&self, cx: Cx, app: &str, key: &str) -> Result<Der> {
        self.ports
            .keys
            .protect(cx, &app_context(app), key.as_bytes())
            .map(Der)
            .map_err(|e| key_error(&e, Code::Overloaded))
    }

    /// The app's keys that are good now, in clear: only 君子签's request signature needs them.
    pub(in crate::ops) fn app_keys(
        &self,
        cx: Cx,
        app: &App,
        now: UnixTime,
    ) -> Result<Vec<Zeroizing<Vec<u8>>>> {
        app.secrets
            .iter()
            .filter(|secret| secret.until.is_none_or(|until| now < until))
            .map(|secret| {
                self.ports
                    .keys
                    .reveal(cx, &app_context(&app.id), &secret.protected.0)
                    .map_err(|e| key_error(&e, Code::Overloaded))
            })
            .collect()
    }

    /// Whether `given` is one of the app's keys that are good now, in time that does not depend on which.
    pub(super) fn key_is_right(&self, cx: Cx, app: &App, given: &str, now: UnixTime) -> Result<bool> {
        let process = self.process_key()?;
        let given = derive(process.as_slice(), given)?;
        let mut right = subtle::Choice::from(0);
        for secret in app.secrets.iter().filter(|s| s.until.is_none_or(|until| now < until)) {
            let name: [u8; 32] = Sha256::digest(&secret.protected.0).into();
            let known = self.secrets.known.lock().keys.get(&name).copied();
            let expected = match known {
                Some(expected) => expected,
                None => {
                    let clear = self
                        .ports
                        .keys
                        .reveal(cx, &app_context(&app.id), &secret.protected.0)
                        .map_err(|e| key_error(&e, Code::Overloaded))?;
                    let clear = std::str::from_utf8(&clear).map_err(Error::internal)?;
                    let expected = derive(process.as_slice(), clear)?;
                    self.secrets.known.lock().keys.insert(name, expected);
                    expected
                }
            };
            right |= expected.ct_eq(&given);
        }
        Ok(right.into())
    }

    fn process_key(&self) -> Result<Zeroizing<[u8; 32]>> {
        let mut known = self.secrets.known.lock();
        if let Some(key) = &known.process {
            return Ok(key.clone());
        }
        let mut key = Zeroizing::new([0; 32]);
        self.ports.entropy.fill(key.as_mut_slice())?;
        known.process = Some(key.clone());
        Ok(key)
    }

    /// A keyed hash of personal data for the audit log: equal values can be found, none can be read back.
    pub(in crate::ops) fn pseudonym(&self, cx: Cx, value: &str) -> Result<String> {
        let tag = derive(&self.keyring(cx)?.personal, value)?;
        Ok(hex::encode(tag))
    }

    /// Fresh random bytes as hexadecimal digits, for appKeys and sequence numbers.
    pub(in crate::ops) fn random_hex(&self, entropy: &Arc<dyn Entropy>, bytes: usize) -> Result<String> {
        let mut buffer = Zeroizing::new(vec![0; bytes]);
        entropy.fill(&mut buffer)?;
        Ok(hex::encode(&*buffer))
    }
}
