//! A real appliance on its own SoftHSM token and free ports, set up by `softhsm/setup` as an operator would.

use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use tempfile::TempDir;

/// The built program.
pub const HUFU: &str = env!("CARGO_BIN_EXE_hufu");

/// The project's folder.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Three ports in a row that nobody listens on. Candidates go up from a place of this process's own, so that two
/// daemons that start together do not choose the same, and stay below those that the kernel gives to whoever connects (32,768
/// and up).
fn free_ports() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = 22_000_u16;
    // Test programs that start together have numbers that follow each other.
    let start = u16::try_from(std::process::id().wrapping_mul(7_919) % u32::from(span)).unwrap();
    loop {
        let step = NEXT.fetch_add(3, Ordering::Relaxed);
        let port = 10_240 + (start.wrapping_add(step) % span);
        if (port..port + 3).all(|p| TcpListener::bind(("127.0.0.1", p)).is_ok()) {
            return port;
        }
    }
}

/// A server that a token lives behind, in a process group of its own.
pub struct TokenServer(Child);

impl TokenServer {
    /// Starts what `DIR/token/serve` is, if it is there, and waits for its socket.
    pub fn start(dir: &Path) -> Option<Self> {
        use std::os::unix::process::CommandExt;
        let program = dir.join("token/serve");
        if !program.exists() {
            return None;
        }
        let mut command = Command::new(program);
        let server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self(server.process_group(0).spawn().unwrap());
        let socket = dir.join("token/p11.sock");
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            std::thread::yield_now();
        }
        Some(server)
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        // Its children, one for each connection, too.
        let _ = rustix::process::kill_process_group(
            rustix::process::Pid::from_child(&self.0),
            rustix::process::Signal::KILL,
        );
        let _ = self.0.wait();
    }
}

/// A folder that `softhsm/setup` has made ready; the appliance in it is not running.
pub struct Site {
    /// What its token lives behind, if anything.
    pub token_server: Option<TokenServer>,
    dir: TempDir,
    /// `client.env`.
    pub env: HashMap<String, String>,
}

impl Site {
    /// Sets a new site up.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// Sets a new site up; `change` may edit the folder before the appliance first starts.
    pub fn with(change: impl FnOnce(&Path)) -> Self {
        Self::set_up_in(tempfile::Builder::new().prefix("hufu-test-").tempdir().unwrap(), None, &[], change)
    }

    /// Sets a new site up with further arguments of `softhsm/setup`.
    pub fn set_up(arguments: &[&str], change: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::Builder::new().prefix("hufu-test-").tempdir().unwrap();
        Self::set_up_in(dir, None, arguments, change)
    }

    /// Sets a new site up on the token that `tests/tokens/NAME` makes; `None` where that cannot be had here. `change` may edit
    /// `token.toml`, and more, before the key ceremony.
    pub fn on_token(name: &str, change: impl FnOnce(&Path)) -> Option<Self> {
        let dir = tempfile::Builder::new().prefix("hufu-test-").tempdir().unwrap();
        let made = Command::new(top().join("tests/tokens").join(name)).arg(dir.path()).output().unwrap();
        let said = String::from_utf8_lossy(&made.stderr);
        if made.status.code() == Some(77) {
            println!("skipped: {said}");
            return None;
        }
        assert!(made.status.success(), "tests/tokens/{name}: {said}");
        change(dir.path());
        let server = TokenServer::start(dir.path());
        Some(Self::set_up_in(dir, server, &[], |dir| {
            // What the token's script wants to hold only when the ceremony is over.
            let Ok(after) = std::fs::read_to_string(dir.join("after.toml")) else { return };
            let file = dir.join("conf/hufu.toml");
            let text = std::fs::read_to_string(&file).unwrap();
            std::fs::write(file, text + &after).unwrap();
        }))
    }

    fn set_up_in(
        dir: TempDir,
        token_server: Option<TokenServer>,
        arguments: &[&str],
        change: impl FnOnce(&Path),
    ) -> Self {
        let port = free_ports();
        let mut setup = Command::new(top().join("softhsm/setup"));
        setup.arg(dir.path()).args(["--port", &port.to_string(), "--hufu", HUFU]).args(arguments);
        let token = dir.path().join("token.toml");
        if token.exists() {
            setup.arg("--token").arg(token);
        }
        let setup = setup.output().unwrap();
        assert!(setup.status.success(), "setup failed:\n{}", String::from_utf8_lossy(&setup.stderr));
        let text = std::fs::read_to_string(dir.path().join("client.env")).unwrap();
        let env = text
            .lines()
            .filter_map(|l| l.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        change(dir.path());
        Self { token_server, dir, env }
    }

    /// The site's folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.dir().join("conf/hufu.toml")
    }

