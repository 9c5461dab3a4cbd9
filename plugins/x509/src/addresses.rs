//! Where a certificate says that its status can be asked for (RFC 5280 4.2.1.13, 4.2.2.1).

use crate::asn1::{Asn1Error, Rules, Value, tag};
use crate::certificate::Certificate;
use const_oid::db::rfc5280::{ID_AD_OCSP, ID_CE_CRL_DISTRIBUTION_POINTS, ID_PE_AUTHORITY_INFO_ACCESS};

/// Addresses of one kind that are read.
const MAX_ADDRESSES: usize = 8;

/// uniformResourceIdentifier [6] of GeneralName.
const URI: u8 = 6;

impl Certificate {
    /// The OCSP responders' http and https addresses, in the certificate's order; none when the extension cannot be read.
    pub fn ocsp_addresses(&self) -> Vec<String> {
        let read = || -> Result<Vec<String>, Asn1Error> {
            let Some(extension) = self.extension(&ID_PE_AUTHORITY_INFO_ACCESS) else { return Ok(Vec::new()) };
            let mut found = Vec::new();
            let list = Value::parse(&extension.value, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
            for description in list.all(MAX_ADDRESSES, "access descriptions")? {
                let mut fields = description.typed(tag::SEQUENCE)?.children()?;
                if fields.any()?.any_oid()?.to_string() == ID_AD_OCSP.to_string() {
                    found.extend(uri(fields.any()?));
                }
            }
            Ok(found)
        };
        read().unwrap_or_default()
    }

    /// The http and https addresses of revocation lists, in the certificate's order; none when the extension cannot be read.
    pub fn crl_addresses(&self) -> Vec<String> {
        let read = || -> Result<Vec<String>, Asn1Error> {
            let Some(extension) = self.extension(&ID_CE_CRL_DISTRIBUTION_POINTS) else {
                return Ok(Vec::new());
            };
            let mut found = Vec::new();
            let list = Value::parse(&extension.value, Rules::Der)?.typed(tag::SEQUENCE)?.children()?;
            for point in list.all(MAX_ADDRESSES, "distribution points")? {
                let Some(name) = point.typed(tag::SEQUENCE)?.children()?.optional(tag::context(0))? else {
                    continue;
                };
                let Some(full) = name.children()?.optional(tag::context(0))? else { continue };
                for general in full.children()?.all(MAX_ADDRESSES, "names")? {
                    found.extend(uri(general));
                }
            }
            Ok(found)
        };
        read().unwrap_or_default()
    }
}

fn uri(name: Value<'_>) -> Option<String> {
    if name.tag != tag::context_primitive(URI) {
        return None;
    }
    let text = std::str::from_utf8(name.content).ok()?;
    (text.starts_with("http://") || text.starts_with("https://")).then(|| text.to_owned())
}
