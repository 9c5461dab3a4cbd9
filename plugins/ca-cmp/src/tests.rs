#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
use super::*;
use hufu_api::{CertificateKind, IssuerKey, RevocationReason};
use hufu_testkit::{HandClock, RealEntropy, Reply, Requester, Server, SoftCa, cx, profile};
use hufu_x509::{Role, subject_name};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SECRET: &str = "a shared secret";

/// OpenSSL's CMP mock server with a certificate that has been issued beforehand for the channel's request.
struct MockServer {
    process: Child,
    url: String,
}

impl Drop for MockServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl MockServer {
    fn start(dir: &Path, arguments: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("openssl")
            .args(["cmp", "-config", "", "-port", &port.to_string(), "-srv_ref", "hufu"])
            .args(["-srv_secret", &format!("pass:{SECRET}")])
            .args(arguments)
            .current_dir(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl");
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the mock server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { process, url: format!("http://127.0.0.1:{port}/pkix/") }
    }
}

struct World {
    clock: Arc<HandClock>,
    root: SoftCa,
    who: Requester,
    leaf: Der,
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(HandClock::new());
        let now = clock.now().unwrap();
        let root = SoftCa::root("CMP root", now);
        let who = Requester::new("张三");
        let role = Role::Signer { extended_key_usage: &[], policies: &[], scene: None };
        let name = subject_name(&who.subject).unwrap();
        let leaf =
            root.issue(&name, &who.key.spki(), role, now.plus_millis(-1000), now.plus_millis(86_400_000));
        let dir = tempfile::tempdir().unwrap();
        for (file, der) in [("leaf", &leaf), ("root", root.certificate())] {
            std::fs::write(dir.path().join(format!("{file}.der")), &der.0).unwrap();
            let (from, to) = (format!("{file}.der"), format!("{file}.pem"));
            let arguments = ["x509", "-inform", "DER", "-in", &from, "-out", &to];
            assert!(
                Command::new("openssl").args(arguments).current_dir(dir.path()).status().unwrap().success()
            );
        }
        Self { clock, root, who, leaf, dir }
    }

    fn channel(&self, url: &str, secret: &str) -> CmpCa {
        let path = self.dir.path().join("secret");
        let mut file = std::fs::OpenOptions::new();
        file.create(true).write(true).truncate(true).mode(0o600);
        file.open(&path).unwrap().write_all(secret.as_bytes()).unwrap();
        CmpCa {
            client: Client::new(&Tls::default(), self.dir.path(), Scheme::HttpToo).unwrap(),
            url: url.to_owned(),
            reference: "hufu".into(),
            secret: hufu_https::read_secret(&path).unwrap(),
            anchors: vec![self.root.certificate().clone()],
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            entropy: Arc::new(RealEntropy::default()),
        }
    }

    fn enroll(&self, ca: &CmpCa) -> Result<Enrollment, ChannelError> {
        let csr = Csr { der: &self.who.csr, subject: &self.who.subject, scene: None };
        ca.enroll(cx(10), csr, &profile(CertificateKind::Long))
    }
}

#[test]
fn openssls_server_issues_with_and_without_implicit_confirmation() {
    let world = World::new();
    for more in [&["-rsp_cert", "leaf.pem"][..], &["-rsp_cert", "leaf.pem", "-grant_implicitconf"][..]] {
        let server = MockServer::start(world.dir.path(), more);
        let Enrollment::Issued(chain) = world.enroll(&world.channel(&server.url, SECRET)).unwrap() else {
            panic!()
        };
        assert_eq!(chain.0, [world.leaf.clone(), world.root.certificate().clone()]);
    }
}

#[test]
fn openssls_server_is_polled_until_it_has_decided() {
    let world = World::new();
    let waiting = ["-rsp_cert", "leaf.pem", "-poll_count", "2", "-check_after", "7"];
    let server = MockServer::start(world.dir.path(), &waiting);
    let ca = world.channel(&server.url, SECRET);
    let Enrollment::Pending(mut ticket) = world.enroll(&ca).unwrap() else { panic!() };
    let mut polls = 0;
    let chain = loop {
        polls += 1;
        assert!(polls < 10);
        assert!(ticket.opaque.len() <= 4096);
        match ca.resume(cx(10), &ticket).unwrap() {
            Enrollment::Issued(chain) => break chain,
            Enrollment::Pending(next) => {
                assert_eq!(next.not_before.seconds(), world.clock.now().unwrap().seconds() + 7);
                ticket = next;
            }
        }
    };
    assert!(polls >= 2);
    assert_eq!(chain.0.first(), Some(&world.leaf));
}

#[test]
fn openssls_server_revokes() {
    let world = World::new();
    let server = MockServer::start(world.dir.path(), &["-rsp_cert", "leaf.pem"]);
    let ca = world.channel(&server.url, SECRET);
    let what = Revocation {
        certificate: world.leaf.clone(),
        reason: RevocationReason::KeyCompromise,
        at: world.clock.now().unwrap(),
    };
    ca.revoke(cx(10), &what).unwrap();
    let other = Revocation { certificate: world.root.certificate().clone(), ..what };
    assert!(ca.revoke(cx(10), &other).is_err());
}

#[test]
fn a_wrong_secret_and_a_cas_no_are_told_apart() {
    let world = World::new();
    let server = MockServer::start(world.dir.path(), &["-rsp_cert", "leaf.pem"]);
    assert!(world.enroll(&world.channel(&server.url, "another secret")).is_err());
    let no =
        ["-rsp_cert", "leaf.pem", "-pkistatus", "2", "-failurebits", "8", "-statusstring", "not on our list"];
    let server = MockServer::start(world.dir.path(), &no);
    let error = world.enroll(&world.channel(&server.url, SECRET)).unwrap_err();
    assert!(matches!(&error, ChannelError::Refused(why) if why.contains("not on our list")), "{error}");
}

#[test]
fn answers_without_protection_and_for_other_keys_are_not_taken() {
    let world = World::new();
    let unprotected = ["-rsp_cert", "leaf.pem", "-send_unprotected"];
    let server = MockServer::start(world.dir.path(), &unprotected);
    let error = world.enroll(&world.channel(&server.url, SECRET)).unwrap_err().to_string();
    assert_eq!(error, "bad answer: an answer without protection");
    let server = MockServer::start(world.dir.path(), &["-rsp_cert", "root.pem"]);
    assert!(matches!(world.enroll(&world.channel(&server.url, SECRET)), Err(ChannelError::BadAnswer(_))));
}

#[test]
fn faults_of_the_carrier_are_told_apart() {
    let world = World::new();
    for (reply, wanted) in [
        (Reply::status(500), "unavailable: HTTP status 500"),
        (Reply::ok("application/pkixcmp", b"<html>".to_vec()), "bad answer: PKIMessage"),
        (Reply::ok("application/pkixcmp", vec![]), "bad answer: PKIMessage"),
        (Reply::Cut, "unavailable: "),
    ] {
        let server = Server::start(move |_| reply.clone());
        let error = world.enroll(&world.channel(&server.url(), SECRET)).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error:?} is not {wanted:?}");
    }
    let server = Server::start(|_| Reply::Hang);
    let ca = world.channel(&server.url(), SECRET);
    let csr = Csr { der: &world.who.csr, subject: &world.who.subject, scene: None };
    assert_eq!(ca.enroll(cx(1), csr, &profile(CertificateKind::Long)), Err(ChannelError::Timeout));
}
