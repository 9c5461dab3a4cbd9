//! The appliance's own authorities, judged from outside: a linter, openssl, and what survives kills.

use crate::daemon::{Daemon, Site};
use crate::judges::{self, ocsp, openssl};
use crate::processes::{children, command_line};
use crate::signed_contract::{contract, register, sign};
use base64::Engine;
use hufu::tsp::{Request, Token};
use hufu_api::HashAlgorithm;
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// GET or POST at the PKI listener; `None` while nobody answers there.
fn pki(site: &Site, path: &str, kind: &str, body: Option<&[u8]>) -> Option<(u16, Vec<u8>)> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(std::time::Duration::from_secs(20)))
        .build()
        .into();
    let url = format!("{}{path}", site.env["HUFU_PKI_URL"]);
    let answer = match body {
        Some(body) => agent.post(url).header("Content-Type", kind).send(body),
        None => agent.get(url).call(),
    };
    let mut answer = answer.ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.body_mut().read_to_vec().ok()?))
}

const QUERY: &str = "application/timestamp-query";

fn query(digest: u8) -> Vec<u8> {
    let request = Request {
        algorithm: HashAlgorithm::Sha256,
        digest: vec![digest; 32],
        policy: None,
        nonce: None,
        cert_req: true,
    };
    request.to_der()
}

/// A time-stamp token of the PKI listener, checked against its request; the error tells what was answered instead.
pub fn stamp(site: &Site) -> Result<Vec<u8>, String> {
    let asked = query(7);
    match pki(site, "/tsa", QUERY, Some(&asked)) {
        Some((200, answer)) => {
            let request = Request::from_der(&asked).unwrap();
            hufu::tsp::check_response(&answer, &request, &[])
                .map(|(token, _)| token)
                .map_err(|e| e.to_string())
        }
        Some((status, _)) => Err(format!("HTTP status {status}")),
        None => Err("no answer".into()),
    }
}

