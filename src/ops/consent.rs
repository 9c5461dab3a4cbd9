//! 意愿认证: SMS codes. A code is four digits from the token, kept as a keyed hash, good for 15 minutes, one use and five
//! tries; per signer and phone at most ten are sent and fifteen wrong ones tried in 24 hours.

use super::appliance::facts;
use super::error::{key_error, sms_error};
use super::places::Service;
use super::rows::Signer;
use super::rules::mobile_of_any_region;
use super::{Appliance, Call, Caller, Error, Result, table};
use crate::audit::{Act, Ending};
use crate::codes::Code;
use hmac::{Hmac, Mac};
use hufu_api::{Cx, Key, Mobile, SmsText, Space, UnixTime};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

const LIFE_MINUTES: u32 = 15;
const TRIES: u32 = 5;
const DAY: i64 = 86_400_000;
const SENDS_A_DAY: usize = 10;
const WRONG_A_DAY: usize = 15;

/// A signer's code and the counters around it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Codes {
    current: Option<Sent>,
    /// Times of sends and wrong tries of the last day, per phone.
    sends: Vec<(String, UnixTime)>,
    wrong: Vec<(String, UnixTime)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Sent {
    /// HMAC over signer, phone, time and code, hexadecimal.
    hash: String,
    mobile: Mobile,
    at: UnixTime,
    wrong_tries: u32,
    used: bool,
}

/// That a signer agreed, as the signature's record tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Keyed hash of the phone number that the code was sent to.
    pub mobile_hash: String,
    /// Whether that is the signer's registered number.
    pub registered: bool,
    /// The audit record of the check.
    pub record: u64,
}

impl Appliance {
    /// 发送短信验证码.
    ///
    /// # Errors
    /// 20304 not granted, 501 no gateway, 20206, 20201 no phone, 100603 bad number, 100608 too early, too often or the gateway's
    /// fault, 20003 a fault of our own.
    pub fn send_code(&self, call: &Call, caller: &Caller, signer: u64, phone: Option<&str>) -> Result<()> {
        caller.platform_only()?;
        self.try_send_code(call, caller, signer, phone).map_err(|error| match error.code {
            Code::Internal => {
                Error { code: Code::SmsFault, message: Code::SmsFault.message().into(), ..error }
            }
            _ => error,
        })
    }

    fn try_send_code(&self, call: &Call, caller: &Caller, signer: u64, phone: Option<&str>) -> Result<()> {
        let app = &caller.app;
        if !app.grants.sms {
            return Err(Code::NoSmsService.into());
        }
        let signer = self.acting_signer(app, signer)?;
        let mobile = match phone {
            Some(number) => mobile_of_any_region(number).ok_or(Code::BadPhone)?,
            None => signer.mobile.clone().ok_or(Code::PhoneMissing)?,
        };
        let gateway = self.ports.sms.as_ref().ok_or(Code::Disabled)?;
        let key = table::in_app(Space::SmsCode, &app.id, signer.id);
        let _held = self.hold_codes(call.cx, &key)?;
        let mut codes = self.codes(&key)?;
        let now = self.ports.clock.now_untrusted();
        codes.forget_before(now.plus_millis(-DAY));
        self.may_send(&codes, &mobile, now)?;
        let _place = self.remote.take(Service::Sms)?;
        let code = self.fresh_code(call.cx)?;
        let hash = self.code_hash(call.cx, &signer, &mobile, now, &code)?;
        codes.sends.push((mobile.number.clone(), now));
        // Stored before it is sent: a code that arrives can be used, and a crash cannot be used to send without counting.
        codes.current = Some(Sent { hash, mobile: mobile.clone(), at: now, wrong_tries: 0, used: false });
        self.keep_codes(key, &codes)?;
        let text = SmsText { code: &code, valid_minutes: LIFE_MINUTES, signer: signer.kind };
        let sent = gateway.send(call.cx, &mobile, text);
        let facts = facts([
            ("signer", signer.id.into()),
            ("mobile_hash", self.pseudonym(call.cx, &mobile.number)?.into()),
            ("registered", (signer.mobile.as_ref() == Some(&mobile)).into()),
        ]);
        let ending = if sent.is_ok() { Ending::Done } else { Ending::Failed };
        self.note(call, Self::actor(call, caller), Act::SendCode, facts, ending)?;
        sent.map(|_| ()).map_err(|error| sms_error(&error))
    }

