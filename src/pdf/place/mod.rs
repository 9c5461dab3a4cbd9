//! Where a seal goes: from coordinates, keywords or "over the seam of all pages" to rectangles on pages.

mod seam;

use crate::locate::{self, LocateError};
use crate::pdf::appearance::Mark;
use crate::pdf::pages::{self, Page};
use crate::pdf::syntax::{Document, ObjectId, SyntaxError};
use crate::seal::SealForm;

/// Places of one signature.
pub const MAX_PLACES: usize = 2_000;
/// Room between the seal and the caption beneath it, in points.
pub(super) const CAPTION_GAP: f64 = 1.5;
/// Rounding that does not count as leaving the page, in points.
const TOLERANCE: f64 = 0.01;

/// What was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Placement {
    /// At these points. One signature shows its seal at all of them.
    At(Vec<Point>),
    /// Centred on every hit of this text.
    Keyword(String),
    /// 骑缝章: slices of one seal over the right edges of all pages.
    Seam(Seam),
    /// Nowhere: an invisible signature.
    Invisible,
}

/// A point on a page as it is displayed: origin in the lower left corner, points, `/Rotate` and `UserUnit` honoured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Page number, the first is 1.
    pub page: u32,
    /// To the right.
    pub x: f64,
    /// Upwards.
    pub y: f64,
}

/// Which point of the seal lies on the given point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Anchor {
    /// Its lower left corner.
    #[default]
    LowerLeft,
    /// Its centre.
    Centre,
}

/// How a seam seal is laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seam {
    /// At most so many pages share one seal; more pages begin another.
    pub pages_per_seal: u32,
    /// Bound as a booklet: odd pages take the slice at the right edge, even pages at the left.
    pub booklet: bool,
    /// Height of the seal's centre on the page, as a fraction of the displayed height.
    pub height: f64,
}

impl Default for Seam {
    fn default() -> Self {
        Self { pages_per_seal: 20, booklet: false, height: 0.5 }
    }
}

/// A place that is known to lie inside its page: one widget.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Page number, the first is 1.
    pub page: u32,
    /// The page's object.
    pub page_object: ObjectId,
    /// Left, bottom, right, top in the page's default user space.
    pub rect: [f64; 4],
    /// The page's rotation, clockwise quarter turns; what is drawn is turned back, so that it stays upright.
    pub quarter_turns: u8,
    /// Width and height as displayed, in points: the box of the appearance.
    pub size: (f64, f64),
    /// Lower left corners of the seal inside that box; negative where only a slice shows.
    pub seals: Vec<(f64, f64)>,
    /// Lower left corners of the caption inside that box.
    pub captions: Vec<(f64, f64)>,
}

/// Why a place cannot be had.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// The seal would not lie wholly on the page.
    #[error("the seal at {place} would leave the page of {width} x {height} points")]
    OutsidePage {
        /// `page,x,y` as it was asked for.
        place: String,
        /// Displayed width of the page in points.
        width: f64,
        /// Displayed height of the page in points.
        height: f64,
    },
    /// The slice of a seam seal does not fit its page.
    #[error("the seam seal would leave page {page} of {width} x {height} points")]
    SeamTooLarge {
        /// Page number, the first is 1.
        page: u32,
        /// Displayed width of the page in points.
        width: f64,
        /// Displayed height of the page in points.
        height: f64,
    },
    /// There is no such page.
    #[error("page {page} does not exist; the document has {pages}")]
    NoSuchPage {
        /// What was asked for.
        page: u32,
        /// How many there are.
        pages: u32,
    },
    /// The text is nowhere on the pages.
    #[error(
        "the keyword {keyword:?} was not found on any page ({unmapped_glyphs} glyphs have no known text)"
    )]
    KeywordNotFound {
        /// What was searched.
        keyword: String,
        /// Glyphs that no reader can turn into text, as a hint why.
        unmapped_glyphs: u64,
    },
    /// More places than one signature may have.
    #[error("{0} places in one signature; at most {MAX_PLACES} are allowed")]
    TooMany(usize),
    /// The keyword search failed.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// The page tree cannot be read.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
}

/// Resolves a placement to places: for seams in page order, otherwise in the asked order. Seals that would overlap
/// share one place, because widgets of one signature must not lie on one another.
///
/// # Errors
/// [`PlaceError`]: the seal would leave the page, no such page, keyword not found.
pub fn resolve(
    document: &Document<'_>,
    placement: &Placement,
    mark: &Mark<'_>,
    anchor: Anchor,
) -> Result<Vec<Place>, PlaceError> {
    let places = match placement {
        Placement::Invisible => Vec::new(),
        Placement::At(points) => at_points(document, points, mark, anchor, false)?,
        Placement::Keyword(keyword) => {
            let found = locate::locate(document.bytes(), keyword, &locate::Limits::default())?;
            if found.hits.is_empty() {
                let unmapped_glyphs = found.unmapped_glyphs;
                return Err(PlaceError::KeywordNotFound { keyword: keyword.clone(), unmapped_glyphs });
            }
            let centre = |hit: &locate::Hit| hit.centre().map(|(x, y)| Point { page: hit.page, x, y });
            let points: Vec<Point> = found.hits.iter().filter_map(centre).collect();
            at_points(document, &points, mark, Anchor::Centre, true)?
        }
        Placement::Seam(seam) => seam::slices(&pages::pages(document.latest())?, *seam, mark)?,
    };
    if places.len() > MAX_PLACES { Err(PlaceError::TooMany(places.len())) } else { Ok(places) }
}

