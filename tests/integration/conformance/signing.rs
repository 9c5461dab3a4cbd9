//! 6、签署模块: signing, consent by SMS, time stamps

use super::{Request, Table, client, company, daemon, person, person_seal};
use crate::daemon::{Answer, top};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

fn sample() -> Vec<u8> {
    std::fs::read(top().join("softhsm/sample-contract.pdf")).unwrap()
}

fn source() -> PathBuf {
    static SOURCE: OnceLock<PathBuf> = OnceLock::new();
    SOURCE
        .get_or_init(|| {
            let path = daemon().documents().join("待签署合同.pdf");
            std::fs::write(&path, sample()).unwrap();
            path
        })
        .clone()
}

fn target() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    daemon().documents().join(format!("签署后合同-{}.pdf", NEXT.fetch_add(1, Ordering::Relaxed)))
}

struct Party {
    signer: String,
    seal: String,
}

fn party() -> &'static Party {
    static PARTY: OnceLock<Party> = OnceLock::new();
    PARTY.get_or_init(|| {
        let signer = person();
        let seal = person_seal(&signer);
        Party { signer, seal }
    })
}

fn by_path() -> Request {
    Request::new(
        "POST",
        "/sign/filePath",
        json!({"signerId": party().signer, "moulageId": party().seal, "contractPath": source(), "contractSavePath": target(),
               "signPositionType": "1", "positionContent": "1,100,100"}),
    )
}

fn common_rows(table: &mut Table, make: &dyn Fn() -> Request) {
    table.ok("the document's sample", make());
    table.required(make, "signerId");
    table.required(make, "contractSavePath");
    table.row("no moulageId", make().without("moulageId"), 201, &["为空"]);
    table.row(
        "the document's other spelling",
        make().without("moulageId").with("mouflageId", party().seal.clone()),
        200,
        &[],
    );
    table.ok("moulageId -1: nothing to see", make().with("moulageId", "-1"));
    table.ok("moulageId -1 as a number", make().with("moulageId", -1));
    table.row("unknown seal", make().with("moulageId", "999999999"), 20205, &[]);
    table.bad("moulageId a word", make().with("moulageId", "abc"), "moulageId");
    table.bad("moulageId -2", make().with("moulageId", "-2"), "moulageId");
    table.row("somebody else's seal", make().with("moulageId", person_seal(&person())), 20202, &[]);
    table.row("unknown signer", make().with("signerId", "999999999"), 20206, &["用户不存在"]);
    table.bad("signerId a word", make().with("signerId", "abc"), "signerId");
    table.bad("a caType that is not the app's", make().with("caType", "nobody"), "caType");
    let number: u64 = party().signer.parse().unwrap();
    table.ok("signerId as a number", make().with("signerId", number));
    table.bad("signerId with a zero before it", make().with("signerId", format!("0{number}")), "signerId");
    table.ok("signPositionType as a number", make().with("signPositionType", 1));
    for class in ["0", "1", "2", "3"] {
        table.ok(&format!("sealClass {class}"), make().with("sealClass", class));
    }
    table.ok("sealClass as a number", make().with("sealClass", 0));
    table.ok("sealClass left out", make().without("sealClass"));
    for class in ["4", "-1", "x"] {
        table.bad(&format!("sealClass {class}"), make().with("sealClass", class), "sealClass");
    }
    let seam = || make().with("sealClass", "1").without("signPositionType").without("positionContent");
    table.ok("a seam seal needs no position", seam());
    table.ok(
        "and ignores what stands there",
        make().with("sealClass", "1").with("signPositionType", "9").with("positionContent", json!({})),
    );
    table.ok("sealClass 1 as a number", seam().with("sealClass", 1));
    table.bad("signPositionType left out", make().without("signPositionType"), "signPositionType");
    table.bad("signPositionType 2", make().with("signPositionType", "2"), "signPositionType");
    table.bad("positionContent left out", make().without("positionContent"), "positionContent");
    table.bad("positionContent empty", make().with("positionContent", ""), "positionContent");
    for place in ["1,0,0", "1,100,100;2,200,200", "2,10.5,20.25", "1, 100, 100", "1,100,100;"] {
        table.ok(&format!("at {place}"), make().with("positionContent", place));
    }
    for place in [
        "x",
        "1",
        "1,2",
        "1,2,3,4",
        "0,100,100",
        "3,100,100",
        "-1,1,1",
        "1,-1,100",
        "1,100,-1",
        "1,595,100",
        "1,100,842",
        "1,1e9,5",
        "1,NaN,5",
        "1;2;3",
        "1,,",
        "9999999999999,1,1",
    ] {
        table.bad(&format!("at {place}"), make().with("positionContent", place), "positionContent");
    }
    let keyword = |word: &str| make().with("signPositionType", "0").with("positionContent", word);
    table.ok("at a keyword", keyword("甲方盖章处"));
    table.row("a keyword that is not there", keyword("丙方盖章处"), 20110, &["丙方盖章处"]);
    table.row(
        "saved as something else",
        make().with("contractSavePath", "x.doc"),
        201,
        &["文件保存类型非法"],
    );
}

