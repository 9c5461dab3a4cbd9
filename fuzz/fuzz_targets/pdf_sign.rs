//! PDF, signed twice.
#![no_main]

hufu_fuzz::target!(pdf_sign);
