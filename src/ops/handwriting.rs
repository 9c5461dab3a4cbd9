//! 手绘: a one-time link for one signer to a page on which the signer writes by hand; what was written becomes a seal.
//!
//! The link's token is 256 random bits; the store knows only its hash. Whoever has the link may write for that signer
//! once, within 15 minutes: handing it to the right person is the platform's part, as it is with SMS codes.

use super::seals::Design;
use super::{Appliance, Call, Caller, Error, Result, table};
use crate::codes::Code;
use crate::seal::{Colour, Handwriting, SealFace};
use hufu_api::{Key, Order, Space, UnixTime};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ops::Bound;

const LIFE_MILLIS: i64 = 15 * 60 * 1_000;
const TOKEN_BYTES: usize = 32;
/// Links that may be open at once.
const OPEN_MAX: u64 = 20_000;
/// Rows looked at for expired ones whenever a link is made: more than one is made, so the space stays small.
const SWEPT: usize = 64;

/// A fresh link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandwritingLink {
    /// The secret part of the address, 64 hexadecimal digits.
    pub token: String,
    /// Until when it can be used.
    pub expires: UnixTime,
}

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandwritingInvitation {
    /// Whose seal it will be.
    pub name: String,
    /// Until when.
    pub expires: UnixTime,
}

/// What the store keeps of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Link {
    app: String,
    signer: u64,
    expires: UnixTime,
}

impl Appliance {
    /// Makes a link for a signer.
    ///
    /// # Errors
    /// 20001 another's token, 20206, 429 when too many links are open.
    pub fn invite_to_write(&self, caller: &Caller, signer: u64) -> Result<HandwritingLink> {
        caller.may_act_for(signer)?;
        self.acting_signer(&caller.app, signer)?;
        if self.store().count(Space::Handwriting)? >= OPEN_MAX {
            return Err(Code::TooManyRequests.into());
        }
        let token = self.random_hex(&self.ports.entropy, TOKEN_BYTES)?;
        let now = self.ports.clock.now_untrusted();
        let expires = now.plus_millis(LIFE_MILLIS);
        let key = key_of(&token);
        let mut writes = self.expired_links(&key, now)?;
        let link = Link { app: caller.app.id.clone(), signer, expires };
        writes.push(table::insert(key, &link)?);
        self.store().commit(&writes)?;
        Ok(HandwritingLink { token, expires })
    }

    /// What an open link invites to.
    ///
    /// # Errors
    /// 404 for a link that does not exist, was used, or has expired.
    pub fn invitation(&self, token: &str) -> Result<HandwritingInvitation> {
        let link = self.link(token)?;
        let app = self.app(&link.app)?.ok_or_else(closed)?;
        let signer = self.acting_signer(&app, link.signer)?;
        Ok(HandwritingInvitation { name: signer.name.as_str().to_owned(), expires: link.expires })
    }

    /// Makes a seal of what was written and closes the link.
    ///
    /// # Errors
    /// 404 as above; 201 for what is not a signature, which leaves the link open.
    pub fn keep_handwriting(
        &self,
        call: &Call,
        token: &str,
        written: &Handwriting,
        colour: Colour,
    ) -> Result<u64> {
        let shape = written.draw(colour).map_err(|e| Error::malformed("strokes").because(e))?;
        // Two submissions of one link: the second waits and then finds it closed.
        let lock = [b"handwriting\0", token.as_bytes()].concat();
        let _held = self.locks.hold(lock, call.cx.deadline).ok_or(Code::Overloaded)?;
        let link = self.link(token)?;
        let app = self.app(&link.app)?.ok_or_else(closed)?;
        if app.disabled || !app.online {
            return Err(Code::AppOffline.into());
        }
        self.acting_signer(&app, link.signer)?;
        let caller = Caller { app, signer: Some(link.signer) };
        let closing = vec![table::remove(key_of(token))];
        self.keep_seal(call, &caller, link.signer, Design::Handwritten, SealFace::Drawn(shape), closing)
    }

    fn link(&self, token: &str) -> Result<Link> {
        let well_formed = token.len() == TOKEN_BYTES * 2 && token.bytes().all(|b| b.is_ascii_hexdigit());
        if !well_formed {
            return Err(closed());
        }
        let row = table::read::<Link>(self.store(), &key_of(token))?.ok_or_else(closed)?;
        if row.value.expires < self.ports.clock.now_untrusted() {
            return Err(closed());
        }
        Ok(row.value)
    }

    /// Removals of expired links near a random place.
    fn expired_links(&self, near: &Key, now: UnixTime) -> Result<Vec<hufu_api::Write>> {
        let from = Bound::Included(near.bytes.as_slice());
        let mut removals = Vec::new();
        for (bytes, row) in self.store().scan(Space::Handwriting, from, Order::Ascending, SWEPT)? {
            let link: Link = table::decode(Space::Handwriting, &row.value)?;
            if link.expires < now {
                removals.push(table::remove(Key { space: Space::Handwriting, bytes }));
            }
        }
        Ok(removals)
    }
}

fn key_of(token: &str) -> Key {
    table::named(Space::Handwriting, &hex::encode(Sha256::digest(token)))
}

fn closed() -> Error {
    Error::with(Code::NotFound, "手绘链接不存在、已使用或已过期")
}
