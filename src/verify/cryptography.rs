//! One signature's cryptography: digest over the ByteRange, signature value, what the CMS carries along.

use super::budget::{Budget, Covered, TooMuchHashing};
use super::finding::{Attack, Finding, Severity, Subject};
use super::report::SubIndication;
use crate::cms::{self, Content, SignedData, SignerError, VerifiedSigner, legacy};
use crate::tsp::Token;
use crate::x509::Certificate;
use crate::x509::asn1::{Asn1Error, Rules, Value, tag};
use crate::x509::signature::{Digest, Scheme, SignatureError, Work};
use hufu_api::UnixTime;

/// How /Contents is to be read (ISO 32000-2 12.8.3, EN 319 142-1 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// ETSI.CAdES.detached and adbe.pkcs7.detached
    Detached,
    /// adbe.pkcs7.sha1
    Pkcs7Sha1,
    /// adbe.x509.rsa_sha1
    X509Rsa,
    /// ETSI.RFC3161
    Timestamp,
}

impl Format {
    /// The format that /SubFilter names.
    pub(super) fn of(sub_filter: &[u8]) -> Option<Self> {
        match sub_filter {
            b"ETSI.CAdES.detached" | b"adbe.pkcs7.detached" => Some(Self::Detached),
            b"adbe.pkcs7.sha1" => Some(Self::Pkcs7Sha1),
            b"adbe.x509.rsa_sha1" => Some(Self::X509Rsa),
            b"ETSI.RFC3161" => Some(Self::Timestamp),
            _ => None,
        }
    }
}

/// What came out.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub digest_ok: bool,
    pub signature_ok: bool,
    /// The signer's certificate, also when the signature is bad.
    pub signer: Option<Certificate>,
    /// Everything carried along, DER.
    pub certificates: Vec<Vec<u8>>,
    pub crls: Vec<Vec<u8>>,
    pub ocsp: Vec<Vec<u8>>,
    pub signing_time: Option<UnixTime>,
    pub digest_algorithm: Option<String>,
    pub signature_algorithm: Option<String>,
    /// The document time stamp itself, or the signature-time-stamp attribute.
    pub token: Option<Token>,
    /// The signature's octets: what a signature time stamp is about.
    pub signature: Vec<u8>,
    /// The first thing that keeps it from passing.
    pub problem: Option<SubIndication>,
    pub findings: Vec<Finding>,
}

impl Judged {
    fn fail(mut self, sub: SubIndication, code: &'static str, detail: impl Into<String>) -> Self {
        self.problem.get_or_insert(sub);
        self.findings.push(Finding::failure(Subject::Cryptography, code, detail));
        self
    }
}

/// Judges `contents` over what the signature covers. `cert` is the dictionary's /Cert, `more` are certificates at hand; all is
/// paid out of `budget`.
pub(super) fn judge(
    format: Format,
    contents: &[u8],
    covered: Covered<'_>,
    cert: Option<&[u8]>,
    more: &[Vec<u8>],
    budget: &mut Budget,
) -> Judged {
    let outcome = match format {
        Format::X509Rsa => x509_rsa(contents, covered, cert, budget),
        Format::Timestamp => document_timestamp(contents, covered, more, budget),
        Format::Detached | Format::Pkcs7Sha1 => signed_data(format, contents, covered, more, budget),
    };
    outcome.unwrap_or_else(|TooMuchHashing| {
        let detail = "too many bytes would have to be hashed for the signatures of this file";
        Judged {
            problem: Some(SubIndication::SigConstraintsFailure),
            findings: vec![Finding::failure(Subject::File, "too-much-hashing", detail)],
            ..Judged::default()
        }
    })
}

