#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

use super::*;
use crate::cms::{AttributesSpec, Content, Encapsulated, SignedDataSpec, SignerError, oid};
use crate::x509::signature::Digest;
use crate::x509::testing::{Folder, Identity, Pki, now, openssl};
use crate::x509::{Role, SignatureAlgorithm};
use std::path::PathBuf;

const DATA: &[u8] = b"stamped data";
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.3.4.1");

/// A token for `request` by a TSA with a software key.
pub(crate) fn stamp(
    pki: &Pki,
    tsa: &Identity,
    request: &Request,
    change: impl Fn(&mut TstSpec<'_>),
) -> Vec<u8> {
    let mut spec = TstSpec {
        policy: request.policy.unwrap_or(POLICY),
        algorithm: request.algorithm,
        digest: &request.digest,
        serial: &[0x81, 2, 3],
        time: now().plus_millis(120),
        accuracy_millis: 1500,
        ordering: false,
        nonce: request.nonce.as_deref(),
        tsa: Some(tsa.certificate.subject.der()),
    };
    change(&mut spec);
    let info = spec.build().unwrap();
    let algorithm = tsa.key.algorithm();
    let signed_attributes = AttributesSpec {
        content_type: oid::TST_INFO,
        message_digest: &algorithm.digest(&info),
        algorithm,
        certificate: tsa.certificate.der(),
        signing_time: Some(now()),
        algorithm_protection: false,
        others: &[],
    }
    .build()
    .unwrap();
    let spec = SignedDataSpec {
        content: Encapsulated::TstInfo(&info),
        signer: &tsa.certificate,
        chain: &pki.chain(),
        with_certificates: request.cert_req,
        algorithm,
        signed_attributes: &signed_attributes,
    };
    spec.assemble(&tsa.key.sign(&signed_attributes), None).unwrap()
}

pub(crate) fn request(algorithm: HashAlgorithm) -> Request {
    let digest = Digest::from_oid(&hash_oid(algorithm)).unwrap().of(DATA);
    Request {
        algorithm,
        digest,
        policy: Some(POLICY),
        nonce: Some(Request::nonce_from(u64::MAX)),
        cert_req: true,
    }
}

#[test]
fn openssl_verifies_our_answers_to_its_requests() {
    for algorithm in
        [SignatureAlgorithm::EcdsaSha256, SignatureAlgorithm::EcdsaSha384, SignatureAlgorithm::RsaSha256]
    {
        let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
        let tsa = pki.leaf(algorithm, Role::TimeStamping);
        let folder = Folder::new();
        folder.write("data", DATA);
        folder.write_pem("root.pem", &[&pki.root.certificate]);
        folder.write_pem("certs.pem", &[&tsa.certificate, &pki.ca.certificate]);
        for (hash, options) in
            [("sha256", "-cert"), ("sha384", "-cert -tspolicy 1.2.3.4.1"), ("sha512", "-no_nonce")]
        {
            let query = format!("ts -query -data data -{hash} {options} -out query.tsq");
            let Some(_) = openssl(folder.path(), &query) else { return };
            let request =
                Request::from_der(&std::fs::read(folder.path().join("query.tsq")).unwrap()).unwrap();
            assert_eq!(request.cert_req, options.contains("-cert"));
            assert_eq!(request.nonce.is_none(), options.contains("no_nonce"));
            let token = stamp(&pki, &tsa, &request, |_| ());
            folder.write("answer.tsr", &granted(&token));
            let verify = "ts -verify -in answer.tsr -CAfile root.pem -untrusted certs.pem";
            openssl(folder.path(), &format!("{verify} -queryfile query.tsq"));
            openssl(folder.path(), &format!("{verify} -data data"));
            let text = openssl(folder.path(), "ts -reply -in answer.tsr -text").unwrap();
            assert!(text.contains("0x01 seconds, 0x01F4 millis"), "{text}");
        }
    }
}

#[test]
fn openssl_reads_refusals() {
    let folder = Folder::new();
    for (failure, word) in [
        (Failure::BadAlgorithm, "unrecognized or unsupported algorithm identifier"),
        (Failure::BadDataFormat, "the data submitted has the wrong format"),
        (Failure::TimeNotAvailable, "the TSA's time source is not available"),
        (Failure::SystemFailure, "the request cannot be handled due to system failure"),
    ] {
        let refusal = rejected(failure, "时间源不可用");
        folder.write("answer.tsr", &refusal);
        let Some(text) = openssl(folder.path(), "ts -reply -in answer.tsr -text") else { return };
        assert!(text.contains(word), "{text}");
        let error = check_response(&refusal, &request(HashAlgorithm::Sha256), &[]).unwrap_err();
        assert!(matches!(&error, TokenError::Refused(text) if text.contains("时间源不可用")), "{error}");
    }
}

#[test]
fn a_client_takes_only_the_answer_to_its_request() {
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let tsa = pki.leaf(SignatureAlgorithm::EcdsaSha256, Role::TimeStamping);
    let asked = request(HashAlgorithm::Sha256);
    let check = |token: &[u8]| check_response(&granted(token), &asked, &[]).map(|(_, verified)| verified);
    let good = check(&stamp(&pki, &tsa, &asked, |_| ())).unwrap();
    assert_eq!(good.findings, []);
    assert_eq!(good.info.accuracy_micros, Some(1_500_000));
    assert_eq!(good.info.time.millis() % 1000, 120);

    let refused = |token: &[u8]| matches!(check(token), Err(TokenError::OtherRequest(_)));
    assert!(refused(&stamp(&pki, &tsa, &asked, |t| t.nonce = Some(&[1]))));
    assert!(refused(&stamp(&pki, &tsa, &asked, |t| t.nonce = None)));
    assert!(refused(&stamp(&pki, &tsa, &asked, |t| t.digest = &[9; 32])));
    assert!(refused(&stamp(&pki, &tsa, &asked, |t| t.policy = ObjectIdentifier::new_unwrap("1.2.3.4.2"))));
    let silent = Request { cert_req: false, ..asked.clone() };
    assert!(refused(&stamp(&pki, &tsa, &silent, |_| ())));

    let signer = pki.signer(SignatureAlgorithm::EcdsaSha256);
    assert_eq!(check(&stamp(&pki, &signer, &asked, |_| ())), Err(TokenError::NotATsa));
    let mut forged = stamp(&pki, &tsa, &asked, |_| ());
    *forged.last_mut().unwrap() ^= 1;
    assert!(matches!(check(&forged), Err(TokenError::Signer(_) | TokenError::Malformed(_))));
    for garbage in [&b""[..], b"<html>", &[0x30, 0x80], &[0x30, 3, 2, 1, 0]] {
        assert!(check_response(garbage, &asked, &[]).is_err());
    }
}

#[test]
fn requests_are_read_strictly() {
    let good = request(HashAlgorithm::Sha384);
    assert_eq!(Request::from_der(&good.to_der()), Ok(good.clone()));
    let failure = |der: &[u8]| Request::from_der(der).unwrap_err().failure;
    assert_eq!(failure(&[]), Failure::BadDataFormat);
    assert_eq!(failure(&[good.to_der(), vec![0]].concat()), Failure::BadDataFormat);
    let short = Request { digest: vec![1; 20], ..good };
    assert_eq!(failure(&short.to_der()), Failure::BadDataFormat);
    let sha1 = asn1::sequence(&[&asn1::oid(&Digest::Sha1.oid()), &asn1::null()]);
    let imprint = asn1::sequence(&[&sha1, &asn1::octet_string(&[1; 20])]);
    assert_eq!(failure(&asn1::sequence(&[&asn1::integer_u64(1), &imprint])), Failure::BadAlgorithm);
    assert_eq!(failure(&asn1::sequence(&[&asn1::integer_u64(2), &imprint])), Failure::BadRequest);
    let imprint = message_imprint(HashAlgorithm::Sha256, &[1; 32]);
    let extensions = asn1::context(0, &[&asn1::sequence(&[])]);
    assert_eq!(
        failure(&asn1::sequence(&[&asn1::integer_u64(1), &imprint, &extensions])),
        Failure::UnacceptedExtension
    );
}

fn corpora() -> Option<PathBuf> {
    let found = std::env::var_os("HUFU_CORPORA").map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: HUFU_CORPORA is not set");
    }
    found
}

