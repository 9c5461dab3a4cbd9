//! A search ends with hits or an error.
#![no_main]

use hufu::locate::{Limits, locate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits { pages: 10, glyphs: 10_000, hits: 100, bytes: 1 << 20 };
    let _ = locate(data, "甲方A", &limits);
});
