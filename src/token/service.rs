//! What a worker does with one call.

use super::fault::Trouble;
use super::generate::{self, Pair, Residence};
use super::handles::Handles;
use super::issuance::Issuance;
use super::receipts::Receipts;
use super::seal;
use super::session::TokenSession;
use super::settings::WorkerSettings;
use super::sign::{self, Message};
use super::structure;
use super::wire::{Secret, TokenAnswer, TokenDone, TokenRequest};
use super::wrapped;
use crate::audit::Receipt;
use crate::keys::{
    Custody, GenerateSpec, Generated, Generation, KeyError, KeyLocation, StoredKey, ToBeSigned,
};
use cryptoki::object::ObjectHandle;
use hufu_api::{Cx, Der};

/// The most random octets in one call.
const MAX_RANDOM: u32 = 1024;

/// A worker's rules, shared by its session threads.
pub(super) struct Service {
    pub(super) settings: WorkerSettings,
    pub(super) generation: Generation,
    pub(super) receipts: Receipts,
    pub(super) issuance: Issuance,
    /// The process is, as tried at its start.
    pub(super) confined: bool,
}

impl Service {
    /// Does what is asked, in this session. Receipts are redeemed before the token is touched.
    pub(super) fn answer(&self, token: &mut TokenSession, cx: Cx, request: TokenRequest) -> TokenAnswer {
        if cx.remaining().is_zero() {
            return Err(KeyError::Timeout);
        }
        match request {
            TokenRequest::Generate(receipt, spec) => self.generate(token, &receipt, &spec),
            TokenRequest::Sign(receipt, key, what) => self.sign(token, &receipt, &key, &what),
            TokenRequest::Destroy(receipt, key) => self.destroy(token, &receipt, &key),
            TokenRequest::Protect(context, secret) => token
                .run(|t| seal::protect(&t.session, &t.module, &context, &secret.0))
                .map(TokenDone::Octets),
            TokenRequest::Reveal(context, protected) => token
                .run(|t| seal::reveal(&t.session, &t.module, &context, &protected))
                .map(|plain| TokenDone::Revealed(Secret(plain.to_vec()))),
            TokenRequest::Random(n) if n <= MAX_RANDOM => {
                token.run(|t| Ok(t.session.generate_random_vec(n)?)).map(TokenDone::Octets)
            }
            TokenRequest::Random(_) => Err(KeyError::Refused("too many random octets".into())),
            TokenRequest::Health => health(token).map(|()| TokenDone::Well { confined: self.confined }),
        }
    }

    fn own_purpose(&self, purpose: crate::keys::Purpose) -> Result<(), KeyError> {
        if purpose == self.settings.purpose {
            Ok(())
        } else {
            Err(KeyError::Refused(format!(
                "{purpose:?} key asked of a worker for {:?}",
                self.settings.purpose
            )))
        }
    }

    fn generate(&self, token: &mut TokenSession, receipt: &Receipt, spec: &GenerateSpec) -> TokenAnswer {
        self.own_purpose(spec.purpose)?;
        if !token.module.abilities.offers(spec.algorithm) {
            return Err(KeyError::Unsupported(format!("{:?} keys", spec.algorithm)));
        }
        self.receipts.redeem(receipt, spec.id, spec.purpose, &spec.digest())?;
        let generation = self.generation;
        token.run(|t| generate_key(t, generation, spec)).map(TokenDone::Generated)
    }

    fn sign(
        &self,
        token: &mut TokenSession,
        receipt: &Receipt,
        key: &StoredKey,
        what: &ToBeSigned,
    ) -> TokenAnswer {
        self.own_purpose(key.purpose)?;
        structure::check(self.settings.purpose, key, &self.issuance, what)?;
        let digest = what.digest();
        self.receipts.redeem(receipt, key.id, key.purpose, &digest)?;
        let message = Message { bytes: what.bytes(), sha256: &digest };
        let signed = match &key.location {
            KeyLocation::Ephemeral { generation } => {
                if *generation != self.generation {
                    return Err(KeyError::NotFound);
                }
                let Some(handle) = token.module.handles.take_ephemeral(key.id) else {
                    return Err(KeyError::NotFound);
                };
                // One signature, then the key is gone, whatever came of it.
                let abilities = token.module.abilities.clone();
                let signed =
                    token.run(|t| sign::sign(&t.session, &abilities, handle, key.algorithm, message));
                token.run(|t| Ok(t.session.destroy_object(handle)?))?;
                signed
            }
            KeyLocation::Token => token.run(|t| {
                let handle = token_key(t, key)?;
                sign::sign(&t.session, &t.module.abilities, handle, key.algorithm, message)
            }),
            KeyLocation::Wrapped { blob, mac } => token.run(|t| {
                let handle = wrapped::unwrap(t, key, blob, mac)?;
                sign::sign(&t.session, &t.module.abilities, handle, key.algorithm, message)
            }),
        };
        signed.map(TokenDone::Octets)
    }

