//! The integration tests: one binary that starts the real daemon and lets strangers' tools judge it.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::needless_pass_by_value
)]

mod attack;
mod authorities;
mod channels;
mod clock;
mod conformance;
mod daemon;
mod disk;
mod est;
mod evidence;
mod examples;
mod foreign;
mod forged;
mod full_disk;
mod fuzz_seeds;
mod fuzzed;
mod judges;
mod lasting;
mod operators;
mod pki;
mod processes;
mod recovery;
mod reload;
mod scene;
mod signed_contract;
mod soak;
mod surface_life;
mod terms;
mod tidy;
mod token_faults;
mod token_pools;
mod tokens;
mod unit;
mod workers;
