//! Time-stamp sources for the contract suite: sound ones, and what may be wrong with them and beneath them.

use crate::audit::Receipt;
use crate::channels::testing::{World, tsa_spec};
use crate::channels::{LocalTsa, TimeProtocol, TsaParts};
use crate::keys::{GenerateSpec, Generated, Generation, KeyError, Keys, Purpose, StoredKey, ToBeSigned};
use crate::tsp::Request;
use crate::x509::Role;
use hufu_api::{ChannelError, Cx, Der, HashAlgorithm, Imprint, IssuerKey, TimestampSource};
use hufu_testkit::{HandClock, Reply, Server, cx, host_with_timestamps};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

pub(super) const DIGEST: [u8; 32] = [7; 32];
pub(super) const IMPRINT: Imprint<'static> = Imprint { algorithm: HashAlgorithm::Sha256, digest: &DIGEST };
const MIME: &str = "application/timestamp-reply";
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// A world with an authority of its own.
pub(super) struct Authority {
    pub(super) world: Arc<World>,
    pub(super) tsa: Arc<LocalTsa>,
}

impl Authority {
    pub(super) fn new() -> Self {
        Self::valid(1)
    }

    /// An authority whose certificate is good for so many days.
    pub(super) fn valid(days: i64) -> Self {
        let world = World::new();
        let parts = world.parts();
        Self::over(world, &parts, days)
    }

    /// An authority over a token that is ill.
    pub(super) fn ill(illness: Illness) -> Self {
        let world = World::new();
        let keys = Arc::new(IllToken { well: Arc::clone(&world.keys) as _, illness });
        let parts = TsaParts { keys, ..world.parts() };
        Self::over(world, &parts, 1)
    }

    fn over(world: World, parts: &TsaParts, days: i64) -> Self {
        let identity = world.identity("tsa-1", Purpose::Tsa, Role::TimeStamping, days);
        let tsa = LocalTsa::new(parts, &identity, &tsa_spec()).unwrap();
        Self { world: Arc::new(world), tsa: Arc::new(tsa) }
    }

    /// A server that answers what `answer` makes of the request.
    pub(super) fn server(
        &self,
        answer: impl Fn(&LocalTsa, &[u8]) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let tsa = Arc::clone(&self.tsa);
        Server::start(move |request| {
            assert_eq!(request.header("content-type"), Some("application/timestamp-query"));
            answer(&tsa, &request.body)
        })
    }

    pub(super) fn sound(&self) -> Server {
        self.server(|tsa, request| Reply::ok(MIME, tsa.respond(cx(5), request)))
    }

    /// A remote source over `urls` that believes in this world's root.
    pub(super) fn remote(&self, urls: &[String]) -> Arc<dyn TimestampSource> {
        Arc::from(source(&self.world.clock, urls, &[self.world.root.certificate().clone()], "").unwrap())
    }

    pub(super) fn local(&self) -> Arc<dyn TimestampSource> {
        Arc::clone(&self.tsa) as _
    }
}

/// What may be wrong with a token that answers.
#[derive(Clone, Copy)]
pub(super) enum Illness {
    /// It does not answer before the deadline.
    Hangs,
    /// It signs, but not what it was given.
    SignsOther,
}

struct IllToken {
    well: Arc<dyn Keys>,
    illness: Illness,
}

impl Keys for IllToken {
    fn choose(&self, purpose: Purpose) -> Result<Generation, KeyError> {
        self.well.choose(purpose)
    }

    fn sign(&self, cx: Cx, receipt: Receipt, key: &StoredKey, _: &ToBeSigned) -> Result<Vec<u8>, KeyError> {
        match self.illness {
            Illness::Hangs => {
                std::thread::sleep(cx.remaining());
                Err(KeyError::Timeout)
            }
            Illness::SignsOther => {
                self.well.sign(cx, receipt, key, &ToBeSigned::SignedAttributes(vec![0x31, 0]))
            }
        }
    }

    fn generate(&self, _: Cx, _: Receipt, _: &GenerateSpec) -> Result<Generated, KeyError> {
        Err(KeyError::Unsupported("signs only".into()))
    }

