//! Channels that ship inside the binary: the development SMS outbox, the local time-stamping authority.
