//! The Online Certificate Status Protocol (RFC 6960), both ends.

mod read;
mod request;
mod response;

pub use read::{OcspAnswer, OcspRead, OcspStatus};
pub use request::{CertId, OcspRequest};
pub use response::{OcspFailure, OcspSpec, OcspStatement, ocsp_failure, ocsp_response, ocsp_response_data};

use const_oid::ObjectIdentifier;

/// id-pkix-ocsp-basic
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
/// id-pkix-ocsp-nonce
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
