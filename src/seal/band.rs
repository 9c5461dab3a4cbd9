//! Characters along the upper part of an ellipse, upright on its inside: the name of a company seal.
//!
//! Each character stands on the *foot line*, the curve a fixed distance inside the rim, at equal steps of that line's
//! length. Neighbours meet first at their feet, so cells that do not overlap there overlap nowhere.

use kurbo::{Affine, Point};

use super::drawing::{Drawing, Part};
use super::glyph::{Glyphs, Sign, set_in_cell};

/// Where a line of characters runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Band {
    /// The seal's centre.
    pub(super) centre: Point,
    /// Semi-axes of the rim's inner edge.
    pub(super) inner: (f64, f64),
    /// From the rim's inner edge to the characters' heads.
    pub(super) gap: f64,
    /// The characters' height.
    pub(super) height: f64,
    /// The line ends where its outer edge falls this far below the centre.
    pub(super) floor: f64,
    /// Steps are at most this wide: short names do not spread over the whole arc.
    pub(super) step: f64,
}

/// One sampled place: distance along the foot line from the top, the foot point, and the angle of the outward normal
/// (0 up, clockwise).
#[derive(Clone, Copy)]
struct Place {
    along: f64,
    foot: Point,
    turn: f64,
}

/// Samples of the right half; linear interpolation between them is exact to well below a micrometre.
const SAMPLES: u32 = 2_000;

impl Band {
    /// The right half of the foot line from the top down to the floor.
    fn places(&self) -> Vec<Place> {
        let (a, b) = self.inner;
        let mut places: Vec<Place> = Vec::new();
        for i in 0..=SAMPLES {
            let t = std::f64::consts::PI * f64::from(i) / f64::from(SAMPLES);
            let on = Point::new(a * t.sin(), -b * t.cos());
            let normal = Point::new(b * t.sin(), -a * t.cos()).to_vec2().normalize();
            let head = on - normal * self.gap;
            if head.y > self.floor {
                break;
            }
            let foot = on - normal * (self.gap + self.height);
            let along = places.last().map_or(0.0, |p| p.along + (foot - p.foot).hypot());
            places.push(Place { along, foot, turn: normal.x.atan2(-normal.y) });
        }
        places
    }

    /// Length of the whole foot line.
    pub(super) fn length(&self) -> f64 {
        2.0 * self.places().last().map_or(0.0, |p| p.along)
    }

    /// Sets one line of the name.
    pub(super) fn set(&self, drawing: &mut Drawing, glyphs: &dyn Glyphs, line: usize, signs: &[Sign]) {
        let places = self.places();
        let half = places.last().map_or(0.0, |p| p.along);
        let slots: f64 = signs.iter().map(|s| s.slot()).sum();
        let step = (2.0 * half / slots.max(1.0)).min(self.step);
        let mut at = -slots / 2.0;
        for (place, sign) in signs.iter().enumerate() {
            let slot = sign.slot();
            let along = (at + slot / 2.0) * step;
            at += slot;
            let Some((foot, turn)) = at_length(&places, along.abs()) else { continue };
            let (foot, turn) = if along < 0.0 { (Point::new(-foot.x, foot.y), -turn) } else { (foot, turn) };
            let width = (slot * step * 0.93).min(self.height * 0.80 * slot);
            let path = set_in_cell(glyphs, *sign, width, self.height);
            let upright = Affine::translate(self.centre.to_vec2() + foot.to_vec2())
                * Affine::rotate(turn)
                * Affine::translate((0.0, -self.height / 2.0));
            drawing.add(Part::Name(line, place), path, upright);
        }
    }
}

/// The place a given length from the top; beyond the end, the end.
fn at_length(places: &[Place], along: f64) -> Option<(Point, f64)> {
    let after = places.partition_point(|p| p.along < along);
    let next = places.get(after).or(places.last())?;
    let Some(before) = after.checked_sub(1).and_then(|i| places.get(i)) else {
        return Some((next.foot, next.turn));
    };
    let span = next.along - before.along;
    let share = if span > 0.0 { ((along - before.along) / span).clamp(0.0, 1.0) } else { 0.0 };
    Some((before.foot.lerp(next.foot, share), before.turn + (next.turn - before.turn) * share))
}
