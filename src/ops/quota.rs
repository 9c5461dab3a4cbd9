//! 应用购买量: counts of what an app made, for apps that have a limit. Others are not counted.

use super::rows::App;
use super::{Appliance, Result, table};
use crate::codes::Code;
use hufu_api::Space;
use parking_lot::Mutex;
use std::collections::HashMap;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    Signers,
    Signatures,
    Stamps,
    Deposits,
}

impl Counted {
    const fn space(self) -> Space {
        match self {
            Self::Signers => Space::Signer,
            Self::Signatures => Space::Signature,
            Self::Stamps => Space::Stamp,
            Self::Deposits => Space::Deposit,
        }
    }

    const fn limit(self, app: &App) -> Option<u64> {
        match self {
            Self::Signers => app.quotas.signers,
            Self::Signatures => app.quotas.signatures,
            Self::Stamps => app.quotas.stamps,
            Self::Deposits => app.quotas.deposits,
        }
    }
}

/// Counters of apps with limits, begun from the store at first use.
#[derive(Debug, Default)]
pub(super) struct Usage {
    counts: Mutex<HashMap<(String, Counted), u64>>,
}

/// One unit, given back when dropped without [`Unit::keep`].
#[must_use = "a dropped unit is given back"]
pub(super) struct Unit<'a> {
    usage: &'a Usage,
    of: Option<(String, Counted)>,
}

impl Unit<'_> {
    /// It was used.
    pub(super) fn keep(mut self) {
        self.of = None;
    }
}

impl Drop for Unit<'_> {
    fn drop(&mut self) {
        if let Some(of) = self.of.take()
            && let Some(count) = self.usage.counts.lock().get_mut(&of)
        {
            *count = count.saturating_sub(1);
        }
    }
}

impl Usage {
    /// Counts anew at next use.
    pub(super) fn forget(&self, app: &str) {
        self.counts.lock().retain(|(of, _), _| of != app);
    }
}

impl Appliance {
    /// Takes one unit of the app's quota; 20302 when there is none left.
    pub(super) fn count(&self, app: &App, what: Counted) -> Result<Unit<'_>> {
        let Some(limit) = what.limit(app) else { return Ok(Unit { usage: &self.usage, of: None }) };
        let of = (app.id.clone(), what);
        let mut counts = self.usage.counts.lock();
        let count = match counts.get_mut(&of) {
            Some(count) => count,
            None => {
                let mut used = 0;
                table::each_in_app(self.store(), what.space(), &app.id, |_, _| {
                    used += 1;
                    Ok(())
                })?;
                counts.entry(of.clone()).or_insert(used)
            }
        };
        if *count >= limit {
            return Err(Code::QuotaExceeded.into());
        }
        *count += 1;
        Ok(Unit { usage: &self.usage, of: Some(of) })
    }
}
