//! The binding of a signature to its certificate: ESS signing-certificate (RFC 2634) and signing-certificate-v2 (RFC 5035).

use super::read::SignerInfo;
use super::{CmsError, oid};
use crate::x509::Certificate;
use crate::x509::asn1::{Asn1Error, Rules, Value, tag};
use crate::x509::signature::Digest;

/// What the signed attributes say about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// It is the signing certificate, by this hash.
    Bound(Digest),
    /// Another one is.
    Other,
    /// They do not say.
    Absent,
}

/// The first certificate hash of an attribute value, and the hash function.
struct CertId {
    digest: Digest,
    hash: Vec<u8>,
}

/// How `signer`'s signed attributes bind `certificate`. When both attributes stand there, both must fit.
pub(super) fn binding(signer: &SignerInfo, certificate: &Certificate) -> Result<Binding, CmsError> {
    let mut binding = Binding::Absent;
    for (attribute, v2) in [(oid::SIGNING_CERTIFICATE, false), (oid::SIGNING_CERTIFICATE_V2, true)] {
        let Some(value) = signer.signed_value(&attribute)? else { continue };
        let id = read(value, v2).map_err(CmsError::within("signing-certificate"))?;
        if id.digest.of(certificate.der()) != id.hash {
            return Ok(Binding::Other);
        }
        binding = Binding::Bound(id.digest);
    }
    Ok(binding)
}

/// `SEQUENCE { SEQUENCE OF ESSCertID(v2), … }`: the first identifies the signer.
fn read(value: &[u8], v2: bool) -> Result<CertId, Asn1Error> {
    let mut outer = Value::parse(value, Rules::Ber)?.typed(tag::SEQUENCE)?.children()?;
    let mut id = outer.expect(tag::SEQUENCE)?.children()?.expect(tag::SEQUENCE)?.children()?;
    let digest = match id.optional(tag::SEQUENCE)? {
        Some(identifier) if v2 => {
            Digest::from_identifier(identifier.raw).map_err(|_| Asn1Error::Content("hash of ESSCertIDv2"))?
        }
        Some(_) => return Err(Asn1Error::Content("ESSCertID")),
        None if v2 => Digest::Sha256,
        None => Digest::Sha1,
    };
    Ok(CertId { digest, hash: id.any()?.octets()?.into_owned() })
}
