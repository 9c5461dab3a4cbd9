//! Company seals 企业印章: round with a star, and oval.

use kurbo::{Affine, Point, Vec2};

use super::band::Band;
use super::drawing::{Drawing, Part};
use super::fonts::Chain;
use super::glyph::{Glyphs, Sign, set_in_cell};
use super::{CompanySeal, CompanyShape, FontSet, Mode, SealError, SealShape, mask};

/// Ink keeps this far from the edge of the box, so that no renderer cuts the rim's smoothing off.
const INSET: f64 = 0.15;

/// Draws a company seal: 40 mm round, or 40 × 30 mm oval. Names beyond the length at which one arc stays legible take a
/// second arc inside the first.
///
/// # Errors
/// [`SealError::MissingCharacters`] when no face of the company chain has every character of the name, or of the line
/// across; [`SealError::Font`].
pub fn draw_company(fonts: &FontSet, seal: &CompanySeal) -> Result<SealShape, SealError> {
    let plan = Plan::of(seal.shape);
    let outline = compose(fonts, seal)?.outline();
    Ok(SealShape::new(plan.radii.0 * 2.0, plan.radii.1 * 2.0, plan.bold, seal.colour, outline))
}

/// The seal's parts.
pub(super) fn compose(fonts: &FontSet, seal: &CompanySeal) -> Result<Drawing, SealError> {
    let name = match seal.mode {
        Mode::Plain => seal.name.as_str().to_owned(),
        Mode::Masked => mask::company(seal.name.as_str()),
    };
    let text = seal.text.as_ref().map_or("", |t| t.as_str());
    let code = seal.code.as_ref().map_or("", |c| c.as_str());
    let plan = Plan::of(seal.shape);
    let mut drawing = plan.rim();
    fonts.face_for(Chain::Company, &name)?.with_glyphs(&name, |glyphs| {
        plan.name(&mut drawing, glyphs, &name, !text.is_empty(), !code.is_empty());
        Ok(())
    })?;
    if text.is_empty() || plan.star_above_text {
        plan.star(&mut drawing, &name);
    }
    if !text.is_empty() {
        fonts.face_for(Chain::Company, text)?.with_glyphs(text, |glyphs| {
            plan.text(&mut drawing, glyphs, text, &name);
            Ok(())
        })?;
    }
    if !code.is_empty() {
        fonts.caption_glyphs_for(code)?;
        plan.code(&mut drawing, fonts.caption_glyphs(), code);
    }
    Ok(drawing)
}

/// The measures of one shape, in millimetres; heights below the centre are positive.
struct Plan {
    radii: (f64, f64),
    rim: f64,
    bold: f64,
    /// Slots beyond which the name takes two arcs.
    one_arc: f64,
    /// Character heights of one arc by slots: up to this many slots, this height.
    heights: &'static [(f64, f64)],
    /// From the rim to the name, from the first arc to the second, height of the first and second of two arcs.
    gap: f64,
    two_arcs: (f64, f64, f64),
    /// Where an arc must end: plain, with a code number, with a line across.
    floors: (f64, f64, f64),
    /// The star's centre and radius with one arc and with two.
    star: [(f64, f64); 2],
    star_above_text: bool,
    /// The line across: its centre, height, and width with one arc and with two.
    text: (f64, f64, [f64; 2]),
    /// The code number: gap to the rim, height, pitch.
    code: (f64, f64, f64),
}

const ROUND: Plan = Plan {
    radii: (20.0, 20.0),
    rim: 1.2,
    bold: 0.0,
    one_arc: 36.0,
    heights: &[(6.0, 6.0), (18.0, 5.6), (22.0, 5.0), (28.0, 4.6), (36.0, 4.2)],
    gap: 0.95,
    two_arcs: (0.55, 3.7, 3.3),
    floors: (13.6, 12.6, 8.3),
    star: [(0.0, 7.0), (0.0, 5.9)],
    star_above_text: true,
    text: (11.3, 4.4, [21.0, 20.0]),
    code: (0.75, 1.25, 1.55),
};

const OVAL: Plan = Plan {
    radii: (20.0, 15.0),
    rim: 1.0,
    bold: 0.1,
    one_arc: 24.0,
    heights: &[(6.0, 4.6), (18.0, 4.2), (24.0, 3.7)],
    gap: 0.7,
    two_arcs: (0.5, 3.2, 2.8),
    floors: (5.0, 5.0, 4.0),
    star: [(-0.6, 5.0), (0.4, 3.9)],
    star_above_text: false,
    text: (2.2, 4.4, [21.0, 17.0]),
    code: (0.6, 1.15, 1.35),
};

