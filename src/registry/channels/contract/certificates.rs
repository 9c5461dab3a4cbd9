//! Every certificate channel: no bad certificate passes, the next channel is asked, nothing lasts past its deadline, and healthy
//! channels are not disturbed by a sick one.

use crate::channels::{Authorities, CaEntry, Standing};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hufu_api::{
    CaChannel, CertificateAuthorities, CertificateKind, ChannelError, Clock, Csr, Cx, Der, Enrolled,
    Enrollment, IssuerKey, IssuerKeyError, MemoryStore, UnixTime,
};
use hufu_testkit::{
    HandClock, Reply, Requester, Server, SoftCa, SoftKey, TlsFiles, certs_only, cx, host, profile,
};
use std::cell::RefCell;
use std::fmt::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The faults that every channel is put through; each kind of channel shows them in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// No answer until long after the deadline.
    Slow,
    /// A certificate over another key, or signed with another CA's key.
    WrongKey,
    /// Bytes that are nothing.
    Garbage,
    /// A certificate that has expired.
    Expired,
    /// HTTP 500, or its like.
    ServerError,
    /// The connection or the process ends within the answer.
    Cut,
}

const FAULTS: [Fault; 6] =
    [Fault::Slow, Fault::WrongKey, Fault::Garbage, Fault::Expired, Fault::ServerError, Fault::Cut];

const DAY: i64 = 86_400_000;

struct Suite {
    clock: Arc<HandClock>,
    root: Arc<SoftCa>,
    issuing: Arc<SoftCa>,
    who: Requester,
    dir: tempfile::TempDir,
    servers: RefCell<Vec<Killed>>,
}

/// A server process, gone with its suite.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Suite {
    fn new() -> Self {
        let clock = Arc::new(HandClock::new());
        let root = SoftCa::root("Root", clock.now().unwrap());
        let issuing = root.issuing("Issuing", clock.now().unwrap(), 2000);
        let (root, issuing) = (Arc::new(root), Arc::new(issuing));
        Self {
            clock,
            root,
            issuing,
            who: Requester::new("张三"),
            dir: tempfile::tempdir().unwrap(),
            servers: RefCell::default(),
        }
    }

    fn now(&self) -> UnixTime {
        self.clock.now().unwrap()
    }

    /// What a remote CA with this fault answers.
    fn leaf(&self, fault: Fault) -> Der {
        let wanted = profile(CertificateKind::Long);
        let oids = |all: &[String]| all.iter().map(|o| o.parse().unwrap()).collect::<Vec<_>>();
        let (usage, policies) = (oids(&wanted.extended_key_usage), oids(&wanted.policies));
        let role = crate::x509::Role::Signer { extended_key_usage: &usage, policies: &policies, scene: None };
        let name = crate::x509::subject_name(&self.who.subject).unwrap();
        let spki = if fault == Fault::WrongKey { SoftKey::new().spki() } else { self.who.key.spki() };
        let (from, until) = if fault == Fault::Expired { (-2 * DAY, -DAY) } else { (-60_000, 300 * DAY) };
        self.issuing.issue(&name, &spki, role, self.now().plus_millis(from), self.now().plus_millis(until))
    }

    fn entry(&self, name: &str, channel: Box<dyn CaChannel>, seconds: u64) -> CaEntry {
        CaEntry {
            name: name.into(),
            aliases: vec![],
            channel: Ok(Arc::from(channel)),
            timeout: Duration::from_secs(seconds),
            anchors: vec![self.root.certificate().clone()],
            standing: Standing::new(4),
        }
    }

    fn ask(&self, all: &Authorities, route: &[&str], seconds: u64) -> Result<Enrolled, ChannelError> {
        let route: Vec<String> = route.iter().map(|r| (*r).to_owned()).collect();
        let csr = Csr { der: &self.who.csr, subject: &self.who.subject, scene: None };
        all.enroll(cx(seconds), &route, csr, &profile(CertificateKind::Long))
    }

    /// The demands on one kind of channel.
    fn run(&self, make: &dyn Fn(&Self, Fault) -> Box<dyn CaChannel>) {
        let clock = || Arc::clone(&self.clock) as Arc<dyn Clock>;
        let healthy = Authorities::new(vec![self.entry("under-test", make(self, Fault::None), 20)], clock());
        let enrolled = self.ask(&healthy, &["under-test"], 20).unwrap();
        assert!(matches!(enrolled.enrollment, Enrollment::Issued(_)), "{enrolled:?}");
        for fault in FAULTS {
            let sick = Authorities::new(
                vec![
                    self.entry("under-test", make(self, fault), 2),
                    self.entry("healthy", local(self, Fault::None), 5),
                ],
                clock(),
            );
            let begun = Instant::now();
            let alone = self.ask(&sick, &["under-test"], 2);
            assert!(alone.is_err(), "{fault:?} was accepted: {alone:?}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{fault:?}: past the deadline");
            // Signing with the healthy channel goes on while the sick one is in its pause.
            assert_eq!(
                self.ask(&sick, &["under-test", "healthy"], 20).unwrap().channel,
                "healthy",
                "{fault:?}"
            );
            let health = sick.health();
            assert!(health.iter().any(|(name, state)| name == "under-test" && state.as_ref().is_ok_and(|s| s.failures > 0)));
            assert!(
                health
                    .iter()
                    .any(|(name, state)| name == "healthy" && state.as_ref().is_ok_and(|s| s.failures == 0))
            );
        }
    }
}

