//! CA channel `ca-cmp`: the Certificate Management Protocol (RFC 4210, in the lightweight profile of RFC 9483) over HTTP (RFC 6712).
//! See README.md.
//!
//! The request is the PKCS#10 that the token signed (p10cr), messages both ways are protected by a MAC under a shared secret, a CA
//! that wants time is polled.

mod body;
mod mac;
mod message;

use body::{Body, PkiStatus};
use hufu_api::{
    CaChannel, Chain, ChannelError, Clock, Csr, Cx, Der, Enrollment, Entropy, Factory, Host, PluginError,
    Profile, Revocation, Ticket,
};
use hufu_https::{Call, Client, Scheme, Secret, Tls};
use hufu_x509::{Certificate, Request, SignatureAlgorithm, signature::verify_signed};
use message::{Exchange, Message};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Reads a PKIMessage as an answer under the shared `secret`, as the channel does; the fuzz targets drive it.
///
/// # Errors
/// What is wrong with it: encoding, protection.
pub fn read_answer(message: &[u8], secret: &[u8]) -> Result<(), String> {
    message::read(message, secret).map(|_| ())
}

/// How the registry builds it.
pub const FACTORY: Factory<dyn CaChannel> =
    Factory { kind: "ca-cmp", build: |host, table| Ok(Box::new(CmpCa::new(host, table)?)) };

/// The largest answer that is read.
const MAX_ANSWER: u64 = 256 * 1024;

/// The longest that a checkAfter is believed, in seconds.
const LONGEST_WAIT: i64 = 7 * 86_400;

/// certReqId of a p10cr, which has none of its own (RFC 9483 4.1.4).
const P10_ID: i64 = -1;

/// A chain is no longer than this.
const LONGEST_CHAIN: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The server's address. Messages are protected themselves, so `http://` will do.
    url: String,
    /// Our name at the CA: the reference value that belongs to the secret.
    reference: String,
    /// File with the shared secret, readable by its owner only.
    secret: PathBuf,
    /// Roots and client certificate for an `https://` address.
    #[serde(default)]
    tls: Tls,
}

/// A CMP server.
pub struct CmpCa {
    client: Client,
    url: String,
    reference: String,
    secret: Secret,
    anchors: Vec<Der>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What a ticket holds.
#[derive(Serialize, Deserialize)]
struct Waiting {
    transaction: [u8; 16],
    recipient_nonce: Vec<u8>,
    spki: Vec<u8>,
}

impl CmpCa {
    /// Makes the channel from its file.
    ///
    /// # Errors
    /// When a setting is wrong, a file cannot be read, or no anchors are configured.
    pub fn new(host: &Host<'_>, table: toml::Table) -> Result<Self, PluginError> {
        let settings: Settings = table.try_into().map_err(|e: toml::de::Error| PluginError(e.to_string()))?;
        let no = |text: &str| Err(PluginError(text.to_owned()));
        if !settings.url.starts_with("http://") && !settings.url.starts_with("https://") {
            return no("url: must begin with http:// or https://");
        }
        if host.anchors.is_empty() {
            return no(
                "anchors: name a PEM file with the CA certificates that certificates from this channel chain to",
            );
        }
        let secret = hufu_https::read_secret(&host.base.join(&settings.secret))?;
        if secret.text()?.len() < 8 {
            return no("secret: at least 8 characters");
        }
        Ok(Self {
            client: Client::new(&settings.tls, host.base, Scheme::HttpToo)?,
            url: settings.url,
            reference: settings.reference,
            secret,
            anchors: host.anchors.to_vec(),
            clock: Arc::clone(&host.clock),
            entropy: Arc::clone(&host.entropy),
        })
    }

