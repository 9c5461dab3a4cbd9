//! `hufu.toml`.
#![no_main]

hufu_fuzz::target!(configuration);