#[test]
fn sign_by_path() {
    let mut table = Table::default();
    let make: &dyn Fn() -> Request = &by_path;
    common_rows(&mut table, make);
    table.required(make, "contractPath");
    let docs = daemon().documents();
    let path = |p: PathBuf| make().with("contractPath", p.to_str().unwrap());
    let missing = docs.join("没有.pdf");
    table.row("no such file", path(missing), 20100, &["没有.pdf", "不存在"]);
    let empty = docs.join("empty.pdf");
    std::fs::write(&empty, b"").unwrap();
    table.row("an empty file", path(empty), 20101, &[]);
    let text = docs.join("text.pdf");
    std::fs::write(&text, b"not a PDF at all").unwrap();
    table.row("not a PDF", path(text), 20101, &[]);
    let cut = docs.join("cut.pdf");
    std::fs::write(&cut, &sample()[..20_000]).unwrap();
    table.row("a cut PDF", path(cut), 20101, &[]);
    table.row("a folder", path(docs.clone()), 20101, &[]);
    let fifo = docs.join("fifo.pdf");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    table.row("a pipe", path(fifo), 20101, &[]);
    // Out of the roots, by whatever way: as if it were not there, and nothing of it is told.
    let link = docs.join("link.pdf");
    std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
    for outside in ["/etc/passwd", "/etc/hostname.pdf"] {
        table.row(outside, make().with("contractPath", outside), 20100, &[]);
    }
    table.row("a link out", path(link), 20100, &[]);
    table.row(
        "dots",
        make().with("contractPath", format!("{}/../secrets/user-pin", docs.display())),
        20100,
        &[],
    );
    for nowhere in ["/etc/x.pdf", "/tmp/x.pdf", "../x.pdf"] {
        let answer = make().with("contractSavePath", nowhere);
        table.row(&format!("saved to {nowhere}"), answer, 20110, &["合同保存失败"]);
    }
    let no_folder = docs.join("no/such/folder/x.pdf");
    table.row(
        "saved to a folder that is not there",
        make().with("contractSavePath", no_folder.to_str().unwrap()),
        20110,
        &["合同保存失败"],
    );
    table.row(
        "a company's seal for a person",
        make().with("moulageId", {
            let c = company();
            client().post("/moulage/company", &json!({"signerId": c})).data("moulageId").to_string()
        }),
        20202,
        &[],
    );
    table.run(&client());
    assert!(!std::path::Path::new("/tmp/x.pdf").exists());
}

#[test]
fn the_same_path_may_be_input_and_output() {
    let path = daemon().documents().join("both.pdf");
    std::fs::write(&path, sample()).unwrap();
    let request = by_path()
        .with("contractPath", path.to_str().unwrap())
        .with("contractSavePath", path.to_str().unwrap());
    // Several at once on one path: every success is in the file.
    let ids: Vec<Value> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let request = request.clone().with("positionContent", format!("1,{},100", 50 + 110 * n));
                scope.spawn(move || request.send(&client()).data("summaryId").clone())
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 4);
    let bytes = std::fs::read(&path).unwrap();
    let answer = client().multipart(
        "/v2/auth/validateContract",
        &[("contractType", None, b"0"), ("contractFile", Some("c.pdf"), &bytes)],
    );
    let signatures = answer.body["data"]["contractSignatures"].as_array().unwrap();
    assert_eq!(signatures.len(), 4);
    assert!(signatures.iter().all(|s| s["validModify"] == true), "{:#}", answer.body);
}

fn stream(path: &str, fields: &[(&str, &str)], file: Option<&[u8]>) -> Answer {
    let mut parts: Vec<(&str, Option<&str>, &[u8])> =
        fields.iter().map(|(n, v)| (*n, None, v.as_bytes())).collect();
    if let Some(file) = file {
        let name = if path.starts_with("/tsa") { "filePath" } else { "contractPath" };
        parts.push((name, Some("合同.pdf"), file));
    }
    client().multipart(path, &parts)
}

fn stream_fields(save: &str) -> Vec<(&'static str, String)> {
    vec![
        ("signerId", party().signer.clone()),
        ("mouflageId", party().seal.clone()),
        ("sealClass", "0".into()),
        ("contractSavePath", save.into()),
        ("contractTitle", "合同标题".into()),
        ("signPositionType", "1".into()),
        ("positionContent", "1,100,100".into()),
    ]
}

