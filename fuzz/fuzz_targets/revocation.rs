//! CRLs and OCSP responses from anywhere.
#![no_main]

use hufu::x509::path::{Crl, Ocsp, TrustStore};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Crl::from_der(bytes);
    let _ = Ocsp::from_der(bytes);
    let _ = TrustStore::new().add_der(bytes);
});
