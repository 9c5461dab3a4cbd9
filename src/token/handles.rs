//! Object handles by key id, so that nothing is searched for while serving.

use super::fault::Trouble;
use crate::keys::{KeyAlgorithm, KeyError, KeyId};
use cryptoki::error::Result as ModuleResult;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Label of the AES key that protects small secrets of the state store.
pub(super) const STATE_KEY: &str = "hufu state key";
/// Label of the AES key that wraps private keys.
pub(super) const WRAPPING_KEY: &str = "hufu wrapping key";
/// Label of the key that authenticates wrapped keys and protected secrets.
pub(super) const MAC_KEY: &str = "hufu mac key";
/// Label of the key pair that health checks sign with.
pub(super) const TEST_KEY: &str = "hufu test key";

/// What is waited between searches for a key that another process may have made a moment ago.
const SETTLING: [Duration; 5] = [
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(80),
    Duration::from_millis(200),
    Duration::from_millis(700),
];

/// An ephemeral key that was never used is destroyed after this.
const EPHEMERAL_LIFE: Duration = Duration::from_secs(600);
/// More at once are refused.
const MAX_EPHEMERAL: usize = 4096;

/// The token's own keys, each found by its label.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fixed {
    pub(super) state: Option<ObjectHandle>,
    pub(super) wrapping: Option<ObjectHandle>,
    pub(super) mac: Option<ObjectHandle>,
    pub(super) test: Option<(ObjectHandle, KeyAlgorithm)>,
}

/// Handles by key id. Token objects' handles are good in all sessions of the process.
#[derive(Debug, Default)]
pub(super) struct Handles {
    keys: RwLock<HashMap<KeyId, ObjectHandle>>,
    ephemeral: Mutex<HashMap<KeyId, (ObjectHandle, Instant)>>,
    fixed: RwLock<Fixed>,
}

impl Handles {
    /// Reads all of the token's keys once.
    pub(super) fn enumerate(&self, session: &Session) -> ModuleResult<()> {
        let mut keys = HashMap::new();
        let mut fixed = self.fixed_keys(session)?;
        let token_keys = [Attribute::Token(true), Attribute::Class(ObjectClass::PRIVATE_KEY)];
        for handle in session.find_objects(&token_keys)? {
            let wanted = [AttributeType::Id, AttributeType::Label, AttributeType::KeyType];
            let mut id = None;
            let mut test = false;
            let mut algorithm = KeyAlgorithm::P256;
            for attribute in session.get_attributes(handle, &wanted)? {
                match attribute {
                    Attribute::Id(octets) => id = octets.try_into().ok().map(KeyId),
                    Attribute::Label(label) => test = label == TEST_KEY.as_bytes(),
                    Attribute::KeyType(KeyType::RSA) => algorithm = KeyAlgorithm::Rsa2048,
                    _ => {}
                }
            }
            if test {
                fixed.test = Some((handle, algorithm));
            } else if let Some(id) = id {
                keys.insert(id, handle);
            }
        }
        *self.keys.write() = keys;
        *self.fixed.write() = fixed;
        Ok(())
    }

    fn fixed_keys(&self, session: &Session) -> ModuleResult<Fixed> {
        let find = |label: &str| -> ModuleResult<Option<ObjectHandle>> {
            let template = [
                Attribute::Token(true),
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::Label(label.into()),
            ];
            Ok(session.find_objects(&template)?.first().copied())
        };
        Ok(Fixed { state: find(STATE_KEY)?, wrapping: find(WRAPPING_KEY)?, mac: find(MAC_KEY)?, test: None })
    }

    pub(super) fn fixed(&self) -> Fixed {
        *self.fixed.read()
    }

    pub(super) fn count(&self) -> usize {
        self.keys.read().len()
    }

    pub(super) fn insert(&self, id: KeyId, handle: ObjectHandle) {
        self.keys.write().insert(id, handle);
    }

    /// A loss of login ends private session objects; their numbers may be given to others.
    pub(super) fn forget_ephemeral(&self) {
        self.ephemeral.lock().clear();
    }

    pub(super) fn forget(&self, id: KeyId) {
        self.keys.write().remove(&id);
    }

    /// The handle of a token key. One that another worker made since our enumeration is searched for.
    pub(super) fn token_key(&self, session: &Session, id: KeyId) -> Result<Option<ObjectHandle>, Trouble> {
        let mut pauses = SETTLING.iter();
        loop {
            if let Some(handle) = self.keys.read().get(&id) {
                return Ok(Some(*handle));
            }
            if let Some(handle) = search(session, id)? {
                self.insert(id, handle);
                return Ok(Some(handle));
            }
            // While one session of a process reads its token's folder anew, SoftHSM shows the others the old contents.
            match pauses.next() {
                Some(pause) => std::thread::sleep(*pause),
                None => return Ok(None),
            }
        }
    }

    /// Room for one more ephemeral key; destroys what was never used.
    pub(super) fn make_room(&self, session: &Session) -> Result<(), Trouble> {
        let mut keys = self.ephemeral.lock();
        keys.retain(|_, (handle, born)| {
            let alive = born.elapsed() < EPHEMERAL_LIFE;
            if !alive {
                let _ = session.destroy_object(*handle);
            }
            alive
        });
        if keys.len() < MAX_EPHEMERAL {
            Ok(())
        } else {
            Err(KeyError::Unavailable("too many ephemeral keys".into()).into())
        }
    }

    pub(super) fn keep_ephemeral(&self, id: KeyId, handle: ObjectHandle) {
        self.ephemeral.lock().insert(id, (handle, Instant::now()));
    }

    /// Takes an ephemeral key out: whoever gets it uses it once and destroys it.
    pub(super) fn take_ephemeral(&self, id: KeyId) -> Option<ObjectHandle> {
        self.ephemeral.lock().remove(&id).map(|(handle, _)| handle)
    }
}

fn search(session: &Session, id: KeyId) -> Result<Option<ObjectHandle>, Trouble> {
    let template =
        [Attribute::Token(true), Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Id(id.0.to_vec())];
    match session.find_objects(&template)?.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        many => Err(KeyError::Failed(format!("{} keys have the id {id}", many.len())).into()),
    }
}
