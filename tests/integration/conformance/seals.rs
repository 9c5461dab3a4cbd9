//! 5、印章模块

use super::{Request, Table, client, client_of_signer, company, daemon, person};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

#[test]
fn person_seal() {
    let signer = person();
    let mut table = Table::default();
    let make: &dyn Fn() -> Request = &|| {
        Request::new(
            "POST",
            "/moulage/person",
            json!({"signerId": signer, "borderType": "B1", "fontFamily": "F1", "color": "C1", "mode": "0"}),
        )
    };
    table.ok("the document's sample", make());
    table.required(make, "signerId");
    for parameter in ["borderType", "fontFamily", "color", "mode"] {
        table.optional(make, parameter);
    }
    table.choice(make, "borderType", &["B1", "B2"], &["B0", "B3", "b1", "1", "B1 "]);
    table.choice(make, "fontFamily", &["F1", "F2", "F3", "F4"], &["F0", "F5", "f1", "楷体"]);
    table.choice(make, "color", &["C1", "C2", "C3"], &["C0", "C4", "red"]);
    table.choice(make, "mode", &["0", "2"], &["1", "3", "-1", "x"]);
    table.ok("mode as a number", make().with("mode", 2));
    let number: u64 = signer.parse().unwrap();
    table.ok("signerId as a number", make().with("signerId", number));
    table.bad("signerId not a number", make().with("signerId", "abc"), "signerId");
    table.row("unknown signer", make().with("signerId", "999999999"), 20206, &["用户不存在"]);
    table.row("a company", make().with("signerId", company()), 20001, &["用户无权限"]);
    table.run(&client());

    let own = client_of_signer(&signer);
    assert_eq!(make().send(&own).code(), 200);
    assert_eq!(make().with("signerId", person()).send(&own).code(), 20001);
    assert_eq!(make().send(&daemon().second_client()).code(), 20206);
}

#[test]
fn company_seal() {
    let signer = company();
    let mut table = Table::default();
    let make: &dyn Fn() -> Request = &|| {
        Request::new(
            "POST",
            "/moulage/company",
            json!({"signerId": signer, "styleType": "1", "textContent": "测试专用章", "keyContent": "1234567890123",
                   "color": "C1", "mode": "0"}),
        )
    };
    table.ok("the document's sample", make());
    table.required(make, "signerId");
    for parameter in ["styleType", "textContent", "keyContent", "color", "mode"] {
        table.optional(make, parameter);
    }
    table.choice(make, "styleType", &["1", "2"], &["0", "3", "x"]);
    table.choice(make, "color", &["C1", "C2", "C3"], &["C0", "C4"]);
    table.choice(make, "mode", &["0", "2"], &["1", "x"]);
    for style in ["1", "2"] {
        for length in [1, 7, 10, 12] {
            let request = make().with("styleType", style).with("textContent", "章".repeat(length));
            table.ok(&format!("style {style}, {length} characters of text"), request);
        }
    }
    table.bad("13 characters of text", make().with("textContent", "章".repeat(13)), "textContent");
    for key in ["123456789012", "12345678901234", "123456789012x", "１２３４５６７８９０１２３"]
    {
        table.bad(&format!("keyContent {key}"), make().with("keyContent", key), "keyContent");
    }
    table.ok("keyContent as a number", make().with("keyContent", 1_234_567_890_123_u64));
    table.row("unknown signer", make().with("signerId", "999999999"), 20206, &["用户不存在"]);
    table.row("a person", make().with("signerId", person()), 20001, &["用户无权限"]);
    table.run(&client());
    assert_eq!(make().send(&client_of_signer(&signer)).code(), 200);
}

/// A PNG of one colour.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let pixels: Vec<u8> =
        (0..width * height).flat_map(|i| if i % 3 == 0 { [200, 0, 0, 255] } else { [0, 0, 0, 0] }).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