#[test]
fn sign_a_stream() {
    let call = |change: &dyn Fn(&mut Vec<(&'static str, String)>), file: Option<&[u8]>| {
        let save = target();
        let mut fields = stream_fields(save.to_str().unwrap());
        change(&mut fields);
        let borrowed: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        stream("/sign/fileStream", &borrowed, file)
    };
    let pdf = sample();
    let without =
        |name: &'static str| move |f: &mut Vec<(&'static str, String)>| f.retain(|(n, _)| *n != name);
    let with = |name: &'static str, value: &'static str| {
        move |f: &mut Vec<(&'static str, String)>| {
            f.retain(|(n, _)| *n != name);
            f.push((name, value.to_owned()));
        }
    };
    let cases: Vec<(&str, Answer, i64, &str)> = vec![
        ("happy", call(&|_| {}, Some(&pdf)), 200, ""),
        ("no title", call(&without("contractTitle"), Some(&pdf)), 200, ""),
        ("no sealClass", call(&without("sealClass"), Some(&pdf)), 200, ""),
        ("no file", call(&|_| {}, None), 201, "contractPath"),
        ("an empty file", call(&|_| {}, Some(b"")), 20101, ""),
        ("not a PDF", call(&|_| {}, Some(b"hello")), 20101, ""),
        ("no signerId", call(&without("signerId"), Some(&pdf)), 201, "signerId"),
        ("no seal", call(&without("mouflageId"), Some(&pdf)), 201, "为空"),
        ("no save path", call(&without("contractSavePath"), Some(&pdf)), 201, "contractSavePath"),
        ("no position type", call(&without("signPositionType"), Some(&pdf)), 201, "signPositionType"),
        ("no position", call(&without("positionContent"), Some(&pdf)), 201, "positionContent"),
        ("saved as .doc", call(&with("contractSavePath", "a.doc"), Some(&pdf)), 201, "文件保存类型非法"),
        ("unknown signer", call(&with("signerId", "999999999"), Some(&pdf)), 20206, "用户不存在"),
        ("page 3 of 2", call(&with("positionContent", "3,1,1"), Some(&pdf)), 201, "positionContent"),
    ];
    for (what, answer, code, words) in cases {
        assert_eq!((answer.code(), answer.status), (code, 200), "{what}: {:?}", answer.body);
        assert!(answer.msg().contains(words), "{what}: {}", answer.msg());
    }
    let json = client().post("/sign/fileStream", &json!({"signerId": "1"}));
    assert_eq!(json.status, 415, "{:?}", json.body);
}

/// The newest code that the development SMS channel wrote for a number.
fn code_for(phone: &str) -> String {
    let text = std::fs::read_to_string(&daemon().site.env["HUFU_SMS_OUTBOX"]).unwrap();
    text.lines()
        .rev()
        .filter_map(|l| serde_json::from_str::<Value>(l).ok())
        .find(|m| m["phone"].as_str().is_some_and(|p| p.ends_with(phone)))
        .map(|m| m["code"].as_str().unwrap().to_owned())
        .unwrap_or_else(|| panic!("no code for {phone} in\n{text}"))
}

fn signer_with_phone(phone: &str) -> Party {
    let client = client();
    let signer = client
        .post("/user/person", &json!({"userName": "李四", "identityRegion": "0", "certifyNum": super::fresh_identity(), "phoneNo": phone}))
        .data("signerId")
        .to_string();
    let seal = person_seal(&signer);
    Party { signer, seal }
}

#[test]
fn consent_by_sms() {
    let client = client();
    let phone = "13100000001";
    let party = signer_with_phone(phone);
    let send = |body: Value| client.post("/send/verifyCode", &body);
    let sign = |code: Value| {
        by_path()
            .with("signerId", party.signer.clone())
            .with("moulageId", party.seal.clone())
            .with("code", code)
            .send_to(&client, "/sign/verifyCodeFilePath")
    };

    assert_eq!(sign(json!("1234")).code(), 20107, "no code was ever sent");
    let sent = send(json!({"signerId": party.signer}));
    assert_eq!((sent.code(), &sent.body["msg"]), (200, &json!(true)));
    let code = code_for(phone);
    assert!(code.len() == 4 && code.bytes().all(|b| b.is_ascii_digit()), "{code}");
    let wrong = if code == "0000" { "1111" } else { "0000" };
    assert_eq!(sign(json!("")).code(), 100_609);
    assert_eq!(sign(Value::Null).code(), 100_609);
    assert_eq!(sign(json!(wrong)).code(), 100_611);
    assert_eq!(sign(json!(code)).code(), 200);
    assert_eq!(sign(json!(code)).code(), 100_612, "a code is used once");

    // Five wrong tries lock it; a new one is free again.
    assert_eq!(send(json!({"signerId": party.signer})).code(), 200);
    let code = code_for(phone);
    let wrong = if code == "0000" { "1111" } else { "0000" };
    for _ in 0..5 {
        assert_eq!(sign(json!(wrong)).code(), 100_611);
    }
    assert_eq!(sign(json!(code)).code(), 100_612, "locked");
    assert_eq!(send(json!({"signerId": party.signer})).code(), 200);
    assert_eq!(sign(json!(code_for(phone))).code(), 200);

    // To another number than the registered one.
    assert_eq!(send(json!({"signerId": party.signer, "phoneNo": "13100000002"})).code(), 200);
    assert_eq!(sign(json!(code_for("13100000002"))).code(), 200);

    for (what, body, expected) in [
        ("no signer", json!({}), 201),
        ("a bad number", json!({"signerId": party.signer, "phoneNo": "12"}), 100_603),
        ("letters", json!({"signerId": party.signer, "phoneNo": "1310000000a"}), 100_603),
        ("unknown signer", json!({"signerId": "999999999"}), 20206),
        ("a signer without a phone", json!({"signerId": company()}), 20201),
    ] {
        let answer = send(body);
        assert_eq!((answer.code(), answer.status), (expected, 200), "{what}: {:?}", answer.body);
    }
}

