//! What the API keeps through crashes and operators' acts: keys, answers, imported ids, an app's standing.

use crate::daemon::{Answer, Client, Daemon, Site, top};
use crate::judges::signers_keys;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn fresh_identity() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("22010119{:010}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn person(number: &str) -> Value {
    json!({"userName": "张三", "identityRegion": "0", "certifyNum": number, "phoneNo": "13000000000"})
}

fn new_person(client: &Client) -> String {
    client.post("/user/person", &person(&fresh_identity())).data("signerId").to_string()
}

/// A POST with an Idempotency-Key.
fn post_once(client: &Client, path: &str, body: &Value, key: &str) -> Result<Answer, String> {
    client.try_send_with(
        "POST",
        path,
        "application/json",
        body.to_string().as_bytes(),
        &[("Idempotency-Key", key)],
    )
}

/// The same client with the token of a login.
fn renewed(client: &Client, login: Answer) -> Client {
    let mut client = client.clone();
    client.token = login.token.unwrap();
    client
}

/// Private keys of the signers' token, counted by another program than ours.
fn signer_keys(site: &Path) -> usize {
    signers_keys(site).len()
}

fn certificates(client: &Client) -> usize {
    let answer = client.send("GET", "/x/certificates", "application/json", b"");
    answer.data("certificates").as_array().unwrap().len()
}

/// Waits for a line of the appliance's log after `from` lines that has all the words, and returns it with the number of lines.
fn logged(site: &Path, from: usize, words: &[&str]) -> (String, usize) {
    let begun = Instant::now();
    loop {
        let text = std::fs::read_to_string(site.join("hufu.log")).unwrap_or_default();
        let found = text.lines().enumerate().skip(from).find(|(_, l)| words.iter().all(|w| l.contains(w)));
        if let Some((at, line)) = found {
            return (line.to_owned(), at + 1);
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no line with {words:?} in\n{text}");
        std::thread::yield_now();
    }
}

#[test]
fn a_hundred_at_once_leave_one_signer_and_one_key() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let before = signer_keys(daemon.site.dir());
    let body = person(&fresh_identity());
    let codes: Vec<i64> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..100).map(|_| scope.spawn(|| client.clone().post("/user/person", &body).code())).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|c| **c == 200).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|c| **c == 20207).count(), 99, "{codes:?}");
    assert_eq!(signer_keys(daemon.site.dir()), before + 1);
}

#[test]
fn keys_that_a_crash_left_behind_are_swept_at_the_next_start() {
    let daemon = Daemon::new();
    let site = daemon.site.dir().to_owned();
    let others = signer_keys(&site);
    let (_, mut seen) = logged(&site, 0, &["orphan keys swept"]);
    let enough = AtomicBool::new(false);
    let made = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let client = daemon.client();
                while !enough.load(Ordering::Relaxed) {
                    let body = person(&fresh_identity()).to_string();
                    match client.try_send("POST", "/user/person", "application/json", body.as_bytes()) {
                        Ok(answer) if answer.code() == 200 => made.fetch_add(1, Ordering::Relaxed),
                        _ => return,
                    };
                }
            });
        }
        while made.load(Ordering::Relaxed) < 24 {
            std::thread::yield_now();
        }
        // In the middle of eight creations.
        let network = rustix::process::Pid::from_raw(i32::try_from(daemon.pid("network")).unwrap()).unwrap();
        rustix::process::kill_process(network, rustix::process::Signal::KILL).unwrap();
        enough.store(true, Ordering::Relaxed);
    });
    let line;
    (line, seen) = logged(&site, seen, &["orphan keys swept"]);
    assert!(seen > 0);
    let line: Value = serde_json::from_str(&line).unwrap();
    let swept = |name: &str| usize::try_from(line["fields"][name].as_u64().unwrap()).unwrap();
    println!("swept: {}", line["fields"]);
    let client = daemon.client();
    assert_eq!(signer_keys(&site), others + certificates(&client) + swept("kept"));
    // Everything that was answered is there, and the appliance goes on.
    assert!(certificates(&client) >= 24);
    new_person(&client);
}

