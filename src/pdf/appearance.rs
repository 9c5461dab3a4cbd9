//! What a signature looks like: the seal's artwork and the lines beneath it. Units are points (1/72 inch), y upwards.

use kurbo::BezPath;

/// A seal as it is printed.
#[derive(Clone, Debug)]
pub struct SealAppearance {
    /// Printed width in points.
    pub width: f64,
    /// Printed height in points.
    pub height: f64,
    /// What is drawn inside.
    pub artwork: Artwork,
}

/// The drawing itself.
#[derive(Clone, Debug)]
pub enum Artwork {
    /// Filled outlines in the seal's own coordinates: (0, 0) is the lower left corner, (`width`, `height`) of the
    /// [`SealAppearance`] the upper right. Drawn in order.
    Vector(Vec<Layer>),
    /// A picture, stretched to the printed size.
    Image(Image),
    /// Nothing at all: the place is there, and transparent (`moulageId` −1).
    Transparent,
}

/// One filled path.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The outline.
    pub path: BezPath,
    /// Which points are inside.
    pub rule: FillRule,
    /// sRGB colour.
    pub rgb: [u8; 3],
}

/// ISO 32000-2 8.5.3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FillRule {
    /// Nonzero winding number.
    #[default]
    NonZero,
    /// Even-odd.
    EvenOdd,
}

/// An uncompressed picture, top row first.
#[derive(Clone, Debug)]
pub struct Image {
    /// Pixels per row, 1–4096.
    pub width: u32,
    /// Rows, 1–4096.
    pub height: u32,
    /// `width * height * 3` bytes, sRGB.
    pub rgb: Vec<u8>,
    /// `width * height` bytes, 255 opaque; absent means opaque everywhere.
    pub alpha: Option<Vec<u8>>,
}

/// A line of text beneath the seal (the digest of sealClass 2, the signing time of sealClass 3), as glyph outlines
/// with the text they stand for, so that it can be searched and read aloud.
#[derive(Clone, Debug)]
pub struct CaptionLine {
    /// The text, for `/ActualText`.
    pub text: String,
    /// Outlines; the baseline begins at (0, 0), y upwards, in points.
    pub path: BezPath,
    /// Advance width of the line.
    pub width: f64,
    /// Height above the baseline.
    pub ascent: f64,
    /// Depth beneath the baseline, positive.
    pub descent: f64,
    /// sRGB colour.
    pub rgb: [u8; 3],
}
