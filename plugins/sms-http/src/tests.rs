#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used)]
use super::*;
use hufu_api::RequestId;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Answers one connection with `answer` and gives back what came.
fn gateway(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap() == 0 {
                break;
            }
        }
        let length = head.lines().find_map(|l| {
            l.to_lowercase().strip_prefix("content-length: ").map(|n| n.parse::<usize>().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).unwrap();
        let _ = stream.write_all(answer.as_bytes());
        head + &String::from_utf8(body).unwrap()
    });
    (address, thread)
}

fn channel(url: &str, rest: &str) -> Result<SmsHttp, PluginError> {
    let dir = tempfile::tempdir().unwrap();
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(dir.path().join("key"))
        .unwrap();
    file.write_all(b"k\"1\n").unwrap();
    let table: toml::Table = format!("url = \"{url}\"\n{rest}").parse().unwrap();
    SmsHttp::new(
        table.try_into().map_err(|e: toml::de::Error| PluginError(e.to_string()))?,
        dir.path(),
        Scheme::HttpToo,
    )
}

fn cx(seconds: u64) -> Cx {
    Cx { request: RequestId(1), deadline: Instant::now() + Duration::from_secs(seconds) }
}

fn mobile(region: PhoneRegion, number: &str) -> Mobile {
    Mobile { region, number: number.into() }
}

const TEXT: SmsText<'static> = SmsText { code: "0042", valid_minutes: 15, signer: SignerKind::Person };

const FULL: &str = r#"
    body = '{"to":"{{e164}}","p":{"code":"{{code}}","min":{{minutes}}},"key":"{{secret.api}}","text":"{{text}}"}'
    [headers]
    Authorization = "Bearer {{secret.api}}"
    [secrets]
    api = "key"
    [success]
    json = { "/code" = "OK", "/n" = "1" }
    receipt = "/id"
    reason = "/message"
"#;

#[test]
fn the_request_is_what_the_template_says_and_the_receipt_is_the_gateways() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\n{\"code\":\"OK\",\"n\":1,\"id\":\"msg-17\"}";
    let (url, server) = gateway(answer);
    let sms = channel(&format!("{url}/send?who={{{{e164}}}}"), FULL).unwrap();
    let receipt = sms.send(cx(5), &mobile(PhoneRegion::Taiwan, "0912345678"), TEXT).unwrap();
    assert_eq!(receipt, SmsReceipt(Some("msg-17".into())));
    let request = server.join().unwrap();
    assert!(request.starts_with("POST /send?who=%2B886912345678 HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains("\r\nauthorization: bearer k\"1\r\n"), "{request}");
    let body: serde_json::Value = serde_json::from_str(request.rsplit("\r\n").next().unwrap()).unwrap();
    assert_eq!(body["p"], serde_json::json!({"code": "0042", "min": 15}));
    assert_eq!(body["key"], "k\"1");
    assert_eq!(body["text"], "验证码 0042，15 分钟内有效。");
}

#[test]
fn answers_are_told_apart() {
    for (answer, wanted) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n{\"code\":\"LIMIT\",\"message\":\"day limit 10\"}  ",
            "refused: day limit 10",
        ),
        ("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "refused: the gateway answered 401"),
        ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "unavailable: the gateway answered 500"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
            "bad answer: the gateway's answer is not JSON",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "unavailable: "),
        (
            "HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            "refused: the gateway answered 302",
        ),
        ("\0\0\0", "bad answer: "),
        ("", "unavailable: "),
    ] {
        let (url, server) = gateway(answer);
        let sms = channel(&url, FULL).unwrap();
        let error =
            sms.send(cx(5), &mobile(PhoneRegion::Mainland, "13800000000"), TEXT).unwrap_err().to_string();
        server.join().unwrap();
        let wanted_alone = error.starts_with(wanted)
            || (wanted.starts_with("unavailable: ") && wanted.len() == 13 && error.starts_with("bad answer"));
        assert!(wanted_alone, "{answer:?}: {error:?} is not {wanted:?}");
    }
}

#[test]
fn a_silent_gateway_ends_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sms = channel(&format!("http://{}", listener.local_addr().unwrap()), FULL).unwrap();
    assert_eq!(
        sms.send(cx(1), &mobile(PhoneRegion::Mainland, "13800000000"), TEXT),
        Err(ChannelError::Timeout)
    );
}

#[test]
fn mistakes_in_the_file_are_named() {
    for (rest, wanted) in [
        ("metod = \"GET\"", "unknown field `metod`"),
        ("method = \"DELETE\"", "method: must be GET, POST or PUT"),
        ("body = \"{{cod}}\"", "body: no value is called \"cod\"; known are phone, "),
        ("[secrets]\napi = \"absent\"", "absent: "),
        ("[success]\nreceipt = \"id\"", "JSON pointers"),
        ("[tls]\nkey = \"key\"", "certificate and key belong together"),
    ] {
        let error = channel("http://127.0.0.1:1/", rest).unwrap_err().0;
        assert!(error.contains(wanted), "{error:?} does not contain {wanted:?}");
    }
}

#[test]
fn plain_http_is_refused_in_production() {
    let table: toml::Table = "url = \"http://127.0.0.1:1/\"".parse().unwrap();
    let sms = SmsHttp::new(table.try_into().unwrap(), Path::new("/"), Scheme::HttpsOnly);
    // Without the system's bundle of roots the channel says so instead.
    if let Ok(sms) = sms {
        let error =
            sms.send(cx(5), &mobile(PhoneRegion::Mainland, "13800000000"), TEXT).unwrap_err().to_string();
        assert!(error.contains("https"), "{error}");
    }
}
