//! The life of certificates after issue.

use super::world::World;
use crate::ops::{Call, Renewals};
use hufu_api::{ChannelError, RequestId, RevocationReason};
use serde_json::json;
use std::time::Duration;

const DAY: u64 = 86_400;

fn call() -> Call {
    Call::operator(RequestId(7), Duration::from_secs(60))
}

#[tokio::test]
async fn a_certificate_near_its_end_is_replaced_and_its_key_destroyed() {
    let world = World::ready().await;
    world.person("110101199003070011").await;
    world.person("110101199003070038").await;
    let renew = || world.appliance.renew_certificates(&call(), 10).unwrap();
    assert_eq!(renew(), Renewals::default(), "nothing is due yet");
    world.later(360 * DAY);
    *world.authority.refuses.lock() = Some(ChannelError::Unavailable("down".into()));
    assert_eq!(renew(), Renewals { due: 2, failed: 2, ..Renewals::default() });
    assert_eq!(world.keys.count(), 2, "the old keys, and none without a certificate");
    let told = world.appliance.renewals();
    assert_eq!((told.round.failed, told.failures.len(), told.ended.is_some()), (2, 2, true));
    assert!(told.failures[0].contains("signer") && told.failures[0].contains("down"), "{told:?}");
    *world.authority.refuses.lock() = None;
    assert_eq!(world.appliance.renew_certificates(&call(), 1).unwrap().renewed, 1, "no more than asked for");
    assert_eq!(renew(), Renewals { due: 1, renewed: 1, ..Renewals::default() });
    assert_eq!(renew(), Renewals::default());
    assert_eq!(world.keys.count(), 2, "one key a signer");
    assert_eq!(*world.authority.revoked.lock(), 0, "what ends by itself need not be revoked");
}

#[tokio::test]
async fn an_operator_revokes_once_and_for_all() {
    let world = World::ready().await;
    world.person("110101199003070011").await;
    let revoke = || {
        let reason = RevocationReason::KeyCompromise;
        world.appliance.revoke_certificate(&call(), &world.app.app, 1, reason)
    };
    revoke().unwrap();
    revoke().unwrap();
    assert_eq!(*world.authority.revoked.lock(), 1);
    assert_eq!(world.keys.count(), 0);
    world.later(360 * DAY);
    assert_eq!(world.appliance.renew_certificates(&call(), 10).unwrap(), Renewals::default());
    let unknown =
        world.appliance.revoke_certificate(&call(), &world.app.app, 99, RevocationReason::Unspecified);
    assert!(unknown.is_err());
}

#[tokio::test]
async fn a_disabled_signer_acts_no_more_and_its_certificates_are_revoked() {
    let world = World::ready().await;
    let id = world.person("110101199003070011").await;
    let other = world.person("110101199003070038").await;
    let ask = |what: &str, id: u64| {
        let (world, path) = (&world, format!("/x/user/{what}"));
        async move { world.post(&path, &json!({"signerId": id.to_string()})).await }
    };
    ask("disable", 99).await.is(20206, "用户不存在");
    // A channel that is down does not keep the signer going: it is told again until it confirms.
    *world.authority.refuses.lock() = Some(ChannelError::Unavailable("down".into()));
    assert_eq!(ask("disable", id).await.code(), 200);
    *world.authority.refuses.lock() = None;
    assert_eq!(ask("disable", id).await.code(), 200, "twice is a success");
    assert_eq!(world.keys.count(), 1, "the other signer's key alone");
    world.appliance.settle_certificates(&call()).unwrap();
    assert_eq!(*world.authority.revoked.lock(), 1);
    let shown =
        world.get(&format!("/x/certificates?signerId={id}")).await.body["data"]["certificates"][0].clone();
    assert_eq!(
        (&shown["standing"], &shown["reason"], &shown["confirmed"]),
        (&json!("revoked"), &json!("cessation_of_operation"), &json!(true))
    );
    let change = json!({"signerId": id.to_string(), "userName": "李四"});
    world.patch("/user/personNameAndPhone", &change).await.is(20001, "用户已停用");
    world.post("/moulage/person", &json!({"signerId": id.to_string()})).await.is(20001, "用户已停用");
    assert_eq!(world.post("/moulage/person", &json!({"signerId": other.to_string()})).await.code(), 200);
    let page = world.post("/user/userInfo/signerIds", &json!({"signerIdList": [id]})).await;
    assert_eq!(page.code(), 200, "it is still known: {:?}", page.body);
    assert_eq!(world.appliance.renew_certificates(&call(), 10).unwrap(), Renewals::default());

    assert_eq!(ask("enable", id).await.code(), 200);
    assert_eq!(world.patch("/user/personNameAndPhone", &change).await.code(), 200);
    assert_eq!(world.keys.count(), 2, "a new certificate");
}
