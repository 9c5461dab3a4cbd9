//! What holds for every call: content types, unknown paths and methods, malformed and oversize bodies.

use super::{client, daemon};

#[test]
fn what_is_not_a_call_of_the_document() {
    let client = client();
    for (what, method, path, kind, body, status, code) in [
        ("malformed JSON", "POST", "/user/person", "application/json", &b"{\"userName\":"[..], 200, 201),
        ("an array", "POST", "/user/person", "application/json", b"[]", 200, 201),
        ("a number", "POST", "/user/person", "application/json", b"7", 200, 201),
        ("nothing", "POST", "/user/person", "application/json", b"", 200, 201),
        ("not UTF-8", "POST", "/user/person", "application/json", b"{\"userName\":\"\xff\xfe\"}", 200, 201),
        ("text", "POST", "/user/person", "text/plain", b"{}", 415, 415),
        ("unknown path", "POST", "/no/such/path", "application/json", b"{}", 404, 404),
        ("wrong method", "GET", "/user/person", "application/json", b"", 405, 405),
        ("wrong method", "DELETE", "/auth/login", "application/json", b"", 405, 405),
        ("POST where PATCH is", "POST", "/user/personNameAndPhone", "application/json", b"{}", 405, 405),
    ] {
        let answer = client.send(method, path, kind, body);
        assert_eq!((answer.status, answer.code()), (status, code), "{what}: {:?}", answer.body);
        assert!(answer.content_type.eq_ignore_ascii_case("application/json;charset=UTF-8"), "{what}");
        assert!(answer.body["msg"].is_string(), "{what}");
    }
}

#[test]
fn bodies_are_bounded() {
    let client = client();
    let answer = client.send("POST", "/user/person", "application/json", &vec![b' '; 4 << 20]);
    assert_eq!((answer.status, answer.code()), (413, 413), "{:?}", answer.body);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = client.send("POST", "/user/person", "application/json", deep.as_bytes());
    assert_eq!(answer.code(), 201, "{:?}", answer.body);
}

#[test]
fn the_service_says_that_it_is_up() {
    let env = &daemon().site.env;
    let done = std::process::Command::new("curl")
        .args(["-sS", "-o", "/dev/null", "-w", "%{http_code} %{content_type}", "--cacert", &env["HUFU_CA"]])
        .arg(format!("{}/index.html", env["HUFU_URL"]))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(text.starts_with("200 text/html"), "{text} {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn health_and_metrics_are_on_the_admin_listener() {
    let env = &daemon().site.env;
    let get = |path: &str| {
        let url = format!("{}{path}", env["HUFU_ADMIN_URL"]);
        let done =
            std::process::Command::new("curl").args(["-sS", "--fail-with-body", &url]).output().unwrap();
        assert!(done.status.success(), "{url}: {}", String::from_utf8_lossy(&done.stdout));
        String::from_utf8(done.stdout).unwrap()
    };
    let health: serde_json::Value = serde_json::from_str(&get("/health")).unwrap();
    assert!(health.is_object(), "{health}");
    assert!(get("/metrics").contains("hufu_"), "Prometheus text");
}
