//! A name in horizontal rows that fill a box: one row, or as many as make the characters clearly larger.

use kurbo::{Affine, BezPath, Rect};

use super::drawing::{Drawing, Part};
use super::glyph::{EM_BOTTOM, EM_TOP, Glyph, Glyphs, Sign, dot_sign, mask_sign};

/// One sign measured in ems.
#[derive(Clone)]
struct Item {
    sign: Sign,
    glyph: Option<Glyph>,
    /// Room along the row.
    width: f64,
}

impl Item {
    fn new(glyphs: &dyn Glyphs, c: char) -> Self {
        let sign = Sign::of(c);
        let glyph = sign.glyph().and_then(|c| glyphs.glyph(c));
        let width = match (sign, &glyph) {
            (Sign::Dot, _) => 0.42,
            (Sign::Space, _) => 0.32,
            (Sign::Mask, _) => 0.8,
            (Sign::Bracket(_), Some(g)) => g.ink.width() + 0.24,
            // Chinese fonts give some Latin letters the room of an ideograph.
            (Sign::Letter(_), Some(g)) => g.advance.clamp(g.ink.width() + 0.04, g.ink.width() + 0.3),
            _ => 1.0,
        };
        Self { sign, glyph, width }
    }

    /// A break after this one reads well.
    fn ends_a_part(&self) -> bool {
        matches!(self.sign, Sign::Dot | Sign::Space | Sign::Letter('-'))
    }

    /// The outline in ems about the middle of the item's room; `middle` is the row's middle above or below the baseline.
    fn path(&self, middle: f64) -> BezPath {
        let mut path = match (self.sign, &self.glyph) {
            (Sign::Dot, _) => return dot_sign(0.075),
            (Sign::Mask, _) => return mask_sign(0.26),
            (_, Some(glyph)) => glyph.path.clone(),
            (_, None) => return BezPath::new(),
        };
        let Some(glyph) = &self.glyph else { return path };
        let centre = match self.sign {
            Sign::Bracket(_) => glyph.ink.center().x,
            Sign::Letter(_) if (glyph.advance - self.width).abs() > 1e-9 => glyph.ink.center().x,
            _ => glyph.advance / 2.0,
        };
        path.apply_affine(Affine::translate((-centre, -middle)));
        path
    }
}

/// Most rows a name may take.
const ROWS: usize = 6;
/// Free space between rows and between characters' boxes, in ems.
const LEADING: f64 = 0.10;
/// How far characters may be stretched out of their own proportion to fill the box.
const STRETCH: f64 = 1.35;
/// Another row must make the characters this much larger; Latin names are at home in one row.
const WORTH: f64 = 1.35;
const WORTH_LATIN: f64 = 1.75;

/// How a row may end.
#[derive(Clone, Copy, PartialEq)]
enum Breaks {
    AtParts,
    BetweenIdeographs,
    Anywhere,
}

/// Draws `text` into `area`.
pub(super) fn fill(drawing: &mut Drawing, glyphs: &dyn Glyphs, text: &str, area: Rect) {
    let items: Vec<Item> = text.chars().map(|c| Item::new(glyphs, c)).collect();
    let (top, bottom) = extents(&items);
    let tall = (bottom - top).max(0.1);
    let Some(best) = best_rows(&items, area, tall) else { return };
    let Fit { rows, sx, sy } = best;
    let row_height = tall * sy;
    let leading = LEADING * sy;
    let count = count(rows.len());
    // What the widest row leaves free opens up the spacing of all of them a little; the rest is margin.
    let extra = rows.iter().map(|row| spacing(row, area.width(), sx)).fold(0.22 * sx, f64::min);
    let mut y = area.center().y - (row_height * count + leading * (count - 1.0)) / 2.0;
    for (line, row) in rows.iter().enumerate() {
        let used: f64 = row.iter().map(|item| item.width * sx).sum();
        let mut x = area.center().x - (used + extra * self::count(row.len().saturating_sub(1))) / 2.0;
        for (place, item) in row.iter().enumerate() {
            let room = item.width * sx;
            let at = Affine::translate((x + room / 2.0, y + row_height / 2.0));
            let path = item.path((top + bottom) / 2.0);
            let scale = match item.sign {
                Sign::Dot | Sign::Mask => Affine::scale(sx.min(sy)),
                _ => Affine::scale_non_uniform(sx, sy),
            };
            let mut placed = path;
            placed.apply_affine(at * scale);
            let cell = Rect::from_center_size(
                (x + room / 2.0, y + row_height / 2.0),
                (room + extra * 0.6, row_height),
            );
            super::glyph::keep_inside(&mut placed, cell);
            drawing.add(Part::Name(line, place), placed, Affine::IDENTITY);
            x += room + extra;
        }
        y += row_height + leading;
    }
}

