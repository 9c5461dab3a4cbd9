//! Transparency-log kernel: the Merkle tree of RFC 6962 (RFC 9162 2.1), C2SP signed notes, checkpoints and tiles.
//!
//! Bytes in, bytes out. The audit log writes with it, the verifiers read with it, and neither trusts the other.

pub mod merkle;
pub mod note;
pub mod tile;

pub use merkle::{Hash, HashSource, Range, leaf_hash, node_hash};
pub use note::{Checkpoint, NoteError, NoteKey};
