//! What stands beneath a seal: the document's digest or the time of signing.

use super::SealClass;
use super::input::Content;
use crate::ops::{Appliance, Error, Result};
use crate::seal::{Caption, Colour, SealForm, set_caption};
use hufu_api::UnixTime;
use time::OffsetDateTime;
use time::macros::{format_description, offset};

/// Points in a millimetre.
const POINTS: f64 = 72.0 / 25.4;
/// Lines are never set narrower than that, so that a digest beneath a small seal can still be read.
const NARROWEST: f64 = 30.0;

impl Appliance {
    pub(super) fn caption(
        &self,
        class: SealClass,
        input: &Content,
        seal: &SealForm,
        now: UnixTime,
    ) -> Result<Option<Caption>> {
        let lines = match class {
            SealClass::Plain | SealClass::Seam => return Ok(None),
            SealClass::WithDigest => {
                let digest = hex::encode(input.sha256);
                let (first, second) = digest.split_at_checked(32).unwrap_or((&digest, ""));
                vec!["SHA-256".to_owned(), first.to_owned(), second.to_owned()]
            }
            SealClass::WithTime => vec![beijing(now)?],
        };
        let width = (seal.width / POINTS).max(NARROWEST);
        let set: Vec<&str> = lines.iter().map(String::as_str).collect();
        set_caption(&self.ports.fonts, &set, width, Colour::Black)
            .map(Some)
            .map_err(|e| Error::internal(format!("caption: {e}")))
    }
}

/// "2026-11-22 10:20:30" in Asia/Shanghai, which has had no daylight saving since 1991.
pub(in crate::ops) fn beijing(at: UnixTime) -> Result<String> {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    OffsetDateTime::from_unix_timestamp(at.seconds())
        .map_err(Error::internal)?
        .to_offset(offset!(+8))
        .format(&format)
        .map_err(Error::internal)
}
