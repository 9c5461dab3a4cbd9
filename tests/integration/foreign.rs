//! Signatures of others, whose authorities answer elsewhere: what makes them last is fetched from the addresses that their certificates
//! name. The authority is openssl's, the signatures are pyHanko's, with time stamps of the appliance.

use crate::daemon::Daemon;
use crate::judges;
use crate::signed_contract::contract;
use hufu_testkit::{Reply, Server};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn run(folder: &Path, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) {
    let done = Command::new(program).args(args).current_dir(folder).output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&said));
}

/// A key and a certificate of the root with those extensions, for so many days.
fn issue(folder: &Path, name: &str, (serial, days): (&str, &str), extensions: &str) {
    let at = |end: &str| format!("{name}.{end}");
    let (key, csr, pem, cnf) = (at("key"), at("csr"), at("pem"), at("cnf"));
    let always =
        "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
    std::fs::write(folder.join(&cnf), format!("{always}{extensions}\n")).unwrap();
    let subject = format!("/CN={name}");
    let request = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    run(folder, "openssl", &[&request[..], &["-keyout", &key, "-out", &csr, "-subj", &subject]].concat());
    let issue =
        ["x509", "-req", "-CA", "root.pem", "-CAkey", "root.key", "-days", days, "-set_serial", serial];
    run(folder, "openssl", &[&issue[..], &["-in", &csr, "-out", &pem, "-extfile", &cnf]].concat());
}

/// A root with signers whose status it tells by OCSP and by revocation list, freshly made for each who asks.
struct Elsewhere {
    folder: PathBuf,
    server: Server,
    asked: Arc<AtomicUsize>,
}

