#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr
)]

use super::material::{Material, Missing, needed};
use super::*;
use crate::x509::SignatureAlgorithm;
use crate::x509::signature::{Digest, SignatureError, Work};
use crate::x509::testing::{Folder, Identity, Pki, judge, openssl};

pub(super) const DOCUMENT: &[u8] = b"the two parts of a contract";

pub(super) struct Made {
    pub(super) cms: Vec<u8>,
    longest: usize,
}

pub(super) fn sign(pki: &Pki, signer: &Identity, content: Encapsulated<'_>, protection: bool) -> Made {
    let algorithm = signer.key.algorithm();
    let signed_attributes = AttributesSpec {
        content_type: oid::DATA,
        message_digest: &algorithm.digest(DOCUMENT),
        algorithm,
        certificate: signer.certificate.der(),
        signing_time: None,
        algorithm_protection: protection,
        others: &[],
    }
    .build()
    .unwrap();
    let spec = SignedDataSpec {
        content,
        signer: &signer.certificate,
        chain: &pki.chain(),
        with_certificates: true,
        algorithm,
        signed_attributes: &signed_attributes,
    };
    let signature = signer.key.sign(&signed_attributes);
    Made { cms: spec.assemble(&signature, None).unwrap(), longest: spec.longest(None).unwrap() }
}

const ALGORITHMS: [SignatureAlgorithm; 3] =
    [SignatureAlgorithm::EcdsaSha256, SignatureAlgorithm::EcdsaSha384, SignatureAlgorithm::RsaSha256];

#[test]
fn openssl_verifies_what_we_make() {
    for algorithm in ALGORITHMS {
        let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
        let signer = pki.signer(algorithm);
        let folder = Folder::new();
        folder.write("document", DOCUMENT);
        folder.write_pem("root.pem", &[&pki.root.certificate]);
        folder.write("detached.p7", &sign(&pki, &signer, Encapsulated::Detached, true).cms);
        folder.write("attached.p7", &sign(&pki, &signer, Encapsulated::Data(DOCUMENT), true).cms);
        let verify = "cms -verify -cades -binary -inform DER -purpose any -CAfile root.pem -out out";
        openssl(folder.path(), &format!("{verify} -in detached.p7 -content document"));
        openssl(folder.path(), &format!("{verify} -in attached.p7"));
    }
}

#[test]
fn the_size_bound_is_exact_and_reached() {
    for algorithm in ALGORITHMS {
        let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
        let signer = pki.signer(algorithm);
        let sizes: Vec<_> = (0..20)
            .map(|_| sign(&pki, &signer, Encapsulated::Detached, true))
            .inspect(|made| assert!(made.cms.len() <= made.longest))
            .map(|made| made.longest - made.cms.len())
            .collect();
        assert!(sizes.iter().min().unwrap() <= &2, "{algorithm:?}: {sizes:?}");
    }
}

