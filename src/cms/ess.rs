//! The binding of a signature to its certificate: ESS signing-certificate (RFC 2634) and signing-certificate-v2 (RFC 5035).

use super::read::SignerInfo;
use super::{CmsError, oid};
use crate::x509::Certificate;
use crate::x509::asn1::{Asn1Error, Rules, Value, tag};
use crate::x509::signature::Digest;
use der::Decode;
use x509_cert::name::Name;

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

/// The first certificate hash of an attribute value, the hash function, and the certificate's issuer and number.
struct CertId {
    digest: Digest,
    hash: Vec<u8>,
    named: Option<IssuerSerial>,
}

/// IssuerSerial (RFC 5035 5.4.1.1): the directory names, DER, and the number.
struct IssuerSerial {
    issuers: Vec<Vec<u8>>,
    serial: Vec<u8>,
}

impl IssuerSerial {
    fn read(value: Value<'_>) -> Result<Self, Asn1Error> {
        let mut fields = value.children()?;
        let names = fields.expect(tag::SEQUENCE)?.children()?.all(16, "names of an issuer")?;
        let directories = names.into_iter().filter(|name| name.tag == tag::context(4));
        let issuers =
            directories.map(|name| Ok(name.only()?.raw.to_vec())).collect::<Result<_, Asn1Error>>()?;
        Ok(Self { issuers, serial: fields.expect(tag::INTEGER)?.content.to_vec() })
    }

    /// EN 319 102-1 5.2.3.4: what is said must be the certificate's.
    fn names(&self, certificate: &Certificate) -> bool {
        let trimmed = |n: &[u8]| n.iter().skip_while(|b| **b == 0).copied().collect::<Vec<_>>();
        let issuer = certificate.issuer.der();
        let same = |named: &[u8]| match (Name::from_der(named), Name::from_der(issuer)) {
            (Ok(a), Ok(b)) => pkix_path::names_match(&a, &b),
            _ => named == issuer,
        };
        trimmed(&self.serial) == trimmed(&certificate.serial)
            && (self.issuers.is_empty() || self.issuers.iter().any(|named| same(named)))
    }
}

/// How `signer`'s signed attributes bind `certificate`. When both attributes stand there, both must fit.
pub(super) fn binding(signer: &SignerInfo, certificate: &Certificate) -> Result<Binding, CmsError> {
    let mut binding = Binding::Absent;
    for (attribute, v2) in [(oid::SIGNING_CERTIFICATE, false), (oid::SIGNING_CERTIFICATE_V2, true)] {
        let Some(value) = signer.signed_value(&attribute)? else { continue };
        let id = read(value, v2).map_err(CmsError::within("signing-certificate"))?;
        let other = id.named.is_some_and(|named| !named.names(certificate));
        if other || id.digest.of(certificate.der()) != id.hash {
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
    let hash = id.any()?.octets()?.into_owned();
    let named = id.optional(tag::SEQUENCE)?.map(IssuerSerial::read).transpose()?;
    Ok(CertId { digest, hash, named })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::x509::SignatureAlgorithm;
    use crate::x509::asn1;
    use crate::x509::testing::Pki;

    #[test]
    fn an_issuer_and_number_must_be_the_certificates() {
        let signer = Pki::new(SignatureAlgorithm::EcdsaSha256).signer(SignatureAlgorithm::EcdsaSha256);
        let certificate = &signer.certificate;
        let fits = |issuer: &[u8], serial: &[u8]| {
            let directory = asn1::context(4, &[issuer]);
            let named =
                asn1::sequence(&[&asn1::sequence(&[&directory]), &asn1::tlv(tag::INTEGER, &[serial])]);
            let id = asn1::sequence(&[&asn1::tlv(tag::OCTET_STRING, &[&[1; 32]]), &named]);
            let value = asn1::sequence(&[&asn1::sequence(&[&id])]);
            read(&value, true).unwrap().named.unwrap().names(certificate)
        };
        let (issuer, serial) = (certificate.issuer.der(), certificate.serial.as_slice());
        assert!(fits(issuer, serial));
        assert!(!fits(issuer, &[5]));
        assert!(!fits(certificate.subject.der(), serial));
    }
}
