//! A drawn seal: size, ink and one path; and the SVG and PNG written from it.

use serde::{Deserialize, Serialize};
use tiny_skia::{FillRule, LineJoin, Paint, Pixmap, Stroke, Transform};

use super::outline::{Micro, micro};
use super::{Colour, Outline, SealError, SealForm};

/// Longer side of a PNG, in pixels.
const RASTER: std::ops::RangeInclusive<u32> = 16..=4096;

/// A vector seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealShape {
    size: Micro,
    colour: Colour,
    bold: i32,
    outline: Outline,
}

impl SealShape {
    /// A shape of `width` × `height` millimetres; `bold` is the width of a stroke around every contour, which gives thin
    /// type the weight of carved characters.
    pub(super) fn new(width: f64, height: f64, bold: f64, colour: Colour, outline: Outline) -> Self {
        Self { size: (micro(width), micro(height)), colour, bold: micro(bold), outline }
    }

    /// Width and height in millimetres.
    #[must_use]
    pub fn size_mm(&self) -> (f64, f64) {
        (f64::from(self.size.0) / 1000.0, f64::from(self.size.1) / 1000.0)
    }

    /// Width and height in micrometres, the unit of the outline.
    #[must_use]
    pub fn size_um(&self) -> Micro {
        self.size
    }

    /// Ink.
    #[must_use]
    pub fn colour(&self) -> Colour {
        self.colour
    }

    /// Width in micrometres of the stroke around every contour; 0 for none.
    #[must_use]
    pub fn bold_um(&self) -> i32 {
        self.bold
    }

    /// The path, filled non-zero.
    #[must_use]
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// A self-contained SVG 1.1 image: one path, no text, no style sheet, no script.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let (w, h) = self.size;
        let (wmm, hmm) = self.size_mm();
        let [r, g, b] = self.colour.rgb();
        let ink = format!("#{r:02x}{g:02x}{b:02x}");
        let stroke = if self.bold > 0 {
            format!(r#" stroke="{ink}" stroke-width="{}" stroke-linejoin="round""#, self.bold)
        } else {
            String::new()
        };
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{wmm}mm" height="{hmm}mm" viewBox="0 0 {w} {h}"><path fill="{ink}"{stroke} d="{}"/></svg>"#,
            self.outline.svg_data()
        )
    }

    /// A PNG on a transparent ground whose longer side has `pixels` (16–4096).
    ///
    /// # Errors
    /// [`SealError::RasterSize`] outside that range, [`SealError::Encode`] if the encoder fails.
    #[allow(clippy::cast_precision_loss)] // both far below 2^24
    pub fn to_png(&self, pixels: u32) -> Result<Vec<u8>, SealError> {
        if !RASTER.contains(&pixels) {
            return Err(SealError::RasterSize(pixels));
        }
        let (w, h) = (i64::from(self.size.0.max(1)), i64::from(self.size.1.max(1)));
        let long = w.max(h);
        let side = |v: i64| u32::try_from((i64::from(pixels) * v + long / 2) / long).unwrap_or(1).max(1);
        let mut map = Pixmap::new(side(w), side(h)).ok_or(SealError::RasterSize(pixels))?;
        let scale = pixels as f32 / long as f32;
        self.paint(&mut map, Transform::from_scale(scale, scale));
        self.encode(&map).map_err(|e| SealError::Encode(e.to_string()))
    }

    /// One ink: a palette of its 256 shades of opacity, a quarter of the octets of four channels.
    fn encode(&self, map: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, map.width(), map.height());
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(self.colour.rgb().repeat(256));
        encoder.set_trns((0..=u8::MAX).collect::<Vec<u8>>());
        encoder.set_filter(png::Filter::NoFilter);
        let mut writer = encoder.write_header()?;
        let opacity: Vec<u8> = map.pixels().iter().map(|pixel| pixel.alpha()).collect();
        writer.write_image_data(&opacity)?;
        writer.finish()?;
        Ok(out)
    }

    /// The form XObject's parts, in points.
    #[must_use]
    pub fn to_pdf_form(&self) -> SealForm {
        SealForm::of_shape(self)
    }

    #[allow(clippy::cast_precision_loss)]
    pub(super) fn paint(&self, map: &mut Pixmap, transform: Transform) {
        let Some(path) = self.outline.skia() else { return };
        let [r, g, b] = self.colour.rgb();
        let mut paint = Paint { anti_alias: true, ..Paint::default() };
        paint.set_color_rgba8(r, g, b, 255);
        map.fill_path(&path, &paint, FillRule::Winding, transform, None);
        if self.bold > 0 {
            let stroke = Stroke { width: self.bold as f32, line_join: LineJoin::Round, ..Stroke::default() };
            map.stroke_path(&path, &paint, &stroke, transform, None);
        }
    }
}
