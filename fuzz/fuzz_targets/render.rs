//! Pictures of pages.
#![no_main]

hufu_fuzz::target!(render);
