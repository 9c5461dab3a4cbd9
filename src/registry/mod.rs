//! Names every adapter and plugin, and wires them.

pub mod channels;
