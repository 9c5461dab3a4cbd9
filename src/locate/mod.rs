//! Keyword search: where on which page a text is shown.
//!
//! Pages are interpreted with `hayro-interpret`, so that form XObjects, every kind of font and every way to place text
//! count as on paper. What is searched are positions on the page, not the order of the content stream.

mod glyphs;
mod ground;
mod lines;
mod prepare;

use crate::pdf::pages::{self, Page};
use crate::pdf::syntax::{Document, SyntaxError};
use crate::pdf::tame;

pub use ground::{Ground, Painted, are_empty, painted};

/// Longest keyword in characters.
const MAX_KEYWORD: usize = 200;

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
    /// No PDF that can be read.
    #[error("the document cannot be read: {0}")]
    Document(SyntaxError),
    /// The pages cannot be interpreted.
    #[error("the pages cannot be read: {0}")]
    Unreadable(String),
    /// A bound of [`Limits`] was reached.
    #[error("the document has too many {0}")]
    TooLarge(&'static str),
}

/// Finds every place where `keyword` is shown. Width variants and compatibility forms count as equal (NFKC), white space
/// does not count at all.
///
/// # Errors
/// [`LocateError`]; no hit is not an error.
pub fn locate(document: &[u8], keyword: &str, limits: &Limits) -> Result<Located, LocateError> {
    let keyword = glyphs::normalised(keyword);
    if keyword.is_empty() {
        return Err(LocateError::EmptyKeyword);
    }
    if keyword.len() > MAX_KEYWORD {
        return Err(LocateError::TooLarge("characters in the keyword"));
    }
    if u64::try_from(document.len()).unwrap_or(u64::MAX) > limits.bytes {
        return Err(LocateError::TooLarge("bytes"));
    }
    let bounds =
        crate::pdf::syntax::Limits { stream_bytes: 32 << 20, total_bytes: 256 << 20, ..Default::default() };
    let unreadable = |e: SyntaxError| LocateError::Unreadable(e.to_string());
    let opened = Document::open_to_sign_within(document, bounds).map_err(LocateError::Document)?;
    let most = usize::try_from(limits.pages).unwrap_or(usize::MAX);
    let pages = pages::pages_within(opened.latest(), most).map_err(|error| match error {
        SyntaxError::Limit(what) => LocateError::TooLarge(what),
        error => unreadable(error),
    })?;
    let readable = prepare::readable(&opened)?;
    // The interpreter is somebody else's: whatever a file makes it do, the search ends with an answer.
    let unread = || LocateError::Unreadable("the page content cannot be interpreted".into());
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("locate".into()).stack_size(tame::STACK);
        let searching = thread.spawn_scoped(scope, || search(readable, &pages, &keyword, limits));
        searching.map_err(|_| unread())?.join().unwrap_or_else(|_| Err(unread()))
    })
}

fn search(bytes: Vec<u8>, pages: &[Page], keyword: &[char], limits: &Limits) -> Result<Located, LocateError> {
    let pdf = hayro_syntax::Pdf::new(bytes).map_err(|e| LocateError::Unreadable(format!("{e:?}")))?;
    if pdf.pages().len() != pages.len() {
        return Err(LocateError::Unreadable("the page tree is ambiguous".into()));
    }
    let cache = hayro_interpret::InterpreterCache::new();
    let mut out = Located { pages: u32::try_from(pages.len()).unwrap_or(u32::MAX), ..Located::default() };
    let (mut shown, mut hidden) = (Vec::new(), Vec::new());
    for (content, page) in pdf.pages().iter().zip(pages) {
        let left = limits.glyphs.saturating_sub(out.glyphs);
        let glyphs = glyphs::of_page(&pdf, content, page, &cache, left);
        out.glyphs += glyphs.seen;
        out.unmapped_glyphs += glyphs.unmapped;
        if glyphs.seen > left {
            return Err(LocateError::TooLarge("glyphs"));
        }
        shown.extend(lines::hits(page, &glyphs.painted, keyword));
        hidden.extend(lines::hits(page, &glyphs.invisible, keyword));
        if shown.len().max(hidden.len()) > limits.hits {
            return Err(LocateError::TooLarge("hits"));
        }
    }
    // Text that is not painted is the text layer of a scan: it counts where nothing painted says the keyword.
    out.hits = if shown.is_empty() { hidden } else { shown };
    Ok(out)
}

#[cfg(test)]
mod tests;
