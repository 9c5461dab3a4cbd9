//! Any file, judged.
#![no_main]

hufu_fuzz::target!(verify);