    /// Runs a `hufu` command on this site and returns (success, stdout, stderr).
    pub fn hufu(&self, args: &[&str]) -> (bool, String, String) {
        let done = Command::new(HUFU).arg("--config").arg(self.config()).args(args).output().unwrap();
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        (done.status.success(), text(&done.stdout), text(&done.stderr))
    }

    /// Starts the appliance and waits for its ready line.
    pub fn start(self) -> Daemon {
        self.start_by(Command::new(HUFU))
    }

    /// The same through another command, which becomes the program with the arguments that come after its own.
    pub fn start_by(self, mut command: Command) -> Daemon {
        let log = self.dir().join("hufu.log");
        let err = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut child = command
            .arg("--config")
            .arg(self.config())
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(err)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if !line.starts_with("ready") {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the appliance did not start:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
        }
        let guard = Guard::over(&child, self.dir());
        Daemon { site: self, child, ready: line, guard: Some(guard) }
    }
}

/// Lines of an appliance's log that a failed test shows.
const LAST_LINES: usize = 200;

/// A running appliance; stops when dropped.
pub struct Daemon {
    /// Its folder and configuration.
    pub site: Site,
    child: Child,
    ready: String,
    guard: Option<Guard>,
}

/// Ends a daemon that a test binary leaves behind: statics are not dropped, but the guard's pipe closes with the process.
struct Guard(Child);

