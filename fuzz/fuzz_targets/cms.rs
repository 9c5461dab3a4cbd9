//! CMS SignedData.
#![no_main]

hufu_fuzz::target!(cms);
