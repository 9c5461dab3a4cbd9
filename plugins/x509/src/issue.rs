//! Building TBSCertificates (RFC 5280 4.1.2) for the roles that the appliance issues.

use crate::X509Error;
use crate::algorithm::{key_algorithm, key_bits};
use crate::asn1::{self, tag};
use crate::certificate::{Certificate, sha256};
use crate::time::x509_time;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_AD_CA_ISSUERS, ID_AD_OCSP, ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS,
    ID_CE_CERTIFICATE_POLICIES, ID_CE_CRL_DISTRIBUTION_POINTS, ID_CE_EXT_KEY_USAGE, ID_CE_KEY_USAGE,
    ID_CE_SUBJECT_KEY_IDENTIFIER, ID_KP_OCSP_SIGNING, ID_KP_TIME_STAMPING, ID_PE_AUTHORITY_INFO_ACCESS,
};
use const_oid::db::rfc6960::ID_PKIX_OCSP_NOCHECK;
use hufu_api::{SceneBinding, UnixTime};

/// Non-critical extension of scene certificates: `SEQUENCE { documentSha256 OCTET STRING, consentRecord INTEGER OPTIONAL }`. It
/// stands under the enterprise number that RFC 5612 reserves for examples, since the product has no registered arc;
/// relying parties other than Hufu ignore it.
pub const SCENE_BINDING_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1.1");

/// Who issues.
#[derive(Clone, Copy, Debug)]
pub struct Issuer<'a> {
    /// The issuer's Name, DER, byte for byte as in its own certificate.
    pub name: &'a [u8],
    /// The issuer's subjectKeyIdentifier.
    pub key_identifier: &'a [u8],
}

/// What the certificate is for; decides keyUsage, extendedKeyUsage and basicConstraints.
#[derive(Clone, Copy, Debug)]
pub enum Role<'a> {
    /// A CA: keyCertSign and cRLSign, critical basicConstraints.
    Authority {
        /// pathLenConstraint; `None` for a root.
        path_length: Option<u8>,
    },
    /// A signer: digitalSignature and nonRepudiation.
    Signer {
        /// extendedKeyUsage, not critical; none when empty.
        extended_key_usage: &'a [ObjectIdentifier],
        /// certificatePolicies; none when empty.
        policies: &'a [ObjectIdentifier],
        /// For scene certificates: what it is bound to.
        scene: Option<&'a SceneBinding>,
    },
    /// A time-stamping authority: critical extendedKeyUsage with timeStamping alone (RFC 3161 2.3).
    TimeStamping,
    /// A delegated OCSP responder: OCSPSigning and ocsp-nocheck (RFC 6960 4.2.2.2).
    OcspResponder,
}

/// Where relying parties find more; each `None` leaves its extension out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Addresses<'a> {
    /// URL of the CRL.
    pub crl: Option<&'a str>,
    /// URL of the issuer's certificate.
    pub issuer: Option<&'a str>,
    /// URL of the OCSP responder.
    pub ocsp: Option<&'a str>,
}

/// All that goes into a TBSCertificate.
#[derive(Clone, Copy, Debug)]
pub struct TbsSpec<'a> {
    /// Serial number, unsigned big-endian, 1–20 octets as encoded; at least 64 bits of it random (CA/B 7.1).
    pub serial: &'a [u8],
    /// AlgorithmIdentifier (DER) that the issuer's key signs with.
    pub algorithm: &'a [u8],
    /// Who issues; for a self-signed root its own name and [`key_identifier`].
    pub issuer: Issuer<'a>,
    /// The subject's Name, DER.
    pub subject: &'a [u8],
    /// The subject's SubjectPublicKeyInfo, DER.
    pub spki: &'a [u8],
    /// First moment of validity; cut to the second.
    pub not_before: UnixTime,
    /// Last moment of validity; cut to the second.
    pub not_after: UnixTime,
    /// What it is for.
    pub role: Role<'a>,
    /// Where to find CRL, issuer and responder.
    pub addresses: Addresses<'a>,
}

