//! Names every adapter and plugin, and wires them.

pub mod channels;
mod plugin_test;

pub use plugin_test::plugin_test;
