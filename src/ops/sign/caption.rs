//! What stands beneath a seal: the document's digest or the time of signing.

use super::SealClass;
use super::input::Input;
use crate::ops::{Appliance, Error, Result, seals};
use crate::pdf::appearance::{CaptionLine, SealAppearance};
use crate::seal::{Colour, draw_caption};
use hufu_api::UnixTime;
use time::OffsetDateTime;
use time::macros::{format_description, offset};

/// Points in a millimetre.
const POINTS: f64 = 72.0 / 25.4;
/// Lines are never set narrower than that, so that a digest beneath a small seal can still be read.
const NARROWEST: f64 = 30.0;

impl Appliance {
    pub(super) fn captions(
        &self,
        class: SealClass,
        input: &Input,
        seal: &SealAppearance,
        now: UnixTime,
    ) -> Result<Vec<CaptionLine>> {
        let lines = match class {
            SealClass::Plain | SealClass::Seam => return Ok(Vec::new()),
            SealClass::WithDigest => {
                let digest = hex::encode(input.sha256);
                let (first, second) = digest.split_at_checked(32).unwrap_or((&digest, ""));
                vec!["SHA-256".to_owned(), first.to_owned(), second.to_owned()]
            }
            SealClass::WithTime => vec![beijing(now)?],
        };
        let width = (seal.width / POINTS).max(NARROWEST);
        lines.into_iter().map(|line| self.caption(line, width)).collect()
    }

    fn caption(&self, text: String, width: f64) -> Result<CaptionLine> {
        let shape = draw_caption(&self.ports.fonts, &[&text], width, Colour::Black)
            .map_err(|e| Error::internal(format!("caption: {e}")))?;
        let (width, height) = shape.size_mm();
        let (width, height) = (width * POINTS, height * POINTS);
        // The kernel sets a line of 1.25 em with its baseline 0.95 em below the top.
        let descent = height * 0.3 / 1.25;
        let mut path = seals::points(&shape);
        path.apply_affine(kurbo::Affine::translate((0.0, -descent)));
        Ok(CaptionLine { text, path, width, ascent: height - descent, descent, rgb: Colour::Black.rgb() })
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
