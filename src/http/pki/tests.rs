#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used)]
use super::*;
use crate::audit::AuditLog;
use crate::channels::testing::{TestPki, tsa_spec};
use crate::keys::{Keys, Purpose};
use crate::x509::Role;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

fn listener(networks: &[&str], places: usize) -> Router {
    limited(networks, places, 0)
}

fn limited(networks: &[&str], places: usize, stamps_a_second: u32) -> Router {
    let pki = TestPki::new();
    let identity = pki.world.identity("tsa-1", Purpose::Tsa, Role::TimeStamping, 1);
    let tsa = LocalTsa::new(&pki.world.parts(), &identity, &tsa_spec()).unwrap();
    let keys: Arc<dyn Keys> = Arc::clone(&pki.world.keys) as _;
    let log: Arc<dyn AuditLog> = Arc::clone(&pki.world.log) as _;
    let clock = Arc::clone(&pki.world.clock) as Arc<dyn hufu_api::Clock>;
    let (_, channel) = pki.authorities.running().next().unwrap();
    channel.maintain(hufu_testkit::cx(5)).unwrap();
    router(Arc::new(Pki {
        authorities: Arc::clone(&pki.authorities),
        ceremony: ceremony(),
        ocsp: Arc::new(OcspResponder::new(
            &pki.authorities,
            std::slice::from_ref(&pki.ocsp),
            &keys,
            &log,
            clock,
        )),
        tsa: Some(Arc::new(tsa)),
        tsa_networks: networks.iter().map(|n| n.parse().unwrap()).collect(),
        tsa_clients: Vec::new(),
        stamps: StampRate::new(stamps_a_second),
        entropy: Arc::new(crate::channels::OsEntropy::default()),
        places: Arc::new(Semaphore::new(places)),
    }))
}

/// A folder as the ceremony leaves it, shared by these tests.
fn ceremony() -> PathBuf {
    static FOLDER: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("root.crl"), b"list").unwrap();
        std::fs::write(folder.path().join("root.pem"), b"not published").unwrap();
        folder
    });
    folder.path().to_owned()
}

#[tokio::test]
async fn what_the_issuing_certificate_names_is_published() {
    let router = listener(&[], 1);
    let (status, kind, list) = ask(&router, "GET", "/root.crl", "", b"").await;
    assert_eq!(
        (status, kind.as_str(), list.as_slice()),
        (StatusCode::OK, "application/pkix-crl", &b"list"[..])
    );
    for path in ["/root.cer", "/root.pem", "/root.crl.cer"] {
        assert_eq!(ask(&router, "GET", path, "", b"").await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

async fn ask(
    router: &Router,
    method: &str,
    path: &str,
    kind: &str,
    body: &[u8],
) -> (StatusCode, String, Vec<u8>) {
    let peer = Peer { address: "10.1.2.3:4567".parse().unwrap(), client: None };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, kind)
        .extension(peer)
        .body(Body::from(body.to_vec()))
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let kind = response.headers().get(header::CONTENT_TYPE).map(|v| v.to_str().unwrap().to_owned());
    let status = response.status();
    (status, kind.unwrap_or_default(), response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

const QUERY: &str = "application/timestamp-query";

fn query() -> Vec<u8> {
    crate::tsp::Request {
        algorithm: hufu_api::HashAlgorithm::Sha256,
        digest: vec![7; 32],
        policy: None,
        nonce: None,
        cert_req: true,
    }
    .to_der()
}

#[tokio::test]
async fn lists_and_certificates_are_published_under_their_labels() {
    let router = listener(&[], 4);
    let (status, kind, list) = ask(&router, "GET", "/issuing-1.crl", "", b"").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/pkix-crl"));
    assert_eq!(list[0], 0x30);
    let (status, kind, _) = ask(&router, "GET", "/issuing-1.cer", "", b"").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/pkix-cert"));
    for path in ["/issuing-2.crl", "/issuing-1.key", "/", "/../etc/passwd", "/issuing-1"] {
        assert_eq!(ask(&router, "GET", path, "", b"").await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn time_stamps_are_for_who_may_ask() {
    let (status, kind, answer) = ask(&listener(&[], 4), "POST", "/tsa", QUERY, &query()).await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/timestamp-reply"));
    let request = crate::tsp::Request::from_der(&query()).unwrap();
    crate::tsp::check_response(&answer, &request, &[]).unwrap();
    assert_eq!(ask(&listener(&["10.0.0.0/8"], 4), "POST", "/tsa", QUERY, &query()).await.0, StatusCode::OK);
    let router = listener(&["127.0.0.1"], 4);
    assert_eq!(ask(&router, "POST", "/tsa", QUERY, &query()).await.0, StatusCode::FORBIDDEN);
    let router = listener(&[], 4);
    assert_eq!(
        ask(&router, "POST", "/tsa", "text/plain", &query()).await.0,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    assert_eq!(ask(&router, "GET", "/tsa", QUERY, b"").await.0, StatusCode::METHOD_NOT_ALLOWED);
    let large = vec![0; 20_000];
    assert_eq!(ask(&router, "POST", "/tsa", QUERY, &large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn without_a_place_the_answer_is_503() {
    let router = listener(&[], 0);
    assert_eq!(ask(&router, "POST", "/tsa", QUERY, &query()).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&router, "GET", "/issuing-1.crl", "", b"").await.0, StatusCode::OK, "lists need no token");
}

#[tokio::test]
async fn ocsp_by_post_and_get() {
    let router = listener(&[], 4);
    let (status, kind, answer) = ask(&router, "POST", "/ocsp", "application/ocsp-request", b"nonsense").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/ocsp-response"));
    assert_eq!(answer, [0x30, 3, 0x0a, 1, 1]);
    let (status, _, answer) = ask(&router, "GET", "/ocsp/MAA%3D", "", b"").await;
    assert_eq!((status, answer), (StatusCode::OK, vec![0x30, 3, 0x0a, 1, 1]));
    assert_eq!(ask(&router, "GET", "/ocsp/%21%21", "", b"").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_address_has_its_share_of_time_stamps_and_no_more() {
    let router = limited(&[], 4, 1);
    let mut refused = false;
    for _ in 0..1_000 {
        refused |= ask(&router, "POST", "/tsa", QUERY, &query()).await.0 == StatusCode::TOO_MANY_REQUESTS;
        if refused {
            break;
        }
    }
    assert!(refused, "a thousand in a row were all answered");
    assert_eq!(
        ask(&router, "GET", "/issuing-1.crl", "", b"").await.0,
        StatusCode::OK,
        "lists are not counted"
    );
}
