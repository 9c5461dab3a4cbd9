//! Checkpoints of the audit log under RFC 3161 time stamps: whoever sets the log back, or signs another history with the stolen
//! audit key, cannot also set back the time-stamping authority's clock.

use super::places::Service;
use super::{Appliance, Call, Error, Result};
use crate::codes::Code;
use sha2::{Digest, Sha256};

impl Appliance {
    /// Time-stamps the newest checkpoint and has the token kept beside it; `None` when there is nothing new to stamp. Gives the
    /// number of records that the checkpoint covers.
    ///
    /// # Errors
    /// 501 when the log cannot be read here, 20110 when no time stamp is to be had.
    pub fn anchor_newest(&self, call: &Call) -> Result<Option<u64>> {
        let reader =
            self.reader.get().ok_or_else(|| Error::new(Code::Disabled).because("the log cannot be read"))?;
        let Some(newest) = reader.newest(call.cx)? else { return Ok(None) };
        if newest.anchored.is_some_and(|(size, _)| size >= newest.size) {
            return Ok(None);
        }
        self.anchor(call, newest.size, &newest.checkpoint)?;
        Ok(Some(newest.size))
    }

    /// Time-stamps this checkpoint's note and has the token kept; gives it.
    pub(super) fn anchor(&self, call: &Call, size: u64, note: &str) -> Result<Vec<u8>> {
        let reader =
            self.reader.get().ok_or_else(|| Error::new(Code::Disabled).because("the log cannot be read"))?;
        let _place = self.remote.take(Service::Timestamps)?;
        let token = self.stamp_imprint(call, &Sha256::digest(note.as_bytes()))?;
        reader.anchor(call.cx, size, token.clone())?;
        Ok(token)
    }
}
