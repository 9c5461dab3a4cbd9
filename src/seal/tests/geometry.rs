//! Nothing touches anything else, for names of every length.

use kurbo::{BezPath, ParamCurve, ParamCurveNearest, Point, Shape, flatten};

use super::fonts::set;
use super::sheets::{company, person};
use crate::seal::drawing::{Drawing, Part};
use crate::seal::*;

/// Points along a path, closer together than `STEP` millimetres.
fn points(path: &BezPath) -> Vec<Point> {
    let mut flat = BezPath::new();
    flatten(path, 0.005, |el| flat.push(el));
    let mut points = Vec::new();
    for segment in flat.segments() {
        let (a, b) = (segment.start(), segment.end());
        let parts = ((b - a).hypot() / STEP).ceil().max(1.0);
        let mut i = 0.0;
        while i < parts {
            points.push(a.lerp(b, i / parts));
            i += 1.0;
        }
    }
    points
}

const STEP: f64 = 0.03;

/// Which line a character stands in: characters of one line may come nearer to each other than two lines.
fn line(part: Part) -> Option<usize> {
    match part {
        Part::Name(line, _) => Some(line),
        Part::Text(_) => Some(10),
        Part::Code(_) => Some(11),
        Part::Rim | Part::Star => None,
    }
}

/// The parts that come nearer to another one than they may: `same` within a line, `other` between lines.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn too_near(drawing: &Drawing, size: (f64, f64), same: f64, other: f64) -> Vec<String> {
    // A grid of cells as wide as the smaller distance; each cell knows who was there.
    let cell = same;
    let (columns, rows) = ((size.0 / cell) as usize + 2, (size.1 / cell) as usize + 2);
    let mut grid: Vec<Vec<(u16, Point)>> = vec![Vec::new(); columns * rows];
    let at = |p: Point| ((p.x / cell) as usize, (p.y / cell) as usize);
    let characters: Vec<(Part, Vec<Point>)> = drawing
        .parts()
        .iter()
        .filter(|(part, _)| line(*part).is_some())
        .map(|(part, path)| (*part, points(path)))
        .collect();
    for (id, (_, points)) in characters.iter().enumerate() {
        for p in points {
            let (x, y) = at(*p);
            grid[y * columns + x].push((id as u16, *p));
        }
    }
    let reach = (other / cell).ceil() as usize;
    let mut found = Vec::new();
    for (id, (part, points)) in characters.iter().enumerate() {
        'part: for p in points {
            let (x, y) = at(*p);
            for ny in y.saturating_sub(reach)..(y + reach + 1).min(rows) {
                for nx in x.saturating_sub(reach)..(x + reach + 1).min(columns) {
                    for (neighbour, q) in &grid[ny * columns + nx] {
                        let theirs = characters[usize::from(*neighbour)].0;
                        if usize::from(*neighbour) <= id {
                            continue;
                        }
                        let least = if line(*part) == line(theirs) { same } else { other };
                        if (*q - *p).hypot() < least {
                            found.push(format!("{part:?} {theirs:?}"));
                            break 'part;
                        }
                    }
                }
            }
        }
    }
    found
}

/// Characters nearer to the star than they may be, or on it.
fn near_star(drawing: &Drawing, least: f64) -> Vec<Part> {
    let star = drawing.parts().iter().find(|(part, _)| *part == Part::Star).map(|(_, path)| path);
    let Some(star) = star else { return Vec::new() };
    let edges: Vec<_> = star.segments().collect();
    let middle = star.bounding_box().center();
    let near = |p: Point| {
        (p - middle).hypot() < 8.0
            && (star.winding(p) != 0
                || edges.iter().any(|edge| edge.nearest(p, 1e-3).distance_sq.sqrt() < least))
    };
    let characters = drawing.parts().iter().filter(|(part, _)| line(*part).is_some());
    characters.filter(|(_, path)| points(path).into_iter().any(near)).map(|(part, _)| *part).collect()
}

