//! The appliance's own time-stamping authority and OCSP responder, revoked while it serves, judged by openssl.

use crate::daemon::Daemon;
use crate::judges::{ocsp, openssl};
use std::path::Path;

/// What the responder says of a certificate of the ceremony.
fn status(daemon: &Daemon, label: &str) -> String {
    let files = [format!("{label}.pem"), "issuing-1.pem".into(), "root.pem".into()];
    let folder = daemon.site.dir().join("data/pki");
    ocsp(&folder, &daemon.site, files.each_ref().map(String::as_str), &["-no_nonce", "-resp_text"])
}

fn list(daemon: &Daemon, scratch: &Path) -> String {
    let url = format!("{}/issuing-1.crl", daemon.site.env["HUFU_PKI_URL"]);
    let bytes = ureq::get(url).call().unwrap().body_mut().read_to_vec().unwrap();
    std::fs::write(scratch.join("issuing.crl"), bytes).unwrap();
    openssl(scratch, &["crl", "-inform", "der", "-in", "issuing.crl", "-noout", "-text"])
}

fn serial(daemon: &Daemon, label: &str) -> String {
    let said = openssl(
        &daemon.site.dir().join("data/pki"),
        &["x509", "-noout", "-serial", "-in", &format!("{label}.pem")],
    );
    said.trim().strip_prefix("serial=").unwrap().to_owned()
}

/// The names in the certificates of a fresh time stamp, which openssl verifies.
fn stamped_by(daemon: &Daemon, scratch: &Path) -> String {
    std::fs::write(scratch.join("data"), "x").unwrap();
    openssl(scratch, &["ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "query"]);
    let query = std::fs::read(scratch.join("query")).unwrap();
    let url = format!("{}/tsa", daemon.site.env["HUFU_PKI_URL"]);
    let mut answer =
        ureq::post(url).header("Content-Type", "application/timestamp-query").send(&query[..]).unwrap();
    std::fs::write(scratch.join("reply"), answer.body_mut().read_to_vec().unwrap()).unwrap();
    let pki = daemon.site.dir().join("data/pki");
    let (root, issuing) = (pki.join("root.pem"), pki.join("issuing-1.pem"));
    openssl(
        scratch,
        &[
            "ts",
            "-verify",
            "-queryfile",
            "query",
            "-in",
            "reply",
            "-CAfile",
            root.to_str().unwrap(),
            "-untrusted",
            issuing.to_str().unwrap(),
        ],
    );
    openssl(scratch, &["ts", "-reply", "-in", "reply", "-token_out", "-out", "token"]);
    openssl(scratch, &["pkcs7", "-inform", "der", "-in", "token", "-print_certs", "-noout"])
}

#[test]
fn a_time_stamping_authority_and_a_responder_are_revoked_and_have_their_successors() {
    let daemon = Daemon::new();
    let scratch = tempfile::tempdir().unwrap();
    assert!(status(&daemon, "tsa-1").contains("tsa-1.pem: good"));
    assert!(stamped_by(&daemon, scratch.path()).contains("Hufu TSA 1"));

    let (ok, out, err) = daemon.site.hufu(&["ca", "revoke", "tsa-1", "--reason", "key_compromise", "--yes"]);
    assert!(ok && out.contains("tsa-1 is revoked; tsa-2 is in its place"), "{out}{err}");
    let said = status(&daemon, "tsa-1");
    assert!(said.contains("tsa-1.pem: revoked") && said.contains("Response verify OK"), "{said}");
    assert!(said.contains("Reason: keyCompromise"), "{said}");
    assert!(status(&daemon, "tsa-2").contains("tsa-2.pem: good"));
    let text = list(&daemon, scratch.path());
    assert!(text.contains(&serial(&daemon, "tsa-1")) && text.contains("Key Compromise"), "{text}");
    let names = stamped_by(&daemon, scratch.path());
    assert!(names.contains("Hufu TSA 2") && !names.contains("Hufu TSA 1"), "{names}");

    let (ok, out, err) = daemon.site.hufu(&["ca", "revoke", "ocsp-issuing-1", "--yes"]);
    assert!(ok && out.contains("ocsp-issuing-1-2 is in its place"), "{out}{err}");
    let said = status(&daemon, "tsa-2");
    assert!(said.contains("tsa-2.pem: good") && said.contains("Response verify OK"), "{said}");
    assert!(said.contains("Hufu OCSP 1-2") && !said.contains("CN=Hufu OCSP 1\n"), "{said}");
    let text = list(&daemon, scratch.path());
    assert!(text.contains(&serial(&daemon, "ocsp-issuing-1")) && text.contains("Superseded"), "{text}");

    let (ok, out, _) = daemon.site.hufu(&["audit", "search", "--act", "revoke_certificate", "--json"]);
    assert!(ok && out.contains("\"tsa-1\"") && out.contains("\"ocsp-issuing-1\""), "{out}");
    let (ok, _, why) = daemon.site.hufu(&["ca", "revoke", "tsa-9", "--yes"]);
    assert!(!ok && why.contains("tsa-2"), "it names those there are: {why}");
    let health = daemon.health();
    let parts = health["parts"].as_array().unwrap();
    let down: Vec<_> = parts.iter().filter(|part| part["state"] == "down").collect();
    assert!(down.is_empty(), "{down:?}");
    assert!(parts.iter().any(|part| part["name"] == "renewal"), "{health:#}");
}
