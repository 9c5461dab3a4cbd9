//! 手绘: a signature written by hand, taken as the outlines of its strokes and kept as vectors.

use kurbo::{Affine, BezPath, Point, Rect, Shape};
use thiserror::Error;

use super::{Colour, Outline, SealShape};

/// The printed box in millimetres: that of a personal seal.
const BOX: (f64, f64) = (30.0, 16.5);
/// Ink keeps this far from the edge of the box.
const INSET: f64 = 0.5;
const STROKES_MAX: usize = 200;
const POINTS_MAX: usize = 4_000;
const POINTS_ALL_MAX: usize = 40_000;
/// A canvas side in CSS pixels.
const CANVAS: std::ops::RangeInclusive<f64> = 50.0..=10_000.0;

/// Why a handwriting is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HandwritingError {
    /// Nothing was written, or only a dot.
    #[error("nothing was written")]
    Empty,
    /// More strokes or points than a signature has.
    #[error("too many strokes or points")]
    TooLong,
    /// A point outside the canvas, a canvas without size, or not a number.
    #[error("a point outside the canvas")]
    OutOfCanvas,
}

/// Strokes as a page sends them: each the closed outline of the ink that one movement of the pen left, in canvas units.
#[derive(Clone, Debug, PartialEq)]
pub struct Handwriting {
    /// Width of the canvas, 50 to 10,000.
    pub width: f64,
    /// Height of the canvas, 50 to 10,000.
    pub height: f64,
    /// At most 200 outlines of at most 4,000 points, x to the right and y down, at most 40,000 points in all.
    pub strokes: Vec<Vec<(f64, f64)>>,
}

impl Handwriting {
    /// Draws the strokes as large as the box of a personal seal allows, in their own proportion.
    ///
    /// # Errors
    /// [`HandwritingError`].
    pub fn draw(&self, colour: Colour) -> Result<SealShape, HandwritingError> {
        if !CANVAS.contains(&self.width) || !CANVAS.contains(&self.height) {
            return Err(HandwritingError::OutOfCanvas);
        }
        let points: usize = self.strokes.iter().map(Vec::len).sum();
        if self.strokes.len() > STROKES_MAX
            || points > POINTS_ALL_MAX
            || self.strokes.iter().any(|stroke| stroke.len() > POINTS_MAX)
        {
            return Err(HandwritingError::TooLong);
        }
        // A pen may leave the canvas by its own width.
        let canvas = Rect::new(0.0, 0.0, self.width, self.height).inset(60.0);
        let inside = |&(x, y): &(f64, f64)| canvas.contains(Point::new(x, y));
        if !self.strokes.iter().flatten().all(inside) {
            return Err(HandwritingError::OutOfCanvas);
        }
        let mut path = BezPath::new();
        self.strokes.iter().for_each(|stroke| smooth(stroke, &mut path));
        if path.is_empty() {
            return Err(HandwritingError::Empty);
        }
        let ink = path.bounding_box();
        if ink.width().max(ink.height()) < self.width.min(self.height) * 0.05 {
            return Err(HandwritingError::Empty);
        }
        let room = Rect::new(0.0, 0.0, BOX.0, BOX.1).inset(-INSET);
        let scale = (room.width() / ink.width().max(1.0)).min(room.height() / ink.height().max(1.0));
        path.apply_affine(
            Affine::translate(room.center().to_vec2())
                * Affine::scale(scale)
                * Affine::translate(-ink.center().to_vec2()),
        );
        let mut outline = Outline::default();
        outline.push(&path);
        Ok(SealShape::new(BOX.0, BOX.1, 0.0, colour, outline))
    }
}

/// A closed curve through the middles of a polygon's edges, as the page shows it.
fn smooth(polygon: &[(f64, f64)], path: &mut BezPath) {
    let points: Vec<Point> = polygon.iter().map(|p| Point::from(*p)).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    if points.len() < 3 {
        return;
    }
    let closing = last.midpoint(*first);
    path.move_to(closing);
    for (i, corner) in points.iter().enumerate() {
        let next = points.get(i + 1).unwrap_or(first);
        path.quad_to(*corner, corner.midpoint(*next));
    }
    path.close_path();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;
    use crate::seal::Segment;

    fn written(strokes: &[&[(f64, f64)]]) -> Handwriting {
        Handwriting { width: 600.0, height: 300.0, strokes: strokes.iter().map(|s| s.to_vec()).collect() }
    }

    #[test]
    fn strokes_fill_the_box_in_their_own_proportion() {
        let square = written(&[&[(100.0, 100.0), (200.0, 100.0), (200.0, 200.0), (100.0, 200.0)]]);
        let shape = square.draw(Colour::Black).unwrap();
        assert_eq!(shape.size_mm(), BOX);
        let ends: Vec<(i32, i32)> = shape
            .outline()
            .segments()
            .iter()
            .filter_map(|s| match s {
                Segment::Cubic(_, _, p) => Some(*p),
                _ => None,
            })
            .collect();
        let x = ends.iter().map(|p| p.0);
        let y = ends.iter().map(|p| p.1);
        assert_eq!((y.clone().min(), y.max()), (Some(500), Some(16_000)));
        assert_eq!((x.clone().min(), x.max()), (Some(7_250), Some(22_750)));
    }

    #[test]
    fn what_is_not_a_signature_is_refused() {
        let refused = |strokes: &[&[(f64, f64)]]| written(strokes).draw(Colour::Black).unwrap_err();
        assert_eq!(refused(&[]), HandwritingError::Empty);
        assert_eq!(refused(&[&[(1.0, 1.0), (2.0, 2.0)]]), HandwritingError::Empty);
        assert_eq!(refused(&[&[(1.0, 1.0), (2.0, 1.0), (2.0, 2.0)]]), HandwritingError::Empty);
        assert_eq!(refused(&[&[(1.0, 1.0), (2.0, 1.0), (1e9, 2.0)]]), HandwritingError::OutOfCanvas);
        assert_eq!(refused(&[&[(1.0, 1.0), (2.0, 1.0), (f64::NAN, 2.0)]]), HandwritingError::OutOfCanvas);
        let flat = Handwriting { height: 0.0, ..written(&[]) };
        assert_eq!(flat.draw(Colour::Black), Err(HandwritingError::OutOfCanvas));
        let many = Handwriting { width: 600.0, height: 300.0, strokes: vec![vec![(1.0, 1.0)]; 201] };
        assert_eq!(many.draw(Colour::Black), Err(HandwritingError::TooLong));
        let nan = Handwriting { width: f64::NAN, height: 300.0, strokes: Vec::new() };
        assert_eq!(nan.draw(Colour::Black), Err(HandwritingError::OutOfCanvas));
    }
}
