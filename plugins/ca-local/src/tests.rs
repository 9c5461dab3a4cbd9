#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
use super::*;
use hufu_api::{CertificateKind, IssuerKey, MemoryStore, SceneBinding};
use hufu_testkit::{HandClock, Requester, SoftCa, cx, host, profile};
use hufu_x509::{SCENE_BINDING_OID, scene_binding, signature::verify_signed};
use std::time::Duration;

const SETTINGS: &str = r#"
    issuer = "issuing-1"
    crl_url = "http://pki.test/{label}.crl"
    issuer_url = "http://pki.test/{label}.cer"
    ocsp_url = "http://pki.test/ocsp"
"#;

struct World {
    clock: Arc<HandClock>,
    store: Arc<MemoryStore>,
    first: Arc<SoftCa>,
    second: Arc<SoftCa>,
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(HandClock::new());
        let now = clock.now().unwrap();
        let root = SoftCa::root("Root", now);
        let (first, second) = (root.issuing("Issuing 1", now, 2000), root.issuing("Issuing 2", now, 2000));
        let dir = tempfile::tempdir().unwrap();
        Self {
            clock,
            store: Arc::new(MemoryStore::new()),
            first: Arc::new(first),
            second: Arc::new(second),
            dir,
        }
    }

    fn channel(&self, settings: &str) -> Result<CaLocal, PluginError> {
        let keys: [(&str, Arc<dyn IssuerKey>); 2] =
            [("issuing-1", Arc::clone(&self.first) as _), ("issuing-2", Arc::clone(&self.second) as _)];
        host(self.dir.path(), &self.clock, &self.store, &keys, |host| {
            CaLocal::new(host, settings.parse().unwrap())
        })
    }
}

fn enroll(
    ca: &CaLocal,
    who: &Requester,
    kind: CertificateKind,
    scene: Option<&SceneBinding>,
) -> Vec<Certificate> {
    let csr = Csr { der: &who.csr, subject: &who.subject, scene };
    match ca.enroll(cx(5), csr, &profile(kind)).unwrap() {
        Enrollment::Issued(chain) => {
            chain.0.iter().map(|der| Certificate::from_der(&der.0).unwrap()).collect()
        }
        Enrollment::Pending(_) => panic!("ca-local decides at once"),
    }
}

fn revocation(certificate: &Certificate, at: UnixTime) -> Revocation {
    Revocation {
        certificate: Der(certificate.der().to_vec()),
        reason: hufu_api::RevocationReason::AffiliationChanged,
        at,
    }
}

fn verifies(ca: &SoftCa, signed: &Der) -> bool {
    let issuer = Certificate::from_der(&ca.certificate().0).unwrap();
    let mut outer =
        hufu_x509::asn1::Value::parse(&signed.0, hufu_x509::asn1::Rules::Der).unwrap().children().unwrap();
    let tbs = outer.any().unwrap().raw;
    let algorithm = outer.any().unwrap().raw;
    verify_signed(&issuer.spki, algorithm, tbs, outer.any().unwrap().bits().unwrap()).is_ok()
}

#[test]
fn a_certificate_is_what_the_profile_and_the_file_say() {
    let world = World::new();
    let ca = world.channel(SETTINGS).unwrap();
    let who = Requester::new("张三");
    let chain = enroll(&ca, &who, CertificateKind::Long, None);
    assert_eq!(chain.len(), 3);
    let leaf = &chain[0];
    assert!(verifies(&world.first, &Der(leaf.der().to_vec())));
    assert_eq!(leaf.spki, who.key.spki());
    assert_eq!(leaf.subject.common_name(), Some("张三"));
    let usage = leaf.key_usage().unwrap().unwrap();
    assert_eq!(usage.flags(), 0b11, "digitalSignature and nonRepudiation, nothing else");
    assert!(leaf.ca().unwrap().is_none());
    assert_eq!(leaf.extended_key_usage().unwrap().unwrap().1.len(), 2);
    assert_eq!(leaf.policies().unwrap().len(), 1);
    let now = world.clock.now().unwrap();
    assert_eq!(leaf.not_after.seconds(), now.seconds() + 365 * 86_400);
    assert_eq!(leaf.not_before.seconds(), now.seconds() - 60);
    let text = String::from_utf8_lossy(leaf.der()).into_owned();
    for address in ["http://pki.test/issuing-1.crl", "http://pki.test/issuing-1.cer", "http://pki.test/ocsp"]
    {
        assert!(text.contains(address), "{address}");
    }
}

