//! 骑缝章: one seal cut into vertical slices over the edges of the pages, so that no page can be exchanged.

use super::{Place, PlaceError, Seam, hundredths};
use crate::pdf::appearance::{Mark, ink};
use crate::pdf::pages::Page;

/// One slice per page; groups of at most `pages_per_seal` pages share a seal, of as equal size as can be.
pub(super) fn slices(pages: &[Page], seam: Seam, mark: &Mark<'_>) -> Result<Vec<Place>, PlaceError> {
    let (left, right) = ink(mark.seal);
    let total = u32::try_from(pages.len()).unwrap_or(u32::MAX);
    let groups = total.div_ceil(seam.pages_per_seal.max(1)).max(1);
    let mut out = Vec::with_capacity(pages.len());
    let mut rest = pages;
    for group in 0..groups {
        // 45 pages in 3 groups are 15 each, and 41 are 14, 14 and 13: no group is left with a single page.
        let size = total / groups + u32::from(group < total % groups);
        let (own, others) = rest.split_at(usize::try_from(size).unwrap_or(0).min(rest.len()));
        rest = others;
        for (index, page) in (0..size).zip(own) {
            let cut = |i: u32| left + (right - left) * f64::from(i) / f64::from(size);
            out.push(slice(page, (cut(index), cut(index + 1)), seam, mark)?);
        }
    }
    Ok(out)
}

/// The part of the seal between two cuts, on the outer edge of a page.
fn slice(page: &Page, (from, to): (f64, f64), seam: Seam, mark: &Mark<'_>) -> Result<Place, PlaceError> {
    let (width, height) = page.size();
    let (w, h) = (to - from, mark.seal.height);
    if w > width || h > height {
        let (width, height) = (hundredths(width), hundredths(height));
        return Err(PlaceError::SeamTooLarge { page: page.number, width, height });
    }
    let centre = height * if seam.height.is_finite() { seam.height } else { 0.5 };
    let y = (centre - h / 2.0).clamp(0.0, height - h);
    let x = if seam.booklet && page.number.is_multiple_of(2) { 0.0 } else { width - w };
    Ok(Place {
        page: page.number,
        page_object: page.id,
        rect: page.to_user_space([x, y, x + w, y + h]),
        quarter_turns: page.quarter_turns,
        size: (w, h),
        seals: vec![(-from, 0.0)],
        captions: Vec::new(),
    })
}
