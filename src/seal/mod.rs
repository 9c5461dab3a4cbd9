//! Seals 印章: vector shapes from glyph outlines, and their PDF, SVG and PNG forms.
//!
//! A seal is one filled path in whole micrometres ([`SealShape`]): every output is written from the same path, so that
//! the print, the preview and the signed page cannot differ. No text objects, no font look-up when a seal is shown; what
//! stands beneath one ([`Caption`]) is text.
//!
//! The kernel is pure: fonts come in as [`FontSet`] (bytes behind [`FontSource`]), pictures as bytes.

mod band;
mod caption;
mod chunks;
mod company;
mod content;
mod drawing;
mod error;
mod face;
mod fonts;
mod form;
mod glyph;
mod handwriting;
mod mask;
mod outline;
mod person;
mod picture;
mod print;
mod remedy;
mod request;
mod rows;
mod shape;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
mod tests;

pub use caption::{Caption, set_caption};
pub use company::draw_company;
pub use content::Content;
pub use error::{FontError, PictureError, SealError};
pub use face::SealFace;
pub use fonts::{Chain, FontFile, FontSet, FontSource};
pub use form::{FormImage, SealForm};
pub use handwriting::{Handwriting, HandwritingError};
pub use outline::{Micro, Outline, Segment};
pub use person::draw_person;
pub use picture::{PictureClass, PictureLimits, UploadedSeal};
pub use print::{PrintGlyph, print_glyphs, to_unicode};
pub use request::{
    Border, CodeNumber, Colour, CompanySeal, CompanyShape, FontFamily, Mode, PersonSeal, SealName, SealText,
};
pub use shape::SealShape;
