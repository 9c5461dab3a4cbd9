//! Keyword search.
#![no_main]

hufu_fuzz::target!(locate);
