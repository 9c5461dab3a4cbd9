//! The API over the real router, with everything beneath it in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod auth;
mod console;
mod edges;
mod renewal;
mod seals;
mod users;
mod world;
