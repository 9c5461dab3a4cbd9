//! OCSP responses (RFC 6960).

use super::purpose::{self, Purpose};
use super::revocation::{Status, Subject, Witness, is_fresh};
use super::verifier::Verifier;
use super::{PathError, Request, seconds};
use crate::x509::frame;
use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5912, rfc6960::ID_PKIX_OCSP_BASIC};
use der::Encode;
use der::referenced::OwnedToRef;
use hufu_api::UnixTime;
use pkix_path::names_match;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::ext::pkix::CrlReason;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspResponse, OcspResponseStatus,
    ResponderId, RevokedInfo,
};

/// A successful basic OCSP response, read but not yet believed. Clones share it.
#[derive(Clone, Debug)]
pub struct Ocsp {
    response: Arc<BasicOcspResponse>,
}

impl Ocsp {
    /// Reads an OCSPResponse, or the BasicOCSPResponse inside one.
    ///
    /// # Errors
    /// When it is neither, or not a successful response.
    pub fn from_der(der: &[u8]) -> Result<Self, PathError> {
        let bad = |why: &str| PathError::Constraint(format!("OCSP response: {why}"));
        if let Ok(response) = frame::decode::<BasicOcspResponse>(der) {
            return Ok(Self { response: Arc::new(response) });
        }
        let outer: OcspResponse = frame::decode(der).map_err(|e| bad(&e.to_string()))?;
        if outer.response_status != OcspResponseStatus::Successful {
            return Err(bad("not successful"));
        }
        let bytes = outer.response_bytes.ok_or_else(|| bad("empty"))?;
        if bytes.response_type != ID_PKIX_OCSP_BASIC {
            return Err(bad("not a basic response"));
        }
        let response =
            frame::decode::<BasicOcspResponse>(bytes.response.as_bytes()).map_err(|e| bad(&e.to_string()))?;
        Ok(Self { response: Arc::new(response) })
    }

    /// The certificates that it carries.
    pub fn certificates(&self) -> &[Certificate] {
        self.response.certs.as_deref().unwrap_or_default()
    }
}

/// The status that OCSP gives, `None` when no response speaks of the certificate. All of them are looked at: a revocation stays
/// whatever another response says, but for a hold that a newer one does not know any more.
pub(super) fn status(subject: &Subject<'_>, request: &Request<'_>, verifier: &Verifier) -> Option<Status> {
    let mut unknown = None;
    let mut good: Option<(i64, Witness, bool)> = None;
    let mut revoked: Vec<(i64, &RevokedInfo, Witness)> = Vec::new();
    for (n, ocsp) in request.ocsp.iter().enumerate() {
        let witness = Witness::Ocsp(n);
        for single in &ocsp.response.tbs_response_data.responses {
            let this_update = generalized(&single.this_update);
            if !speaks_of(&single.cert_id, subject) || this_update > request.now.seconds() {
                continue;
            }
            let fresh = is_fresh(this_update, single.next_update.as_ref().map(generalized), request);
            if !fresh && !matches!(single.cert_status, CertStatus::Revoked(_)) {
                unknown
                    .get_or_insert_with(|| Status::Unknown("the OCSP response is not of that time".into()));
            }
            if !is_authentic(&ocsp.response, subject, verifier) {
                unknown.get_or_insert_with(|| {
                    Status::Unknown("the OCSP response is not signed by the CA".into())
                });
                continue;
            }
            match &single.cert_status {
                CertStatus::Revoked(info) => revoked.push((this_update, info, witness)),
                CertStatus::Good(_) => {
                    let fresh_one = fresh || good.is_some_and(|(.., fresh)| fresh);
                    let newest = good.filter(|(made, ..)| *made >= this_update);
                    good =
                        Some(newest.map_or((this_update, witness, fresh_one), |(m, w, _)| (m, w, fresh_one)));
                }
                CertStatus::Unknown(_) => {}
            }
        }
    }
    let newest = good.map_or(i64::MIN, |(made, ..)| made);
    let standing = revoked.iter().filter(|(made, info, _)| {
        info.revocation_reason != Some(CrlReason::CertificateHold) || *made >= newest
    });
    let earliest = standing
        .map(|(_, info, witness)| (generalized(&info.revocation_time), *witness))
        .min_by_key(|(since, _)| *since);
    match (earliest, good) {
        (Some((since, witness)), _) => {
            Some(Status::revoked(UnixTime::from_seconds(since), request.at, witness))
        }
        (None, Some((_, witness, true))) => Some(Status::Good(witness)),
        _ => unknown,
    }
}

