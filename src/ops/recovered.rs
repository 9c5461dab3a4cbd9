//! What a state that was brought back needs of the token: a restore tries it before anybody relies on it.

use super::auth::MASTER;
use super::rows::{Certificate, Standing};
use super::{Result, table};
use crate::keys::{KeyLocation, StoredKey};
use hufu_api::{Order, Space, Store};
use std::ops::Bound;

/// Rows read at a time.
const PAGE: usize = 1_000;

/// Keys and secrets that the token must know.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Signers' keys kept wrapped: evenly spread over all, at most as many as asked for.
    pub wrapped: Vec<StoredKey>,
    /// How many there are.
    pub wrapped_count: u64,
    /// Signers' keys that lie in the token itself: no backup of ours has them.
    pub in_token: Vec<StoredKey>,
    /// A context and what was protected under it.
    pub secret: Option<(String, Vec<u8>)>,
}

/// Finds them: of signers' certificates in use, at most about `most` wrapped keys, and all that lie in the token.
///
/// # Errors
/// When the store cannot be read.
pub fn needs(store: &dyn Store, most: u64) -> Result<Needs> {
    let stride = store.count(Space::Certificate)?.div_ceil(most.max(1)).max(1);
    let mut needs = Needs::default();
    let mut from = Bound::Unbounded;
    loop {
        let page =
            store.scan(Space::Certificate, from.as_ref().map(Vec::as_slice), Order::Ascending, PAGE)?;
        for (_, row) in &page {
            let row: Certificate = table::decode(Space::Certificate, &row.value)?;
            if row.standing != Standing::Active {
                continue;
            }
            match row.key.location {
                KeyLocation::Wrapped { .. } => {
                    if needs.wrapped_count % stride == 0 {
                        needs.wrapped.push(row.key);
                    }
                    needs.wrapped_count += 1;
                }
                KeyLocation::Token => needs.in_token.push(row.key),
                KeyLocation::Ephemeral { .. } => {}
            }
        }
        match page.into_iter().last() {
            Some((key, _)) => from = Bound::Excluded(key),
            None => break,
        }
    }
    let master = store.get(&table::named(Space::Meta, MASTER))?;
    needs.secret = master.map(|row| (MASTER.to_owned(), row.value));
    Ok(needs)
}
