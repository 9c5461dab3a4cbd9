//! The token: worker processes that alone load the PKCS#11 module and know the PIN, and their client.
//!
//! - [`worker`]: the process; [`service`] answers its calls, [`structure`], [`issuance`] and [`receipts`] say no
//! - [`module`], [`session`], [`fault`]: loading, sessions, recovery
//! - [`generate`], [`sign`], [`wrapped`], [`seal`]: what is done in the token
//! - [`client`]: the [`crate::keys::Keys`] port for the network process, without vendor code or PIN
//! - [`growth`]: how many sessions take calls
//! - [`tries`]: never more PIN tries than the token forgives
//! - [`ceremony`]: making tokens and keys, before anything is served; [`recovery`]: putting them into a fresh one; [`report`]: what a token can do

mod abilities;
pub mod ceremony;
pub mod client;
mod fault;
mod generate;
mod growth;
mod handles;
pub mod issuance;
mod module;
mod patience;
pub mod pin;
mod receipts;
pub mod recovery;
pub mod report;
mod seal;
mod service;
mod session;
pub mod settings;
mod sign;
mod spki;
pub mod structure;
mod tries;
pub mod wire;
pub mod worker;
mod wrapped;

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]
pub(crate) mod tests;

pub use client::Client;
pub use settings::{CaRules, PinSource, TokenName, TokenSettings, WorkerSettings};
