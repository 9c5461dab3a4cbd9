//! Reading and verifying TimeStampTokens (RFC 3161 2.4.2).

use crate::cms::{self, CmsError, Content, Finding, SignedData, SignerError, VerifiedSigner};
use crate::x509::asn1::{AnyOid, Asn1Error, Rules, Value, tag};
use crate::x509::signature::{Digest, SignatureError, Work};
use crate::x509::{Certificate, X509Error, parse_time};
use const_oid::db::rfc5280::ID_KP_TIME_STAMPING;
use hufu_api::UnixTime;

/// A TSTInfo as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TstInfo {
    /// The policy under which it was issued.
    pub policy: AnyOid,
    /// Hash of the imprint.
    pub digest: Digest,
    /// The imprint.
    pub imprint: Vec<u8>,
    /// Serial number, INTEGER content octets.
    pub serial: Vec<u8>,
    /// The time that is certified.
    pub time: UnixTime,
    /// How far it may be off, in microseconds, when the token says so.
    pub accuracy_micros: Option<u64>,
    /// Whether tokens of this TSA are ordered by time alone.
    pub ordering: bool,
    /// The requester's nonce, INTEGER content octets.
    pub nonce: Option<Vec<u8>>,
}

/// A time-stamp token, read but not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The CMS around it.
    pub signed_data: SignedData,
    /// What it says.
    pub info: TstInfo,
}

/// A token whose signature verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    /// What it says.
    pub info: TstInfo,
    /// The TSA's signature. Its certificate is for time-stamping, but trust in it has not been asked.
    pub signer: VerifiedSigner,
    /// Departures from the standard that do not touch the proof.
    pub findings: Vec<TokenFinding>,
}

/// What is noteworthy about a token that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenFinding {
    /// A finding about the signature.
    Signature(Finding),
    /// The imprint's hash is broken: somebody may have made two documents with this imprint.
    BrokenImprint(Digest),
    /// extendedKeyUsage of the TSA certificate is not critical (RFC 3161 2.3).
    UsageNotCritical,
    /// The TSA certificate is for other things too (RFC 3161 2.3).
    FurtherUsages,
}

impl std::fmt::Display for TokenFinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Signature(finding) => finding.fmt(f),
            Self::BrokenImprint(digest) => write!(f, "the imprint is made with {digest}"),
            Self::UsageNotCritical => f.write_str("the TSA certificate's extendedKeyUsage is not critical"),
            Self::FurtherUsages => f.write_str("the TSA certificate may be used for more than time-stamping"),
        }
    }
}

/// Why a token is not good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// No token, or not one of version 1.
    #[error("time-stamp token: {0}")]
    Malformed(String),
    /// It stamps something else.
    #[error("the time stamp is for other data")]
    OtherData,
    /// The TSA's signature.
    #[error("the time stamp's signature: {0}")]
    Signer(#[from] SignerError),
    /// The signer is not a time-stamping authority.
    #[error("the time stamp's signer is not certified for time-stamping")]
    NotATsa,
    /// It answers another request, or not as asked.
    #[error("the answer does not fit the request: {0}")]
    OtherRequest(String),
    /// The authority refused.
    #[error("the time-stamping authority refused: {0}")]
    Refused(String),
}

impl From<CmsError> for TokenError {
    fn from(error: CmsError) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<Asn1Error> for TokenError {
    fn from(error: Asn1Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<X509Error> for TokenError {
    fn from(error: X509Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<SignatureError> for TokenError {
    fn from(error: SignatureError) -> Self {
        Self::Signer(SignerError::Signature(error))
    }
}

impl Token {
    /// Reads a token that fills `bytes`.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let (token, used) = Self::from_prefix(bytes)?;
        if used == bytes.len() { Ok(token) } else { Err(Asn1Error::Trailing.into()) }
    }

    /// Reads a token at the beginning of `bytes`, as `/Contents` of a document time stamp has it, and says how many octets it takes.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_prefix(bytes: &[u8]) -> Result<(Self, usize), TokenError> {
        let (signed_data, used) = SignedData::from_prefix(bytes)?;
        if signed_data.content_type != cms::oid::TST_INFO {
            return Err(TokenError::Malformed(format!("content type {}", signed_data.content_type)));
        }
        let content = signed_data.content.as_deref().unwrap_or_default();
        let info = TstInfo::from_bytes(content)?;
        Ok((Self { signed_data, info }, used))
    }

    /// Verifies that this token stamps `data` and is signed by a certificate for time-stamping. `more` are certificates beside those
    /// in the token.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn verify(&self, data: Content<'_>, more: &[Vec<u8>]) -> Result<VerifiedToken, TokenError> {
        self.verify_within(data, more, &Work::new(u32::MAX))
    }

    /// As [`Self::verify`], paid out of `work`.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn verify_within(
        &self,
        data: Content<'_>,
        more: &[Vec<u8>],
        work: &Work,
    ) -> Result<VerifiedToken, TokenError> {
        if data.digest(self.info.digest)? != self.info.imprint {
            return Err(TokenError::OtherData);
        }
        self.verify_signature_within(more, work)
    }

    /// Verifies all but the imprint.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn verify_signature(&self, more: &[Vec<u8>]) -> Result<VerifiedToken, TokenError> {
        self.verify_signature_within(more, &Work::new(u32::MAX))
    }

