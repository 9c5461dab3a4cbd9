#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::ocsp::*;
use super::testing::{Folder, Identity, Pki, now, openssl};
use super::{Certificate, Role, SignatureAlgorithm, X509Error};
use hufu_api::{RevocationReason, UnixTime};

/// A response by `responder` about one certificate of the issuing CA.
pub(crate) fn answer(
    pki: &Pki,
    responder: &Identity,
    about: &Certificate,
    status: OcspStatus,
    this_update: UnixTime,
) -> Vec<u8> {
    let request = OcspRequest {
        certificates: vec![CertId::new(&pki.ca.certificate, &about.serial).unwrap()],
        nonce: None,
    };
    respond(responder, &request, status, this_update)
}

fn respond(
    responder: &Identity,
    request: &OcspRequest,
    status: OcspStatus,
    this_update: UnixTime,
) -> Vec<u8> {
    let statement = |id: &CertId| OcspStatement {
        certificate: id.clone(),
        status,
        this_update,
        next_update: Some(this_update.plus_millis(3_600_000)),
    };
    let statements: Vec<_> = request.certificates.iter().map(statement).collect();
    let data = ocsp_response_data(&OcspSpec {
        responder: &responder.certificate,
        produced_at: now(),
        statements: &statements,
        nonce: request.nonce.as_deref(),
    })
    .unwrap();
    let signature = responder.key.sign(&data);
    ocsp_response(&data, &responder.key.algorithm().identifier(), &signature, &[responder.certificate.der()])
}

#[test]
fn openssl_accepts_our_answers_to_its_requests() {
    for algorithm in
        [SignatureAlgorithm::EcdsaSha256, SignatureAlgorithm::EcdsaSha384, SignatureAlgorithm::RsaSha256]
    {
        let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
        let responder = pki.leaf(algorithm, Role::OcspResponder);
        let leaf = pki.signer(SignatureAlgorithm::EcdsaSha256);
        let folder = Folder::new();
        folder.write_pem("root.pem", &[&pki.root.certificate]);
        folder.write_pem("ca.pem", &[&pki.ca.certificate]);
        folder.write_pem("leaf.pem", &[&leaf.certificate]);
        for (hash, signer) in [("-sha1", &responder), ("-sha256", &pki.ca)] {
            let ask = format!("ocsp -issuer ca.pem {hash} -cert leaf.pem -reqout request.der");
            let Some(_) = openssl(folder.path(), &ask) else { return };
            let request =
                OcspRequest::from_der(&std::fs::read(folder.path().join("request.der")).unwrap()).unwrap();
            assert!(request.nonce.is_some());
            assert!(request.certificates[0].is_by(&pki.ca.certificate));
            assert!(!request.certificates[0].is_by(&pki.root.certificate));
            assert_eq!(request.certificates[0].serial, leaf.certificate.serial);
            let revoked = OcspStatus::Revoked {
                at: now().plus_millis(-5000),
                reason: Some(RevocationReason::Superseded),
            };
            for (status, word) in
                [(OcspStatus::Good, "good"), (revoked, "superseded"), (OcspStatus::Unknown, "unknown")]
            {
                folder.write("response.der", &respond(signer, &request, status, now()));
                let check = "ocsp -no_nonce -reqin request.der -respin response.der -issuer ca.pem -CAfile root.pem -verify_other ca.pem";
                let text = openssl(folder.path(), &format!("{check} {hash} -cert leaf.pem")).unwrap();
                assert!(text.contains("Response verify OK"), "{text}");
                assert!(text.contains(word), "{text}");
            }
        }
    }
}

#[test]
fn a_response_speaks_for_its_issuer_only() {
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let stranger = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let leaf = pki.signer(SignatureAlgorithm::EcdsaSha256);
    let responder = pki.leaf(SignatureAlgorithm::EcdsaSha256, Role::OcspResponder);
    let ca = &pki.ca.certificate;
    let check = |by: &Identity| {
        OcspRead::from_der(&answer(&pki, by, &leaf.certificate, OcspStatus::Good, now())).unwrap()
    };

    let good = check(&responder);
    assert_eq!(good.verify(ca).unwrap(), Some(responder.certificate.clone()));
    assert_eq!(good.about(&leaf.certificate, ca).unwrap().status, OcspStatus::Good);
    assert_eq!(good.about(&responder.certificate, ca), None);
    assert_eq!(check(&pki.ca).verify(ca).unwrap(), None);

    let bad = Err(X509Error::BadSignature("OCSP response"));
    // A certificate of the same CA that is not for OCSP, and a responder of another CA.
    assert_eq!(check(&leaf).verify(ca), bad);
    assert_eq!(check(&stranger.leaf(SignatureAlgorithm::EcdsaSha256, Role::OcspResponder)).verify(ca), bad);
    let mut forged = answer(&pki, &responder, &leaf.certificate, OcspStatus::Good, now());
    let good_tag = forged.windows(4).position(|w| w == [0x80, 0, 0x18, 0x0f]).unwrap();
    forged[good_tag] = 0x82;
    let forged = OcspRead::from_der(&forged).unwrap();
    assert_eq!(forged.answers[0].status, OcspStatus::Unknown);
    assert_eq!(forged.verify(ca), bad);
}

#[test]
fn requests_read_as_they_were_written() {
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let ids: Vec<_> = (1..=3u8).map(|n| CertId::new(&pki.ca.certificate, &[n]).unwrap()).collect();
    let request = OcspRequest { certificates: ids, nonce: Some(vec![7; 32]) };
    assert_eq!(OcspRequest::from_der(&request.to_der()), Ok(request.clone()));
    let none = OcspRequest { certificates: vec![], nonce: None };
    assert!(OcspRequest::from_der(&none.to_der()).is_err());
    let many = OcspRequest { certificates: vec![request.certificates[0].clone(); 17], nonce: None };
    assert!(OcspRequest::from_der(&many.to_der()).is_err());
    let long = OcspRequest { nonce: Some(vec![7; 129]), ..request };
    assert!(OcspRequest::from_der(&long.to_der()).is_err());
}

#[test]
fn failures_are_what_openssl_calls_them() {
    let folder = Folder::new();
    for (failure, word) in [
        (OcspFailure::MalformedRequest, "malformedrequest (1)"),
        (OcspFailure::InternalError, "internalerror (2)"),
        (OcspFailure::TryLater, "trylater (3)"),
        (OcspFailure::Unauthorized, "unauthorized (6)"),
    ] {
        folder.write("response.der", &ocsp_failure(failure));
        let args = ["ocsp", "-respin", "response.der", "-noverify"];
        let Some(output) = super::testing::judge(folder.path(), "openssl", &args) else { return };
        let text = String::from_utf8_lossy(&output.stdout).to_lowercase()
            + &String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(text.contains(word), "{text}");
        assert!(OcspRead::from_der(&ocsp_failure(failure)).is_err());
    }
}
