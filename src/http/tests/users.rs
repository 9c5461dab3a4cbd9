//! 用户模块

use super::world::World;
use crate::ops::rows::AppKind;
use hufu_api::ChannelError;
use serde_json::{Value, json};
use std::sync::Arc;

const NUMBER: &str = "123456789123456789";

fn person() -> Value {
    json!({"userName": "张三", "identityRegion": "0", "certifyType": "a", "certifyNum": NUMBER,
           "phoneRegion": "0", "phoneNo": "13000000000"})
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

fn without(mut body: Value, name: &str) -> Value {
    body.as_object_mut().unwrap().remove(name);
    body
}

#[tokio::test]
async fn a_person_as_in_the_sample_and_a_second_time() {
    let world = World::ready().await;
    assert_eq!(world.post("/user/person", &person()).await.id("signerId"), 1);
    let again = format!("认证号码({NUMBER})已经存在");
    world.post("/user/person", &person()).await.is(20207, &again);
    world
        .post("/user/company", &json!({"userName": "公司", "certifyType": "1", "certifyNum": NUMBER}))
        .await
        .is(20207, &again);
    assert_eq!(world.keys.count(), 1, "no key without a signer");
}

#[tokio::test]
async fn every_parameter_of_a_person() {
    let world = World::ready().await;
    for name in ["userName", "identityRegion", "certifyNum"] {
        let missing = format!("{name} 为空");
        world.post("/user/person", &without(person(), name)).await.is(201, &missing);
        world.post("/user/person", &with(person(), name, "".into())).await.is(201, &missing);
        world.post("/user/person", &with(person(), name, Value::Null)).await.is(201, &missing);
        let wrong = format!("{name} 格式不正确");
        world.post("/user/person", &with(person(), name, json!(["x"]))).await.is(201, &wrong);
        world.post("/user/person", &with(person(), name, true.into())).await.is(201, &wrong);
    }
    for (name, bad) in [
        ("userName", "张".repeat(16)),
        ("identityRegion", "5".into()),
        ("certifyType", "c".into()),
        ("certifyNum", "1234567890".into()),
        ("phoneRegion", "3".into()),
        ("phoneNo", "12345".into()),
        ("certType", "eternal".into()),
        ("caType", "nobody".into()),
    ] {
        let wrong = format!("{name} 格式不正确");
        world.post("/user/person", &with(person(), name, bad.into())).await.is(201, &wrong);
    }
    assert_eq!(world.keys.count(), 0);
    let numbers = json!({"userName": "张三", "identityRegion": 0, "certifyNum": 123_456_789_123_456_789_u64,
                         "phoneNo": 13_000_000_000_u64, "unknown": {"a": 1}});
    assert_eq!(world.post("/user/person", &numbers).await.code(), 200);
}

#[tokio::test]
async fn a_hundred_at_once_are_one() {
    let world = Arc::new(World::ready().await);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.post("/user/person", &person()).await.code() })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        match task.await.unwrap() {
            200 => done += 1,
            code => assert_eq!(code, 20207),
        }
    }
    assert_eq!((done, world.keys.count()), (1, 1));
}

#[tokio::test]
async fn what_the_channel_says() {
    let world = World::ready().await;
    for (error, code) in [
        (ChannelError::Refused("no".into()), 60106),
        (ChannelError::Timeout, 504),
        (ChannelError::BadAnswer("x".into()), 60104),
        (ChannelError::Unavailable("x".into()), 60106),
    ] {
        *world.authority.refuses.lock() = Some(error);
        assert_eq!(world.post("/user/person", &person()).await.code(), code);
        assert_eq!(world.keys.count(), 0, "no orphan key stays");
    }
    *world.authority.refuses.lock() = None;
    assert_eq!(world.post("/user/person", &person()).await.code(), 200);
}

#[tokio::test]
async fn the_certificate_follows_the_name() {
    let world = World::ready().await;
    let id = world.person(NUMBER).await;
    let change = |name: &str, value: &str| json!({"signerId": id.to_string(), name: value});
    let path = "/user/personNameAndPhone";
    world.patch(path, &json!({"signerId": id})).await.is(201, "userName、phoneNo 为空");
    world.patch(path, &change("userName", "张三")).await.is(20001, "修改的userName与当前值一致");
    world.patch(path, &change("phoneNo", "13000000000")).await.is(20001, "修改的phoneNo与当前值一致");
    world.patch(path, &change("phoneRegion", "1")).await.is(201, "phoneNo 为空");
    let done = world.patch(path, &change("userName", "李四")).await;
    assert_eq!(done.body, json!({"code": 200, "msg": true}));
    assert_eq!((*world.authority.revoked.lock(), world.keys.count()), (1, 1));
    let list = world.get(&format!("/x/certificates?signerId={id}")).await;
    let standings: Vec<_> =
        list.body["data"]["certificates"].as_array().unwrap().iter().map(|c| c["standing"].clone()).collect();
    assert_eq!(standings, ["revoked", "active"]);
    world.patch("/user/companyNameAndPhone", &change("userName", "公司")).await.is(20001, "用户无权限");
    world.patch(path, &json!({"signerId": 99, "userName": "王五"})).await.is(20206, "用户不存在");
}

