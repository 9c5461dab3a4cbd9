//! What is no call: paths, methods, media types, sizes, broken bodies.

use super::world::{World, mirrored};
use serde_json::json;

#[tokio::test]
async fn unknown_things_answer_json() {
    let world = World::ready().await;
    for path in ["/nothing", "/user", "/user/person/", "/user/person/1", "/%ff", "/x/none"] {
        let answer = world.post(path, &json!({})).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, 404), "{path}");
        assert_eq!(answer.content_type, "application/json;charset=UTF-8");
    }
    for (method, path) in
        [("GET", "/user/person"), ("PUT", "/auth/login"), ("POST", "/user/personNameAndPhone")]
    {
        let answer = world.send(method, path, "application/json", b"{}".to_vec()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (405, 405), "{method} {path}");
    }
}

#[tokio::test]
async fn media_types_and_sizes() {
    let world = World::ready().await;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/json; charset=gbk",
    ] {
        let answer = world.send("POST", "/user/person", kind, b"{}".to_vec()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (415, 415), "{kind}");
    }
    for kind in ["application/json", "application/json;charset=UTF-8", "Application/JSON; Charset=\"utf-8\""]
    {
        assert_eq!(world.send("POST", "/user/person", kind, b"{}".to_vec()).await.code(), 201, "{kind}");
    }
    let large = vec![b' '; (1 << 20) + 1];
    let answer = world.send("POST", "/user/person", "application/json", large).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (413, 413));
    let answer = world.send("POST", "/sign/fileStream", "application/json", b"{}".to_vec()).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (415, 415));
}

#[tokio::test]
async fn broken_json_is_201() {
    let world = World::ready().await;
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    for bad in ["", "{", "[]", "null", "\"x\"", "{\"a\":1,}", "{'a':1}", "\u{feff}{}", deep.as_str()] {
        let answer = world.send("POST", "/user/person", "application/json", bad.as_bytes().to_vec()).await;
        answer.is(201, "请求体 格式不正确");
        assert_eq!(answer.status.as_u16(), 200);
    }
    let answer =
        world.send("POST", "/user/person", "application/json", b"{\"userName\":\"\xff\"}".to_vec()).await;
    answer.is(201, "请求体 格式不正确");
}

#[tokio::test]
async fn a_parameter_given_twice_is_201() {
    let world = World::ready().await;
    let json = |text: &str| text.as_bytes().to_vec();
    for body in [r#"{"signerId":1,"signerId":2}"#, r#"{"signerId":1,"signerId":1}"#] {
        let answer = world.send("POST", "/sign/filePath", "application/json", json(body)).await;
        answer.is(201, "signerId 格式不正确");
    }
    let two = r#"{"signerId":1,"moulageId":1,"mouflageId":2}"#;
    world.send("POST", "/sign/filePath", "application/json", json(two)).await.is(201, "moulageId 格式不正确");
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let form = part("signerId", "1") + &part("signerId", "2") + "--b--\r\n";
    let answer =
        world.send("POST", "/sign/fileStream", "multipart/form-data; boundary=b", form.into_bytes()).await;
    answer.is(201, "signerId 格式不正确");
}

#[tokio::test]
async fn more_parameters_than_may_be_are_201_and_none_is_dropped() {
    let world = World::ready().await;
    let many = |n: usize| (0..n).map(|i| format!("p{i}=1")).collect::<Vec<_>>().join("&");
    let url = "application/x-www-form-urlencoded";
    let answer = world.send("POST", "/v2/auth/validateContract", url, many(65).into_bytes()).await;
    assert!(answer.body["msg"].as_str().is_some_and(|msg| msg.contains("请求体")), "{:?}", answer.body);
    let answer = world.get(&format!("/x/results/order-1?{}", many(65))).await;
    answer.is(201, "查询参数 格式不正确");
    let parts: String = (0..65)
        .map(|i| format!("--b\r\nContent-Disposition: form-data; name=\"p{i}\"\r\n\r\n1\r\n"))
        .collect();
    let form = parts + "--b--\r\n";
    let answer =
        world.send("POST", "/sign/fileStream", "multipart/form-data; boundary=b", form.into_bytes()).await;
    answer.is(201, "请求体 格式不正确");
}

#[tokio::test]
async fn mirrored_statuses() {
    let mut world = World::with(mirrored).logged_in().await;
    assert_eq!(world.post("/user/person", &json!({})).await.status, 400);
    world.token = String::new();
    assert_eq!(world.post("/user/person", &json!({})).await.status, 401);
}

#[tokio::test]
async fn rates_are_limited_per_app() {
    let world = World::with(|_, edge| edge.rate.per_app = 5).logged_in().await;
    let mut refused = 0;
    for _ in 0..30 {
        let answer = world.post("/user/userInfo/signerIds", &json!({})).await;
        if answer.code() == 429 {
            assert_eq!(answer.status.as_u16(), 429);
            refused += 1;
        }
    }
    assert!((15..=20).contains(&refused), "{refused}");
}

#[tokio::test]
async fn pages_and_documents() {
    let world = World::new();
    for path in ["/index.html", "/docs", "/openapi.json"] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
}

#[test]
fn the_openapi_document_has_every_call_and_is_current() {
    let document: serde_json::Value = serde_json::from_str(&crate::http::openapi_json()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        document["paths"]["/user/person"]["post"]["requestBody"]["content"]["application/json"]["example"]["userName"],
        "张三"
    );
    let top = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (file, text) in
        [("docs/openapi.json", crate::http::openapi_json()), ("docs/API.md", crate::http::api_markdown())]
    {
        let file = top.join(file);
        if std::env::var_os("HUFU_BLESS").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(kept == text, "{} is not current: run `HUFU_BLESS=1 cargo test openapi`", file.display());
    }
}
