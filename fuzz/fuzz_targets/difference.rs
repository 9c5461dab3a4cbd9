//! What is appended to a signed file.
#![no_main]

hufu_fuzz::target!(difference);