/// Room that may be added between the characters of a row.
fn spacing(row: &[Item], width: f64, sx: f64) -> f64 {
    let free = (width - self::width(row) * sx).max(0.0) / count(row.len());
    if row.iter().any(is_letter) { free.min(0.06 * sx) } else { free }
}

/// Rows with the scale at which they fill the box.
struct Fit<'a> {
    rows: Vec<&'a [Item]>,
    sx: f64,
    sy: f64,
}

fn best_rows<'a>(items: &'a [Item], area: Rect, tall: f64) -> Option<Fit<'a>> {
    let latin = !items.iter().any(|item| matches!(item.sign, Sign::Ideograph(_)));
    let worth = if latin { WORTH_LATIN } else { WORTH };
    let mut best: Option<(f64, Fit<'a>)> = None;
    for breaks in [Breaks::AtParts, Breaks::BetweenIdeographs, Breaks::Anywhere] {
        for rows in 1..=ROWS.min(items.len()) {
            let Some(lines) = split(items, rows, breaks) else { continue };
            let widest = lines.iter().map(|row| width(row)).fold(0.1, f64::max);
            let sx = area.width() / widest;
            let sy = area.height() / (tall * count(rows) + LEADING * (count(rows) - 1.0));
            let even = sx.min(sy);
            let (sx, sy) = (sx.min(even * STRETCH), sy.min(even * STRETCH));
            // A break in the middle of a part has to pay for itself too.
            let size = (sx * sy).sqrt()
                * match breaks {
                    Breaks::AtParts => 1.0,
                    Breaks::BetweenIdeographs => 0.8,
                    Breaks::Anywhere => 0.6,
                };
            if best.as_ref().is_none_or(|(found, _)| size > found * worth) {
                best = Some((size, Fit { rows: lines, sx, sy }));
            }
        }
    }
    best.map(|(_, fit)| fit)
}

/// Splits into exactly `rows` rows whose widest is as narrow as possible; `None` if the breaks do not allow it.
fn split(items: &[Item], rows: usize, breaks: Breaks) -> Option<Vec<&[Item]>> {
    if rows == 1 {
        return Some(vec![trim(items)]);
    }
    let mut best: Option<(f64, Vec<&[Item]>)> = None;
    for end in 1..items.len() {
        let (Some(head), Some(rest)) = (items.get(..end), items.get(end..)) else { continue };
        let (Some(last), Some(next)) = (head.last(), rest.first()) else { continue };
        let may = match breaks {
            Breaks::AtParts => last.ends_a_part(),
            Breaks::BetweenIdeographs => {
                last.ends_a_part() || matches!(next.sign, Sign::Ideograph(_) | Sign::Mask) && !is_letter(last)
            }
            Breaks::Anywhere => !next.ends_a_part(),
        };
        let first = width(trim(head));
        // Longer first rows only get worse.
        if best.as_ref().is_some_and(|(found, _)| first >= *found) {
            break;
        }
        if !may {
            continue;
        }
        let Some(below) = split(rest, rows - 1, breaks) else { continue };
        let widest = below.iter().map(|row| width(row)).fold(first, f64::max);
        if best.as_ref().is_none_or(|(found, _)| widest < *found) {
            let mut lines = vec![trim(head)];
            lines.extend(below);
            best = Some((widest, lines));
        }
    }
    best.map(|(_, lines)| lines)
}

fn is_letter(item: &Item) -> bool {
    matches!(item.sign, Sign::Letter(_))
}

/// Without spaces at the ends.
fn trim(mut row: &[Item]) -> &[Item] {
    while let [first, rest @ ..] = row {
        if first.sign != Sign::Space {
            break;
        }
        row = rest;
    }
    while let [rest @ .., last] = row {
        if last.sign != Sign::Space {
            break;
        }
        row = rest;
    }
    row
}

fn width(row: &[Item]) -> f64 {
    row.iter().map(|item| item.width).sum()
}

/// How far the text reaches above and below the baseline: the em box for ideographs, the ink for anything else.
fn extents(items: &[Item]) -> (f64, f64) {
    let mut top = f64::MAX;
    let mut bottom = f64::MIN;
    for item in items {
        let (t, b) = match (item.sign, &item.glyph) {
            (Sign::Letter(_), Some(g)) => (g.ink.y0, g.ink.y1),
            (Sign::Dot | Sign::Space, _) => (-0.5, -0.3),
            (Sign::Mask, _) => (-0.7, 0.0),
            _ => (EM_TOP, EM_BOTTOM),
        };
        top = top.min(t);
        bottom = bottom.max(b);
    }
    (top, bottom)
}

#[allow(clippy::cast_precision_loss)] // at most sixty characters
fn count(n: usize) -> f64 {
    n as f64
}