#[test]
fn a_linter_and_openssl_find_no_fault_in_certificates_lists_and_answers() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let parties = register(&client);
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let folder = daemon.site.dir().join("data/pki");
    for name in [
        "root.cer",
        "issuing-1.cer",
        "tsa-1.cer",
        "ocsp-issuing-1.cer",
        "root.crl",
        "root.pem",
        "issuing-1.pem",
    ] {
        std::fs::copy(folder.join(name), at(name)).unwrap();
    }
    let rows = client.send("GET", &format!("/x/certificates?signerId={}", parties.person), "", b"");
    let chain = rows.data("certificates")[0]["chain"].as_array().unwrap();
    let leaf: Vec<u8> = serde_json::from_value(chain[0].clone())
        .or_else(|_| base64::engine::general_purpose::STANDARD.decode(chain[0].as_str().unwrap()))
        .unwrap();
    std::fs::write(at("signer.cer"), &leaf).unwrap();
    openssl(dir.path(), &["x509", "-inform", "der", "-in", "signer.cer", "-out", "signer.pem"]);
    let (status, list) = pki(&daemon.site, "/issuing-1.crl", "", None).unwrap();
    assert_eq!(status, 200);
    std::fs::write(at("issuing-1.crl"), list).unwrap();

    // openssl: chain with revocation, list, responder.
    openssl(
        dir.path(),
        &["crl", "-inform", "der", "-in", "issuing-1.crl", "-CAfile", "issuing-1.pem", "-noout"],
    );
    for (name, list) in [("issuing", "issuing-1.crl"), ("root", "root.crl")] {
        openssl(dir.path(), &["crl", "-inform", "der", "-in", list, "-out", &format!("{name}-crl.pem")]);
    }
    let lists = ["issuing-crl.pem", "root-crl.pem"].map(|f| std::fs::read_to_string(at(f)).unwrap()).concat();
    std::fs::write(at("lists.pem"), lists).unwrap();
    let verify = ["verify", "-x509_strict", "-crl_check_all", "-CRLfile", "lists.pem", "-CAfile", "root.pem"];
    openssl(dir.path(), &[&verify[..], &["-untrusted", "issuing-1.pem", "signer.pem"]].concat());
    for (certificate, name) in [("signer.pem", "signer.ocsp"), ("tsa-1.pem", "tsa.ocsp")] {
        if !at(certificate).exists() {
            std::fs::copy(folder.join(certificate), at(certificate)).unwrap();
        }
        let files = [certificate, "issuing-1.pem", "root.pem"];
        let said = ocsp(dir.path(), &daemon.site, files, &["-no_nonce", "-respout", name]);
        assert!(
            said.contains(&format!("{certificate}: good")) && said.contains("Response verify OK"),
            "{said}"
        );
    }

    // pkilint: nothing against RFC 5280, RFC 3161 or RFC 6960.
    let lint = |tool: &str, args: &[&str], file: &str| {
        let done = Command::new(judges::venv().join("bin").join(tool))
            .arg("lint")
            .args(args)
            .args(["-s", "ERROR", "--document-format", "DER"])
            .arg(at(file))
            .output()
            .unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success() && text.trim().is_empty(), "{tool} {file}: {text}");
    };
    for file in ["root.cer", "issuing-1.cer", "tsa-1.cer", "ocsp-issuing-1.cer", "signer.cer"] {
        lint("lint_pkix_cert", &[], file);
    }
    lint("lint_crl", &["-t", "CRL", "-p", "PKIX"], "issuing-1.crl");
    lint("lint_crl", &["-t", "ARL", "-p", "PKIX"], "root.crl");
    for file in ["signer.ocsp", "tsa.ocsp"] {
        lint("lint_ocsp_response", &[], file);
    }
    // The judge does find faults: a list without its number is one.
    let done = Command::new(judges::venv().join("bin/lint_crl"))
        .args(["lint", "-t", "CRL", "-p", "PKIX", "-s", "ERROR"])
        .arg(at("signer.cer"))
        .output()
        .unwrap();
    assert!(!done.status.success(), "the linter takes a certificate for a list");
}

#[test]
fn a_report_names_every_signature_of_a_compromised_certificate_and_no_other() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let parties = register(&client);
    let original = contract(&daemon, "c.pdf");
    let docs = daemon.documents();
    let mut of_person = Vec::new();
    for n in 0..3 {
        of_person.push(sign(
            &client,
            parties.person,
            parties.person_seal,
            &original,
            &docs.join(format!("p{n}.pdf")),
            "1,100,100",
        ));
    }
    sign(&client, parties.company, parties.company_seal, &original, &docs.join("company.pdf"), "1,300,300");
    let row = client.send("GET", &format!("/x/signatures/{}", of_person[0]), "", b"");
    let sha256 = row.data("certificate_sha256").as_str().unwrap().to_owned();
    let (ok, out, err) = daemon.site.hufu(&["report", "compromised", "--sha256", &sha256]);
    assert!(ok, "{err}");
    let lines: Vec<serde_json::Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let found: Vec<u64> = lines.iter().filter_map(|l| l["summary"].as_u64()).collect();
    assert_eq!(found, of_person, "{out}");
    for line in &lines {
        assert_eq!((&line["released"], &line["ending"]), (&true.into(), &"done".into()), "{line}");
        assert_eq!(line["output_sha256"].as_str().unwrap().len(), 64);
    }
    // The same from the stopped appliance's folder.
    let (site, ended) = daemon.stop();
    assert!(ended);
    assert_eq!(site.hufu(&["report", "compromised", "--sha256", &sha256]).1, out);
}