impl Plan {
    fn of(shape: CompanyShape) -> &'static Self {
        match shape {
            CompanyShape::Round => &ROUND,
            CompanyShape::Oval => &OVAL,
        }
    }

    fn centre(&self) -> Point {
        Point::new(self.radii.0, self.radii.1)
    }

    /// Semi-axes of the rim's inner edge.
    fn inner(&self) -> (f64, f64) {
        let less = INSET + self.rim;
        (self.radii.0 - less, self.radii.1 - less)
    }

    /// Whether the name takes two arcs.
    fn two(&self, name: &str) -> bool {
        slots(&signs(name)) > self.one_arc
    }

    fn rim(&self) -> Drawing {
        let mut drawing = Drawing::default();
        drawing.ring(self.centre(), (self.radii.0 - INSET, self.radii.1 - INSET), self.rim);
        drawing
    }

    fn star(&self, drawing: &mut Drawing, name: &str) {
        let [one, two] = self.star;
        let (below, r) = if self.two(name) { two } else { one };
        drawing.star(self.centre() + (0.0, below), r);
    }

    fn name(&self, drawing: &mut Drawing, glyphs: &dyn Glyphs, name: &str, text: bool, code: bool) {
        let signs = signs(name);
        let total = slots(&signs);
        let floor = match (text, code) {
            (true, _) => self.floors.2,
            (false, true) => self.floors.1,
            (false, false) => self.floors.0,
        };
        let band = |gap, height| Band {
            centre: self.centre(),
            inner: self.inner(),
            gap,
            height,
            floor,
            step: height * if total <= 6.0 { 1.45 } else { 1.2 },
        };
        if total <= self.one_arc {
            let height = self.heights.iter().find(|(most, _)| total <= *most).map_or(4.0, |(_, h)| *h);
            band(self.gap, height).set(drawing, glyphs, 0, &signs);
            return;
        }
        let (between, first, second) = self.two_arcs;
        // The second arc ends early: near the bottom it would be read from below.
        let early = |band: Band| Band { floor: band.floor.min(self.floors.2 + 1.5), ..band };
        let outer = early(band(self.gap, first));
        let inner = early(band(self.gap + first + between, second));
        // Both arcs take as many characters as makes their steps alike.
        let share = inner.length() / (outer.length() + inner.length());
        let mut head = 0;
        let mut sum = 0.0;
        while sum < total * (1.0 - share) {
            let Some(sign) = signs.get(head) else { break };
            sum += sign.slot();
            head += 1;
        }
        let (a, b) = signs.split_at(head.min(signs.len()));
        outer.set(drawing, glyphs, 0, a);
        inner.set(drawing, glyphs, 1, b);
    }

    fn text(&self, drawing: &mut Drawing, glyphs: &dyn Glyphs, text: &str, name: &str) {
        let signs = signs(text);
        let (below, tall, [one, two]) = self.text;
        let slots = slots(&signs);
        let step = (if self.two(name) { two } else { one } / slots).min(tall * 0.88);
        // Many characters are set smaller rather than ever narrower.
        let height = tall.min(step * 2.0);
        let mut at = -slots / 2.0;
        for (place, sign) in signs.iter().enumerate() {
            let slot = sign.slot();
            let x = (at + slot / 2.0) * step;
            at += slot;
            let path = set_in_cell(glyphs, *sign, slot * step * 0.93, height);
            drawing.add(
                Part::Text(place),
                path,
                Affine::translate(self.centre().to_vec2() + Vec2::new(x, below)),
            );
        }
    }

    /// Digits along the bottom, read from left to right, their heads towards the centre.
    fn code(&self, drawing: &mut Drawing, glyphs: &dyn Glyphs, code: &str) {
        let (gap, height, pitch) = self.code;
        let (a, b) = self.inner();
        let (a, b) = (a - gap - height / 2.0, b - gap - height / 2.0);
        let signs = signs(code);
        // Near its lowest point an ellipse is a circle of this radius of curvature.
        let n = f64::from(u32::try_from(signs.len()).unwrap_or(u32::MAX));
        for (place, sign) in signs.iter().enumerate() {
            let i = f64::from(u32::try_from(place).unwrap_or(u32::MAX)) - (n - 1.0) / 2.0;
            let (x, y, turn) = from_bottom(a, b, i * pitch);
            let path = set_in_cell(glyphs, *sign, pitch * 0.8, height / 0.76);
            let place_at =
                Affine::translate(self.centre().to_vec2() + Vec2::new(x, y)) * Affine::rotate(-turn);
            drawing.add(Part::Code(place), path, place_at);
        }
    }
}

/// The point of an ellipse `along` millimetres from its lowest point (positive to the right), and the angle its outward
/// normal makes with straight down, positive to the right.
fn from_bottom(a: f64, b: f64, along: f64) -> (f64, f64, f64) {
    let steps = 400_u32;
    let mut t = 0.0_f64;
    // Walk the parameter in equal arc lengths: ds = √(a² cos² t + b² sin² t) dt.
    for _ in 0..steps {
        let (s, c) = t.sin_cos();
        t += along / f64::from(steps) / (a * a * c * c + b * b * s * s).sqrt();
    }
    let (s, c) = t.sin_cos();
    (a * s, b * c, (b * s).atan2(a * c))
}

fn signs(text: &str) -> Vec<Sign> {
    text.chars().map(Sign::of).collect()
}

fn slots(signs: &[Sign]) -> f64 {
    signs.iter().map(|s| s.slot()).sum()
}
