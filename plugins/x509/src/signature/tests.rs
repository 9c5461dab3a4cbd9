#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

use super::*;
use crate::Certificate;
use serde_json::Value as Json;
use std::path::PathBuf;

fn corpora() -> Option<PathBuf> {
    let found = std::env::var_os("HUFU_CORPORA").map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: HUFU_CORPORA is not set");
    }
    found
}

fn digest(name: &str) -> Digest {
    match name {
        "SHA-1" => Digest::Sha1,
        "SHA-224" => Digest::Sha224,
        "SHA-256" => Digest::Sha256,
        "SHA-384" => Digest::Sha384,
        "SHA-512" => Digest::Sha512,
        "SHA-512/256" => Digest::Sha512_256,
        other => panic!("digest {other}"),
    }
}

/// Runs every vector of a Wycheproof file; returns how many. `valid` must verify and `invalid` must not, `acceptable` may.
fn wycheproof(name: &str, scheme: impl Fn(&Json) -> Option<Scheme>) -> usize {
    let Some(corpora) = corpora() else { return 0 };
    let text = std::fs::read_to_string(corpora.join("wycheproof").join(name)).unwrap();
    let file: Json = serde_json::from_str(&text).unwrap();
    let mut run = 0;
    for group in file["testGroups"].as_array().unwrap() {
        let Some(scheme) = scheme(group) else { continue };
        let spki = hex::decode(group["publicKeyDer"].as_str().unwrap()).unwrap();
        let key = match PublicKey::from_spki(&spki) {
            Ok(key) => key,
            Err(error) => panic!("{name}: {error}"),
        };
        for test in group["tests"].as_array().unwrap() {
            let message = hex::decode(test["msg"].as_str().unwrap()).unwrap();
            let signature = hex::decode(test["sig"].as_str().unwrap()).unwrap();
            let outcome = verify(&key, scheme, Message::Bytes(&message), &signature);
            match test["result"].as_str().unwrap() {
                "valid" => assert!(outcome.is_ok(), "{name} {}: {outcome:?}", test["tcId"]),
                "invalid" => assert!(outcome.is_err(), "{name} {}", test["tcId"]),
                _ => {}
            }
            if let Some(digest) = scheme.digest()
                && !matches!(scheme, Scheme::Sm2WithSm3)
            {
                let by_digest = verify(&key, scheme, Message::Digest(&digest.of(&message)), &signature);
                assert_eq!(outcome.is_ok(), by_digest.is_ok(), "{name} {}", test["tcId"]);
            }
            run += 1;
        }
    }
    assert!(run > 0, "{name}: no vector ran");
    run
}

#[test]
fn wycheproof_ecdsa() {
    for name in [
        "ecdsa_secp256r1_sha256_test.json",
        "ecdsa_secp256r1_sha512_test.json",
        "ecdsa_secp384r1_sha256_test.json",
        "ecdsa_secp384r1_sha384_test.json",
        "ecdsa_secp384r1_sha512_test.json",
        "ecdsa_secp521r1_sha512_test.json",
        "ecdsa_brainpoolP256r1_sha256_test.json",
    ] {
        wycheproof(name, |group| Some(Scheme::Ecdsa(digest(group["sha"].as_str().unwrap()))));
    }
}

#[test]
fn wycheproof_ed25519() {
    wycheproof("ed25519_test.json", |_| Some(Scheme::Ed25519));
}

#[test]
fn wycheproof_rsa_pkcs1() {
    for bits in [2048, 3072, 4096] {
        for sha in [256, 384, 512] {
            wycheproof(&format!("rsa_signature_{bits}_sha{sha}_test.json"), |group| {
                Some(Scheme::RsaPkcs1(digest(group["sha"].as_str().unwrap())))
            });
        }
    }
}

#[test]
fn wycheproof_rsa_pss() {
    for name in [
        "rsa_pss_2048_sha256_mgf1_32_test.json",
        "rsa_pss_misc_test.json",
        "rsa_pss_2048_sha256_mgf1_32_params_test.json",
        "rsa_pss_misc_params_test.json",
    ] {
        wycheproof(name, |group| {
            if group["sha"].as_str()?.starts_with("SHAKE") || group["mgf"].as_str()? != "MGF1" {
                return None;
            }
            Some(Scheme::RsaPss(Pss {
                digest: digest(group["sha"].as_str()?),
                mgf_digest: digest(group["mgfSha"].as_str()?),
                salt_len: usize::try_from(group["sLen"].as_u64()?).ok()?,
            }))
        });
    }
}

