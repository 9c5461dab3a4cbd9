//! Glyphs for running text, for sheets that must look the same on every machine: each character from the first font that has it.

use super::fonts::{Chain, FontSet};
use super::glyph::Glyph;
use super::{FontFamily, SealError};
use kurbo::{BezPath, PathEl, Point};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Which chains are asked, in this order.
const CHAINS: [Chain; 4] =
    [Chain::Person(FontFamily::HuawenKai), Chain::Person(FontFamily::YaHei), Chain::Company, Chain::Figures];

/// One character as a Type 3 glyph shows it; all in thousandths of an em, y upwards from the baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintGlyph {
    /// Room along the line.
    pub advance: i32,
    /// Left, bottom, right, top of the ink.
    pub ink: [i32; 4],
    /// Path construction operators (ISO 32000-2, 8.5.2); empty for white space.
    pub path: String,
}

impl PrintGlyph {
    pub(super) fn of(glyph: &Glyph) -> Self {
        let ink = glyph.ink;
        Self {
            advance: thousandths(glyph.advance),
            ink: [thousandths(ink.x0), -thousandths(ink.y1), thousandths(ink.x1), -thousandths(ink.y0)],
            path: path(&glyph.path),
        }
    }

    /// The glyph description (ISO 32000-2, 9.6.4): its box, then its path, filled.
    pub fn description(&self) -> String {
        let Self { advance, ink: [left, bottom, right, top], path } = self;
        let fill = if path.is_empty() { "" } else { "f\n" };
        format!("{advance} 0 {left} {bottom} {right} {top} d1\n{path}{fill}")
    }
}

/// A ToUnicode CMap (ISO 32000-2, 9.10.3) for the codes from 1 on.
pub fn to_unicode(characters: impl IntoIterator<Item = char>) -> String {
    let mut map = "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /hufu def\n/CMapType 2 def\n\
                   1 begincodespacerange\n<00> <FF>\nendcodespacerange\n"
        .to_owned();
    let pairs: Vec<String> = (1_usize..)
        .zip(characters)
        .map(|(code, c)| {
            let units: String =
                c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("{unit:04X}")).collect();
            format!("<{code:02X}> <{units}>\n")
        })
        .collect();
    for part in pairs.chunks(100) {
        let _ = write!(map, "{} beginbfchar\n{}endbfchar\n", part.len(), part.concat());
    }
    map + "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
}

/// The glyphs of the characters of `text` that the fonts have.
///
/// # Errors
/// [`SealError::Font`] when a font cannot be read any more.
pub fn print_glyphs(fonts: &FontSet, text: &str) -> Result<BTreeMap<char, PrintGlyph>, SealError> {
    let mut wanted: Vec<char> = text.chars().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut found = BTreeMap::new();
    for file in CHAINS.iter().flat_map(|chain| fonts.chain(*chain)) {
        let (here, rest): (Vec<char>, Vec<char>) = wanted.iter().partition(|c| file.covers(**c));
        if here.is_empty() {
            continue;
        }
        // A letter, so that a file is opened even for characters that seals draw themselves.
        let text: String = here.iter().copied().chain(['一', 'A']).collect();
        file.with_glyphs(&text, |glyphs| {
            found.extend(here.iter().filter_map(|c| Some((*c, PrintGlyph::of(&glyphs.glyph(*c)?)))));
            Ok(())
        })?;
        wanted = rest;
    }
    Ok(found)
}

#[allow(clippy::cast_possible_truncation, reason = "bounded by the clamp")]
fn thousandths(em: f64) -> i32 {
    let value = (em * 1000.0).round();
    if value.is_nan() { 0 } else { value.clamp(-8000.0, 8000.0) as i32 }
}

fn path(outline: &BezPath) -> String {
    let at = |p: Point| format!("{} {}", thousandths(p.x), -thousandths(p.y));
    let (mut out, mut current) = (String::new(), Point::ZERO);
    for element in outline.elements() {
        // Writing to a String cannot fail.
        let _ = match *element {
            PathEl::MoveTo(p) => writeln!(out, "{} m", at(p)),
            PathEl::LineTo(p) => writeln!(out, "{} l", at(p)),
            PathEl::CurveTo(a, b, p) => writeln!(out, "{} {} {} c", at(a), at(b), at(p)),
            PathEl::QuadTo(q, p) => {
                let third = 2.0 / 3.0;
                writeln!(out, "{} {} {} c", at(current.lerp(q, third)), at(p.lerp(q, third)), at(p))
            }
            PathEl::ClosePath => writeln!(out, "h"),
        };
        current = element.end_point().unwrap_or(current);
    }
    out
}
