//! One session with its thread: acts run in it, and what can be recovered from is.

use super::fault::{Remedy, Trouble, remedy, told};
use super::module::Module;
use crate::keys::KeyError;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// A session and the unwrapped keys that live in it.
pub(super) struct TokenSession {
    pub(super) module: Arc<Module>,
    pub(super) session: Session,
    /// Session objects made by unwrapping, by the digest of all that was unwrapped.
    pub(super) unwrapped: LruCache<[u8; 32], ObjectHandle>,
    /// The login under which they were made.
    login: u64,
}

impl TokenSession {
    pub(super) fn open(module: &Arc<Module>, unwrapped_keys: u16) -> Result<Self, Trouble> {
        Ok(Self::over(module, module.session()?, unwrapped_keys))
    }

    /// Over a session that is open and logged in.
    pub(super) fn over(module: &Arc<Module>, session: Session, unwrapped_keys: u16) -> Self {
        let room = NonZeroUsize::new(usize::from(unwrapped_keys)).unwrap_or(NonZeroUsize::MIN);
        let (module, login) = (Arc::clone(module), module.login_number());
        Self { module, session, unwrapped: LruCache::new(room), login }
    }

    /// Runs `act`; on a failure that has a remedy applies it and runs `act` once more. `act` must be safe to repeat after
    /// a failure.
    pub(super) fn run<T>(
        &mut self,
        mut act: impl FnMut(&mut Self) -> Result<T, Trouble>,
    ) -> Result<T, KeyError> {
        self.forget_earlier_logins();
        let error = match act(self) {
            Ok(done) => return Ok(done),
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Module(error)) => error,
        };
        let remedy = remedy(&error);
        tracing::warn!(%error, ?remedy, "token call failed");
        let remedied = match remedy {
            Remedy::Reopen => self.reopen(),
            Remedy::LogIn | Remedy::Refresh => self.log_in().or_else(|trouble| match trouble {
                // The failed call left its operation active in this session.
                Trouble::Module(error) if super::fault::remedy(&error) == Remedy::Reopen => {
                    self.reopen().and_then(|()| self.log_in())
                }
                other => Err(other),
            }),
            Remedy::PinRefused | Remedy::None => return Err(told(&error)),
            Remedy::Restart => {
                self.module.condemn(&error.to_string());
                return Err(told(&error));
            }
        };
        if let Err(Trouble::Module(error)) = &remedied {
            // The token gives no other session, for example: a new process begins with none.
            self.module.condemn(&error.to_string());
        }
        match remedied.and_then(|()| act(self)) {
            Ok(done) => Ok(done),
            Err(Trouble::Final(error)) => Err(error),
            Err(Trouble::Module(error)) => {
                tracing::error!(%error, "token call failed again");
                // What a remedy does not cure, a new process may.
                if super::fault::remedy(&error) != Remedy::None {
                    self.module.condemn(&error.to_string());
                }
                Err(told(&error))
            }
        }
    }

    /// A handle from before a login may name another object by now.
    fn forget_earlier_logins(&mut self) {
        let login = self.module.login_number();
        if self.login != login {
            self.login = login;
            self.unwrapped.clear();
        }
    }

    fn reopen(&mut self) -> Result<(), Trouble> {
        // Its session objects are gone with it.
        self.unwrapped.clear();
        self.session = self.module.session()?;
        Ok(())
    }

    /// After a loss of login, handles of private objects are not valid any more; a login reads them again. Without one,
    /// a single object was lost.
    fn log_in(&mut self) -> Result<(), Trouble> {
        let before = self.module.login_number();
        self.module.log_in(&self.session)?;
        self.unwrapped.clear();
        if self.module.login_number() == before {
            self.module.handles.enumerate(&self.session)?;
        }
        Ok(())
    }
}
