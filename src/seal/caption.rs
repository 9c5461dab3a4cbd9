//! Lines printed beneath a seal: the document's digest (`sealClass` 2) or the signing time (`sealClass` 3), as text in an
//! embedded font of just the glyphs that it needs, so that it can be searched, copied and read aloud.

use super::glyph::Glyph;
use super::{Colour, FontSet, PrintGlyph, SealError};
use std::collections::BTreeMap;

/// Points in a millimetre.
const POINTS: f64 = 72.0 / 25.4;
/// Largest type size in points.
const SIZE_MAX: f64 = 7.0;
/// Line pitch in ems.
const PITCH: f64 = 1.25;
/// Baseline of a line below its top, in ems.
const BASE: f64 = 0.95;

/// Lines of text with the glyphs that show them; points, origin in the lower left corner of the box.
#[derive(Clone, Debug, PartialEq)]
pub struct Caption {
    /// Width of the box.
    pub width: f64,
    /// Height of the box.
    pub height: f64,
    /// Type size.
    pub size: f64,
    /// Red, green and blue, 0 to 1.
    pub colour: [f64; 3],
    /// Beginning of each baseline, and what is set there.
    pub lines: Vec<(f64, f64, String)>,
    /// The glyphs of all characters, for a Type 3 font.
    pub glyphs: BTreeMap<char, PrintGlyph>,
}

/// Sets centred lines into a box `width` millimetres wide, all in one size, as large as the longest line allows and at
/// most 7 points. Takes its glyphs from what [`FontSet::new`] read, so it opens no font and suits the signing path.
///
/// # Errors
/// [`SealError::MissingCharacters`] for characters other than ASCII and those of Chinese dates.
pub fn set_caption(
    fonts: &FontSet,
    lines: &[&str],
    width: f64,
    colour: Colour,
) -> Result<Caption, SealError> {
    let known = fonts.caption_glyphs();
    for line in lines {
        fonts.caption_glyphs_for(line)?;
    }
    let glyph = |c: char| -> Option<&Glyph> { known.get(&c) };
    let advance = |line: &str| line.chars().filter_map(glyph).map(|g| g.advance).sum::<f64>();
    let widest = lines.iter().map(|line| advance(line)).fold(1.0, f64::max);
    let width = width * POINTS;
    // A letter may hang a little over its advance.
    let size = (width / (widest + 0.2)).min(SIZE_MAX);
    let height = f64::from(u32::try_from(lines.len()).unwrap_or(u32::MAX)) * PITCH * size;
    let mut set = Vec::with_capacity(lines.len());
    let mut top = height;
    for line in lines {
        set.push(((width - advance(line) * size) / 2.0, top - BASE * size, (*line).to_owned()));
        top -= PITCH * size;
    }
    let glyphs = lines
        .iter()
        .flat_map(|line| line.chars())
        .filter_map(|c| Some((c, PrintGlyph::of(glyph(c)?))))
        .collect();
    let colour = colour.rgb().map(|v| f64::from(v) / 255.0);
    Ok(Caption { width, height, size, colour, lines: set, glyphs })
}
