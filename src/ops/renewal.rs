//! The life of long-term certificates after issue: a new one before the old one ends, and revocation by an operator.

use super::appliance::facts;
use super::rows::{App, Certificate, Signer, Standing};
use super::{Appliance, Call, Caller, Error, Result, table};
use crate::audit::{Act, Actor, Ending};
use crate::codes::Code;
use hufu_api::{CertificateKind, RevocationReason, Space, UnixTime};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A certificate is replaced in the last third of its life, and not earlier than this before its end.
const EARLIEST_MILLIS: i64 = 30 * 86_400_000;

/// Time that one renewal may need; none is begun with less left.
const ONE_RENEWAL: std::time::Duration = std::time::Duration::from_secs(10);

/// From one round of renewals to the next.
pub const RENEWAL_SECONDS: u64 = 300;

/// What a round of renewals found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Renewals {
    /// Signers whose certificate is due for replacement.
    pub due: u64,
    /// Those that sign with a new certificate now.
    pub renewed: u64,
    /// Those whose new certificate the channel has not decided on yet.
    pub pending: u64,
    /// Those for whom it failed; they are tried again in the next round.
    pub failed: u64,
}

/// The last round of renewals, for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenewalReport {
    /// When it ended; `None`: there was none since the start.
    pub ended: Option<UnixTime>,
    /// What it found and did.
    pub round: Renewals,
    /// Whose renewal failed and why, the first few.
    pub failures: Vec<String>,
}

/// Failures of a round that are told one by one.
const TOLD: usize = 5;

/// What matters of a certificate row here.
#[derive(Clone, Copy, Debug)]
struct Life {
    id: u64,
    not_before: UnixTime,
    not_after: UnixTime,
    pending: bool,
}

impl Life {
    /// From when on it is replaced. Certificates that were issued together do not come due together: each waits for a part of the
    /// window that its number decides.
    fn due(self) -> UnixTime {
        let life = self.not_after.millis().saturating_sub(self.not_before.millis());
        let window = EARLIEST_MILLIS.min(life / 3);
        // Fibonacci hashing: consecutive numbers are spread evenly.
        let part = self.id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        let wait = i64::try_from(part).unwrap_or(0).saturating_mul(window / 2) / 65_536;
        self.not_after.plus_millis(-window).plus_millis(wait)
    }
}

/// What to do about one signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Ask a channel for a new certificate.
    Enroll,
    /// A channel that needed time has issued one: sign with it from now on.
    Adopt(u64),
    /// A channel is still deciding.
    Wait,
}

/// What is due for the signer whose present certificate is `current`, given all its long-term certificates.
fn step(current: u64, all: &[Life], now: UnixTime) -> Option<Step> {
    let present = all.iter().find(|life| life.id == current)?;
    if present.pending || now < present.due() {
        return None;
    }
    let newer = || all.iter().filter(|life| life.id > current);
    let issued = newer()
        .filter(|life| !life.pending && now < life.due() && now >= life.not_before)
        .map(|life| life.id);
    match issued.max() {
        Some(id) => Some(Step::Adopt(id)),
        None if newer().any(|life| life.pending) => Some(Step::Wait),
        None => Some(Step::Enroll),
    }
}

impl Appliance {
    /// Replaces certificates that are near their end, at most `most` of them, until the call's deadline. The old certificate stays
    /// valid to its end; its key is destroyed once the signer signs with the new one.
    ///
    /// # Errors
    /// When the store cannot be read or the clock cannot be trusted; a single signer's failure is counted and logged.
    pub fn renew_certificates(&self, call: &Call, most: u64) -> Result<Renewals> {
        let now = self.now()?;
        let mut round = Renewals::default();
        let mut failures = Vec::new();
        for id in self.app_ids()? {
            let Some(app) = self.app(&id)? else { continue };
            if app.disabled || !app.grants.certificates {
                continue;
            }
            for (signer, steps) in self.due_signers(&app, now)? {
                round.due += 1;
                if round.renewed + round.failed >= most || call.cx.remaining() < ONE_RENEWAL {
                    continue;
                }
                match self.renew(call, &app, signer, steps) {
                    Ok(true) => round.renewed += 1,
                    Ok(false) => round.pending += 1,
                    Err(error) => {
                        tracing::warn!(app = %app.id, signer, %error, "certificate not renewed");
                        round.failed += 1;
                        if failures.len() < TOLD {
                            failures.push(format!("signer {signer} of {}: {error}", app.id));
                        }
                    }
                }
            }
        }
        if round.due > 0 {
            tracing::info!(?round, "renewal of certificates");
        }
        let ended = Some(self.ports.clock.now_untrusted());
        *self.renewals.lock() = RenewalReport { ended, round, failures };
        Ok(round)
    }

