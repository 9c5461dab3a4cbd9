//! Lines printed beneath a seal: the document's digest (`sealClass` 2) or the signing time (`sealClass` 3), as outlines.

use kurbo::{Affine, BezPath};

use super::glyph::Glyph;
use super::{Colour, FontSet, Outline, SealError, SealShape};

/// Height of the em in millimetres, at most: 7 points.
const EM_MAX: f64 = 2.47;
/// Line pitch in ems.
const PITCH: f64 = 1.25;
/// Baseline of a line below its top, in ems.
const BASE: f64 = 0.95;

/// Draws centred lines into a box `width` millimetres wide, all in one size, as large as the longest line allows and at
/// most 7 points. Takes its glyphs from what [`FontSet::new`] read, so it opens no font and suits the signing path.
///
/// # Errors
/// [`SealError::MissingCharacters`] for characters other than ASCII and those of Chinese dates.
pub fn draw_caption(
    fonts: &FontSet,
    lines: &[&str],
    width: f64,
    colour: Colour,
) -> Result<SealShape, SealError> {
    let known = fonts.caption_glyphs();
    for line in lines {
        fonts.caption_glyphs_for(line)?;
    }
    let set: Vec<Vec<&Glyph>> =
        lines.iter().map(|line| line.chars().filter_map(|c| known.get(&c)).collect()).collect();
    let advance = |line: &[&Glyph]| line.iter().map(|g| g.advance).sum::<f64>();
    let widest = set.iter().map(|line| advance(line)).fold(1.0, f64::max);
    // A letter may hang a little over its advance.
    let em = (width / (widest + 0.2)).min(EM_MAX);
    let mut outline = Outline::default();
    let mut top = 0.0;
    for line in &set {
        let mut x = (width - advance(line) * em) / 2.0;
        for glyph in line {
            let mut path: BezPath = glyph.path.clone();
            path.apply_affine(Affine::translate((x, top + BASE * em)) * Affine::scale(em));
            outline.push(&path);
            x += glyph.advance * em;
        }
        top += PITCH * em;
    }
    Ok(SealShape::new(width, top, 0.0, colour, outline))
}
