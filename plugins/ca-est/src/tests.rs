#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
use super::*;
use hufu_api::{CertificateKind, IssuerKey};
use hufu_testkit::{HandClock, Reply, Requester, Server, SoftCa, certs_only, cx, profile};
use hufu_x509::{Role, subject_name};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};

const MIME: &str = "application/pkcs7-mime; smime-type=certs-only";

fn channel(server: &Server, clock: &Arc<HandClock>) -> EstCa {
    let dir = tempfile::tempdir().unwrap();
    let mut options = std::fs::OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600);
    options.open(dir.path().join("password")).unwrap().write_all(b"secret\n").unwrap();
    let table: toml::Table =
        format!("url = \"{}\"\nusername = \"hufu\"\npassword = \"password\"", server.url()).parse().unwrap();
    EstCa::with(table.try_into().unwrap(), dir.path(), Arc::clone(clock) as Arc<dyn Clock>, Scheme::HttpToo)
        .unwrap()
}

fn enroll(ca: &EstCa, who: &Requester) -> Result<Enrollment, ChannelError> {
    ca.enroll(
        cx(5),
        Csr { der: &who.csr, subject: &who.subject, scene: None },
        &profile(CertificateKind::Long),
    )
}

#[test]
fn an_enrolment_carries_the_request_and_returns_the_chain() {
    let clock = Arc::new(HandClock::new());
    let now = clock.now().unwrap();
    let root = SoftCa::root("EST root", now);
    let issuing = Arc::new(root.issuing("EST issuing", now, 1000));
    let (root_der, issuing_der) = (root.certificate().clone(), issuing.certificate().clone());
    let who = Requester::new("张三");
    let expected = STANDARD.encode(&who.csr);
    let (subject, spki) = (subject_name(&who.subject).unwrap(), who.key.spki());
    let role = Role::Signer { extended_key_usage: &[], policies: &[], scene: None };
    let leaf = issuing.issue(&subject, &spki, role, now, now.plus_millis(86_400_000));
    let (sent, roots) = (leaf.clone(), [root_der.clone(), issuing_der.clone()]);
    let server = Server::start(move |request| {
        assert_eq!(request.header("authorization"), Some("Basic aHVmdTpzZWNyZXQ="));
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/.well-known/est/cacerts") => Reply::ok(MIME, certs_only(&[&roots[0], &roots[1]])),
            ("GET", "/.well-known/est/csrattrs") => Reply::status(204),
            ("POST", "/.well-known/est/simpleenroll") => {
                assert_eq!(request.header("content-type"), Some("application/pkcs10"));
                assert_eq!(request.body, expected.as_bytes());
                Reply::ok(MIME, certs_only(&[&sent]))
            }
            other => panic!("{other:?}"),
        }
    });
    let ca = channel(&server, &clock);
    let Enrollment::Issued(chain) = enroll(&ca, &who).unwrap() else { panic!() };
    assert_eq!(chain.0, [leaf, issuing_der.clone(), root_der.clone()]);
    assert_eq!(ca.authorities(cx(5)).unwrap(), [issuing_der, root_der], "trust anchor last");
}

#[test]
fn a_ca_that_wants_time_is_asked_again_with_the_same_request() {
    let clock = Arc::new(HandClock::new());
    let root = Arc::new(SoftCa::root("EST root", clock.now().unwrap()));
    let who = Requester::new("张三");
    let now = clock.now().unwrap();
    let role = Role::Signer { extended_key_usage: &[], policies: &[], scene: None };
    let name = subject_name(&who.subject).unwrap();
    let leaf = root.issue(&name, &who.key.spki(), role, now, now.plus_millis(86_400_000));
    let (anchor, calls) = (root.certificate().clone(), AtomicUsize::new(0));
    let server = Server::start(move |request| match request.path.as_str() {
        "/.well-known/est/cacerts" => Reply::ok(MIME, certs_only(&[&anchor])),
        "/.well-known/est/csrattrs" => Reply::status(404),
        _ if calls.fetch_add(1, Ordering::SeqCst) == 0 => Reply::status(202).with("Retry-After", "120"),
        _ => Reply::ok(MIME, certs_only(&[&leaf])),
    });
    let ca = channel(&server, &clock);
    let Enrollment::Pending(ticket) = enroll(&ca, &who).unwrap() else { panic!() };
    assert_eq!(ticket.not_before.seconds(), now.seconds() + 120);
    assert_eq!(ticket.opaque, who.csr);
    assert!(matches!(ca.resume(cx(5), &ticket).unwrap(), Enrollment::Issued(_)));
}

