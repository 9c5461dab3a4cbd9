//! The calls, by chapter of the document.

mod evidence;
mod extensions;
mod seals;
mod signing;
mod users;

use super::table::Endpoint;

/// Every group of calls. /auth/login and validateContract answer in their own ways and stand in `login` and `validate`.
pub(super) const GROUPS: &[&[Endpoint]] =
    &[users::CALLS, seals::CALLS, signing::CALLS, evidence::CALLS, extensions::CALLS];
