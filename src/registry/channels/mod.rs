//! Channels from configuration: one table of factories per family, one file per channel in `channels.d/NAME.toml`.
//!
//! A channel that cannot be made becomes "unavailable" with its reason, which `/health` and `hufu doctor` show; the
//! appliance starts without it.

mod file;
mod load;
mod maintain;
mod texts;

pub use file::{Common, FileProblem, check};
pub use load::{Channels, Parts, load, renew_local};
pub use maintain::Maintenance;
pub use texts::Texts;

use crate::channels::{SmsOutbox, TSA_LOCAL};
use hufu_api::{CaChannel, Factory, SmsChannel, TimestampSource};

/// Certificate channels.
pub const CA: &[Factory<dyn CaChannel>] =
    &[hufu_ca_local::FACTORY, hufu_ca_est::FACTORY, hufu_ca_cmp::FACTORY, hufu_exec::FACTORY];

/// SMS gateways.
pub const SMS: &[Factory<dyn SmsChannel>] = &[SmsOutbox::FACTORY, hufu_sms_http::FACTORY];

/// Time-stamp sources.
pub const TSA: &[Factory<dyn TimestampSource>] = &[TSA_LOCAL, hufu_tsa_rfc3161::FACTORY];

/// Every kind that `kind = "…"` may name, in the order of the tables.
pub fn kinds() -> Vec<&'static str> {
    let ca = CA.iter().map(|f| f.kind);
    ca.chain(SMS.iter().map(|f| f.kind)).chain(TSA.iter().map(|f| f.kind)).collect()
}

#[cfg(test)]
mod contract;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_factories_are_of_one_kind() {
        let mut all = kinds();
        all.sort_unstable();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before, "two factories of one kind in {all:?}");
    }
}
