//! An appliance in memory behind the real router: token, log, store, CA, gateway and documents that tests can look into.

use crate::audit::{AuditError, AuditLog, Closer, Event, Intent, Outcome, Permit, Receipt, RecordNumber};
use crate::files::fonts::{SYSTEM_FOLDERS, find_fonts, shipped_chains};
use crate::files::{LocalDocuments, Root};
use crate::http::edge::Edge;
use crate::http::settings::{HttpStatus, Settings};
use crate::http::{Health, Metrics, Part, Peer, State, console, routes};
use crate::keys::soft::SoftKeys;
use crate::ops::rows::AppKind;
use crate::ops::{self, Appliance, Call, IssuedKey, NewApp, Ports};
use crate::seal::FontSet;
use crate::x509::{Role, subject_name};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use hufu_api::{
    CertificateAuthorities, Chain, ChannelError, Csr, Cx, Der, Enrolled, Enrollment, IssuerKey, MemoryStore,
    Mobile, Profile, RequestId, Revocation, SmsChannel, SmsReceipt, SmsText, Ticket,
};
use hufu_testkit::{HandClock, RealEntropy, SoftCa};
use parking_lot::Mutex;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

/// A log in memory.
#[derive(Default)]
pub(super) struct Log {
    /// Kind and JSON of each record.
    pub(super) events: Arc<Mutex<Vec<String>>>,
}

struct Back(Arc<Mutex<Vec<String>>>);

fn put(events: &Mutex<Vec<String>>, kind: &str, value: impl serde::Serialize) -> RecordNumber {
    let mut events = events.lock();
    events.push(format!("{kind} {}", serde_json::to_string(&value).unwrap()));
    u64::try_from(events.len()).unwrap() - 1
}

impl Closer for Back {
    fn close(&self, _: RecordNumber, outcome: Outcome) -> Result<RecordNumber, AuditError> {
        Ok(put(&self.0, "outcome", outcome))
    }

    fn abandon(&self, number: RecordNumber) {
        put(&self.0, "abandoned", number);
    }
}

impl AuditLog for Log {
    fn begin(&self, _: Cx, intent: Intent) -> Result<Permit, AuditError> {
        let uses: Vec<_> = intent.uses.iter().map(|u| u.generation).collect();
        let number = put(&self.events, "intent", intent);
        let receipt = |(index, generation)| Receipt {
            number,
            index: u16::try_from(index).unwrap(),
            generation,
            expires: i64::MAX,
            mac: [0; 32],
        };
        let receipts = uses.into_iter().enumerate().map(receipt).collect();
        Ok(Permit::new(number, receipts, Arc::new(Back(Arc::clone(&self.events)))))
    }

    fn record(&self, _: Cx, event: Event) -> Result<RecordNumber, AuditError> {
        Ok(put(&self.events, "event", event))
    }
}

/// A CA that can be told to refuse.
pub(super) struct Authority {
    root: SoftCa,
    clock: Arc<HandClock>,
    pub(super) refuses: Mutex<Option<ChannelError>>,
    pub(super) revoked: Mutex<usize>,
}

impl CertificateAuthorities for Authority {
    fn names(&self) -> Vec<String> {
        vec!["local".into()]
    }

    fn resolve(&self, name: &str) -> Option<String> {
        matches!(name, "local" | "A1").then(|| "local".into())
    }

    fn enroll(&self, _: Cx, _: &[String], csr: Csr<'_>, profile: &Profile) -> Result<Enrolled, ChannelError> {
        if let Some(error) = self.refuses.lock().clone() {
            return Err(error);
        }
        let request = crate::x509::Request::verified(csr.der).unwrap();
        let now = hufu_api::Clock::now_untrusted(self.clock.as_ref());
        let until = now.plus_millis(i64::try_from(profile.validity_seconds).unwrap() * 1000);
        let role = Role::Signer { extended_key_usage: &[], policies: &[], scene: csr.scene };
        let name = subject_name(csr.subject).unwrap();
        let leaf = self.root.issue(&name, &request.spki, role, now.plus_millis(-1000), until);
        let chain = Chain(vec![leaf, self.root.certificate().clone()]);
        Ok(Enrolled { channel: "local".into(), enrollment: Enrollment::Issued(chain) })
    }

