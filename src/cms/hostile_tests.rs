//! Structures made to hurt: nesting, lengths and counts that explode, and thousands of mutations of good ones. Nothing may panic
//! or be accepted that is not what was signed. `HUFU_FUZZ_SECONDS` makes the mutations go on for longer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]
#![allow(clippy::cast_possible_truncation)]

use super::tests::{DOCUMENT, sign};
use super::*;
use crate::tsp::{Request, Token, check_response};
use crate::x509::asn1::{self, tag};
use crate::x509::ocsp::{OcspRead, OcspRequest};
use crate::x509::signature::{PublicKey, SignatureError, Work};
use crate::x509::testing::{Pki, crl, now};
use crate::x509::{Certificate, CrlRead, Name, Role, SignatureAlgorithm};
use hufu_api::HashAlgorithm;
use std::time::{Duration, Instant};

/// Gives the bytes to every reader; returns how many took them.
fn read_all(bytes: &[u8]) -> usize {
    let asked = crate::tsp::tests::request(HashAlgorithm::Sha256);
    let verified = SignedData::from_prefix(bytes)
        .is_ok_and(|(read, _)| read.verify_single(Some(Content::Pieces(&[DOCUMENT])), &[]).is_ok());
    [
        verified,
        SignedData::from_bytes(bytes).is_ok(),
        SignedAttributes::from_der(bytes).is_ok(),
        Token::from_bytes(bytes).is_ok_and(|token| token.verify_signature(&[]).is_ok()),
        check_response(bytes, &asked, &[]).is_ok(),
        Request::from_der(bytes).is_ok(),
        Certificate::from_der(bytes).is_ok_and(|c| c.key_usage().is_ok() && c.extended_key_usage().is_ok()),
        Certificate::from_tbs(bytes).is_ok(),
        Name::from_der(bytes).is_ok_and(|n| !n.to_string().is_empty()),
        crate::x509::Request::verified(bytes).is_ok(),
        CrlRead::from_der(bytes).is_ok_and(|l| l.entry(&[5]).is_ok()),
        OcspRead::from_der(bytes).is_ok(),
        OcspRequest::from_der(bytes).is_ok(),
    ]
    .into_iter()
    .filter(|taken| *taken)
    .count()
}

/// `content` in that many SEQUENCEs of indefinite length.
fn nested(head: [u8; 2], depth: usize) -> Vec<u8> {
    [head.repeat(depth), vec![0; 2 * depth]].concat()
}

fn content_info(signed_data: &[u8]) -> Vec<u8> {
    asn1::sequence(&[&asn1::oid(&oid::SIGNED_DATA), &asn1::context(0, &[signed_data])])
}

#[test]
fn bombs_are_refused() {
    let sha256 = asn1::sequence(&[&asn1::oid(&crate::x509::signature::Digest::Sha256.oid())]);
    let one = asn1::integer_u64(1);
    let data = asn1::sequence(&[&asn1::oid(&oid::DATA)]);
    let attribute = attribute(&oid::CONTENT_TYPE, &asn1::oid(&oid::DATA));
    let sid = asn1::sequence(&[&asn1::sequence(&[]), &one]);
    let attributes = asn1::context(0, &[&attribute.repeat(100_000)]);
    let signer = asn1::sequence(&[&one, &sid, &sha256, &attributes, &sha256, &asn1::octet_string(&[0; 64])]);
    let simple = asn1::sequence(&[&one, &sid, &sha256, &sha256, &asn1::octet_string(&[0; 64])]);
    let signed = |certificates: &[u8], signers: &[u8]| {
        let set = asn1::set(&[&sha256]);
        content_info(&asn1::sequence(&[&one, &set, &data, certificates, &asn1::set(&[signers])]))
    };
    let pieces = asn1::tlv(0x24, &[&asn1::octet_string(b"x").repeat(500_000)]);
    let encapsulated = asn1::sequence(&[&asn1::oid(&oid::DATA), &asn1::context(0, &[&pieces])]);
    let in_pieces =
        content_info(&asn1::sequence(&[&one, &asn1::set(&[&sha256]), &encapsulated, &asn1::set(&[&simple])]));
    let bombs: [(&str, Vec<u8>); 10] = [
        ("a million sequences", nested([0x30, 0x80], 1_000_000)),
        ("a million octet strings in octet strings", nested([0x24, 0x80], 1_000_000)),
        ("nesting inside ContentInfo", content_info(&nested([0x30, 0x80], 200_000))),
        ("a length of 4 GiB", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 6, 1, 2]),
        ("a length of 2^120", [&[0x30, 0x8f][..], &[0xff; 15]].concat()),
        ("lengths with a thousand digits", [&[0x30, 0xff][..], &[0; 127]].concat()),
        ("100,000 attributes", signed(&[], &signer)),
        ("10,000 signers", signed(&[], &simple.repeat(10_000))),
        ("100,000 certificates", signed(&asn1::context(0, &[&asn1::sequence(&[]).repeat(100_000)]), &simple)),
        (
            "an identifier of a megabyte",
            asn1::sequence(&[&asn1::tlv(tag::OID, &[&vec![0x81; 1 << 20], &[1]])]),
        ),
    ];
    for (name, bytes) in &bombs {
        let started = Instant::now();
        assert_eq!(read_all(bytes), 0, "{name}");
        eprintln!("{name}: {} bytes, {:?} in all readers", bytes.len(), started.elapsed());
    }
    // Legal BER, only silly: read, and refused for the signature that it has not.
    let started = Instant::now();
    let read = SignedData::from_bytes(&in_pieces).unwrap();
    assert_eq!(read.content.as_ref().map(Vec::len), Some(500_000));
    assert!(read.verify_single(None, &[]).is_err());
    eprintln!("content in 500,000 pieces: {:?}", started.elapsed());
}

