//! `hufu serve`: a small process without vendor code that starts the others and starts them again. It binds the listening
//! sockets and hands them on; it never accepts.
//!
//! - [`settings`]: which processes there are to be
//! - [`child`]: what each kind of child does first, and what it is handed
//! - `doors`: the listening sockets, which outlive network processes
//! - `plan`: who is up, who must wait, who is to be started, connected or stopped next
//! - `process`: one child process and its control socket
//! - [`sandbox`]: what the network process gives up before its first thread
//!
//! One thread owns all state and reads one queue of events; each child has a thread that listens to it and one that waits
//! for its end.

pub mod child;
mod doors;
mod pace;
mod plan;
mod process;
pub mod sandbox;
pub mod settings;
mod watch;

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]
mod tests;

pub use plan::Up;
pub use settings::{Launch, Pool, Settings};
pub use watch::{SupervisorError, run};