#[test]
fn an_idempotency_key_outlives_a_crash() {
    let daemon = Daemon::new();
    let client = daemon.client();
    let site = daemon.site.dir().to_owned();
    let number = fresh_identity();
    let first = post_once(&client, "/user/person", &person(&number), "order-1").unwrap();
    let signer = first.data("signerId").clone();
    let seal_body = json!({ "signerId": signer });
    let seal = post_once(&client, "/moulage/person", &seal_body, "seal-1").unwrap();
    let (input, output) = (daemon.documents().join("c.pdf"), daemon.documents().join("s.pdf"));
    std::fs::copy(top().join("softhsm/sample-contract.pdf"), &input).unwrap();
    let sign_body = json!({"signerId": signer, "moulageId": seal.data("moulageId"), "contractPath": input,
        "contractSavePath": output, "signPositionType": "1", "positionContent": "1,100,100"});
    let signed = post_once(&client, "/sign/filePath", &sign_body, "sign-1").unwrap();
    assert_eq!(signed.code(), 200, "{:?}", signed.body);
    let stamp_body = json!({"filePath": input, "fileSavePath": daemon.documents().join("t.pdf")});
    let stamped = post_once(&client, "/tsa/pathSign", &stamp_body, "stamp-1").unwrap();
    let deposit_body = json!({"sid": "order-1", "filePath": output});
    let deposited = post_once(&client, "/cz/in", &deposit_body, "cz-1").unwrap();
    let written = std::fs::read(&output).unwrap();

    let network = rustix::process::Pid::from_raw(i32::try_from(daemon.pid("network")).unwrap()).unwrap();
    rustix::process::kill_process(network, rustix::process::Signal::KILL).unwrap();
    let (_, seen) = logged(&site, 0, &["orphan keys swept"]);
    logged(&site, seen, &["orphan keys swept"]);
    let client = daemon.client();
    let elsewhere = json!(daemon.documents().join("other.pdf"));
    for (path, body, key, answer, (parameter, other)) in [
        ("/user/person", &person(&number), "order-1", &first, ("userName", json!("李四"))),
        ("/moulage/person", &seal_body, "seal-1", &seal, ("color", json!("C2"))),
        ("/sign/filePath", &sign_body, "sign-1", &signed, ("contractSavePath", elsewhere.clone())),
        ("/tsa/pathSign", &stamp_body, "stamp-1", &stamped, ("fileSavePath", elsewhere)),
        ("/cz/in", &deposit_body, "cz-1", &deposited, ("sid", json!("another"))),
    ] {
        let again = post_once(&client, path, body, key).unwrap();
        assert_eq!(again.body, answer.body, "{path}");
        let mut changed = body.clone();
        changed[parameter] = other;
        assert_eq!(post_once(&client, path, &changed, key).unwrap().code(), 409, "{path}");
        let id = answer.body["data"].as_object().unwrap().values().next().unwrap();
        let found = client.send("GET", &format!("/x/results/{key}"), "application/json", b"");
        assert_eq!(found.data("id"), id, "{path}");
    }
    assert_eq!(std::fs::read(&output).unwrap(), written, "nothing was signed a second time");
    for bad in ["", "a b", &"k".repeat(256)] {
        let answer = post_once(&client, "/user/person", &person(&fresh_identity()), bad).unwrap();
        assert_eq!(answer.code(), 201, "{bad:?}: {:?}", answer.body);
    }
}