#[test]
fn answers_are_told_apart() {
    let clock = Arc::new(HandClock::new());
    for (reply, wanted) in [
        (Reply::status(400).with_body("text/plain", b"bad CN".to_vec()), "refused: HTTP status 400 bad CN"),
        (Reply::status(401), "refused: HTTP status 401"),
        (Reply::status(500), "unavailable: HTTP status 500"),
        (Reply::status(429), "unavailable: HTTP status 429"),
        (Reply::ok("text/html", b"<html>".to_vec()), "bad answer: content type"),
        (Reply::ok(MIME, b"!!!!".to_vec()), "bad answer: base64"),
        (Reply::ok(MIME, b"MAA=".to_vec()), "bad answer: "),
        (Reply::Cut, "unavailable: "),
    ] {
        let server = Server::start(move |request| {
            if request.path.ends_with("csrattrs") { Reply::status(204) } else { reply.clone() }
        });
        let error = enroll(&channel(&server, &clock), &Requester::new("a")).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error:?} is not {wanted:?}");
    }
    let server = Server::start(|_| Reply::Hang);
    let ca = channel(&server, &clock);
    let who = Requester::new("a");
    let csr = Csr { der: &who.csr, subject: &who.subject, scene: None };
    assert_eq!(ca.enroll(cx(1), csr, &profile(CertificateKind::Long)), Err(ChannelError::Timeout));
}

#[test]
fn a_certificate_for_another_key_is_no_answer() {
    let clock = Arc::new(HandClock::new());
    let root = Arc::new(SoftCa::root("EST root", clock.now().unwrap()));
    let anchor = root.certificate().clone();
    let server = Server::start(move |request| {
        if request.path.ends_with("csrattrs") {
            Reply::status(204)
        } else {
            Reply::ok(MIME, certs_only(&[&anchor]))
        }
    });
    let error = enroll(&channel(&server, &clock), &Requester::new("a")).unwrap_err().to_string();
    assert_eq!(error, "bad answer: no certificate for this key");
}

#[test]
fn what_the_server_wants_in_requests_is_heeded_before_anything_is_sent() {
    let clock = Arc::new(HandClock::new());
    // secp384r1, where our keys are P-256; then challengePassword, which our requests never have.
    let other_curve = STANDARD.encode([
        0x30, 20, 0x30, 18, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x31, 7, 6, 5, 0x2b, 0x81, 4, 0, 34,
    ]);
    let password = STANDARD.encode([0x30, 11, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 7]);
    for (attributes, wanted) in [
        (other_curve, "refused: the server's csrattrs want EC keys on 1.3.132.0.34"),
        (password, "refused: HTTP status 400 no password; its csrattrs also name 1.2.840.113549.1.9.7"),
        ("MAA!".to_owned(), "bad answer: csrattrs: base64"),
        (STANDARD.encode(b"<html>"), "bad answer: csrattrs"),
    ] {
        let sends = wanted.contains("400");
        let server = Server::start(move |request| match request.path.as_str() {
            "/.well-known/est/csrattrs" => Reply::ok("application/csrattrs", attributes.clone().into_bytes()),
            _ if sends => Reply::status(400).with_body("text/plain", b"no password".to_vec()),
            other => panic!("{other}"),
        });
        let error = enroll(&channel(&server, &clock), &Requester::new("a")).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error:?} is not {wanted:?}");
    }
}

#[test]
fn mistakes_in_the_file_are_named() {
    let base = Path::new("/");
    for (file, wanted) in [
        ("url = \"http://est.test\"", "https://"),
        ("url = \"https://est.test\"", "must know who asks"),
        ("url = \"https://est.test\"\nusername = \"a\"", "belong together"),
    ] {
        let table: toml::Table = file.parse().unwrap();
        let clock = Arc::new(HandClock::new());
        let made = EstCa::with(table.try_into().unwrap(), base, clock, Scheme::HttpsOnly);
        let error = made.err().unwrap().0;
        assert!(error.contains(wanted), "{error:?} does not contain {wanted:?}");
    }
}