    fn resume(
        &self,
        _: Cx,
        _: &str,
        _: &Ticket,
        _: Csr<'_>,
        _: &Profile,
    ) -> Result<Enrollment, ChannelError> {
        Err(ChannelError::Unsupported)
    }

    fn revoke(&self, _: Cx, _: &str, _: &Revocation) -> Result<(), ChannelError> {
        if let Some(error) = self.refuses.lock().clone() {
            return Err(error);
        }
        *self.revoked.lock() += 1;
        Ok(())
    }

    fn authorities(&self, _: Cx, _: &str) -> Result<Vec<Der>, ChannelError> {
        Ok(vec![self.root.certificate().clone()])
    }
}

/// One part, which is well.
struct Healthy;

impl Health for Healthy {
    fn parts(&self) -> Vec<Part> {
        vec![Part { name: "audit".into(), state: State::Up, detail: None, vital: true }]
    }
}

/// Telephones.
#[derive(Default)]
pub(super) struct Phones(pub(super) Mutex<Vec<(String, String)>>);

impl SmsChannel for Phones {
    fn send(&self, _: Cx, to: &Mobile, text: SmsText<'_>) -> Result<SmsReceipt, ChannelError> {
        self.0.lock().push((to.number.clone(), text.code.to_owned()));
        Ok(SmsReceipt(None))
    }
}

/// Fonts are searched once for all tests.
static FONTS: LazyLock<Arc<FontSet>> = LazyLock::new(|| {
    let folders: Vec<PathBuf> = SYSTEM_FOLDERS.iter().map(PathBuf::from).collect();
    Arc::new(find_fonts(&folders, &shipped_chains()).unwrap().set)
});

