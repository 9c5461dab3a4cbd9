//! The core's check of what a certificate channel returned: key, name, profile, validity, signatures up to the top.

use super::{Certificate, X509Error, signature::verify_signed, subject_name};
use const_oid::ObjectIdentifier;
use hufu_api::{Chain, Profile, Subject, UnixTime};

/// Longest chain taken from a channel.
const MAX_CHAIN: usize = 8;
/// A certificate may begin this long before it was asked for (CAs backdate against slow clocks).
const BACKDATED_MILLIS: i64 = 48 * 3600 * 1000;
/// Slack for rounding and the CA's clock at the end of the validity.
const OVERRUN_MILLIS: i64 = 24 * 3600 * 1000;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub struct IssuedCheck<'a> {
    /// The new key's SubjectPublicKeyInfo, DER, from the token.
    pub spki: &'a [u8],
    /// The name asked for.
    pub subject: &'a Subject,
    /// The profile asked for.
    pub profile: &'a Profile,
    /// The time now.
    pub now: UnixTime,
    /// Whether the CA must keep the subject as asked, attribute by attribute; a CA with its own naming rules needs `false`, and then
    /// only the commonName must be in the certificate.
    pub exact_subject: bool,
}

/// Why a chain that a channel returned is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuedError {
    /// A certificate cannot be read.
    #[error("certificate {position} of the chain: {error}")]
    Unreadable {
        /// From 0, the leaf.
        position: usize,
        /// Why.
        error: X509Error,
    },
    /// No certificate, or too many.
    #[error("{0} certificates in the chain; 1 to {MAX_CHAIN} are expected")]
    Length(usize),
    /// The leaf certifies another key.
    #[error("the certificate is for another key")]
    OtherKey,
    /// The leaf names somebody else.
    #[error("the certificate names {found}, asked for was {wanted}")]
    OtherSubject {
        /// DN found.
        found: String,
        /// DN or commonName wanted.
        wanted: String,
    },
    /// The leaf is not valid now, or for much longer than asked.
    #[error("validity: {0}")]
    Validity(String),
    /// keyUsage, extendedKeyUsage, policies or basicConstraints are not as the profile says.
    #[error("profile: {0}")]
    Profile(String),
    /// A certificate is not signed by the next one, or that one is no CA.
    #[error("certificate {position} is not issued by the next one: {reason}")]
    Broken {
        /// From 0, the leaf.
        position: usize,
        /// Why.
        reason: String,
    },
}

impl IssuedCheck<'_> {
    /// Reads and checks a chain; returns its certificates, leaf first.
    ///
    /// # Errors
    /// See [`IssuedError`].
    pub fn check(&self, chain: &Chain) -> Result<Vec<Certificate>, IssuedError> {
        if chain.0.is_empty() || chain.0.len() > MAX_CHAIN {
            return Err(IssuedError::Length(chain.0.len()));
        }
        let read = |(position, der): (usize, &hufu_api::Der)| {
            Certificate::from_der(&der.0).map_err(|error| IssuedError::Unreadable { position, error })
        };
        let certificates = chain.0.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        let leaf = certificates.first().ok_or(IssuedError::Length(0))?;
        if leaf.spki != self.spki {
            return Err(IssuedError::OtherKey);
        }
        self.check_subject(leaf)?;
        self.check_validity(leaf)?;
        self.check_profile(leaf)?;
        for (position, pair) in certificates.windows(2).enumerate() {
            if let [child, parent] = pair {
                issued_by(child, parent).map_err(|reason| IssuedError::Broken { position, reason })?;
                if self.now < parent.not_before || self.now > parent.not_after {
                    return Err(IssuedError::Validity(format!("issuer {} is not valid now", parent.subject)));
                }
            }
        }
        Ok(certificates)
    }

    fn check_subject(&self, leaf: &Certificate) -> Result<(), IssuedError> {
        let other = |wanted: String| IssuedError::OtherSubject { found: leaf.subject.to_string(), wanted };
        if self.exact_subject {
            let wanted = subject_name(self.subject)
                .and_then(|der| super::Name::from_der(&der))
                .map_err(|error| IssuedError::Unreadable { position: 0, error })?;
            if !leaf.subject.attributes().eq(wanted.attributes()) {
                return Err(other(wanted.to_string()));
            }
        } else if leaf.subject.common_name() != Some(self.subject.common_name.as_str()) {
            return Err(other(self.subject.common_name.clone()));
        }
        Ok(())
    }

    fn check_validity(&self, leaf: &Certificate) -> Result<(), IssuedError> {
        let asked = i64::try_from(self.profile.validity_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
        if self.now < leaf.not_before || self.now > leaf.not_after {
            return Err(IssuedError::Validity("the certificate is not valid now".into()));
        }
        if leaf.not_before < self.now.plus_millis(-BACKDATED_MILLIS) {
            return Err(IssuedError::Validity("the certificate begins more than two days ago".into()));
        }
        if leaf.not_after > self.now.plus_millis(asked).plus_millis(OVERRUN_MILLIS) {
            return Err(IssuedError::Validity(
                "the certificate is valid for longer than its profile says".into(),
            ));
        }
        Ok(())
    }

    fn check_profile(&self, leaf: &Certificate) -> Result<(), IssuedError> {
        let unreadable = |error| IssuedError::Unreadable { position: 0, error };
        let not = |reason: &str| Err(IssuedError::Profile(reason.into()));
        if leaf.ca().map_err(unreadable)?.is_some() {
            return not("a CA certificate");
        }
        match leaf.key_usage().map_err(unreadable)? {
            Some(usage) if usage.digital_signature() && usage.non_repudiation() && !usage.cert_sign() => {}
            _ => return not("keyUsage must be digitalSignature and nonRepudiation"),
        }
        let purposes =
            leaf.extended_key_usage().map_err(unreadable)?.map(|(_, purposes)| purposes).unwrap_or_default();
        for wanted in &self.profile.extended_key_usage {
            let oid = ObjectIdentifier::new(wanted)
                .map_err(|_| IssuedError::Profile(format!("{wanted} is no OID")))?;
            if !purposes.contains(&oid) {
                return Err(IssuedError::Profile(format!("extendedKeyUsage {wanted} is missing")));
            }
        }
        let policies = leaf.policies().map_err(unreadable)?;
        for wanted in &self.profile.policies {
            if !policies.iter().any(|found| found.to_string() == *wanted) {
                return Err(IssuedError::Profile(format!("policy {wanted} is missing")));
            }
        }
        Ok(())
    }
}

/// Whether `parent` is a CA that issued `child`: names, basicConstraints, keyUsage, signature. Not a path validation: the chain's
/// top is not compared with any anchor.
fn issued_by(child: &Certificate, parent: &Certificate) -> Result<(), String> {
    if child.issuer.der() != parent.subject.der() {
        return Err("the names differ".into());
    }
    if parent.ca().map_err(|e| e.to_string())?.is_none() {
        return Err("the next one is no CA".into());
    }
    if parent.key_usage().map_err(|e| e.to_string())?.is_some_and(|usage| !usage.cert_sign()) {
        return Err("the next one may not sign certificates".into());
    }
    let verified = verify_signed(&parent.spki, &child.signature_algorithm, child.tbs(), &child.signature)
        .map_err(|e| e.to_string())?;
    verified.weaknesses.first().map_or(Ok(()), |weakness| Err(weakness.to_string()))
}
