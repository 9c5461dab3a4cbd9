//! What channel plugins are tested with: a clock that is set by hand, a CA in software, certification requests, and the
//! contract suites that every channel must pass. For tests only; the appliance never links it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod authority;
mod world;

pub use authority::{Requester, SoftCa, SoftKey, subject};
pub use world::{HandClock, RealEntropy, cx, host, host_with_timestamps, profile};
