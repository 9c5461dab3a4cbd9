//! The calls, by chapter of the documents.

mod evidence;
mod extensions;
mod seals;
mod signing;
mod terms;
mod users;

use super::table::Endpoint;
use super::{byte_sign, login, validate};

/// Every group of calls.
pub(super) const GROUPS: &[&[Endpoint]] = &[
    login::CALLS,
    users::CALLS,
    seals::CALLS,
    signing::CALLS,
    evidence::CALLS,
    validate::CALLS,
    byte_sign::CALLS,
    extensions::CALLS,
    &signing::LOCATE,
];
