//! CMS SignedData: reading and verifying; whatever verifies must verify again from the DER of its attributes.
#![no_main]

use hufu::cms::{Content, SignedAttributes, SignedData, legacy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = SignedAttributes::from_der(bytes);
    let Ok((read, used)) = SignedData::from_prefix(bytes) else { return };
    assert!(used <= bytes.len());
    let _ = read.verify_single(None, &[]);
    let _ = read.verify_single(Some(Content::Pieces(&[b"content"])), &[]);
    let _ = legacy::verify_pkcs7_sha1(&read, Content::Pieces(&[b"content"]));
});
