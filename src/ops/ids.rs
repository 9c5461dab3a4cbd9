//! Numeric ids: reserved from the store in blocks, given out from memory.

use super::Result;
use hufu_api::{IdKind, Store};
use parking_lot::Mutex;
use std::ops::Range;

/// One family's current block.
#[derive(Debug)]
pub(super) struct Ids {
    kind: IdKind,
    block: u64,
    left: Mutex<Range<u64>>,
}

impl Ids {
    pub(super) fn new(kind: IdKind, block: u64) -> Self {
        Self { kind, block, left: Mutex::new(0..0) }
    }

    /// A fresh id. A block that is not used up at shutdown is lost; ids are unique, not gapless.
    pub(super) fn next(&self, store: &dyn Store) -> Result<u64> {
        let mut left = self.left.lock();
        if let Some(id) = left.next() {
            return Ok(id);
        }
        *left = store.reserve(self.kind, self.block)?;
        left.next().ok_or_else(|| super::Error::internal("the store reserved no ids"))
    }

    /// Forgets the current block, after ids were skipped in the store.
    pub(super) fn restart(&self) {
        *self.left.lock() = 0..0;
    }
}
