//! CA channel `ca-est`: Enrollment over Secure Transport (RFC 7030), client side. See README.md.
//!
//! The certification request is made and signed in the token; EST carries it. A CA that wants time answers 202 with Retry-After; the
//! ticket is then the request itself, which RFC 7030 4.2.3 has the client send again.

mod attributes;
mod certs_only;
mod own;

use attributes::Wanted;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub use certs_only::{certificates, chain_for};
use hufu_api::{
    CaChannel, Chain, ChannelError, Clock, Csr, Cx, Der, Enrollment, Factory, Host, PluginError, Profile,
    Revocation, Ticket, UnixTime,
};
use hufu_https::{Answer, Call, Client, Scheme, Tls};
use hufu_x509::Request;
use own::{Own, Renewal};
use parking_lot::{Mutex, RwLock};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How the registry builds it.
pub const FACTORY: Factory<dyn CaChannel> =
    Factory { kind: "ca-est", build: |host, table| Ok(Box::new(EstCa::new(host, table)?)) };

/// The largest answer that is read.
const MAX_ANSWER: u64 = 256 * 1024;

/// How long the CA certificates are used before they are fetched again.
const CA_CERTIFICATES_FOR: Duration = Duration::from_secs(3600);

/// The longest that a Retry-After is believed.
const LONGEST_RETRY: i64 = 7 * 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The server: `https://est.example.cn` or, with a CA label, `https://est.example.cn/.well-known/est/LABEL`.
    url: String,
    /// User name for HTTP Basic authentication.
    username: Option<String>,
    /// File with its password, readable by its owner only.
    password: Option<PathBuf>,
    /// Roots of the server's certificate, and the client certificate.
    #[serde(default)]
    tls: Tls,
    /// A folder for renewed client certificates with their keys, readable by its owner only. Without it the client certificate is
    /// renewed by hand.
    renewed: Option<PathBuf>,
}

/// An EST server.
pub struct EstCa {
    client: RwLock<Client>,
    own: Own,
    files: (PathBuf, Scheme),
    renewal: Mutex<Option<Renewal>>,
    base: String,
    authorization: Option<(String, String)>,
    clock: Arc<dyn Clock>,
    authorities: Mutex<Option<(Instant, Vec<Der>)>>,
    wanted: Mutex<Option<(Instant, Wanted)>>,
}

impl EstCa {
    /// Makes the channel from its file.
    ///
    /// # Errors
    /// When a setting is wrong, nothing authenticates us, or a file cannot be read.
    pub fn new(host: &Host<'_>, table: toml::Table) -> Result<Self, PluginError> {
        let settings: Settings = table.try_into().map_err(|e: toml::de::Error| PluginError(e.to_string()))?;
        Self::with(settings, host.base, Arc::clone(&host.clock), Scheme::HttpsOnly)
    }

    fn with(
        settings: Settings,
        base: &Path,
        clock: Arc<dyn Clock>,
        scheme: Scheme,
    ) -> Result<Self, PluginError> {
        let no = |text: &str| Err(PluginError(text.to_owned()));
        if scheme == Scheme::HttpsOnly && !settings.url.starts_with("https://") {
            return no("url: EST needs an https:// address");
        }
        let authorization = match (&settings.username, &settings.password) {
            (None, None) if settings.tls.certificate.is_none() => {
                return no(
                    "an EST server must know who asks: give [tls] certificate and key, or username and password",
                );
            }
            (None, None) => None,
            (Some(user), Some(file)) => {
                let secret = hufu_https::read_secret(&base.join(file))?;
                let value = STANDARD.encode(format!("{user}:{}", secret.text()?));
                Some(("Authorization".to_owned(), format!("Basic {value}")))
            }
            _ => return no("username and password belong together"),
        };
        if settings.renewed.is_some() && settings.tls.certificate.is_none() {
            return no("renewed: there is no client certificate to renew");
        }
        let own = Own::new(settings.tls, base, settings.renewed.as_deref());
        let url = settings.url.trim_end_matches('/');
        let base_url =
            if url.contains("/.well-known/est") { url.to_owned() } else { format!("{url}/.well-known/est") };
        Ok(Self {
            client: RwLock::new(Client::new(&own.tls(), base, scheme)?),
            own,
            files: (base.to_owned(), scheme),
            renewal: Mutex::default(),
            base: base_url,
            authorization,
            clock,
            authorities: Mutex::default(),
            wanted: Mutex::default(),
        })
    }

