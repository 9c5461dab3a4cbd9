//! The paths of a field's appearance (ISO 32000-2 8.5): borders, grounds, marked rows and clips, and nothing that could be read or cover text.

use super::{Drawing, Outcome, Point};

/// The thickest border, and the thickest line between the cells of a comb.
const BORDER: f64 = 5.0;
const CELL_LINE: f64 = 1.5;
/// A thicker line is held against what it covers, as an area is.
const THIN: f64 = 2.0;
/// How close to one another such lines may stand.
const CELL: f64 = 4.0;
/// How much of each side a clip may cut off where no text stands.
const CUT: f64 = 12.0;
/// Areas that are filled, and parts of one path, at most.
const MAX_GROUNDS: usize = 64;
const MAX_PATH: usize = 256;

impl Drawing<'_> {
    pub(super) fn path(&mut self, operator: &[u8], n: &[f64]) -> Outcome {
        let (scale, shift) = (self.state.scale, self.state.shift);
        let place = |x: f64, y: f64| (scale.0 * x + shift.0, scale.1 * y + shift.1);
        if self.segments.len() + self.boxes.len() > MAX_PATH {
            return Err("its paths are too long".into());
        }
        match (operator, n) {
            (b"m", &[x, y]) => (self.pen, self.start) = (Some(place(x, y)), Some(place(x, y))),
            (b"l", &[x, y]) => self.to(place(x, y)),
            (b"h", _) => self.close(),
            (b"re", &[x, y, width, height]) => {
                let ((a, b), (c, d)) = (place(x, y), place(x + width, y + height));
                self.boxes.push([a.min(c), b.min(d), a.max(c), b.max(d)]);
            }
            (b"c" | b"v" | b"y", _) => self.curved = true,
            (b"W" | b"W*", _) => self.clips = true,
            (b"n", _) => return self.clipped(),
            (b"S" | b"s", _) => return self.painted((false, true), operator == b"s"),
            (b"f" | b"F" | b"f*", _) => return self.painted((true, false), false),
            (b"B" | b"B*", _) => return self.painted((true, true), false),
            (b"b" | b"b*", _) => return self.painted((true, true), true),
            (b"m" | b"l" | b"re", _) => return Err("a path cannot be read".into()),
            _ => {}
        }
        Ok(())
    }

    fn to(&mut self, point: Point) {
        if let Some(pen) = self.pen {
            self.segments.push((pen, point));
        }
        self.pen = Some(point);
    }

    fn close(&mut self) {
        if let Some(start) = self.start {
            self.to(start);
        }
    }

    /// The path is used up; as a clip it must leave the field as it is.
    pub(super) fn clipped(&mut self) -> Outcome {
        let [left, bottom, right, top] = self.frame.bbox;
        let edge = |side: f64| CUT.min(side / 4.0);
        let (edge_x, edge_y) = (edge(right - left), edge(top - bottom));
        let whole = |area: &[f64; 4]| {
            let [l, b, r, t] = *area;
            l <= left + edge_x && b <= bottom + edge_y && r >= right - edge_x && t >= top - edge_y
        };
        let fine = !self.clips
            || (!self.curved
                && self.segments.is_empty()
                && self.boxes.len() == 1
                && self.boxes.iter().all(whole));
        if let (true, true, Some(area)) = (fine, self.clips, self.boxes.first()) {
            let [l, b, r, t] = self.state.clip;
            self.state.clip = [l.max(area[0]), b.max(area[1]), r.min(area[2]), t.min(area[3])];
        }
        self.forget_path();
        if fine { Ok(()) } else { Err("it cuts off a part of the field".into()) }
    }

    fn forget_path(&mut self) {
        self.boxes.clear();
        self.segments.clear();
        (self.pen, self.start, self.curved, self.clips) = (None, None, false, false);
    }

    /// Borders, grounds and marked rows are painted, and nothing that could be read or cover text.
    fn painted(&mut self, (fills, strokes): (bool, bool), closes: bool) -> Outcome {
        if closes {
            self.close();
        }
        let thick = if strokes { self.state.width * self.state.scale.0.max(self.state.scale.1) } else { 0.0 };
        if thick > BORDER {
            return Err("its lines are too thick".into());
        }
        let [left, bottom, right, top] = self.frame.bbox;
        let (width, height) = (right - left, top - bottom);
        let ground = |area: &[f64; 4]| {
            let [l, b, r, t] = *area;
            r.min(right) - l.max(left) >= 0.8 * width
                && (self.frame.rows || t.min(top) - b.max(bottom) >= 0.8 * height)
        };
        let line = |(from, to): &(Point, Point)| {
            self.at_edge(*from, *to) || (self.frame.comb && thick <= CELL_LINE && (from.0 - to.0).abs() < 0.5)
        };
        let framing = |area: &[f64; 4]| {
            let [l, b, r, t] = *area;
            [((l, b), (l, t)), ((l, t), (r, t)), ((r, t), (r, b)), ((r, b), (l, b))].iter().all(line)
        };
        let straight = |(from, to): &(Point, Point)| {
            (from.0 - to.0).abs() < f64::EPSILON || (from.1 - to.1).abs() < f64::EPSILON
        };
        let fine = !self.curved
            && (!strokes || self.segments.iter().all(straight))
            && self
                .boxes
                .iter()
                .all(|area| if fills { ground(area) || framing(area) } else { framing(area) })
            && self.segments.iter().all(line);
        // Areas over one another leave holes.
        if !fine || (fills && self.overlap()) {
            return Err("it draws more than borders and grounds".into());
        }
        // A frame's side may lie over a dot or a sign.
        if !self.rows.is_empty() {
            return Err("it paints over its text".into());
        }
        if thick > THIN {
            let of_segments = self
                .segments
                .iter()
                .map(|((x, y), (to_x, to_y))| [x.min(*to_x), y.min(*to_y), x.max(*to_x), y.max(*to_y)]);
            let sides = self
                .boxes
                .iter()
                .flat_map(|&[l, b, r, t]| [[l, b, l, t], [r, b, r, t], [l, b, r, b], [l, t, r, t]]);
            let half = thick / 2.0;
            let lines = of_segments.chain(sides).map(|[l, b, r, t]| [l - half, b - half, r + half, t + half]);
            self.filled.extend(lines);
        }
        if strokes && self.frame.comb {
            for (from, to) in &self.segments {
                let apart = |x: &f64| (x - from.0).abs() < 0.1 || (x - from.0).abs() >= CELL;
                if !self.at_edge(*from, *to) && !self.cells.iter().all(apart) {
                    return Err("its cells are too narrow".into());
                }
                self.cells.push(from.0);
            }
        }
        if fills {
            let ink = self.state.ink;
            let ends = self.segments.iter().flat_map(|(from, to)| [from, to]);
            let areas = ends.fold(None, |area: Option<[f64; 4]>, &(x, y)| {
                let [l, b, r, t] = area.unwrap_or([x, y, x, y]);
                Some([l.min(x), b.min(y), r.max(x), t.max(y)])
            });
            let clip = self.state.clip;
            let seen =
                |[l, b, r, t]: &[f64; 4]| [l.max(clip[0]), b.max(clip[1]), r.min(clip[2]), t.min(clip[3])];
            self.filled.extend(self.boxes.iter().chain(&areas).map(seen));
            self.grounds.extend(self.boxes.iter().map(|area| (*area, ink)));
        }
        if self.filled.len() > MAX_GROUNDS {
            return Err("it paints too much".into());
        }
        self.clipped()
    }

    /// Whether two rectangles of the path lie over one another.
    fn overlap(&self) -> bool {
        let meet = |a: &[f64; 4], b: &[f64; 4]| a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
        self.boxes
            .iter()
            .enumerate()
            .any(|(at, one)| self.boxes.iter().skip(at + 1).any(|other| meet(one, other)))
    }

    /// Whether a line runs along one edge of the field.
    fn at_edge(&self, from: Point, to: Point) -> bool {
        let [left, bottom, right, top] = self.frame.bbox;
        let (near_x, near_y) = ((5.0_f64).min((right - left) * 0.2), (5.0_f64).min((top - bottom) * 0.2));
        let along =
            |a: f64, b: f64, edge: f64, near: f64| (a - edge).abs() <= near && (b - edge).abs() <= near;
        along(from.0, to.0, left, near_x)
            || along(from.0, to.0, right, near_x)
            || along(from.1, to.1, bottom, near_y)
            || along(from.1, to.1, top, near_y)
    }
}
