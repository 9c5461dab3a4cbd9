//! The contract suites: the same demands on every certificate channel and every time-stamp source, with the faults that remote
//! parties have. What a channel does well in private is tested beside it; here is what the core relies on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod authority;
mod certificates;
mod timestamps;
