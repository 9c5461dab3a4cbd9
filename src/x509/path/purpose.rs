//! Key usage and extended key usage of the leaf (RFC 5280 4.2.1.3, 4.2.1.12).

use crate::x509::frame;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280;
use der::Decode;
use x509_cert::Certificate;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage};

/// What the leaf's key was used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing documents: digitalSignature or nonRepudiation; an EKU, if present, must name a purpose that goes with
    /// signing documents.
    Signing,
    /// Time-stamping: EKU timeStamping. That it is critical and alone (RFC 3161 2.3) is for the token's judge to note.
    TimeStamping,
    /// Signing CRLs: cRLSign where a key usage is present.
    CrlSigning,
    /// Signing OCSP responses for the issuing CA (RFC 6960 4.2.2.2).
    OcspSigning,
    /// Anything: the caller looks for itself.
    Any,
}

const ANY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
/// id-kp-documentSigning, RFC 9336
const DOCUMENT_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.36");
/// Adobe Authentic Documents Trust
const ADOBE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113583.1.1.5");
/// Microsoft document signing
const MICROSOFT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.10.3.12");

/// EKUs under which document signatures are made in practice; certificates for servers, code, OCSP or time stamps
/// alone are none.
const DOCUMENT_PURPOSES: [ObjectIdentifier; 6] =
    [ANY, DOCUMENT_SIGNING, ADOBE, MICROSOFT, rfc5280::ID_KP_EMAIL_PROTECTION, rfc5280::ID_KP_CLIENT_AUTH];

/// `Err` with the reason when the leaf's extensions forbid the purpose.
pub(super) fn check(leaf: &Certificate, purpose: Purpose) -> Result<(), String> {
    let usage = extension::<KeyUsage>(leaf, rfc5280::ID_CE_KEY_USAGE)?.map(|(value, _)| value);
    let extended = extension::<ExtendedKeyUsage>(leaf, rfc5280::ID_CE_EXT_KEY_USAGE)?;
    let signs = usage.is_none_or(|u| u.digital_signature() || u.non_repudiation());
    match purpose {
        Purpose::Any => Ok(()),
        Purpose::Signing if !signs => Err("keyUsage has neither digitalSignature nor nonRepudiation".into()),
        Purpose::Signing => match extended {
            Some((eku, _)) if !eku.0.iter().any(|o| DOCUMENT_PURPOSES.contains(o)) => {
                Err("extendedKeyUsage names no purpose that goes with signing documents".into())
            }
            _ => Ok(()),
        },
        Purpose::TimeStamping if !signs => {
            Err("keyUsage of the time-stamping certificate has no signing bit".into())
        }
        Purpose::TimeStamping => match extended {
            Some((eku, _)) if eku.0.contains(&rfc5280::ID_KP_TIME_STAMPING) => Ok(()),
            _ => Err("extendedKeyUsage lacks timeStamping (RFC 3161 2.3)".into()),
        },
        Purpose::CrlSigning if usage.is_some_and(|u| !u.crl_sign()) => Err("keyUsage lacks cRLSign".into()),
        Purpose::CrlSigning => Ok(()),
        Purpose::OcspSigning => match extended {
            Some((eku, _)) if signs && eku.0.contains(&rfc5280::ID_KP_OCSP_SIGNING) => Ok(()),
            _ => Err("the responder's certificate lacks OCSPSigning (RFC 6960 4.2.2.2)".into()),
        },
    }
}

/// The extension's value and whether it is critical. `Err` when it is there but cannot be read, or twice.
pub(super) fn extension<'a, T: Decode<'a>>(
    certificate: &'a Certificate,
    oid: ObjectIdentifier,
) -> Result<Option<(T, bool)>, String> {
    extension_in(certificate.tbs_certificate.extensions.as_deref().unwrap_or_default(), oid)
}

/// The same for any list of extensions.
pub(super) fn extension_in<'a, T: Decode<'a>>(
    extensions: &'a [x509_cert::ext::Extension],
    oid: ObjectIdentifier,
) -> Result<Option<(T, bool)>, String> {
    let mut found = extensions.iter().filter(|e| e.extn_id == oid);
    let Some(extension) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(format!("extension {oid} is there twice"));
    }
    let value: T = frame::decode(extension.extn_value.as_bytes())
        .map_err(|e| format!("extension {oid} cannot be read: {e}"))?;
    Ok(Some((value, extension.critical)))
}
