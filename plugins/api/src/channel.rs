//! Ports to the outside: certificate authorities, time-stamping authorities, SMS gateways.

use crate::{Profile, Repository, SignerKind, Subject, UnixTime};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, Instant};

/// DER bytes of one ASN.1 value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Der(pub Vec<u8>);

/// Names one request through all processes and logs: 128 random bits, shown as 32 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u128);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The circumstances of a call: whose request it serves and until when an answer is of use.
#[derive(Clone, Copy, Debug)]
pub struct Cx {
    /// The request that this call belongs to.
    pub request: RequestId,
    /// After this moment nobody waits for the answer.
    pub deadline: Instant,
}

impl Cx {
    /// Time left; zero once the deadline has passed.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The same request with a deadline no later than `limit` from now.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        let deadline = Instant::now().checked_add(limit).map_or(self.deadline, |d| d.min(self.deadline));
        Self { request: self.request, deadline }
    }
}

/// Why a channel did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The other side said no and will say no again. The text is for the operator and the client.
    #[error("refused: {0}")]
    Refused(String),
    /// It cannot be reached or is out of order for now; trying later may help.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// No answer before the deadline.
    #[error("no answer in time")]
    Timeout,
    /// An answer came that is not what the protocol or the request allows.
    #[error("bad answer: {0}")]
    BadAnswer(String),
    /// The channel does not offer this.
    #[error("not supported by this channel")]
    Unsupported,
}

/// Binds a scene certificate to what it will sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SceneBinding {
    /// SHA-256 of the file as it came in.
    pub document_sha256: [u8; 32],
    /// The consent record (audit record number) that the signature rests on, if there was one.
    pub consent: Option<u64>,
}

/// A request for a certificate: PKCS#10 plus what the core knows about the signer.
#[derive(Clone, Copy, Debug)]
pub struct Csr<'a> {
    /// The DER CertificationRequest (RFC 2986), signed by the new key inside the token.
    pub der: &'a [u8],
    /// The name that the certificate shall carry.
    pub subject: &'a Subject,
    /// For scene certificates: what the certificate is bound to.
    pub scene: Option<&'a SceneBinding>,
}

/// A certificate with its issuers: leaf first, each followed by its issuer, the trust anchor may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain(pub Vec<Der>);

/// A claim check for an enrolment that the CA has not decided yet; opaque to the core, at most 4 KiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// What the channel needs to ask again.
    pub opaque: Vec<u8>,
    /// Do not ask before.
    pub not_before: UnixTime,
}

/// What a CA answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enrollment {
    /// The certificate.
    Issued(Chain),
    /// Ask again with the ticket.
    Pending(Ticket),
}

/// CRLReason of RFC 5280 5.3.1, the ones a registration authority may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// unspecified (0)
    Unspecified,
    /// keyCompromise (1)
    KeyCompromise,
    /// affiliationChanged (3): the name changed
    AffiliationChanged,
    /// superseded (4)
    Superseded,
    /// cessationOfOperation (5)
    CessationOfOperation,
    /// privilegeWithdrawn (9)
    PrivilegeWithdrawn,
}

/// Which certificate to revoke and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The certificate, DER.
    pub certificate: Der,
    /// Why.
    pub reason: RevocationReason,
    /// Since when it must not be trusted.
    pub at: UnixTime,
}

/// A certificate authority, whatever protocol it speaks.
pub trait CaChannel: Send + Sync {
    /// Asks for a certificate over `csr` under `profile`.
    ///
    /// # Errors
    /// See [`ChannelError`]. The core re-checks an issued certificate: key, chain, validity, profile.
    fn enroll(&self, cx: Cx, csr: Csr<'_>, profile: &Profile) -> Result<Enrollment, ChannelError>;

    /// Asks again for an enrolment that was pending.
    ///
    /// # Errors
    /// See [`ChannelError`].
    fn resume(&self, cx: Cx, ticket: &Ticket) -> Result<Enrollment, ChannelError>;

    /// Asks the CA to revoke a certificate that it issued. Revoking twice is a success.
    ///
    /// # Errors
    /// See [`ChannelError`].
    fn revoke(&self, cx: Cx, what: &Revocation) -> Result<(), ChannelError>;

    /// The CA certificates that issued certificates chain to, trust anchor last; empty when the channel cannot say.
    ///
    /// # Errors
    /// See [`ChannelError`].
    fn authorities(&self, cx: Cx) -> Result<Vec<Der>, ChannelError>;

    /// Does what is due without a request, such as a scheduled revocation list, and says when to be called again; the
    /// appliance calls it at start and then when asked to. `None`: nothing is ever due.
    ///
    /// # Errors
    /// See [`ChannelError`]; the appliance shows it in `/health` and calls again after a pause.
    fn maintain(&self, _cx: Cx) -> Result<Option<UnixTime>, ChannelError> {
        Ok(None)
    }

    /// What this channel's CA publishes through the appliance's own PKI listener; only a CA that lives here has it.
    fn repository(&self) -> Option<&dyn Repository> {
        None
    }
}

/// phoneRegion of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneRegion {
    /// 0: mainland, 11 digits beginning with 1, +86
    Mainland,
    /// 1: Hong Kong (+852) or Macao (+853), 8 digits
    HongKongMacao,
    /// 2: Taiwan, 10 digits, +886
    Taiwan,
}

/// A mobile number that has been checked against its region's rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mobile {
    /// Where.
    pub region: PhoneRegion,
    /// The national number, digits only.
    pub number: String,
}

/// A text to send. The code is a field of its own since gateways work with templates.
#[derive(Clone, Copy)]
pub struct SmsText<'a> {
    /// The code, digits.
    pub code: &'a str,
    /// Minutes that the code lives.
    pub valid_minutes: u32,
    /// Whom the code is for, person or company.
    pub signer: SignerKind,
}

/// The gateway's own reference of a message, if it gives one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsReceipt(pub Option<String>);

/// An SMS gateway.
pub trait SmsChannel: Send + Sync {
    /// Sends one text.
    ///
    /// # Errors
    /// See [`ChannelError`].
    fn send(&self, cx: Cx, to: &Mobile, text: SmsText<'_>) -> Result<SmsReceipt, ChannelError>;
}

/// Hash algorithms that message imprints may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HashAlgorithm {
    /// SHA-256
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
}

/// messageImprint of RFC 3161 2.4.1: a digest and its algorithm; the length fits the algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imprint<'a> {
    /// Which hash.
    pub algorithm: HashAlgorithm,
    /// The digest.
    pub digest: &'a [u8],
}

/// A time-stamping authority (RFC 3161).
pub trait TimestampSource: Send + Sync {
    /// Gets a TimeStampToken (a CMS ContentInfo) over `imprint`, certificates included.
    ///
    /// # Errors
    /// See [`ChannelError`]. The core re-checks nonce, imprint and chain.
    fn stamp(&self, cx: Cx, imprint: Imprint<'_>) -> Result<Der, ChannelError>;
}
