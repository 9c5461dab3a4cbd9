//! A key whose every use is on record before it signs: intent, permit, signature, outcome.

use crate::audit::{Act, Actor, AuditError, AuditLog, Ending, Facts, Intent, Outcome, RecordNumber, Use};
use crate::keys::{KeyError, Keys, StoredKey, ToBeSigned};
use hufu_api::Cx;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Why an audited key did not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditedKeyError {
    /// The log did not take the record; nothing was signed, or what was signed is not released.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The token did not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// One key of the appliance's own (CA, time-stamping, responder), used only through the log.
#[derive(Clone)]
pub struct AuditedKey {
    keys: Arc<dyn Keys>,
    log: Arc<dyn AuditLog>,
    key: StoredKey,
}

impl AuditedKey {
    /// Lends `key` for audited use.
    pub fn new(keys: Arc<dyn Keys>, log: Arc<dyn AuditLog>, key: StoredKey) -> Self {
        Self { keys, log, key }
    }

    /// The key.
    pub fn key(&self) -> &StoredKey {
        &self.key
    }

    /// Signs `what` as `act` and returns the signature with the number of its intent. The record is closed, and on
    /// disk, when this returns.
    ///
    /// # Errors
    /// See [`AuditedKeyError`].
    pub fn sign(
        &self,
        cx: Cx,
        act: Act,
        mut facts: Facts,
        what: &ToBeSigned,
    ) -> Result<(Vec<u8>, RecordNumber), AuditedKeyError> {
        facts.insert("request".into(), cx.request.to_string().into());
        let generation = self.keys.choose(self.key.purpose)?;
        let digest = Sha256::digest(what.bytes()).into();
        let uses = vec![Use { digest, generation, key: self.key.id, purpose: self.key.purpose }];
        let mut permit = self.log.begin(cx, Intent { act, actor: Actor::default(), facts, uses })?;
        let number = permit.number();
        let signed = match permit.next_receipt() {
            Some(receipt) => self.keys.sign(cx, receipt, &self.key, what),
            None => Err(KeyError::Refused("the log gave no receipt".into())),
        };
        let spent = permit.spend();
        match signed {
            Ok(signature) => {
                spent.close(Outcome { ending: Ending::Done, facts: Facts::new() })?;
                Ok((signature, number))
            }
            Err(error) => {
                spent.fail(&error.to_string());
                Err(error.into())
            }
        }
    }
}
