//! The channel ca-est against a server that others wrote: GlobalSign's EST (`tests/interop/estserver`).

use crate::daemon::{Client, Daemon, Site, top};
use crate::judges;
use crate::signed_contract::contract;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// The foreign server; ends with its input, so also when this process does.
struct Server {
    child: Child,
    said: BufReader<ChildStdout>,
    port: u16,
    dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// `None`, said aloud, where Go or its modules cannot be had.
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("estserver");
        let built = Command::new("go")
            .args(["build", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(top().join("tests/interop/estserver"))
            .output();
        match built {
            Ok(done) if done.status.success() => {}
            Ok(done) => {
                println!("skipped: the foreign EST server: {}", String::from_utf8_lossy(&done.stderr));
                return None;
            }
            Err(error) => {
                println!("skipped: the foreign EST server: go: {error}");
                return None;
            }
        }
        let mut child = Command::new(program)
            .arg(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("listening ").unwrap().parse().unwrap();
        Some(Self { child, said, port, dir })
    }

    /// The next enrolment that it was asked for.
    fn asked(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Channel files: by client certificate at the server's root, and at its labels.
    fn configure(&self, site: &Path) {
        let at = |name: &str| self.dir.path().join(name);
        let password = site.join("secrets/est-password");
        std::fs::write(&password, "secret\n").unwrap();
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
        for (label, order) in [("est", 11), ("basic", 12), ("slow", 13), ("closed", 14), ("p384", 15)] {
            let path = if label == "est" { String::new() } else { format!("/.well-known/est/{label}") };
            let mut file = format!("kind = \"ca-est\"\norder = {order}\nanchors = {:?}\n", at("ca.pem"));
            writeln!(file, "url = \"https://127.0.0.1:{}{path}\"", self.port).unwrap();
            let tls = format!("[tls]\nroots = {:?}\n", at("server.pem"));
            match label {
                "est" => writeln!(
                    file,
                    "renewed = \"tls/est-renewed\"\n{tls}certificate = {:?}\nkey = {:?}",
                    at("client.pem"),
                    at("client.key")
                ),
                _ => writeln!(file, "username = \"hufu\"\npassword = {password:?}\n{tls}"),
            }
            .unwrap();
            std::fs::write(site.join(format!("conf/channels.d/{label}.toml")), file).unwrap();
        }
    }
}

fn person(client: &Client, number: u64, channel: &str) -> (i64, String, String) {
    let answer = client.post(
        "/user/person",
        &json!({"userName": "张三", "identityRegion": "0", "certifyType": "a", "caType": channel,
            "certifyNum": (110_101_199_003_080_000 + number).to_string()}),
    );
    (answer.code(), answer.body["data"]["signerId"].to_string(), answer.msg())
}

fn sign(daemon: &Daemon, client: &Client, signer: &str, name: &str) -> (i64, std::path::PathBuf) {
    let (from, to) = (contract(daemon, "c.pdf"), daemon.documents().join(name));
    let answer = client.post(
        "/sign/filePath",
        &json!({"signerId": signer, "moulageId": "-1", "contractPath": from, "contractSavePath": to,
            "signPositionType": "1", "positionContent": "1,100,100"}),
    );
    (answer.code(), to)
}

fn serial(file: &Path) -> String {
    let done = Command::new("openssl").args(["x509", "-noout", "-serial", "-in"]).arg(file).output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    text.trim().strip_prefix("serial=").unwrap().trim_start_matches('0').to_lowercase()
}

fn health(daemon: &Daemon, part: &str) -> Value {
    let health = daemon.health();
    health["parts"].as_array().unwrap().iter().find(|p| p["name"] == part).unwrap().clone()
}

#[test]
fn a_foreign_server_enrols_signers_and_renews_our_own_certificate() {
    let Some(mut server) = Server::start() else { return };
    let daemon = Site::with(|dir| server.configure(dir)).start();
    let client = daemon.client();

    // simplereenroll, at the start, since the client certificate is near its end: by that certificate, for the same name.
    let first = server.dir.path().join("client.pem");
    assert_eq!(server.asked(), format!("simplereenroll tls:{} hufu at the foreign CA", serial(&first)));
    let renewed = daemon.site.dir().join("conf/tls/est-renewed/client.pem");
    let begun = Instant::now();
    while !renewed.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", health(&daemon, "ca-est"));
        std::thread::yield_now();
    }
    assert_eq!(std::fs::metadata(&renewed).unwrap().permissions().mode() & 0o777, 0o600);
    let about = Command::new("openssl")
        .args(["x509", "-noout", "-subject", "-ext", "subjectAltName", "-in"])
        .arg(&renewed)
        .output()
        .unwrap();
    let about = String::from_utf8(about.stdout).unwrap();
    assert!(about.contains("hufu at the foreign CA") && about.contains("DNS:hufu.example"), "{about}");
    assert_eq!(health(&daemon, "ca-est")["state"], "up");

    // simpleenroll by that new certificate (cacerts and csrattrs before it), and what it gives signs.
    let (code, signer, msg) = person(&client, 1, "est");
    assert_eq!(code, 200, "{msg}");
    assert_eq!(server.asked(), format!("simpleenroll tls:{} 张三", serial(&renewed)));
    let (code, file) = sign(&daemon, &client, &signer, "est.pdf");
    assert_eq!(code, 200);
    judges::pyhanko_is_content(
        &file,
        &server.dir.path().join("ca.pem"),
        daemon.site.env["HUFU_TSA_ROOT"].as_ref(),
        1,
    );

    // By user name and password, at a CA label.
    let (code, _, msg) = person(&client, 2, "basic");
    assert_eq!(code, 200, "{msg}");
    assert_eq!(server.asked(), "simpleenroll basic:hufu 张三");

    // A CA that wants time: 202 with Retry-After, and the same request again.
    let (code, signer, msg) = person(&client, 3, "slow");
    assert_eq!(code, 200, "{msg}");
    let begun = Instant::now();
    while sign(&daemon, &client, &signer, "slow.pdf").0 != 200 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", health(&daemon, "ca-slow"));
    }
    assert_eq!(
        [server.asked(), server.asked()],
        ["simpleenroll basic:hufu 张三", "simpleenroll basic:hufu 张三"]
    );

    // One that says no, and one that wants other keys, which it is not even asked for.
    let (code, _, msg) = person(&client, 4, "closed");
    assert!(code == 60106 && msg.contains("closed") && msg.contains("not on our list"), "{code} {msg}");
    assert!(server.asked().starts_with("simpleenroll"));
    let (code, _, msg) = person(&client, 5, "p384");
    assert!(code == 60106 && msg.contains("1.3.132.0.34"), "{code} {msg}");
}