impl<'a> Issuer<'a> {
    /// The issuer that a CA certificate describes; `key_identifier` is kept by the caller since the extension is read out.
    pub fn new(name: &'a [u8], key_identifier: &'a [u8]) -> Self {
        Self { name, key_identifier }
    }
}

/// keyIdentifier of a key: the leftmost 160 bits of SHA-256 over `subjectPublicKey` (RFC 7093 method 1).
///
/// # Errors
/// When the SubjectPublicKeyInfo is malformed.
pub fn key_identifier(spki: &[u8]) -> Result<Vec<u8>, X509Error> {
    Ok(sha256(key_bits(spki)?).iter().take(20).copied().collect())
}

impl Certificate {
    /// The identifier that certificates issued by this one carry: its subjectKeyIdentifier, else the computed one.
    ///
    /// # Errors
    /// When extension or key are malformed.
    pub fn issuing_key_identifier(&self) -> Result<Vec<u8>, X509Error> {
        match self.subject_key_identifier()? {
            Some(id) => Ok(id),
            None => key_identifier(&self.spki),
        }
    }
}

/// TBSCertificate, DER, version 3.
///
/// # Errors
/// When a part is malformed, the serial number is zero or too long, or the validity is empty.
pub fn certificate_tbs(spec: &TbsSpec<'_>) -> Result<Vec<u8>, X509Error> {
    key_algorithm(spec.spki)?;
    let serial = asn1::integer(spec.serial);
    if serial.len() > 22 || spec.serial.iter().all(|b| *b == 0) {
        return Err(X509Error::Unencodable {
            what: "serialNumber", reason: "1–20 octets, not zero".into()
        });
    }
    if spec.not_before.seconds() >= spec.not_after.seconds() {
        return Err(X509Error::Unencodable { what: "validity", reason: "ends before it begins".into() });
    }
    let validity = asn1::sequence(&[&x509_time(spec.not_before)?, &x509_time(spec.not_after)?]);
    let extensions = extensions(spec)?;
    let extensions: Vec<&[u8]> = extensions.iter().map(Vec::as_slice).collect();
    Ok(asn1::sequence(&[
        &asn1::context(0, &[&asn1::integer_u64(2)]),
        &serial,
        spec.algorithm,
        spec.issuer.name,
        &validity,
        spec.subject,
        spec.spki,
        &asn1::context(3, &[&asn1::sequence(&extensions)]),
    ]))
}

fn extensions(spec: &TbsSpec<'_>) -> Result<Vec<Vec<u8>>, X509Error> {
    let authority = asn1::sequence(&[&asn1::context_primitive(0, spec.issuer.key_identifier)]);
    let mut all = vec![
        extension(&ID_CE_AUTHORITY_KEY_IDENTIFIER, false, &authority),
        extension(&ID_CE_SUBJECT_KEY_IDENTIFIER, false, &asn1::octet_string(&key_identifier(spec.spki)?)),
    ];
    match spec.role {
        Role::Authority { path_length } => {
            let length = path_length.map(|n| asn1::integer_u64(n.into())).unwrap_or_default();
            let constraints = asn1::sequence(&[&asn1::boolean(true), &length]);
            all.push(extension(&ID_CE_BASIC_CONSTRAINTS, true, &constraints));
            // keyCertSign (5) and cRLSign (6)
            all.push(key_usage(1, 0b0000_0110));
        }
        Role::Signer { extended_key_usage, policies, scene } => {
            // digitalSignature (0) and nonRepudiation (1)
            all.push(key_usage(6, 0b1100_0000));
            if !extended_key_usage.is_empty() {
                all.push(extension(&ID_CE_EXT_KEY_USAGE, false, &oids(extended_key_usage)));
            }
            if !policies.is_empty() {
                let each: Vec<Vec<u8>> = policies.iter().map(|p| asn1::sequence(&[&asn1::oid(p)])).collect();
                let each: Vec<&[u8]> = each.iter().map(Vec::as_slice).collect();
                all.push(extension(&ID_CE_CERTIFICATE_POLICIES, false, &asn1::sequence(&each)));
            }
            if let Some(scene) = scene {
                all.push(extension(&SCENE_BINDING_OID, false, &scene_binding(scene)));
            }
        }
        Role::TimeStamping => {
            all.push(key_usage(6, 0b1100_0000));
            all.push(extension(&ID_CE_EXT_KEY_USAGE, true, &oids(&[ID_KP_TIME_STAMPING])));
        }
        Role::OcspResponder => {
            all.push(key_usage(7, 0b1000_0000));
            all.push(extension(&ID_CE_EXT_KEY_USAGE, false, &oids(&[ID_KP_OCSP_SIGNING])));
            all.push(extension(&ID_PKIX_OCSP_NOCHECK, false, &asn1::null()));
        }
    }
    addresses(spec.addresses, &mut all)?;
    Ok(all)
}

