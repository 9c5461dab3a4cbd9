//! What is signed begins with the input, passes the self-check, and can be read and signed again.
#![no_main]

use hufu::pdf::hash::PrefixHash;
use hufu::pdf::sign::{About, Field, Format, Kind, SignatureRequest, prepare};
use hufu::pdf::syntax::Document;
use hufu_api::{HashAlgorithm, UnixTime};
use libfuzzer_sys::fuzz_target;

fn sign(data: &[u8], seed: u8) -> Option<Vec<u8>> {
    let document = Document::open_to_sign(data).ok()?;
    let request = SignatureRequest {
        kind: Kind::Approval,
        format: Format::Pades,
        field: Field::Automatic,
        places: Vec::new(),
        mark: None,
        about: About::default(),
        signing_time: UnixTime::from_seconds(1_800_000_000),
        reserve: 64,
        lock: None,
        later_fields: Vec::new(),
        entropy: [seed; 32],
    };
    let prefix = PrefixHash::of(HashAlgorithm::Sha256, data);
    let signed = prepare(&document, &prefix, &request).ok()?.embed(&[0x30; 60]).ok()?;
    signed.check(&[0x30; 60]).expect("the self-check passes on what was just written");
    Some([data, signed.tail()].concat())
}

fuzz_target!(|data: &[u8]| {
    let Some(once) = sign(data, 1) else { return };
    let document = Document::open(&once).expect("what was written can be followed");
    assert!(document.latest().catalog().is_ok());
    let _ = sign(&once, 2);
});
