//! Serial numbers of tokens: never the same twice, not through restarts, kills, or an old backup put back.

use hufu_api::{Entropy, IdKind, Store};
use parking_lot::Mutex;
use std::ops::Range;
use std::sync::Arc;

/// Numbers taken from the store at a time; what a kill leaves unused is lost.
const BLOCK: u64 = 1000;

/// 64 bits that the store has never given before, then 64 random bits. The first part alone is unique as long as the store
/// is; the second keeps tokens apart after a restore from a backup that is older than the last token.
pub(super) struct Serials {
    store: Arc<dyn Store>,
    entropy: Arc<dyn Entropy>,
    block: Mutex<Range<u64>>,
}

impl Serials {
    pub(super) fn new(store: Arc<dyn Store>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, entropy, block: Mutex::new(0..0) }
    }

    /// A fresh serial number, unsigned big-endian.
    pub(super) fn next(&self) -> Result<[u8; 16], String> {
        let number = {
            let mut block = self.block.lock();
            if block.is_empty() {
                *block = self.store.reserve(IdKind::Timestamp, BLOCK).map_err(|e| e.to_string())?;
            }
            block.next().ok_or("the store gave no serial numbers")?
        };
        let mut serial = [0; 16];
        let (counter, random) = serial.split_at_mut(8);
        counter.copy_from_slice(&number.to_be_bytes());
        self.entropy.fill(random).map_err(|e| e.to_string())?;
        Ok(serial)
    }
}
