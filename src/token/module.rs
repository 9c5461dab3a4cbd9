//! Loading a PKCS#11 module, finding the token, logging in.

use super::abilities::{Abilities, Sealing};
use super::fault::{Remedy, Trouble, remedy};
use super::handles::Handles;
use super::pin::{self, PinError};
use super::settings::{TokenName, TokenSettings};
use super::tries::{NotNow, Tries};
use crate::keys::KeyError;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Simultaneous starts of some modules disturb each other for a moment.
const START_TRIES: u32 = 20;
/// Tries of a login that failed without a word on the PIN.
const LOGIN_TRIES: u32 = 4;
const START_PAUSE: Duration = Duration::from_millis(50);

/// Why a token cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The module does not load or initialise.
    #[error("PKCS#11 module {0}: {1}")]
    Module(PathBuf, Error),
    /// No token of that name, and what is there instead.
    #[error("no initialised token {wanted:?}; the module shows: {present}")]
    NoToken {
        /// The configured name.
        wanted: TokenName,
        /// Labels and serial numbers found.
        present: String,
    },
    /// Several tokens have that label.
    #[error("{0} tokens are called {1:?}; name the token by serial number")]
    Ambiguous(usize, TokenName),
    /// There is no PIN.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The token refused the PIN; trying again would lock it.
    #[error("the token refused the PIN: {0}")]
    PinRefused(String),
    /// The token said something else.
    #[error("token: {0}")]
    Token(String),
}

/// A loaded module with its token. Shared by all session threads.
pub(super) struct Module {
    context: Pkcs11,
    slot: Slot,
    pin: AuthPin,
    tries: Tries,
    /// Set once the token has refused the PIN; never tried again in this process.
    pin_refused: Mutex<Option<String>>,
    /// Counts logins.
    logins: AtomicU64,
    pub(super) abilities: Abilities,
    pub(super) handles: Handles,
    pub(super) described: String,
    /// Why this process must end, once it must.
    condemned: Mutex<Option<String>>,
    /// CKM_AES_GCM is offered and does not work.
    gcm_fails: AtomicBool,
}

impl Module {
    /// Loads, finds, logs in, enumerates. The session given with it keeps the login alive.
    pub(super) fn open(settings: &TokenSettings) -> Result<(Self, Session), OpenError> {
        let context = load(&settings.module)?;
        let (slot, info) = find(&context, &settings.name)?;
        info.as_ref().map_or(Ok(()), refuse_last_try)?;
        let pin = pin::read(&settings.pin)?;
        let offered = context.get_mechanism_list(slot).map_err(token)?;
        let described = info.map_or_else(
            || format!("token in slot {} of {}", slot.id(), settings.module.display()),
            |info| format!("{} {} serial {}", info.manufacturer_id(), info.label(), info.serial_number()),
        );
        let module = Self {
            context,
            slot,
            pin,
            tries: Tries::of(&settings.pin_folder, &described, settings.pin_pause),
            pin_refused: Mutex::new(None),
            logins: AtomicU64::new(0),
            abilities: Abilities::of(&offered),
            handles: Handles::default(),
            described,
            condemned: Mutex::new(None),
            gcm_fails: AtomicBool::new(false),
        };
        let keeper = module.first_session()?;
        // Logged in already by somebody else in this process.
        if module.login_number() == 0 {
            module.handles.enumerate(&keeper).map_err(token)?;
        }
        Ok((module, keeper))
    }

    /// The session that keeps the login. Some modules fail a login that meets another process's start; that is no verdict
    /// on the PIN, so it is worth a few more tries.
    fn first_session(&self) -> Result<Session, OpenError> {
        let mut tries = 0;
        loop {
            let trouble = match self.session() {
                Ok(session) => return Ok(session),
                Err(trouble) => trouble,
            };
            if let Some(why) = self.pin_refused.lock().take() {
                return Err(OpenError::PinRefused(why));
            }
            tries += 1;
            match trouble {
                Trouble::Module(Error::Pkcs11(RvError::GeneralError, _)) if tries < LOGIN_TRIES => {
                    std::thread::sleep(START_PAUSE);
                }
                Trouble::Module(error) => return Err(token(error)),
                Trouble::Final(error) => return Err(OpenError::Token(error.to_string())),
            }
        }
    }

    /// A new session, logged in.
    pub(super) fn session(&self) -> Result<Session, Trouble> {
        let session = self.context.open_rw_session(self.slot)?;
        self.log_in(&session)?;
        Ok(session)
    }

    /// Makes sure that the application is logged in; tries the PIN at most once per loss, never after a refusal.
    pub(super) fn log_in(&self, session: &Session) -> Result<(), Trouble> {
        let mut refused = self.pin_refused.lock();
        if let Some(why) = refused.as_ref() {
            return Err(KeyError::Unavailable(format!("the token refused the PIN: {why}")).into());
        }
        if self.is_logged_in(session)? {
            return Ok(());
        }
        let a_try = match self.tries.begin() {
            Ok(a_try) => a_try,
            Err(NotNow::Refused(ago)) => {
                let why = format!("{} s ago; not tried again so soon", ago.as_secs());
                *refused = Some(why.clone());
                return Err(KeyError::Unavailable(format!("the token refused the PIN {why}")).into());
            }
            Err(NotNow::File(path, error)) => {
                return Err(KeyError::Unavailable(format!("{}: {error}", path.display())).into());
            }
        };
        match session.login(UserType::User, Some(&self.pin)) {
            Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Ok(()) => {
                a_try.accepted();
                self.logins.fetch_add(1, Ordering::SeqCst);
                self.handles.forget_ephemeral();
                self.handles.enumerate(session).map_err(Trouble::from)
            }
            Err(error) => {
                if remedy(&error) == Remedy::PinRefused {
                    a_try.refused();
                    *refused = Some(error.to_string());
                }
                Err(error.into())
            }
        }
    }

