//! Durable state on sled.
//!
//! [`Durable`] is what sled lacks: a commit that is on the disk when it returns. [`SledStore`] is the [`hufu_api::Store`]
//! port on top of it, with one writer thread that groups what waits.

mod committer;
mod disk;
mod durable;
mod layout;
mod sled_store;
mod snapshot;
mod waker;

pub use disk::{Disk, SledFiles, takes_writes};
pub use durable::{Durable, DurableError};
pub use sled_store::SledStore;
pub use snapshot::{Row, restore_state};

#[cfg(test)]
mod tests;
