//! PDF, read as for signing.
#![no_main]

hufu_fuzz::target!(pdf_read);