fn signed_data(
    format: Format,
    contents: &[u8],
    covered: Covered<'_>,
    more: &[Vec<u8>],
    budget: &mut Budget,
) -> Result<Judged, TooMuchHashing> {
    let mut judged = Judged::default();
    let read = match SignedData::from_bytes(contents) {
        Ok(read) => read,
        Err(error) => return Ok(not_cms(judged, &error.to_string())),
    };
    carry(&mut judged, &read);
    let content = hashed(&read, format, covered, budget)?;
    let pieces = covered.pieces();
    let outcome = match format {
        Format::Pkcs7Sha1 => legacy::verify_pkcs7_sha1(&read, content.as_content(&pieces), &budget.work),
        _ => read.verify_single_within(Some(content.as_content(&pieces)), more, &budget.work),
    };
    if let Some(signer) = read.signers.first() {
        judged.signature.clone_from(&signer.signature);
        let mut stamps = signer.unsigned_values(&cms::oid::TIME_STAMP_TOKEN);
        match stamps.next().map(Token::from_bytes) {
            Some(Ok(token)) => judged.token = Some(token),
            Some(Err(error)) => {
                let detail = format!("the signature time stamp cannot be read: {error}");
                judged.findings.push(Finding::warning(Subject::Time, "timestamp-unreadable", detail));
            }
            None => {}
        }
    }
    Ok(verdict(judged, outcome, &read, more))
}

/// The digest over the ByteRange, made once; algorithms that hash by themselves get the pieces.
enum Hashed {
    Pieces,
    Digest(Digest, Vec<u8>),
}

impl Hashed {
    fn as_content<'a>(&'a self, pieces: &'a [&'a [u8]]) -> Content<'a> {
        match self {
            Self::Pieces => Content::Pieces(pieces),
            Self::Digest(digest, value) => Content::Digest(*digest, value),
        }
    }
}

fn hashed(
    read: &SignedData,
    format: Format,
    covered: Covered<'_>,
    budget: &mut Budget,
) -> Result<Hashed, TooMuchHashing> {
    let digest = match format {
        Format::Pkcs7Sha1 => Some(Digest::Sha1),
        _ => read.signers.first().and_then(content_digest),
    };
    match digest {
        Some(digest) => Ok(Hashed::Digest(digest, budget.digest(covered, digest)?)),
        None => budget.hash(covered.end).map(|()| Hashed::Pieces),
    }
}

/// The hash of the content: what digestAlgorithm says, without signed attributes what the signature algorithm says. SM2 and
/// Ed25519 hash bare content in their own ways.
fn content_digest(signer: &cms::SignerInfo) -> Option<Digest> {
    let named = signer.digest().ok()?;
    if signer.signed.is_some() {
        return Some(named);
    }
    match Scheme::from_identifier(&signer.signature_algorithm, Some(named)).ok()? {
        Scheme::Sm2WithSm3 | Scheme::Ed25519 => None,
        scheme => scheme.digest(),
    }
}

fn not_cms(judged: Judged, error: &str) -> Judged {
    let mut judged =
        judged.fail(SubIndication::FormatFailure, "cms-unreadable", format!("/Contents: {error}"));
    if let Some(finding) = judged.findings.last_mut() {
        finding.attack = Some(Attack::UniversalForgery);
    }
    judged
}

fn carry(judged: &mut Judged, read: &SignedData) {
    judged.certificates.clone_from(&read.certificates);
    judged.crls.clone_from(&read.crls);
    judged.ocsp.clone_from(&read.ocsp_responses);
    let Some(signer) = read.signers.first() else { return };
    judged.digest_algorithm = signer.digest().ok().map(|d| d.to_string());
    if let Ok(Some(value)) = signer.signed_value(&cms::oid::ADBE_REVOCATION_INFO)
        && let Ok((crls, ocsp)) = archived_revocation(value)
    {
        judged.crls.extend(crls);
        judged.ocsp.extend(ocsp);
    }
}

type Archived = (Vec<Vec<u8>>, Vec<Vec<u8>>);

