//! State in sled behind the `Store` port.