    fn destroy(&self, token: &mut TokenSession, receipt: &Receipt, key: &StoredKey) -> TokenAnswer {
        self.own_purpose(key.purpose)?;
        self.receipts.redeem(receipt, key.id, key.purpose, &key.destroy_digest())?;
        match &key.location {
            KeyLocation::Token => token.run(|t| match token_key(t, key) {
                Ok(handle) => {
                    t.session.destroy_object(handle)?;
                    t.module.handles.forget(key.id);
                    Ok(())
                }
                // Seen while logged in: it is not there.
                Err(Trouble::Final(KeyError::NotFound)) => Ok(()),
                Err(other) => Err(other),
            })?,
            KeyLocation::Ephemeral { .. } => {
                if let Some(handle) = token.module.handles.take_ephemeral(key.id) {
                    token.run(|t| Ok(t.session.destroy_object(handle)?))?;
                }
            }
            // The blob is the store's to forget; unwrapped copies end with their sessions.
            KeyLocation::Wrapped { .. } => {
                while let Some((_, handle)) = token.unwrapped.pop_lru() {
                    let _ = token.session.destroy_object(handle);
                }
            }
        }
        Ok(TokenDone::Done)
    }
}

/// A token key's handle. "Not there" is believed only while logged in: a token that lost its login shows no private
/// object at all.
fn token_key(token: &TokenSession, key: &StoredKey) -> Result<ObjectHandle, Trouble> {
    let handles: &Handles = &token.module.handles;
    if let Some(handle) = handles.token_key(&token.session, key.id)? {
        return Ok(handle);
    }
    if token.module.is_logged_in(&token.session)? {
        return Err(KeyError::NotFound.into());
    }
    token.module.log_in(&token.session)?;
    handles.token_key(&token.session, key.id)?.ok_or_else(|| KeyError::NotFound.into())
}

fn generate_key(
    token: &mut TokenSession,
    generation: Generation,
    spec: &GenerateSpec,
) -> Result<Generated, Trouble> {
    let session = &token.session;
    let residence = match spec.custody {
        Custody::Token => Residence::Token,
        Custody::Wrapped => Residence::Wrappable,
        Custody::Ephemeral => {
            token.module.handles.make_room(session)?;
            Residence::Session
        }
    };
    let pair = generate::pair(session, spec.id, &spec.owner, spec.algorithm, residence, false)?;
    match finish(token, generation, spec, &pair) {
        Ok(generated) => Ok(generated),
        Err(trouble) => {
            pair.destroy(session);
            Err(trouble)
        }
    }
}

/// Signs the request and puts the private half where it belongs.
fn finish(
    token: &TokenSession,
    generation: Generation,
    spec: &GenerateSpec,
    pair: &Pair,
) -> Result<Generated, Trouble> {
    let (session, module) = (&token.session, &token.module);
    let asked = (&spec.subject, pair.spki.as_slice());
    let csr = sign::request(session, &module.abilities, pair.private, spec.algorithm, asked)?;
    let location = match spec.custody {
        Custody::Token => KeyLocation::Token,
        Custody::Wrapped => wrapped::wrap(session, module, pair, spec)?,
        Custody::Ephemeral => KeyLocation::Ephemeral { generation },
    };
    session.destroy_object(pair.public)?;
    match spec.custody {
        Custody::Token => module.handles.insert(spec.id, pair.private),
        Custody::Wrapped => session.destroy_object(pair.private)?,
        Custody::Ephemeral => module.handles.keep_ephemeral(spec.id, pair.private),
    }
    let key = StoredKey {
        id: spec.id,
        purpose: spec.purpose,
        algorithm: spec.algorithm,
        owner: spec.owner.clone(),
        spki: Der(pair.spki.clone()),
        location,
    };
    Ok(Generated { key, csr })
}

/// A real signature with the worker's own key, or the nearest thing that a token without one can do.
pub(super) fn health(token: &mut TokenSession) -> Result<(), KeyError> {
    token.run(|t| {
        match t.module.handles.fixed().test {
            Some((key, algorithm)) => {
                sign::sign_bytes(&t.session, &t.module.abilities, key, algorithm, b"hufu health check")?;
            }
            None if t.module.is_logged_in(&t.session)? => {
                t.session.generate_random_vec(16)?;
            }
            None => t.module.log_in(&t.session)?,
        }
        Ok(())
    })
}