/// Characters outside the ellipse of these semi-axes about the middle of the box.
fn beyond_ellipse(drawing: &Drawing, size: (f64, f64), (a, b): (f64, f64)) -> Vec<Part> {
    let outside = |p: Point| ((p.x - size.0 / 2.0) / a).hypot((p.y - size.1 / 2.0) / b) > 1.0;
    let characters = drawing.parts().iter().filter(|(part, _)| line(*part).is_some());
    characters.filter(|(_, path)| points(path).into_iter().any(outside)).map(|(part, _)| *part).collect()
}

/// Sixty characters with much ink in every corner of their box, then ones with little, brackets, letters and digits.
fn name(kind: usize, length: usize) -> String {
    let alphabet = [
        "疆疆囊囊罐罐龜龜齉齉鬱鬱國國圖圖團團圍圍圓圓",
        "中国国际经济技术合作促进会信息化专业委员会驻北京办事处综合管理科",
        "上海（高新区）A股第3分公司WM一二三人八",
    ];
    alphabet[kind].chars().cycle().take(length).collect()
}

fn company_case(shape: CompanyShape, kind: usize, length: usize, text: &str, code: &str) -> Option<String> {
    let seal = company(&name(kind, length), shape, text, code);
    let drawing = crate::seal::company::compose(set(), &seal).unwrap();
    let size = draw_company(set(), &seal).unwrap().size_mm();
    // The rim's inner edge, less what must stay free.
    let free = 0.3;
    let inner = match shape {
        CompanyShape::Round => (18.65 - free, 18.65 - free),
        CompanyShape::Oval => (18.85 - free, 13.85 - free),
    };
    let wrong = (
        too_near(&drawing, size, 0.07, 0.25),
        near_star(&drawing, 0.4),
        beyond_ellipse(&drawing, size, inner),
    );
    (wrong != (vec![], vec![], vec![])).then(|| {
        format!(
            "{shape:?} {length} ({kind}) {text} {code}: near {:?}, star {:?}, rim {:?}",
            wrong.0, wrong.1, wrong.2
        )
    })
}

#[test]
fn company_names_of_every_length_touch_nothing() {
    let mut wrong = Vec::new();
    for length in 1..=60 {
        for shape in CompanyShape::ALL {
            let kind = length % 3;
            wrong.extend(company_case(*shape, kind, length, "", ""));
            wrong.extend(company_case(*shape, (kind + 1) % 3, length, "合同专用章", "8800000000008"));
            wrong.extend(company_case(*shape, (kind + 2) % 3, length, "", "8800000000008"));
            let text: String = name(0, length.min(12));
            wrong.extend(company_case(*shape, kind, length, &text, "1234567890123"));
        }
    }
    assert!(wrong.is_empty(), "{} of 480:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn personal_names_of_every_length_touch_nothing() {
    let mut wrong = Vec::new();
    let alphabets = ["疆囊罐国图团圆", "买买提·艾力·阿卜杜热", "Johann Wolfgang von Müller-gy "];
    for length in 1..=60 {
        for (kind, alphabet) in alphabets.iter().enumerate() {
            let family = FontFamily::ALL[(length + kind) % 4];
            let border = Border::ALL[length % 2];
            let name: String = alphabet.chars().cycle().take(length).collect();
            let seal = person(name.trim(), family, border);
            let (drawing, size, bold) = crate::seal::person::compose(set(), &seal).unwrap();
            // Only the frame's own distance counts for framed seals: its inner edge and a little.
            let rim =
                if border == Border::Framed { 0.15 + size.0.min(size.1) * 0.045 + 0.2 } else { bold / 2.0 };
            let area = kurbo::Rect::new(0.0, 0.0, size.0, size.1).inset(-rim);
            let ink = |path: &BezPath| path.bounding_box();
            let outside: Vec<Part> = drawing
                .parts()
                .iter()
                .filter(|(part, path)| line(*part).is_some() && area.union(ink(path)) != area)
                .map(|(part, _)| *part)
                .collect();
            // Letters of a written script may join; ideographs may not.
            let near = if kind == 2 { Vec::new() } else { too_near(&drawing, size, 0.01 + bold / 4.0, 0.05) };
            if !outside.is_empty() || !near.is_empty() {
                wrong.push(format!(
                    "{family:?} {border:?} {length} ({kind}): near {near:?}, outside {outside:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of 180:\n{}", wrong.len(), wrong.join("\n"));
}
