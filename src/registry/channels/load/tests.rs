#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
use super::*;
use crate::channels::testing::World;
use crate::x509::Role;
use hufu_api::{CertificateAuthorities, HashAlgorithm, Imprint, PhoneRegion, SignerKind};
use hufu_testkit::cx;

/// An installation with these channel files.
fn installation(files: &[(&str, &str)]) -> (tempfile::TempDir, Channels) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let world = World::new();
    let tsa = world.parts();
    let parts = Parts {
        base: dir.path().to_owned(),
        clock: tsa.clock,
        store: tsa.store,
        entropy: tsa.entropy,
        keys: tsa.keys,
        log: tsa.log,
        identities: vec![
            world.identity("issuing-1", Purpose::Ca, Role::Authority { path_length: Some(0) }, 100),
            world.identity("tsa-1", Purpose::Tsa, Role::TimeStamping, 100),
        ],
    };
    let channels = load(dir.path(), &Texts::read(dir.path()).unwrap(), &parts);
    (dir, channels)
}

const TSA: &str = "kind = \"tsa-local\"\nkey = \"tsa-1\"\npolicy = \"1.3.6.1.4.1.32473.3.1\"";

#[test]
fn channels_start_in_order_and_a_broken_one_does_not_stop_the_others() {
    let (dir, channels) = installation(&[
        ("local.toml", "kind = \"ca-local\"\nissuer = \"issuing-1\"\naliases = [\"A1\"]"),
        ("next.toml", "kind = \"ca-local\"\nissuer = \"issuing-2\"\norder = 1"),
        ("tsa.toml", TSA),
        ("outbox.toml", "kind = \"sms-dev\"\noutbox = \"outbox.jsonl\""),
        ("odd.toml", "kind = \"ca-odd\""),
        ("torn.toml", "kind = "),
    ]);
    assert_eq!(channels.authorities.names(), ["next", "local"]);
    assert_eq!(channels.authorities.resolve("A1").as_deref(), Some("local"));
    let health = channels.authorities.health();
    assert!(health[0].1.as_ref().unwrap_err().contains("issuing-2"), "{health:?}");
    assert!(health[1].1.is_ok());
    let problems: Vec<String> = channels.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2);
    assert!(
        problems.iter().any(|p| p.contains("odd.toml: kind: no plugin is called \"ca-odd\"")),
        "{problems:?}"
    );
    let imprint = Imprint { algorithm: HashAlgorithm::Sha256, digest: &[1; 32] };
    channels.timestamps.stamp(cx(5), imprint).unwrap();
    assert!(channels.tsa.is_some());
    let to = Mobile { region: PhoneRegion::Mainland, number: "13800000000".into() };
    let text = SmsText { code: "0042", valid_minutes: 15, signer: SignerKind::Person };
    channels.sms.send(cx(5), &to, text).unwrap();
    let sent = std::fs::read_to_string(dir.path().join("outbox.jsonl")).unwrap();
    assert_eq!(sent, "{\"phone\":\"13800000000\",\"code\":\"0042\"}\n");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(dir.path().join("outbox.jsonl")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn without_channels_every_answer_says_why() {
    let (_dir, channels) = installation(&[]);
    assert!(channels.authorities.names().is_empty());
    assert!(channels.tsa.is_none());
    let imprint = Imprint { algorithm: HashAlgorithm::Sha256, digest: &[1; 32] };
    assert!(
        channels.timestamps.stamp(cx(5), imprint).unwrap_err().to_string().contains("no time-stamp source")
    );
    let to = Mobile { region: PhoneRegion::Mainland, number: "13800000000".into() };
    let text = SmsText { code: "0042", valid_minutes: 15, signer: SignerKind::Person };
    assert!(channels.sms.send(cx(5), &to, text).unwrap_err().to_string().contains("no SMS channel"));
}

#[test]
fn a_key_of_another_purpose_makes_no_channel() {
    let (_dir, channels) = installation(&[
        ("local.toml", "kind = \"ca-local\"\nissuer = \"tsa-1\""),
        ("tsa.toml", &TSA.replace("tsa-1", "issuing-1")),
    ]);
    assert!(channels.authorities.health()[0].1.is_err());
    assert!(channels.timestamps.health()[0].1.is_err());
}

#[test]
fn the_shipped_examples_are_in_order() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/channels.d");
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    for entry in std::fs::read_dir(&shipped).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if let Some(name) = name.strip_suffix(".example").or(name.ends_with(".toml").then_some(&*name)) {
            std::fs::copy(entry.path(), dir.path().join(name)).unwrap();
            count += 1;
        }
    }
    assert_eq!(super::super::check(dir.path()), vec![]);
    let kinds: std::collections::BTreeSet<String> = parse_all(dir.path(), &Texts::read(dir.path()).unwrap())
        .into_iter()
        .map(|file| file.unwrap().0.kind)
        .collect();
    assert_eq!(kinds.len(), count, "one example of each kind");
    assert_eq!(kinds.len(), super::super::kinds().len(), "every kind has an example");
}
