//! 签署后文件验签: the verification kernel with the appliance's trust and clock.

use super::appliance::facts;
use super::status::judge_with;
use super::{Appliance, Call, Caller, Error, Result, auth};
use crate::audit::{Act, Actor, Ending};
use crate::codes::Code;
use crate::verify::{Report, VerifyError};
use crate::x509::path::TrustStore;
use hufu_api::Cx;
use md5::Md5;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// 君子签's request signature.
#[derive(Clone, Copy, Debug)]
pub struct RequestSignature<'a> {
    /// app_key: the appId.
    pub app: &'a str,
    /// ts: milliseconds since the epoch, as written.
    pub ts: &'a str,
    /// nonce: once in the window.
    pub nonce: &'a str,
    /// encry_method: md5, sha1, sha256 (default) or sha3_256.
    pub method: Option<&'a str>,
    /// sign: lower-case hexadecimal digits.
    pub sign: &'a str,
}

/// How far ts may stand from now, either way.
const WINDOW_MILLIS: i64 = 5 * 60_000;
/// Time for looking up the status of one file's certificates, all together.
const LOOKING_UP: Duration = Duration::from_secs(6);
/// Nonces remembered; more within one window are refused.
const MOST_NONCES: usize = 200_000;

/// Nonces seen in the window.
#[derive(Debug, Default)]
pub(super) struct Nonces {
    seen: Mutex<HashMap<[u8; 32], i64>>,
}

impl Nonces {
    /// False when the nonce was there before or the memory is full.
    fn once(&self, app: &str, nonce: &str, now: i64) -> bool {
        let name = Sha256::digest(format!("{app}\0{nonce}")).into();
        let mut seen = self.seen.lock();
        if seen.len() >= MOST_NONCES {
            seen.retain(|_, at| now.saturating_sub(*at) <= 2 * WINDOW_MILLIS);
            if seen.len() >= MOST_NONCES {
                return false;
            }
        }
        match seen.get(&name) {
            Some(at) if now.saturating_sub(*at) <= 2 * WINDOW_MILLIS => false,
            _ => {
                seen.insert(name, now);
                true
            }
        }
    }
}

impl Appliance {
    /// Replaces the trust anchors for verification: the store that the configuration names and, added here, the anchors of
    /// the appliance's own channels.
    pub fn trust(&self, cx: Cx, mut store: TrustStore) {
        for name in self.ports.authorities.names() {
            match self.ports.authorities.authorities(cx, &name) {
                Ok(chain) => {
                    if let Some(Err(error)) = chain.last().map(|anchor| store.add_der(&anchor.0)) {
                        tracing::warn!(channel = %name, %error, "anchor not usable");
                    }
                }
                Err(error) => tracing::warn!(channel = %name, %error, "anchor not known"),
            }
        }
        self.trust.store(Arc::new(store));
    }

    /// Who signed the request; every failure looks the same.
    ///
    /// # Errors
    /// [`Code::Unauthorized`].
    pub fn authenticate_signed(&self, call: &Call, shown: RequestSignature<'_>) -> Result<Caller> {
        let refused = || Error::new(Code::Unauthorized);
        let now = self.ports.clock.now_untrusted();
        let ts: i64 = shown.ts.parse().map_err(|_| refused())?;
        if (now.millis().saturating_sub(ts)).abs() > WINDOW_MILLIS
            || shown.nonce.is_empty()
            || shown.nonce.len() > 128
        {
            return Err(refused());
        }
        let app = self.app(shown.app)?.ok_or_else(refused)?;
        if app.disabled || !app.online || !auth::client_allowed(&app.clients, call.client) {
            return Err(refused());
        }
        let said = |secret: &[u8]| {
            let mut text =
                format!("nonce{}ts{}app_key{}app_secret", shown.nonce, shown.ts, shown.app).into_bytes();
            text.extend_from_slice(secret);
            digest(shown.method.unwrap_or("sha256"), &text)
        };
        let mut right = subtle::Choice::from(0);
        for secret in self.app_keys(call.cx, &app, now)? {
            let expected = said(&secret).ok_or_else(refused)?;
            right |= expected.as_bytes().ct_eq(shown.sign.as_bytes());
        }
        if !bool::from(right) || !self.nonces.once(&app.id, shown.nonce, now.millis()) {
            self.refusals.count(call.from, Code::Unauthorized);
            return Err(refused());
        }
        Ok(Caller { app, signer: None })
    }

    /// Judges a signed PDF for nobody in particular: nothing is recorded.
    ///
    /// # Errors
    /// 20101 when it cannot be read as a PDF without guessing.
    pub fn judge(&self, cx: Cx, bytes: &[u8]) -> Result<Report> {
        let now = self.ports.clock.now_untrusted();
        let (store, until) = (self.trust.load(), cx.within(LOOKING_UP));
        judge_with(bytes, &store, now, |certificate, issuer| match &self.ports.lookup {
            Some(lookup) => lookup.look_up(until, certificate, issuer),
            None => Ok(None),
        })
        .map_err(|error: VerifyError| Error::new(Code::ContractUnreadable).because(error))
    }

    /// Judges a signed PDF for an app, recorded.
    ///
    /// # Errors
    /// 20101 when it cannot be read as a PDF without guessing.
    pub fn verify_document(&self, call: &Call, caller: &Caller, bytes: &[u8]) -> Result<Report> {
        let report = self.judge(call.cx, bytes)?;
        let facts = facts([
            ("document_sha256", report.sha256.clone().into()),
            ("signatures", report.signatures.len().into()),
            ("unmodified", report.unmodified().into()),
        ]);
        let actor: Actor = Self::actor(call, caller);
        self.note(call, actor, Act::Validate, facts, Ending::Done)?;
        Ok(report)
    }
}

fn digest(method: &str, text: &[u8]) -> Option<String> {
    match method {
        "md5" => Some(hex::encode(Md5::digest(text))),
        "sha1" => Some(hex::encode(sha1::Sha1::digest(text))),
        "sha256" => Some(hex::encode(Sha256::digest(text))),
        "sha3_256" => Some(hex::encode(sha3::Sha3_256::digest(text))),
        _ => None,
    }
}
