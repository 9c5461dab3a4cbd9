#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
use super::*;
use crate::channels::testing::{Taken, World, openssl, pem, tsa_spec};
use crate::x509::Role;
use crate::x509::asn1::{Rules, Value};
use hufu_api::{HashAlgorithm, IssuerKey};
use hufu_testkit::cx;
use std::collections::HashSet;
use std::time::Duration;

const POLICY: &str = "1.3.6.1.4.1.32473.3.1";

fn spec(ordering: bool) -> AuthoritySpec {
    AuthoritySpec { ordering, ..tsa_spec() }
}

fn authority(world: &World, ordering: bool) -> LocalTsa {
    let identity = world.identity("tsa-1", Purpose::Tsa, Role::TimeStamping, 1);
    LocalTsa::new(&world.parts(), &identity, &spec(ordering)).unwrap()
}

fn request(digest: &[u8]) -> Request {
    Request {
        algorithm: HashAlgorithm::Sha256,
        digest: digest.to_vec(),
        policy: None,
        nonce: Some(vec![0x12, 0x34]),
        cert_req: true,
    }
}

/// PKIStatus of an answer.
fn status(response: &[u8]) -> u64 {
    let mut outer = Value::parse(response, Rules::Der).unwrap().children().unwrap();
    outer.any().unwrap().children().unwrap().any().unwrap().unsigned().unwrap()
}

fn says(response: &[u8], text: &str) -> bool {
    response.windows(text.len()).any(|w| w == text.as_bytes())
}

#[test]
fn openssl_takes_the_answers_to_its_own_queries() {
    let world = World::new();
    let tsa = authority(&world, false);
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("data"), b"contract").unwrap();
    std::fs::write(at("root.pem"), pem("CERTIFICATE", &world.root.certificate().0)).unwrap();
    std::fs::write(at("tsa.pem"), pem("CERTIFICATE", tsa.certificate())).unwrap();
    for hash in ["-sha256", "-sha384", "-sha512"] {
        for certificates in [true, false] {
            let mut query = vec!["ts", "-query", "-data", "data", hash, "-out", "query.tsq"];
            if certificates {
                query.push("-cert");
            }
            openssl(dir.path(), &query).unwrap();
            let response = tsa.respond(cx(5), &std::fs::read(at("query.tsq")).unwrap());
            std::fs::write(at("answer.tsr"), &response).unwrap();
            let mut verify =
                vec!["ts", "-verify", "-queryfile", "query.tsq", "-in", "answer.tsr", "-CAfile", "root.pem"];
            if !certificates {
                verify.extend(["-untrusted", "tsa.pem"]);
            }
            let said = openssl(dir.path(), &verify).unwrap();
            assert!(said.contains("Verification: OK"), "{hash}: {said}");
        }
    }
    let text = openssl(dir.path(), &["ts", "-reply", "-in", "answer.tsr", "-text"]).unwrap();
    for part in ["Policy OID: 1.3.6.1.4.1.32473.3.1", "Ordering: no", "0x01 seconds, 0x01F4 millis"] {
        assert!(text.contains(part), "{part} not in {text}");
    }
    std::fs::write(at("data"), b"another contract").unwrap();
    assert!(
        openssl(
            dir.path(),
            &[
                "ts",
                "-verify",
                "-data",
                "data",
                "-in",
                "answer.tsr",
                "-CAfile",
                "root.pem",
                "-untrusted",
                "tsa.pem"
            ]
        )
        .is_err()
    );
}

