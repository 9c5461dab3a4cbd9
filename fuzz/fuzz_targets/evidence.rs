//! Evidence packages.
#![no_main]

hufu_fuzz::target!(evidence);
