#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::testing::{Folder, Identity, Pki, crl, now, openssl, person, request};
use super::*;
use const_oid::db::rfc5280::{ID_CE_KEY_USAGE, ID_KP_EMAIL_PROTECTION};
use hufu_api::{CertificateKind, Chain, Der, Profile, RevocationReason, SceneBinding, SignerKind, Subject};

const ALGORITHMS: [SignatureAlgorithm; 3] =
    [SignatureAlgorithm::EcdsaSha256, SignatureAlgorithm::EcdsaSha384, SignatureAlgorithm::RsaSha256];

#[test]
fn openssl_accepts_certificates_of_every_role() {
    for algorithm in ALGORITHMS {
        let pki = Pki::new(algorithm);
        let folder = Folder::new();
        folder.write_pem("root.pem", &[&pki.root.certificate]);
        folder.write_pem("ca.pem", &[&pki.ca.certificate]);
        let scene = SceneBinding { document_sha256: [7; 32], consent: Some(12) };
        let policies = [const_oid::ObjectIdentifier::new_unwrap("1.2.156.112586.1.1")];
        let signer = Role::Signer {
            extended_key_usage: &[ID_KP_EMAIL_PROTECTION],
            policies: &policies,
            scene: Some(&scene),
        };
        for (role, purpose) in
            [(signer, "smimesign"), (Role::TimeStamping, "timestampsign"), (Role::OcspResponder, "any")]
        {
            let leaf = pki.leaf(algorithm, role);
            folder.write_pem("leaf.pem", &[&leaf.certificate]);
            openssl(
                folder.path(),
                &format!(
                    "verify -x509_strict -purpose {purpose} -CAfile root.pem -untrusted ca.pem leaf.pem"
                ),
            );
        }
        if let Some(text) = openssl(folder.path(), "x509 -in ca.pem -noout -text") {
            assert!(text.contains("CA:TRUE, pathlen:0"), "{text}");
        }
    }
}

#[test]
fn a_certificate_reads_as_it_was_made() {
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let leaf = pki.signer(SignatureAlgorithm::RsaSha256).certificate;
    assert_eq!(leaf.version, 3);
    assert_eq!(leaf.summary().subject, "C=CN,CN=张三,SERIALNUMBER=HUFU-17");
    assert_eq!(leaf.summary().issuer, "C=CN,O=Hufu 测试,CN=Hufu Test CA");
    assert_eq!(leaf.summary().common_name.as_deref(), Some("张三"));
    assert!(leaf.serial_hex().starts_with("80000000000000"), "{}", leaf.serial_hex());
    assert_eq!(leaf.not_after.millis() - leaf.not_before.millis(), 366 * 86_400_000);
    let usage = leaf.key_usage().unwrap().unwrap();
    assert!(usage.digital_signature() && usage.non_repudiation() && !usage.cert_sign() && !usage.crl_sign());
    assert!(leaf.extension(&ID_CE_KEY_USAGE).unwrap().critical);
    assert_eq!(leaf.ca().unwrap(), None);
    assert_eq!(pki.ca.certificate.ca().unwrap(), Some(Some(0)));
    assert_eq!(
        leaf.authority_key_identifier().unwrap(),
        pki.ca.certificate.subject_key_identifier().unwrap()
    );
    assert_eq!(Certificate::from_tbs(leaf.tbs()).unwrap().subject, leaf.subject);
}

#[test]
fn requests_prove_possession() {
    for algorithm in ALGORITHMS {
        let key = testing::SoftKey::new(algorithm);
        let der = request(&key);
        let read = Request::verified(&der).unwrap();
        assert_eq!(read.spki, key.spki());
        assert_eq!(read.subject.to_string(), "C=CN,CN=张三,SERIALNUMBER=HUFU-17");
        let folder = Folder::new();
        folder.write("csr.der", &der);
        openssl(folder.path(), "req -inform DER -in csr.der -verify -noout");
        let mut forged = der;
        *forged.last_mut().unwrap() ^= 1;
        assert!(matches!(
            Request::verified(&forged),
            Err(X509Error::BadSignature(_) | X509Error::Malformed { .. })
        ));
    }
}