/// RevocationInfoArchival (ISO 32000-2 12.8.3.3.2): `[0]` CRLs, `[1]` OCSP responses.
fn archived_revocation(value: &[u8]) -> Result<Archived, Asn1Error> {
    let mut fields = Value::parse(value, Rules::Ber)?.typed(tag::SEQUENCE)?.children()?;
    let mut list = |n| -> Result<Vec<Vec<u8>>, Asn1Error> {
        let Some(explicit) = fields.optional(tag::context(n))? else { return Ok(Vec::new()) };
        let all = explicit.only()?.typed(tag::SEQUENCE)?.children()?.all(100, "archived revocation data")?;
        Ok(all.iter().map(|v| v.raw.to_vec()).collect())
    };
    Ok((list(0)?, list(1)?))
}

fn verdict(
    mut judged: Judged,
    outcome: Result<VerifiedSigner, SignerError>,
    read: &SignedData,
    more: &[Vec<u8>],
) -> Judged {
    match outcome {
        Ok(verified) => {
            judged.digest_ok = true;
            judged.signature_ok = true;
            accept(&mut judged, verified);
            judged
        }
        Err(error) => {
            judged.signer = signer_certificate(read, more);
            judged.digest_ok = matches!(error, SignerError::Signature(SignatureError::Invalid))
                && read.signers.first().is_some_and(|s| s.signed.is_some())
                || matches!(error, SignerError::OtherCertificate);
            let detail = error.to_string();
            match error {
                SignerError::NoCertificate => {
                    judged.fail(SubIndication::NoSigningCertificateFound, "no-signer-certificate", detail)
                }
                SignerError::ContentChanged => {
                    judged.fail(SubIndication::HashFailure, "digest-mismatch", detail)
                }
                SignerError::Signature(SignatureError::Unsupported(_)) => {
                    judged.fail(SubIndication::CryptoConstraintsFailure, "unsupported-algorithm", detail)
                }
                SignerError::Signature(SignatureError::TooMuchWork) => {
                    judged.fail(SubIndication::SigConstraintsFailure, "too-much-work", detail)
                }
                SignerError::Signature(_) => {
                    judged.fail(SubIndication::SigCryptoFailure, "signature-invalid", detail)
                }
                SignerError::OtherCertificate => {
                    judged.fail(SubIndication::SigConstraintsFailure, "other-certificate", detail)
                }
                _ => judged.fail(SubIndication::FormatFailure, "cms-structure", detail),
            }
        }
    }
}

fn accept(judged: &mut Judged, verified: VerifiedSigner) {
    judged.signing_time = verified.signing_time;
    judged.signature_algorithm = Some(verified.scheme.to_string());
    for finding in &verified.findings {
        if matches!(finding, cms::Finding::Weak(_)) {
            judged.problem.get_or_insert(SubIndication::CryptoConstraintsFailure);
        }
        judged.findings.push(noted(finding));
    }
    judged.signer = Some(verified.certificate);
}

fn noted(finding: &cms::Finding) -> Finding {
    let (severity, code) = match finding {
        cms::Finding::Weak(_) => (Severity::Warning, "weak-algorithm"),
        cms::Finding::AttributesNotDer { .. } => (Severity::Warning, "attributes-not-der"),
        cms::Finding::NoSignedAttributes => (Severity::Info, "no-signed-attributes"),
        cms::Finding::CertificateNotBound => (Severity::Info, "certificate-not-bound"),
        cms::Finding::CertificateWeaklyBound(_) => (Severity::Info, "certificate-weakly-bound"),
        cms::Finding::DigestsDiffer(..) => (Severity::Info, "digests-differ"),
    };
    let mut noted = Finding::info(Subject::Cryptography, code, finding.to_string());
    noted.severity = severity;
    noted
}

