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

/// Made with OpenSSL 3.0: `dsaparam -genkey 2048`, `dgst -sha256 -sign` over "contract".
const DSA_KEY: &str = "308203433082023506072a8648ce3804013082022802820101009a7b2cbaaf8d348429b6120f9f9a13a521a77617c5278e7c5293bafb\
     4431599a787cbe900d6cd5b79eb8c43afd218b3a2b4de5d327663c778d4f4754d5b6e4c23e4a8e4bbf313c500ebf2f135a70b02d2278\
     fff034c444ea1495b0e56de1feb0ca36f336201681ed388601b4bf835866fa756b6d70d17cedd76dc6fd7ce85cfa0e07ff086039e949\
     4c7bdff8a0f52fce5b0e0c95d2a724d7b63a37c77522d0a444a89161cd5c56d6f23739d1dc14fc48b50bd61a3ffcbf258a62c58e6e2b\
     2f8bb2eb4b113b4f3a66dc887cdb47d23a1ea242e34cea03b5d614707612fbcdf8c425ab7a9ecff348ea2213bbc558f9e076dd3153ad\
     3e360c67bda7c4205abc0dfb021d00d6400215876d87d262c16b545d018bd733cb35eb6aedf57bdd1508690282010040b5403b13cf70\
     0948036af9ac1946252b3589e8a0ca16402d497e0da39dcda94c3c9d998ac39e61e4c9bde13e1d6e6adb7e13000f614906db08d3a769\
     2ca339cbba54ab1ee01206e4579c6720e80b0e8949a72971bcdedf22eefcef97ca0423fb4a3b8a2febbacb179fabaf42be5a4c56a2e7\
     35c0fc159e071253b53136ef15b3f4357206f77a33f4d052182d89ff678508c120f9518dfee2b759ce83e11a76ea857f6b26e1752ee4\
     b2835a02ecdc9a25efdc50969cfc712d7daac0fd5e92e17750cab7717d017501f59a63c6d7c021d3443bf1d301eb8d7d19cde8eb6619\
     8e55dde7a7933c47ee0e6cb57dd4abf76b82a9d4b0134a6ac4497766917bef89bb038201060002820101008423eae33cafb4abdd2fa1\
     7973efbed998a7d5e4f27f84d4ad4e8c0e12077a191ff38fb098760fe59ee794ca7b1a2a5f6d59ff1f6adb0ec3344518a99753ae44b6\
     75e25adbcd41e608ec5de1c9bf39739105c03f1b5037d3176904c15b5b9a3a7da0f0a776810f8eec5c43c35fa011ba4586beba819352\
     8a6bbc831defb9a22aba80db88f79d16305b20f647de5add15f43f1e4beaf523860841f5769031856364306e4af7d0f31e3fc982e6be\
     5c2514805dc1da4c58fac3863b483bb1bc882b9231feb926d1115aed41101f2a29b7431c5d63cc7f9b041fcb7666a62d9603804b38e1\
     58e4fbd742fd4fa3bbb3d7e952162feb35d7ed87e639b5fee3c0428c8f";
const DSA_SIGNATURE: &str = "303c021c11da62533836d78aaac4120ecc6fde0bc4cc6d76dad5eddeb1a43284021c57c1f1ef80d82c38b62db79eb5242391263ba64a\
     9c7a80a2a72d7033";

#[test]
fn dsa_verifies_and_is_called_weak() {
    let spki = hex::decode(DSA_KEY).unwrap();
    let signature = hex::decode(DSA_SIGNATURE).unwrap();
    let key = PublicKey::from_spki(&spki).unwrap();
    let scheme = Scheme::Dsa(Digest::Sha256);
    let verified = verify(&key, scheme, Message::Bytes(b"contract"), &signature).unwrap();
    assert_eq!(verified.weaknesses, [Weakness::Dsa]);
    assert_eq!(verify(&key, scheme, Message::Bytes(b"contracts"), &signature), Err(SignatureError::Invalid));
    let longer = verify(&key, Scheme::Dsa(Digest::Sha512), Message::Bytes(b"contract"), &signature);
    assert_eq!(longer, Err(SignatureError::Invalid));
    for at in 0..signature.len() {
        let mut flipped = signature.clone();
        flipped[at] ^= 1;
        assert!(verify(&key, scheme, Message::Bytes(b"contract"), &flipped).is_err(), "octet {at}");
    }
}

/// Zero, one and the group's order stand for r and s; p, g and y leave their ranges.
#[test]
fn dsa_with_numbers_out_of_range_is_refused() {
    use crate::asn1;
    let spki = hex::decode(DSA_KEY).unwrap();
    let key = PublicKey::from_spki(&spki).unwrap();
    let numbers = |r: &[u8], s: &[u8]| asn1::sequence(&[&asn1::integer(r), &asn1::integer(s)]);
    for (r, s) in [(&[0][..], &[0][..]), (&[1], &[0]), (&[0], &[1]), (&[1], &[1]), (&[0xff; 28], &[0xff; 28])]
    {
        let outcome = verify(&key, Scheme::Dsa(Digest::Sha256), Message::Bytes(b"contract"), &numbers(r, s));
        assert_eq!(outcome, Err(SignatureError::Invalid));
    }
    let oid = asn1::oid(&const_oid::ObjectIdentifier::new_unwrap("1.2.840.10040.4.1"));
    let made = |p: &[u8], q: &[u8], g: &[u8], y: &[u8]| {
        let parameters = asn1::sequence(&[&asn1::integer(p), &asn1::integer(q), &asn1::integer(g)]);
        let algorithm = asn1::sequence(&[&oid, &parameters]);
        PublicKey::from_spki(&asn1::sequence(&[&algorithm, &asn1::bit_string(&asn1::integer(y))]))
    };
    let (p, q) = ([0xff; 256], [0xff; 28]);
    for (g, y) in [(&[0][..], &[2][..]), (&[1], &[2]), (&p, &[2]), (&[2], &[0]), (&[2], &[1]), (&[2], &p)] {
        assert!(matches!(made(&p, &q, g, y), Err(SignatureError::BadKey(_))));
    }
    let outside = made(&p, &q, &[2], &[2]).unwrap();
    let outcome =
        verify(&outside, Scheme::Dsa(Digest::Sha256), Message::Bytes(b"contract"), &numbers(&[1], &[1]));
    assert!(matches!(outcome, Err(SignatureError::BadKey(_))), "no key of the group: {outcome:?}");
    assert!(matches!(made(&[0xff; 384], &[0xff; 384], &[2], &[2]), Err(SignatureError::BadKey(_))));
    let inherited = asn1::sequence(&[&asn1::sequence(&[&oid]), &asn1::bit_string(&asn1::integer(&[2]))]);
    assert!(matches!(PublicKey::from_spki(&inherited), Err(SignatureError::BadKey(_))));
}

#[test]
fn rsa_with_sha1_has_two_identifiers() {
    for identifier in ["300d06092a864886f70d0101050500", "300906052b0e03021d0500"] {
        let identifier = hex::decode(identifier).unwrap();
        assert_eq!(Scheme::from_identifier(&identifier, None), Ok(Scheme::RsaPkcs1(Digest::Sha1)));
    }
}
