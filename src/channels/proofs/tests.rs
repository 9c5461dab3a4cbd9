#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
use super::*;
use crate::audit::AuditLog;
use crate::channels::Identity;
use crate::channels::testing::TestPki;
use crate::keys::Keys;
use crate::x509::ocsp::{OcspSpec, OcspStatement, ocsp_response, ocsp_response_data};
use crate::x509::{
    Addresses, CrlSpec, Issuer, Role, TbsSpec, assemble, authority_name, certificate_tbs, crl_tbs,
};
use hufu_api::{CertificateAuthorities, CertificateKind, Csr, Enrollment, IssuerKey};
use hufu_testkit::{Requester, SoftCa, SoftKey, cx, profile};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Site {
    pki: TestPki,
    tsa: Identity,
    proofs: Proofs,
}

fn site() -> Site {
    let pki = TestPki::new();
    let tsa = pki.world.below(&pki.issuing, "tsa-1", Role::TimeStamping);
    let keys: Arc<dyn Keys> = Arc::clone(&pki.world.keys) as _;
    let log: Arc<dyn AuditLog> = Arc::clone(&pki.world.log) as _;
    let clock: Arc<dyn Clock> = Arc::clone(&pki.world.clock) as _;
    let identities = [pki.ocsp.clone(), tsa.clone()];
    let ocsp = OcspResponder::new(&pki.authorities, &identities, &keys, &log, Arc::clone(&clock));
    let proofs = Proofs::new(Arc::new(ocsp), Arc::clone(&pki.authorities), pki.dir.path(), clock).unwrap();
    Site { pki, tsa, proofs }
}

impl Site {
    fn leaf(&self) -> Der {
        let who = Requester::new("张三");
        let csr = Csr { der: &who.csr, subject: &who.subject, scene: None };
        let route = ["local".to_owned()];
        match self
            .pki
            .authorities
            .enroll(cx(5), &route, csr, &profile(CertificateKind::Long))
            .unwrap()
            .enrollment
        {
            Enrollment::Issued(chain) => chain.0[0].clone(),
            Enrollment::Pending(_) => panic!("decided at once"),
        }
    }

    fn ask(
        &self,
        certificate: &Der,
        issuer: &Der,
        not_before: UnixTime,
    ) -> Result<StatusProof, ChannelError> {
        let question = StatusQuestion { certificate, issuer, not_before, reach: Reach::Here };
        self.proofs.prove(cx(5), &question)
    }

    fn whole(&self) -> UnixTime {
        UnixTime::from_millis(self.pki.world.now().seconds() * 1000)
    }
}

fn good(proof: StatusProof, certificate: &Der, issuer: &Der) -> UnixTime {
    let StatusProof::Ocsp(response) = proof else { panic!("an OCSP answer was wanted") };
    let (certificate, issuer) =
        (Certificate::from_der(&certificate.0).unwrap(), Certificate::from_der(&issuer.0).unwrap());
    let read = OcspRead::from_der(&response.0).unwrap();
    read.verify(&issuer).unwrap();
    let answer = read.about(&certificate, &issuer).unwrap();
    assert_eq!(answer.status, OcspStatus::Good);
    answer.this_update
}

#[test]
fn our_own_responder_speaks_for_signers_and_for_the_time_stamping_authority() {
    let site = site();
    let issuer = site.pki.issuing.certificate.clone();
    for certificate in [site.leaf(), site.tsa.certificate.clone()] {
        let at = site.whole();
        let proof = site.ask(&certificate, &issuer, at).unwrap();
        assert!(good(proof, &certificate, &issuer) >= at, "not older than the time stamp");
    }
    // A kept answer is not given for a later time stamp.
    let leaf = site.leaf();
    site.ask(&leaf, &issuer, site.whole()).unwrap();
    site.pki.world.clock.advance(Duration::from_secs(30));
    let later = site.whole();
    assert!(good(site.ask(&leaf, &issuer, later).unwrap(), &leaf, &issuer) >= later);
}