    /// Sends one body and returns the answer's, protection and nonces checked.
    fn exchange(&self, cx: Cx, exchange: &mut Exchange, body: &[u8]) -> Result<Message, ChannelError> {
        let mut salt = [0; 16];
        self.entropy.fill(&mut salt).map_err(|e| ChannelError::Unavailable(e.to_string()))?;
        self.entropy
            .fill(&mut exchange.sender_nonce)
            .map_err(|e| ChannelError::Unavailable(e.to_string()))?;
        let secret = self.secret.text().map_err(|e| ChannelError::Unavailable(e.0))?.as_bytes();
        let now = self.clock.now_untrusted();
        let bytes = message::protected(exchange, &self.reference, now, body, secret, &salt)
            .map_err(|e| ChannelError::Unavailable(e.to_string()))?;
        let headers = [("Content-Type".to_owned(), "application/pkixcmp".to_owned())];
        let call =
            Call { method: "POST", url: &self.url, headers: &headers, body: Some(&bytes), limit: MAX_ANSWER };
        let answer = self.client.call(cx, &call)?;
        if answer.status != 200 {
            return Err(ChannelError::Unavailable(format!("HTTP status {}", answer.status)));
        }
        let message = message::read(&answer.body, secret).map_err(ChannelError::BadAnswer)?;
        if message.transaction != exchange.transaction || message.recipient_nonce != exchange.sender_nonce {
            return Err(ChannelError::BadAnswer("an answer to another message".into()));
        }
        exchange.recipient_nonce.clone_from(&message.sender_nonce);
        match &message.body {
            Body::Error(status) => Err(refusal(status)),
            _ => Ok(message),
        }
    }

    /// What a CertRepMessage or a poll's answer means for an enrolment over `spki`.
    fn decided(
        &self,
        cx: Cx,
        mut exchange: Exchange,
        answer: &Message,
        spki: &[u8],
    ) -> Result<Enrollment, ChannelError> {
        let wait = |seconds: i64, exchange: &Exchange| {
            let waiting = Waiting {
                transaction: exchange.transaction,
                recipient_nonce: exchange.recipient_nonce.clone(),
                spki: spki.to_vec(),
            };
            let opaque =
                serde_json::to_vec(&waiting).map_err(|e| ChannelError::Unavailable(e.to_string()))?;
            let pause = seconds.clamp(1, LONGEST_WAIT);
            let not_before = self.clock.now_untrusted().plus_millis(pause * 1000);
            Ok(Enrollment::Pending(Ticket { opaque, not_before }))
        };
        match &answer.body {
            Body::Waiting { seconds } => wait(*seconds, &exchange),
            Body::Issued { status, .. } if status.code == 3 => wait(60, &exchange),
            Body::Issued { status, .. } if status.code > 1 => Err(refusal(status)),
            Body::Issued { certificate: Some(leaf), extra, .. } => {
                let read = Certificate::from_der(leaf).map_err(|e| ChannelError::BadAnswer(e.to_string()))?;
                if read.spki != spki {
                    return Err(ChannelError::BadAnswer("the certificate is for another key".into()));
                }
                if !answer.implicit_confirm {
                    let confirm = body::confirm(&hash_of(&read)?, P10_ID);
                    match self.exchange(cx, &mut exchange, &confirm)?.body {
                        Body::Confirmed => {}
                        _ => {
                            return Err(ChannelError::BadAnswer("no confirmation of the certificate".into()));
                        }
                    }
                }
                Ok(Enrollment::Issued(Chain(self.chain(read, extra, &answer.extra_certificates))))
            }
            _ => Err(ChannelError::BadAnswer("neither a certificate nor a reason".into())),
        }
    }