    fn destroy(&self, _: Cx, _: Receipt, _: &StoredKey) -> Result<(), KeyError> {
        Err(KeyError::Unsupported("signs only".into()))
    }

    fn protect(&self, _: Cx, _: &str, _: &[u8]) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::Unsupported("signs only".into()))
    }

    fn reveal(&self, _: Cx, _: &str, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        Err(KeyError::Unsupported("signs only".into()))
    }

    fn random(&self, _: Cx, _: usize) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::Unsupported("signs only".into()))
    }
}

/// A plugin that does not look at what it gives.
struct Careless(Box<dyn Fn() -> Der + Send + Sync>);

impl TimestampSource for Careless {
    fn stamp(&self, _: Cx, _: Imprint<'_>) -> Result<Der, ChannelError> {
        Ok((self.0)())
    }
}

pub(super) fn source(
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

/// The request with another imprint or nonce.
fn altered(request: &[u8], change: impl Fn(&mut Request)) -> Vec<u8> {
    let mut request = Request::from_der(request).unwrap();
    change(&mut request);
    request.to_der()
}

/// Remote authorities, each with a fault.
pub(super) fn remote_faults(authority: &Authority) -> Vec<(&'static str, Server)> {
    let stranger = Authority::new().tsa;
    let aside = Authority::new();
    aside.world.clock.advance(Duration::from_secs(600));
    let late = aside.tsa;
    let altering = |change: fn(&mut Request)| {
        authority.server(move |tsa, request| Reply::ok(MIME, tsa.respond(cx(5), &altered(request, change))))
    };
    let answering = |reply: fn() -> Reply| authority.server(move |_, _| reply());
    vec![
        ("wrong imprint", altering(|request| request.digest = vec![8; 32])),
        ("wrong nonce", altering(|request| request.nonce = Some(vec![1]))),
        ("no nonce", altering(|request| request.nonce = None)),
        ("no certificates", altering(|request| request.cert_req = false)),
        (
            "another root",
            authority.server(move |_, request| Reply::ok(MIME, stranger.respond(cx(5), request))),
        ),
        (
            "another root, ten minutes ahead",
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
        ("garbage", answering(|| Reply::ok(MIME, b"<html>login</html>".to_vec()))),
        ("empty", answering(|| Reply::ok(MIME, vec![]))),
        ("HTTP 500", answering(|| Reply::status(500))),
        ("not HTTP", answering(|| Reply::Garbage)),
        ("cut", answering(|| Reply::Cut)),
        ("slow", answering(|| Reply::Hang)),
    ]
}

/// Our own authority, each time with a fault beneath it, and a plugin that does not look at what it gives.
pub(super) fn local_faults() -> Vec<(&'static str, Arc<dyn TimestampSource>)> {
    let faulty = |change: fn(&World)| {
        let authority = Authority::new();
        change(&authority.world);
        authority.local()
    };
    let careless =
        |token: Der| Arc::new(Careless(Box::new(move || token.clone()))) as Arc<dyn TimestampSource>;
    let other = Imprint { algorithm: HashAlgorithm::Sha256, digest: &[8; 32] };
    let mut broken = Authority::new().tsa.stamp(cx(5), IMPRINT).unwrap();
    *broken.0.last_mut().unwrap() ^= 1;
    vec![
        ("token down", faulty(|world| world.keys.set_down(true))),
        ("token hangs", Authority::ill(Illness::Hangs).local()),
        ("token signs something else", Authority::ill(Illness::SignsOther).local()),
        ("log full", faulty(|world| *world.log.full.lock() = true)),
        ("clock not to be trusted", faulty(|world| world.clock.set_broken(true))),
        ("certificate expired", faulty(|world| world.clock.advance(2 * DAY))),
        ("wrong imprint", careless(Authority::new().tsa.stamp(cx(5), other).unwrap())),
        ("broken signature", careless(broken)),
        ("garbage", careless(Der(b"<html>login</html>".to_vec()))),
        ("empty", careless(Der(vec![]))),
    ]
}