fn addresses(addresses: Addresses<'_>, all: &mut Vec<Vec<u8>>) -> Result<(), X509Error> {
    if let Some(url) = addresses.crl {
        let full_name = asn1::context(0, &[&uri(url)?]);
        let point = asn1::sequence(&[&asn1::context(0, &[&full_name])]);
        all.push(extension(&ID_CE_CRL_DISTRIBUTION_POINTS, false, &asn1::sequence(&[&point])));
    }
    let mut access = Vec::new();
    for (method, url) in [(ID_AD_OCSP, addresses.ocsp), (ID_AD_CA_ISSUERS, addresses.issuer)] {
        if let Some(url) = url {
            access.push(asn1::sequence(&[&asn1::oid(&method), &uri(url)?]));
        }
    }
    if !access.is_empty() {
        let access: Vec<&[u8]> = access.iter().map(Vec::as_slice).collect();
        all.push(extension(&ID_PE_AUTHORITY_INFO_ACCESS, false, &asn1::sequence(&access)));
    }
    Ok(())
}

/// Extension (RFC 5280 4.1.2.9); `critical` is left out when false, as DER wants it.
pub(crate) fn extension(oid: &ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { asn1::boolean(true) } else { Vec::new() };
    asn1::sequence(&[&asn1::oid(oid), &critical, &asn1::octet_string(value)])
}

/// Critical keyUsage from one octet of flags, named bits without trailing zeros (X.690 11.2.2).
fn key_usage(unused: u8, flags: u8) -> Vec<u8> {
    extension(&ID_CE_KEY_USAGE, true, &asn1::tlv(tag::BIT_STRING, &[&[unused, flags]]))
}

fn oids(oids: &[ObjectIdentifier]) -> Vec<u8> {
    let each: Vec<Vec<u8>> = oids.iter().map(asn1::oid).collect();
    let each: Vec<&[u8]> = each.iter().map(Vec::as_slice).collect();
    asn1::sequence(&each)
}

/// GeneralName uniformResourceIdentifier.
fn uri(url: &str) -> Result<Vec<u8>, X509Error> {
    if url.is_ascii() && !url.is_empty() && !url.bytes().any(|b| b.is_ascii_control() || b == b' ') {
        Ok(asn1::context_primitive(6, url.as_bytes()))
    } else {
        Err(X509Error::Unencodable { what: "URL", reason: format!("{url:?} is no ASCII URL") })
    }
}

/// The value of the extension [`SCENE_BINDING_OID`], DER.
pub fn scene_binding(scene: &SceneBinding) -> Vec<u8> {
    let consent = scene.consent.map(asn1::integer_u64).unwrap_or_default();
    asn1::sequence(&[&asn1::octet_string(&scene.document_sha256), &consent])
}