/// A CA key in the token that misbehaves.
struct FaultyKey(Arc<SoftCa>, Fault);

impl IssuerKey for FaultyKey {
    fn certificate(&self) -> &Der {
        self.0.certificate()
    }

    fn issuers(&self) -> &[Der] {
        self.0.issuers()
    }

    fn signature_algorithm(&self) -> &Der {
        self.0.signature_algorithm()
    }

    fn sign_certificate(&self, cx: Cx, tbs: &[u8]) -> Result<Vec<u8>, IssuerKeyError> {
        match self.1 {
            Fault::None => self.0.sign_certificate(cx, tbs),
            Fault::WrongKey => Ok(SoftKey::new().sign(tbs)),
            Fault::Garbage => Ok(b"garbage".to_vec()),
            // A CA of our own issues nothing expired: here the signature is over something else.
            Fault::Expired => self.0.sign_certificate(cx, b"something else"),
            Fault::Slow => {
                std::thread::sleep(cx.remaining());
                Err(IssuerKeyError::Unavailable("the token did not answer in time".into()))
            }
            Fault::ServerError | Fault::Cut => Err(IssuerKeyError::Unavailable("the worker is gone".into())),
        }
    }

    fn sign_crl(&self, cx: Cx, tbs: &[u8]) -> Result<Vec<u8>, IssuerKeyError> {
        self.0.sign_crl(cx, tbs)
    }
}

fn local(suite: &Suite, fault: Fault) -> Box<dyn CaChannel> {
    let key: Arc<dyn IssuerKey> = Arc::new(FaultyKey(Arc::clone(&suite.issuing), fault));
    let store = Arc::new(MemoryStore::new());
    host(suite.dir.path(), &suite.clock, &store, &[("issuing-1", key)], |host| {
        (hufu_ca_local::FACTORY.build)(host, "issuer = \"issuing-1\"".parse().unwrap()).unwrap()
    })
}

/// A child in Python that answers from its settings.
const CHILD: &str = r#"
import json, struct, sys, time
def read(n):
    data = sys.stdin.buffer.read(n)
    if len(data) < n: sys.exit(0)
    return data
mode, chain, anchors = "", [], []
while True:
    (n,) = struct.unpack(">I", read(4))
    q = json.loads(read(n))
    if q["verb"] == "hello":
        mode, chain = q["params"]["settings"]["mode"], q["params"]["settings"]["chain"]
        ok = {"name": "contract", "verbs": ["enroll", "authorities"]}
    elif q["verb"] == "authorities":
        ok = {"certificates": chain[1:]}
    else:
        ok = {"chain": chain}
        if mode == "Slow": time.sleep(60)
        if mode == "Garbage": sys.stdout.buffer.write(b"<html>500 Internal Server Error</html>"); sys.stdout.buffer.flush(); continue
        if mode == "Cut": sys.stdout.buffer.write(b"\0\0\1\0{"); sys.stdout.buffer.flush(); sys.exit(1)
    answer = {"v": 1, "id": q["id"], "ok": ok}
    if mode == "ServerError" and q["verb"] == "enroll":
        answer = {"v": 1, "id": q["id"], "error": {"kind": "unavailable", "message": "500"}}
    body = json.dumps(answer).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(body)) + body); sys.stdout.buffer.flush()
"#;

fn exec(suite: &Suite, fault: Fault) -> Box<dyn CaChannel> {
    let script = suite.dir.path().join("child.py");
    if !script.exists() {
        std::fs::write(&script, CHILD).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(&script, mode).unwrap();
    }
    let python = Path::new("/usr/bin/python3").canonicalize().unwrap();
    let hash = |path: &Path| hufu_exec::sha256_of(path).unwrap();
    let mut file = format!(
        "program = {script:?}\nsha256 = \"{}\"\ninterpreter = {{ program = {python:?}, sha256 = \"{}\" }}\n",
        hash(&script),
        hash(&python)
    );
    let chain: Vec<String> =
        [&suite.leaf(fault), suite.issuing.certificate()].iter().map(|der| STANDARD.encode(&der.0)).collect();
    write!(file, "[settings]\nmode = \"{fault:?}\"\nchain = {chain:?}\n").unwrap();
    host(suite.dir.path(), &suite.clock, &Arc::new(MemoryStore::new()), &[], |host| {
        (hufu_exec::FACTORY.build)(host, file.parse().unwrap()).unwrap()
    })
}

