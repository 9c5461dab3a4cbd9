//! Any bytes as a file: an answer, no panic, no hang.
#![no_main]

use hufu::verify::{Options, inspect_before_signing, render_text, verify};
use hufu::x509::path::TrustStore;
use hufu_api::UnixTime;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let options = Options::at(UnixTime::from_seconds(1_767_225_600));
    if let Ok(report) = verify(bytes, &TrustStore::new(), &options) {
        let _ = render_text(&report);
    }
    let _ = inspect_before_signing(bytes);
});
