//! Every time-stamp source, remote and local, as the core asks them: never a token that does not fit, the next source is asked, the
//! deadline holds.

use super::authority::{Authority, DAY, DIGEST, IMPRINT, Illness, local_faults, remote_faults, source};
use crate::channels::{Standing, TimeSource, TimeSources};
use crate::tsp::{Token, hash_length};
use hufu_api::{ChannelError, Der, HashAlgorithm, Imprint, IssuerKey, TimestampSource};
use hufu_testkit::{HandClock, Reply, cx};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sources as the configuration brings them together, each with a second to answer in.
fn configured<const N: usize>(sources: [(&str, &Arc<dyn TimestampSource>); N]) -> TimeSources {
    let entry = |(name, source): (&str, &Arc<dyn TimestampSource>)| TimeSource {
        name: name.into(),
        source: Ok(Arc::clone(source)),
        timeout: Duration::from_secs(1),
        standing: Standing::new(4),
    };
    TimeSources::new(sources.into_iter().map(entry).collect())
}

fn stamps(token: &Der) -> bool {
    let token = Token::from_bytes(&token.0).unwrap();
    token.verify_signature(&[]).is_ok() && token.info.imprint == DIGEST
}

#[test]
fn every_source_stamps_every_hash_with_a_serial_number_of_its_own() {
    let authority = Authority::new();
    let server = authority.sound();
    let (remote, local) = (authority.remote(&[server.url()]), authority.local());
    let both: Arc<dyn TimestampSource> = Arc::new(configured([("remote", &remote), ("local", &local)]));
    let mut serials = HashSet::new();
    for (kind, source) in [("remote", remote), ("local", local), ("both", both)] {
        for algorithm in [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512] {
            let digest = vec![9; hash_length(algorithm)];
            let token = source.stamp(cx(5), Imprint { algorithm, digest: &digest }).unwrap();
            let token = Token::from_bytes(&token.0).unwrap();
            assert!(token.verify_signature(&[]).is_ok() && token.info.imprint == digest, "{kind}");
            assert!(serials.insert(token.info.serial), "{kind}: a serial number twice");
            let short = Imprint { algorithm, digest: &digest[1..] };
            assert!(source.stamp(cx(5), short).is_err(), "{kind}: an imprint too short for its hash");
        }
    }
}

/// Alone it is an error in time; before a sound source, that one's token comes.
fn is_passed_over(fault: &str, source: &Arc<dyn TimestampSource>, sound: &Arc<dyn TimestampSource>) {
    let begun = Instant::now();
    let alone = configured([("faulty", source)]).stamp(cx(2), IMPRINT);
    assert!(alone.is_err(), "{fault} was accepted");
    let both = configured([("faulty", source), ("sound", sound)]);
    assert!(stamps(&both.stamp(cx(20), IMPRINT).unwrap_or_else(|e| panic!("{fault}: {e}"))), "{fault}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{fault}: past the deadline");
}

#[test]
fn no_faulty_answer_is_accepted_and_the_next_source_is_asked() {
    let authority = Authority::new();
    let good = authority.sound();
    let (local, remote) = (authority.local(), authority.remote(&[good.url()]));
    let mut seen = Vec::new();
    for (fault, server) in remote_faults(&authority) {
        is_passed_over(&format!("remote: {fault}"), &authority.remote(&[server.url()]), &local);
        // The same among the addresses of one source.
        let both = authority.remote(&[server.url(), good.url()]);
        assert!(stamps(&both.stamp(cx(20), IMPRINT).unwrap_or_else(|e| panic!("{fault}: {e}"))), "{fault}");
        seen.push(fault);
    }
    for (fault, source) in local_faults() {
        is_passed_over(&format!("local: {fault}"), &source, &remote);
        seen.push(fault);
    }
    assert_eq!(seen.len(), 24);
    let nobody = authority.remote(&["http://127.0.0.1:1/".to_owned(), good.url()]);
    assert!(stamps(&nobody.stamp(cx(20), IMPRINT).unwrap()), "connection refused");
}

#[test]
fn the_deadline_holds_over_many_slow_sources() {
    let authority = Authority::new();
    let server = authority.server(|_, _| Reply::Hang);
    let many = authority.remote(&vec![server.url(); 16]);
    let hung = Authority::ill(Illness::Hangs).local();
    let sources = [(); 16].map(|()| ("hung", &hung));
    for (kind, source) in [("addresses", many), ("sources", Arc::new(configured(sources)) as _)] {
        let begun = Instant::now();
        assert!(source.stamp(cx(2), IMPRINT).is_err(), "{kind}");
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{kind}: {:?}, all 16 were waited for",
            begun.elapsed()
        );
    }
}

#[test]
fn a_token_whose_time_or_chain_is_off_is_not_accepted() {
    let (fresh, stale) = (Authority::new(), Authority::new());
    let ask = |authority: &Authority, clock: &Arc<HandClock>, more: &str| {
        let roots = [authority.world.root.certificate().clone()];
        let server = authority.sound();
        source(clock, &[server.url()], &roots, more).unwrap().stamp(cx(5), IMPRINT)
    };
    // Our clock stands ten minutes after the authority's.
    let clock = Arc::new(HandClock::new());
    clock.advance(Duration::from_secs(600));
    let error = ask(&fresh, &clock, "").unwrap_err().to_string();
    assert!(error.contains("ms from ours"), "{error}");
    assert!(ask(&fresh, &clock, "tolerance_seconds = 3600").is_ok(), "nothing else was wrong");
    // The times agree to twenty seconds, between which the authority's certificate has expired.
    stale.world.clock.advance(DAY - Duration::from_secs(10));
    let clock = Arc::new(HandClock::new());
    clock.advance(DAY - Duration::from_secs(20));
    assert!(ask(&stale, &clock, "").is_ok(), "before it expired");
    clock.advance(Duration::from_secs(30));
    let error = ask(&stale, &clock, "").unwrap_err().to_string();
    assert!(error.contains("chain"), "{error}");
    // The next address, whose certificate is good, is asked.
    let next = Authority::valid(3);
    next.world.clock.advance(DAY);
    let roots = [&stale, &next].map(|authority| authority.world.root.certificate().clone());
    let (first, second) = (stale.sound(), next.sound());
    let both = source(&clock, &[first.url(), second.url()], &roots, "").unwrap();
    let token = Token::from_bytes(&both.stamp(cx(5), IMPRINT).unwrap().0).unwrap();
    assert!(token.signed_data.certificates.iter().any(|der| der.as_slice() == next.tsa.certificate()));
}

#[test]
fn every_failure_of_every_source_is_told() {
    let authority = Authority::new();
    let down = authority.server(|_, _| Reply::status(503));
    let (remote, local) = (authority.remote(&[down.url()]), authority.local());
    authority.world.keys.set_down(true);
    let error = configured([("remote", &remote), ("local", &local)]).stamp(cx(5), IMPRINT).unwrap_err();
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
