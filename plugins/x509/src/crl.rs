//! Certificate revocation lists (RFC 5280 5).

use crate::X509Error;
use crate::asn1::{self, tag};
use crate::issue::{Issuer, extension};
use crate::time::x509_time;
use const_oid::db::rfc5280::{ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_CRL_NUMBER, ID_CE_CRL_REASONS};
use hufu_api::{RevocationReason, UnixTime};

/// One revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number, unsigned big-endian.
    pub serial: Vec<u8>,
    /// Since when.
    pub at: UnixTime,
    /// Why.
    pub reason: RevocationReason,
}

/// All that goes into a TBSCertList.
#[derive(Clone, Copy, Debug)]
pub struct CrlSpec<'a> {
    /// AlgorithmIdentifier (DER) that the issuer's key signs with.
    pub algorithm: &'a [u8],
    /// The CA.
    pub issuer: Issuer<'a>,
    /// cRLNumber; rises with every list.
    pub number: u64,
    /// When this list was made.
    pub this_update: UnixTime,
    /// When the next one comes at the latest.
    pub next_update: UnixTime,
    /// What is revoked and has not expired.
    pub revoked: &'a [Revoked],
}

/// CRLReason's number (RFC 5280 5.3.1).
pub fn reason_code(reason: RevocationReason) -> u8 {
    match reason {
        RevocationReason::Unspecified => 0,
        RevocationReason::KeyCompromise => 1,
        RevocationReason::AffiliationChanged => 3,
        RevocationReason::Superseded => 4,
        RevocationReason::CessationOfOperation => 5,
        RevocationReason::PrivilegeWithdrawn => 9,
    }
}

/// The reason of a number, among those that a registration authority may give.
pub fn reason_from_code(code: u64) -> Option<RevocationReason> {
    use RevocationReason::{
        AffiliationChanged, CessationOfOperation, KeyCompromise, PrivilegeWithdrawn, Superseded, Unspecified,
    };
    [Unspecified, KeyCompromise, AffiliationChanged, Superseded, CessationOfOperation, PrivilegeWithdrawn]
        .into_iter()
        .find(|reason| u64::from(reason_code(*reason)) == code)
}

/// TBSCertList, DER, version 2, complete (not indirect, no delta).
///
/// # Errors
/// When the next update does not lie after this one.
pub fn crl_tbs(spec: &CrlSpec<'_>) -> Result<Vec<u8>, X509Error> {
    if spec.this_update.seconds() >= spec.next_update.seconds() {
        return Err(X509Error::Unencodable { what: "nextUpdate", reason: "not after thisUpdate".into() });
    }
    let entries = spec.revoked.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
    // An empty revokedCertificates must be absent (5.1.2.6).
    let revoked = if entries.is_empty() { Vec::new() } else { asn1::sequence(&entries) };
    let authority = asn1::sequence(&[&asn1::context_primitive(0, spec.issuer.key_identifier)]);
    let extensions = asn1::sequence(&[
        &extension(&ID_CE_AUTHORITY_KEY_IDENTIFIER, false, &authority),
        &extension(&ID_CE_CRL_NUMBER, false, &asn1::integer_u64(spec.number)),
    ]);
    Ok(asn1::sequence(&[
        &asn1::integer_u64(1),
        spec.algorithm,
        spec.issuer.name,
        &x509_time(spec.this_update)?,
        &x509_time(spec.next_update)?,
        &revoked,
        &asn1::context(0, &[&extensions]),
    ]))
}

fn entry(revoked: &Revoked) -> Result<Vec<u8>, X509Error> {
    // The reason unspecified is said by saying nothing (5.3.1).
    let extensions = match reason_code(revoked.reason) {
        0 => Vec::new(),
        code => {
            asn1::sequence(&[&extension(&ID_CE_CRL_REASONS, false, &asn1::tlv(tag::ENUMERATED, &[&[code]]))])
        }
    };
    Ok(asn1::sequence(&[&asn1::integer(&revoked.serial), &x509_time(revoked.at)?, &extensions]))
}
