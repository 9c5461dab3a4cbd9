//! RFC 3161: requests, answers, tokens. A request that is read must be written as it came.
#![no_main]

use hufu::tsp::{Request, Token, check_response};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = Request::from_der(bytes) {
        assert_eq!(Request::from_der(&request.to_der()).as_ref(), Ok(&request));
        let _ = check_response(bytes, &request, &[]);
    }
    if let Ok((token, _)) = Token::from_prefix(bytes) {
        let _ = token.verify_signature(&[]);
    }
});