#[test]
fn consent_by_sms_for_a_stream() {
    let client = client();
    let phone = "13100000003";
    let party = signer_with_phone(phone);
    assert_eq!(client.post("/send/verifyCode", &json!({"signerId": party.signer})).code(), 200);
    let save = target();
    let code = code_for(phone);
    let fields = [
        ("code", code.as_str()),
        ("signerId", &party.signer),
        ("moulageId", &party.seal),
        ("contractSavePath", save.to_str().unwrap()),
        ("signPositionType", "0"),
        ("positionContent", "乙方盖章处"),
    ];
    let answer = stream("/sign/verifyCodeFileStream", &fields, Some(&sample()));
    assert!(answer.data("summaryId").as_u64().unwrap() > 0);
    assert!(save.exists());
    let again = stream("/sign/verifyCodeFileStream", &fields, Some(&sample()));
    assert_eq!(again.code(), 100_612);
}

#[test]
fn the_rules_of_signing_hold_with_a_code_too() {
    let phone = "13100000004";
    let party = signer_with_phone(phone);
    let mut table = Table::default();
    let make: &dyn Fn() -> Request = &|| {
        let mut request = by_path()
            .with("signerId", party.signer.clone())
            .with("moulageId", party.seal.clone())
            .with("code", "1234");
        request.path = "/sign/verifyCodeFilePath";
        request
    };
    // What is wrong with the request is told before a code is used up.
    table.bad("signerId left out", make().without("signerId"), "signerId");
    table.bad("contractSavePath left out", make().without("contractSavePath"), "contractSavePath");
    table.row("saved as .txt", make().with("contractSavePath", "a.txt"), 201, &["文件保存类型非法"]);
    table.bad("sealClass 9", make().with("sealClass", "9"), "sealClass");
    table.run(&client());
}

#[test]
fn time_stamps() {
    let mut table = Table::default();
    let make: &dyn Fn() -> Request =
        &|| Request::new("POST", "/tsa/pathSign", json!({"filePath": source(), "fileSavePath": target()}));
    table.ok("happy", make());
    table.required(make, "filePath");
    table.required(make, "fileSavePath");
    table.row("saved as .txt", make().with("fileSavePath", "x.txt"), 201, &["文件保存类型非法"]);
    table.row("no such file", make().with("filePath", "没有.pdf"), 20100, &["没有.pdf"]);
    let docs = daemon().documents();
    let large = docs.join("large.pdf");
    let mut bytes = sample();
    bytes.resize((20 << 20) + 1, b'\n');
    std::fs::write(&large, &bytes).unwrap();
    table.row("more than 20 MiB", make().with("filePath", large.to_str().unwrap()), 20101, &["20971520"]);
    table.run(&client());

    let save = target();
    let fields = [("fileSavePath", save.to_str().unwrap()), ("title", "文件标题")];
    let answer = stream("/tsa/streamSign", &fields, Some(&sample()));
    assert!(answer.data("timeStampSignId").as_u64().unwrap() > 0);
    assert!(std::fs::read(&save).unwrap().starts_with(&sample()));
    assert_eq!(stream("/tsa/streamSign", &fields, None).code(), 201);
    assert_eq!(stream("/tsa/streamSign", &[("title", "x")], Some(&sample())).code(), 201);
    let untitled = target();
    let fields = [("fileSavePath", untitled.to_str().unwrap())];
    assert_eq!(stream("/tsa/streamSign", &fields, Some(&sample())).code(), 200);
}
