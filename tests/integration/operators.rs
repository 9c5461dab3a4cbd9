//! Operators with certificates at a real appliance: the remote command line, two-person approval, and what the log keeps of it.

use crate::daemon::{Daemon, HUFU, Site};
use serde_json::Value;
use std::process::Command;

/// The quickstart's site as shipped in this one respect: two admins must agree.
pub fn site() -> Site {
    Site::with(|dir| {
        let file = dir.join("conf/hufu.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("approvals = 1"), "the quickstart says that it is laxer");
        std::fs::write(&file, text.replace("approvals = 1", "approvals = 2")).unwrap();
        for name in ["anna", "bao", "chen"] {
            let made = Command::new(HUFU)
                .arg("tls")
                .arg("--dir")
                .arg(dir.join("tls"))
                .args(["client", name])
                .status();
            assert!(made.unwrap().success());
        }
    })
}

impl Daemon {
    /// Adds an operator with the certificate of that name.
    pub fn enrol(&self, name: &str, role: &str) -> (bool, String, String) {
        let certificate = self.site.dir().join(format!("tls/{name}.pem")).display().to_string();
        self.site.hufu(&["operator", "add", name, "--role", role, "--cert", &certificate])
    }

    /// A command from elsewhere, with that person's certificate and without the configuration.
    pub fn remote(&self, name: &str, args: &[&str]) -> (bool, String, String) {
        let file = |end: &str| self.site.dir().join(format!("tls/{name}.{end}"));
        let done = Command::new(HUFU)
            .args(["--config", "/nonexistent/hufu.toml"])
            .args(args)
            .env("HUFU_REMOTE", &self.site.env["HUFU_URL"])
            .env("HUFU_REMOTE_CA", &self.site.env["HUFU_CA"])
            .env("HUFU_OPERATOR_CERT", file("pem"))
            .env("HUFU_OPERATOR_KEY", file("key"))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.success(), text(&done.stdout), text(&done.stderr))
    }
}

#[test]
fn an_app_is_added_from_elsewhere_by_two_people() {
    let daemon = site().start();
    for name in ["anna", "bao"] {
        let (done, _, why) = daemon.enrol(name, "admin");
        assert!(done, "{why}");
    }
    let (alone, _, why) = daemon.enrol("chen", "auditor");
    assert!(!alone && why.contains("of 2 approvals"), "a third operator needs both: {why}");
    let (_, _, why) = daemon.remote("chen", &["app", "list"]);
    assert!(why.contains("no operator's"), "{why}");

    let (done, out, why) =
        daemon.remote("anna", &["app", "add", "loans", "--not-pinned", "--root", "documents"]);
    assert!(!done && why.contains("1 of 2 approvals"), "{out} {why}");
    let id = why.split("request ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let (done, out, _) = daemon.remote("bao", &["approval", "list"]);
    assert!(done && out.contains(&id) && out.contains("add_app") && out.contains("anna"), "{out}");
    let (done, _, why) = daemon.remote("anna", &["approval", "run", &id]);
    assert!(!done && why.contains("1 of 2"), "{why}");
    let (done, out, why) = daemon.remote("bao", &["approval", "approve", &id]);
    assert!(done && out.contains("2 of 2 approvals: anna, bao"), "{out} {why}");
    let (done, out, why) = daemon.remote("anna", &["approval", "run", &id]);
    assert!(done, "{why}");
    let issued: Value = serde_json::from_str(&out).unwrap();
    assert!(issued["key"].as_str().unwrap().len() >= 32);
    let (_, out, _) = daemon.site.hufu(&["app", "list"]);
    assert!(out.contains("loans"), "{out}");

    let (done, out, why) = daemon.site.hufu(&["audit", "search", &id, "--act", "approve", "--json"]);
    assert!(done, "{why}");
    let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<&str> = records.iter().map(|r| r["facts"]["step"].as_str().unwrap_or_default()).collect();
    assert_eq!(steps, ["requested", "approved", "carried_out"], "{out}");
    let (_, out, _) = daemon.site.hufu(&["audit", "search", "--act", "change_app", "--json"]);
    assert!(out.contains("anna (approved by anna, bao)"), "{out}");
    // That two must agree is on record too, and that it was one before.
    let (_, out, _) = daemon.site.hufu(&["audit", "search", "--act", "configure", "--json"]);
    assert!(out.contains("\"approvals\":2") && out.contains("\"approvals_before\":1"), "{out}");
    let (sound, _, why) = daemon.site.hufu(&["audit", "verify"]);
    assert!(sound, "{why}");
}

#[test]
fn the_service_log_names_no_person() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let person = serde_json::json!({"userName": "欧阳测试", "identityRegion": "0", "certifyNum": "110101199003070054", "phoneNo": "13912345678"});
    let signer = client.post("/user/person", &person).data("signerId").clone();
    client.post("/user/person", &person);
    client.post(
        "/send/verifyCode",
        &serde_json::json!({"signerId": signer.to_string(), "phoneNo": "13912345678"}),
    );
    client
        .post("/sign/verifyCode", &serde_json::json!({"signerId": signer.to_string(), "verifyCode": "0000"}));
    client.post("/user/personNameAndPhone", &person);
    client.post(
        "/user/person",
        &serde_json::json!({"userName": "欧阳测试", "certifyNum": "not a number 13912345678"}),
    );
    let (key, token) = (daemon.site.env["HUFU_APP_KEY"].clone(), client.token);
    let (site, _) = daemon.stop();
    let log = std::fs::read_to_string(site.dir().join("hufu.log")).unwrap();
    assert!(log.contains("\"refused\""), "something was logged");
    for secret in ["欧阳测试", "欧阳", "110101199003070054", "13912345678", key.as_str(), token.as_str()]
    {
        assert!(!log.contains(secret), "{secret} stands in the service log");
    }
    let pin = std::fs::read_to_string(site.dir().join("secrets/user-pin")).unwrap();
    assert!(!log.contains(pin.trim()), "the PIN stands in the service log");
    // The audit log has keyed hashes and ids, not the people.
    let (_, out, _) = site.hufu(&["audit", "list", "-n", "1000", "--json"]);
    for secret in ["110101199003070054", "13912345678", key.as_str(), token.as_str()] {
        assert!(!out.contains(secret), "{secret} stands in the audit log");
    }
}

