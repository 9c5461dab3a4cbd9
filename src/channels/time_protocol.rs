//! The time-stamp kernel and path validation as the port that channels speak RFC 3161 through.

use crate::tsp::{Request, Token, TokenError, check_response, hash_length};
use crate::x509::path::{
    PolicyInputs, Purpose, Request as PathRequest, RevocationPolicy, TrustStore, validate,
};
use crate::x509::signature::verify_signed;
use der::{Decode, Encode};
use hufu_api::{ChannelError, Der, Imprint, StampExpectation, TimestampProtocol};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use std::sync::Arc;
use x509_cert::Certificate;

/// RFC 3161 requests and the judgement of their answers.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeProtocol;

impl TimestampProtocol for TimeProtocol {
    fn request(&self, imprint: Imprint<'_>, nonce: u64) -> Result<Der, ChannelError> {
        Ok(Der(request(imprint, nonce)?.to_der()))
    }

    fn accept(&self, response: &[u8], expected: &StampExpectation<'_>) -> Result<Der, ChannelError> {
        let bad = |why: String| ChannelError::BadAnswer(why);
        let request = request(expected.imprint, expected.nonce)?;
        let (token, verified) = check_response(response, &request, &[]).map_err(|error| match error {
            TokenError::Refused(why) => ChannelError::Refused(why),
            other => ChannelError::BadAnswer(other.to_string()),
        })?;
        let apart = verified.info.time.millis().saturating_sub(expected.now.millis());
        if apart.unsigned_abs() > expected.tolerance_millis.unsigned_abs() {
            return Err(bad(format!("its time is {apart} ms from ours")));
        }
        let mut store = TrustStore::new();
        for anchor in expected.anchors {
            store.add_der(&anchor.0).map_err(|e| ChannelError::Unavailable(format!("anchor: {e}")))?;
        }
        let carried = Token::from_bytes(&token).map_err(|e| bad(e.to_string()))?.signed_data.certificates;
        let pool: Vec<Arc<Certificate>> =
            carried.iter().filter_map(|der| Certificate::from_der(der).ok().map(Arc::new)).collect();
        let leaf =
            Certificate::from_der(verified.signer.certificate.der()).map_err(|e| bad(e.to_string()))?;
        let path = PathRequest {
            store: &store,
            pool: &pool,
            crls: &[],
            ocsp: &[],
            at: expected.now,
            now: expected.now,
            purpose: Purpose::TimeStamping,
            revocation: RevocationPolicy::Ignore,
            policies: PolicyInputs::default(),
            check: verifies,
        };
        validate(&leaf, &path).map_err(|failure| bad(format!("the authority's chain: {}", failure.error)))?;
        Ok(Der(token))
    }
}

fn request(imprint: Imprint<'_>, nonce: u64) -> Result<Request, ChannelError> {
    if imprint.digest.len() != hash_length(imprint.algorithm) {
        return Err(ChannelError::Refused("the imprint's length does not fit its hash".into()));
    }
    Ok(Request {
        algorithm: imprint.algorithm,
        digest: imprint.digest.to_vec(),
        policy: None,
        nonce: Some(Request::nonce_from(nonce)),
        cert_req: true,
    })
}

fn verifies(
    algorithm: AlgorithmIdentifierRef<'_>,
    key: SubjectPublicKeyInfoRef<'_>,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let (Ok(algorithm), Ok(key)) = (algorithm.to_der(), key.to_der()) else { return false };
    verify_signed(&key, &algorithm, message, signature).is_ok()
}
