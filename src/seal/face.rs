//! What a signer's seal is made of once it exists: a drawn shape, or a picture.

use serde::{Deserialize, Serialize};

use super::{SealError, SealForm, SealShape, UploadedSeal};

/// The face 印面 of a seal, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SealFace {
    /// Drawn from a name.
    Drawn(SealShape),
    /// Uploaded, or written by hand.
    Picture(UploadedSeal),
}

impl SealFace {
    /// Printed width and height in millimetres.
    #[must_use]
    pub fn size_mm(&self) -> (f64, f64) {
        match self {
            Self::Drawn(shape) => shape.size_mm(),
            Self::Picture(picture) => picture.size_mm(),
        }
    }

    /// The parts of a PDF form XObject.
    #[must_use]
    pub fn to_pdf_form(&self) -> SealForm {
        match self {
            Self::Drawn(shape) => shape.to_pdf_form(),
            Self::Picture(picture) => picture.to_pdf_form(),
        }
    }

    /// A PNG: a drawn seal at any size (longer side, 16–4096 pixels); a picture always at its own.
    ///
    /// # Errors
    /// As [`SealShape::to_png`].
    pub fn to_png(&self, pixels: u32) -> Result<Vec<u8>, SealError> {
        match self {
            Self::Drawn(shape) => shape.to_png(pixels),
            Self::Picture(picture) => picture.to_png(),
        }
    }

    /// An SVG; `None` for a picture, which has no outlines.
    #[must_use]
    pub fn to_svg(&self) -> Option<String> {
        match self {
            Self::Drawn(shape) => Some(shape.to_svg()),
            Self::Picture(_) => None,
        }
    }
}