#[tokio::test]
async fn queries() {
    let world = World::ready().await;
    let one = world.person(NUMBER).await;
    let two = world.company("987654321987654321").await;
    let path = "/user/signerId/certifyNums";
    let found = world.post(path, &json!({"certifyNumList": [NUMBER, "nobody1", "987654321987654321"]})).await;
    assert_eq!(found.body["data"], json!([{NUMBER: one}, {"987654321987654321": two}]));
    let text = world.post(path, &json!({"certifyNumList": format!("[\"{NUMBER}\"]")})).await;
    assert_eq!(text.body["data"], json!([{NUMBER: one}]));
    world.post(path, &json!({"certifyNumList": ["nobody"]})).await.is(20206, "用户不存在");
    world.post(path, &json!({"certifyNumList": []})).await.is(201, "certifyNumList 格式不正确");
    world.post(path, &json!({})).await.is(201, "certifyNumList 为空");

    let path = "/user/userInfo/signerIds";
    let all = world.post(path, &json!({})).await;
    assert_eq!(
        all.body["data"],
        json!({"page": 1, "totalPages": 1, "pageSize": 2, "total": 2, "userList": [
            {"signerId": one, "userName": "张三", "certifyNum": NUMBER, "phoneNo": "13000000000", "userType": "个人"},
            {"signerId": two, "userName": "浙江律讯网络科技有限公司", "certifyNum": "987654321987654321",
             "phoneNo": "", "userType": "企业"}]})
    );
    let second = world
        .post(path, &json!({"signerIdList": [one, two.to_string()], "pageNum": 2, "pageSize": "1"}))
        .await;
    assert_eq!(second.body["data"]["userList"][0]["signerId"], two);
    assert_eq!(second.body["data"]["totalPages"], 2);
    let past = world.post(path, &json!({"pageNum": 9})).await;
    assert_eq!(
        past.body["data"],
        json!({"page": 9, "totalPages": 1, "pageSize": 0, "total": 2, "userList": []})
    );
    world.post(path, &json!({"signerIdList": ["77"]})).await.is(20206, "用户不存在");
    world.post(path, &json!({"pageSize": 1001})).await.is(201, "pageSize 格式不正确");
    world.post(path, &json!({"pageNum": 0})).await.is(201, "pageNum 格式不正确");
    world.post(path, &json!({"signerIdList": ["a"]})).await.is(201, "signerIdList 格式不正确");
}

#[tokio::test]
async fn apps_do_not_see_each_other() {
    let mut world = World::ready().await;
    let id = world.person(NUMBER).await;
    let other = world.add_app("other", AppKind::Production, &[]);
    world.token = world.login("other", &other.key, None).await.token.unwrap();
    world
        .patch("/user/personNameAndPhone", &json!({"signerId": id, "userName": "李四"}))
        .await
        .is(20206, "用户不存在");
    world.post("/moulage/person", &json!({"signerId": id})).await.is(20206, "用户不存在");
    world.post("/user/userInfo/signerIds", &json!({"signerIdList": [id]})).await.is(20206, "用户不存在");
    assert_eq!(world.post("/user/userInfo/signerIds", &json!({})).await.body["data"]["total"], 0);
    assert_eq!(world.login("other", &other.key, Some(id)).await.code(), 20206);
    assert!(world.person(NUMBER).await > id, "certifyNum is unique in the app only");
}

#[tokio::test]
async fn an_idempotency_key_gives_the_same_answer_once() {
    let world = World::ready().await;
    let send = |key: &'static str, body: Value| {
        let world = &world;
        async move {
            let headers = [
                ("content-type", "application/json"),
                ("token", world.token.as_str()),
                ("idempotency-key", key),
            ];
            world.send_with("POST", "/user/person", &headers, body.to_string().into_bytes()).await
        }
    };
    let first = send("k1", person()).await.id("signerId");
    assert_eq!(send("k1", person()).await.id("signerId"), first);
    assert_eq!(send("k1", with(person(), "userName", "李四".into())).await.code(), 409);
    assert_eq!(send("k2", person()).await.code(), 20207);
    assert_eq!(world.get("/x/results/k1").await.id("id"), first);
    assert_eq!(world.get("/x/results/k9").await.code(), 404);
    assert_eq!(world.keys.count(), 1);
}