    /// Tells logins apart.
    pub(super) fn login_number(&self) -> u64 {
        self.logins.load(Ordering::SeqCst)
    }

    /// Whether private objects can be seen. A token that lost its login shows none, which must not be taken for
    /// their absence.
    pub(super) fn is_logged_in(&self, session: &Session) -> Result<bool, Trouble> {
        let state = session.get_session_info()?.session_state();
        Ok(matches!(state, SessionState::RwUser | SessionState::RoUser))
    }

    /// Why the token refused the PIN, if it did.
    pub(super) fn pin_refusal(&self) -> Option<String> {
        self.pin_refused.lock().clone()
    }

    /// How small secrets are protected.
    pub(super) fn sealing(&self) -> Option<Sealing> {
        let gcm_fails = self.gcm_fails.load(Ordering::SeqCst);
        if gcm_fails { self.abilities.sealing_without_gcm() } else { self.abilities.sealing }
    }

    /// Protects no more secrets with CKM_AES_GCM.
    pub(super) fn give_up_gcm(&self) {
        if !self.gcm_fails.swap(true, Ordering::SeqCst) {
            tracing::warn!("the token's CKM_AES_GCM does not work; secrets are protected otherwise");
        }
    }

    /// Notes that only a new process can help.
    pub(super) fn condemn(&self, why: &str) {
        self.condemned.lock().get_or_insert_with(|| why.to_owned());
    }

    /// Why this process must end, if it must.
    pub(super) fn condemned(&self) -> Option<String> {
        self.condemned.lock().clone()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn token(error: Error) -> OpenError {
    OpenError::Token(error.to_string())
}

/// Loads and initialises the module.
pub(super) fn load(path: &Path) -> Result<Pkcs11, OpenError> {
    let failed = |error| OpenError::Module(path.to_owned(), error);
    let context = Pkcs11::new(path).map_err(failed)?;
    patiently(|| match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        other => other,
    })
    .map_err(failed)?;
    // What has been loaded stays until the process ends: some modules crash when they are unloaded beside another vendor's, or while a
    // thread that called them ends.
    std::mem::forget(context.clone());
    Ok(context)
}

/// The slot that holds the named token now, and what the token says of itself where that can be understood.
pub(super) fn find(context: &Pkcs11, name: &TokenName) -> Result<(Slot, Option<TokenInfo>), OpenError> {
    let tokens = patiently(|| {
        let mut tokens = Vec::new();
        for slot in context.get_slots_with_token()? {
            match information(context, slot)? {
                Some(info) if !info.token_initialized() => {}
                info => tokens.push((slot, info)),
            }
        }
        Ok(tokens)
    })
    .map_err(token)?;
    let present: Vec<String> = tokens
        .iter()
        .map(|(slot, info)| match info {
            Some(info) => format!("{:?} (serial {})", info.label(), info.serial_number()),
            None => format!("slot {} (tells nothing that can be understood)", slot.id()),
        })
        .collect();
    let mut matching: Vec<_> = tokens
        .into_iter()
        .filter(|(slot, info)| match (name, info) {
            (TokenName::Label(label), Some(info)) => info.label() == label,
            (TokenName::Serial(serial), Some(info)) => info.serial_number() == serial,
            (TokenName::Slot(wanted), _) => slot.id() == *wanted,
            (_, None) => false,
        })
        .collect();
    let count = matching.len();
    match matching.pop() {
        Some(only) if count == 1 => Ok(only),
        Some(_) => Err(OpenError::Ambiguous(count, name.clone())),
        None => Err(OpenError::NoToken { wanted: name.clone(), present: present.join(", ") }),
    }
}

/// `None` where the module gives it malformed: opencryptoki's soft token writes its time in a way of its own.
pub(super) fn information(context: &Pkcs11, slot: Slot) -> cryptoki::error::Result<Option<TokenInfo>> {
    match context.get_token_info(slot) {
        Ok(info) => Ok(Some(info)),
        Err(error @ Error::Pkcs11(..)) => Err(error),
        Err(_) => Ok(None),
    }
}

/// A wrong PIN now would lock the token; a person should look first.
fn refuse_last_try(info: &TokenInfo) -> Result<(), OpenError> {
    if info.user_pin_locked() {
        return Err(OpenError::PinRefused("the user PIN is locked".into()));
    }
    if info.user_pin_final_try() {
        return Err(OpenError::PinRefused("only one PIN try is left; log in by hand first".into()));
    }
    Ok(())
}

fn patiently<T>(mut act: impl FnMut() -> cryptoki::error::Result<T>) -> cryptoki::error::Result<T> {
    for _ in 1..START_TRIES {
        match act() {
            Err(Error::Pkcs11(RvError::GeneralError | RvError::DeviceError | RvError::SlotIdInvalid, _)) => {
                std::thread::sleep(START_PAUSE);
            }
            other => return other,
        }
    }
    act()
}
