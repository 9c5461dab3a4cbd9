//! A worker's check of receipts: made for this process, for exactly this use, fresh, and each once.

use crate::audit::{Receipt, ReceiptKey, RecordNumber};
use crate::keys::{Generation, KeyError, KeyId, Purpose};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashSet};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A receipt that claims to live longer is refused, so that the spent ones can be forgotten.
const LONGEST_MILLIS: i64 = 15 * 60 * 1000;
/// Spent receipts are forgotten in portions of this many milliseconds.
const PORTION_MILLIS: i64 = 10_000;

/// What a worker knows about receipts.
pub(super) struct Receipts {
    own: Generation,
    started: Instant,
    state: Mutex<State>,
}

/// The wall clock judges a receipt's end, as it did when the log's writer set it. It may be set forward and back, so what has been
/// spent is forgotten by the monotonic clock; and since record numbers only grow, a receipt below the forgotten ones is as old as
/// they are: it can never be used again, whatever the wall clock says.
#[derive(Default)]
struct State {
    key: Option<ReceiptKey>,
    /// Spent receipts by the portion of monotonic time in which they expire.
    spent: BTreeMap<i64, HashSet<(RecordNumber, u16)>>,
    /// Record numbers below are too old.
    floor: RecordNumber,
}

/// Both clocks, in milliseconds: since 1970, and since the worker's start.
#[derive(Clone, Copy)]
struct Now {
    wall: i64,
    monotonic: i64,
}

impl Receipts {
    pub(super) fn new(own: Generation) -> Self {
        Self { own, started: Instant::now(), state: Mutex::new(State::default()) }
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
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = |d: std::time::Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        let now = Now { wall: millis(since), monotonic: millis(self.started.elapsed()) };
        self.redeem_at(receipt, key, purpose, digest, now)
    }

    fn redeem_at(
        &self,
        receipt: &Receipt,
        key: KeyId,
        purpose: Purpose,
        digest: &[u8; 32],
        now: Now,
    ) -> Result<(), KeyError> {
        let refused = |why: &str| Err(KeyError::Refused(why.to_owned()));
        let mut state = self.state.lock();
        let Some(receipt_key) = &state.key else { return refused("no receipt key yet") };
        if let Err(error) = receipt.check(receipt_key, self.own, key, purpose, digest, now.wall) {
            tracing::warn!(number = receipt.number, %error, "receipt refused");
            return refused(&error.to_string());
        }
        let left = receipt.expires.saturating_sub(now.wall);
        if left > LONGEST_MILLIS {
            return refused("receipt lives too long");
        }
        state.forget(now.monotonic);
        let used = (receipt.number, receipt.index);
        if receipt.number < state.floor || state.spent.values().any(|portion| portion.contains(&used)) {
            tracing::warn!(number = receipt.number, "receipt came twice");
            return refused("receipt already used");
        }
        let portion = now.monotonic.saturating_add(left).div_euclid(PORTION_MILLIS);
        state.spent.entry(portion).or_default().insert(used);
        Ok(())
    }
}

impl State {
    /// Drops what has expired; it stays refused by its number.
    fn forget(&mut self, monotonic: i64) {
        let kept = self.spent.split_off(&monotonic.div_euclid(PORTION_MILLIS));
        let expired = std::mem::replace(&mut self.spent, kept);
        let last = expired.values().flatten().map(|(number, _)| *number).max();
        self.floor = self.floor.max(last.map_or(0, |number| number.saturating_add(1)));
    }
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

    /// Wall clock and monotonic clock agree.
    fn redeem(receipts: &Receipts, receipt: &Receipt, now: i64) -> Result<(), KeyError> {
        redeem_at(receipts, receipt, now, now - NOW)
    }

    fn redeem_at(receipts: &Receipts, receipt: &Receipt, wall: i64, monotonic: i64) -> Result<(), KeyError> {
        receipts.redeem_at(receipt, KeyId([3; 16]), Purpose::Signer, &[2; 32], Now { wall, monotonic })
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
        assert!(redeem_at(&receipts, &issue(5, 0, NOW + 30_000), NOW, 45_000).is_err());
        assert!(
            redeem_at(&receipts, &issue(5, 1, NOW + 30_000), NOW, 45_000).is_err(),
            "as old as the others"
        );
        assert_eq!(redeem_at(&receipts, &issue(102, 0, NOW + 30_000), NOW, 45_000), Ok(()));
    }

    #[test]
    fn a_clock_that_jumps_and_is_set_right_stops_nothing_for_good() {
        let receipts = receipts();
        const YEAR: i64 = 365 * 86_400_000;
        for (number, (jump, passed)) in
            [0, YEAR, 0, -YEAR, 10 * YEAR, 0].into_iter().zip((0..).step_by(20_000)).enumerate()
        {
            let wall = NOW + jump + passed;
            let receipt = issue(number as u64, 0, wall + 30_000);
            assert_eq!(redeem_at(&receipts, &receipt, wall, passed), Ok(()), "{jump}");
            assert!(redeem_at(&receipts, &receipt, wall, passed).is_err());
            assert!(redeem_at(&receipts, &receipt, wall + 30_001, passed + 30_001).is_err(), "expired");
        }
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
