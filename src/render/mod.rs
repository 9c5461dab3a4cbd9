//! A page of a PDF as a picture, for people who look at a verdict: what a revision showed.
//!
//! Nothing is judged from these pictures. The rasteriser reads hostile files: it is given what [`tame`] lets pass, asked for one page of
//! a bounded size, and a panic in it is an error here. Its time and memory are not bounded otherwise: callers draw few pages at a time.

use std::sync::Arc;

use crate::pdf::syntax::{Document, Limits};
use crate::pdf::tame::{self, Bounds};

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_interpret::util::TransformExt;
use hayro::hayro_syntax::{Pdf, PdfData};
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{RenderCache, RenderSettings};
use thiserror::Error;

/// Pixels of a picture's longer side.
const SIDE: std::ops::RangeInclusive<u16> = 64..=2_000;
/// A page side in points; ISO 32000-2 Annex C names 14,400 as what readers take.
const PAGE: std::ops::RangeInclusive<f32> = 1.0..=14_400.0;

/// Why there is no picture.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum RenderError {
    /// Not a PDF that the rasteriser reads, or encrypted with a password.
    #[error("the file cannot be shown")]
    Unreadable,
    /// Pages count from 1.
    #[error("there is no page {0}")]
    NoSuchPage(u32),
    /// The page's own size, or the size asked for, is out of bounds.
    #[error("the page or the picture is too small or too large")]
    Size,
    /// The rasteriser gave up.
    #[error("the page cannot be shown")]
    Failed,
}

/// A rendered page.
#[derive(Clone, Debug, PartialEq)]
pub struct PagePicture {
    /// PNG.
    pub png: Vec<u8>,
    /// Pages of the document.
    pub pages: u32,
    /// Maps default user space to fractions of the picture, x to the right and y down (0…1): `x' = a x + c y + e`,
    /// `y' = b x + d y + f`.
    pub matrix: [f64; 6],
}

/// Renders one page of a PDF, its annotations included, with `side` pixels on the longer side.
///
/// # Errors
/// [`RenderError`].
pub fn page_picture(
    pdf: impl AsRef<[u8]> + Send + Sync + 'static,
    page: u32,
    side: u16,
) -> Result<PagePicture, RenderError> {
    if !SIDE.contains(&side) {
        return Err(RenderError::Size);
    }
    let pdf = Arc::new(pdf);
    suits((*pdf).as_ref())?;
    let thread = std::thread::Builder::new().name("picture".into()).stack_size(tame::STACK);
    let drawing = thread.spawn(move || render(pdf.into(), page, side)).map_err(|_| RenderError::Failed)?;
    drawing.join().unwrap_or(Err(RenderError::Failed))
}

/// Whether the rasteriser can be given the file.
fn suits(pdf: &[u8]) -> Result<(), RenderError> {
    let limits = Limits { stream_bytes: 64 << 20, total_bytes: 512 << 20, ..Limits::default() };
    let bounds = Bounds { objects: 500_000, stream: 64 << 20, content: 64 << 20, drawn: true };
    let document = Document::open_to_sign_within(pdf, limits).map_err(|_| RenderError::Unreadable)?;
    tame::check(&document, bounds).map_err(|_| RenderError::Failed)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to 1…2,000
fn render(pdf: PdfData, number: u32, side: u16) -> Result<PagePicture, RenderError> {
    let pdf = Pdf::new(pdf).map_err(|_| RenderError::Unreadable)?;
    let pages = pdf.pages();
    let index = number.checked_sub(1).and_then(|n| usize::try_from(n).ok());
    let page = index.and_then(|i| pages.get(i)).ok_or(RenderError::NoSuchPage(number))?;
    let (width, height) = page.render_dimensions();
    if !PAGE.contains(&width) || !PAGE.contains(&height) {
        return Err(RenderError::Size);
    }
    let scale = f32::from(side) / width.max(height);
    let pixels = |v: f32| (v * scale).round().clamp(1.0, f32::from(side)) as u16;
    let settings = RenderSettings {
        x_scale: scale,
        y_scale: scale,
        width: Some(pixels(width)),
        height: Some(pixels(height)),
        bg_color: WHITE,
    };
    let picture = hayro::render(page, &RenderCache::new(), &InterpreterSettings::default(), &settings);
    let shown = kurbo::Affine::scale_non_uniform(1.0 / f64::from(width), 1.0 / f64::from(height))
        * page.initial_transform(true).to_kurbo();
    Ok(PagePicture {
        png: picture.into_png().map_err(|_| RenderError::Failed)?,
        pages: u32::try_from(pages.len()).unwrap_or(u32::MAX),
        matrix: shown.as_coeffs(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use super::*;

    /// A page of 200 × 100 points with a black square in its lower left quarter, shown turned by `rotate` degrees.
    fn sample(rotate: i32) -> Vec<u8> {
        let mut pdf = b"%PDF-1.7\n".to_vec();
        let mut at = Vec::new();
        let content = "0 0 50 50 re f";
        for (n, object) in [
            "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
            "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
            format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Rotate {rotate}/Contents 4 0 R/Resources<<>>>>"),
            format!("<</Length {}>>stream\n{content}\nendstream", content.len()),
        ]
        .iter()
        .enumerate()
        {
            at.push(pdf.len());
            pdf.extend(format!("{} 0 obj{object}endobj\n", n + 1).bytes());
        }
        let xref = pdf.len();
        pdf.extend(b"xref\n0 5\n0000000000 65535 f \n");
        at.iter().for_each(|offset| pdf.extend(format!("{offset:010} 00000 n \n").bytes()));
        pdf.extend(format!("trailer<</Size 5/Root 1 0 R>>\nstartxref\n{xref}\n%%EOF\n").bytes());
        pdf
    }

    #[test]
    fn a_page_is_shown_as_it_is_turned_and_its_matrix_finds_places_on_it() {
        for (rotate, size) in [(0, (400, 200)), (90, (200, 400)), (180, (400, 200)), (270, (200, 400))] {
            let picture = page_picture(sample(rotate), 1, 400).unwrap();
            let map = tiny_skia::Pixmap::decode_png(&picture.png).unwrap();
            assert_eq!((map.width(), map.height()), size, "{rotate}");
            let place = |x: f64, y: f64| {
                let p = kurbo::Affine::new(picture.matrix) * kurbo::Point::new(x, y);
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let pixel = ((p.x * f64::from(map.width())) as u32, (p.y * f64::from(map.height())) as u32);
                map.pixel(pixel.0, pixel.1).unwrap().red()
            };
            assert_eq!((place(25.0, 25.0), place(175.0, 75.0), place(75.0, 25.0)), (0, 255, 255), "{rotate}");
        }
    }

    #[test]
    fn what_cannot_be_shown_is_an_error() {
        assert_eq!(page_picture(sample(0), 2, 400), Err(RenderError::NoSuchPage(2)));
        assert_eq!(page_picture(sample(0), 0, 400), Err(RenderError::NoSuchPage(0)));
        assert_eq!(page_picture(sample(0), 1, 4_000), Err(RenderError::Size));
        assert_eq!(page_picture(b"no".to_vec(), 1, 400), Err(RenderError::Unreadable));
    }
}
