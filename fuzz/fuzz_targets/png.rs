//! Uploaded seals.
#![no_main]

hufu_fuzz::target!(png);
