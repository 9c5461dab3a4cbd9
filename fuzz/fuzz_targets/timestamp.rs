//! RFC 3161.
#![no_main]

hufu_fuzz::target!(timestamp);
