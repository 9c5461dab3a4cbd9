//! Time, randomness and the host that a channel is made in.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use hufu_api::{
    AuthoritySpec, CertificateKind, ChannelError, Clock, ClockError, Cx, Der, Entropy, EntropyError, Host,
    Imprint, IssuerKey, MemoryStore, PluginError, Profile, RequestId, SignerKind, StampExpectation,
    TimestampProtocol, TimestampSource, Timestamper, UnixTime,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// A clock that stands still until it is set.
#[derive(Debug)]
pub struct HandClock {
    millis: AtomicI64,
    broken: AtomicBool,
}

impl HandClock {
    /// A clock that shows the machine's time at the moment of the call, forever.
    pub fn new() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let millis = i64::try_from(since.as_millis()).unwrap();
        Self { millis: AtomicI64::new(millis / 1000 * 1000), broken: AtomicBool::new(false) }
    }

    /// Moves the time.
    pub fn advance(&self, by: Duration) {
        self.millis.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// From now on the clock says that it cannot be trusted, or can again.
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }
}

impl Default for HandClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for HandClock {
    fn now(&self) -> Result<UnixTime, ClockError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(ClockError::WentBack { by_millis: 5000 });
        }
        Ok(self.now_untrusted())
    }

    fn now_untrusted(&self) -> UnixTime {
        UnixTime::from_millis(self.millis.load(Ordering::SeqCst))
    }
}

/// The operating system's randomness.
#[derive(Debug, Default)]
pub struct RealEntropy(SystemRandom);

impl Entropy for RealEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(out).map_err(|_| EntropyError)
    }
}

/// A call with `seconds` to live.
pub fn cx(seconds: u64) -> Cx {
    Cx { request: RequestId(0x1234), deadline: Instant::now() + Duration::from_secs(seconds) }
}

/// A person's profile, long-term or scene, as the shipped configuration has it.
pub fn profile(kind: CertificateKind) -> Profile {
    let (name, validity_seconds) = match kind {
        CertificateKind::Long => ("person-long", 365 * 86_400),
        CertificateKind::Scene => ("person-scene", 900),
    };
    Profile {
        name: name.into(),
        signer: SignerKind::Person,
        kind,
        validity_seconds,
        extended_key_usage: vec!["1.3.6.1.5.5.7.3.4".into(), "1.3.6.1.5.5.7.3.36".into()],
        policies: vec!["1.3.6.1.4.1.32473.2.1".into()],
    }
}

/// Hands a host to `make`: an empty store, real randomness, the given clock and CA keys.
pub fn host<T>(
    base: &Path,
    clock: &Arc<HandClock>,
    store: &Arc<MemoryStore>,
    issuers: &[(&str, Arc<dyn IssuerKey>)],
    make: impl FnOnce(&Host<'_>) -> T,
) -> T {
    let find = |label: &str| issuers.iter().find(|(l, _)| *l == label).map(|(_, key)| Arc::clone(key));
    let none = |_: &AuthoritySpec| -> Result<Arc<dyn TimestampSource>, PluginError> {
        Err(PluginError("no time-stamp key".into()))
    };
    let parts = (Arc::new(NoTimestamps) as Arc<dyn TimestampProtocol>, &[][..]);
    host_with(base, clock, store, parts, &find, &none, make)
}

/// The same with a time-stamp protocol, for sources that speak it.
pub fn host_with_timestamps<T>(
    base: &Path,
    clock: &Arc<HandClock>,
    timestamps: Arc<dyn TimestampProtocol>,
    anchors: &[Der],
    make: impl FnOnce(&Host<'_>) -> T,
) -> T {
    let find = |_: &str| None;
    let none = |_: &AuthoritySpec| -> Result<Arc<dyn TimestampSource>, PluginError> {
        Err(PluginError("no time-stamp key".into()))
    };
    host_with(base, clock, &Arc::new(MemoryStore::new()), (timestamps, anchors), &find, &none, make)
}

fn host_with<T>(
    base: &Path,
    clock: &Arc<HandClock>,
    store: &Arc<MemoryStore>,
    (timestamps, anchors): (Arc<dyn TimestampProtocol>, &[Der]),
    issuer_key: &dyn Fn(&str) -> Option<Arc<dyn IssuerKey>>,
    timestamper: Timestamper<'_>,
    make: impl FnOnce(&Host<'_>) -> T,
) -> T {
    make(&Host {
        issuer_labels: &[],
        name: "under-test",
        base,
        anchors,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        store: Arc::clone(store) as Arc<dyn hufu_api::Store>,
        entropy: Arc::new(RealEntropy::default()),
        timestamps,
        issuer_key,
        timestamper,
    })
}

/// For channels that do not speak the protocol.
struct NoTimestamps;

impl TimestampProtocol for NoTimestamps {
    fn request(&self, _imprint: Imprint<'_>, _nonce: u64) -> Result<Der, ChannelError> {
        Err(ChannelError::Unsupported)
    }

    fn accept(&self, _response: &[u8], _expected: &StampExpectation<'_>) -> Result<Der, ChannelError> {
        Err(ChannelError::Unsupported)
    }
}
