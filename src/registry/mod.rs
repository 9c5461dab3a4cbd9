//! Names every adapter and plugin, and wires them.
