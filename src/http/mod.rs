//! The HTTPS edge: routes, authentication, wire types, replies.

pub mod listen;

mod pages;