    /// The leaf, each followed by its issuer among what came and the anchors.
    fn chain(&self, leaf: Certificate, first: &[Vec<u8>], second: &[Vec<u8>]) -> Vec<Der> {
        let known = first.iter().chain(second).chain(self.anchors.iter().map(|der| &der.0));
        let all: Vec<Certificate> = known.filter_map(|der| Certificate::from_der(der).ok()).collect();
        let mut chain = vec![Der(leaf.der().to_vec())];
        let mut current = &leaf;
        while chain.len() < LONGEST_CHAIN && !current.is_self_issued() {
            let issued = |parent: &&Certificate| {
                let algorithm = &current.signature_algorithm;
                parent.subject.der() == current.issuer.der()
                    && verify_signed(&parent.spki, algorithm, current.tbs(), &current.signature).is_ok()
            };
            let Some(parent) = all.iter().find(issued) else { break };
            chain.push(Der(parent.der().to_vec()));
            current = parent;
        }
        chain
    }

    fn begin(&self) -> Result<Exchange, ChannelError> {
        let mut transaction = [0; 16];
        self.entropy.fill(&mut transaction).map_err(|e| ChannelError::Unavailable(e.to_string()))?;
        Ok(Exchange { transaction, sender_nonce: [0; 16], recipient_nonce: Vec::new() })
    }
}

impl CaChannel for CmpCa {
    fn enroll(&self, cx: Cx, csr: Csr<'_>, _profile: &Profile) -> Result<Enrollment, ChannelError> {
        let spki = Request::verified(csr.der).map_err(|e| ChannelError::Refused(e.to_string()))?.spki;
        let mut exchange = self.begin()?;
        let answer = self.exchange(cx, &mut exchange, &body::p10(csr.der))?;
        self.decided(cx, exchange, &answer, &spki)
    }

    fn resume(&self, cx: Cx, ticket: &Ticket) -> Result<Enrollment, ChannelError> {
        let waiting: Waiting = serde_json::from_slice(&ticket.opaque)
            .map_err(|e| ChannelError::Refused(format!("not a ticket of this channel: {e}")))?;
        let Waiting { transaction, recipient_nonce, spki } = waiting;
        let mut exchange = Exchange { transaction, sender_nonce: [0; 16], recipient_nonce };
        let answer = self.exchange(cx, &mut exchange, &body::poll(P10_ID))?;
        self.decided(cx, exchange, &answer, &spki)
    }

    fn revoke(&self, cx: Cx, what: &Revocation) -> Result<(), ChannelError> {
        let certificate = Certificate::from_der(&what.certificate.0)
            .map_err(|e| ChannelError::Refused(format!("not a certificate: {e}")))?;
        let request = body::revoke(certificate.issuer.der(), &certificate.serial, what.reason);
        match self.exchange(cx, &mut self.begin()?, &request)?.body {
            Body::Revoked(status) if status.code <= 1 || status.already_revoked => Ok(()),
            Body::Revoked(status) => Err(refusal(&status)),
            _ => Err(ChannelError::BadAnswer("no answer to a revocation".into())),
        }
    }

    fn authorities(&self, _cx: Cx) -> Result<Vec<Der>, ChannelError> {
        Ok(self.anchors.clone())
    }
}

/// certHash: the certificate under the hash of its own signature (RFC 4210 5.3.18).
fn hash_of(certificate: &Certificate) -> Result<Vec<u8>, ChannelError> {
    let same = |a: &&SignatureAlgorithm| a.identifier() == certificate.signature_algorithm;
    let known =
        [SignatureAlgorithm::EcdsaSha256, SignatureAlgorithm::EcdsaSha384, SignatureAlgorithm::RsaSha256];
    let algorithm = known.iter().find(same);
    let algorithm =
        algorithm.ok_or_else(|| ChannelError::BadAnswer("a certificate with another hash".into()))?;
    Ok(algorithm.digest(certificate.der()))
}

/// The CA's no, in its own words.
fn refusal(status: &PkiStatus) -> ChannelError {
    let text = format!("status {}{}", status.code, status.words());
    // systemUnavail and systemFailure may pass (RFC 4210 appendix F).
    if status.may_pass { ChannelError::Unavailable(text) } else { ChannelError::Refused(text) }
}

#[cfg(test)]
mod tests;
