//! Certificates, requests, revocation data and public-key verification: a pure kernel shared by the appliance (which
//! re-exports it as `hufu::x509`) and by `ca-local`. Bytes in, bytes out; no key, no clock, no randomness.
//!
//! Making: every signed structure of X.509 has the shape `SEQUENCE { tbs, AlgorithmIdentifier, BIT STRING }`. The
//! functions here build the `tbs` part ([`certificate_tbs`], [`request_info`], [`crl_tbs`], …), a token signs those bytes, and
//! [`assemble`] puts the three together.
//!
//! Reading: [`Certificate`], [`Request`] and the others keep the bytes as they came beside the decoded fields, since
//! signatures cover bytes and not meanings.

pub mod asn1;

mod addresses;
mod algorithm;
mod certificate;
mod crl;
mod crl_read;
mod error;
mod issue;
mod name;
pub mod ocsp;
mod request;
pub mod signature;
mod time;

pub use algorithm::{SignatureAlgorithm, assemble};
pub use certificate::{Certificate, Extension, KeyUsage, Summary, serial_hex};
pub use crl::{CrlSpec, Revoked, crl_tbs, reason_code, reason_from_code};
pub use crl_read::{CrlEntry, CrlRead};
pub use error::X509Error;
pub use issue::{
    Addresses, Issuer, Role, SCENE_BINDING_OID, TbsSpec, certificate_tbs, key_identifier, scene_binding,
};
pub use name::{Name, authority_name, subject_name};
pub use request::{Request, request_info};
pub use time::{generalized_time, parse_time, x509_time};