/// Asks for time stamps until it is told to stop, and tells when it asked and their serial numbers; while the listener is away it
/// asks again.
fn ask_on(site: &Site, over: &AtomicBool, told: &mpsc::Sender<(Instant, Vec<u8>)>) {
    while !over.load(Ordering::Relaxed) {
        let asked = Instant::now();
        match stamp(site) {
            Ok(token) => told.send((asked, Token::from_bytes(&token).unwrap().info.serial)).unwrap(),
            // A whole answer of another kind would be a fault; these are those of a process that ends or begins.
            Err(error) => {
                assert!(["refused", "503", "no answer"].iter().any(|e| error.contains(e)), "{error}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

#[test]
fn no_serial_number_comes_twice_through_kills() {
    let kills = if std::env::var_os("HUFU_LONG").is_some() { 1_000 } else { 4 };
    let daemon = Daemon::new();
    let over = AtomicBool::new(false);
    let (told, serials) = mpsc::channel();
    let (mut seen, mut slowest) = (HashSet::new(), Duration::ZERO);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (site, over, told) = (&daemon.site, &over, told.clone());
            scope.spawn(move || ask_on(site, over, &told));
        }
        let _ended = Ended(&over);
        let mut take = |kill: usize| {
            let (asked, serial) = serials
                .recv_timeout(Duration::from_secs(60))
                .unwrap_or_else(|_| panic!("the appliance does not come back after kill {kill}"));
            // The upper half is the store's; the random half would hide that it gave a number twice.
            let number = serial.iter().fold(0_u128, |number, octet| number << 8 | u128::from(*octet)) >> 64;
            assert!(seen.insert(number), "kill {kill}: a serial number twice");
            asked
        };
        for kill in 0..=kills {
            let killed = Instant::now();
            while take(kill) < killed {}
            slowest = slowest.max(killed.elapsed());
            for _ in 0..kill % 7 {
                take(kill);
            }
            // Others are being made at this moment.
            if kill < kills {
                let network = network_of(&daemon);
                let _ = rustix::process::kill_process(network, rustix::process::Signal::KILL);
            }
        }
    });
    println!("{kills} kills, {} tokens, no serial number twice; slowest recovery {slowest:?}", seen.len());
    assert!(seen.len() > kills);
}

/// The network process that lives now.
fn network_of(daemon: &Daemon) -> rustix::process::Pid {
    let pid = children(daemon.supervisor())
        .into_iter()
        .find(|pid| command_line(*pid).contains("internal network"))
        .expect("the network process, which has just answered");
    rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}

/// Says so to the others, also when the test fails.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn time_stamps_are_for_the_networks_of_the_configuration() {
    let site = Site::with(|dir| {
        let file = dir.join("conf/hufu.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen("[server]\n", "[server]\ntsa_networks = [\"10.9.0.0/16\"]\n", 1))
            .unwrap();
    });
    let daemon = site.start();
    assert_eq!(pki(&daemon.site, "/tsa", QUERY, Some(&query(1))).unwrap().0, 403);
    assert_eq!(pki(&daemon.site, "/issuing-1.crl", "", None).unwrap().0, 200, "lists are for everybody");
}

#[test]
fn time_stamps_are_for_the_clients_of_the_configuration() {
    let site = Site::with(|dir| {
        let file = dir.join("conf/hufu.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        // SHA-256 over the client's SubjectPublicKeyInfo, as an operator takes it.
        let pin = "openssl x509 -in client.pem -noout -pubkey | openssl pkey -pubin -outform der | sha256sum | cut -c1-64";
        let pin = Command::new("sh").args(["-c", pin]).current_dir(dir.join("tls")).output().unwrap();
        let pin = String::from_utf8(pin.stdout).unwrap();
        let known = format!("[server]\ntsa_clients = [\"{}\"]\n", pin.trim());
        std::fs::write(&file, text.replacen("[server]\n", &known, 1)).unwrap();
    });
    let daemon = site.start();
    let env = &daemon.site.env;
    let ask = |certificate: bool, to: &Path| -> String {
        std::fs::write(to.with_extension("tsq"), query(9)).unwrap();
        let mut curl = Command::new("curl");
        curl.args([
            "-sS",
            "-w",
            "%{http_code}",
            "-H",
            &format!("Content-Type: {QUERY}"),
            "--cacert",
            &env["HUFU_CA"],
        ]);
        if certificate {
            curl.args(["--cert", &env["HUFU_CLIENT_CERT"], "--key", &env["HUFU_CLIENT_KEY"]]);
        }
        curl.arg("--data-binary").arg(format!("@{}", to.with_extension("tsq").display())).arg("-o").arg(to);
        let done = curl.arg(format!("{}/x/tsa", env["HUFU_URL"])).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    };
    let answer = daemon.site.dir().join("answer.tsr");
    assert_eq!(ask(true, &answer), "200");
    let (query, root) = (answer.with_extension("tsq"), &env["HUFU_TSA_ROOT"]);
    let verify = [
        "ts",
        "-verify",
        "-queryfile",
        query.to_str().unwrap(),
        "-in",
        answer.to_str().unwrap(),
        "-CAfile",
        root,
    ];
    assert!(openssl(daemon.site.dir(), &verify).contains("Verification: OK"));
    assert_eq!(ask(false, &answer), "403", "nobody without a certificate");
}

/// The chain of a certificate, leaf first, as files `NAME-0.pem`, `NAME-1.pem` …; how many.
fn chain_files(client: &crate::daemon::Client, certificate: u64, dir: &Path, name: &str) -> usize {
    let (status, pem) = client.bytes(&format!("/x/certificates/{certificate}"));
    assert_eq!(status, 200);
    let text = String::from_utf8(pem).unwrap();
    let all: Vec<&str> = text.split_inclusive("-----END CERTIFICATE-----\n").collect();
    for (at, one) in all.iter().enumerate() {
        std::fs::write(dir.join(format!("{name}-{at}.pem")), one).unwrap();
    }
    all.len()
}

/// openssl verifies the chain with every list, strictly, and asks the responder about the leaf; what it says of it.
fn judged(site: &Site, dir: &Path, name: &str, label: &str) -> (bool, String) {
    for file in [label, "root"] {
        let (status, list) = pki(site, &format!("/{file}.crl"), "", None).unwrap();
        assert_eq!(status, 200, "{file}.crl");
        std::fs::write(dir.join("list.crl"), list).unwrap();
        openssl(dir, &["crl", "-inform", "der", "-in", "list.crl", "-out", &format!("{file}.crl.pem")]);
    }
    let at = |n: usize| format!("{name}-{n}.pem");
    openssl(dir, &["crl", "-in", &format!("{label}.crl.pem"), "-noout", "-CAfile", &at(1), "-verify"]);
    let lists = [format!("{label}.crl.pem"), "root.crl.pem".to_owned()]
        .map(|f| std::fs::read_to_string(dir.join(f)).unwrap());
    std::fs::write(dir.join("lists.pem"), lists.concat()).unwrap();
    let done = Command::new("openssl")
        .args([
            "verify",
            "-x509_strict",
            "-crl_check_all",
            "-CRLfile",
            "lists.pem",
            "-CAfile",
            &at(2),
            "-untrusted",
            &at(1),
        ])
        .arg(at(0))
        .current_dir(dir)
        .output()
        .unwrap();
    let said = ocsp(dir, site, [&at(0), &at(1), &at(2)], &[]);
    (done.status.success(), said)
}

#[test]
fn a_new_issuing_ca_takes_over_while_signing_goes_on_and_the_old_one_keeps_answering() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let parties = register(&client);
    let dir = tempfile::tempdir().unwrap();
    let original = contract(&daemon, "c.pdf");
    let (docs, stop) = (daemon.documents(), std::sync::atomic::AtomicBool::new(false));
    let (signed, old, new) = std::thread::scope(|scope| {
        let busy = scope.spawn(|| {
            let mut count = 0;
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                count += 1;
                let to = docs.join(format!("{count}.pdf"));
                sign(&client, parties.person, parties.person_seal, &original, &to, "2,150,340");
            }
            count
        });
        let (ok, out, err) = daemon.site.hufu(&["ca", "rollover", "--yes"]);
        assert!(ok && out.contains("issuing-2 issues from now on"), "{out}{err}");
        // The appliance takes it up by itself; until then certificates come from the first.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        let mut number = 110_101_199_003_078_000_u64;
        let new = loop {
            number += 1;
            let person = serde_json::json!({"userName": "李四", "identityRegion": "0", "certifyType": "a",
                "certifyNum": number.to_string()});
            let id = client.post("/user/person", &person).data("signerId").as_u64().unwrap();
            let rows = client.send("GET", &format!("/x/certificates?signerId={id}"), "", b"");
            let certificate = rows.data("certificates")[0]["certificateId"].as_u64().unwrap();
            assert_eq!(chain_files(&client, certificate, dir.path(), "new"), 3);
            let issuer = openssl(dir.path(), &["x509", "-in", "new-0.pem", "-noout", "-issuer"]);
            if issuer.contains("Hufu Issuing CA 2") {
                break certificate;
            }
            assert!(std::time::Instant::now() < deadline, "still {issuer}");
        };
        let rows = client.send("GET", &format!("/x/certificates?signerId={}", parties.person), "", b"");
        let old = rows.data("certificates")[0]["certificateId"].as_u64().unwrap();
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        (busy.join().unwrap(), old, new)
    });
    assert!(signed > 0, "nothing was signed meanwhile");
    assert_eq!(chain_files(&client, old, dir.path(), "old"), 3);
    for (name, label) in [("old", "issuing-1"), ("new", "issuing-2")] {
        let (good, ocsp) = judged(&daemon.site, dir.path(), name, label);
        assert!(
            good && ocsp.contains("Response verify OK") && ocsp.contains("-0.pem: good"),
            "{name}: {ocsp}"
        );
    }
    // A linter finds no fault in what the rollover made.
    let folder = daemon.site.dir().join("data/pki");
    for file in ["issuing-2.pem", "ocsp-issuing-2.pem"] {
        assert!(folder.join(file).exists(), "{file}");
    }
    // The old CA's certificates can be revoked as before, the new one's too; each stands on its own CA's list.
    for (number, name, label) in [(old, "old", "issuing-1"), (new, "new", "issuing-2")] {
        let app = daemon.site.env["HUFU_APP_ID"].clone();
        let (ok, out, err) = daemon.site.hufu(&["cert", "revoke", "--app", &app, &number.to_string()]);
        assert!(ok, "{out}{err}");
        let (good, ocsp) = judged(&daemon.site, dir.path(), name, label);
        assert!(!good && ocsp.contains("-0.pem: revoked"), "{name}: {ocsp}");
    }
    // What was signed before the rollover, with a certificate of the first CA, is as good as before.
    let after = daemon.documents().join("after.pdf");
    sign(&client, parties.company, parties.company_seal, &original, &after, "2,150,340");
    // A restart finds both; the ceremony run again loses neither.
    let (site, ended) = daemon.stop();
    assert!(ended);
    let (ok, out, err) = site.hufu(&["init", "--yes"]);
    assert!(ok, "{out}{err}");
    let daemon = site.start();
    for label in ["issuing-1", "issuing-2"] {
        assert_eq!(pki(&daemon.site, &format!("/{label}.crl"), "", None).unwrap().0, 200);
    }
    let client = daemon.client();
    let person = serde_json::json!({"userName": "王五", "identityRegion": "0", "certifyType": "a", "certifyNum": "110101199003070011"});
    let id = client.post("/user/person", &person).data("signerId").as_u64().unwrap();
    let rows = client.send("GET", &format!("/x/certificates?signerId={id}"), "", b"");
    let certificate = rows.data("certificates")[0]["certificateId"].as_u64().unwrap();
    chain_files(&client, certificate, dir.path(), "later");
    let (good, ocsp) = judged(&daemon.site, dir.path(), "later", "issuing-2");
    assert!(good && ocsp.contains("-0.pem: good"), "{ocsp}");
}
