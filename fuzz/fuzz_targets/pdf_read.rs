//! Whatever the bytes, reading them ends with a document or an error, and every object of it can be asked for.
#![no_main]

use hufu::pdf::syntax::{Document, ObjectId, inspect::inspect};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(document) = Document::open_to_sign(data) else { return };
    let _ = inspect(&document, 10_000);
    for number in 1..document.latest().size().min(1_000) {
        let Ok(object) = document.latest().object(ObjectId::new(number)) else { continue };
        if let Some(stream) = object.as_stream() {
            let _ = document.decode(stream, 1 << 20);
        }
    }
    let _ = hufu::pdf::pages::pages(document.latest());
});