#[test]
fn uploaded_seal() {
    let signer = person();
    let mut table = Table::default();
    let of = |bytes: &[u8]| {
        Request::new(
            "POST",
            "/moulage/upload",
            json!({"signerId": signer, "imgBase": STANDARD.encode(bytes)}),
        )
    };
    let make: &dyn Fn() -> Request = &|| of(&png(110, 200));
    table.ok("a person's size", make());
    table.required(make, "signerId");
    table.required(make, "imgBase");
    for (width, height) in [(200, 110), (200, 200), (160, 300), (300, 160), (1, 1), (1000, 1000)] {
        table.ok(&format!("{width} × {height}"), of(&png(width, height)));
    }
    for (width, height) in [(1001, 10), (10, 1001)] {
        table.bad(&format!("{width} × {height}"), of(&png(width, height)), "imgBase");
    }
    let plain = STANDARD.encode(png(110, 200));
    table.ok("a data URI", make().with("imgBase", format!("data:image/png;base64,{plain}")));
    table.bad("not base64", make().with("imgBase", "!!!!"), "imgBase");
    table.bad("JPEG", of(&[0xFF, 0xD8, 0xFF, 0xE0, 0, 16, b'J', b'F', b'I', b'F', 0]), "imgBase");
    table.bad("a cut PNG", of(&png(110, 200)[..60]), "imgBase");
    let mut wrong_crc = png(110, 200);
    wrong_crc[29] ^= 1;
    table.bad("a wrong checksum", of(&wrong_crc), "imgBase");
    let mut huge = png(110, 200);
    huge.resize(409_601, 0);
    table.bad("more than 400 KB", of(&huge), "imgBase");
    table.ok("a company's", make().with("signerId", company()));
    table.row("unknown signer", make().with("signerId", "999999999"), 20206, &["用户不存在"]);
    table.run(&client());
}

/// A seal's life, from outside: made, listed with who made it, shown, revoked, refused.
#[test]
fn a_seal_says_who_made_it_and_who_revoked_it() {
    let client = client();
    let signer = super::person();
    let seal = super::person_seal(&signer);
    let number: u64 = seal.parse().unwrap();
    let row = || -> serde_json::Value {
        let answer = client.send("GET", &format!("/x/seals?signerId={signer}"), "application/json", b"");
        let seals = answer.data("seals").as_array().unwrap().clone();
        seals.into_iter().find(|s| s["moulageId"] == number).unwrap_or_else(|| panic!("{:?}", answer.body))
    };
    let made = row();
    let app = &super::daemon().site.env["HUFU_APP_ID"];
    assert_eq!(made["maker"]["app"], json!(app), "{made}");
    assert_eq!(made["maker"]["from"], "127.0.0.1", "{made}");
    assert!(
        made["maker"]["client"].as_str().is_some_and(|c| c.len() == 64),
        "the client certificate: {made}"
    );
    assert!(made["created"].as_i64().unwrap() > 0 && made["record"].as_u64().is_some(), "{made}");
    assert!(made["revoked"].is_null() && made["revoker"].is_null(), "{made}");
    // The audit record that the row names tells the same.
    let (ok, shown, err) = super::daemon().site.hufu(&["audit", "show", &made["record"].to_string()]);
    assert!(ok && shown.contains("\"create_seal\""), "{shown}{err}");

    let (status, png) = client.bytes(&format!("/x/seals/{seal}/image?pixels=200"));
    assert!(status == 200 && png.starts_with(b"\x89PNG"), "{status}");
    let (status, svg) = client.bytes(&format!("/x/seals/{seal}/image?format=svg"));
    assert!(status == 200 && svg.starts_with(b"<svg"), "{status}");

    let revoke = json!({"signerId": signer, "moulageId": seal});
    assert_eq!(client.post("/x/seals/revoke", &revoke).code(), 200);
    assert_eq!(client.post("/x/seals/revoke", &revoke).code(), 200, "revoking twice is a success");
    let gone = row();
    assert!(gone["revoked"].as_i64().is_some() && gone["revoker"]["app"] == json!(app), "{gone}");
    let again = json!({"signerId": signer, "moulageId": seal, "contractPath": "/nowhere", "contractSavePath": "/nowhere.pdf",
        "signPositionType": "1", "positionContent": "1,100,100"});
    assert_eq!(client.post("/sign/filePath", &again).code(), 20203);
}
