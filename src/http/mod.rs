//! The HTTPS edge: routes, authentication, wire types, replies.

pub mod listen;
pub mod pki;

mod pages;
