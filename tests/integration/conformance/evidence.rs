//! 合同存证

use super::{Request, Table, client, daemon, fresh_sid};
use serde_json::json;

#[test]
fn deposit_and_look_up() {
    let docs = daemon().documents();
    let file = docs.join("evidence.bin");
    std::fs::write(&file, b"any file is accepted").unwrap();
    let mut table = Table::default();
    let make: &dyn Fn() -> Request =
        &|| Request::new("POST", "/cz/in", json!({"sid": fresh_sid(), "filePath": file}));
    table.ok("happy", make());
    table.required(make, "sid");
    table.required(make, "filePath");
    let padded = |n: usize| format!("{:>n$}", fresh_sid().replace("sid-", "s")).replace(' ', "x");
    for (length, code) in [(3, 201), (4, 200), (50, 200), (51, 201)] {
        let mut sid = padded(length);
        if length == 3 {
            sid = "abc".into();
        }
        let words: &[&'static str] = if code == 201 { &["sid"] } else { &[] };
        table.row(&format!("{length} characters"), make().with("sid", sid), code, words);
    }
    table.ok("a number", make().with("sid", 1_000_000_007_u64));
    table.ok("four Chinese characters", make().with("sid", "业务编号"));
    table.row(
        "no such file",
        make().with("filePath", docs.join("none").to_str().unwrap()),
        20100,
        &["不存在"],
    );
    table.row("outside", make().with("filePath", "/etc/passwd"), 20100, &[]);
    table.run(&client());

    let client = client();
    let request = make();
    let id = request.send(&client).data("czId").clone();
    assert!(id.as_u64().is_some_and(|n| n > 0 && n < 1 << 53));
    let again = request.send(&client);
    assert_eq!((again.code(), again.msg().as_str()), (10205, "数据标识已存在"));
    let sid = request.body["sid"].clone();
    let ask = |sid: serde_json::Value| client.post("/cz/queryCzId", &json!({"sid": sid}));
    assert_eq!(ask(sid.clone()).data("czId"), &id);
    let none = ask(json!("unknown-sid"));
    assert_eq!((none.code(), none.msg().as_str()), (10206, "无存证数据"));
    for wrong in [json!(""), json!(null), json!({}), json!("abc"), json!("x".repeat(51))] {
        assert_eq!(ask(wrong.clone()).code(), 201, "{wrong}");
    }
    let elsewhere = daemon().second_client();
    assert_eq!(
        elsewhere.post("/cz/queryCzId", &json!({"sid": sid})).code(),
        10206,
        "apps do not see each other's evidence"
    );
}
