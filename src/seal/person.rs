//! Personal seals 个人印章.

use kurbo::{Affine, Point, Rect};

use super::drawing::{Drawing, Part};
use super::fonts::Chain;
use super::glyph::{Glyphs, Sign, set_in_cell};
use super::{Border, FontSet, Mode, PersonSeal, SealError, SealShape, mask, rows};

/// The box of the document's 200 × 110 pixels, in millimetres.
const WIDE: (f64, f64) = (30.0, 16.5);
/// The box of a framed seal of four characters, the usual size of a name seal 名章.
const SQUARE: (f64, f64) = (20.0, 20.0);
/// Ink keeps this far from the edge of the box, so that no renderer cuts the frame's smoothing off.
const INSET: f64 = 0.15;

/// Draws a personal seal: the name in rows inside a frame or free; four ideographs in a frame stand two by two, the right
/// column first, as on a carved seal.
///
/// # Errors
/// [`SealError::MissingCharacters`] when no face of the family's chain has every character; [`SealError::Font`].
pub fn draw_person(fonts: &FontSet, seal: &PersonSeal) -> Result<SealShape, SealError> {
    let (drawing, (width, height), bold) = compose(fonts, seal)?;
    Ok(SealShape::new(width, height, bold, seal.colour, drawing.outline()))
}

/// The parts, the box, and the stroke that makes thin type bold.
pub(super) fn compose(fonts: &FontSet, seal: &PersonSeal) -> Result<(Drawing, (f64, f64), f64), SealError> {
    let name = match seal.mode {
        Mode::Plain => seal.name.as_str().to_owned(),
        Mode::Masked => mask::person(seal.name.as_str()),
    };
    let file = fonts.face_for(Chain::Person(seal.family), &name)?;
    file.with_glyphs(&name, |glyphs| Ok(layout(glyphs, &name, seal.border)))
}

fn layout(glyphs: &dyn Glyphs, name: &str, border: Border) -> (Drawing, (f64, f64), f64) {
    let signs: Vec<Sign> = name.chars().map(Sign::of).collect();
    let square = border == Border::Framed
        && signs.len() == 4
        && signs.iter().all(|s| matches!(s, Sign::Ideograph(_) | Sign::Mask));
    let (w, h) = if square { SQUARE } else { WIDE };
    let short = w.min(h);
    let bold = short * 0.012;
    let mut drawing = Drawing::default();
    let edge = Rect::new(0.0, 0.0, w, h).inset(-INSET);
    let area = match border {
        Border::Framed => {
            let rim = short * 0.045;
            drawing.frame(edge, rim, short * 0.06);
            edge.inset(-(rim + short * 0.065))
        }
        Border::Open => edge.inset(-short * 0.03),
    };
    if square {
        two_by_two(&mut drawing, glyphs, &signs, area);
    } else {
        rows::fill(&mut drawing, glyphs, name, area);
    }
    (drawing, (w, h), bold)
}

fn two_by_two(drawing: &mut Drawing, glyphs: &dyn Glyphs, signs: &[Sign], area: Rect) {
    let (w, h) = (area.width() / 2.0, area.height() / 2.0);
    // Right column first, downwards.
    let centres = [(0.5, -0.5), (0.5, 0.5), (-0.5, -0.5), (-0.5, 0.5)];
    for (place, (sign, (x, y))) in signs.iter().zip(centres).enumerate() {
        let at = area.center() + (Point::new(x * w, y * h) - Point::ZERO);
        let path = set_in_cell(glyphs, *sign, w * 0.95, h * 0.95);
        drawing.add(Part::Name(place / 2, place % 2), path, Affine::translate(at.to_vec2()));
    }
}