#[test]
fn the_intent_is_on_record_before_the_key_signs_and_is_closed_after() {
    let world = World::new();
    let tsa = authority(&world, false);
    assert_eq!(status(&tsa.respond(cx(5), &request(&[7; 32]).to_der())), 0);
    let taken = world.log.taken.lock();
    match taken.as_slice() {
        [Taken::Intent(intent), Taken::Outcome(0, outcome)] => {
            assert_eq!(intent.act, Act::IssueTimestamp);
            assert_eq!(intent.facts["imprint"], hex::encode([7; 32]));
            assert_eq!(intent.uses.len(), 1);
            assert_eq!(outcome.ending, crate::audit::Ending::Done);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_issued_without_log_token_or_clock() {
    let world = World::new();
    let tsa = authority(&world, false);
    let ask = || tsa.respond(cx(5), &request(&[7; 32]).to_der());
    *world.log.full.lock() = true;
    assert_eq!(status(&ask()), 2);
    assert_eq!(world.keys.uses(), 0);
    *world.log.full.lock() = false;
    world.keys.set_down(true);
    let answer = ask();
    assert!(status(&answer) == 2 && says(&answer, "not available now"));
    world.keys.set_down(false);
    world.clock.set_broken(true);
    let answer = ask();
    assert!(status(&answer) == 2 && says(&answer, "the clock went back"));
    assert!(tsa.ready().unwrap_err().contains("clock"));
    world.clock.set_broken(false);
    world.clock.advance(Duration::from_secs(2 * 86_400));
    let answer = ask();
    assert!(status(&answer) == 2 && says(&answer, "not valid now"));
    assert_eq!(world.keys.uses(), 0);
}

#[test]
fn bad_requests_are_rejected_with_their_reason() {
    let world = World::new();
    let tsa = authority(&world, false);
    let foreign = Request { policy: Some("1.2.3.4".parse().unwrap()), ..request(&[7; 32]) };
    let answer = tsa.respond(cx(5), &foreign.to_der());
    assert!(status(&answer) == 2 && says(&answer, POLICY));
    for garbage in [&b""[..], b"GET / HTTP/1.1", &[0x30, 0x80, 0, 0], &request(&[7; 31]).to_der()] {
        assert_eq!(status(&tsa.respond(cx(5), garbage)), 2);
    }
    let short = Imprint { algorithm: HashAlgorithm::Sha512, digest: &[7; 32] };
    assert!(matches!(tsa.stamp(cx(5), short), Err(ChannelError::Refused(_))));
    assert_eq!(world.keys.uses(), 0);
}

#[test]
fn no_serial_number_comes_twice_through_a_thousand_kills() {
    let world = World::new();
    let entropy: Arc<dyn Entropy> = Arc::new(crate::channels::OsEntropy::default());
    let mut seen = HashSet::new();
    let mut counters = HashSet::new();
    for _ in 0..1000 {
        // Each life takes a few numbers and ends without a word.
        let serials = Serials::new(Arc::clone(&world.store) as _, Arc::clone(&entropy));
        for _ in 0..3 {
            let serial = serials.next().unwrap();
            assert!(counters.insert(serial[..8].to_vec()), "the store's part alone is unique");
            assert!(seen.insert(serial));
        }
    }
    assert_eq!(seen.len(), 3000);
}

#[test]
fn with_ordering_each_time_is_later_than_the_one_before() {
    let world = World::new();
    let tsa = authority(&world, true);
    let times: Vec<UnixTime> = (0..50).map(|_| tsa.time().unwrap()).collect();
    assert!(times.windows(2).all(|two| two[0] < two[1]), "although the clock stands still");
    let refused = (0..1000).find_map(|_| tsa.time().err()).expect("the lead is bounded");
    assert_eq!(refused.failure, Failure::TimeNotAvailable);
}

#[test]
fn only_a_time_stamping_certificate_makes_an_authority() {
    let world = World::new();
    for role in [Role::OcspResponder, Role::Authority { path_length: None }] {
        let identity = world.identity("x", Purpose::Tsa, role, 1);
        assert!(matches!(LocalTsa::new(&world.parts(), &identity, &spec(false)), Err(TsaError::Unfit(_))));
    }
    let mut identity = world.identity("x", Purpose::Tsa, Role::TimeStamping, 1);
    identity.key = world.keys.install(Purpose::Tsa);
    assert!(matches!(LocalTsa::new(&world.parts(), &identity, &spec(false)), Err(TsaError::Unfit(_))));
    let identity = world.identity("x", Purpose::Ca, Role::TimeStamping, 1);
    assert!(matches!(LocalTsa::new(&world.parts(), &identity, &spec(false)), Err(TsaError::Unfit(_))));
}

/// A clock whose hands the test moves.
#[derive(Default)]
struct Hands {
    wall: std::sync::atomic::AtomicI64,
    monotonic: std::sync::atomic::AtomicI64,
}

impl crate::clock::Readings for Arc<Hands> {
    fn wall(&self) -> i64 {
        self.wall.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn monotonic(&self) -> i64 {
        self.monotonic.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl Hands {
    /// `millis` pass.
    fn pass(&self, millis: i64) {
        self.wall.fetch_add(millis, std::sync::atomic::Ordering::SeqCst);
        self.monotonic.fetch_add(millis, std::sync::atomic::Ordering::SeqCst);
    }

    /// Somebody sets the wall clock.
    fn jump(&self, millis: i64) {
        self.wall.fetch_add(millis, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn a_clock_that_jumps_issues_nothing_until_it_is_set_right() {
    const SECOND: i64 = 1000;
    const DAY: i64 = 86_400 * SECOND;
    let world = World::new();
    let hands = Arc::new(Hands::default());
    hands.pass(world.now().millis() + 250);
    // The shipped tolerance.
    let tolerance = 400;
    let clock = crate::clock::SystemClock::with_readings(Arc::clone(&hands), tolerance, None);
    let identity = world.identity("tsa-1", Purpose::Tsa, Role::TimeStamping, 36_500);
    let parts = TsaParts { clock: Arc::new(clock), ..world.parts() };
    let tsa = LocalTsa::new(&parts, &identity, &spec(false)).unwrap();
    let time = |response: &[u8]| {
        let imprint = request(&[7; 32]);
        crate::tsp::check_response(response, &imprint, &[]).unwrap().1.info.time.millis()
    };
    let query = request(&[7; 32]).to_der();
    for jump in [SECOND, 2 * SECOND, 60 * SECOND, 3600 * SECOND, DAY, 365 * DAY, 3650 * DAY] {
        for jump in [jump, -jump] {
            hands.pass(10);
            assert_eq!(status(&tsa.respond(cx(5), &query)), 0, "before the jump");
            hands.jump(jump);
            let stopped = tsa.respond(cx(5), &query);
            assert_eq!(status(&stopped), 2, "{jump} ms: a token was issued");
            assert!(tsa.ready().is_err(), "{jump} ms: health does not say so");
            hands.pass(5 * SECOND);
            assert_eq!(status(&tsa.respond(cx(5), &query)), 2, "{jump} ms: time alone does not heal it");
            hands.jump(-jump);
            let truth = crate::clock::Readings::wall(&hands);
            let token = tsa.respond(cx(5), &query);
            assert_eq!(status(&token), 0, "{jump} ms: set right");
            assert!((time(&token) - truth).abs() <= 1500, "{jump} ms: outside its accuracy");
        }
    }
    // What is too small to be noticed stays within the accuracy that the token claims.
    let truth = crate::clock::Readings::wall(&hands);
    for step in [tolerance, -tolerance] {
        hands.jump(step);
        let token = tsa.respond(cx(5), &query);
        if status(&token) == 0 {
            assert!((time(&token) - truth).abs() <= 1500, "{step} ms");
        }
        hands.jump(-step);
    }
}
