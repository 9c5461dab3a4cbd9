//! A worker at its own socket, on a real SoftHSM token of its own.

mod acts;
mod refusals;
mod site;
