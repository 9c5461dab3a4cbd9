//! Certification requests.
#![no_main]

hufu_fuzz::target!(csr);
