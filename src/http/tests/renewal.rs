//! The life of certificates after issue.

use super::world::World;
use crate::ops::{Call, Renewals};
use hufu_api::{ChannelError, RequestId, RevocationReason};
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
