#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
use super::*;
use crate::x509::{
    Addresses, CrlSpec, Issuer, Role, TbsSpec, assemble, authority_name, certificate_tbs, crl_tbs,
};
use hufu_api::{IssuerKey, UnixTime};
use hufu_testkit::{Reply, Request, Server, SoftCa, SoftKey, cx};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// 2026-01-01
const NOW: UnixTime = UnixTime::from_seconds(1_767_225_600);

/// A CA, a certificate of it that names a list at the server, and the server.
struct World {
    root: SoftCa,
    leaf: Der,
    server: Server,
    calls: Arc<AtomicUsize>,
}

fn world(answer: impl Fn(&Request, Vec<u8>) -> Reply + Send + Sync + 'static) -> World {
    let root = SoftCa::root("Elsewhere", NOW);
    let list = list(&root);
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let server = Server::start(move |request| {
        count.fetch_add(1, Ordering::SeqCst);
        answer(request, list.clone())
    });
    let leaf = leaf(&root, &format!("{}/ca.crl", server.url()));
    World { root, leaf, server, calls }
}

impl World {
    fn host(&self) -> String {
        self.server.url().trim_start_matches("http://").to_owned()
    }

    fn ask(&self, hosts: &[String], networks: &[&str]) -> Result<Option<Statement>, String> {
        let networks: Vec<Network> = networks.iter().map(|n| n.parse().unwrap()).collect();
        let online = Online::new(hosts, &networks).unwrap();
        let Some(online) = online else { return Ok(None) };
        online.look_up(cx(20), &self.leaf, self.root.certificate()).map_err(|e| e.to_string())
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn list(root: &SoftCa) -> Vec<u8> {
    let certificate = Certificate::from_der(&root.certificate().0).unwrap();
    let identifier = certificate.issuing_key_identifier().unwrap();
    let algorithm = &root.signature_algorithm().0;
    let tbs = crl_tbs(&CrlSpec {
        algorithm,
        issuer: Issuer::new(certificate.subject.der(), &identifier),
        number: 1,
        this_update: NOW.plus_millis(-86_400_000),
        next_update: NOW.plus_millis(86_400_000),
        revoked: &[],
    })
    .unwrap();
    assemble(&tbs, algorithm, &root.sign_crl(cx(5), &tbs).unwrap())
}

fn leaf(root: &SoftCa, crl: &str) -> Der {
    let issuer = Certificate::from_der(&root.certificate().0).unwrap();
    let algorithm = &root.signature_algorithm().0;
    let tbs = certificate_tbs(&TbsSpec {
        serial: &[7],
        algorithm,
        issuer: Issuer::new(issuer.subject.der(), &issuer.issuing_key_identifier().unwrap()),
        subject: &authority_name("CN", "Elsewhere", "Stranger").unwrap(),
        spki: &SoftKey::new().spki(),
        not_before: NOW.plus_millis(-1000),
        not_after: NOW.plus_millis(86_400_000),
        role: Role::TimeStamping,
        addresses: Addresses { crl: Some(crl), ..Addresses::default() },
    })
    .unwrap();
    Der(assemble(&tbs, algorithm, &root.sign_certificate(cx(5), &tbs).unwrap()))
}

fn good(_: &Request, list: Vec<u8>) -> Reply {
    Reply::ok("application/pkix-crl", list)
}

#[test]
fn nobody_is_asked_where_no_host_is_listed() {
    let world = world(good);
    assert_eq!(world.ask(&[], &["127.0.0.0/8"]), Ok(None));
    assert_eq!(world.calls(), 0);
}

#[test]
fn a_listed_host_in_a_listed_network_is_asked() {
    let world = world(good);
    let found = world.ask(&[world.host()], &["127.0.0.1"]).unwrap().unwrap();
    assert!(matches!(found.proof, StatusProof::Crl(_)));
    assert_eq!(found.from, format!("{}/ca.crl", world.server.url()));
}

#[test]
fn a_host_that_is_not_listed_is_never_called() {
    let world = world(good);
    let error = world.ask(&["crl.example.cn".to_owned()], &["127.0.0.1"]).unwrap_err();
    assert!(error.contains("its host is not listed"), "{error}");
    let without_port = world.ask(&["127.0.0.1".to_owned()], &["127.0.0.1"]).unwrap_err();
    assert!(without_port.contains("its host is not listed"), "{without_port}");
    assert_eq!(world.calls(), 0);
}

#[test]
fn loopback_is_refused_after_resolution_unless_its_network_is_listed() {
    let world = world(good);
    let error = world.ask(&[world.host()], &[]).unwrap_err();
    assert!(error.contains("no public address"), "{error}");
    assert_eq!(world.calls(), 0, "no connection was made");
    // A name leads there as well as a number.
    let port = world.host().rsplit_once(':').unwrap().1.to_owned();
    let named = World { leaf: leaf(&world.root, &format!("http://localhost:{port}/ca.crl")), ..world };
    let error = named.ask(&[format!("localhost:{port}")], &["10.0.0.0/8"]).unwrap_err();
    assert!(error.contains("no public address"), "{error}");
    assert_eq!(named.calls(), 0);
    assert!(named.ask(&[format!("localhost:{port}")], &["127.0.0.0/8"]).is_ok());
}

#[test]
fn redirects_are_not_followed() {
    let other = Server::start(|_| Reply::status(200));
    let target = format!("{}/ca.crl", other.url());
    let world = world(move |_, _| Reply::status(302).with("Location", &target));
    let error = world.ask(&[world.host()], &["127.0.0.1"]).unwrap_err();
    assert!(error.contains("redirects are not followed"), "{error}");
    assert_eq!(world.calls(), 1);
}

#[test]
fn more_than_a_mebibyte_is_not_read() {
    let world = world(|_, _| Reply::ok("application/pkix-crl", vec![0x30; (1 << 20) + 1]));
    let error = world.ask(&[world.host()], &["127.0.0.1"]).unwrap_err();
    assert!(error.contains("bad answer"), "{error}");
}

#[test]
fn a_server_that_does_not_answer_costs_three_seconds_once() {
    let world = world(|_, _| Reply::Hang);
    let online = Online::new(&[world.host()], &["127.0.0.1".parse().unwrap()]).unwrap().unwrap();
    let ask = || online.look_up(cx(60), &world.leaf, world.root.certificate()).unwrap_err().to_string();
    let begun = Instant::now();
    assert!(ask().contains("no answer in time"));
    assert!(begun.elapsed() >= Duration::from_secs(2), "it was waited for");
    let error = ask();
    assert!(error.contains("asked again"), "{error}");
    assert_eq!(world.calls(), 1, "the second was spared");
}

#[test]
fn what_the_issuer_did_not_sign_is_not_taken() {
    let other = SoftCa::root("Elsewhere", NOW);
    let forged = list(&other);
    let world = world(move |_, _| Reply::ok("application/pkix-crl", forged.clone()));
    assert!(world.ask(&[world.host()], &["127.0.0.1"]).is_err());
    assert_eq!(world.calls(), 1);
}