#[test]
fn an_app_can_do_what_its_operator_grants() {
    let daemon = Daemon::new();
    let client = daemon.second_client();
    let app = daemon.site.env["HUFU_APP2_ID"].clone();
    let set = |args: &[&str]| {
        let (ok, out, err) = daemon.site.hufu(&[&["app", "set", &app], args].concat());
        assert!(ok, "{out}{err}");
    };
    let grants = |certificates: bool, evidence: bool, sms: bool| {
        let grants = json!({"certificates": certificates, "evidence": evidence, "sms": sms});
        set(&["--json", &json!({ "grants": grants }).to_string()]);
    };
    let signer = new_person(&client);
    let file = daemon.documents().join("c.pdf");
    std::fs::copy(top().join("softhsm/sample-contract.pdf"), &file).unwrap();
    let sign = || {
        let body = json!({"signerId": signer, "moulageId": -1, "contractPath": file, "contractSavePath": daemon.documents().join("o.pdf"),
            "signPositionType": "1", "positionContent": "1,100,100"});
        client.post("/sign/filePath", &body)
    };
    let deposit = |sid: &str| client.post("/cz/in", &json!({"sid": sid, "filePath": file}));
    let code = || client.post("/send/verifyCode", &json!({ "signerId": signer }));
    let create = || client.post("/user/person", &person(&fresh_identity()));

    grants(false, false, false);
    for (answer, code, words) in [
        (create(), 20210, "未开通证书服务"),
        (sign(), 20210, "未开通证书服务"),
        (deposit("sid-1"), 20303, "未购买存证服务"),
        (client.post("/cz/queryCzId", &json!({"sid": "sid-1"})), 20303, "未购买存证服务"),
        (code(), 20304, "未购买短信验证服务"),
    ] {
        assert_eq!((answer.code(), answer.msg().as_str()), (code, words), "{:?}", answer.body);
    }
    grants(true, true, true);
    assert_eq!((sign().code(), deposit("sid-1").code(), code().code()), (200, 200, 200));

    set(&["--json", &json!({"quotas": {"signers": 2, "signatures": 2, "deposits": 1}}).to_string()]);
    assert_eq!((create().code(), sign().code()), (200, 200));
    for answer in [create(), sign(), deposit("sid-2")] {
        assert_eq!((answer.code(), answer.msg().as_str()), (20302, "应用购买量已用完"), "{:?}", answer.body);
    }
    set(&["--json", r#"{"quotas": {}}"#]);
    assert_eq!(create().code(), 200);

    let login = |id: &str, key: &str| {
        Client::new(&daemon.site, false).post("/auth/login", &json!({"appId": id, "appKey": key}))
    };
    let key = daemon.site.env["HUFU_APP2_KEY"].clone();
    set(&["--online", "false"]);
    for answer in [create(), login(&app, &key)] {
        assert_eq!((answer.code(), answer.msg().as_str()), (20300, "应用未上线"), "{:?}", answer.body);
    }
    set(&["--online", "true"]);
    assert_eq!(create().code(), 200, "the old token is good again");
    let unknown = login("nobody", "no-such-key");
    assert_eq!((unknown.code(), unknown.msg().as_str()), (20301, "应用不存在"));

    // Rotation: old and new key are good; with --now the old one and all tokens end.
    let (ok, out, err) = daemon.site.hufu(&["app", "rotate", &app]);
    assert!(ok, "{err}");
    let fresh = out.lines().find_map(|l| l.strip_prefix("appKey ")).unwrap().trim().to_owned();
    assert_eq!((login(&app, &key).code(), login(&app, &fresh).code(), create().code()), (200, 200, 200));
    let (ok, out, err) = daemon.site.hufu(&["app", "rotate", &app, "--now"]);
    assert!(ok, "{err}");
    let last = out.lines().find_map(|l| l.strip_prefix("appKey ")).unwrap().trim().to_owned();
    let codes = (login(&app, &key).code(), login(&app, &fresh).code(), login(&app, &last).code());
    assert_eq!((codes, create().code()), ((402, 402, 200), 401));

    // 应用清库: nothing of the test app stays, in the store or in the token; its production sister keeps everything.
    let client = renewed(&client, login(&app, &last));
    let keys = signer_keys(daemon.site.dir());
    let mine = certificates(&client);
    let (ok, _, _) = daemon.site.hufu(&["app", "purge", &app, "--yes"]);
    assert!(ok);
    assert_eq!(signer_keys(daemon.site.dir()), keys - mine);
    let client = renewed(&client, login(&app, &last));
    let all = client.post("/user/userInfo/signerIds", &json!({}));
    assert_eq!((all.code(), &all.body["data"]["total"]), (200, &json!(0)));
    assert_eq!(client.post("/cz/queryCzId", &json!({"sid": "sid-1"})).code(), 10206);
    set(&["--production"]);
    assert!(!daemon.site.hufu(&["app", "purge", &app, "--yes"]).0, "a production app is not purged");

    let (ok, _, err) = daemon.site.hufu(&["app", "disable", &app]);
    assert!(ok, "{err}");
    assert_eq!(client.post("/user/userInfo/signerIds", &json!({})).code(), 401);
    assert_eq!(login(&app, &last).code(), 20300);
    assert!(daemon.site.hufu(&["app", "enable", &app]).0);
    assert_eq!(client.post("/user/userInfo/signerIds", &json!({})).code(), 401, "old tokens ended for good");
    assert_eq!(login(&app, &last).code(), 200);
}

#[test]
fn an_older_installation_keeps_its_ids() {
    use base64::Engine as _;
    let site = Site::new();
    let lines = site.dir().join("old.jsonl");
    let mut pixel = Vec::new();
    let mut encoder = png::Encoder::new(&mut pixel, 110, 200);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&[128; 110 * 200 * 4]).unwrap();
    let image = base64::engine::general_purpose::STANDARD.encode(&pixel);
    let sha256 = "5d".repeat(32);
    let old = [
        json!({"type": "user", "signerId": 349, "kind": "person", "userName": "张三", "certifyNum": "123456789123456789", "phoneNo": "13000000000"}),
        json!({"type": "user", "signerId": 350, "kind": "company", "userName": "浙江律讯网络科技有限公司", "certifyNum": "123456789123456788"}),
        json!({"type": "seal", "moulageId": 7, "signerId": 349, "imgBase": image}),
        json!({"type": "signature", "summaryId": 1000, "signerId": 349, "sha256": sha256}),
        json!({"type": "deposit", "czId": 30_615_281_684_185_940_u64, "sid": "contract-0001", "sha256": sha256}),
    ];
    let text: String = old.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&lines, text).unwrap();
    let daemon = site.start();
    let app = daemon.site.env["HUFU_APP_ID"].clone();
    let import = || daemon.site.hufu(&["import", "--app", &app, lines.to_str().unwrap()]);
    let (ok, out, err) = import();
    assert!(ok, "{out}{err}");
    assert!(import().0, "what broke off is run again");

    let client = daemon.client();
    let found = client.post("/user/signerId/certifyNums", &json!({"certifyNumList": ["123456789123456789"]}));
    assert_eq!(found.body["data"], json!([{"123456789123456789": 349}]));
    let taken = client.post("/user/person", &person("123456789123456789"));
    assert_eq!(taken.code(), 20207);
    assert_eq!(
        client.post("/cz/queryCzId", &json!({"sid": "contract-0001"})).data("czId"),
        30_615_281_684_185_940_u64
    );
    let get = |path: &str| client.send("GET", path, "application/json", b"");
    assert_eq!(get("/x/signatures/1000").data("output_sha256"), &json!(sha256));
    // The old seal on a new document, by an imported signer, who gets a certificate with it.
    let file = daemon.documents().join("c.pdf");
    std::fs::copy(top().join("softhsm/sample-contract.pdf"), &file).unwrap();
    let body = json!({"signerId": 349, "moulageId": 7, "contractPath": file, "contractSavePath": daemon.documents().join("s.pdf"),
        "signPositionType": "1", "positionContent": "1,100,100"});
    let signed = client.post("/sign/filePath", &body);
    assert!(signed.data("summaryId").as_u64().unwrap() > 1000);
    // New ids go on behind the old ones, and stay short.
    assert!(new_person(&client).parse::<u64>().unwrap() > 350);
    let deposit = client.post("/cz/in", &json!({"sid": "contract-0002", "filePath": file}));
    assert!(deposit.data("czId").as_u64().unwrap() < 1 << 53);
    // Somebody else's number under a new id is told.
    std::fs::write(&lines, old[0].to_string().replace("349", "351")).unwrap();
    let (ok, _, err) = import();
    assert!(!ok && err.contains("351"), "{err}");
}