    /// How the last round of renewals went.
    pub fn renewals(&self) -> RenewalReport {
        self.renewals.lock().clone()
    }

    fn due_signers(&self, app: &App, now: UnixTime) -> Result<Vec<(u64, Step)>> {
        let mut lives: BTreeMap<u64, Vec<Life>> = BTreeMap::new();
        table::each_in_app(self.store(), Space::Certificate, &app.id, |_, bytes| {
            let row: Certificate = table::decode(Space::Certificate, bytes)?;
            let pending = matches!(row.standing, Standing::Pending { .. });
            if row.kind == CertificateKind::Long && (pending || row.standing == Standing::Active) {
                let Certificate { id, not_before, not_after, .. } = row;
                lives.entry(row.signer).or_default().push(Life { id, not_before, not_after, pending });
            }
            Ok(())
        })?;
        let mut due = Vec::new();
        for (signer, all) in lives {
            let current = match self.signer(app, signer) {
                Ok(row) => row.certificate,
                Err(error) if error.code == Code::SignerNotFound => None,
                Err(error) => return Err(error),
            };
            due.extend(current.and_then(|id| step(id, &all, now)).map(|step| (signer, step)));
        }
        Ok(due)
    }

    /// Takes one step for one signer; whether it signs with a new certificate now.
    fn renew(&self, call: &Call, app: &Arc<App>, id: u64, step: Step) -> Result<bool> {
        if step == Step::Wait {
            return Ok(false);
        }
        let key = table::in_app(Space::Signer, &app.id, id);
        let lock = [b"signer\0", key.bytes.as_slice()].concat();
        let _held = self.locks.hold(lock, call.cx.deadline).ok_or(Code::Overloaded)?;
        let row = self.signer_row(app, id)?.ok_or(Code::SignerNotFound)?;
        let mut signer: Signer = row.value;
        let Some(before) = signer.certificate else { return Ok(false) };
        let actor = Actor { app: Some(app.id.clone()), ..Actor::default() };
        let caller = Caller { app: Arc::clone(app), signer: None };
        let mut writes = Vec::new();
        let mut fresh = None;
        let after = match step {
            Step::Adopt(id) => id,
            Step::Enroll | Step::Wait => {
                let new = self.renew_certificate(call, &actor, &caller, &signer)?;
                writes.push(table::insert(table::in_app(Space::Certificate, &app.id, new.id), &new)?);
                fresh.insert(new).id
            }
        };
        // A signer goes on with the old certificate until the new one is there.
        let pending = fresh.as_ref().is_some_and(|new| matches!(new.standing, Standing::Pending { .. }));
        if !pending {
            signer.certificate = Some(after);
            writes.push(table::replace(key, row.version, &signer)?);
        }
        let change =
            facts([("signer", id.into()), ("certificate", after.into()), ("replaces", before.into())]);
        let stored = self
            .note(call, actor.clone(), Act::ChangeSigner, change, Ending::Done)
            .and_then(|_| Ok(self.store().commit(&writes)?));
        if let Err(error) = stored {
            if let Some(new) = &fresh {
                self.destroy(call, &actor, &new.key, "renewal not stored");
            }
            return Err(error);
        }
        if pending {
            return Ok(false);
        }
        self.signers.forget(&(app.id.clone(), id));
        let old =
            table::read::<Certificate>(self.store(), &table::in_app(Space::Certificate, &app.id, before))?;
        if let Some(old) = old {
            self.credentials.forget(&(app.id.clone(), before));
            self.destroy(call, &actor, &old.value.key, "renewed");
        }
        Ok(true)
    }

