//! Framed messages between the appliance's processes, over inherited socket pairs.
//!
//! - [`frame`]: what stands on the wire: length, version, postcard
//! - [`call`] and [`serve`]: the two ends of a socket that carries many calls at once
//! - [`link`]: a client end whose process may be replaced
//! - [`control`]: supervisor and child, with descriptors; [`child`]: the child's first steps
//! - [`audit`]: the audit writer's protocol
//!
//! Everything is synchronous. Writes are combined: while one thread writes, others append to what it takes next, so that
//! a busy socket sees few and large writes.

pub mod audit;
pub mod call;
pub mod child;
pub mod control;
pub mod frame;
pub mod json;
pub mod link;
mod outbox;
pub mod serve;

#[cfg(test)]
mod tests;