/// What openssl reads of the root's list, and the serial number of a certificate of the ceremony.
fn root_list(daemon: &Daemon, label: &str) -> (String, String) {
    let pki = daemon.site.dir().join("data/pki");
    let openssl = |args: &[&str], file: &str| {
        let done = Command::new("openssl").args(args).arg(pki.join(file)).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    };
    let serial = openssl(&["x509", "-noout", "-serial", "-in"], &format!("{label}.pem"));
    let serial = serial.trim().strip_prefix("serial=").unwrap().to_owned();
    (openssl(&["crl", "-noout", "-text", "-inform", "der", "-in"], "root.crl"), serial)
}

#[test]
fn two_people_roll_the_issuing_ca_over_and_revoke_the_old_one() {
    let daemon = site().start();
    for name in ["anna", "bao"] {
        let (done, _, why) = daemon.enrol(name, "admin");
        assert!(done, "{why}");
    }
    let agree = |id: &str| {
        for name in ["anna", "bao"] {
            let (done, _, why) = daemon.remote(name, &["approval", "approve", id]);
            assert!(done, "{why}");
        }
    };
    let asked = |args: &[&str]| {
        let (done, _, why) = daemon.site.hufu(args);
        assert!(!done && why.contains("0 of 2 approvals") && why.contains("--request"), "{why}");
        why.split("request ").nth(1).unwrap().split(' ').next().unwrap().to_owned()
    };

    let id = asked(&["ca", "rollover", "--yes"]);
    let pki = daemon.site.dir().join("data/pki");
    let (done, _, why) = daemon.site.hufu(&["ca", "rollover", "--yes", "--request", &id]);
    assert!(!done && why.contains("0 of 2") && !pki.join("issuing-2.pem").exists(), "{why}");
    agree(&id);
    let (done, _, why) = daemon.site.hufu(&["ca", "revoke", "tsa-1", "--yes", "--request", &id]);
    assert!(!done && why.contains("something else"), "{why}");
    let (done, out, why) = daemon.site.hufu(&["ca", "rollover", "--yes", "--request", &id]);
    assert!(done && out.contains("issuing-2 issues from now on"), "{out}{why}");

    // The steps stand in the log: asked, agreed twice, begun by whom, and taken up by the serving appliance.
    let (_, out, _) = daemon.site.hufu(&["audit", "search", &id, "--act", "approve", "--json"]);
    let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<&str> = records.iter().map(|r| r["facts"]["step"].as_str().unwrap_or_default()).collect();
    assert_eq!(steps, ["requested", "approved", "approved", "carried_out"], "{out}");
    let begun = std::time::Instant::now();
    loop {
        let (_, out, _) = daemon.site.hufu(&["audit", "search", "--act", "ceremony", "--json"]);
        assert!(out.contains("announced") && out.contains("(approved by anna, bao)"), "{out}");
        if out.contains("taken_up") && out.contains("issuing-2") {
            break;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{out}");
    }

    // What is issued from then on comes from it.
    let person =
        serde_json::json!({"userName": "张三", "identityRegion": "0", "certifyNum": "110101199003070011"});
    let client = daemon.client();
    let signer = client.post("/user/person", &person).data("signerId").to_string();
    let rows = client.send("GET", &format!("/x/certificates?signerId={signer}"), "", b"");
    let (_, chain) =
        client.bytes(&format!("/x/certificates/{}", rows.data("certificates")[0]["certificateId"]));
    std::fs::write(daemon.site.dir().join("chain.pem"), chain).unwrap();
    let issuer = Command::new("openssl")
        .args(["x509", "-noout", "-issuer", "-in"])
        .arg(daemon.site.dir().join("chain.pem"))
        .output()
        .unwrap();
    let issuer = String::from_utf8(issuer.stdout).unwrap();
    assert!(issuer.contains("Hufu Issuing CA 2"), "{issuer}");

    // The one that issues cannot be revoked, the one before it can; a complete run of the ceremony keeps that.
    let (done, _, why) = daemon.site.hufu(&["ca", "revoke", "issuing-2", "--yes"]);
    assert!(!done && why.contains("issues now"), "{why}");
    let revoke = ["ca", "revoke", "issuing-1", "--reason", "cessation_of_operation", "--yes"];
    let id = asked(&revoke);
    agree(&id);
    let (list, serial) = root_list(&daemon, "issuing-1");
    assert!(list.contains("No Revoked Certificates") && !list.contains(&serial), "{list}");
    let (done, out, why) = daemon.site.hufu(&[&revoke[..], &["--request", &id]].concat());
    assert!(done, "{out}{why}");
    let (list, serial) = root_list(&daemon, "issuing-1");
    assert!(list.contains(&serial) && list.contains("Cessation Of Operation"), "{list}");
    let (done, out, why) = daemon.site.hufu(&["init", "--yes"]);
    assert!(done, "{out}{why}");
    assert!(root_list(&daemon, "issuing-1").0.contains(&serial));
    let (sound, _, why) = daemon.site.hufu(&["audit", "verify"]);
    assert!(sound, "{why}");
}