impl Elsewhere {
    fn new(folder: &Path) -> Self {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(
            folder.join("ca.cnf"),
            "[ca]\ndefault_ca=one\n[one]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=30\ncrl_extensions=crl\n\
             [crl]\nauthorityKeyIdentifier=keyid\n",
        )
        .unwrap();
        let year = "491231235959Z";
        let rows = format!(
            "V\t{year}\t\t1001\tunknown\t/CN=Known\nV\t{year}\t\t1002\tunknown\t/CN=Listed\n\
             R\t{year}\t250101000000Z\t1003\tunknown\t/CN=Gone\n"
        );
        std::fs::write(folder.join("index.txt"), rows).unwrap();
        std::fs::write(folder.join("index.txt.attr"), "unique_subject = no\n").unwrap();
        let root = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "3650",
        ];
        let files = ["-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=Elsewhere Root"];
        let uses = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"];
        run(folder, "openssl", &[&root[..], &files, &uses].concat());
        let delegated =
            "keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,OCSPSigning\nnoCheck=ignored";
        issue(folder, "responder", ("0x1009", "3000"), delegated);
        let (place, asked) = (folder.to_owned(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        let server = Server::start(move |request| {
            let n = count.fetch_add(1, Ordering::SeqCst);
            let (question, answer) = (format!("{n}.in"), format!("{n}.out"));
            if request.method == "GET" {
                let list =
                    ["ca", "-gencrl", "-config", "ca.cnf", "-keyfile", "root.key", "-cert", "root.pem"];
                run(&place, "openssl", &[&list[..], &["-out", &question]].concat());
                run(&place, "openssl", &["crl", "-in", &question, "-outform", "der", "-out", &answer]);
                return Reply::ok("application/pkix-crl", std::fs::read(place.join(answer)).unwrap());
            }
            std::fs::write(place.join(&question), &request.body).unwrap();
            let responder = [
                "ocsp",
                "-index",
                "index.txt",
                "-CA",
                "root.pem",
                "-rsigner",
                "responder.pem",
                "-rkey",
                "responder.key",
            ];
            let files = ["-reqin", &question, "-respout", &answer, "-ndays", "7"];
            run(&place, "openssl", &[&responder[..], &files].concat());
            Reply::ok("application/ocsp-response", std::fs::read(place.join(answer)).unwrap())
        });
        Self { folder: folder.to_owned(), server, asked }
    }

    /// A signer's certificate and key, with where its status is to be asked for.
    fn signer(&self, name: &str, serial: &str, status: &str) {
        let status =
            format!("keyUsage=critical,digitalSignature,nonRepudiation\n{status}{}", self.server.url());
        issue(&self.folder, name, (serial, "365"), &status);
    }

    /// pyHanko signs, B-T.
    fn sign(&self, daemon: &Daemon, name: &str, from: &Path, to: &Path) {
        let stamps = format!("{}/tsa", daemon.site.env["HUFU_PKI_URL"]);
        let (key, pem) = (format!("{name}.key"), format!("{name}.pem"));
        let sign = ["sign", "addsig", "--field", "Sig1", "--use-pades", "--timestamp-url", &stamps, "pemder"];
        let with = ["--no-pass", "--key", &key, "--cert", &pem, "--chain", "root.pem"];
        let files = [from.to_str().unwrap(), to.to_str().unwrap()];
        run(&self.folder, judges::venv().join("bin/pyhanko"), &[&sign[..], &with, &files].concat());
    }
}

fn renewed(daemon: &Daemon, file: &Path, more: &[&str]) -> Value {
    let (_, out, err) = daemon.site.hufu(&[&["renew", "--json", file.to_str().unwrap()], more].concat());
    let line: Value = serde_json::from_str(out.lines().next().unwrap_or_else(|| panic!("{err}"))).unwrap();
    assert_eq!(line["outcome"]["state"], "renewed", "{line}");
    line["outcome"]["incomplete"].clone()
}

#[test]
fn what_proves_a_strangers_signature_is_fetched_from_where_its_certificate_says() {
    let daemon = Daemon::new();
    let elsewhere = Elsewhere::new(&daemon.site.dir().join("elsewhere"));
    elsewhere.signer("Known", "0x1001", "authorityInfoAccess=OCSP;URI:");
    elsewhere.signer("Listed", "0x1002", "crlDistributionPoints=URI:");
    elsewhere.signer("Gone", "0x1003", "authorityInfoAccess=OCSP;URI:");
    let (docs, original) = (daemon.documents(), contract(&daemon, "c.pdf"));
    let root = elsewhere.folder.join("root.pem");
    let tsa_root = PathBuf::from(&daemon.site.env["HUFU_TSA_ROOT"]);
    for name in ["Known", "Listed"] {
        let (offline, online) = (docs.join(format!("{name}-1.pdf")), docs.join(format!("{name}-2.pdf")));
        elsewhere.sign(&daemon, name, &original, &offline);
        std::fs::copy(&offline, &online).unwrap();
        let before = elsewhere.asked.load(Ordering::SeqCst);
        let missing = renewed(&daemon, &offline, &[]);
        assert_eq!(missing.as_array().unwrap().len(), 1, "{name}: {missing}");
        assert_eq!(elsewhere.asked.load(Ordering::SeqCst), before, "nobody was to be asked");
        let missing = renewed(&daemon, &online, &["--online"]);
        assert_eq!(missing.as_array().unwrap().len(), 0, "{name}: {missing}");
        assert!(elsewhere.asked.load(Ordering::SeqCst) > before);
        judges::qpdf_is_content(&online);
        judges::pyhanko_is_content(&online, &root, &tsa_root, 2);
        // Provable when the stranger's certificate has long expired and nobody answers there any more.
        assert_eq!(judges::pyhanko_lasting(&online, &root, &tsa_root, Some("+1200d")), [true], "{name}");
        assert_eq!(judges::pyhanko_lasting(&offline, &root, &tsa_root, Some("+1200d")), [false], "{name}");
    }
    let gone = docs.join("gone.pdf");
    elsewhere.sign(&daemon, "Gone", &original, &gone);
    let missing = renewed(&daemon, &gone, &["--online"]).to_string();
    assert!(missing.contains("is revoked"), "{missing}");
}
