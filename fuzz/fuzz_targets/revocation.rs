//! CRLs and OCSP.
#![no_main]

hufu_fuzz::target!(revocation);