    /// Uses a code up. Call it when everything else about the signature has been checked; `document` is the SHA-256 of
    /// what will be signed.
    pub(super) fn use_code(
        &self,
        call: &Call,
        caller: &Caller,
        signer: &Signer,
        code: &str,
        document: [u8; 32],
    ) -> Result<Consent> {
        let app = &caller.app;
        if !app.grants.sms {
            return Err(Code::NoSmsService.into());
        }
        let key = table::in_app(Space::SmsCode, &app.id, signer.id);
        let _held = self.hold_codes(call.cx, &key)?;
        let mut codes = self.codes(&key)?;
        let now = self.ports.clock.now_untrusted();
        codes.forget_before(now.plus_millis(-DAY));
        let verdict = self.judge_code(call.cx, signer, &mut codes, code, now);
        self.keep_codes(key, &codes)?;
        let Some(sent) = codes.current.as_ref() else { return Err(Code::CodeNotVerified.into()) };
        let registered = signer.mobile.as_ref() == Some(&sent.mobile);
        let mobile_hash = self.pseudonym(call.cx, &sent.mobile.number)?;
        let mut facts = facts([
            ("signer", signer.id.into()),
            ("mobile_hash", mobile_hash.clone().into()),
            ("registered", registered.into()),
            ("document_sha256", hex::encode(document).into()),
        ]);
        let ending = match &verdict {
            Ok(()) => Ending::Done,
            Err(error) => {
                facts.insert("code".into(), error.code.number().into());
                Ending::Refused
            }
        };
        let record = self.note(call, Self::actor(call, caller), Act::CheckCode, facts, ending)?;
        verdict.map(|()| Consent { mobile_hash, registered, record })
    }

    fn judge_code(
        &self,
        cx: Cx,
        signer: &Signer,
        codes: &mut Codes,
        code: &str,
        now: UnixTime,
    ) -> Result<()> {
        let Some(sent) = codes.current.as_mut() else { return Err(Code::CodeNotVerified.into()) };
        if sent.used || sent.wrong_tries >= TRIES {
            return Err(Code::CodeVoid.into());
        }
        if now > sent.at.plus_millis(i64::from(LIFE_MINUTES) * 60_000) {
            return Err(Code::CodeExpired.into());
        }
        let wrong_today = codes.wrong.iter().filter(|(number, _)| *number == sent.mobile.number).count();
        if wrong_today >= WRONG_A_DAY {
            return Err(Code::CodeVoid.into());
        }
        let hash = self.code_hash(cx, signer, &sent.mobile, sent.at, code)?;
        if bool::from(hash.as_bytes().ct_eq(sent.hash.as_bytes())) {
            sent.used = true;
            return Ok(());
        }
        sent.wrong_tries += 1;
        codes.wrong.push((sent.mobile.number.clone(), now));
        Err(Code::CodeWrong.into())
    }

    fn may_send(&self, codes: &Codes, mobile: &Mobile, now: UnixTime) -> Result<()> {
        if let Some(last) = codes.sends.iter().map(|(_, at)| *at).max() {
            let next = last.plus_millis(i64::from(self.settings.sms_resend_seconds) * 1000);
            if now < next {
                let seconds = (next.millis() - now.millis() + 999) / 1000;
                let message = format!("短信平台异常：请在 {seconds} 秒后重试");
                return Err(Error::with(Code::SmsUnavailable, message).mirrored(429));
            }
        }
        let today = codes.sends.iter().filter(|(number, _)| *number == mobile.number).count();
        if today >= SENDS_A_DAY {
            let message = "短信平台异常：24 小时内发送次数已达上限";
            return Err(Error::with(Code::SmsUnavailable, message).mirrored(429));
        }
        Ok(())
    }

    /// Four digits without bias.
    fn fresh_code(&self, cx: Cx) -> Result<String> {
        for _ in 0..16 {
            let bytes = self.ports.keys.random(cx, 2).map_err(|e| key_error(&e, Code::SmsFault))?;
            let [high, low] = bytes.as_slice() else { return Err(Code::SmsFault.into()) };
            let number = u16::from_be_bytes([*high, *low]);
            // 60,000 is the largest multiple of 10,000 below 65,536.
            if number < 60_000 {
                return Ok(format!("{:04}", number % 10_000));
            }
        }
        Err(Error::new(Code::SmsFault).because("the token's random bytes are not random"))
    }

    fn code_hash(
        &self,
        cx: Cx,
        signer: &Signer,
        mobile: &Mobile,
        at: UnixTime,
        code: &str,
    ) -> Result<String> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.keyring(cx)?.sms).map_err(Error::internal)?;
        let said = format!("{}|{}|{}|{code}", signer.id, mobile.number, at.millis());
        Ok(hex::encode(mac.chain_update(said.as_bytes()).finalize().into_bytes()))
    }

    fn hold_codes(&self, cx: Cx, key: &Key) -> Result<super::locks::Held<'_>> {
        let name = [b"codes\0", key.bytes.as_slice()].concat();
        self.locks.hold(name, cx.deadline).ok_or_else(|| Code::Overloaded.into())
    }

    fn codes(&self, key: &Key) -> Result<Codes> {
        Ok(table::read::<Codes>(self.store(), key)?.map(|row| row.value).unwrap_or_default())
    }

    fn keep_codes(&self, key: Key, codes: &Codes) -> Result<()> {
        Ok(self.store().commit(&[table::put(key, codes)?])?)
    }
}

impl Codes {
    fn forget_before(&mut self, then: UnixTime) {
        self.sends.retain(|(_, at)| *at > then);
        self.wrong.retain(|(_, at)| *at > then);
    }
}
