//! A seal as the parts of a PDF form XObject (ISO 32000-2, 8.10), for the PDF kernel to put into a file.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::{Compression, write::ZlibEncoder};
use serde::{Deserialize, Serialize};

use super::{Content, SealShape};

/// Points in a micrometre.
const POINTS: f64 = 72.0 / 25_400.0;

/// A form XObject without its numbers: `/BBox [0 0 width height]`, `/Matrix` identity, y up, origin lower left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SealForm {
    /// Width of the box in points.
    pub width: f64,
    /// Height of the box in points.
    pub height: f64,
    /// The content stream, uncompressed: DeviceRGB only, balanced `q`/`Q`, no text. Where `image` is set it paints `/Im0`.
    pub content: Content,
    /// The picture named `/Im0` in the form's `/Resources /XObject`.
    pub image: Option<FormImage>,
}

/// An image XObject (ISO 32000-2, 8.9.5) with its soft mask; 8 bits per component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormImage {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// DeviceRGB samples, FlateDecode.
    pub rgb_flate: Vec<u8>,
    /// DeviceGray samples of the `/SMask`, FlateDecode; absent when opaque.
    pub alpha_flate: Option<Vec<u8>>,
}

impl SealForm {
    /// A form of a drawn seal.
    pub(super) fn of_shape(shape: &SealShape) -> Self {
        let (w, h) = shape.size_um();
        let height = f64::from(h) * POINTS;
        let mut content = String::with_capacity(shape.outline().segments().len() * 32 + 128);
        content.push_str("q\n");
        let _ = writeln!(content, "{POINTS:.9} 0 0 -{POINTS:.9} 0 {height:.4} cm");
        let [r, g, b] = shape.colour().rgb().map(|v| f64::from(v) / 255.0);
        let _ = writeln!(content, "{r:.4} {g:.4} {b:.4} rg");
        let bold = shape.bold_um();
        if bold > 0 {
            let _ = writeln!(content, "{r:.4} {g:.4} {b:.4} RG\n{bold} w 1 j");
        }
        shape.outline().write_pdf(&mut content);
        content.push_str(if bold > 0 { "B\nQ\n" } else { "f\nQ\n" });
        Self { width: f64::from(w) * POINTS, height, content: content.into_bytes().into(), image: None }
    }

    /// A form that shows one image over its whole box, in millimetres.
    pub(super) fn of_image(width_mm: f64, height_mm: f64, image: FormImage) -> Self {
        let (width, height) = (width_mm * 1000.0 * POINTS, height_mm * 1000.0 * POINTS);
        let content = format!("q\n{width:.4} 0 0 {height:.4} 0 0 cm\n/Im0 Do\nQ\n").into_bytes().into();
        Self { width, height, content, image: Some(image) }
    }

    /// The empty appearance of seal −1 全透明, with the given box in points.
    #[must_use]
    pub fn transparent(width: f64, height: f64) -> Self {
        Self { width, height, content: Content::default(), image: None }
    }
}

/// Deflates into memory, which cannot fail.
pub(super) fn flate(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(data.len() / 3 + 64), Compression::default());
    let _ = encoder.write_all(data);
    encoder.finish().unwrap_or_default()
}
