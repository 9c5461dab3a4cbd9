//! Multipart bodies of the calls that take files.
#![no_main]

hufu_fuzz::target!(multipart);
