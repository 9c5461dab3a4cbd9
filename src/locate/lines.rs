//! From glyphs to hits: first along geometric lines, then in content order for what is broken over lines.

use super::Hit;
use super::glyphs::Glyph;
use crate::pdf::pages::Page;
use kurbo::{Affine, Point, Rect};
use std::collections::{BTreeMap, HashSet};

/// Largest hole between two characters of one keyword, in ems: 甲 方 set wide is still 甲方.
const MAX_GAP: f64 = 2.0;
/// How far baselines of one line may differ, in ems.
const SAME_LINE: f64 = 0.3;
/// The same text so near is one glyph drawn twice: fake bold, shadows.
const SAME_PLACE: f64 = 0.35;
/// Distance of two lines over which a keyword may be broken, in ems.
const NEXT_LINE: f64 = 3.0;

/// A glyph on its line: `v` across the line, from `start` to `end` along it.
#[derive(Clone, Copy, Debug)]
struct Item<'g> {
    glyph: &'g Glyph,
    index: usize,
    v: f64,
    start: f64,
    end: f64,
}

/// A hit in user space.
#[derive(Clone, Debug)]
struct Found {
    rects: Vec<Rect>,
    angle: f64,
}

/// All hits on a page, top to bottom, then left to right, as displayed.
pub(super) fn hits(page: &Page, glyphs: &[Glyph], keyword: &[char]) -> Vec<Hit> {
    let mut used = HashSet::new();
    let mut found = along_lines(glyphs, keyword, &mut used);
    in_content_order(glyphs, keyword, &used, &mut found);
    let mut hits: Vec<Hit> = found.iter().map(|f| displayed(page, f)).collect();
    let key = |hit: &Hit| hit.rects.first().map_or((0.0, 0.0), |r| (-r[3], r[0]));
    hits.sort_by(|a, b| {
        let (a, b) = (key(a), key(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    hits
}

fn displayed(page: &Page, found: &Found) -> Hit {
    let rects = found.rects.iter().map(|r| page.to_display([r.x0, r.y0, r.x1, r.y1])).collect();
    let turned = found.angle.to_degrees() - 90.0 * f64::from(page.quarter_turns);
    Hit { page: page.number, rects, angle: (turned.round() + 180.0).rem_euclid(360.0) - 180.0 }
}

fn bounds<'g>(glyphs: impl IntoIterator<Item = &'g Glyph>) -> Option<Rect> {
    let points = glyphs.into_iter().flat_map(|g| g.quad);
    points.fold(None, |rect: Option<Rect>, p| {
        Some(rect.map_or_else(|| Rect::from_points(p, p), |r| r.union_pt(p)))
    })
}

fn along_lines(glyphs: &[Glyph], keyword: &[char], used: &mut HashSet<usize>) -> Vec<Found> {
    let mut directions: BTreeMap<i32, Vec<Item<'_>>> = BTreeMap::new();
    for (index, glyph) in glyphs.iter().enumerate() {
        #[allow(clippy::cast_possible_truncation)] // a whole number of degrees
        let degrees = glyph.angle.to_degrees().round() as i32;
        let turn = Affine::rotate(-f64::from(degrees).to_radians());
        let quad = glyph.quad.map(|p| turn * p);
        let item = Item {
            glyph,
            index,
            v: quad.iter().map(|p| p.y).sum::<f64>() / 4.0,
            start: quad.iter().map(|p| p.x).fold(f64::MAX, f64::min),
            end: quad.iter().map(|p| p.x).fold(f64::MIN, f64::max),
        };
        directions.entry(degrees.rem_euclid(360)).or_default().push(item);
    }
    let mut found = Vec::new();
    for (degrees, items) in directions {
        for line in lines(items) {
            on_line(&line, keyword, f64::from(degrees).to_radians(), used, &mut found);
        }
    }
    found
}

/// Groups items of one direction into lines, sorted along them, without what is drawn twice.
fn lines(mut items: Vec<Item<'_>>) -> Vec<Vec<Item<'_>>> {
    items.sort_by(|a, b| b.v.total_cmp(&a.v));
    let mut lines: Vec<Vec<Item<'_>>> = Vec::new();
    for item in items {
        let near = |last: &Item<'_>| (last.v - item.v).abs() < SAME_LINE * item.glyph.em.min(last.glyph.em);
        match lines.last_mut() {
            Some(line) if line.last().is_some_and(near) => line.push(item),
            _ => lines.push(vec![item]),
        }
    }
    for line in &mut lines {
        line.sort_by(|a, b| a.start.total_cmp(&b.start).then(a.index.cmp(&b.index)));
        let mut kept: Vec<Item<'_>> = Vec::with_capacity(line.len());
        for item in line.drain(..) {
            let twice = kept.iter().rev().take(4).any(|k| {
                k.glyph.text == item.glyph.text && (k.start - item.start).abs() < SAME_PLACE * item.glyph.em
            });
            if !twice {
                kept.push(item);
            }
        }
        *line = kept;
    }
    lines
}

fn on_line(
    line: &[Item<'_>],
    keyword: &[char],
    angle: f64,
    used: &mut HashSet<usize>,
    found: &mut Vec<Found>,
) {
    let characters: Vec<(char, &Item<'_>)> =
        line.iter().flat_map(|item| item.glyph.text.iter().map(move |&c| (c, item))).collect();
    let mut at = 0;
    while let Some(window) = characters.get(at..at + keyword.len()) {
        let same = window.iter().zip(keyword).all(|((a, _), b)| a == b);
        let close = window.windows(2).all(|pair| match pair {
            [(_, a), (_, b)] => a.index == b.index || b.start - a.end <= MAX_GAP * a.glyph.em,
            _ => true,
        });
        if same && close {
            used.extend(window.iter().map(|(_, item)| item.index));
            let rects = bounds(window.iter().map(|(_, item)| item.glyph)).into_iter().collect();
            found.push(Found { rects, angle });
            at += keyword.len();
        } else {
            at += 1;
        }
    }
}

/// Keywords broken over lines or set along a curve: characters that follow one another in the content.
fn in_content_order(glyphs: &[Glyph], keyword: &[char], used: &HashSet<usize>, found: &mut Vec<Found>) {
    let characters: Vec<(char, usize, &Glyph)> =
        glyphs.iter().enumerate().flat_map(|(i, g)| g.text.iter().map(move |&c| (c, i, g))).collect();
    let mut at = 0;
    while let Some(window) = characters.get(at..at + keyword.len()) {
        let same = window.iter().zip(keyword).all(|((a, index, _), b)| a == b && !used.contains(index));
        if !same {
            at += 1;
            continue;
        }
        at += keyword.len();
        let Some(candidate) = broken(window) else { continue };
        let em = window.first().map_or(0.0, |(_, _, g)| g.em);
        let centre = |f: &Found| f.rects.first().map_or(Point::ZERO, Rect::center);
        let again = found.iter().any(|f| {
            f.rects.len() == candidate.rects.len() && (centre(f) - centre(&candidate)).hypot() < 0.4 * em
        });
        if !again {
            found.push(candidate);
        }
    }
}

/// One rectangle per line; `None` when the pieces are too far apart to be one text.
fn broken(window: &[(char, usize, &Glyph)]) -> Option<Found> {
    let mut rects: Vec<Rect> = Vec::new();
    let mut last: Option<&Glyph> = None;
    for (_, _, glyph) in window {
        let own = bounds([*glyph])?;
        match (last, rects.last_mut()) {
            (Some(previous), Some(rect))
                if (glyph.quad[0] - previous.quad[1]).hypot() < MAX_GAP * glyph.em =>
            {
                *rect = rect.union(own);
            }
            (Some(previous), _) => {
                // The next line begins anywhere to the side, but not far below (or, set vertically, not far aside).
                let step = glyph.quad[0] - previous.quad[0];
                let (sin, cos) = glyph.angle.sin_cos();
                let across = (step.y * cos - step.x * sin).abs();
                if !(0.5 * glyph.em..=NEXT_LINE * glyph.em).contains(&across) {
                    return None;
                }
                rects.push(own);
            }
            _ => rects.push(own),
        }
        last = Some(glyph);
    }
    Some(Found { rects, angle: window.first()?.2.angle })
}
