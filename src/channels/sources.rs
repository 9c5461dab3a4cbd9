//! All time-stamp sources as one: asked in order, each with its deadline and its standing.

use super::{Standing, StandingReport};
use crate::tsp::{Token, hash_length, hash_oid};
use hufu_api::{ChannelError, Cx, Der, Imprint, TimestampSource};
use std::sync::Arc;
use std::time::Duration;

/// One configured time-stamp source.
pub struct TimeSource {
    /// Its name: the configuration file's, without `.toml`.
    pub name: String,
    /// The source, or why it could not be started.
    pub source: Result<Arc<dyn TimestampSource>, String>,
    /// The longest that one call may take.
    pub timeout: Duration,
    /// How it has behaved lately.
    pub standing: Standing,
}

/// The configured sources in order. Unlike a CA, another authority's time stamp is as good, so every failure,
/// a refusal too, leads to the next.
pub struct TimeSources(Vec<TimeSource>);

impl TimeSources {
    /// Brings the sources together, in the order in which they shall be asked.
    pub fn new(sources: Vec<TimeSource>) -> Self {
        Self(sources)
    }

    /// Every source's name with its standing, or why it could not be started.
    pub fn health(&self) -> Vec<(String, Result<StandingReport, String>)> {
        let state = |s: &TimeSource| s.source.as_ref().map(|_| s.standing.report()).map_err(Clone::clone);
        self.0.iter().map(|s| (s.name.clone(), state(s))).collect()
    }

    fn ask(source: &TimeSource, cx: Cx, imprint: Imprint<'_>) -> Result<Der, ChannelError> {
        let port = source.source.as_ref().map_err(|why| ChannelError::Unavailable(why.clone()))?;
        let _place = source.standing.enter().map_err(ChannelError::Unavailable)?;
        let answer = port.stamp(cx.within(source.timeout), imprint).and_then(|token| fits(token, imprint));
        match &answer {
            Ok(_) => source.standing.succeeded(),
            Err(error) => source.standing.failed(&error.to_string()),
        }
        answer
    }
}

/// The token, if it is one for this imprint whose signature by a certificate for time-stamping holds. Whom to trust is for the source
/// to know; this is what no source may get wrong, our own with its token neither.
fn fits(token: Der, imprint: Imprint<'_>) -> Result<Der, ChannelError> {
    let bad = |why: &dyn std::fmt::Display| ChannelError::BadAnswer(why.to_string());
    let read = Token::from_bytes(&token.0).map_err(|e| bad(&e))?;
    if read.info.digest.oid() != hash_oid(imprint.algorithm) || read.info.imprint != imprint.digest {
        return Err(bad(&"the time stamp is for another imprint"));
    }
    read.verify_signature(&[]).map_err(|e| bad(&e))?;
    Ok(token)
}

impl TimestampSource for TimeSources {
    fn stamp(&self, cx: Cx, imprint: Imprint<'_>) -> Result<Der, ChannelError> {
        // The asker's own mistake is no failure of a source.
        if imprint.digest.len() != hash_length(imprint.algorithm) {
            return Err(ChannelError::Refused("the imprint's length does not fit its hash".into()));
        }
        let mut reasons = Vec::new();
        for source in &self.0 {
            if cx.remaining().is_zero() {
                return Err(ChannelError::Timeout);
            }
            match Self::ask(source, cx, imprint) {
                Ok(token) => return Ok(token),
                Err(error) => {
                    tracing::warn!(source = %source.name, request = %cx.request, %error, "time source failed");
                    reasons.push(format!("{}: {error}", source.name));
                }
            }
        }
        if reasons.is_empty() {
            return Err(ChannelError::Unavailable("no time-stamp source is configured".into()));
        }
        Err(ChannelError::Unavailable(reasons.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::channels::LocalTsa;
    use crate::channels::testing::{World, tsa_spec};
    use crate::keys::Purpose;
    use crate::x509::Role;
    use hufu_api::{HashAlgorithm, RequestId};
    use std::time::Instant;

    struct Fixed(Result<Der, ChannelError>);

    impl TimestampSource for Fixed {
        fn stamp(&self, _cx: Cx, _imprint: Imprint<'_>) -> Result<Der, ChannelError> {
            self.0.clone()
        }
    }

    fn source(name: &str, answer: Result<Der, ChannelError>) -> TimeSource {
        TimeSource {
            name: name.into(),
            source: Ok(Arc::new(Fixed(answer))),
            timeout: Duration::from_secs(1),
            standing: Standing::new(4),
        }
    }

    fn cx() -> Cx {
        Cx { request: RequestId(1), deadline: Instant::now() + Duration::from_secs(5) }
    }

    const IMPRINT: Imprint<'static> = Imprint { algorithm: HashAlgorithm::Sha256, digest: &[7; 32] };

    /// A token for [`IMPRINT`].
    fn token() -> Der {
        let world = World::new();
        let identity = world.identity("tsa-1", Purpose::Tsa, Role::TimeStamping, 1);
        LocalTsa::new(&world.parts(), &identity, &tsa_spec()).unwrap().stamp(cx(), IMPRINT).unwrap()
    }

    #[test]
    fn the_next_source_is_asked_when_one_fails_or_refuses() {
        let good = token();
        let sources = TimeSources::new(vec![
            source("down", Err(ChannelError::Unavailable("connection refused".into()))),
            source("rude", Err(ChannelError::Refused("badAlg".into()))),
            source("confused", Ok(Der(vec![1]))),
            source("good", Ok(good.clone())),
        ]);
        assert_eq!(sources.stamp(cx(), IMPRINT).unwrap(), good);
        let down = sources.health().swap_remove(0).1.unwrap();
        assert!(down.pause.is_some() && down.failures == 1);
    }

    #[test]
    fn when_all_fail_every_reason_is_told() {
        let sources = TimeSources::new(vec![
            source("a", Err(ChannelError::BadAnswer("wrong nonce".into()))),
            source("b", Err(ChannelError::Timeout)),
        ]);
        let message = sources.stamp(cx(), IMPRINT).unwrap_err().to_string();
        assert!(
            message.contains("a: bad answer: wrong nonce") && message.contains("b: no answer"),
            "{message}"
        );
    }

    #[test]
    fn without_a_source_the_reason_is_clear() {
        let message = TimeSources::new(vec![]).stamp(cx(), IMPRINT).unwrap_err().to_string();
        assert!(message.contains("no time-stamp source"), "{message}");
    }
}