#[test]
fn many_certificates_of_one_name_cost_little() {
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let signer = pki.signer(SignatureAlgorithm::EcdsaSha256);
    let made = SignedData::from_bytes(&sign(&pki, &signer, Encapsulated::Detached, true).cms).unwrap();
    // 200 certificates with the signer's issuer and serial number, and other signatures.
    let twins: Vec<Vec<u8>> = (0..200u8)
        .map(|n| {
            let mut der = signer.certificate.der().to_vec();
            let last = der.len() - 1;
            der[last] ^= n;
            der
        })
        .collect();
    let started = Instant::now();
    let content = Content::Pieces(&[DOCUMENT]);
    let verified = made.signers[0].verify(made.content_type, content, &twins, &Work::new(100)).unwrap();
    assert_eq!(verified.certificate, signer.certificate);
    let without: Vec<Vec<u8>> = twins.into_iter().skip(1).collect();
    let refused = made.signers[0].verify(made.content_type, content, &without, &Work::new(100));
    assert_eq!(refused, Err(SignerError::OtherCertificate));
    eprintln!("200 certificates of one name and number: {:?}", started.elapsed());
}

#[test]
fn public_key_checks_are_paid_for_and_end() {
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let signer = pki.signer(SignatureAlgorithm::EcdsaSha256);
    let made = SignedData::from_bytes(&sign(&pki, &signer, Encapsulated::Detached, true).cms).unwrap();
    let work = Work::new(3);
    let once = || made.verify_single_within(Some(Content::Pieces(&[DOCUMENT])), &[], &work);
    for _ in 0..3 {
        assert!(once().is_ok());
    }
    let too_much = SignerError::Signature(SignatureError::TooMuchWork);
    assert_eq!(once(), Err(too_much.clone()));
    // What has no signed attributes and is hashed by the key's own algorithm pays for its length.
    assert_eq!(
        Work::new(100).take(&PublicKey::from_spki(&signer.certificate.spki).unwrap(), 8 << 20),
        Err(SignatureError::TooMuchWork)
    );
    assert_eq!(once(), Err(too_much), "nothing is left");
}

/// xorshift64*: repeatable, and good enough to choose bytes.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below.max(1)
    }
}

/// One to four edits: a bit, a byte of interest, a piece removed, repeated or moved.
fn mutate(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=dice.next(4) {
        if out.is_empty() {
            break;
        }
        let at = dice.next(out.len());
        let len = dice.next(16.min(out.len() - at)) + 1;
        match dice.next(6) {
            0 => out[at] ^= 1 << dice.next(8),
            1 => {
                out[at] =
                    [0, 0x7f, 0x80, 0x81, 0x84, 0xff, 0x30, 0x31, 0xa0, 0x24, 0x03, 0x1f][dice.next(12)];
            }
            2 => drop(out.drain(at..(at + len).min(out.len()))),
            3 => {
                let piece = out[at..(at + len).min(out.len())].to_vec();
                let to = dice.next(out.len());
                out.splice(to..to, piece);
            }
            4 => out.truncate(at),
            _ => out[at] = out[at].wrapping_add(1),
        }
    }
    out
}

#[test]
fn mutations_never_panic_and_never_verify_as_something_else() {
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let signer = pki.signer(SignatureAlgorithm::EcdsaSha256);
    let tsa = pki.leaf(SignatureAlgorithm::EcdsaSha256, Role::TimeStamping);
    let responder = pki.leaf(SignatureAlgorithm::EcdsaSha256, Role::OcspResponder);
    let asked = crate::tsp::tests::request(HashAlgorithm::Sha256);
    let token = crate::tsp::tests::stamp(&pki, &tsa, &asked, |_| ());
    let cms = sign(&pki, &signer, Encapsulated::Data(DOCUMENT), true).cms;
    let certificate = signer.certificate.der().to_vec();
    let ocsp = crate::x509::ocsp_tests::answer(
        &pki,
        &responder,
        &signer.certificate,
        crate::x509::ocsp::OcspStatus::Good,
        now(),
    );
    let revoked =
        crate::x509::Revoked { serial: vec![5], at: now(), reason: hufu_api::RevocationReason::Superseded };
    let seeds = [
        cms,
        crate::tsp::granted(&token),
        token.clone(),
        asked.to_der(),
        certificate,
        signer.certificate.tbs().to_vec(),
        crate::x509::testing::request(&signer.key),
        crl(&pki.ca, &[revoked]),
        ocsp,
    ];
    let seconds = std::env::var("HUFU_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut dice = Dice(0x4855_4655);
    let (mut rounds, mut longest, mut taken) = (0u64, Duration::ZERO, 0);
    while rounds < 300 || Instant::now() < until {
        for seed in &seeds {
            let bytes = mutate(seed, &mut dice);
            let started = Instant::now();
            taken += read_all(&bytes);
            longest = longest.max(started.elapsed());
            if let Ok(read) = SignedData::from_bytes(&bytes)
                && let Ok(verified) = read.verify_single(None, &[])
            {
                let content = read.content.unwrap();
                assert!(content == DOCUMENT || token.windows(content.len()).any(|w| w == content));
                assert!([&signer, &tsa].iter().any(|who| who.certificate == verified.certificate));
            }
        }
        rounds += 1;
    }
    eprintln!("{rounds} rounds, {taken} times read without complaint, longest {longest:?}");
}