#[test]
fn a_time_stamp_far_ahead_of_the_clock_is_not_waited_for() {
    let site = site();
    let ahead = site.whole().plus_millis(60_000);
    let error = site.ask(&site.leaf(), &site.pki.issuing.certificate, ahead).unwrap_err().to_string();
    assert!(error.contains("ahead of the appliance's clock"), "{error}");
}

#[test]
fn the_list_of_a_ca_that_is_not_in_the_token_lies_in_the_folder() {
    let site = site();
    let (ca, root) = (&site.pki.issuing.certificate, site.pki.world.root.certificate().clone());
    let now = site.whole();
    let missing = site.ask(ca, &root, now).unwrap_err().to_string();
    assert!(missing.contains("no responder and no list is known"), "{missing}");
    let list = list(&site.pki.world.root, now.plus_millis(-DAY));
    std::fs::write(site.pki.dir.path().join("root.crl"), &list.0).unwrap();
    assert_eq!(site.ask(ca, &root, now).unwrap(), StatusProof::Crl(list));
    let after_its_end = now.plus_millis(2 * 86_400_000);
    assert!(site.ask(ca, &root, after_its_end).is_err(), "an old list proves nothing");
}

const DAY: i64 = 86_400_000;

/// A root's list of that time, for two days.
fn list(root: &SoftCa, this_update: UnixTime) -> Der {
    let certificate = Certificate::from_der(&root.certificate().0).unwrap();
    let identifier = certificate.issuing_key_identifier().unwrap();
    let algorithm = &root.signature_algorithm().0;
    let tbs = crl_tbs(&CrlSpec {
        algorithm,
        issuer: Issuer::new(certificate.subject.der(), &identifier),
        number: 1,
        this_update,
        next_update: this_update.plus_millis(2 * DAY),
        revoked: &[],
    })
    .unwrap();
    Der(assemble(&tbs, algorithm, &root.sign_crl(cx(5), &tbs).unwrap()))
}

/// A certificate of the root that names those addresses.
fn naming(root: &SoftCa, now: UnixTime, addresses: Addresses<'_>) -> Der {
    let issuer = Certificate::from_der(&root.certificate().0).unwrap();
    let algorithm = &root.signature_algorithm().0;
    let tbs = certificate_tbs(&TbsSpec {
        serial: &[7],
        algorithm,
        issuer: Issuer::new(issuer.subject.der(), &issuer.issuing_key_identifier().unwrap()),
        subject: &authority_name("CN", "Elsewhere", "Stranger").unwrap(),
        spki: &SoftKey::new().spki(),
        not_before: now.plus_millis(-1000),
        not_after: now.plus_millis(86_400_000),
        role: Role::TimeStamping,
        addresses,
    })
    .unwrap();
    Der(assemble(&tbs, algorithm, &root.sign_certificate(cx(5), &tbs).unwrap()))
}