#[test]
fn serial_numbers_are_random_and_on_disk_before_the_key_signs() {
    let world = World::new();
    let ca = world.channel(SETTINGS).unwrap();
    let mut serials: Vec<Vec<u8>> = (0..20)
        .map(|_| enroll(&ca, &Requester::new("a"), CertificateKind::Long, None)[0].serial.clone())
        .collect();
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 20);
    assert!(serials.iter().all(|s| s.len() >= 14), "128 random bits");
    world.first.set_down(true);
    let before = world.store.count(hufu_api::Space::Channel).unwrap();
    let who = Requester::new("b");
    let csr = Csr { der: &who.csr, subject: &who.subject, scene: None };
    let refused = ca.enroll(cx(5), csr, &profile(CertificateKind::Long));
    assert!(matches!(refused, Err(ChannelError::Unavailable(_))), "{refused:?}");
    assert_eq!(world.store.count(hufu_api::Space::Channel).unwrap(), before + 1);
}

#[test]
fn a_request_without_proof_of_possession_is_refused_before_the_key_is_asked() {
    let world = World::new();
    let ca = world.channel(SETTINGS).unwrap();
    let mut who = Requester::new("张三");
    let last = who.csr.len() - 1;
    who.csr[last] ^= 1;
    let csr = Csr { der: &who.csr, subject: &who.subject, scene: None };
    assert!(matches!(ca.enroll(cx(5), csr, &profile(CertificateKind::Long)), Err(ChannelError::Refused(_))));
    assert_eq!(world.first.uses(), 0);
}

#[test]
fn nothing_is_issued_when_the_clock_cannot_be_trusted_or_the_ca_has_expired() {
    let world = World::new();
    let ca = world.channel(SETTINGS).unwrap();
    let who = Requester::new("张三");
    let csr = Csr { der: &who.csr, subject: &who.subject, scene: None };
    world.clock.set_broken(true);
    let refused = ca.enroll(cx(5), csr, &profile(CertificateKind::Long)).unwrap_err().to_string();
    assert!(refused.contains("clock"), "{refused}");
    world.clock.set_broken(false);
    world.clock.advance(Duration::from_secs(1999 * 86_400));
    let leaf = &enroll(&ca, &who, CertificateKind::Long, None)[0];
    let issuer = Certificate::from_der(&world.first.certificate().0).unwrap();
    assert_eq!(leaf.not_after, issuer.not_after, "no certificate outlives its issuer");
    world.clock.advance(Duration::from_secs(2 * 86_400));
    let csr = Csr { der: &who.csr, subject: &who.subject, scene: None };
    let refused = ca.enroll(cx(5), csr, &profile(CertificateKind::Long)).unwrap_err().to_string();
    assert!(refused.contains("not valid now"), "{refused}");
    assert_eq!(world.first.uses(), 1);
}

#[test]
fn a_scene_certificate_is_bound_to_document_and_consent() {
    let world = World::new();
    let ca = world.channel(SETTINGS).unwrap();
    let scene = SceneBinding { document_sha256: [9; 32], consent: Some(77) };
    let leaf = &enroll(&ca, &Requester::new("张三"), CertificateKind::Scene, Some(&scene))[0];
    let extension = leaf.extension(&SCENE_BINDING_OID).unwrap();
    assert!(!extension.critical);
    assert_eq!(extension.value, scene_binding(&scene));
    assert_eq!(leaf.not_after.seconds() - leaf.not_before.seconds(), 900 + 60);
}

#[test]
fn a_revocation_shows_in_status_and_in_a_new_list_at_once() {
    let world = World::new();
    let ca = world.channel(SETTINGS).unwrap();
    let leaf = enroll(&ca, &Requester::new("张三"), CertificateKind::Long, None).swap_remove(0);
    assert_eq!(ca.status("issuing-1", &leaf.serial).unwrap(), Status::Good);
    assert_eq!(ca.status("issuing-1", &[1, 2, 3]).unwrap(), Status::Unknown);
    assert_eq!(ca.status("issuing-9", &leaf.serial).unwrap(), Status::Unknown);
    ca.maintain(cx(5)).unwrap();
    let first = ca.crl("issuing-1").unwrap().unwrap();
    let at = world.clock.now().unwrap();
    ca.revoke(cx(5), &revocation(&leaf, at)).unwrap();
    let second = ca.crl("issuing-1").unwrap().unwrap();
    assert_ne!(first, second);
    assert!(verifies(&world.first, &first) && verifies(&world.first, &second));
    let serial: Vec<u8> = leaf.serial.clone();
    assert!(second.0.windows(serial.len()).any(|w| w == serial));
    assert_eq!(
        ca.status("issuing-1", &leaf.serial).unwrap(),
        Status::Revoked { at, reason: hufu_api::RevocationReason::AffiliationChanged }
    );
    let signatures = world.first.uses();
    ca.revoke(cx(5), &revocation(&leaf, at)).unwrap();
    assert_eq!(world.first.uses(), signatures, "revoking twice is a success and makes no further list");
}

