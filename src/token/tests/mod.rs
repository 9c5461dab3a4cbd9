//! A worker at its own socket, on a real SoftHSM token of its own.

pub(crate) mod acts;
mod faults;
mod issuance;
mod refusals;
pub(crate) mod site;
