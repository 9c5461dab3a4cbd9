//! What a verification says. Everything here is plain data: the operations turn it into the answers of the API, the
//! command line renders it, and it serialises to the JSON of the full report.

use super::finding::{Attack, Finding};
use hufu_api::UnixTime;
use serde::Serialize;

/// The verdict over one file: every signature with every reason. Names and texts inside come from the document and
/// are raw; encode them for the output they go to ([`crate::verify::visible`]).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Length of the file in bytes.
    pub length: u64,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// The time for which trust was judged where nothing proves an earlier one.
    pub validation_time: UnixTime,
    /// Signatures and document time stamps, oldest signed revision first. One entry per signature dictionary, however
    /// many places show it.
    pub signatures: Vec<SignatureReport>,
    /// The revisions of the file, oldest first.
    pub revisions: Vec<RevisionReport>,
    /// Findings that concern the file and no signature in particular.
    pub findings: Vec<Finding>,
}

impl Report {
    /// True when there is at least one signature and every one is unmodified with a good signature value. Trust and
    /// revocation do not count here.
    pub fn unmodified(&self) -> bool {
        !self.signatures.is_empty() && self.signatures.iter().all(|s| s.valid_modify)
    }

    /// True when every signature has passed in the sense of EN 319 102-1 and none is missing.
    pub fn passed(&self) -> bool {
        !self.signatures.is_empty() && self.signatures.iter().all(|s| s.indication == Indication::TotalPassed)
    }
}

impl Report {
    /// Certificates of valid chains whose revocation nothing at hand decides, each with its issuer's, DER.
    pub fn undecided(&self) -> Vec<(&[u8], &[u8])> {
        let stamps = self.signatures.iter().filter_map(|s| s.timestamp.as_ref()).map(|t| &t.chain);
        let mut all: Vec<(&[u8], &[u8])> = Vec::new();
        for chain in self.signatures.iter().map(|s| &s.chain).chain(stamps) {
            for pair in chain.windows(2) {
                if let [certificate, issuer] = pair
                    && certificate.revocation.as_ref().is_some_and(|r| r.status == RevocationStatus::Unknown)
                    && all.iter().all(|(known, _)| *known != certificate.der)
                {
                    all.push((&certificate.der, &issuer.der));
                }
            }
        }
        all
    }
}

/// One revision of the file: what one save appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevisionReport {
    /// The first byte that this revision added.
    pub start: u64,
    /// One past its last byte.
    pub end: u64,
    /// What it is, judged by what it changed.
    pub changes: Vec<Change>,
}

/// Approval, certification or time stamp (ISO 32000-2 12.8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureKind {
    /// An approval signature.
    Approval,
    /// A certification signature: it is the target of the catalogue's /Perms /DocMDP.
    Certification,
    /// A document time stamp (/SubFilter /ETSI.RFC3161).
    DocumentTimestamp,
}

/// Main status indication of EN 319 102-1 5.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub enum Indication {
    /// Everything was checked and holds.
    TotalPassed,
    /// The signature is broken or the document was changed.
    TotalFailed,
    /// What is at hand does not allow a verdict.
    Indeterminate,
}

/// Sub-indication of EN 319 102-1 5.1.3, tables 5 and 6: those that this validator gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SubIndication {
    /// The signature is not in the form that its standard demands.
    FormatFailure,
    /// The signed bytes are not the bytes that were signed, or the document was changed after signing.
    HashFailure,
    /// The signature value does not verify with the signer's key.
    SigCryptoFailure,
    /// The certificate was revoked at the proven time.
    Revoked,
    /// The certificate had expired at the proven time.
    Expired,
    /// The signature was made before the certificate was valid.
    NotYetValid,
    /// A rule of this validator on the signature is not met.
    SigConstraintsFailure,
    /// A chain was found and breaks a rule (key usage, policy, names, path length).
    ChainConstraintsFailure,
    /// A chain could not be validated for another reason.
    CertificateChainGeneralFailure,
    /// An algorithm or key size is too weak, or not supported.
    CryptoConstraintsFailure,
    /// The chain ends at no trusted certificate.
    NoCertificateChainFound,
    /// The signer's certificate is not there.
    NoSigningCertificateFound,
    /// Revocation data is missing or too old.
    TryLater,
    /// The certificate is revoked now and nothing proves that the signature is older.
    RevokedNoPoe,
    /// The certificate has expired and nothing proves that the signature is older.
    OutOfBoundsNoPoe,
    /// Time stamps contradict one another, or the clock.
    TimestampOrderFailure,
    /// The signed data is not there.
    SignedDataNotFound,
}

/// Where the time of a signature comes from, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// A time-stamp token.
    Timestamp,
    /// The signing-time attribute of the CMS: a claim of the signer.
    SigningTimeAttribute,
    /// /M of the signature dictionary: a claim of the signer.
    DictionaryM,
}

/// signDate and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SignDate {
    /// When.
    pub time: UnixTime,
    /// Says who.
    pub source: TimeSource,
}

