//! Any bytes appended to a signed file (`HUFU_FUZZ_SIGNED` names it): the difference analysis must not call the file
//! unmodified unless only white space was added.
#![no_main]

use hufu::verify::{Options, verify};
use hufu::x509::path::TrustStore;
use hufu_api::UnixTime;
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

fn signed() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let path = std::env::var_os("HUFU_FUZZ_SIGNED").expect("HUFU_FUZZ_SIGNED names a signed PDF");
        std::fs::read(path).expect("a signed PDF")
    })
}

fuzz_target!(|tail: &[u8]| {
    let file = [signed(), tail].concat();
    let options = Options::at(UnixTime::from_seconds(1_767_225_600));
    let _ = verify(&file, &TrustStore::new(), &options);
});
