//! Coordinates, seal texts, handwriting.
#![no_main]

hufu_fuzz::target!(placement);
