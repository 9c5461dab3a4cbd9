//! Every time-stamp source: never a token that does not fit, the next authority is asked, the deadline holds.

use crate::channels::testing::{World, tsa_spec};
use crate::channels::{LocalTsa, Standing, TimeProtocol, TimeSource, TimeSources};
use crate::keys::Purpose;
use crate::tsp::{Request, Token};
use crate::x509::Role;
use hufu_api::{ChannelError, Der, HashAlgorithm, Imprint, IssuerKey, TimestampSource};
use hufu_testkit::{HandClock, Reply, Server, cx, host_with_timestamps};
use std::sync::Arc;
use std::time::{Duration, Instant};

const DIGEST: [u8; 32] = [7; 32];
const IMPRINT: Imprint<'static> = Imprint { algorithm: HashAlgorithm::Sha256, digest: &DIGEST };
const MIME: &str = "application/timestamp-reply";

/// A world with an authority that is sound, as a server.
struct Authority {
    world: Arc<World>,
    tsa: Arc<LocalTsa>,
}

impl Authority {
    fn new() -> Self {
        let world = World::new();
        let identity = world.identity("tsa-1", Purpose::Tsa, Role::TimeStamping, 1);
        let tsa = LocalTsa::new(&world.parts(), &identity, &tsa_spec()).unwrap();
        Self { world: Arc::new(world), tsa: Arc::new(tsa) }
    }

    /// A server that answers what `answer` makes of the request.
    fn server(&self, answer: impl Fn(&LocalTsa, &[u8]) -> Reply + Send + Sync + 'static) -> Server {
        let tsa = Arc::clone(&self.tsa);
        Server::start(move |request| {
            assert_eq!(request.header("content-type"), Some("application/timestamp-query"));
            answer(&tsa, &request.body)
        })
    }

    fn sound(&self) -> Server {
        self.server(|tsa, request| Reply::ok(MIME, tsa.respond(cx(5), request)))
    }

    /// A source over `urls` that believes in this world's root.
    fn source(&self, urls: &[String]) -> Box<dyn TimestampSource> {
        source(&self.world.clock, urls, &[self.world.root.certificate().clone()], "").unwrap()
    }
}

fn source(
    clock: &Arc<HandClock>,
    urls: &[String],
    anchors: &[Der],
    more: &str,
) -> Result<Box<dyn TimestampSource>, hufu_api::PluginError> {
    let file = format!("urls = {urls:?}\nseconds_each = 1\n{more}");
    let dir = tempfile::tempdir().unwrap();
    host_with_timestamps(dir.path(), clock, Arc::new(TimeProtocol), anchors, |host| {
        (hufu_tsa_rfc3161::FACTORY.build)(host, file.parse().unwrap())
    })
}

fn stamps(token: &Der) -> bool {
    let token = Token::from_bytes(&token.0).unwrap();
    token.verify_signature(&[]).is_ok() && token.info.imprint == DIGEST
}

/// The request with another imprint or nonce.
fn altered(request: &[u8], change: impl Fn(&mut Request)) -> Vec<u8> {
    let mut request = Request::from_der(request).unwrap();
    change(&mut request);
    request.to_der()
}

#[test]
fn a_remote_authority_gives_tokens_that_verify() {
    let authority = Authority::new();
    let server = authority.sound();
    assert!(stamps(&authority.source(&[server.url()]).stamp(cx(5), IMPRINT).unwrap()));
}

