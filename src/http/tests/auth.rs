//! Tokens and logins.

use super::world::World;
use crate::ops::rows::AppKind;
use crate::ops::{AppChange, Call};
use hufu_api::RequestId;
use serde_json::json;
use std::time::Duration;

fn operator() -> Call {
    Call::operator(RequestId(1), Duration::from_secs(10))
}

#[tokio::test]
async fn login_answers_a_token_in_the_header() {
    let world = World::new();
    let answer = world.login(&world.app.app, &world.app.key, None).await;
    assert_eq!(answer.body, json!({"code": 200, "msg": "成功"}));
    assert_eq!(answer.content_type, "application/json;charset=UTF-8");
    assert!(answer.token.is_some());
}

#[tokio::test]
async fn what_login_refuses() {
    let world = World::new();
    let (app, key) = (world.app.app.clone(), world.app.key.clone());
    world.login(&app, "wrong", None).await.is(402, "登录失败，appId 或 appKey 错误");
    world.login("nobody", &key, None).await.is(20301, "应用不存在");
    world.login(&app, &key, Some(99)).await.is(20206, "用户不存在");
    world.post("/auth/login", &json!({"appKey": key})).await.is(201, "appId 为空");
    world.post("/auth/login", &json!({"appId": app})).await.is(201, "appKey 为空");
    let bad = json!({"appId": app, "appKey": key, "signerId": "x"});
    world.post("/auth/login", &bad).await.is(201, "signerId 格式不正确");
    let empty = json!({"appId": app, "appKey": key, "signerId": ""});
    assert_eq!(world.post("/auth/login", &empty).await.code(), 201, "never the platform's token instead");
}

#[tokio::test]
async fn a_token_lives_fifteen_minutes_and_is_renewed_in_its_last_third() {
    let mut world = World::ready().await;
    let list = json!({});
    let fresh = world.post("/user/userInfo/signerIds", &list).await;
    assert_eq!((fresh.code(), fresh.token), (200, None));
    world.later(11 * 60);
    let late = world.post("/user/userInfo/signerIds", &list).await;
    assert_eq!(late.code(), 200);
    let renewed = late.token.expect("a new token after eleven minutes");
    world.later(5 * 60);
    world.post("/user/userInfo/signerIds", &list).await.is(401, "令牌已过期、令牌无效");
    world.token = renewed;
    assert_eq!(world.post("/user/userInfo/signerIds", &list).await.code(), 200);
}

#[tokio::test]
async fn a_missing_or_forged_token_is_401() {
    let mut world = World::ready().await;
    let good = world.token.clone();
    for bad in ["", "x", good.split_at(1).1, &format!("{good}A")] {
        world.token = bad.to_owned();
        assert_eq!(world.post("/user/person", &json!({})).await.code(), 401, "{bad}");
    }
}

#[tokio::test]
async fn a_signers_token_acts_for_itself_alone() {
    let mut world = World::ready().await;
    let (one, two) = (world.person("110101199001011234").await, world.person("110101199001011235").await);
    world.token = world.login(&world.app.app, &world.app.key, Some(one)).await.token.unwrap();
    world.post("/user/person", &json!({})).await.is(403, "无访问权限");
    assert!(world.post("/moulage/person", &json!({"signerId": one})).await.id("moulageId") > 0);
    world.post("/moulage/person", &json!({"signerId": two})).await.is(20001, "用户无权限");
    let change = json!({"signerId": two, "phoneNo": "13100000000"});
    world.patch("/user/personNameAndPhone", &change).await.is(20001, "用户无权限");
}

#[tokio::test]
async fn a_pinned_app_needs_its_certificate() {
    let mut world = World::ready().await;
    let pinned = world.add_app("pinned", AppKind::Production, &[[7; 32]]);
    world.login("pinned", &pinned.key, None).await.is(403, "无访问权限");
    world.client = Some([8; 32]);
    assert_eq!(world.login("pinned", &pinned.key, None).await.code(), 403);
    world.client = Some([7; 32]);
    world.token = world.login("pinned", &pinned.key, None).await.token.unwrap();
    assert_eq!(world.post("/user/userInfo/signerIds", &json!({})).await.code(), 200);
    for other in [None, Some([8; 32])] {
        world.client = other;
        assert_eq!(world.post("/user/userInfo/signerIds", &json!({})).await.code(), 401);
    }
}

#[tokio::test]
async fn disabling_ends_tokens_at_once_and_for_good() {
    let world = World::ready().await;
    let set = |change: AppChange| {
        world
            .appliance
            .set_app(&operator(), &crate::audit::Actor::default(), &world.app.app, change)
            .unwrap();
    };
    set(AppChange { online: Some(false), ..AppChange::default() });
    world.post("/user/userInfo/signerIds", &json!({})).await.is(20300, "应用未上线");
    set(AppChange { online: Some(true), disabled: Some(true), ..AppChange::default() });
    assert_eq!(world.post("/user/userInfo/signerIds", &json!({})).await.code(), 401);
    set(AppChange { disabled: Some(false), ..AppChange::default() });
    assert_eq!(world.post("/user/userInfo/signerIds", &json!({})).await.code(), 401, "old tokens stay dead");
    assert_eq!(world.login(&world.app.app, &world.app.key, None).await.code(), 200);
}

#[tokio::test]
async fn rotation_has_an_overlap() {
    let world = World::ready().await;
    let old = world.app.key.clone();
    let actor = crate::audit::Actor::default();
    let new = world.appliance.rotate_app_key(&operator(), &actor, &world.app.app, false).unwrap();
    assert_eq!(world.login(&world.app.app, &old, None).await.code(), 200);
    assert_eq!(world.login(&world.app.app, &new.key, None).await.code(), 200);
    world.later(25 * 3600);
    assert_eq!(world.login(&world.app.app, &old, None).await.code(), 402);
    assert_eq!(world.login(&world.app.app, &new.key, None).await.code(), 200);
}

#[tokio::test]
async fn the_rightful_client_gets_in_after_guesses() {
    let world = World::new();
    for guess in 0..7 {
        assert_eq!(world.login(&world.app.app, &format!("guess {guess}"), None).await.code(), 402);
    }
    assert_eq!(world.login(&world.app.app, &world.app.key, None).await.code(), 200);
}