#[test]
fn what_we_make_verifies_without_findings() {
    for algorithm in ALGORITHMS {
        let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
        let signer = pki.signer(algorithm);
        let made = sign(&pki, &signer, Encapsulated::Detached, true);
        let mut padded = made.cms.clone();
        padded.extend([0; 100]);
        let (read, used) = SignedData::from_prefix(&padded).unwrap();
        assert_eq!(used, made.cms.len());
        let (left, right) = DOCUMENT.split_at(9);
        let verified = read.verify_single(Some(Content::Pieces(&[left, right])), &[]).unwrap();
        assert_eq!(verified.certificate, signer.certificate);
        assert_eq!(verified.findings, []);
        let digest = read.signers[0].digest().unwrap();
        let by_digest = Content::Digest(digest, &digest.of(DOCUMENT));
        assert_eq!(read.verify_single(Some(by_digest), &[]).unwrap(), verified);
        assert_eq!(
            read.verify_single(Some(Content::Pieces(&[b"another contract"])), &[]),
            Err(SignerError::ContentChanged)
        );
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let signer = pki.signer(SignatureAlgorithm::EcdsaSha256);
    let made = sign(&pki, &signer, Encapsulated::Detached, true).cms;
    let original = SignedData::from_bytes(&made).unwrap();
    let content = Some(Content::Pieces(&[DOCUMENT]));
    let mut accepted = 0;
    for byte in 0..made.len() {
        let mut forged = made.clone();
        forged[byte] ^= 1 << (byte % 8);
        let Ok(read) = SignedData::from_bytes(&forged) else { continue };
        if let Ok(verified) = read.verify_single(content, &[]) {
            // Only what the signature does not cover may change: the other certificates, version numbers, the digest set.
            accepted += 1;
            assert_eq!(verified.certificate, signer.certificate);
            assert_eq!(read.signers[0].signature, original.signers[0].signature);
            assert_eq!(read.signers[0].signed, original.signers[0].signed);
            assert_eq!(read.content_type, original.content_type);
        }
    }
    eprintln!("{accepted} flips in parts that are not signed");
}

#[test]
fn another_certificate_with_the_same_name_and_number_is_not_taken() {
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let signer = pki.signer(SignatureAlgorithm::EcdsaSha256);
    let made = SignedData::from_bytes(&sign(&pki, &signer, Encapsulated::Detached, false).cms).unwrap();
    let content = Content::Pieces(&[DOCUMENT]);
    // The same key certified once more: the signature fits, the binding does not.
    let twin = {
        let der = signer.certificate.der().to_vec();
        let position = der.windows(7).position(|w| w == b"HUFU-17").unwrap();
        let mut der = der;
        der[position + 6] = b'8';
        der
    };
    let outcome = made.signers[0].verify(made.content_type, content, &[twin], &Work::new(100));
    assert_eq!(outcome, Err(SignerError::OtherCertificate));
    let outcome = made.signers[0].verify(made.content_type, content, &[], &Work::new(100));
    assert_eq!(outcome, Err(SignerError::NoCertificate));
}

#[test]
fn attributes_a_key_is_asked_to_sign_are_read_strictly() {
    let digest = [1; 32];
    let build = |others: &[Vec<u8>]| {
        AttributesSpec {
            content_type: oid::DATA,
            message_digest: &digest,
            algorithm: SignatureAlgorithm::EcdsaSha256,
            certificate: b"certificate",
            signing_time: Some(hufu_api::UnixTime::from_seconds(1_700_000_000)),
            algorithm_protection: true,
            others,
        }
        .build()
    };
    let der = build(&[]).unwrap();
    let read = SignedAttributes::from_der(&der).unwrap();
    assert_eq!(read.content_type, oid::DATA);
    assert_eq!(read.message_digest, digest);
    assert_eq!(read.certificate_sha256, Some(Digest::Sha256.of(b"certificate")));
    assert_eq!(read.types.len(), 5);
    let twice = attribute(&oid::MESSAGE_DIGEST, &crate::x509::asn1::octet_string(&digest));
    assert!(matches!(build(&[twice]), Err(CmsError::NotAllowed(_))));
    let mut trailing = der;
    trailing.push(0);
    assert!(SignedAttributes::from_der(&trailing).is_err());
    assert!(SignedAttributes::from_der(&[0x31, 0]).is_err());
}

/// Signatures by OpenSSL in many forms: DER and BER, with and without attributes, by key identifier, PSS, SHA-3, brainpool, Ed25519.
#[test]
fn signatures_made_by_openssl_verify() {
    let cases = [
        ("rsa", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", "-md sha256"),
        (
            "rsa-stream",
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
            "-md sha512 -stream -nodetach",
        ),
        ("rsa-keyid", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072", "-md sha384 -keyid"),
        ("rsa-noattr", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", "-md sha256 -noattr"),
        ("rsa-sha1", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024", "-md sha1"),
        ("rsa-sha224", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", "-md sha224"),
        (
            "pss",
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
            "-md sha256 -keyopt rsa_padding_mode:pss",
        ),
        (
            "pss-mixed",
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048",
            "-md sha512 -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:20 -keyopt rsa_mgf1_md:sha1",
        ),
        (
            "pss-key",
            "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048",
            "-md sha256 -keyopt rsa_padding_mode:pss",
        ),
        ("p256", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", "-md sha256 -cades"),
        ("p256-sha512", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", "-md sha512"),
        ("p384", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", "-md sha384 -stream -nodetach"),
        ("p384-noattr", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", "-md sha256 -noattr"),
        ("p521", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521", "-md sha256"),
        ("bp256", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1", "-md sha256"),
        ("bp384", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP384r1", "-md sha384"),
        ("p224", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-224", "-md sha256"),
        ("p256k1", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", "-md sha256"),
        ("ed25519", "genpkey -algorithm ED25519", "-md sha512"),
    ];
    let folder = Folder::new();
    folder.write("document", DOCUMENT);
    let mut verified = 0;
    for (name, key, options) in cases {
        let Some(_) = openssl(folder.path(), &format!("{key} -out key.pem")) else { return };
        openssl(folder.path(), "req -new -x509 -key key.pem -subj /CN=judge -days 30 -out cert.pem");
        let sign = format!(
            "cms -sign -binary -in document -signer cert.pem -inkey key.pem -outform DER -out {name}.p7"
        );
        let args: Vec<String> = format!("{sign} {options}").split_whitespace().map(str::to_owned).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = judge(folder.path(), "openssl", &args).unwrap();
        if !output.status.success() {
            eprintln!(
                "skipped: this openssl does not sign {name}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            continue;
        }
        let bytes = std::fs::read(folder.path().join(format!("{name}.p7"))).unwrap();
        let read = SignedData::from_bytes(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let detached = read.content.is_none().then_some(Content::Pieces(&[DOCUMENT]));
        let signer = read.verify_single(detached, &[]).unwrap_or_else(|e| panic!("{name}: {e}"));
        let weak = signer.findings.iter().filter(|f| matches!(f, Finding::Weak(_))).count();
        assert_eq!(weak, if name == "rsa-sha1" { 2 } else { 0 }, "{name}: {:?}", signer.findings);
        assert_eq!(
            signer.findings.contains(&Finding::NoSignedAttributes),
            name.ends_with("noattr"),
            "{name}"
        );
        if read.content.is_none() {
            let changed = read.verify_single(Some(Content::Pieces(&[b"changed"])), &[]);
            assert!(
                matches!(
                    changed,
                    Err(SignerError::ContentChanged | SignerError::Signature(SignatureError::Invalid))
                ),
                "{name}: {changed:?}"
            );
        }
        verified += 1;
    }
    assert!(verified >= 12, "only {verified} forms could be made");
}

/// SM2 with SM3 by OpenSSL: a certificate and, where it can, a CMS.
#[test]
fn sm2_by_openssl_verifies() {
    let folder = Folder::new();
    folder.write("document", DOCUMENT);
    let Some(_) = openssl(folder.path(), "genpkey -algorithm SM2 -out key.pem") else { return };
    openssl(
        folder.path(),
        "req -new -x509 -key key.pem -sm3 -sigopt distid:1234567812345678 -subj /CN=SM2 -days 30 -outform DER -out cert.der",
    );
    openssl(folder.path(), "x509 -inform DER -in cert.der -out cert.pem");
    let certificate =
        crate::x509::Certificate::from_der(&std::fs::read(folder.path().join("cert.der")).unwrap()).unwrap();
    let verify = |bytes: &[u8]| {
        let (algorithm, signature) = (&certificate.signature_algorithm, &certificate.signature);
        crate::x509::signature::verify_signed(&certificate.spki, algorithm, bytes, signature)
    };
    let _verified = verify(certificate.tbs()).unwrap();
    assert_eq!(verify(b"something else"), Err(SignatureError::Invalid));
    // The default identity must be given, or OpenSSL uses an empty one, which no other tool accepts.
    openssl(
        folder.path(),
        "pkeyutl -sign -in document -rawin -digest sm3 -inkey key.pem -pkeyopt distid:1234567812345678 -out signature",
    );
    let signature = std::fs::read(folder.path().join("signature")).unwrap();
    // The CMS that GM/T 0010 describes: its own content types, the bare content signed.
    use crate::x509::asn1;
    let sm3 = asn1::sequence(&[&asn1::oid(&Digest::Sm3.oid())]);
    let sm2 =
        asn1::sequence(&[&asn1::oid(&const_oid::ObjectIdentifier::new_unwrap("1.2.156.10197.1.301.1"))]);
    let sid =
        asn1::sequence(&[certificate.issuer.der(), &asn1::tlv(asn1::tag::INTEGER, &[&certificate.serial])]);
    let signer = asn1::sequence(&[&asn1::integer_u64(1), &sid, &sm3, &sm2, &asn1::octet_string(&signature)]);
    let signed_data = asn1::sequence(&[
        &asn1::integer_u64(1),
        &asn1::set(&[&sm3]),
        &asn1::sequence(&[&asn1::oid(&oid::SM_DATA)]),
        &asn1::context(0, &[certificate.der()]),
        &asn1::set(&[&signer]),
    ]);
    let cms = asn1::sequence(&[&asn1::oid(&oid::SM_SIGNED_DATA), &asn1::context(0, &[&signed_data])]);
    let read = SignedData::from_bytes(&cms).unwrap();
    let verified = read.verify_single(Some(Content::Pieces(&[DOCUMENT])), &[]).unwrap();
    assert_eq!(verified.scheme, crate::x509::signature::Scheme::Sm2WithSm3);
    assert_eq!(
        read.verify_single(Some(Content::Pieces(&[b"changed"])), &[]),
        Err(SignerError::Signature(SignatureError::Invalid))
    );
    let sign =
        "cms -sign -binary -md sm3 -in document -signer cert.pem -inkey key.pem -outform DER -out sm2.p7";
    let args: Vec<&str> = sign.split_whitespace().collect();
    let output = judge(folder.path(), "openssl", &args).unwrap();
    if output.status.success() {
        let read = SignedData::from_bytes(&std::fs::read(folder.path().join("sm2.p7")).unwrap()).unwrap();
        match read.verify_single(Some(Content::Pieces(&[DOCUMENT])), &[]) {
            Ok(_) => eprintln!("openssl's own SM2 CMS verifies"),
            Err(error) => eprintln!("openssl's own SM2 CMS (no identity): {error}"),
        }
    } else {
        eprintln!("skipped: this openssl makes no CMS with SM2: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_long_term_signature_gets_all_it_needs_and_nothing_else() {
    use crate::x509::ocsp::OcspStatus;
    use crate::x509::ocsp_tests::answer;
    use crate::x509::testing::{crl, now};
    use crate::x509::{Revoked, Role};
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let stranger = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let signer = pki.signer(SignatureAlgorithm::EcdsaSha256);
    let responder = pki.leaf(SignatureAlgorithm::EcdsaSha256, Role::OcspResponder);
    let cms = sign(&pki, &signer, Encapsulated::Detached, true).cms;
    let stamped = now().plus_millis(-60_000);

    let bare = needed(&cms, &Material::default(), stamped).unwrap();
    let of = |c: &crate::x509::Certificate| Missing::Revocation(Box::new(c.clone()));
    assert_eq!(bare.missing, [of(&signer.certificate), of(&pki.ca.certificate)]);

    let good = answer(&pki, &responder, &signer.certificate, OcspStatus::Good, now());
    let root_crl = crl(&pki.root, &[]);
    let pool = Material {
        certificates: stranger.chain(),
        crls: vec![crl(&stranger.root, &[]), root_crl.clone()],
        ocsp_responses: vec![b"garbage".to_vec(), good.clone()],
    };
    let full = needed(&cms, &pool, stamped).unwrap();
    assert_eq!(full.missing, []);
    assert_eq!(full.material.ocsp_responses, [good]);
    assert_eq!(full.material.crls, std::slice::from_ref(&root_crl));
    let mut wanted = vec![signer.certificate.der().to_vec(), responder.certificate.der().to_vec()];
    wanted.extend(pki.chain());
    wanted.sort();
    let mut found = full.material.certificates;
    found.sort();
    assert_eq!(found, wanted);

    // Older than the time stamp: says nothing about the moment of signing.
    let stale = answer(&pki, &responder, &signer.certificate, OcspStatus::Good, now().plus_millis(-120_000));
    let pool = Material { ocsp_responses: vec![stale], crls: vec![root_crl.clone()], ..Material::default() };
    assert_eq!(needed(&cms, &pool, stamped).unwrap().missing, [of(&signer.certificate)]);

    let entry = Revoked {
        serial: signer.certificate.serial.clone(),
        at: now(),
        reason: hufu_api::RevocationReason::KeyCompromise,
    };
    let pool = Material { crls: vec![root_crl, crl(&pki.ca, &[entry])], ..Material::default() };
    let revoked = needed(&cms, &pool, stamped).unwrap();
    assert_eq!(revoked.missing, [Missing::Revoked(Box::new(signer.certificate))]);
}

#[test]
fn a_signature_time_stamp_travels_unsigned_and_within_the_bound() {
    use crate::tsp::{Token, tests as tsp};
    use crate::x509::Role;
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let signer = pki.signer(SignatureAlgorithm::RsaSha256);
    let tsa = pki.leaf(SignatureAlgorithm::EcdsaSha256, Role::TimeStamping);
    let attributes = AttributesSpec {
        content_type: oid::DATA,
        message_digest: &SignatureAlgorithm::RsaSha256.digest(DOCUMENT),
        algorithm: SignatureAlgorithm::RsaSha256,
        certificate: signer.certificate.der(),
        signing_time: Some(crate::x509::testing::now()),
        algorithm_protection: true,
        others: &[],
    }
    .build()
    .unwrap();
    let spec = SignedDataSpec {
        content: Encapsulated::Detached,
        signer: &signer.certificate,
        chain: &[pki.chain(), pki.chain()].concat(),
        with_certificates: true,
        algorithm: SignatureAlgorithm::RsaSha256,
        signed_attributes: &attributes,
    };
    let signature = signer.key.sign(&attributes);
    let request = crate::tsp::Request {
        digest: Digest::Sha256.of(&signature),
        ..tsp::request(hufu_api::HashAlgorithm::Sha256)
    };
    let token = tsp::stamp(&pki, &tsa, &request, |_| ());
    let cms = spec.assemble(&signature, Some(&token)).unwrap();
    assert_eq!(cms.len(), spec.longest(Some(token.len())).unwrap());

    let folder = Folder::new();
    folder.write("document", DOCUMENT);
    folder.write("stamped.p7", &cms);
    folder.write_pem("root.pem", &[&pki.root.certificate]);
    openssl(
        folder.path(),
        "cms -verify -cades -binary -inform DER -purpose any -CAfile root.pem -in stamped.p7 -content document -out out",
    );
    let read = SignedData::from_bytes(&cms).unwrap();
    assert_eq!(read.certificates.len(), 3, "each certificate once");
    let verified = read.verify_single(Some(Content::Pieces(&[DOCUMENT])), &[]).unwrap();
    assert_eq!(verified.findings, []);
    assert!(verified.signing_time.is_some());
    let stamps: Vec<_> = read.signers[0].unsigned_values(&oid::TIME_STAMP_TOKEN).collect();
    let stamp = Token::from_bytes(stamps[0]).unwrap();
    assert_eq!(
        stamp.verify(Content::Pieces(&[&signature]), &[]).unwrap().signer.certificate,
        tsa.certificate
    );
}

/// RFC 5652 5.4 has the DER form of the signed attributes signed, whatever is transmitted; some signers sign what they transmit.
#[test]
fn attributes_out_of_order_are_verified_both_ways_and_named() {
    use crate::x509::asn1;
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let signer = pki.signer(SignatureAlgorithm::EcdsaSha256);
    let read = SignedData::from_bytes(&sign(&pki, &signer, Encapsulated::Detached, false).cms).unwrap();
    let set = read.signers[0].signed.clone().unwrap();
    let mut attributes: Vec<Vec<u8>> = asn1::Value::parse(&set.der, asn1::Rules::Der)
        .unwrap()
        .children()
        .unwrap()
        .all(9, "attributes")
        .unwrap()
        .iter()
        .map(|v| v.raw.to_vec())
        .collect();
    attributes.reverse();
    let reversed: Vec<&[u8]> = attributes.iter().map(Vec::as_slice).collect();
    let transmitted = asn1::set(&reversed);
    assert_ne!(transmitted, set.der);
    for (signed, reencoded) in [(&set.der, true), (&transmitted, false)] {
        let mut forged = read.clone();
        let info = &mut forged.signers[0];
        info.signature = signer.key.sign(signed);
        info.signed = Some(SignedSet { transmitted: transmitted.clone(), ..set.clone() });
        let verified = forged.verify_single(Some(Content::Pieces(&[DOCUMENT])), &[]).unwrap();
        assert_eq!(verified.findings, [Finding::AttributesNotDer { reencoded }]);
    }
}

#[test]
fn substituted_algorithms_are_noticed() {
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let signer = pki.signer(SignatureAlgorithm::EcdsaSha256);
    let mut read = SignedData::from_bytes(&sign(&pki, &signer, Encapsulated::Detached, true).cms).unwrap();
    // ecdsa-with-SHA256 by its generic name: the same computation, but not what was protected.
    read.signers[0].signature_algorithm = crate::x509::asn1::sequence(&[&crate::x509::asn1::oid(
        &const_oid::ObjectIdentifier::new_unwrap("1.2.840.10045.2.1"),
    )]);
    let outcome = read.verify_single(Some(Content::Pieces(&[DOCUMENT])), &[]);
    assert_eq!(outcome, Err(SignerError::Attributes("the algorithms are not the protected ones".into())));
}