#[test]
fn no_faulty_answer_is_accepted_and_the_next_authority_is_asked() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let strange = Arc::clone(&stranger.tsa);
    let aside = Authority::new();
    aside.world.clock.advance(Duration::from_secs(600));
    let late = Arc::clone(&aside.tsa);
    let good = authority.sound();
    let faults: Vec<(&str, Server)> = vec![
        (
            "wrong imprint",
            authority.server(|tsa, request| {
                Reply::ok(MIME, tsa.respond(cx(5), &altered(request, |r| r.digest = vec![8; 32])))
            }),
        ),
        (
            "wrong nonce",
            authority.server(|tsa, request| {
                Reply::ok(MIME, tsa.respond(cx(5), &altered(request, |r| r.nonce = Some(vec![1]))))
            }),
        ),
        (
            "no nonce",
            authority.server(|tsa, request| {
                Reply::ok(MIME, tsa.respond(cx(5), &altered(request, |r| r.nonce = None)))
            }),
        ),
        (
            "no certificates",
            authority.server(|tsa, request| {
                Reply::ok(MIME, tsa.respond(cx(5), &altered(request, |r| r.cert_req = false)))
            }),
        ),
        (
            "another root",
            authority.server(move |_, request| Reply::ok(MIME, strange.respond(cx(5), request))),
        ),
        (
            "another time and root",
            authority.server(move |_, request| Reply::ok(MIME, late.respond(cx(5), request))),
        ),
        ("rejection", authority.server(|tsa, _| Reply::ok(MIME, tsa.respond(cx(5), b"nonsense")))),
        (
            "broken signature",
            authority.server(|tsa, request| {
                let mut answer = tsa.respond(cx(5), request);
                let last = answer.len() - 1;
                answer[last] ^= 1;
                Reply::ok(MIME, answer)
            }),
        ),
        ("garbage", authority.server(|_, _| Reply::ok(MIME, b"<html>login</html>".to_vec()))),
        ("empty", authority.server(|_, _| Reply::ok(MIME, vec![]))),
        ("HTTP 500", authority.server(|_, _| Reply::status(500))),
        ("not HTTP", authority.server(|_, _| Reply::Garbage)),
        ("cut", authority.server(|_, _| Reply::Cut)),
        ("slow", authority.server(|_, _| Reply::Hang)),
    ];
    for (fault, server) in &faults {
        let begun = Instant::now();
        let alone = authority.source(&[server.url()]).stamp(cx(2), IMPRINT);
        assert!(alone.is_err(), "{fault} was accepted");
        assert!(begun.elapsed() < Duration::from_secs(10), "{fault}: past the deadline");
        let both = authority.source(&[server.url(), good.url()]);
        assert!(stamps(&both.stamp(cx(20), IMPRINT).unwrap_or_else(|e| panic!("{fault}: {e}"))), "{fault}");
    }
    let nobody = authority.source(&["http://127.0.0.1:1/".to_owned(), good.url()]);
    assert!(stamps(&nobody.stamp(cx(20), IMPRINT).unwrap()), "connection refused");
}

#[test]
fn a_token_whose_time_or_chain_is_off_is_not_accepted() {
    let authority = Authority::new();
    let server = authority.sound();
    let roots = [authority.world.root.certificate().clone()];
    // Our clock stands ten minutes after the authority's, then two days: its certificate has expired.
    for (ahead, wanted) in [(600, "ms from ours"), (2 * 86_400, "bad answer")] {
        let clock = Arc::new(HandClock::new());
        clock.advance(Duration::from_secs(ahead));
        let error = source(&clock, &[server.url()], &roots, "").unwrap().stamp(cx(5), IMPRINT).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
    let clock = Arc::new(HandClock::new());
    clock.advance(Duration::from_secs(2 * 86_400));
    let error =
        source(&clock, &[server.url()], &roots, "tolerance_seconds = 3600").unwrap().stamp(cx(5), IMPRINT);
    assert!(error.is_err(), "an expired chain");
}

#[test]
fn local_and_remote_sources_stand_in_one_order() {
    let authority = Authority::new();
    let down = authority.server(|_, _| Reply::status(503));
    let entry = |name: &str, source: Arc<dyn TimestampSource>| TimeSource {
        name: name.into(),
        source: Ok(source),
        timeout: Duration::from_secs(2),
        standing: Standing::new(4),
    };
    let remote = entry("remote", Arc::from(authority.source(&[down.url()])));
    let sources = TimeSources::new(vec![remote, entry("local", Arc::clone(&authority.tsa) as _)]);
    assert!(stamps(&sources.stamp(cx(5), IMPRINT).unwrap()));
    authority.world.keys.set_down(true);
    let error = sources.stamp(cx(5), IMPRINT).unwrap_err();
    assert!(
        matches!(&error, ChannelError::Unavailable(why) if why.contains("remote: ") && why.contains("local: ")),
        "{error}"
    );
}

#[test]
fn mistakes_in_the_file_are_named() {
    let authority = Authority::new();
    let roots = [authority.world.root.certificate().clone()];
    let clock = &authority.world.clock;
    let url = ["http://127.0.0.1:1/".to_owned()];
    for (urls, anchors, more, wanted) in [
        (&[][..], &roots[..], "", "urls"),
        (&["ftp://x".to_owned()][..], &roots[..], "", "begin with http"),
        (&url[..], &[][..], "", "anchors"),
        (&url[..], &roots[..], "username = \"a\"", "belong together"),
        (&url[..], &roots[..], "username = \"a\"\npassword = \"b\"", "https:// addresses only"),
        (&url[..], &roots[..], "budget = 1", "unknown field"),
    ] {
        let error = source(clock, urls, anchors, more).err().unwrap().0;
        assert!(error.contains(wanted), "{error:?} does not contain {wanted:?}");
    }
}
