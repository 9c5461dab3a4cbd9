//! What the appliance itself brings to the channel ports: the audited use of CA, time-stamp and responder keys, the
//! development SMS outbox, the local time-stamping authority, the OCSP responder, and the choice among configured channels.

mod audited;
mod authorities;
mod entropy;
mod identity;
mod issuer;
mod lists;
mod lookup;
mod ocsp;
mod proofs;
mod sms_dev;
mod sources;
#[cfg(test)]
pub(crate) mod testing;
mod time_protocol;
mod tsa;

pub use hufu_https::{Place, Standing, StandingReport};

pub use audited::{AuditedKey, AuditedKeyError};
pub use authorities::{Authorities, CaEntry, anchored};
pub use entropy::OsEntropy;
pub use identity::Identity;
pub use issuer::AuditedIssuer;
pub use lookup::{Lookup, Online};
pub use ocsp::{OcspAnswer, OcspResponder};
pub use proofs::Proofs;
pub use sms_dev::SmsOutbox;
pub use sources::{TimeSource, TimeSources};
pub use time_protocol::TimeProtocol;
pub use tsa::{LocalTsa, TSA_LOCAL, TsaError, TsaParts};
