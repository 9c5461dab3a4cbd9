//! 印章模块

use super::world::World;
use base64::Engine;
use serde_json::{Value, json};

fn png(width: u32, height: u32) -> String {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let pixels = [200, 0, 0].repeat((width * height) as usize);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test]
async fn a_persons_seal() {
    let world = World::ready().await;
    let id = world.person("110101199001011234").await;
    let company = world.company("987654321987654321").await;
    let path = "/moulage/person";
    assert!(world.post(path, &json!({"signerId": id})).await.id("moulageId") > 0);
    for (name, good) in [
        ("borderType", &["B1", "B2"][..]),
        ("fontFamily", &["F1", "F3", "F4"]),
        ("color", &["C1", "C2", "C3"]),
        ("mode", &["0", "2"]),
    ] {
        for value in good {
            assert_eq!(
                world.post(path, &json!({"signerId": id, name: value})).await.code(),
                200,
                "{name} {value}"
            );
        }
        let wrong = format!("{name} 格式不正确");
        for bad in [json!("9"), json!(7), json!({}), json!("b1")] {
            world.post(path, &json!({"signerId": id, name: bad})).await.is(201, &wrong);
        }
        assert_eq!(
            world.post(path, &json!({"signerId": id, name: ""})).await.code(),
            200,
            "blank means the default"
        );
    }
    world.post(path, &json!({"signerId": company})).await.is(20001, "用户无权限");
    world.post(path, &json!({"signerId": 99})).await.is(20206, "用户不存在");
    world.post(path, &json!({})).await.is(201, "signerId 为空");
}

#[tokio::test]
async fn a_companys_seal() {
    let world = World::ready().await;
    let id = world.company("987654321987654321").await;
    let path = "/moulage/company";
    let sample = json!({"signerId": id, "styleType": "1", "textContent": "测试专用章", "keyContent": "1234567890123",
                        "color": "C1", "mode": "0"});
    assert!(world.post(path, &sample).await.id("moulageId") > 0);
    let change = |name: &str, value: Value| {
        let mut body = sample.clone();
        body[name] = value;
        body
    };
    assert_eq!(world.post(path, &change("styleType", "2".into())).await.code(), 200);
    assert_eq!(world.post(path, &change("textContent", "专".repeat(12).into())).await.code(), 200);
    for (name, bad) in [
        ("styleType", json!("3")),
        ("textContent", json!("专".repeat(13))),
        ("keyContent", json!("123456789012")),
        ("keyContent", json!("12345678901234")),
        ("keyContent", json!("123456789012a")),
    ] {
        world.post(path, &change(name, bad)).await.is(201, &format!("{name} 格式不正确"));
    }
}

#[tokio::test]
async fn an_uploaded_seal() {
    let world = World::ready().await;
    let id = world.person("110101199001011234").await;
    let path = "/moulage/upload";
    let sent = |image: String| json!({"signerId": id, "imgBase": image});
    let seal = world.post(path, &sent(png(110, 200))).await.id("moulageId");
    assert_eq!(world.post(path, &sent(format!("data:image/png;base64,{}", png(200, 200)))).await.code(), 200);
    for bad in [
        "####".to_owned(),
        base64::engine::general_purpose::STANDARD.encode(b"\xff\xd8\xff\xe0JFIF"),
        png(1001, 10),
    ] {
        world.post(path, &sent(bad)).await.is(201, "imgBase 格式不正确");
    }
    world.post(path, &sent(String::new())).await.is(201, "imgBase 为空");
    let large = base64::engine::general_purpose::STANDARD.encode(vec![0; 409_601]);
    world.post(path, &sent(large)).await.is(201, "imgBase 格式不正确");
    let image = world.get(&format!("/x/seals/{seal}/image")).await;
    assert_eq!(image.content_type, "image/png");
    let revoke = json!({"signerId": id, "moulageId": seal});
    assert_eq!(world.post("/x/seals/revoke", &revoke).await.code(), 200);
    assert_eq!(world.post("/x/seals/revoke", &revoke).await.code(), 200);
}