/// The certificate that the signer names, for reports on signatures that do not verify.
fn signer_certificate(read: &SignedData, more: &[Vec<u8>]) -> Option<Certificate> {
    let signer = read.signers.first()?;
    read.certificates.iter().chain(more).filter_map(|der| Certificate::from_der(der).ok()).find(|c| {
        match &signer.signer {
            cms::SignerId::IssuerSerial(issuer, serial) => {
                c.serial == *serial && c.issuer.der() == issuer.as_slice()
            }
            cms::SignerId::KeyId(id) => {
                c.subject_key_identifier().ok().flatten().as_deref() == Some(id.as_slice())
            }
        }
    })
}

fn document_timestamp(
    contents: &[u8],
    covered: Covered<'_>,
    more: &[Vec<u8>],
    budget: &mut Budget,
) -> Result<Judged, TooMuchHashing> {
    let mut judged = Judged::default();
    let token = match Token::from_bytes(contents) {
        Ok(token) => token,
        Err(error) => return Ok(not_cms(judged, &error.to_string())),
    };
    carry(&mut judged, &token.signed_data);
    judged.digest_algorithm = Some(token.info.digest.to_string());
    judged.digest_ok = budget.digest(covered, token.info.digest)? == token.info.imprint;
    let outcome = token.signed_data.verify_single_within(None, more, &budget.work);
    let digest_ok = judged.digest_ok;
    let mut judged = verdict(judged, outcome, &token.signed_data, more);
    judged.digest_ok = digest_ok;
    if !digest_ok {
        let detail = "the document's digest is not the stamped one";
        judged.problem = None;
        judged = judged.fail(SubIndication::HashFailure, "digest-mismatch", detail);
    }
    judged.token = Some(token);
    Ok(judged)
}

/// Which of four algorithms made the digest is not said beforehand.
fn x509_rsa(
    contents: &[u8],
    covered: Covered<'_>,
    cert: Option<&[u8]>,
    budget: &mut Budget,
) -> Result<Judged, TooMuchHashing> {
    budget.hash(covered.end.saturating_mul(4))?;
    Ok(x509_rsa_over(contents, &covered.pieces(), cert, &budget.work))
}

fn x509_rsa_over(contents: &[u8], pieces: &[&[u8]], cert: Option<&[u8]>, work: &Work) -> Judged {
    let mut judged = Judged::default();
    let Some(cert) = cert else {
        return judged.fail(
            SubIndication::NoSigningCertificateFound,
            "no-signer-certificate",
            "/Cert is missing",
        );
    };
    let certificate = match Certificate::from_der(cert) {
        Ok(certificate) => certificate,
        Err(error) => {
            let detail = format!("/Cert cannot be read: {error}");
            return judged.fail(SubIndication::NoSigningCertificateFound, "no-signer-certificate", detail);
        }
    };
    judged.certificates.push(cert.to_vec());
    let outcome = legacy::verify_x509_rsa(contents, &certificate, Content::Pieces(pieces), work);
    judged.signer = Some(certificate);
    judged.findings.push(Finding::warning(
        Subject::Cryptography,
        "legacy-format",
        "adbe.x509.rsa_sha1 is deprecated in PDF 2.0",
    ));
    match outcome {
        Ok(verified) => {
            judged.digest_ok = true;
            judged.signature_ok = true;
            judged.signature_algorithm = Some(verified.scheme.to_string());
            for weakness in verified.weaknesses {
                judged.problem.get_or_insert(SubIndication::CryptoConstraintsFailure);
                judged.findings.push(noted(&cms::Finding::Weak(weakness)));
            }
            judged
        }
        Err(SignatureError::Unsupported(what)) => {
            judged.fail(SubIndication::CryptoConstraintsFailure, "unsupported-algorithm", what)
        }
        Err(error @ SignatureError::TooMuchWork) => {
            judged.fail(SubIndication::SigConstraintsFailure, "too-much-work", error.to_string())
        }
        Err(error) => judged.fail(SubIndication::SigCryptoFailure, "signature-invalid", error.to_string()),
    }
}
