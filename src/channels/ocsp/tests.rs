#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
use super::*;
use crate::channels::testing::{TestPki, openssl, pem};
use hufu_api::{
    CertificateAuthorities, CertificateKind, Csr, Enrollment, IssuerKey, Revocation, RevocationReason,
};
use hufu_testkit::{Requester, cx, profile};
use std::path::Path;
use std::time::Duration;

/// The responder over a PKI in software.
struct Pki {
    test: TestPki,
    responder: OcspResponder,
}

impl std::ops::Deref for Pki {
    type Target = TestPki;

    fn deref(&self) -> &TestPki {
        &self.test
    }
}

impl Pki {
    fn new() -> Self {
        let test = TestPki::new();
        let keys: Arc<dyn Keys> = Arc::clone(&test.world.keys) as _;
        let log: Arc<dyn AuditLog> = Arc::clone(&test.world.log) as _;
        let clock: Arc<dyn Clock> = Arc::clone(&test.world.clock) as _;
        let responder =
            OcspResponder::new(&test.authorities, std::slice::from_ref(&test.ocsp), &keys, &log, clock);
        Self { test, responder }
    }

    fn leaf(&self, name: &str, kind: CertificateKind) -> Certificate {
        let who = Requester::new(name);
        let csr = Csr { der: &who.csr, subject: &who.subject, scene: None };
        let enrolled = self.authorities.enroll(cx(5), &["local".into()], csr, &profile(kind)).unwrap();
        match enrolled.enrollment {
            Enrollment::Issued(chain) => Certificate::from_der(&chain.0[0].0).unwrap(),
            Enrollment::Pending(_) => panic!("decided at once"),
        }
    }

    fn revoke(&self, leaf: &Certificate) {
        let what = Revocation {
            certificate: Der(leaf.der().to_vec()),
            reason: RevocationReason::KeyCompromise,
            at: self.world.now(),
        };
        self.authorities.revoke(cx(5), "local", &what).unwrap();
    }

    fn crl(&self) -> Vec<u8> {
        let (_, channel) = self.authorities.running().next().unwrap();
        channel.maintain(cx(5)).unwrap();
        channel.repository().unwrap().crl("issuing-1").unwrap().unwrap().0
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.dir.path().join(name), bytes).unwrap();
    }

    fn files(&self, leaf: &Certificate) -> &Path {
        self.write("root.pem", pem("CERTIFICATE", &self.world.root.certificate().0));
        self.write("issuing.pem", pem("CERTIFICATE", &self.issuing.certificate.0));
        self.write("leaf.pem", pem("CERTIFICATE", leaf.der()));
        self.write("crl.pem", pem("X509 CRL", &self.crl()));
        self.dir.path()
    }
}

#[test]
fn openssl_takes_certificate_chain_and_revocation_list() {
    let pki = Pki::new();
    let leaf = pki.leaf("张三", CertificateKind::Long);
    let dir = pki.files(&leaf);
    let verify = [
        "verify",
        "-x509_strict",
        "-crl_check",
        "-CAfile",
        "root.pem",
        "-untrusted",
        "issuing.pem",
        "-CRLfile",
        "crl.pem",
        "leaf.pem",
    ];
    assert!(openssl(dir, &verify).unwrap().contains("leaf.pem: OK"));
    let text = openssl(dir, &["crl", "-in", "crl.pem", "-CAfile", "issuing.pem", "-noout", "-text"]).unwrap();
    assert!(text.contains("verify OK") && text.contains("No Revoked Certificates"), "{text}");
    pki.revoke(&leaf);
    pki.files(&leaf);
    let refused = openssl(dir, &verify).unwrap_err();
    assert!(refused.contains("certificate revoked"), "{refused}");
    let text = openssl(dir, &["crl", "-in", "crl.pem", "-CAfile", "issuing.pem", "-noout", "-text"]).unwrap();
    assert!(text.contains("verify OK") && text.contains("Key Compromise"), "{text}");
}

#[test]
fn openssl_takes_ocsp_answers() {
    let pki = Pki::new();
    let leaf = pki.leaf("张三", CertificateKind::Long);
    let dir = pki.files(&leaf);
    let ask = || {
        for hash in ["-sha1", "-sha256"] {
            let query = ["ocsp", hash, "-issuer", "issuing.pem", "-cert", "leaf.pem", "-reqout", "q.der"];
            openssl(dir, &query).unwrap();
            let answer = pki.responder.respond(cx(5), &std::fs::read(dir.join("q.der")).unwrap());
            pki.write("a.der", &answer.response);
        }
        let verify = [
            "ocsp",
            "-respin",
            "a.der",
            "-sha256",
            "-issuer",
            "issuing.pem",
            "-cert",
            "leaf.pem",
            "-CAfile",
            "root.pem",
            "-verify_other",
            "issuing.pem",
            "-no_nonce",
        ];
        openssl(dir, &verify).unwrap()
    };
    let good = ask();
    assert!(good.contains("Response verify OK") && good.contains("leaf.pem: good"), "{good}");
    pki.revoke(&leaf);
    let revoked = ask();
    assert!(revoked.contains("Response verify OK") && revoked.contains("leaf.pem: revoked"), "{revoked}");
    assert!(revoked.contains("Reason: keyCompromise"), "{revoked}");
}

