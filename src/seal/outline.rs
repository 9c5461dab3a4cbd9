//! A filled path in whole micrometres: the one geometry behind every output.
//!
//! Whole numbers make the geometry the same on every machine (a rounding difference in the last bit of a sine does not
//! show), short in PDF and SVG, and fit to be hashed. One micrometre is 25,400 dpi.

use std::fmt::Write as _;

use kurbo::{BezPath, PathEl, Point};
use serde::{Deserialize, Serialize};

/// A point: x to the right, y down, in micrometres from the top left of the box.
pub type Micro = (i32, i32);

/// One segment of an outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Segment {
    /// Begin a contour.
    Move(Micro),
    /// A straight line.
    Line(Micro),
    /// A cubic Bézier curve.
    Cubic(Micro, Micro, Micro),
    /// Close the contour.
    Close,
}

/// A path to be filled by the non-zero winding rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Outline(Vec<Segment>);

/// Rounds millimetres to micrometres; what is not a number or beyond a metre becomes the nearest bound.
#[allow(clippy::cast_possible_truncation)] // bounded by the clamp
pub(super) fn micro(mm: f64) -> i32 {
    let um = (mm * 1000.0).round();
    if um.is_nan() { 0 } else { um.clamp(-1.0e6, 1.0e6) as i32 }
}

impl Outline {
    /// The segments, in order.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Adds a path given in millimetres.
    pub(super) fn push(&mut self, path: &BezPath) {
        let at = |p: Point| (micro(p.x), micro(p.y));
        let mut current = Point::ZERO;
        for el in path.elements() {
            let segment = match *el {
                PathEl::MoveTo(p) => Segment::Move(at(p)),
                PathEl::LineTo(p) => Segment::Line(at(p)),
                PathEl::CurveTo(a, b, p) => Segment::Cubic(at(a), at(b), at(p)),
                PathEl::QuadTo(q, p) => {
                    let third = 2.0 / 3.0;
                    Segment::Cubic(at(current.lerp(q, third)), at(p.lerp(q, third)), at(p))
                }
                PathEl::ClosePath => Segment::Close,
            };
            if let PathEl::MoveTo(p) | PathEl::LineTo(p) | PathEl::CurveTo(_, _, p) | PathEl::QuadTo(_, p) =
                *el
            {
                current = p;
            }
            self.0.push(segment);
        }
    }

    /// SVG path data (SVG 2, 9.3) in micrometres.
    #[must_use]
    pub fn svg_data(&self) -> String {
        let mut d = String::with_capacity(self.0.len() * 24);
        for segment in &self.0 {
            // Writing to a String cannot fail.
            let _ = match *segment {
                Segment::Move((x, y)) => write!(d, "M{x} {y}"),
                Segment::Line((x, y)) => write!(d, "L{x} {y}"),
                Segment::Cubic((a, b), (c, e), (x, y)) => write!(d, "C{a} {b} {c} {e} {x} {y}"),
                Segment::Close => write!(d, "Z"),
            };
        }
        d
    }

    /// Path construction operators (ISO 32000-2, 8.5.2) in micrometres, y down.
    pub(super) fn write_pdf(&self, out: &mut String) {
        for segment in &self.0 {
            let _ = match *segment {
                Segment::Move((x, y)) => writeln!(out, "{x} {y} m"),
                Segment::Line((x, y)) => writeln!(out, "{x} {y} l"),
                Segment::Cubic((a, b), (c, e), (x, y)) => writeln!(out, "{a} {b} {c} {e} {x} {y} c"),
                Segment::Close => writeln!(out, "h"),
            };
        }
    }

    /// The path as `tiny-skia` wants it, one unit per micrometre.
    #[allow(clippy::cast_precision_loss)] // below a metre in micrometres: exact in 24 bits for every seal
    pub(super) fn skia(&self) -> Option<tiny_skia::Path> {
        let f = |v: i32| v as f32;
        let mut b = tiny_skia::PathBuilder::with_capacity(self.0.len(), self.0.len() * 3);
        for segment in &self.0 {
            match *segment {
                Segment::Move((x, y)) => b.move_to(f(x), f(y)),
                Segment::Line((x, y)) => b.line_to(f(x), f(y)),
                Segment::Cubic((a, c), (d, e), (x, y)) => b.cubic_to(f(a), f(c), f(d), f(e), f(x), f(y)),
                Segment::Close => b.close(),
            }
        }
        b.finish()
    }
}