/// GB/T 32918.5 A.2: the standard's own signature, over "message digest" with the default identity.
#[test]
fn the_example_of_the_sm2_standard_verifies() {
    let point = hex::decode(concat!(
        "04",
        "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020",
        "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
    ))
    .unwrap();
    let r = hex::decode("F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3").unwrap();
    let s = hex::decode("B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA").unwrap();
    let key = PublicKey::Sm2(point);
    let judge = |message: &[u8], r: &[u8], s: &[u8]| {
        let value = crate::asn1::sequence(&[&crate::asn1::integer(r), &crate::asn1::integer(s)]);
        verify(&key, Scheme::Sm2WithSm3, Message::Bytes(message), &value)
    };
    assert!(judge(b"message digest", &r, &s).is_ok());
    assert_eq!(judge(b"message digesT", &r, &s), Err(SignatureError::Invalid));
    assert_eq!(judge(b"message digest", &s, &r), Err(SignatureError::Invalid));
    assert_eq!(judge(b"message digest", &[0], &s), Err(SignatureError::Invalid));
}

/// Chinese certificates of the Tongsuo project: each is signed by one of the others with SM2 and SM3.
#[test]
fn sm2_certificates_verify() {
    let Some(corpora) = corpora() else { return };
    let folder = corpora.join("gm-tongsuo/test/certs");
    let mut certificates = Vec::new();
    for folder in [folder.clone(), folder.join("sm2")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            for der in pem(&text, "CERTIFICATE") {
                certificates.push((path.clone(), Certificate::from_der(&der).unwrap()));
            }
        }
    }
    let mut verified = 0;
    for (path, child) in &certificates {
        for (_, parent) in certificates.iter().filter(|(_, p)| p.subject.der() == child.issuer.der()) {
            if verify_signed(&parent.spki, &child.signature_algorithm, child.tbs(), &child.signature).is_ok()
            {
                verified += 1;
                let mut forged = child.tbs().to_vec();
                *forged.last_mut().unwrap() ^= 1;
                assert_eq!(
                    verify_signed(&parent.spki, &child.signature_algorithm, &forged, &child.signature),
                    Err(SignatureError::Invalid),
                    "{}",
                    path.display()
                );
                break;
            }
        }
    }
    eprintln!("{verified} of {} SM2 certificates verified", certificates.len());
    assert!(verified >= 10);
}

/// Bodies of the PEM blocks with that label.
fn pem(text: &str, label: &str) -> Vec<Vec<u8>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    text.split(&begin)
        .skip(1)
        .filter_map(|rest| rest.split(&end).next())
        .map(|body| {
            let mut bits = 0u32;
            let mut count = 0;
            let mut out = Vec::new();
            for c in body.bytes().filter(|c| !c.is_ascii_whitespace() && *c != b'=') {
                let value = match c {
                    b'A'..=b'Z' => c - b'A',
                    b'a'..=b'z' => c - b'a' + 26,
                    b'0'..=b'9' => c - b'0' + 52,
                    b'+' => 62,
                    _ => 63,
                };
                bits = (bits << 6) | u32::from(value);
                count += 6;
                if count >= 8 {
                    count -= 8;
                    out.push(u8::try_from((bits >> count) & 0xff).unwrap());
                }
            }
            out
        })
        .collect()
}

#[test]
fn sm3_of_the_standard() {
    // GB/T 32905 appendix A.1
    assert_eq!(
        hex::encode(Digest::Sm3.of(b"abc")),
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    );
    assert_eq!(
        hex::encode(Digest::Sha3_224.of(b"")),
        "6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7"
    );
    assert_eq!(hex::encode(Digest::Md5.of(b"")), "d41d8cd98f00b204e9800998ecf8427e");
}

#[test]
fn hashes_and_their_identifiers_agree() {
    for digest in
        [Digest::Md5, Digest::Sha1, Digest::Sha224, Digest::Sha512_256, Digest::Sha3_224, Digest::Sm3]
    {
        assert_eq!(Digest::from_oid(&digest.oid()), Some(digest));
        assert_eq!(digest.of(b"x").len(), digest.len());
    }
}