    /// As [`Self::verify_signature`], paid out of `work`.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn verify_signature_within(
        &self,
        more: &[Vec<u8>],
        work: &Work,
    ) -> Result<VerifiedToken, TokenError> {
        let signer = self.signed_data.verify_single_within(None, more, work)?;
        let mut findings: Vec<_> = signer.findings.iter().cloned().map(TokenFinding::Signature).collect();
        findings.extend(usage(&signer.certificate)?);
        if self.info.digest.is_broken() {
            findings.push(TokenFinding::BrokenImprint(self.info.digest));
        }
        Ok(VerifiedToken { info: self.info.clone(), signer, findings })
    }
}

/// RFC 3161 2.3: extendedKeyUsage must be there and contain timeStamping; that it should be critical and alone is only noted.
fn usage(certificate: &Certificate) -> Result<Vec<TokenFinding>, TokenError> {
    let Some((critical, purposes)) = certificate.extended_key_usage()? else {
        return Err(TokenError::NotATsa);
    };
    if !purposes.contains(&ID_KP_TIME_STAMPING) {
        return Err(TokenError::NotATsa);
    }
    let mut findings = Vec::new();
    if !critical {
        findings.push(TokenFinding::UsageNotCritical);
    }
    if purposes.len() > 1 {
        findings.push(TokenFinding::FurtherUsages);
    }
    Ok(findings)
}

impl TstInfo {
    /// Reads a TSTInfo.
    ///
    /// # Errors
    /// When it is none, its version is not 1, or it has a critical extension.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let mut fields = Value::parse(bytes, Rules::Ber)?.typed(tag::SEQUENCE)?.children()?;
        if fields.expect(tag::INTEGER)?.unsigned()? != 1 {
            return Err(TokenError::Malformed("version is not 1".into()));
        }
        let policy = fields.any()?.any_oid()?;
        let mut imprint = fields.expect(tag::SEQUENCE)?.children()?;
        let digest = Digest::from_identifier(imprint.expect(tag::SEQUENCE)?.raw)?;
        let imprint = imprint.any()?.octets()?.into_owned();
        let serial = fields.expect(tag::INTEGER)?.integer(64)?.to_vec();
        let time = parse_time(fields.expect(tag::GENERALIZED_TIME)?)?;
        let accuracy_micros = fields.optional(tag::SEQUENCE)?.map(accuracy).transpose()?;
        let ordering = fields.optional(tag::BOOLEAN)?.map(Value::boolean).transpose()?.unwrap_or(false);
        let nonce = fields.optional(tag::INTEGER)?.map(|v| v.integer(64).map(<[u8]>::to_vec)).transpose()?;
        fields.optional(tag::context(0))?;
        if let Some(extensions) = fields.optional(tag::context(1))? {
            critical_extension(extensions)?;
        }
        fields.end()?;
        Ok(Self { policy, digest, imprint, serial, time, accuracy_micros, ordering, nonce })
    }
}

/// `[1] IMPLICIT Extensions`: none is known here, so none may be critical.
fn critical_extension(extensions: Value<'_>) -> Result<(), TokenError> {
    for extension in extensions.children()?.all(32, "extensions")? {
        let mut fields = extension.typed(tag::SEQUENCE)?.children()?;
        let oid = fields.any()?.any_oid()?;
        if fields.optional(tag::BOOLEAN)?.map(Value::boolean).transpose()? == Some(true) {
            return Err(TokenError::Malformed(format!("critical extension {oid}")));
        }
    }
    Ok(())
}

fn accuracy(value: Value<'_>) -> Result<u64, Asn1Error> {
    let mut fields = value.children()?;
    let seconds = fields.optional(tag::INTEGER)?.map(Value::unsigned).transpose()?.unwrap_or(0);
    let mut small = |n| match fields.optional(tag::context_primitive(n))?.map(|v| v.content) {
        None => Ok(0),
        Some([one]) if *one < 0x80 => Ok(u64::from(*one)),
        Some([two, one]) if *two < 0x80 => Ok(u64::from(u16::from_be_bytes([*two, *one]))),
        Some(_) => Err(Asn1Error::Content("accuracy")),
    };
    let (millis, micros) = (small(0)?, small(1)?);
    fields.end()?;
    Ok(seconds.saturating_mul(1_000_000).saturating_add(millis * 1000).saturating_add(micros))
}