#[test]
fn a_list_that_could_not_be_made_is_made_by_the_next_maintenance() {
    let world = World::new();
    let ca = world.channel(SETTINGS).unwrap();
    let leaf = enroll(&ca, &Requester::new("张三"), CertificateKind::Long, None).swap_remove(0);
    ca.maintain(cx(5)).unwrap();
    let old = ca.crl("issuing-1").unwrap();
    world.first.set_down(true);
    assert!(ca.revoke(cx(5), &revocation(&leaf, world.clock.now().unwrap())).is_err());
    assert!(
        matches!(ca.status("issuing-1", &leaf.serial).unwrap(), Status::Revoked { .. }),
        "on disk nevertheless"
    );
    assert_eq!(ca.crl("issuing-1").unwrap(), old);
    world.first.set_down(false);
    ca.maintain(cx(5)).unwrap();
    assert_ne!(ca.crl("issuing-1").unwrap(), old);
}

#[test]
fn lists_are_made_on_schedule_and_expired_entries_leave_them() {
    let world = World::new();
    let ca = world.channel(SETTINGS).unwrap();
    let leaf = enroll(&ca, &Requester::new("张三"), CertificateKind::Scene, None).swap_remove(0);
    ca.revoke(cx(5), &revocation(&leaf, world.clock.now().unwrap())).unwrap();
    let now = world.clock.now().unwrap();
    let made = world.first.uses();
    let next = ca.maintain(cx(5)).unwrap().unwrap();
    assert_eq!(world.first.uses(), made, "not due yet");
    assert_eq!(next.seconds(), now.seconds() + 12 * 3600);
    world.clock.advance(Duration::from_secs(12 * 3600 + 1));
    ca.maintain(cx(5)).unwrap();
    assert_eq!(world.first.uses(), made + 1);
    let has = |list: &Der| list.0.windows(leaf.serial.len()).any(|w| w == leaf.serial);
    assert!(has(&ca.crl("issuing-1").unwrap().unwrap()), "on a list made after the certificate's end");
    world.clock.advance(Duration::from_secs(60 * 3600));
    ca.maintain(cx(5)).unwrap();
    assert!(!has(&ca.crl("issuing-1").unwrap().unwrap()));
    assert!(matches!(ca.status("issuing-1", &leaf.serial).unwrap(), Status::Revoked { .. }), "kept for ever");
}

#[test]
fn certificates_of_others_are_not_revoked_here() {
    let world = World::new();
    let ca = world.channel(SETTINGS).unwrap();
    let now = world.clock.now().unwrap();
    let stranger = SoftCa::root("Stranger", now);
    let name = Certificate::from_der(&stranger.certificate().0).unwrap();
    assert!(matches!(ca.revoke(cx(5), &revocation(&name, now)), Err(ChannelError::Refused(_))));
    let forged = enroll(&ca, &Requester::new("x"), CertificateKind::Long, None).swap_remove(0);
    let mut bytes = ceremonial(&world.first, now).der().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let forged_too = Certificate::from_der(&bytes).unwrap();
    let refused = ca.revoke(cx(5), &revocation(&forged_too, now)).unwrap_err().to_string();
    assert!(refused.contains("has not issued it"), "{refused}");
    ca.revoke(cx(5), &revocation(&forged, now)).unwrap();
}

/// A certificate by this CA's key of which the channel's rows know nothing.
fn ceremonial(ca: &SoftCa, now: UnixTime) -> Certificate {
    let who = Requester::new("y");
    let name = hufu_x509::subject_name(&who.subject).unwrap();
    let made =
        ca.issue(&name, &who.key.spki(), hufu_x509::Role::TimeStamping, now, now.plus_millis(1_000_000));
    Certificate::from_der(&made.0).unwrap()
}

#[test]
fn what_the_ceremony_issued_can_be_revoked_when_it_is_shown() {
    let world = World::new();
    let ca = world.channel(SETTINGS).unwrap();
    let now = world.clock.now().unwrap();
    let stamping = ceremonial(&world.first, now);
    assert_eq!(ca.status("issuing-1", &stamping.serial).unwrap(), Status::Unknown);
    ca.revoke(cx(5), &revocation(&stamping, now)).unwrap();
    assert!(matches!(ca.status("issuing-1", &stamping.serial).unwrap(), Status::Revoked { .. }));
    let list = ca.crl("issuing-1").unwrap().unwrap();
    assert!(list.0.windows(stamping.serial.len()).any(|w| w == stamping.serial));
}