#[test]
fn many_at_once_and_data_signatures() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let daemon = Daemon::new();
    let client = daemon.client();
    let number = fresh_identity();
    let signer = client.post("/user/person", &person(&number)).data("signerId").clone();
    let file = daemon.documents().join("c.pdf");
    std::fs::copy(top().join("softhsm/sample-contract.pdf"), &file).unwrap();
    let item = |n: usize| {
        json!({"signerId": signer, "moulageId": "-1", "contractPath": file,
            "contractSavePath": daemon.documents().join(format!("b{n}.pdf")), "signPositionType": "1", "positionContent": "1,10,10"})
    };
    let items = json!({"items": [item(0), {"signerId": 999_999_999, "moulageId": -1}, item(1), {}]});
    let answer = post_once(&client, "/x/sign/batch", &items, "batch-1").unwrap();
    let codes: Vec<i64> =
        answer.data("results").as_array().unwrap().iter().map(|r| r["code"].as_i64().unwrap()).collect();
    assert_eq!(codes, [200, 201, 200, 201], "{:?}", answer.body);
    assert!(daemon.documents().join("b1.pdf").exists());
    assert_eq!(post_once(&client, "/x/sign/batch", &items, "batch-1").unwrap().body, answer.body);
    for wrong in [json!([]), json!([1]), json!("x"), json!(vec![json!({}); 101])] {
        assert_eq!(client.post("/x/sign/batch", &json!({ "items": wrong })).code(), 201);
    }

    let original = b"the bytes that stay with the client";
    let hash = hex::encode(sha2::Sha512::digest(original));
    let signatory = json!({"fullName": "张三", "identityType": "1", "identityCard": number});
    let made = client.post("/v2/sign/byteSign", &json!({"hash": hash, "signatories": [signatory]}));
    assert_eq!(
        (&made.body["success"], &made.body["resultCode"]),
        (&json!(true), &json!("0")),
        "{:?}",
        made.body
    );
    let seq_no = made.body["data"]["seqNo"].as_str().unwrap();
    let log = client.post("/v2/sign/byteSignLog", &json!({ "seqNo": seq_no }));
    assert_eq!(log.body["data"]["presId"], made.body["data"]["presId"]);
    let pdf =
        base64::engine::general_purpose::STANDARD.decode(log.body["data"]["pdf"].as_str().unwrap()).unwrap();
    let judged_log = |original: &[u8], pdf: &[u8]| {
        client.multipart(
            "/v2/auth/validateContract",
            &[
                ("contractType", None, b"1"),
                ("contractFile", Some("original"), original),
                ("byteSignLogFile", Some("log.pdf"), pdf),
            ],
        )
    };
    let judged = |original: &[u8]| judged_log(original, &pdf);
    let data = &judged(original).body["data"];
    assert_eq!((&data["seqNo"], &data["hash"]), (&json!(seq_no), &json!(hash)));
    let signature = &data["contractSignatures"][0];
    assert_eq!((&signature["signName"], &signature["idNo"]), (&json!("张三"), &json!(number)));
    assert_eq!(signature["validModify"], true);
    assert_eq!(judged(b"other bytes").body["success"], false);
    // The log before anybody signed it, and the same about other bytes: nobody's name is taken from it.
    let end = memchr::memmem::find(&pdf, b"%%EOF").unwrap() + 6;
    let unsigned = judged_log(original, &pdf[..end]).body;
    assert_eq!((&unsigned["success"], &unsigned["resultCode"]), (&json!(false), &json!("HTTP_PARAM_ERROR")));
    assert!(unsigned["msg"].as_str().unwrap().contains("未经全部签署人签署"), "{unsigned}");
    let other = hex::encode(sha2::Sha512::digest(b"forged"));
    let mut forged = pdf[..end].to_vec();
    let places: Vec<usize> = memchr::memmem::find_iter(&pdf[..end], hash.as_bytes()).collect();
    assert!(!places.is_empty(), "the record stands there as it is");
    for at in places {
        forged[at..at + 128].copy_from_slice(other.as_bytes());
    }
    let forged = judged_log(b"forged", &forged).body;
    assert!(forged["msg"].as_str().unwrap().contains("系伪造"), "{forged}");
    let doubled = client.multipart(
        "/v2/auth/validateContract",
        &[
            ("contractType", None, b"0"),
            ("contractFile", Some("a.pdf"), &pdf),
            ("contractFile", Some("b.pdf"), &pdf),
        ],
    );
    assert_eq!(doubled.body["resultCode"], "HTTP_PARAM_ERROR", "{:?}", doubled.body);
    for (what, body, words) in [
        ("no hash", json!({"signatories": [signatory]}), "hash"),
        ("a short hash", json!({"hash": "00", "signatories": [signatory]}), "hash"),
        ("nobody", json!({"hash": hash, "signatories": []}), "signatories"),
        ("twice the same", json!({"hash": hash, "signatories": [signatory, signatory]}), "signatories[1]"),
        (
            "another name",
            json!({"hash": hash, "signatories": [{"fullName": "李四", "identityCard": number}]}),
            "signatories[0]",
        ),
    ] {
        let answer = client.post("/v2/sign/byteSign", &body);
        assert_eq!(answer.body["success"], false, "{what}");
        assert!(answer.body["msg"].as_str().unwrap().contains(words), "{what}: {:?}", answer.body);
    }
    assert_eq!(client.post("/v2/sign/byteSignLog", &json!({"seqNo": "none"})).body["success"], false);
}
