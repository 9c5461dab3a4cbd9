//! TSTInfo (RFC 3161 2.4.2): what a time stamp says.

use super::message_imprint;
use crate::x509::asn1;
use crate::x509::{X509Error, generalized_time};
use const_oid::ObjectIdentifier;
use hufu_api::{HashAlgorithm, UnixTime};

/// All that goes into a TSTInfo.
#[derive(Clone, Copy, Debug)]
pub struct TstSpec<'a> {
    /// The policy under which it is issued.
    pub policy: ObjectIdentifier,
    /// Hash of the imprint.
    pub algorithm: HashAlgorithm,
    /// The imprint, exactly as in the request.
    pub digest: &'a [u8],
    /// Serial number, unsigned big-endian, never used before by this TSA, at most 160 bits.
    pub serial: &'a [u8],
    /// The time, shown to the millisecond.
    pub time: UnixTime,
    /// How far the time may be off, in milliseconds; 0 leaves the field out.
    pub accuracy_millis: u32,
    /// Whether tokens of this TSA can be ordered by time alone, whatever their accuracy.
    pub ordering: bool,
    /// The request's nonce, INTEGER content octets.
    pub nonce: Option<&'a [u8]>,
    /// The TSA certificate's subject Name, DER.
    pub tsa: Option<&'a [u8]>,
}

impl TstSpec<'_> {
    /// TSTInfo, DER.
    ///
    /// # Errors
    /// When the time cannot be encoded or the serial number is too long.
    pub fn build(&self) -> Result<Vec<u8>, X509Error> {
        let serial = asn1::integer(self.serial);
        if serial.len() > 2 + 21 {
            return Err(X509Error::Unencodable { what: "serialNumber", reason: "more than 160 bits".into() });
        }
        let ordering = if self.ordering { asn1::boolean(true) } else { Vec::new() };
        let nonce = self.nonce.map(|n| asn1::tlv(asn1::tag::INTEGER, &[n])).unwrap_or_default();
        let tsa = self.tsa.map(|name| asn1::context(0, &[&asn1::context(4, &[name])])).unwrap_or_default();
        Ok(asn1::sequence(&[
            &asn1::integer_u64(1),
            &asn1::oid(&self.policy),
            &message_imprint(self.algorithm, self.digest),
            &serial,
            &generalized_time(self.time, true)?,
            &accuracy(self.accuracy_millis),
            &ordering,
            &nonce,
            &tsa,
        ]))
    }
}

/// Accuracy: seconds, `[0]` millis; parts that are zero are absent.
fn accuracy(millis: u32) -> Vec<u8> {
    if millis == 0 {
        return Vec::new();
    }
    let seconds = if millis >= 1000 { asn1::integer_u64(u64::from(millis / 1000)) } else { Vec::new() };
    let rest = match asn1::integer_u64(u64::from(millis % 1000)).get(2..) {
        Some(content) if !millis.is_multiple_of(1000) => asn1::context_primitive(0, content),
        _ => Vec::new(),
    };
    asn1::sequence(&[&seconds, &rest])
}
