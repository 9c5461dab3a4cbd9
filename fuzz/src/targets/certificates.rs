//! Certificates and what speaks of them: CMS, time stamps, revocation, requests, a CA's answers.

use hufu::cms::{Content, SignedAttributes, SignedData, legacy};
use hufu::tsp::{self, Token, check_response};
use hufu::x509::ocsp::{OcspRead, OcspRequest};
use hufu::x509::path::{self, Crl, Ocsp, PolicyInputs, Purpose, RevocationPolicy, TrustStore};
use hufu::x509::signature::{PublicKey, Scheme, Work};
use hufu::x509::{Certificate, CrlRead, Name, Request, check_signature};
use hufu_api::{Der, UnixTime};
use std::sync::Arc;

/// Certificates, names, keys and algorithm identifiers; and the path of a certificate to itself as anchor.
pub fn certificate(bytes: &[u8]) {
    if let Ok(certificate) = Certificate::from_der(bytes) {
        assert_eq!(certificate.der(), bytes);
        let _ = certificate.summary();
        let _ = (certificate.key_usage(), certificate.ca(), certificate.extended_key_usage());
        let _ = (certificate.policies(), certificate.subject_key_identifier());
        let _ = certificate.authority_key_identifier();
    }
    if let Ok(name) = Name::from_der(bytes) {
        let _ = name.to_string();
    }
    let _ = PublicKey::from_spki(bytes);
    let _ = Scheme::from_identifier(bytes, None);
    let mut store = TrustStore::new();
    if let (Ok((leaf, _)), Ok(())) = (path::read(bytes), store.add_der(bytes)) {
        let at = UnixTime::from_seconds(1_767_225_600);
        let pool = [Arc::new(leaf.clone())];
        let _ = path::validate(&leaf, &request(&store, &pool, at));
    }
}

fn request<'a>(
    store: &'a TrustStore,
    pool: &'a [Arc<x509_cert::Certificate>],
    at: UnixTime,
) -> path::Request<'a> {
    path::Request {
        store,
        pool,
        crls: &[],
        ocsp: &[],
        at,
        now: at,
        purpose: Purpose::Signing,
        revocation: RevocationPolicy::WhereKnown,
        policies: PolicyInputs::default(),
        check: check_signature,
    }
}

/// Certification requests; whatever is accepted has proved possession of its key.
pub fn csr(bytes: &[u8]) {
    if let Ok(request) = Request::verified(bytes) {
        assert!(PublicKey::from_spki(&request.spki).is_ok());
    }
}

/// CMS SignedData: reading and verifying.
pub fn cms(bytes: &[u8]) {
    let _ = SignedAttributes::from_der(bytes);
    let Ok((read, used)) = SignedData::from_prefix(bytes) else { return };
    assert!(used <= bytes.len());
    let _ = read.verify_single(None, &[]);
    let _ = read.verify_single(Some(Content::Pieces(&[b"content"])), &[]);
    let _ = legacy::verify_pkcs7_sha1(&read, Content::Pieces(&[b"content"]), &Work::new(100));
}

/// RFC 3161: requests, answers, tokens. A request that is read is written as it came.
pub fn timestamp(bytes: &[u8]) {
    if let Ok(request) = tsp::Request::from_der(bytes) {
        assert_eq!(tsp::Request::from_der(&request.to_der()).as_ref(), Ok(&request));
    }
    let asked = tsp::Request {
        algorithm: hufu_api::HashAlgorithm::Sha256,
        digest: vec![0; 32],
        policy: None,
        nonce: None,
        cert_req: true,
    };
    let _ = check_response(bytes, &asked, &[]);
    if let Ok((token, used)) = Token::from_prefix(bytes) {
        assert!(used <= bytes.len());
        let _ = token.verify_signature(&[]);
    }
}

/// CRLs, OCSP requests and responses from anywhere.
pub fn revocation(bytes: &[u8]) {
    if let Ok(list) = CrlRead::from_der(bytes) {
        let _ = list.entry(&[1]);
    }
    let _ = Crl::from_der(bytes);
    let _ = Ocsp::from_der(bytes);
    let _ = OcspRead::from_der(bytes);
    if let Ok(request) = OcspRequest::from_der(bytes) {
        assert_eq!(OcspRequest::from_der(&request.to_der()).as_ref(), Ok(&request));
    }
}

/// What a remote CA answers: CMP messages, and the certs-only CMS of EST.
pub fn ca_answer(bytes: &[u8]) {
    let _ = hufu_ca_cmp::read_answer(bytes, b"secret");
    if let Ok(certificates) = hufu_ca_est::certificates(bytes) {
        let first = certificates.first().and_then(|c| Certificate::from_der(&c.0).ok());
        if let Some(leaf) = first {
            let chain = hufu_ca_est::chain_for(&leaf.spki, certificates, &[] as &[Der]);
            assert!(chain.is_some_and(|chain| !chain.is_empty()));
        }
    }
}