#[test]
fn addresses_in_a_certificate_are_asked_only_when_that_is_wanted() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = hufu_testkit::Server::start(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        hufu_testkit::Reply::status(500)
    });
    let site = site();
    let root = &site.pki.world.root;
    let url = format!("{}/ocsp", server.url());
    let stranger = naming(root, site.pki.world.now(), Addresses { ocsp: Some(&url), ..Addresses::default() });
    let root = root.certificate().clone();
    let mut question = StatusQuestion {
        certificate: &stranger,
        issuer: &root,
        not_before: site.whole(),
        reach: Reach::Here,
    };
    site.proofs.prove(cx(5), &question).unwrap_err();
    assert_eq!(asked.load(Ordering::SeqCst), 0, "a file's certificates must not make us call strangers");
    question.reach = Reach::Network;
    let error = site.proofs.prove(cx(5), &question).unwrap_err().to_string();
    assert!(error.contains("HTTP status 500"), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// A responder elsewhere: what the root says of the certificate that it is asked for.
fn answer(root: &SoftCa, request: &[u8], status: OcspStatus, this_update: UnixTime) -> Vec<u8> {
    let asked = OcspRequest::from_der(request).unwrap();
    let statement = OcspStatement {
        certificate: asked.certificates[0].clone(),
        status,
        this_update,
        next_update: Some(this_update.plus_millis(DAY)),
    };
    let responder = Certificate::from_der(&root.certificate().0).unwrap();
    let data = ocsp_response_data(&OcspSpec {
        responder: &responder,
        produced_at: this_update,
        statements: &[statement],
        nonce: None,
    })
    .unwrap();
    let algorithm = &root.signature_algorithm().0;
    ocsp_response(&data, algorithm, &root.sign_crl(cx(5), &data).unwrap(), &[])
}

#[test]
fn a_responder_elsewhere_proves_a_certificate_and_a_useless_one_does_not() {
    let site = site();
    let root = Arc::new(SoftCa::root("Elsewhere", site.pki.world.now()));
    let other = SoftCa::root("Another", site.pki.world.now());
    let now = site.whole();
    let ask = |make: Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>| {
        let server = hufu_testkit::Server::start(move |request| {
            assert_eq!(request.header("content-type"), Some("application/ocsp-request"));
            hufu_testkit::Reply::ok("application/ocsp-response", make(&request.body))
        });
        let addresses = Addresses { ocsp: Some(&server.url()), ..Addresses::default() };
        let stranger = naming(&root, now, addresses);
        let issuer = root.certificate().clone();
        let question = StatusQuestion {
            certificate: &stranger,
            issuer: &issuer,
            not_before: now,
            reach: Reach::Network,
        };
        site.proofs.prove(cx(5), &question).map(|proof| (proof, stranger.clone()))
    };
    let honest = Arc::clone(&root);
    let (proof, stranger) =
        ask(Box::new(move |request| answer(&honest, request, OcspStatus::Good, now))).unwrap();
    assert_eq!(good(proof, &stranger, root.certificate()), now);
    // A revocation is a proof too: the core reads it and refuses.
    let honest = Arc::clone(&root);
    let gone = OcspStatus::Revoked { at: now.plus_millis(-1000), reason: None };
    assert!(ask(Box::new(move |request| answer(&honest, request, gone, now))).is_ok());
    let refused = |why: &str, made: Result<_, ChannelError>| {
        let error = made.err().unwrap().to_string();
        assert!(error.contains(why), "{error}");
    };
    let honest = Arc::clone(&root);
    let old = now.plus_millis(-1000);
    refused("older", ask(Box::new(move |request| answer(&honest, request, OcspStatus::Good, old))));
    let honest = Arc::clone(&root);
    refused("unknown", ask(Box::new(move |request| answer(&honest, request, OcspStatus::Unknown, now))));
    refused("bad answer", ask(Box::new(move |request| answer(&other, request, OcspStatus::Good, now))));
    refused("bad answer", ask(Box::new(|_| b"<html>".to_vec())));
}

#[test]
fn a_list_elsewhere_proves_a_certificate_if_it_is_not_older_than_the_time_stamp() {
    let site = site();
    let root = SoftCa::root("Elsewhere", site.pki.world.now());
    let now = site.whole();
    for (this_update, proves) in
        [(now, true), (now.plus_millis(5_000), true), (now.plus_millis(-1_000), false)]
    {
        let fresh = list(&root, this_update);
        let served = fresh.0.clone();
        let server = hufu_testkit::Server::start(move |request| {
            assert_eq!(request.method, "GET");
            hufu_testkit::Reply::ok("application/pkix-crl", served.clone())
        });
        let addresses = Addresses { crl: Some(&server.url()), ..Addresses::default() };
        let stranger = naming(&root, now, addresses);
        let issuer = root.certificate().clone();
        let question = StatusQuestion {
            certificate: &stranger,
            issuer: &issuer,
            not_before: now,
            reach: Reach::Network,
        };
        match site.proofs.prove(cx(5), &question) {
            Ok(proof) => assert!(proves && proof == StatusProof::Crl(fresh)),
            Err(error) => assert!(!proves && error.to_string().contains("older"), "{error}"),
        }
    }
}
