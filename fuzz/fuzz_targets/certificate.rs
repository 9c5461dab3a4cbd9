//! Certificates, names, keys, and the path from one to itself.
#![no_main]

hufu_fuzz::target!(certificate);