impl Guard {
    fn over(daemon: &Child, folder: &Path) -> Self {
        const WATCH: &str =
            "read -r _; kill -TERM \"$0\"; while kill -0 \"$0\"; do sleep 0.1; done; rm -rf \"$1\"";
        let guard = Command::new("sh")
            .args(["-c", WATCH, &daemon.id().to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Daemon {
    /// Sets a site up and starts it.
    pub fn new() -> Self {
        Site::new().start()
    }

    /// The supervisor's process id.
    pub fn supervisor(&self) -> u32 {
        self.child.id()
    }

    /// A process id from the ready line, for example `network`.
    pub fn pid(&self, name: &str) -> u32 {
        let key = format!("{name}=");
        self.ready
            .split_whitespace()
            .find_map(|word| word.strip_prefix(&key))
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.ready))
            .parse()
            .unwrap()
    }

    /// The folder that both apps may read and write.
    pub fn documents(&self) -> PathBuf {
        PathBuf::from(&self.site.env["HUFU_DOCUMENTS"])
    }

    /// What `/health` says.
    pub fn health(&self) -> Value {
        let url = format!("{}/health", self.site.env["HUFU_ADMIN_URL"]);
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let mut response = ureq::Agent::new_with_config(config).get(&url).call().unwrap();
        serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// A client logged in as the pinned first app.
    pub fn client(&self) -> Client {
        let mut client = Client::new(&self.site, true);
        client.login("HUFU_APP_ID", "HUFU_APP_KEY");
        client
    }

    /// A client logged in as the second app, without a client certificate.
    pub fn second_client(&self) -> Client {
        let mut client = Client::new(&self.site, false);
        client.login("HUFU_APP2_ID", "HUFU_APP2_KEY");
        client
    }

    /// Stops as an operator would and returns whether it ended well.
    pub fn stop(mut self) -> (Site, bool) {
        let pid = rustix::process::Pid::from_child(&self.child);
        // Before its process id can be another's.
        self.guard = None;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let ended = self.child.wait().unwrap().success();
        // The site lives on: take it out without running our own drop.
        let nowhere = Site { token_server: None, dir: TempDir::new().unwrap(), env: HashMap::new() };
        let site = std::mem::replace(&mut self.site, nowhere);
        (site, ended)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.guard = None;
        if let Ok(None) = self.child.try_wait() {
            let pid = rustix::process::Pid::from_child(&self.child);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            // The folder goes with the site; what was said last tells why.
            let log = std::fs::read_to_string(self.site.dir().join("hufu.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
            println!("the appliance said last:\n{}", last.join("\n"));
        }
    }
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The `token` header, if one came.
    pub token: Option<String>,
    /// Content-Type.
    pub content_type: String,
    /// Retry-After, if it came.
    pub retry_after: Option<String>,
    /// The body, parsed.
    pub body: Value,
}

impl Answer {
    /// The `code` of the body.
    pub fn code(&self) -> i64 {
        self.body["code"].as_i64().unwrap_or(-1)
    }

    /// The `msg` of the body as text.
    pub fn msg(&self) -> String {
        self.body["msg"].as_str().map_or_else(|| self.body["msg"].to_string(), str::to_owned)
    }

    /// `data.NAME` of a success.
    pub fn data(&self, name: &str) -> &Value {
        assert_eq!(self.code(), 200, "{:?}", self.body);
        &self.body["data"][name]
    }
}

/// A plain HTTPS client of the API: blocking, no cleverness.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    /// `HUFU_URL`.
    pub url: String,
    env: HashMap<String, String>,
    /// The token in use.
    pub token: String,
}

impl Client {
    /// A client of `site`, with or without the client certificate.
    pub fn new(site: &Site, certificate: bool) -> Self {
        let read = |name: &str| std::fs::read(&site.env[name]).unwrap();
        let roots = ureq::tls::parse_pem(&read("HUFU_CA"))
            .filter_map(|item| match item {
                Ok(ureq::tls::PemItem::Certificate(c)) => Some(c),
                _ => None,
            })
            .collect::<Vec<_>>();
        let mut tls = ureq::tls::TlsConfig::builder()
            .unversioned_rustls_crypto_provider(std::sync::Arc::new(
                rustls::crypto::aws_lc_rs::default_provider(),
            ))
            .root_certs(ureq::tls::RootCerts::new_with_certs(&roots));
        if certificate {
            let chain = ureq::tls::Certificate::from_pem(&read("HUFU_CLIENT_CERT")).unwrap().to_owned();
            let key = ureq::tls::PrivateKey::from_pem(&read("HUFU_CLIENT_KEY")).unwrap().to_owned();
            tls = tls.client_cert(Some(ureq::tls::ClientCert::new_with_certs(&[chain], key)));
        }
        let agent = ureq::Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .timeout_global(Some(std::time::Duration::from_secs(60)))
            .build()
            .into();
        Self { agent, url: site.env["HUFU_URL"].clone(), env: site.env.clone(), token: String::new() }
    }

    /// Logs in with the id and key named in `client.env`.
    pub fn login(&mut self, id: &str, key: &str) {
        let body = serde_json::json!({"appId": self.env[id], "appKey": self.env[key]});
        let answer = self.post("/auth/login", &body);
        assert_eq!(answer.code(), 200, "{:?}", answer.body);
        self.token = answer.token.expect("login answers with a token header");
    }

    /// POSTs JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "application/json;charset=UTF-8", body.to_string().as_bytes())
    }

    /// POSTs multipart/form-data; a part with a file name is a file.
    pub fn multipart(&self, path: &str, parts: &[(&str, Option<&str>, &[u8])]) -> Answer {
        const BOUNDARY: &str = "----hufu-test-boundary-7MA4YWxkTrZu0gW";
        let mut body = Vec::new();
        for (name, file, content) in parts {
            body.extend(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"").bytes());
            if let Some(file) = file {
                body.extend(
                    format!("; filename=\"{file}\"\r\nContent-Type: application/octet-stream").bytes(),
                );
            }
            body.extend(b"\r\n\r\n");
            body.extend(*content);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{BOUNDARY}--\r\n").bytes());
        self.send("POST", path, &format!("multipart/form-data; boundary={BOUNDARY}"), &body)
    }

    /// Sends raw bytes with any method and type.
    pub fn send(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Answer {
        self.try_send(method, path, content_type, body).unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    /// A GET whose answer is not JSON: status and body.
    pub fn bytes(&self, path: &str) -> (u16, Vec<u8>) {
        let request = ureq::http::Request::builder()
            .uri(format!("{}{path}", self.url))
            .header("token", &self.token)
            .body(())
            .unwrap();
        let mut response = self.agent.run(request).unwrap();
        (
            response.status().as_u16(),
            response.body_mut().with_config().limit(256 << 20).read_to_vec().unwrap(),
        )
    }

    /// As [`Client::send`], for tests that cut the daemon off.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<Answer, String> {
        self.try_send_with(method, path, content_type, body, &[])
    }

    /// As [`Client::try_send`] with more header fields.
    pub fn try_send_with(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
        fields: &[(&str, &str)],
    ) -> Result<Answer, String> {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("Content-Type", content_type)
            .header("token", &self.token);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(body).map_err(|e| e.to_string())?;
        let mut response = self.agent.run(request).map_err(|e| e.to_string())?;
        let header =
            |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let (token, content_type) = (header("token"), header("content-type").unwrap_or_default());
        let retry_after = header("retry-after");
        let status = response.status().as_u16();
        let text =
            response.body_mut().with_config().limit(256 << 20).read_to_string().map_err(|e| e.to_string())?;
        let body = serde_json::from_str(&text).map_err(|e| format!("not JSON ({e}): {text:.200}"))?;
        Ok(Answer { status, token, content_type, retry_after, body })
    }
}
