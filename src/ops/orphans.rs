//! Keys that nobody knows: made in the token by a call that a crash ended before signer and certificate were stored.
//!
//! The audit log tells of every key before it is made, so what is left over is found without searching the token, and a
//! token that shows nothing (logged out, another one) leads to no wrong conclusion. Whatever might still be somebody's stays.

use super::appliance::Call;
use super::rows::Certificate;
use super::{Appliance, Result, table};
use crate::audit::{Act, Actor, Body, Ending, Entry, RecordNumber};
use crate::keys::{Custody, KeyAlgorithm, KeyId, KeyLocation, Purpose, StoredKey};
use hufu_api::{Der, Space};
use std::collections::HashMap;

/// Where in [`Space::Meta`] the first record stands that the next sweep has to read.
const SWEPT: &str = "keys-swept";
/// Keys looked for in the store at a time.
const MANY: usize = 1_000;
/// Records read at once.
const CHUNK: usize = 1_024;

/// What the log tells of keys.
#[derive(Debug, Default)]
struct Told {
    /// Token keys made for signers, and not destroyed.
    made: HashMap<KeyId, Made>,
    /// Destructions that are not closed.
    destroying: HashMap<RecordNumber, KeyId>,
}

/// For whom a key was made.
#[derive(Debug)]
struct Made {
    app: String,
    signer: u64,
    /// The signer or the change was recorded after it.
    recorded: bool,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Keys destroyed.
    pub destroyed: u64,
    /// Keys without certificate that were left because their signer had been recorded: an operator decides.
    pub kept: u64,
}

impl Told {
    fn hear(&mut self, entry: &Entry) {
        match &entry.body {
            Body::Intent(intent) => {
                let Some(used) = intent.uses.first() else { return };
                let custody = intent.facts.get("custody").and_then(|c| c.as_str());
                match (intent.act, &intent.actor.app, intent.facts.get("signer").and_then(|s| s.as_u64())) {
                    (Act::GenerateKey, Some(app), Some(signer))
                        if used.purpose == Purpose::Signer
                            && custody == Some(custody_word(Custody::Token)) =>
                    {
                        self.made.insert(used.key, Made { app: app.clone(), signer, recorded: false });
                    }
                    (Act::DestroyKey, ..) => {
                        self.destroying.insert(entry.number, used.key);
                    }
                    _ => {}
                }
            }
            Body::Outcome { of, act: Act::DestroyKey, outcome } => {
                if let Some(key) = self.destroying.remove(of)
                    && outcome.ending == Ending::Done
                {
                    self.made.remove(&key);
                }
            }
            Body::Event(event) if matches!(event.act, Act::CreateSigner | Act::ChangeSigner) => {
                let signer = event.facts.get("signer").and_then(|s| s.as_u64());
                for made in self.made.values_mut() {
                    made.recorded |=
                        event.actor.app.as_ref() == Some(&made.app) && Some(made.signer) == signer;
                }
            }
            _ => {}
        }
    }
}

/// The word for a custody in a key's record.
pub(super) const fn custody_word(custody: Custody) -> &'static str {
    match custody {
        Custody::Token => "token",
        Custody::Wrapped => "wrapped",
        Custody::Ephemeral => "ephemeral",
    }
}

impl Appliance {
    /// Destroys, and records so, the token keys that records before `until` made for a signer who was then neither recorded nor
    /// stored. Called at start with the number of records found: what is under way since is left alone.
    ///
    /// # Errors
    /// When log, store or token fail; the next start tries again.
    pub fn sweep_keys(&self, call: &Call, until: RecordNumber) -> Result<Swept> {
        let Some(reader) = self.reader.get() else { return Ok(Swept::default()) };
        let mark = table::named(Space::Meta, SWEPT);
        let mut next = table::read::<u64>(self.store(), &mark)?.map_or(0, |row| row.value);
        let mut told = Told::default();
        while next < until {
            let entries = reader.read(call.cx, next, CHUNK)?;
            let Some(last) = entries.last() else { break };
            next = last.number + 1;
            entries.iter().filter(|entry| entry.number < until).for_each(|entry| told.hear(entry));
            if told.made.len() > MANY {
                self.forget_stored(&mut told.made)?;
            }
        }
        self.forget_stored(&mut told.made)?;
        let mut swept = Swept::default();
        for (id, Made { app, signer, recorded }) in told.made {
            if recorded {
                tracing::warn!(key = %id, app, signer, "a recorded signer's key has no certificate; it stays");
                swept.kept += 1;
                continue;
            }
            let key = StoredKey {
                id,
                purpose: Purpose::Signer,
                // Nobody needs to know more of a key that is to go.
                algorithm: KeyAlgorithm::P256,
                owner: super::keymaker::owner(&app, signer),
                spki: Der(Vec::new()),
                location: KeyLocation::Token,
            };
            let actor = Actor { app: Some(app), from: Some("start".into()), ..Actor::default() };
            self.try_destroy(call, &actor, &key, "orphan")?;
            swept.destroyed += 1;
        }
        self.store().commit(&[table::put(mark, &until)?])?;
        Ok(swept)
    }

    /// Takes the keys out that a certificate has.
    fn forget_stored(&self, keys: &mut HashMap<KeyId, Made>) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        for app in self.app_ids()? {
            table::each_in_app(self.store(), Space::Certificate, &app, |_, bytes| {
                let row: Certificate = table::decode(Space::Certificate, bytes)?;
                keys.remove(&row.key.id);
                Ok(())
            })?;
        }
        Ok(())
    }
}
