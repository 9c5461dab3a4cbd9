//! Certificates, names, requests, revocation lists, OCSP.
#![no_main]

use hufu::x509::ocsp::{OcspRead, OcspRequest};
use hufu::x509::signature::{PublicKey, Scheme};
use hufu::x509::{Certificate, CrlRead, Name, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificate) = Certificate::from_der(bytes) {
        assert_eq!(certificate.der(), bytes);
        let _ = certificate.summary();
        let _ = (certificate.key_usage(), certificate.ca(), certificate.extended_key_usage(), certificate.policies());
        let _ = (certificate.subject_key_identifier(), certificate.authority_key_identifier());
    }
    if let Ok(name) = Name::from_der(bytes) {
        let _ = name.to_string();
    }
    let _ = Request::verified(bytes);
    if let Ok(list) = CrlRead::from_der(bytes) {
        let _ = list.entry(&[1]);
    }
    let _ = OcspRead::from_der(bytes);
    if let Ok(request) = OcspRequest::from_der(bytes) {
        assert_eq!(OcspRequest::from_der(&request.to_der()).as_ref(), Ok(&request));
    }
    let _ = PublicKey::from_spki(bytes);
    let _ = Scheme::from_identifier(bytes, None);
});
