//! Time-stamp source `tsa-rfc3161`: remote authorities over HTTP, asked in order. See README.md.
//!
//! The plugin carries bytes, keeps each authority's standing and the budget; what a request and an answer must be is judged by the
//! appliance's own kernel, which it is lent.

mod budget;

use base64::Engine;
use budget::Budget;
use hufu_api::{
    ChannelError, Clock, Cx, Der, Entropy, Factory, Host, Imprint, PluginError, StampExpectation,
    TimestampProtocol, TimestampSource,
};
use hufu_https::{Call, Client, Scheme, Standing, Tls};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How the registry builds it.
pub const FACTORY: Factory<dyn TimestampSource> =
    Factory { kind: "tsa-rfc3161", build: |host, table| Ok(Box::new(RemoteTsa::new(host, table)?)) };

/// The largest answer that is read; tokens with long chains are below 16 KiB.
const MAX_ANSWER: u64 = 64 * 1024;

/// Calls to one authority at once.
const CALLS: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The authorities' addresses, in the order in which they are asked. Tokens are signed, so `http://` will do.
    urls: Vec<String>,
    /// The longest that one authority may take before the next is asked, in seconds.
    #[serde(default = "five")]
    seconds_each: u64,
    /// How far a token's time may stand from ours, in seconds.
    #[serde(default = "sixty")]
    tolerance_seconds: u32,
    /// Requests a day at most (UTC), for authorities that are paid by the stamp; counted through restarts.
    budget_per_day: Option<u64>,
    /// User name for HTTP Basic authentication.
    username: Option<String>,
    /// File with its password, readable by its owner only.
    password: Option<PathBuf>,
    /// Roots and client certificate for `https://` addresses.
    #[serde(default)]
    tls: Tls,
}

fn five() -> u64 {
    5
}

fn sixty() -> u32 {
    60
}

struct Authority {
    url: String,
    standing: Standing,
}

/// Remote authorities.
pub struct RemoteTsa {
    client: Client,
    authorities: Vec<Authority>,
    headers: Vec<(String, String)>,
    each: Duration,
    tolerance_millis: i64,
    budget: Option<Budget>,
    anchors: Vec<Der>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    protocol: Arc<dyn TimestampProtocol>,
}

impl RemoteTsa {
    /// Makes the source from its file.
    ///
    /// # Errors
    /// When a setting is wrong, or no anchors are configured: without them anybody's time would be believed.
    pub fn new(host: &Host<'_>, table: toml::Table) -> Result<Self, PluginError> {
        let settings: Settings = table.try_into().map_err(|e: toml::de::Error| PluginError(e.to_string()))?;
        let no = |text: &str| Err(PluginError(text.to_owned()));
        if settings.urls.is_empty() || settings.urls.len() > 16 {
            return no("urls: 1 to 16 addresses");
        }
        if settings.urls.iter().any(|u| !u.starts_with("http://") && !u.starts_with("https://")) {
            return no("urls: addresses begin with http:// or https://");
        }
        if host.anchors.is_empty() {
            return no("anchors: name a PEM file with the roots that the authorities' certificates chain to");
        }
        if !(1..=60).contains(&settings.seconds_each) || settings.tolerance_seconds > 3600 {
            return no("seconds_each must be from 1 to 60, tolerance_seconds at most 3600");
        }
        let mut headers = vec![
            ("Content-Type".to_owned(), "application/timestamp-query".to_owned()),
            ("Accept".to_owned(), "application/timestamp-reply".to_owned()),
        ];
        match (&settings.username, &settings.password) {
            (None, None) => {}
            (Some(user), Some(file)) => {
                if settings.urls.iter().any(|u| u.starts_with("http://")) {
                    return no("username: a password is sent to https:// addresses only");
                }
                let secret = hufu_https::read_secret(&host.base.join(file))?;
                let pair = format!("{user}:{}", secret.text()?);
                let value = base64::engine::general_purpose::STANDARD.encode(pair);
                headers.push(("Authorization".to_owned(), format!("Basic {value}")));
            }
            _ => return no("username and password belong together"),
        }
        let authority = |url: String| Authority { url, standing: Standing::new(CALLS) };
        Ok(Self {
            client: Client::new(&settings.tls, host.base, Scheme::HttpToo)?,
            authorities: settings.urls.into_iter().map(authority).collect(),
            headers,
            each: Duration::from_secs(settings.seconds_each),
            tolerance_millis: i64::from(settings.tolerance_seconds) * 1000,
            budget: settings.budget_per_day.map(|most| Budget::new(Arc::clone(&host.store), host.name, most)),
            anchors: host.anchors.to_vec(),
            clock: Arc::clone(&host.clock),
            entropy: Arc::clone(&host.entropy),
            protocol: Arc::clone(&host.timestamps),
        })
    }

    fn ask(&self, authority: &Authority, cx: Cx, imprint: Imprint<'_>) -> Result<Der, ChannelError> {
        let _place = authority.standing.enter().map_err(ChannelError::Unavailable)?;
        let answer = self.exchange(&authority.url, cx.within(self.each), imprint);
        match &answer {
            Ok(_) => authority.standing.succeeded(),
            Err(error) => authority.standing.failed(&error.to_string()),
        }
        answer
    }

    fn exchange(&self, url: &str, cx: Cx, imprint: Imprint<'_>) -> Result<Der, ChannelError> {
        let unavailable = |e: &dyn std::fmt::Display| ChannelError::Unavailable(e.to_string());
        let now = self.clock.now().map_err(|e| unavailable(&e))?;
        if let Some(budget) = &self.budget {
            budget.take(now)?;
        }
        let mut nonce = [0; 8];
        self.entropy.fill(&mut nonce).map_err(|e| unavailable(&e))?;
        let nonce = u64::from_be_bytes(nonce);
        let request = self.protocol.request(imprint, nonce)?;
        let call =
            Call { method: "POST", url, headers: &self.headers, body: Some(&request.0), limit: MAX_ANSWER };
        let answer = self.client.call(cx, &call)?;
        if answer.status != 200 {
            return Err(ChannelError::Unavailable(format!("HTTP status {}", answer.status)));
        }
        // A slow answer is judged by the time at which it came.
        let now = self.clock.now().map_err(|e| unavailable(&e))?;
        let expected = StampExpectation {
            imprint,
            nonce,
            anchors: &self.anchors,
            now,
            tolerance_millis: self.tolerance_millis,
        };
        self.protocol.accept(&answer.body, &expected)
    }
}

impl TimestampSource for RemoteTsa {
    fn stamp(&self, cx: Cx, imprint: Imprint<'_>) -> Result<Der, ChannelError> {
        // An imprint of which no request can be made is no failure of an authority.
        self.protocol.request(imprint, 0)?;
        let mut reasons = Vec::new();
        for authority in &self.authorities {
            if cx.remaining().is_zero() {
                return Err(ChannelError::Timeout);
            }
            match self.ask(authority, cx, imprint) {
                Ok(token) => return Ok(token),
                Err(error) => {
                    tracing::warn!(url = %authority.url, request = %cx.request, %error, "time-stamping authority failed");
                    reasons.push(format!("{}: {error}", authority.url));
                }
            }
        }
        Err(ChannelError::Unavailable(reasons.join("; ")))
    }
}
