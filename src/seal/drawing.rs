//! The parts of a seal before they become one path: kept apart so that a test can measure between them.

use kurbo::{Affine, BezPath, Ellipse, Point, Rect, RoundedRect, Shape};

use super::Outline;

/// What a path of a drawing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Frame or ring.
    Rim,
    /// The five-pointed star.
    Star,
    /// A character of the name: line, then place in the line.
    Name(usize, usize),
    /// A character of the line across.
    Text(usize),
    /// A digit of the code number.
    Code(usize),
}

/// Paths in millimetres, y down, from the top left of the box.
#[derive(Debug, Default)]
pub(super) struct Drawing(Vec<(Part, BezPath)>);

/// Flattening error of kurbo's shape-to-path conversion, in millimetres.
const ACCURACY: f64 = 1e-4;

impl Drawing {
    pub(super) fn add(&mut self, part: Part, mut path: BezPath, place: Affine) {
        if !path.is_empty() {
            path.apply_affine(place);
            self.0.push((part, path));
        }
    }

    /// Parts for measuring.
    #[cfg(test)]
    pub(super) fn parts(&self) -> &[(Part, BezPath)] {
        &self.0
    }

    /// A ring between an ellipse and the one `width` inside it.
    pub(super) fn ring(&mut self, centre: Point, radii: (f64, f64), width: f64) {
        let outer = Ellipse::new(centre, radii, 0.0).to_path(ACCURACY);
        let inner = Ellipse::new(centre, (radii.0 - width, radii.1 - width), 0.0).to_path(ACCURACY);
        self.hollow(outer, &inner);
    }

    /// A frame `width` wide just inside `outer`, with rounded corners.
    pub(super) fn frame(&mut self, outer: Rect, width: f64, radius: f64) {
        let inner = RoundedRect::from_rect(outer.inset(-width), (radius - width).max(0.0)).to_path(ACCURACY);
        self.hollow(RoundedRect::from_rect(outer, radius).to_path(ACCURACY), &inner);
    }

    fn hollow(&mut self, mut outer: BezPath, inner: &BezPath) {
        outer.extend(inner.reverse_subpaths());
        self.add(Part::Rim, outer, Affine::IDENTITY);
    }

    /// A five-pointed star, one point up, on a circle of radius `r`.
    pub(super) fn star(&mut self, centre: Point, r: f64) {
        // The inner corners of a pentagram lie at 1/φ² of the outer ones.
        let inner = r * 0.381_966;
        let mut path = BezPath::new();
        for i in 0..10_u32 {
            let turn = std::f64::consts::PI / 5.0 * f64::from(i);
            let radius = if i % 2 == 0 { r } else { inner };
            let p = Point::new(centre.x + radius * turn.sin(), centre.y - radius * turn.cos());
            if i == 0 { path.move_to(p) } else { path.line_to(p) }
        }
        path.close_path();
        self.add(Part::Star, path, Affine::IDENTITY);
    }

    /// One path of all parts.
    pub(super) fn outline(&self) -> Outline {
        let mut outline = Outline::default();
        for (_, path) in &self.0 {
            outline.push(path);
        }
        outline
    }
}
