//! What channel plugins are tested with: a clock that is set by hand, a CA in software, certification requests, and a server
//! that answers well or badly. For tests only; the appliance never links it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod authority;
mod est;
mod http;
mod tls;
mod world;

pub use authority::{Requester, SoftCa, SoftKey, subject};
pub use est::certs_only;
pub use http::{Reply, Request, Server};
pub use tls::TlsFiles;
pub use world::{HandClock, RealEntropy, cx, host, host_with_timestamps, profile};