/// What the reports tell of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateReport {
    /// Subject DN in the certificate's own order, `C=CN,O=…`.
    pub subject: String,
    /// Issuer DN in the certificate's own order.
    pub issuer: String,
    /// The (first) common name of the subject, if it has one.
    pub common_name: Option<String>,
    /// Serial number, lower-case hex without leading zero octets.
    pub serial: String,
    /// Begin of validity.
    pub not_before: UnixTime,
    /// End of validity.
    pub not_after: UnixTime,
    /// SHA-256 of the DER, lower-case hex.
    pub sha256: String,
    /// Whether it was revoked; `None` for anchors and where no chain was found.
    pub revocation: Option<RevocationReport>,
    /// The certificate, DER.
    #[serde(skip)]
    pub der: Vec<u8>,
}

/// Whether a certificate was revoked at the time in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationStatus {
    /// It was not.
    Good,
    /// It was.
    Revoked,
    /// It was revoked after that time.
    RevokedLater,
    /// Nothing at hand decides it.
    Unknown,
}

/// Where revocation data came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The document security store.
    SecurityStore,
    /// The signature, or the time stamp, itself.
    Signature,
    /// Not from the file: fetched from this address, or the appliance's own list of that name.
    Outside(String),
}

/// What is known of a certificate's revocation, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevocationReport {
    /// The status.
    pub status: RevocationStatus,
    /// Where the OCSP response or the list that decided came from.
    pub origin: Option<Origin>,
    /// Since when it is revoked.
    pub since: Option<UnixTime>,
}

/// One time stamp: a document time stamp's own token or a signature's signature-time-stamp attribute.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TimestampReport {
    /// genTime.
    pub time: UnixTime,
    /// The token's signature verifies, its imprint is that of the stamped bytes, its certificate has the
    /// time-stamping EKU, and its chain is trusted: `verified` of the API.
    pub verified: bool,
    /// Indication of EN 319 102-1 for the token.
    pub indication: Indication,
    /// Why it is not passed.
    pub sub_indication: Option<SubIndication>,
    /// The authority's chain, leaf first.
    pub chain: Vec<CertificateReport>,
    /// Everything that was noticed.
    pub findings: Vec<Finding>,
}

/// One place that shows a signature: a signature field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Place {
    /// Fully qualified field name.
    pub field: String,
    /// Object number of the field.
    pub object: u32,
    /// 1-based page of its widget, if it is on one.
    pub page: Option<u32>,
    /// The widget's rectangle in default user space, left, bottom, right, top; `None` for an invisible one.
    pub rect: Option<[f64; 4]>,
}

/// A run of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bytes {
    /// The first byte.
    pub start: u64,
    /// One past the last.
    pub end: u64,
}

/// Whether a later change is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// A rule permits it.
    Permitted,
    /// No rule permits it.
    Forbidden,
}

/// One difference between the signed revision and a later one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Object number, 0 for the trailer or the file.
    pub object: u32,
    /// How the object is reached from the catalogue, for example `Root/Pages/Kids/0/Contents`.
    pub path: String,
    /// May it be?
    pub permission: Permission,
    /// The rule that permits it, with its clause, or what is wrong.
    pub reason: String,
    /// The known attack that this looks like.
    pub attack: Option<Attack>,
    /// 1-based page that it concerns, if one.
    pub page: Option<u32>,
}

/// The verdict over one signature.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SignatureReport {
    /// Where it is shown; empty when no field carries it.
    pub places: Vec<Place>,
    /// Object number of the signature dictionary; `None` when it is direct.
    pub object: Option<u32>,
    /// Approval, certification, time stamp.
    pub kind: SignatureKind,
    /// /SubFilter.
    pub sub_filter: String,
    /// /ByteRange as it stands, empty when it is not usable.
    pub byte_range: Vec<u64>,
    /// Bytes of the file that this signature does not cover, its own /Contents value apart.
    pub unsigned_bytes: Vec<Bytes>,
    /// The signed revision counted from 0, and how many there are after it.
    pub revision: u32,
    /// True when the signed revision is the last one.
    pub covers_whole_file: bool,
    /// Status of EN 319 102-1.
    pub indication: Indication,
    /// Why it is not passed.
    pub sub_indication: Option<SubIndication>,
    /// The digest over the ByteRange is the one that was signed.
    pub digest_ok: bool,
    /// The signature value verifies with the signer's certificate.
    pub signature_ok: bool,
    /// `validModify` of the API: digest and signature hold, the structure is exact and every later change is permitted.
    pub valid_modify: bool,
    /// The chain leads to a trust anchor at the proven time.
    pub trusted: bool,
    /// Name to show: the subject's common name, else its DN, else /Name.
    pub sign_name: String,
    /// When it was signed.
    pub sign_date: Option<SignDate>,
    /// /Reason as written.
    pub reason: Option<String>,
    /// /Location as written.
    pub location: Option<String>,
    /// Digest algorithm of the signature, for example `SHA-256`.
    pub digest_algorithm: Option<String>,
    /// Signature algorithm, for example `ECDSA P-256`.
    pub signature_algorithm: Option<String>,
    /// The signer's chain, leaf first, as far as it could be built.
    pub chain: Vec<CertificateReport>,
    /// The time stamp over the signature value, or the token of a document time stamp.
    pub timestamp: Option<TimestampReport>,
    /// What was changed after it.
    pub changes: Vec<Change>,
    /// Everything that was noticed.
    pub findings: Vec<Finding>,
}