    fn call(&self, cx: Cx, operation: &str, body: Option<&str>) -> Result<Answer, ChannelError> {
        let mut headers: Vec<(String, String)> = self.authorization.iter().cloned().collect();
        if body.is_some() {
            headers.push(("Content-Type".into(), "application/pkcs10".into()));
            headers.push(("Content-Transfer-Encoding".into(), "base64".into()));
        }
        let call = Call {
            method: if body.is_some() { "POST" } else { "GET" },
            url: &format!("{}/{operation}", self.base),
            headers: &headers,
            body: body.map(str::as_bytes),
            limit: MAX_ANSWER,
        };
        let client = self.client.read().clone();
        client.call(cx, &call)
    }

    /// simpleenroll (4.2.1): the same request goes again until the CA has decided.
    fn simple_enroll(&self, cx: Cx, request: &[u8]) -> Result<Enrollment, ChannelError> {
        let key = Request::verified(request).map_err(|e| ChannelError::Refused(e.to_string()))?.spki;
        let wanted = self.wanted(cx)?;
        if let Some(why) = wanted.unfit(&key) {
            return Err(ChannelError::Refused(why));
        }
        let answer = self.call(cx, "simpleenroll", Some(&STANDARD.encode(request)))?;
        match answer.status {
            200 => Ok(Enrollment::Issued(Chain(self.issued(cx, &answer, &key)?))),
            202 => {
                let not_before = self.again(&answer);
                Ok(Enrollment::Pending(Ticket { opaque: request.to_vec(), not_before }))
            }
            _ => Err(match (refusal(&answer), wanted.hint()) {
                (ChannelError::Refused(said), Some(hint)) => ChannelError::Refused(format!("{said}; {hint}")),
                (other, _) => other,
            }),
        }
    }

    /// The chain over `key` in an answer of 200.
    fn issued(&self, cx: Cx, answer: &Answer, key: &[u8]) -> Result<Vec<Der>, ChannelError> {
        let issued = certificates(&decoded(answer)?).map_err(|e| ChannelError::BadAnswer(e.to_string()))?;
        let chain = chain_for(key, issued, &self.ca_certificates(cx)?);
        chain.ok_or_else(|| ChannelError::BadAnswer("no certificate for this key".into()))
    }

    /// When to ask again after a 202: Retry-After in seconds, or a date, which we take as an hour, since the next try is told
    /// the same again.
    fn again(&self, answer: &Answer) -> UnixTime {
        let retry = answer.header("retry-after").and_then(|v| v.trim().parse::<i64>().ok());
        let pause = retry.unwrap_or(3600).clamp(1, LONGEST_RETRY);
        self.clock.now_untrusted().plus_millis(pause * 1000)
    }

    /// simplereenroll (4.2.2) for our own client certificate, in the last third of its life; when to look again.
    fn renew_own(&self, cx: Cx) -> Result<Option<UnixTime>, ChannelError> {
        let unreadable = |PluginError(why)| ChannelError::Unavailable(why);
        let Some(old) = self.own.certificate().map_err(unreadable)? else { return Ok(None) };
        let (now, due) = (self.clock.now_untrusted(), own::due(&old));
        if now < due {
            return Ok(Some(due));
        }
        if !self.own.renews() {
            let days = old.not_after.millis().saturating_sub(now.millis()) / 86_400_000;
            let why = format!("the client certificate ends in {days} days; replace it, or set `renewed`");
            return Err(ChannelError::Unavailable(why));
        }
        let mut waiting = self.renewal.lock();
        let renewal = match waiting.take() {
            Some(renewal) => renewal,
            None => Renewal::of(&old)?,
        };
        let answer = self.call(cx, "simplereenroll", Some(&STANDARD.encode(&renewal.request)))?;
        match answer.status {
            200 => {
                let chain = self.issued(cx, &answer, renewal.spki())?;
                self.own.store(&renewal, &chain, now)?;
                let (base, scheme) = &self.files;
                *self.client.write() = Client::new(&self.own.tls(), base, *scheme).map_err(unreadable)?;
                let new = self.own.certificate().map_err(unreadable)?;
                Ok(new.as_ref().map(own::due))
            }
            202 => {
                *waiting = Some(renewal);
                Ok(Some(self.again(&answer)))
            }
            _ => Err(refusal(&answer)),
        }
    }

