//! A worker's check of receipts: made for this process, for exactly this use, fresh, and each once.

use crate::audit::{Receipt, ReceiptKey, RecordNumber};
use crate::keys::{Generation, KeyError, KeyId, Purpose};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// A receipt that claims to live longer is refused, so that the spent ones can be forgotten.
const LONGEST_MILLIS: i64 = 15 * 60 * 1000;
/// Spent receipts are forgotten in portions of this many milliseconds.
const PORTION_MILLIS: i64 = 10_000;

/// What a worker knows about receipts.
pub(super) struct Receipts {
    own: Generation,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    key: Option<ReceiptKey>,
    /// Spent receipts by the portion of time in which they expire.
    spent: BTreeMap<i64, HashSet<(RecordNumber, u16)>>,
    /// The latest time seen: a clock that is set back must not revive a receipt that was forgotten.
    latest: i64,
}

impl Receipts {
    pub(super) fn new(own: Generation) -> Self {
        Self { own, state: Mutex::new(State::default()) }
    }

    /// From now on only receipts under this key are good. The spent ones stay spent.
    pub(super) fn set_key(&self, key: ReceiptKey) {
        self.state.lock().key = Some(key);
    }

    /// Accepts a receipt for one use, or says why not. An accepted one is spent, whatever becomes of the use.
    pub(super) fn redeem(
        &self,
        receipt: &Receipt,
        key: KeyId,
        purpose: Purpose,
        digest: &[u8; 32],
    ) -> Result<(), KeyError> {
        self.redeem_at(receipt, key, purpose, digest, now())
    }

    fn redeem_at(
        &self,
        receipt: &Receipt,
        key: KeyId,
        purpose: Purpose,
        digest: &[u8; 32],
        now: i64,
    ) -> Result<(), KeyError> {
        let refused = |why: &str| Err(KeyError::Refused(why.to_owned()));
        let mut state = self.state.lock();
        state.latest = state.latest.max(now);
        let now = state.latest;
        let Some(receipt_key) = &state.key else { return refused("no receipt key yet") };
        if let Err(error) = receipt.check(receipt_key, self.own, key, purpose, digest, now) {
            tracing::warn!(number = receipt.number, %error, "receipt refused");
            return refused(&error.to_string());
        }
        if receipt.expires > now.saturating_add(LONGEST_MILLIS) {
            return refused("receipt lives too long");
        }
        let portion = receipt.expires.div_euclid(PORTION_MILLIS);
        state.spent = state.spent.split_off(&now.div_euclid(PORTION_MILLIS));
        // Under the same key a number and index have one expiry, so one portion is where to look.
        if !state.spent.entry(portion).or_default().insert((receipt.number, receipt.index)) {
            tracing::warn!(number = receipt.number, "receipt came twice");
            return refused("receipt already used");
        }
        Ok(())
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Use;

    const NOW: i64 = 1_800_000_000_000;
    const OWN: Generation = Generation(5);

    fn receipts() -> Receipts {
        let receipts = Receipts::new(OWN);
        receipts.set_key(ReceiptKey::new([1; 32]));
        receipts
    }

    fn issue(number: u64, index: u16, expires: i64) -> Receipt {
        let what = Use { digest: [2; 32], generation: OWN, key: KeyId([3; 16]), purpose: Purpose::Signer };
        Receipt::issue(&ReceiptKey::new([1; 32]), number, index, &what, expires)
    }

    fn redeem(receipts: &Receipts, receipt: &Receipt, now: i64) -> Result<(), KeyError> {
        receipts.redeem_at(receipt, KeyId([3; 16]), Purpose::Signer, &[2; 32], now)
    }

    #[test]
    fn each_number_and_index_is_accepted_once() {
        let receipts = receipts();
        assert_eq!(redeem(&receipts, &issue(1, 0, NOW + 1000), NOW), Ok(()));
        assert_eq!(redeem(&receipts, &issue(1, 1, NOW + 1000), NOW), Ok(()));
        assert_eq!(redeem(&receipts, &issue(2, 0, NOW + 1000), NOW), Ok(()));
        assert!(redeem(&receipts, &issue(1, 0, NOW + 1000), NOW).is_err());
    }

    #[test]
    fn spent_receipts_are_forgotten_only_when_they_have_expired() {
        let receipts = receipts();
        for number in 0..100 {
            redeem(&receipts, &issue(number, 0, NOW + 30_000), NOW).ok();
        }
        redeem(&receipts, &issue(100, 0, NOW + 60_000), NOW + 29_999).ok();
        assert!(redeem(&receipts, &issue(5, 0, NOW + 30_000), NOW + 30_000).is_err());
        redeem(&receipts, &issue(101, 0, NOW + 60_000), NOW + 45_000).ok();
        assert_eq!(receipts.state.lock().spent.values().map(HashSet::len).sum::<usize>(), 2);
        // Expired, and a clock that goes back does not help.
        assert!(redeem(&receipts, &issue(5, 0, NOW + 30_000), NOW).is_err());
    }

    #[test]
    fn nothing_is_accepted_without_a_key_or_under_an_old_one() {
        let receipts = Receipts::new(OWN);
        assert!(redeem(&receipts, &issue(1, 0, NOW), NOW).is_err());
        receipts.set_key(ReceiptKey::new([9; 32]));
        assert!(redeem(&receipts, &issue(1, 0, NOW), NOW).is_err());
    }

    #[test]
    fn a_receipt_without_end_is_refused() {
        assert!(redeem(&receipts(), &issue(1, 0, i64::MAX), NOW).is_err());
    }
}
