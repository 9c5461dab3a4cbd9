//! Glyph outlines, and one character set into one cell.

use std::collections::BTreeMap;

use kurbo::{Affine, BezPath, Circle, Point, Rect, RoundedRect, Shape, Vec2};
use ttf_parser::{Face, OutlineBuilder};

/// The ideographic em box that a cell stands for, in ems with y down: 0.86 above the baseline, 0.14 below.
pub(super) const EM_TOP: f64 = -0.86;
pub(super) const EM_BOTTOM: f64 = 0.14;

/// How a character of a seal is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Fills a cell: ideographs, kana, full-width letters.
    Ideograph(char),
    /// Keeps its own width on the baseline: Latin letters, digits, half-width punctuation.
    Letter(char),
    /// A bracket of either width; only its inked half takes room.
    Bracket(char),
    /// The dot between parts of a name, drawn: fonts disagree on its size and place.
    Dot,
    /// The mask ＊, drawn for the same reason.
    Mask,
    /// White space.
    Space,
}

impl Sign {
    pub(super) fn of(c: char) -> Self {
        match c {
            '·' | '•' | '‧' | '・' | '･' | '∙' | '⋅' | '●' => Self::Dot,
            '＊' | '*' => Self::Mask,
            '（' | '(' => Self::Bracket('（'),
            '）' | ')' => Self::Bracket('）'),
            c if c.is_whitespace() => Self::Space,
            c if u32::from(c) >= 0x2E80 && !('\u{FF61}'..='\u{FFDC}').contains(&c) => Self::Ideograph(c),
            c => Self::Letter(c),
        }
    }

    /// The character whose glyph is needed, if one is.
    pub(super) fn glyph(self) -> Option<char> {
        match self {
            Self::Ideograph(c) | Self::Letter(c) | Self::Bracket(c) => Some(c),
            Self::Dot | Self::Mask | Self::Space => None,
        }
    }

    /// Room along the line, in cells, on seals where every character has a slot of its own.
    pub(super) fn slot(self) -> f64 {
        match self {
            Self::Ideograph(_) => 1.0,
            Self::Mask => 0.8,
            Self::Letter('M' | 'W' | 'm' | 'w' | '&' | '@' | '%') => 0.75,
            Self::Letter('I' | 'i' | 'j' | 'l' | '.' | ',' | '\'' | '’' | '-') => 0.4,
            Self::Letter(_) | Self::Bracket(_) => 0.6,
            Self::Dot | Self::Space => 0.45,
        }
    }
}

/// An outline in ems, y down, baseline at 0.
#[derive(Clone, Debug)]
pub(super) struct Glyph {
    pub(super) path: BezPath,
    pub(super) advance: f64,
    pub(super) ink: Rect,
}

/// Where glyphs come from.
pub(super) trait Glyphs {
    /// The outline of a character; `None` when it has none here. White glyphs have an empty path.
    fn glyph(&self, c: char) -> Option<Glyph>;
}

/// A parsed face with its scale.
pub(super) struct OpenFace<'a> {
    face: Face<'a>,
    em: f64,
}

impl<'a> OpenFace<'a> {
    pub(super) fn new(face: Face<'a>) -> Self {
        let em = f64::from(face.units_per_em());
        Self { face, em }
    }
}

impl Glyphs for OpenFace<'_> {
    fn glyph(&self, c: char) -> Option<Glyph> {
        let id = self.face.glyph_index(c)?;
        let mut pen = Pen(BezPath::new());
        let _ = self.face.outline_glyph(id, &mut pen);
        let mut path = pen.0;
        path.apply_affine(Affine::scale_non_uniform(1.0 / self.em, -1.0 / self.em));
        let advance =
            f64::from(self.face.glyph_hor_advance(id).unwrap_or(self.face.units_per_em())) / self.em;
        let ink = if path.is_empty() { Rect::ZERO } else { path.bounding_box() };
        Some(Glyph { path, advance, ink })
    }
}

/// Several files of one design: the first that has the character.
impl Glyphs for Vec<OpenFace<'_>> {
    fn glyph(&self, c: char) -> Option<Glyph> {
        self.iter().find_map(|face| face.glyph(c))
    }
}

/// Glyphs taken out of a font beforehand.
impl Glyphs for BTreeMap<char, Glyph> {
    fn glyph(&self, c: char) -> Option<Glyph> {
        self.get(&c).cloned()
    }
}

struct Pen(BezPath);

