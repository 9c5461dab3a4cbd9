//! Reading and writing ASN.1 by hand, where the exact bytes matter.
//!
//! The `der` crate decodes into owned values and encodes them anew; signatures, however, cover bytes as they were
//! transmitted, and CMS in real files is sometimes BER (indefinite lengths, strings in pieces, sets out of order). So the reader
//! here hands out slices of the input and takes either rule set, bounded in depth and never recursive in its caller, and the
//! writer puts finished pieces together.

mod oid;
mod read;
mod transcode;
mod write;

pub use oid::AnyOid;
pub use read::{Asn1Error, MAX_DEPTH, Reader, Rules, Value};
pub use transcode::to_der;
pub use write::{
    bit_string, boolean, context, context_primitive, integer, integer_u64, null, octet_string, oid, sequence,
    set, set_of, tlv,
};

/// Identifier octets of the universal types used here.
pub mod tag {
    #![allow(missing_docs)]
    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const NULL: u8 = 0x05;
    pub const OID: u8 = 0x06;
    pub const ENUMERATED: u8 = 0x0a;
    pub const UTF8_STRING: u8 = 0x0c;
    pub const NUMERIC_STRING: u8 = 0x12;
    pub const PRINTABLE_STRING: u8 = 0x13;
    pub const TELETEX_STRING: u8 = 0x14;
    pub const IA5_STRING: u8 = 0x16;
    pub const UTC_TIME: u8 = 0x17;
    pub const GENERALIZED_TIME: u8 = 0x18;
    pub const VISIBLE_STRING: u8 = 0x1a;
    pub const UNIVERSAL_STRING: u8 = 0x1c;
    pub const BMP_STRING: u8 = 0x1e;
    pub const SEQUENCE: u8 = 0x30;
    pub const SET: u8 = 0x31;

    /// `[n]` of a constructed value, n ≤ 30.
    pub const fn context(n: u8) -> u8 {
        0xa0 | (n & 0x1f)
    }

    /// `[n]` of a primitive value, n ≤ 30.
    pub const fn context_primitive(n: u8) -> u8 {
        0x80 | (n & 0x1f)
    }
}

#[cfg(test)]
mod tests;
