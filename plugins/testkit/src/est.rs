//! What EST servers answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hufu_api::Der;
use hufu_x509::asn1;

/// A certs-only SignedData (RFC 5272 4.1), base64 in lines, as servers send it.
pub fn certs_only(certificates: &[&Der]) -> Vec<u8> {
    let all: Vec<&[u8]> = certificates.iter().map(|d| d.0.as_slice()).collect();
    let oid = |dotted: &str| asn1::oid(&dotted.parse().unwrap());
    let signed = asn1::sequence(&[
        &asn1::integer_u64(1),
        &asn1::set(&[]),
        &asn1::sequence(&[&oid("1.2.840.113549.1.7.1")]),
        &asn1::context(0, &all),
        &asn1::set(&[]),
    ]);
    let info = asn1::sequence(&[&oid("1.2.840.113549.1.7.2"), &asn1::context(0, &[&signed])]);
    STANDARD.encode(info).into_bytes().chunks(64).flat_map(|line| [line, b"\r\n"].concat()).collect()
}