#[test]
fn sectigos_time_stamp_verifies() {
    let Some(corpora) = corpora() else { return };
    let folder = corpora.join("tsa-data/test/recipes/80-test_tsa_data");
    let request = std::fs::read(folder.join("all-zero.tsq")).unwrap();
    let response = std::fs::read(folder.join("sectigo-all-zero.tsr")).unwrap();
    let request = Request::from_der(&request).unwrap();
    let (_, verified) = check_response(&response, &request, &[]).unwrap();
    eprintln!("{:?} {:?}", verified.signer.scheme, verified.findings);
    assert!(verified.signer.certificate.subject.common_name().unwrap().contains("Sectigo"));
}

#[test]
fn certificates_slipped_into_a_token_do_not_become_its_signer() {
    let Some(corpora) = corpora() else { return };
    let response =
        std::fs::read(corpora.join("sigstore-tsa/pkg/verification/testdata/response-injected-certs.tsr"))
            .unwrap();
    let mut fields = asn1::Value::parse(&response, asn1::Rules::Ber).unwrap().children().unwrap();
    fields.any().unwrap();
    let token = Token::from_bytes(fields.any().unwrap().raw).unwrap();
    match token.verify_signature(&[]) {
        Ok(verified) => {
            assert!(token.signed_data.certificates.len() > 1);
            assert!(token.signed_data.signers[0].signer.fits(&verified.signer.certificate));
        }
        Err(error) => assert!(
            matches!(error, TokenError::Signer(SignerError::OtherCertificate | SignerError::NoCertificate)),
            "{error}"
        ),
    }
    assert_eq!(token.verify(Content::Pieces(&[b"other data"]), &[]), Err(TokenError::OtherData));
}