#[test]
fn without_a_name_the_newest_ca_issues_and_the_others_are_retired() {
    let world = World::new();
    let settings = SETTINGS.replace("issuer = \"issuing-1\"\n", "");
    let keys: [(&str, Arc<dyn IssuerKey>); 2] =
        [("issuing-1", Arc::clone(&world.first) as _), ("issuing-2", Arc::clone(&world.second) as _)];
    let made = |labels: &[String]| {
        host(world.dir.path(), &world.clock, &world.store, &keys, |host| {
            CaLocal::new(&Host { issuer_labels: labels, ..copy(host) }, settings.parse().unwrap())
        })
    };
    assert!(made(&[]).is_err());
    let labels = ["issuing-1".to_owned(), "issuing-2".to_owned()];
    for known in 1..=2 {
        let ca = made(&labels[..known]).unwrap();
        assert_eq!(ca.issuing.label, labels[known - 1]);
        assert_eq!(ca.retired.len(), known - 1);
    }
}

fn copy<'a>(host: &Host<'a>) -> Host<'a> {
    Host {
        name: host.name,
        base: host.base,
        anchors: host.anchors,
        clock: Arc::clone(&host.clock),
        store: Arc::clone(&host.store),
        entropy: Arc::clone(&host.entropy),
        timestamps: Arc::clone(&host.timestamps),
        issuer_key: host.issuer_key,
        issuer_labels: host.issuer_labels,
        timestamper: host.timestamper,
    }
}

#[test]
fn after_a_rollover_the_old_ca_still_revokes_and_publishes() {
    let world = World::new();
    let before = world.channel(SETTINGS).unwrap();
    let old = enroll(&before, &Requester::new("张三"), CertificateKind::Long, None).swap_remove(0);
    drop(before);
    let ca =
        world.channel(&SETTINGS.replace("issuing-1\"", "issuing-2\"\nretired = [\"issuing-1\"]")).unwrap();
    let new = enroll(&ca, &Requester::new("李四"), CertificateKind::Long, None).swap_remove(0);
    assert_ne!(old.issuer, new.issuer);
    ca.maintain(cx(5)).unwrap();
    ca.revoke(cx(5), &revocation(&old, world.clock.now().unwrap())).unwrap();
    assert!(matches!(ca.status("issuing-1", &old.serial).unwrap(), Status::Revoked { .. }));
    assert!(verifies(&world.first, &ca.crl("issuing-1").unwrap().unwrap()));
    assert!(verifies(&world.second, &ca.crl("issuing-2").unwrap().unwrap()));
    let labels: Vec<String> = ca.published().into_iter().map(|p| p.label).collect();
    assert_eq!(labels, ["issuing-2", "issuing-1"]);
    let authorities = ca.authorities(cx(5)).unwrap();
    assert_eq!(authorities.len(), 3, "two issuing CAs and the root they share");
    assert_eq!(authorities.last(), world.first.issuers().last());
}

#[test]
fn mistakes_in_the_file_are_named() {
    let world = World::new();
    for (settings, wanted) in [
        ("issuer = \"issuing-3\"", "no CA key is called \"issuing-3\""),
        ("isuer = \"issuing-1\"", "unknown field `isuer`"),
        ("issuer = \"issuing-1\"\ncrl_valid_hours = 12", "at least twice"),
        ("issuer = \"issuing-1\"\nretired = [\"issuing-1\"]", "once"),
        ("issuer = \"issuing-1\"\ncrl_url = \"https://pki.test/x\"", "http://"),
        ("issuer = \"../x\"", "letters, digits and hyphens"),
    ] {
        let error = world.channel(settings).err().unwrap().0;
        assert!(error.contains(wanted), "{error:?} does not contain {wanted:?}");
    }
}

#[test]
fn revocations_that_come_together_share_lists() {
    let world = World::new();
    let ca = world.channel(SETTINGS).unwrap();
    let leaves: Vec<Certificate> = (0..16)
        .map(|_| enroll(&ca, &Requester::new("a"), CertificateKind::Long, None).swap_remove(0))
        .collect();
    let now = world.clock.now().unwrap();
    let before = world.first.uses();
    std::thread::scope(|scope| {
        for leaf in &leaves {
            scope.spawn(|| ca.revoke(cx(5), &revocation(leaf, now)).unwrap());
        }
    });
    let lists = world.first.uses() - before;
    assert!((1..=16).contains(&lists));
    let newest = ca.crl("issuing-1").unwrap().unwrap();
    for leaf in &leaves {
        assert!(newest.0.windows(leaf.serial.len()).any(|w| w == leaf.serial));
    }
}