/// The place of an empty field of this size, its lower left corner at `point`.
///
/// # Errors
/// [`PlaceError`]: it would leave the page, or there is no such page.
pub fn field_place(
    document: &Document<'_>,
    point: &Point,
    (width, height): (f64, f64),
) -> Result<Place, PlaceError> {
    let nothing = SealForm::transparent(width, height);
    let mark = Mark { seal: &nothing, caption: None };
    let missing = || PlaceError::NoSuchPage { page: point.page, pages: 0 };
    at_points(document, &[*point], &mark, Anchor::LowerLeft, false)?.pop().ok_or_else(missing)
}

fn at_points(
    document: &Document<'_>,
    points: &[Point],
    mark: &Mark<'_>,
    anchor: Anchor,
    shift_inside: bool,
) -> Result<Vec<Place>, PlaceError> {
    if points.len() > MAX_PLACES {
        return Err(PlaceError::TooMany(points.len()));
    }
    let view = document.latest();
    let mut known: Vec<Page> = Vec::new();
    let mut boxes: Vec<Box> = Vec::new();
    for point in points {
        let page = match known.iter().find(|p| p.number == point.page) {
            Some(page) => page.clone(),
            None => {
                let page = pages::page(view, point.page)?;
                let missing = || PlaceError::NoSuchPage {
                    page: point.page,
                    pages: pages::page_count(view).unwrap_or(0),
                };
                known.extend(page.clone());
                page.ok_or_else(missing)?
            }
        };
        boxes.push(Box::around(&page, point, mark, anchor, shift_inside)?);
    }
    merge(&mut boxes);
    Ok(boxes
        .iter()
        .filter_map(|b| known.iter().find(|p| p.number == b.page).map(|page| b.place(page)))
        .collect())
}

/// Seals and captions in display coordinates, and the box around them.
#[derive(Clone, Debug)]
struct Box {
    page: u32,
    rect: [f64; 4],
    seals: Vec<(f64, f64)>,
    captions: Vec<(f64, f64)>,
}

impl Box {
    fn around(
        page: &Page,
        point: &Point,
        mark: &Mark<'_>,
        anchor: Anchor,
        shift_inside: bool,
    ) -> Result<Self, PlaceError> {
        let (width, height) = page.size();
        let (w, h) = (mark.seal.width, mark.seal.height);
        let outside = || PlaceError::OutsidePage {
            place: format!("{},{},{}", point.page, point.x, point.y),
            width: hundredths(width),
            height: hundredths(height),
        };
        if !(point.x.is_finite() && point.y.is_finite()) || w > width || h > height {
            return Err(outside());
        }
        let (mut x, mut y) = match anchor {
            Anchor::LowerLeft => (point.x, point.y),
            Anchor::Centre => (point.x - w / 2.0, point.y - h / 2.0),
        };
        if shift_inside {
            // A keyword near the edge: the seal moves as little as it must.
            (x, y) = (x.clamp(0.0, width - w), y.clamp(0.0, height - h));
        }
        if x < -TOLERANCE || y < -TOLERANCE || x + w > width + TOLERANCE || y + h > height + TOLERANCE {
            return Err(outside());
        }
        let mut rect = [x, y, x + w, y + h];
        let mut captions = Vec::new();
        if let Some(caption) = mark.caption {
            let (cw, ch) = (caption.width, caption.height);
            let room = width - cw;
            let cx = (x + (w - cw) / 2.0).clamp(0.0, room.max(0.0));
            // Beneath the seal; above it where there is no room beneath.
            let below = y - CAPTION_GAP - ch;
            let cy = if below >= 0.0 { below } else { y + h + CAPTION_GAP };
            if room < 0.0 || cy + ch > height {
                return Err(outside());
            }
            captions.push((cx, cy));
            rect = union(rect, [cx, cy, cx + cw, cy + ch]);
        }
        Ok(Self { page: page.number, rect, seals: vec![(x, y)], captions })
    }

    fn place(&self, page: &Page) -> Place {
        let [x0, y0, x1, y1] = self.rect;
        let inside = |points: &[(f64, f64)]| points.iter().map(|(x, y)| (x - x0, y - y0)).collect();
        Place {
            page: self.page,
            page_object: page.id,
            rect: page.to_user_space(self.rect),
            quarter_turns: page.quarter_turns,
            size: (x1 - x0, y1 - y0),
            seals: inside(&self.seals),
            captions: inside(&self.captions),
        }
    }
}

fn hundredths(length: f64) -> f64 {
    (length * 100.0).round() / 100.0
}

fn union(a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
    [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]
}

fn overlap(a: [f64; 4], b: [f64; 4]) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

/// Joins boxes of one page until none overlap.
fn merge(boxes: &mut Vec<Box>) {
    let mut i = 0;
    while let Some(one) = boxes.get(i).cloned() {
        let other = boxes
            .iter()
            .enumerate()
            .skip(i + 1)
            .find(|(_, b)| b.page == one.page && overlap(one.rect, b.rect))
            .map(|(j, _)| j);
        match other {
            Some(j) => {
                let other = boxes.remove(j);
                if let Some(one) = boxes.get_mut(i) {
                    one.rect = union(one.rect, other.rect);
                    for seal in other.seals {
                        if !one.seals.contains(&seal) {
                            one.seals.push(seal);
                        }
                    }
                    for caption in other.captions {
                        if !one.captions.contains(&caption) {
                            one.captions.push(caption);
                        }
                    }
                }
                // The grown box may now touch one that was passed before.
                i = 0;
            }
            None => i += 1,
        }
    }
}

#[cfg(test)]
mod tests;