#[test]
fn openssl_reads_revocation_lists_and_finds_the_revoked() {
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let revoked = pki.signer(SignatureAlgorithm::EcdsaSha256);
    let good = pki.signer(SignatureAlgorithm::EcdsaSha256);
    let folder = Folder::new();
    folder.write_pem("chain.pem", &[&pki.root.certificate, &pki.ca.certificate]);
    folder.write_pem("revoked.pem", &[&revoked.certificate]);
    folder.write_pem("good.pem", &[&good.certificate]);
    let entry = Revoked {
        serial: revoked.certificate.serial,
        at: now().plus_millis(-1000),
        reason: RevocationReason::KeyCompromise,
    };
    folder.write("ca.crl", &crl(&pki.ca, &[entry]));
    if openssl(folder.path(), "crl -inform DER -in ca.crl -CAfile chain.pem -noout -out ca.pem").is_none() {
        return;
    }
    openssl(folder.path(), "crl -inform DER -in ca.crl -out crl.pem");
    openssl(folder.path(), "verify -x509_strict -crl_check -CRLfile crl.pem -CAfile chain.pem good.pem");
    let args = ["verify", "-crl_check", "-CRLfile", "crl.pem", "-CAfile", "chain.pem", "revoked.pem"];
    let output = testing::judge(folder.path(), "openssl", &args).unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("certificate revoked"));
    folder.write("empty.crl", &crl(&pki.ca, &[]));
    openssl(folder.path(), "crl -inform DER -in empty.crl -CAfile chain.pem -noout");
}

#[test]
fn names_that_cannot_be_encoded_are_refused_by_field() {
    let refuse = |change: fn(&mut Subject), field: &str| {
        let mut subject = person();
        change(&mut subject);
        match subject_name(&subject) {
            Err(X509Error::Unencodable { what, .. }) => assert_eq!(what, field),
            other => panic!("{other:?}"),
        }
    };
    refuse(|s| s.common_name.clear(), "commonName");
    refuse(|s| s.common_name = "名".repeat(65), "commonName");
    refuse(|s| s.common_name = "a\nb".into(), "commonName");
    refuse(|s| s.country = "cn".into(), "countryName");
    refuse(|s| s.serial_number = "身份".into(), "serialNumber");
    refuse(|s| s.organization = Some(String::new()), "organizationName");
    let mut longest = person();
    longest.common_name = "名".repeat(64);
    assert_eq!(
        Name::from_der(&subject_name(&longest).unwrap()).unwrap().common_name(),
        Some(&*"名".repeat(64))
    );
}

fn profile() -> Profile {
    Profile {
        name: "person-long".into(),
        signer: SignerKind::Person,
        kind: CertificateKind::Long,
        validity_seconds: 365 * 86_400,
        extended_key_usage: vec![],
        policies: vec![],
    }
}

fn chain(pki: &Pki, leaf: &Identity) -> Chain {
    Chain(
        [&leaf.certificate, &pki.ca.certificate, &pki.root.certificate]
            .map(|c| Der(c.der().to_vec()))
            .to_vec(),
    )
}

#[test]
fn what_a_channel_returns_is_checked() {
    let pki = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let leaf = pki.signer(SignatureAlgorithm::EcdsaSha256);
    let (subject, profile, spki) = (person(), profile(), leaf.key.spki());
    let check =
        IssuedCheck { spki: &spki, subject: &subject, profile: &profile, now: now(), exact_subject: true };
    let good = chain(&pki, &leaf);
    assert_eq!(check.check(&good).unwrap().len(), 3);

    let other_key = pki.signer(SignatureAlgorithm::EcdsaSha256);
    assert_eq!(check.check(&chain(&pki, &other_key)), Err(IssuedError::OtherKey));
    assert_eq!(check.check(&Chain(vec![])), Err(IssuedError::Length(0)));
    let stranger = Subject { common_name: "李四".into(), ..person() };
    for exact_subject in [true, false] {
        let check = IssuedCheck { subject: &stranger, exact_subject, ..check };
        assert!(matches!(check.check(&good), Err(IssuedError::OtherSubject { .. })));
    }
    let later = IssuedCheck { now: now().plus_millis(400 * 86_400_000), ..check };
    assert!(matches!(later.check(&good), Err(IssuedError::Validity(_))));
    let short = Profile { validity_seconds: 3600, ..profile.clone() };
    assert!(matches!(IssuedCheck { profile: &short, ..check }.check(&good), Err(IssuedError::Validity(_))));
    let wants_more = Profile { policies: vec!["1.2.3".into()], ..profile.clone() };
    assert!(matches!(
        IssuedCheck { profile: &wants_more, ..check }.check(&good),
        Err(IssuedError::Profile(_))
    ));

    let stranger = Pki::new(SignatureAlgorithm::EcdsaSha256);
    let mixed = Chain(vec![good.0[0].clone(), Der(stranger.ca.certificate.der().to_vec())]);
    assert!(matches!(check.check(&mixed), Err(IssuedError::Broken { position: 0, .. })));
    let no_ca = Chain(vec![good.0[0].clone(), good.0[0].clone()]);
    assert!(matches!(check.check(&no_ca), Err(IssuedError::Broken { position: 0, .. })));
    let mut flipped = good;
    *flipped.0[0].0.last_mut().unwrap() ^= 1;
    assert!(check.check(&flipped).is_err());
}