#[allow(dead_code, reason = "what lies beneath must live as long as the world")]
pub(super) struct World {
    pub(super) appliance: Arc<Appliance>,
    pub(super) clock: Arc<HandClock>,
    pub(super) keys: Arc<SoftKeys>,
    pub(super) authority: Arc<Authority>,
    pub(super) phones: Arc<Phones>,
    pub(super) log: Arc<Log>,
    pub(super) store: Arc<MemoryStore>,
    pub(super) folder: TempDir,
    pub(super) app: IssuedKey,
    router: Router,
    /// The client certificate that requests come with.
    pub(super) client: Option<[u8; 32]>,
    pub(super) token: String,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(|_, _| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut ops::Settings, &mut Settings)) -> Self {
        let clock = Arc::new(HandClock::new());
        let root = SoftCa::root("Root", hufu_api::Clock::now_untrusted(clock.as_ref()));
        let keys = Arc::new(SoftKeys::new());
        let authority = Arc::new(Authority {
            root,
            clock: Arc::clone(&clock),
            refuses: Mutex::default(),
            revoked: Mutex::default(),
        });
        let phones = Arc::<Phones>::default();
        let log = Arc::<Log>::default();
        let store = Arc::new(MemoryStore::new());
        let folder = TempDir::new().unwrap();
        let documents = LocalDocuments::open(&[Root {
            name: "contracts".into(),
            path: folder.path().into(),
            mode: 0o640,
        }])
        .unwrap();
        let mut operations = ops::Settings::default();
        let mut edge = Settings::default();
        change(&mut operations, &mut edge);
        let ports = Ports {
            clock: Arc::clone(&clock) as _,
            store: Arc::clone(&store) as _,
            audit: Arc::clone(&log) as _,
            keys: Arc::clone(&keys) as _,
            entropy: Arc::new(RealEntropy::default()),
            authorities: Arc::clone(&authority) as _,
            sms: Some(Arc::clone(&phones) as _),
            timestamps: None,
            proofs: None,
            lookup: None,
            documents: Arc::new(documents),
            fonts: Arc::clone(&FONTS),
        };
        let appliance = Arc::new(Appliance::new(ports, operations));
        let edge = Arc::new(Edge::new(Arc::clone(&appliance), edge, Arc::new(Metrics::new().unwrap())));
        let router = routes::router(&edge, console::router(&edge, Arc::new(Healthy)));
        let app = add_app(&appliance, "2018051800000000", AppKind::Production, &[]);
        Self {
            appliance,
            clock,
            keys,
            authority,
            phones,
            log,
            store,
            folder,
            app,
            router,
            client: None,
            token: String::new(),
        }
    }

    /// As [`World::new`], logged in.
    pub(super) async fn ready() -> Self {
        Self::new().logged_in().await
    }

    pub(super) async fn logged_in(mut self) -> Self {
        let answer = self.login(&self.app.app, &self.app.key, None).await;
        self.token = answer.token.unwrap();
        self
    }

    pub(super) fn add_app(&self, id: &str, kind: AppKind, clients: &[[u8; 32]]) -> IssuedKey {
        add_app(&self.appliance, id, kind, clients)
    }

    pub(super) async fn login(&self, app: &str, key: &str, signer: Option<u64>) -> Answer {
        let mut body = serde_json::json!({"appId": app, "appKey": key});
        if let Some(signer) = signer {
            body["signerId"] = signer.into();
        }
        self.post("/auth/login", &body).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "application/json;charset=UTF-8", body.to_string().into_bytes()).await
    }

    pub(super) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, "application/json;charset=UTF-8", body.to_string().into_bytes()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", Vec::new()).await
    }

    pub(super) async fn send(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> Answer {
        self.send_with(method, path, &[("content-type", kind), ("token", &self.token)], body).await
    }

    pub(super) async fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/hufu{path}"));
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        let address: SocketAddr = "192.0.2.7:4000".parse().unwrap();
        let peer = Peer { address, client: self.client };
        let response = self
            .router
            .clone()
            .oneshot(request.extension(peer).body(Body::from(body)).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let header = |name: &str| parts.headers.get(name).map(|v| v.to_str().unwrap().to_owned());
        let (token, content_type) = (header("token"), header("content-type").unwrap_or_default());
        let bytes = body.collect().await.unwrap().to_bytes();
        let status = parts.status;
        Answer { status, token, content_type, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    /// Creates a person and returns the signerId.
    pub(super) async fn person(&self, number: &str) -> u64 {
        let body = serde_json::json!({
            "userName": "张三", "identityRegion": "0", "certifyNum": number, "phoneNo": "13000000000",
        });
        self.post("/user/person", &body).await.id("signerId")
    }

    /// Creates a company and returns the signerId.
    pub(super) async fn company(&self, number: &str) -> u64 {
        let body = serde_json::json!({"userName": "浙江律讯网络科技有限公司", "certifyType": "1", "certifyNum": number});
        self.post("/user/company", &body).await.id("signerId")
    }

    /// Advances the clock.
    pub(super) fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn add_app(appliance: &Appliance, id: &str, kind: AppKind, clients: &[[u8; 32]]) -> IssuedKey {
    let call = Call::operator(RequestId(1), Duration::from_secs(10));
    let new = NewApp {
        id: Some(id.into()),
        name: "Test".into(),
        kind,
        clients: clients.iter().map(hex::encode).collect(),
        roots: vec!["contracts".into()],
        key: None,
    };
    appliance.add_app(&call, &crate::audit::Actor::default(), new).unwrap()
}

/// One answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) token: Option<String>,
    pub(super) content_type: String,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn code(&self) -> u64 {
        self.body["code"].as_u64().unwrap_or(0)
    }

    pub(super) fn msg(&self) -> &str {
        self.body["msg"].as_str().unwrap_or_default()
    }

    /// `data.NAME` of a success.
    pub(super) fn id(&self, name: &str) -> u64 {
        assert_eq!(self.code(), 200, "{:?}", self.body);
        assert_eq!(self.body["msg"], true);
        self.body["data"][name].as_u64().unwrap()
    }

    #[track_caller]
    pub(super) fn is(&self, code: u64, message: &str) {
        assert_eq!((self.code(), self.msg()), (code, message), "{:?}", self.body);
        assert_eq!(self.content_type, "application/json;charset=UTF-8");
    }
}

/// The mirrored HTTP status, for tests of that mode.
pub(super) fn mirrored(_: &mut ops::Settings, edge: &mut Settings) {
    edge.http_status = HttpStatus::Mirror;
}