fn point(x: f32, y: f32) -> Point {
    Point::new(f64::from(x), f64::from(y))
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to(point(x, y));
    }
    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to(point(x, y));
    }
    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.0.quad_to(point(x1, y1), point(x, y));
    }
    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.0.curve_to(point(x1, y1), point(x2, y2), point(x, y));
    }
    fn close(&mut self) {
        self.0.close_path();
    }
}

/// A drawn asterisk of radius `r` about the origin.
pub(super) fn mask_sign(r: f64) -> BezPath {
    let (half, bar) = (r * 0.15, r);
    let mut path = BezPath::new();
    for turn in [0.0_f64, 60.0, 120.0] {
        let mut stroke = RoundedRect::new(-half, -bar, half, bar, half * 0.9).to_path(1e-4);
        stroke.apply_affine(Affine::rotate(turn.to_radians()));
        path.extend(stroke);
    }
    path
}

/// A drawn dot of radius `r` about the origin.
pub(super) fn dot_sign(r: f64) -> BezPath {
    Circle::new(Point::ZERO, r).to_path(1e-4)
}

/// One sign in a cell of `w` × `h` about the origin: an ideograph's em box becomes the cell, a letter keeps its shape on
/// the baseline. No ink leaves the cell, whatever the font does outside its em box.
pub(super) fn set_in_cell(glyphs: &dyn Glyphs, sign: Sign, w: f64, h: f64) -> BezPath {
    match sign {
        Sign::Space => BezPath::new(),
        Sign::Dot => dot_sign(w.min(h) * 0.16),
        Sign::Mask => mask_sign(w.min(h * 0.7) * 0.42),
        Sign::Ideograph(c) => glyph_path(
            glyphs,
            c,
            |g| {
                let middle = Vec2::new(-g.advance / 2.0, -(EM_TOP + EM_BOTTOM) / 2.0);
                Affine::scale_non_uniform(w / g.advance.max(0.3), h / (EM_BOTTOM - EM_TOP))
                    * Affine::translate(middle)
            },
            w,
            h,
        ),
        Sign::Bracket(c) => glyph_path(
            glyphs,
            c,
            |g| {
                let tall = h / (EM_BOTTOM - EM_TOP);
                let wide = (w / g.ink.width().max(0.05)).min(tall * 0.9);
                Affine::scale_non_uniform(wide, tall) * Affine::translate(-g.ink.center().to_vec2())
            },
            w,
            h,
        ),
        Sign::Letter(c) => {
            // Digits and capitals as tall as the ideographs look, not as their em box.
            let cap = glyphs.glyph('H').map_or(0.72, |g| g.ink.height()).max(0.3);
            glyph_path(
                glyphs,
                c,
                |g| {
                    let tall = h * 0.76 / cap;
                    let wide = (w * 0.96 / g.advance.max(0.1)).min(tall);
                    Affine::translate((0.0, h * 0.38))
                        * Affine::scale_non_uniform(wide, tall)
                        * Affine::translate((-g.advance / 2.0, 0.0))
                },
                w,
                h,
            )
        }
    }
}

fn glyph_path(glyphs: &dyn Glyphs, c: char, place: impl FnOnce(&Glyph) -> Affine, w: f64, h: f64) -> BezPath {
    let Some(glyph) = glyphs.glyph(c) else { return BezPath::new() };
    let placed = place(&glyph);
    let mut path = glyph.path;
    path.apply_affine(placed);
    keep_inside(&mut path, Rect::from_center_size(Point::ZERO, (w, h)));
    path
}

/// Moves, and only if that is not enough shrinks, a path so that its ink lies in `cell`.
pub(super) fn keep_inside(path: &mut BezPath, cell: Rect) {
    if path.is_empty() {
        return;
    }
    let ink = path.bounding_box();
    let (sx, sy) = (
        if ink.width() > cell.width() { cell.width() / ink.width() } else { 1.0 },
        if ink.height() > cell.height() { cell.height() / ink.height() } else { 1.0 },
    );
    if sx < 1.0 || sy < 1.0 {
        let about = ink.center().to_vec2();
        path.apply_affine(
            Affine::translate(about) * Affine::scale_non_uniform(sx, sy) * Affine::translate(-about),
        );
    }
    let ink = path.bounding_box();
    let shift = |low: f64, high: f64, from: f64, to: f64| {
        if low < from {
            from - low
        } else if high > to {
            to - high
        } else {
            0.0
        }
    };
    let by = Vec2::new(shift(ink.x0, ink.x1, cell.x0, cell.x1), shift(ink.y0, ink.y1, cell.y0, cell.y1));
    if by != Vec2::ZERO {
        path.apply_affine(Affine::translate(by));
    }
}