#[test]
fn an_answer_is_used_again_until_the_status_changes_or_it_is_old() {
    let pki = Pki::new();
    let leaf = pki.leaf("张三", CertificateKind::Long);
    let dir = pki.files(&leaf);
    openssl(dir, &["ocsp", "-issuer", "issuing.pem", "-cert", "leaf.pem", "-no_nonce", "-reqout", "q.der"])
        .unwrap();
    let request = std::fs::read(dir.join("q.der")).unwrap();
    let first = pki.responder.respond(cx(5), &request);
    let uses = pki.world.keys.uses();
    assert_eq!(pki.responder.respond(cx(5), &request), first);
    assert_eq!(pki.world.keys.uses(), uses);
    pki.world.clock.advance(Duration::from_secs(3601));
    assert_ne!(pki.responder.respond(cx(5), &request).response, first.response);
    assert_eq!(pki.world.keys.uses(), uses + 1);
}

#[test]
fn evidence_for_a_document_is_never_older_than_asked() {
    let pki = Pki::new();
    let leaf = pki.leaf("张三", CertificateKind::Long);
    let early = pki.responder.evidence(cx(5), &leaf, pki.world.now()).unwrap().unwrap();
    assert_eq!(pki.responder.evidence(cx(5), &leaf, pki.world.now()).unwrap().unwrap(), early);
    pki.world.clock.advance(Duration::from_secs(5));
    assert_ne!(pki.responder.evidence(cx(5), &leaf, pki.world.now()).unwrap().unwrap(), early);
    let stranger = Certificate::from_der(&pki.world.root.certificate().0).unwrap();
    assert_eq!(pki.responder.evidence(cx(5), &stranger, pki.world.now()).unwrap(), None);
}

#[test]
fn what_cannot_be_answered_is_not_signed() {
    let pki = Pki::new();
    let leaf = pki.leaf("张三", CertificateKind::Long);
    let dir = pki.files(&leaf);
    let uses = pki.world.keys.uses();
    assert_eq!(pki.responder.respond(cx(5), b"GET /").response, [0x30, 3, 0x0a, 1, 1]);
    // Another CA's certificate, then a serial number that was never given out.
    openssl(dir, &["ocsp", "-issuer", "root.pem", "-cert", "issuing.pem", "-reqout", "q.der"]).unwrap();
    let request = std::fs::read(dir.join("q.der")).unwrap();
    assert_eq!(pki.responder.respond(cx(5), &request).response, [0x30, 3, 0x0a, 1, 6]);
    openssl(dir, &["ocsp", "-issuer", "issuing.pem", "-serial", "0x123456", "-reqout", "q.der"]).unwrap();
    let request = std::fs::read(dir.join("q.der")).unwrap();
    assert_eq!(pki.responder.respond(cx(5), &request).response, [0x30, 3, 0x0a, 1, 6]);
    assert_eq!(pki.world.keys.uses(), uses);
    openssl(dir, &["ocsp", "-issuer", "issuing.pem", "-cert", "leaf.pem", "-reqout", "q.der"]).unwrap();
    let request = std::fs::read(dir.join("q.der")).unwrap();
    pki.world.keys.set_down(true);
    assert_eq!(pki.responder.respond(cx(5), &request).response, [0x30, 3, 0x0a, 1, 3]);
}

#[test]
fn a_linter_finds_no_error() {
    let Some(folder) = std::env::var_os("HUFU_PKILINT") else {
        println!("skipped: HUFU_PKILINT does not name the folder of pkilint's programs");
        return;
    };
    let pki = Pki::new();
    let leaf = pki.leaf("张三", CertificateKind::Long);
    let gone = pki.leaf("李四", CertificateKind::Scene);
    pki.revoke(&gone);
    let dir = pki.files(&leaf);
    pki.write("ocsp.pem", pem("CERTIFICATE", &pki.ocsp.certificate.0));
    openssl(dir, &["ocsp", "-issuer", "issuing.pem", "-cert", "leaf.pem", "-no_nonce", "-reqout", "q.der"])
        .unwrap();
    let answer = pki.responder.respond(cx(5), &std::fs::read(dir.join("q.der")).unwrap());
    pki.write("answer.der", &answer.response);
    let certificate = ["lint_pkix_cert", "lint", "-s", "ERROR"];
    for (command, file) in [
        (&certificate[..], "leaf.pem"),
        (&certificate[..], "issuing.pem"),
        (&certificate[..], "root.pem"),
        (&certificate[..], "ocsp.pem"),
        (&["lint_crl", "lint", "-t", "CRL", "-p", "PKIX", "-s", "ERROR"][..], "crl.pem"),
        (&["lint_ocsp_response", "lint", "-s", "ERROR"][..], "answer.der"),
    ] {
        let program = Path::new(&folder).join(command[0]);
        let out = std::process::Command::new(program)
            .args(&command[1..])
            .arg(file)
            .current_dir(dir)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{command:?} {file}: {said}");
    }
}
