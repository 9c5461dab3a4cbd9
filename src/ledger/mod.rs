//! The audit log on disk, its writer process and everything that reads it.
//!
//! - [`Folder`]: what lies where
//! - [`log`]: records in sled, the tree's compact range, open intents; appended to in durable batches
//! - [`writer`]: the one thread that appends; takes what waits, syncs once, answers all
//! - [`tiles`]: C2SP tlog-tiles files of what is complete, and hashes for proofs
//! - [`archive`]: where finished segments move to
//! - [`checkpoints`]: signed tree heads, kept outside sled
//! - [`process`], [`server`], [`client`], [`admin`]: the writer's process and its callers
//! - [`restore`]: the log written anew from a backup
//! - [`source`], [`mod@verify`], [`search`], [`export`]: reading it, offline or on a serving appliance

pub mod admin;
pub mod archive;
pub mod checkpointer;
pub mod checkpoints;
pub mod client;
pub mod export;
mod folder;
mod head;
pub mod log;
pub mod process;
mod records;
pub mod restore;
pub mod search;
pub mod server;
pub mod sink;
pub mod source;
pub mod tiles;
pub mod verify;
pub mod writer;

pub use folder::Folder;
pub use log::{Log, LogError};
pub use records::Records;

#[cfg(test)]
mod tests;