const EST: &str = "application/pkcs7-mime; smime-type=certs-only";

/// An EST server over mutual TLS. It lives as long as the suite's process; there are few.
fn est(suite: &Suite, fault: Fault) -> Box<dyn CaChannel> {
    let folder = suite.dir.path();
    let (leaf, anchors) =
        (suite.leaf(fault), [suite.issuing.certificate().clone(), suite.root.certificate().clone()]);
    let server =
        Server::start_tls(&TlsFiles::new(folder), move |request| match (fault, request.path.as_str()) {
            (_, "/.well-known/est/csrattrs") => Reply::status(204),
            (_, "/.well-known/est/cacerts") => Reply::ok(EST, certs_only(&[&anchors[0], &anchors[1]])),
            (Fault::Slow, _) => Reply::Hang,
            (Fault::Garbage, _) => Reply::ok(EST, b"<html>".to_vec()),
            (Fault::ServerError, _) => Reply::status(500),
            (Fault::Cut, _) => Reply::Cut,
            (Fault::None | Fault::WrongKey | Fault::Expired, _) => Reply::ok(EST, certs_only(&[&leaf])),
        });
    let file = format!(
        "url = \"{}\"\n[tls]\nroots = \"roots.pem\"\ncertificate = \"client.pem\"\nkey = \"client.key\"",
        server.url()
    );
    std::mem::forget(server);
    host(folder, &suite.clock, &Arc::new(MemoryStore::new()), &[], |host| {
        (hufu_ca_est::FACTORY.build)(host, file.parse().unwrap()).unwrap()
    })
}

/// OpenSSL's CMP server, which has the certificate beforehand; the carrier's faults come from a server of our own.
fn cmp(suite: &Suite, fault: Fault) -> Box<dyn CaChannel> {
    let folder = suite.dir.path();
    let secret = folder.join("cmp-secret");
    if !secret.exists() {
        std::fs::write(&secret, "a shared secret").unwrap();
        std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let reply = match fault {
        Fault::Slow => Some(Reply::Hang),
        Fault::Garbage => Some(Reply::ok("application/pkixcmp", b"<html>".to_vec())),
        Fault::ServerError => Some(Reply::status(500)),
        Fault::Cut => Some(Reply::Cut),
        Fault::None | Fault::WrongKey | Fault::Expired => None,
    };
    let url = match reply {
        Some(reply) => {
            let server = Server::start(move |_| reply.clone());
            let url = server.url();
            std::mem::forget(server);
            url
        }
        None => {
            let pem = |der: &Der| crate::channels::testing::pem("CERTIFICATE", &der.0);
            std::fs::write(folder.join("cmp-leaf.pem"), pem(&suite.leaf(fault))).unwrap();
            std::fs::write(folder.join("cmp-issuing.pem"), pem(suite.issuing.certificate())).unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let process = Command::new("openssl")
                .args(["cmp", "-config", "", "-port", &port.to_string(), "-srv_ref", "hufu"])
                .args(["-srv_secret", "pass:a shared secret", "-rsp_cert", "cmp-leaf.pem"])
                .args(["-rsp_extracerts", "cmp-issuing.pem", "-rsp_capubs", "cmp-issuing.pem"])
                .current_dir(folder)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("openssl");
            suite.servers.borrow_mut().push(Killed(process));
            let begun = Instant::now();
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(begun.elapsed() < Duration::from_secs(20), "the mock server does not listen");
                std::thread::sleep(Duration::from_millis(20));
            }
            format!("http://127.0.0.1:{port}/pkix/")
        }
    };
    let file = format!("url = \"{url}\"\nreference = \"hufu\"\nsecret = \"cmp-secret\"");
    let anchors = [suite.root.certificate().clone(), suite.issuing.certificate().clone()];
    let protocol = Arc::new(crate::channels::TimeProtocol);
    hufu_testkit::host_with_timestamps(folder, &suite.clock, protocol, &anchors, |host| {
        (hufu_ca_cmp::FACTORY.build)(host, file.parse().unwrap()).unwrap()
    })
}

#[test]
fn ca_cmp() {
    Suite::new().run(&cmp);
}

#[test]
fn ca_est() {
    Suite::new().run(&est);
}

#[test]
fn ca_local() {
    Suite::new().run(&local);
}

#[test]
fn ca_exec() {
    Suite::new().run(&exec);
}
