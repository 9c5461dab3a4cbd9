#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
use super::*;
use crate::x509::{Role, subject_name};
use hufu_api::{CaPolicy, CertificateKind, Chain, IssuerKey, RouteError, SignerKind};
use hufu_testkit::{HandClock, Requester, SoftCa, SoftKey, cx, profile};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

type Answer = Box<dyn Fn(&Csr<'_>) -> Result<Enrollment, ChannelError> + Send + Sync>;

/// A channel that answers as a test wants.
struct Scripted {
    answer: Mutex<Answer>,
    calls: AtomicUsize,
    anchor: Der,
}

impl CaChannel for Scripted {
    fn enroll(&self, _cx: Cx, csr: Csr<'_>, _profile: &Profile) -> Result<Enrollment, ChannelError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        (self.answer.lock())(&csr)
    }

    fn resume(&self, _cx: Cx, _ticket: &Ticket) -> Result<Enrollment, ChannelError> {
        Err(ChannelError::Unsupported)
    }

    fn revoke(&self, _cx: Cx, _what: &Revocation) -> Result<(), ChannelError> {
        Ok(())
    }

    fn authorities(&self, _cx: Cx) -> Result<Vec<Der>, ChannelError> {
        Ok(vec![self.anchor.clone()])
    }
}

struct World {
    clock: Arc<HandClock>,
    ca: Arc<SoftCa>,
}

const DAY: i64 = 86_400_000;

impl World {
    fn new() -> Self {
        let clock = Arc::new(HandClock::new());
        let ca = SoftCa::root("Root", clock.now().unwrap());
        Self { clock, ca: Arc::new(ca) }
    }

    /// A leaf for `spki` and `name`, valid from `from` to `until` milliseconds from now.
    fn leaf(&self, name: &str, spki: &[u8], from: i64, until: i64) -> Enrollment {
        let now = self.clock.now().unwrap();
        let wanted = profile(CertificateKind::Long);
        let oids = |all: &[String]| all.iter().map(|o| o.parse().unwrap()).collect::<Vec<_>>();
        let (usage, policies) = (oids(&wanted.extended_key_usage), oids(&wanted.policies));
        let role = Role::Signer { extended_key_usage: &usage, policies: &policies, scene: None };
        let subject = subject_name(&hufu_testkit::subject(name)).unwrap();
        let leaf = self.ca.issue(&subject, spki, role, now.plus_millis(from), now.plus_millis(until));
        Enrollment::Issued(Chain(vec![leaf, self.ca.certificate().clone()]))
    }

    fn scripted(&self, answer: Answer) -> Arc<Scripted> {
        let anchor = self.ca.certificate().clone();
        Arc::new(Scripted { answer: Mutex::new(answer), calls: AtomicUsize::new(0), anchor })
    }

    fn authorities(&self, channels: &[(&str, &Arc<Scripted>)]) -> Authorities {
        let entry = |(name, channel): &(&str, &Arc<Scripted>)| CaEntry {
            name: (*name).to_owned(),
            aliases: vec![name.to_uppercase()],
            channel: Ok(Arc::clone(channel) as Arc<dyn CaChannel>),
            timeout: Duration::from_secs(5),
            anchors: vec![],
            standing: Standing::new(4),
        };
        Authorities::new(channels.iter().map(entry).collect(), Arc::clone(&self.clock) as Arc<dyn Clock>)
    }
}

fn ask(all: &Authorities, route: &[&str], who: &Requester) -> Result<Enrolled, ChannelError> {
    let route: Vec<String> = route.iter().map(|n| (*n).to_owned()).collect();
    let csr = Csr { der: &who.csr, subject: &who.subject, scene: None };
    all.enroll(cx(5), &route, csr, &profile(CertificateKind::Long))
}

fn fails(error: ChannelError) -> Answer {
    Box::new(move |_| Err(error.clone()))
}

#[test]
fn a_good_certificate_passes_with_its_channels_name() {
    let world = World::new();
    let who = Requester::new("张三");
    let good = world.leaf("张三", &who.key.spki(), -60_000, 365 * DAY);
    let channel = world.scripted(Box::new(move |_| Ok(good.clone())));
    let all = world.authorities(&[("a1", &channel)]);
    let enrolled = ask(&all, &["a1"], &who).unwrap();
    assert_eq!(enrolled.channel, "a1");
    assert!(matches!(enrolled.enrollment, Enrollment::Issued(_)));
}

#[test]
fn no_bad_certificate_passes_and_the_next_channel_is_asked() {
    let world = World::new();
    let who = Requester::new("张三");
    let spki = who.key.spki();
    let stranger = World::new();
    let broken = |mut e: Enrollment| {
        if let Enrollment::Issued(chain) = &mut e {
            let last = chain.0[0].0.len() - 1;
            chain.0[0].0[last] ^= 1;
        }
        e
    };
    let cases: Vec<(&str, Enrollment)> = vec![
        ("another key", world.leaf("张三", &SoftKey::new().spki(), 0, 300 * DAY)),
        ("another name", world.leaf("李四", &spki, 0, 300 * DAY)),
        ("expired", world.leaf("张三", &spki, -2 * DAY, -DAY)),
        ("not yet valid", world.leaf("张三", &spki, DAY, 300 * DAY)),
        ("valid for too long", world.leaf("张三", &spki, 0, 3000 * DAY)),
        ("another CA", stranger.leaf("张三", &spki, -60_000, 300 * DAY)),
        ("signature broken", broken(world.leaf("张三", &spki, -60_000, 300 * DAY))),
        ("garbage", Enrollment::Issued(Chain(vec![Der(b"<html>".to_vec())]))),
        ("empty", Enrollment::Issued(Chain(vec![]))),
        ("a CA certificate", Enrollment::Issued(Chain(vec![world.ca.certificate().clone()]))),
        (
            "endless ticket",
            Enrollment::Pending(Ticket { opaque: vec![0; 5000], not_before: world.clock.now().unwrap() }),
        ),
    ];
    for (what, answer) in cases {
        let bad = world.scripted(Box::new(move |_| Ok(answer.clone())));
        let good = world.leaf("张三", &spki, -60_000, 365 * DAY);
        let good = world.scripted(Box::new(move |_| Ok(good.clone())));
        let all = world.authorities(&[("bad", &bad), ("good", &good)]);
        let alone = ask(&all, &["bad"], &who).unwrap_err();
        assert!(
            matches!(&alone, ChannelError::BadAnswer(why) if why.starts_with("bad: ")),
            "{what}: {alone:?}"
        );
        let all = world.authorities(&[("bad", &bad), ("good", &good)]);
        assert_eq!(ask(&all, &["bad", "good"], &who).unwrap().channel, "good", "{what}");
    }
}

#[test]
fn a_refusal_is_final_but_an_outage_is_not() {
    let world = World::new();
    let who = Requester::new("张三");
    let spki = who.key.spki();
    let good = world.leaf("张三", &spki, -60_000, 365 * DAY);
    let good = world.scripted(Box::new(move |_| Ok(good.clone())));
    let no = world.scripted(fails(ChannelError::Refused("on a blacklist".into())));
    let all = world.authorities(&[("no", &no), ("good", &good)]);
    let refused = ask(&all, &["no", "good"], &who).unwrap_err();
    assert_eq!(refused, ChannelError::Refused("no: on a blacklist".into()));
    assert_eq!(good.calls.load(Ordering::SeqCst), 0);
    let down = world.scripted(fails(ChannelError::Timeout));
    let all = world.authorities(&[("down", &down), ("good", &good)]);
    for _ in 0..5 {
        assert_eq!(ask(&all, &["down", "good"], &who).unwrap().channel, "good");
    }
    assert_eq!(down.calls.load(Ordering::SeqCst), 1, "a channel that failed is left alone for a while");
}

#[test]
fn a_pending_enrolment_is_handed_on() {
    let world = World::new();
    let who = Requester::new("张三");
    let ticket = Ticket { opaque: b"17".to_vec(), not_before: world.clock.now().unwrap() };
    let pending = Enrollment::Pending(ticket.clone());
    let channel = world.scripted(Box::new(move |_| Ok(pending.clone())));
    let all = world.authorities(&[("slow", &channel)]);
    assert_eq!(ask(&all, &["slow"], &who).unwrap().enrollment, Enrollment::Pending(ticket));
}

#[test]
fn policies_route_by_kind_alias_and_permission() {
    let world = World::new();
    let any = world.scripted(fails(ChannelError::Timeout));
    let all = world.authorities(&[("a1", &any), ("b2", &any), ("c3", &any)]);
    let (person, long, scene) = (SignerKind::Person, CertificateKind::Long, CertificateKind::Scene);
    let open = CaPolicy::default();
    assert_eq!(open.route(&all, None, person, long).unwrap(), ["a1", "b2", "c3"]);
    assert_eq!(open.route(&all, Some("B2"), person, long).unwrap(), ["b2"]);
    let strict = CaPolicy {
        allowed: vec!["A1".into(), "b2".into()],
        person_scene: vec!["b2".into()],
        ..CaPolicy::default()
    };
    assert_eq!(strict.route(&all, None, person, long).unwrap(), ["a1", "b2"]);
    assert_eq!(strict.route(&all, None, person, scene).unwrap(), ["b2"]);
    assert_eq!(strict.route(&all, Some("c3"), person, long), Err(RouteError::Unknown("c3".into())));
    assert_eq!(strict.route(&all, Some("d4"), person, long), Err(RouteError::Unknown("d4".into())));
    let none = world.authorities(&[]);
    assert_eq!(open.route(&none, None, person, long), Err(RouteError::Empty));
}

#[test]
fn a_channel_that_did_not_start_says_why() {
    let world = World::new();
    let entry = CaEntry {
        name: "a1".into(),
        aliases: vec![],
        channel: Err("no CA key is called \"issuing-9\"".into()),
        timeout: Duration::from_secs(1),
        anchors: vec![],
        standing: Standing::new(1),
    };
    let all = Authorities::new(vec![entry], Arc::clone(&world.clock) as Arc<dyn Clock>);
    let error = ask(&all, &["a1"], &Requester::new("张三")).unwrap_err().to_string();
    assert!(error.contains("a1: no CA key is called"), "{error}");
    assert!(all.health()[0].1.as_ref().unwrap_err().contains("issuing-9"));
}