fn generalized(time: &OcspGeneralizedTime) -> i64 {
    i64::try_from(time.0.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

/// RFC 6960 4.1.1: serial, hash of the issuer's name, hash of the issuer's key.
fn speaks_of(id: &CertId, subject: &Subject<'_>) -> bool {
    if id.serial_number != subject.certificate.tbs_certificate.serial_number {
        return false;
    }
    let Ok(name) = subject.issuer.tbs_certificate.subject.to_der() else { return false };
    let key = subject.issuer.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes();
    let oid = id.hash_algorithm.oid;
    hash(oid, &name).is_some_and(|h| h == id.issuer_name_hash.as_bytes())
        && hash(oid, key).is_some_and(|h| h == id.issuer_key_hash.as_bytes())
}

fn hash(oid: ObjectIdentifier, data: &[u8]) -> Option<Vec<u8>> {
    const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
    match oid {
        SHA1 => Some(Sha1::digest(data).to_vec()),
        rfc5912::ID_SHA_256 => Some(Sha256::digest(data).to_vec()),
        rfc5912::ID_SHA_384 => Some(Sha384::digest(data).to_vec()),
        rfc5912::ID_SHA_512 => Some(Sha512::digest(data).to_vec()),
        _ => None,
    }
}

/// RFC 6960 4.2.2.2: signed by the CA itself, or by a responder to which this CA issued a certificate with
/// OCSPSigning that was valid when the response was produced.
fn is_authentic(response: &BasicOcspResponse, subject: &Subject<'_>, verifier: &Verifier) -> bool {
    let Ok(message) = response.tbs_response_data.to_der() else { return false };
    let signed_with = |certificate: &Certificate| {
        verifier.verify(
            response.signature_algorithm.owned_to_ref(),
            certificate.tbs_certificate.subject_public_key_info.owned_to_ref(),
            &message,
            response.signature.raw_bytes(),
        )
    };
    let responder = &response.tbs_response_data.responder_id;
    if names(responder, subject.issuer) && signed_with(subject.issuer) {
        return true;
    }
    let produced = generalized(&response.tbs_response_data.produced_at);
    response.certs.iter().flatten().take(8).any(|delegate| {
        let validity = delegate.tbs_certificate.validity;
        names(responder, delegate)
            && (seconds(validity.not_before)..=seconds(validity.not_after)).contains(&produced)
            && purpose::check(delegate, Purpose::OcspSigning).is_ok()
            && names_match(&delegate.tbs_certificate.issuer, &subject.issuer.tbs_certificate.subject)
            && delegate.tbs_certificate.to_der().is_ok_and(|tbs| {
                verifier.verify(
                    delegate.signature_algorithm.owned_to_ref(),
                    subject.issuer.tbs_certificate.subject_public_key_info.owned_to_ref(),
                    &tbs,
                    delegate.signature.raw_bytes(),
                )
            })
            && signed_with(delegate)
    })
}

fn names(responder: &ResponderId, certificate: &Certificate) -> bool {
    match responder {
        ResponderId::ByName(name) => names_match(name, &certificate.tbs_certificate.subject),
        ResponderId::ByKey(hash) => {
            let key = certificate.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes();
            hash.as_bytes() == Sha1::digest(key).as_slice()
        }
    }
}
