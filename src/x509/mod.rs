//! Certificates: names, requests, profiles, path validation (RFC 5280), revocation data.
//!
//! Reading, building and signature verification live in the crate `hufu-x509`, which `ca-local` shares; here is what only
//! the appliance needs: the check of what a channel returned, and path validation.

mod issued;
pub mod path;

pub use hufu_x509::*;
pub use issued::{IssuedCheck, IssuedError};