    /// Revokes a certificate at an operator's word. It signs nothing from now on; its channel is told, again and again until it
    /// confirms; its key is destroyed. Revoking twice is a success.
    ///
    /// # Errors
    /// 60108 when there is no such certificate, and what store and log may fail with.
    pub fn revoke_certificate(
        &self,
        call: &Call,
        app: &str,
        id: u64,
        reason: RevocationReason,
    ) -> Result<()> {
        let key = table::in_app(Space::Certificate, app, id);
        let missing = || Error::new(Code::CertificateMissing);
        let row = table::read::<Certificate>(self.store(), &key)?.ok_or_else(missing)?;
        let mut certificate = row.value;
        if matches!(certificate.standing, Standing::Revoked { .. }) {
            return Ok(());
        }
        let actor =
            Actor { from: Some(call.from.to_string()), app: Some(app.to_owned()), ..Actor::default() };
        let issued = !certificate.chain.is_empty();
        certificate.standing = Standing::Revoked { at: self.now()?, reason, confirmed: !issued };
        let change = facts([("certificate", id.into()), ("signer", certificate.signer.into())]);
        self.note(call, actor.clone(), Act::RevokeCertificate, change, Ending::Done)?;
        self.store().commit(&[table::replace(key, row.version, &certificate)?])?;
        self.credentials.forget(&(app.to_owned(), id));
        self.revoke_at_channel(call, &actor, app, &certificate);
        self.destroy(call, &actor, &certificate.key, "revoked");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DAY: i64 = 86_400_000;

    fn life(id: u64, from: i64, until: i64) -> Life {
        let (not_before, not_after) = (UnixTime::from_millis(from * DAY), UnixTime::from_millis(until * DAY));
        Life { id, not_before, not_after, pending: false }
    }

    fn day(n: i64) -> UnixTime {
        UnixTime::from_millis(n * DAY)
    }

    #[test]
    fn a_certificate_is_due_in_the_last_month_or_the_last_third_of_its_life() {
        for id in 0..1000 {
            let long = life(id, 0, 366).due();
            assert!(long >= day(336) && long < day(351), "{id}: day {}", long.millis() / DAY);
            let short = life(id, 0, 9).due();
            assert!(short >= day(6) && short.millis() < 15 * DAY / 2);
        }
    }

    #[test]
    fn certificates_that_were_issued_together_come_due_spread_out() {
        let mut per_day = BTreeMap::<i64, u32>::new();
        for id in 0..15_000 {
            *per_day.entry(life(id, 0, 366).due().millis() / DAY).or_default() += 1;
        }
        assert_eq!(per_day.len(), 15);
        assert!(per_day.values().all(|n| (900..1100).contains(n)), "{per_day:?}");
    }

    #[test]
    fn each_signer_takes_one_step_at_a_time() {
        let old = life(1, 0, 366);
        let new = life(2, 340, 706);
        let pending = Life { pending: true, ..life(3, 0, 0) };
        assert_eq!(step(1, &[old], day(300)), None);
        assert_eq!(step(1, &[old], day(352)), Some(Step::Enroll));
        assert_eq!(step(1, &[old, pending], day(352)), Some(Step::Wait));
        assert_eq!(step(1, &[old, new], day(352)), Some(Step::Adopt(2)));
        assert_eq!(step(1, &[old, new, pending], day(352)), Some(Step::Adopt(2)));
        assert_eq!(step(2, &[old, new], day(352)), None);
        assert_eq!(step(9, &[old], day(352)), None, "a certificate that was revoked is not renewed");
        assert_eq!(step(3, &[pending], day(352)), None, "the first certificate is still being decided");
    }
}
