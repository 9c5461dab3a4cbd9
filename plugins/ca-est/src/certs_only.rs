//! The certs-only CMS in which EST carries certificates (RFC 5272 4.1), and putting them in order.

use hufu_api::Der;
use hufu_x509::asn1::{Asn1Error, Rules, Value, tag};
use hufu_x509::{Certificate, signature::verify_signed};

/// Certificates in one answer.
const MOST: usize = 32;

/// A chain is no longer than this.
const LONGEST_CHAIN: usize = 8;

/// The certificates of a SignedData without signers, in the order of the encoding. BER, since servers use indefinite lengths.
///
/// # Errors
/// When it is no SignedData, or holds more than 32 certificates.
pub fn certificates(cms: &[u8]) -> Result<Vec<Der>, Asn1Error> {
    let mut info = Value::parse(cms, Rules::Ber)?.typed(tag::SEQUENCE)?.children()?;
    if info.any()?.oid()?.to_string() != "1.2.840.113549.1.7.2" {
        return Err(Asn1Error::Content("content type: not SignedData"));
    }
    let mut signed = info.expect(tag::context(0))?.children()?.expect(tag::SEQUENCE)?.children()?;
    signed.expect(tag::INTEGER)?;
    signed.expect(tag::SET)?;
    signed.expect(tag::SEQUENCE)?;
    let Some(set) = signed.optional(tag::context(0))? else { return Ok(vec![]) };
    let all = set.children()?.all(MOST, "certificates")?;
    Ok(all
        .into_iter()
        .filter(|v| v.raw.first() == Some(&tag::SEQUENCE))
        .map(|v| Der(v.raw.to_vec()))
        .collect())
}

/// The chain for the certificate over `spki`: leaf first, each followed by its issuer out of `issued` and `authorities`.
pub fn chain_for(spki: &[u8], issued: Vec<Der>, authorities: &[Der]) -> Option<Vec<Der>> {
    let all: Vec<Certificate> =
        issued.iter().chain(authorities).filter_map(|der| Certificate::from_der(&der.0).ok()).collect();
    let mut current = all.iter().find(|c| c.spki == spki)?;
    let mut chain = vec![Der(current.der().to_vec())];
    while chain.len() < LONGEST_CHAIN && !current.is_self_issued() {
        let Some(issuer) = all.iter().find(|candidate| issued_by(current, candidate)) else { break };
        current = issuer;
        chain.push(Der(current.der().to_vec()));
    }
    Some(chain)
}

/// CA certificates with self-issued ones at the end, as the port wants them.
pub(crate) fn anchors_last(mut all: Vec<Der>) -> Vec<Der> {
    all.sort_by_key(|der| Certificate::from_der(&der.0).is_ok_and(|c| c.is_self_issued()));
    all
}

fn issued_by(child: &Certificate, parent: &Certificate) -> bool {
    child.issuer.der() == parent.subject.der()
        && verify_signed(&parent.spki, &child.signature_algorithm, child.tbs(), &child.signature).is_ok()
}
