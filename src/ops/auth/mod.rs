//! Who may call: login with appId and appKey, the 长效令牌 and its renewal.

mod keyring;
mod throttle;
mod token;

pub(super) use keyring::{MASTER, Secrets};
pub(super) use throttle::Throttle;

use super::appliance::facts;
use super::{Appliance, Call, Caller, Error, Origin, Result};
use crate::audit::{Act, Actor, Ending};
use crate::codes::Code;
use std::time::{Duration, Instant};
use token::Token;

/// What a client shows to log in.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// appId
    pub app: &'a str,
    /// appKey
    pub key: &'a str,
    /// signerId, for a signer's own token.
    pub signer: Option<u64>,
}

/// A caller, and the token that replaces the one shown once at most a third of its life is left.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// Who.
    pub caller: Caller,
    /// A new token for the answer's `token` header.
    pub renewed: Option<String>,
}

impl Appliance {
    /// How long this login has to wait its turn: guessing is slowed per app and address, and the rightful client waits
    /// a moment at most.
    ///
    /// # Errors
    /// 429 when too many wait already.
    pub fn login_delay(&self, app: &str, from: Origin) -> Result<Duration> {
        self.throttle.admit(app, from, Instant::now()).ok_or_else(|| Code::TooManyRequests.into())
    }

    /// /auth/login: a token of 15 minutes for the platform, or for one of its signers.
    ///
    /// # Errors
    /// 402 wrong key, 403 a pinned app without its client certificate, 20301 unknown app, 20300 app not online, 20206 unknown
    /// signer.
    pub fn login(&self, call: &Call, shown: Credentials<'_>) -> Result<String> {
        let result = self.check_login(call, shown);
        match &result {
            Ok(_) => {
                self.throttle.succeeded(shown.app, call.from);
                let actor = Actor {
                    app: Some(shown.app.to_owned()),
                    client: call.client.map(hex::encode),
                    from: Some(call.from.to_string()),
                    operator: None,
                    signer: shown.signer,
                };
                self.note(call, actor, Act::Login, facts([]), Ending::Done)?;
            }
            Err(error) if matches!(error.code, Code::LoginFailed | Code::AppNotFound | Code::Forbidden) => {
                self.throttle.failed(shown.app, call.from, Instant::now());
                self.refusals.count(call.from, error.code);
            }
            Err(_) => {}
        }
        result
    }

    fn check_login(&self, call: &Call, shown: Credentials<'_>) -> Result<String> {
        let app = self.app(shown.app)?.ok_or(Code::AppNotFound)?;
        if !client_allowed(&app.clients, call.client) {
            return Err(Code::Forbidden.into());
        }
        let now = self.ports.clock.now_untrusted();
        if !self.key_is_right(call.cx, &app, shown.key, now)? {
            return Err(Code::LoginFailed.into());
        }
        if app.disabled || !app.online {
            return Err(Code::AppOffline.into());
        }
        if let Some(signer) = shown.signer {
            self.acting_signer(&app, signer)?;
        }
        let token = Token {
            app: app.id.clone(),
            signer: shown.signer,
            epoch: app.epoch,
            client: call.client,
            expires: now.plus_millis(i64::from(self.settings.token_seconds) * 1000),
        };
        token.seal(&self.keyring(call.cx)?.token)
    }

    /// Who a `token` header stands for.
    ///
    /// # Errors
    /// 401 for everything that is not a living token of a living app from the right client certificate; 20300 when the app
    /// went offline.
    pub fn authenticate(&self, call: &Call, header: Option<&str>) -> Result<Authenticated> {
        let result = self.check_token(call, header);
        if let Err(error) = &result
            && error.code == Code::Unauthorized
        {
            self.refusals.count(call.from, error.code);
        }
        result
    }

    fn check_token(&self, call: &Call, header: Option<&str>) -> Result<Authenticated> {
        let refused = || Error::new(Code::Unauthorized);
        let keyring = self.keyring(call.cx)?;
        let token = Token::open(header.unwrap_or_default(), &keyring.token).ok_or_else(refused)?;
        let now = self.ports.clock.now_untrusted();
        let life = i64::from(self.settings.token_seconds) * 1000;
        let left = token.expires.millis().saturating_sub(now.millis());
        // More life than a token is ever given: made before the clock went back.
        if left <= 0 || left > life {
            return Err(refused());
        }
        let app = self.app(&token.app)?.ok_or_else(refused)?;
        if app.disabled
            || app.epoch != token.epoch
            || token.client != call.client
            || !client_allowed(&app.clients, call.client)
        {
            return Err(refused());
        }
        if !app.online {
            return Err(Code::AppOffline.into());
        }
        if let Some(signer) = token.signer {
            self.acting_signer(&app, signer).map_err(|_| refused())?;
        }
        let renewed = if left <= life / 3 {
            let expires = now.plus_millis(life);
            Some(Token { expires, app: token.app, ..token }.seal(&keyring.token)?)
        } else {
            None
        };
        Ok(Authenticated { caller: Caller { app, signer: token.signer }, renewed })
    }
}

/// Whether the client certificate may speak for an app with these pins.
pub(super) fn client_allowed(pins: &[String], client: Option<[u8; 32]>) -> bool {
    pins.is_empty() || client.is_some_and(|spki| pins.contains(&hex::encode(spki)))
}