    /// csrattrs (4.5): what the server wants in requests. A server that says nothing, or does not know the call, wants nothing.
    fn wanted(&self, cx: Cx) -> Result<Wanted, ChannelError> {
        if let Some((at, known)) = self.wanted.lock().as_ref()
            && at.elapsed() < CA_CERTIFICATES_FOR
        {
            return Ok(known.clone());
        }
        let answer = self.call(cx, "csrattrs", None)?;
        let wanted = match answer.status {
            200 => {
                let text: Vec<u8> =
                    answer.body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
                let bytes = STANDARD
                    .decode(text)
                    .map_err(|e| ChannelError::BadAnswer(format!("csrattrs: base64: {e}")))?;
                Wanted::parse(&bytes).map_err(|e| ChannelError::BadAnswer(format!("csrattrs: {e}")))?
            }
            204 | 400..=499 => Wanted::default(),
            _ => return Err(refusal(&answer)),
        };
        *self.wanted.lock() = Some((Instant::now(), wanted.clone()));
        Ok(wanted)
    }

    fn ca_certificates(&self, cx: Cx) -> Result<Vec<Der>, ChannelError> {
        if let Some((at, known)) = self.authorities.lock().as_ref()
            && at.elapsed() < CA_CERTIFICATES_FOR
        {
            return Ok(known.clone());
        }
        let answer = self.call(cx, "cacerts", None)?;
        if answer.status != 200 {
            return Err(refusal(&answer));
        }
        let all = certificates(&decoded(&answer)?).map_err(|e| ChannelError::BadAnswer(e.to_string()))?;
        let ordered = certs_only::anchors_last(all);
        *self.authorities.lock() = Some((Instant::now(), ordered.clone()));
        Ok(ordered)
    }
}

impl CaChannel for EstCa {
    fn enroll(&self, cx: Cx, csr: Csr<'_>, _profile: &Profile) -> Result<Enrollment, ChannelError> {
        self.simple_enroll(cx, csr.der)
    }

    fn resume(&self, cx: Cx, ticket: &Ticket) -> Result<Enrollment, ChannelError> {
        self.simple_enroll(cx, &ticket.opaque)
    }

    fn revoke(&self, _cx: Cx, _what: &Revocation) -> Result<(), ChannelError> {
        // EST has no revocation; it goes the CA's own way.
        Err(ChannelError::Unsupported)
    }

    fn authorities(&self, cx: Cx) -> Result<Vec<Der>, ChannelError> {
        self.ca_certificates(cx)
    }

    fn maintain(&self, cx: Cx) -> Result<Option<UnixTime>, ChannelError> {
        self.renew_own(cx)
    }
}

/// The body, base64 with whatever line ends; RFC 8951 has servers leave Content-Transfer-Encoding out.
fn decoded(answer: &Answer) -> Result<Vec<u8>, ChannelError> {
    let kind = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if !kind.starts_with("application/pkcs7-mime") {
        return Err(ChannelError::BadAnswer(format!("content type {kind:?}")));
    }
    let text: Vec<u8> = answer.body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    STANDARD.decode(text).map_err(|e| ChannelError::BadAnswer(format!("base64: {e}")))
}

/// 4xx is the CA's no, with its words if they are text (4.2.3); everything else may pass.
fn refusal(answer: &Answer) -> ChannelError {
    let text = String::from_utf8_lossy(&answer.body);
    let words: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    let said = format!("HTTP status {} {words}", answer.status).trim_end().to_owned();
    match answer.status {
        // The server wants other credentials than ours: no fault of the request, but nothing that waiting mends.
        400..=499 if ![408, 425, 429].contains(&answer.status) => ChannelError::Refused(said),
        _ => ChannelError::Unavailable(said),
    }
}

#[cfg(test)]
mod tests;
