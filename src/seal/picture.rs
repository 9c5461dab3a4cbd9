//! Uploaded seals: a PNG decoded under limits, stripped to its pixels, and encoded anew.

use std::io::Cursor;

use flate2::read::ZlibDecoder;
use png::{ColorType, Decoder, Limits, Transformations};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::chunks::{Chunks, Header};
use super::form::flate;
use super::{FormImage, PictureError, SealError, SealForm};

/// What an upload may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLimits {
    /// Bytes of the PNG file.
    pub bytes: usize,
    /// Pixels of either side.
    pub side: u32,
    /// Only the documented pixel sizes, in either orientation.
    pub strict_sizes: bool,
}

impl Default for PictureLimits {
    /// 400 KB and 1,000 × 1,000 pixels, any size up to that.
    fn default() -> Self {
        Self { bytes: 409_600, side: 1_000, strict_sizes: false }
    }
}

/// The document's classes of uploaded seals; each has a printed size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PictureClass {
    /// 个人印章, 110 × 200 pixels, 30 × 16.5 mm.
    Person,
    /// 企业圆章, 200 × 200 pixels, 40 × 40 mm.
    Round,
    /// 椭圆章, 160 × 300 pixels, 45 × 24 mm.
    Oval,
}

impl PictureClass {
    const ALL: [Self; 3] = [Self::Person, Self::Round, Self::Oval];

    /// Longer and shorter side in pixels.
    fn pixels(self) -> (u32, u32) {
        match self {
            Self::Person => (200, 110),
            Self::Round => (200, 200),
            Self::Oval => (300, 160),
        }
    }

    /// Longer and shorter side in millimetres.
    fn millimetres(self) -> (f64, f64) {
        match self {
            Self::Person => (30.0, 16.5),
            Self::Round => (40.0, 40.0),
            Self::Oval => (45.0, 24.0),
        }
    }

    fn exactly(width: u32, height: u32) -> Option<Self> {
        let sides = (width.max(height), width.min(height));
        Self::ALL.into_iter().find(|class| class.pixels() == sides)
    }

    /// The class whose proportion is nearest.
    fn nearest(width: u32, height: u32) -> Self {
        let ratio = |(long, short): (u32, u32)| (f64::from(long) / f64::from(short.max(1))).ln();
        let own = ratio((width.max(height), width.min(height)));
        let distance = |class: Self| (ratio(class.pixels()) - own).abs();
        let mut best = Self::Person;
        for class in Self::ALL {
            if distance(class) < distance(best) {
                best = class;
            }
        }
        best
    }
}

/// A picture as a seal: nothing of the uploaded file but its pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UploadedSeal {
    class: PictureClass,
    size: (f64, f64),
    image: FormImage,
    digest: [u8; 32],
}

impl UploadedSeal {
    /// Decodes a PNG (ISO/IEC 15948) and keeps its pixels. Checksums are verified and the stream must be complete; text,
    /// colour profiles and animation are dropped. With `white_transparent`, white becomes transparent and what lies
    /// between ink and white becomes translucent ink.
    ///
    /// # Errors
    /// [`PictureError`], before any allocation larger than the limits allow.
    pub fn from_png(
        bytes: &[u8],
        limits: &PictureLimits,
        white_transparent: bool,
    ) -> Result<Self, PictureError> {
        if bytes.len() > limits.bytes {
            return Err(PictureError::TooManyBytes { found: bytes.len(), limit: limits.bytes });
        }
        let (width, height, mut pixels) = decode(bytes, limits)?;
        if pixels.iter().all(|[r, g, b, a]| *a == 0 || (*r > 250 && *g > 250 && *b > 250)) {
            return Err(PictureError::Empty);
        }
        if white_transparent {
            pixels.iter_mut().for_each(lift_off_white);
        }
        Ok(Self::of_pixels(width, height, &pixels))
    }

    fn of_pixels(width: u32, height: u32, pixels: &[[u8; 4]]) -> Self {
        let rgb: Vec<u8> = pixels.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
        let alpha: Vec<u8> = pixels.iter().map(|[.., a]| *a).collect();
        let mut hash = Sha256::new();
        hash.update(width.to_be_bytes());
        hash.update(height.to_be_bytes());
        hash.update(&rgb);
        hash.update(&alpha);
        let opaque = alpha.iter().all(|a| *a == 255);
        let class =
            PictureClass::exactly(width, height).unwrap_or_else(|| PictureClass::nearest(width, height));
        let (long, short) = class.millimetres();
        let (box_w, box_h) = if width >= height { (long, short) } else { (short, long) };
        // Printed as large as the class's box allows, in the picture's own proportion.
        let scale = (box_w / f64::from(width)).min(box_h / f64::from(height));
        Self {
            class,
            size: (f64::from(width) * scale, f64::from(height) * scale),
            image: FormImage {
                width,
                height,
                rgb_flate: flate(&rgb),
                alpha_flate: (!opaque).then(|| flate(&alpha)),
            },
            digest: hash.finalize().into(),
        }
    }

    /// Printed width and height in millimetres.
    #[must_use]
    pub fn size_mm(&self) -> (f64, f64) {
        self.size
    }

    /// The size class it was put into.
    #[must_use]
    pub fn class(&self) -> PictureClass {
        self.class
    }

    /// SHA-256 over width, height and pixels: equal pictures are stored once.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The parts of a PDF form XObject: one image with its soft mask.
    #[must_use]
    pub fn to_pdf_form(&self) -> SealForm {
        SealForm::of_image(self.size.0, self.size.1, self.image.clone())
    }

    /// The picture as a fresh PNG: header, pixels, end; no other chunk.
    ///
    /// # Errors
    /// [`SealError::Encode`].
    pub fn to_png(&self) -> Result<Vec<u8>, SealError> {
        let fail = |e: &dyn std::fmt::Display| SealError::Encode(e.to_string());
        let count = u64::from(self.image.width) * u64::from(self.image.height);
        let rgb = inflate(&self.image.rgb_flate, count * 3).map_err(|e| fail(&e))?;
        let alpha = match &self.image.alpha_flate {
            Some(data) => Some(inflate(data, count).map_err(|e| fail(&e))?),
            None => None,
        };
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, self.image.width, self.image.height);
        encoder.set_depth(png::BitDepth::Eight);
        let data = match alpha {
            Some(alpha) => {
                encoder.set_color(ColorType::Rgba);
                let pixels = rgb.chunks_exact(3).zip(&alpha);
                pixels.flat_map(|(c, a)| c.iter().copied().chain([*a])).collect()
            }
            None => {
                encoder.set_color(ColorType::Rgb);
                rgb
            }
        };
        let mut writer = encoder.write_header().map_err(|e| fail(&e))?;
        writer.write_image_data(&data).map_err(|e| fail(&e))?;
        writer.finish().map_err(|e| fail(&e))?;
        Ok(out)
    }
}

fn inflate(data: &[u8], limit: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut out = Vec::new();
    ZlibDecoder::new(data).take(limit).read_to_end(&mut out)?;
    Ok(out)
}

type Pixels = (u32, u32, Vec<[u8; 4]>);

fn decode(bytes: &[u8], limits: &PictureLimits) -> Result<Pixels, PictureError> {
    let chunks = Chunks::parse(bytes)?;
    let Header { width, height, .. } = chunks.header;
    let refuse = |rule| Err(PictureError::Dimensions { width, height, rule });
    if width > limits.side || height > limits.side {
        return refuse("larger than the limit");
    }
    if limits.strict_sizes && PictureClass::exactly(width, height).is_none() {
        return refuse("not 110 × 200, 200 × 200 or 160 × 300");
    }
    chunks.check_amount()?;
    let damaged = |e: png::DecodingError| PictureError::Damaged(e.to_string());
    let side = usize::try_from(limits.side).unwrap_or(usize::MAX);
    let budget = side.saturating_mul(side).saturating_mul(8).saturating_add(1 << 20);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: budget });
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let size = reader.output_buffer_size().ok_or(PictureError::Dimensions {
        width,
        height,
        rule: "larger than the limit",
    })?;
    let mut buffer = vec![0; size];
    let frame = reader.next_frame(&mut buffer).map_err(damaged)?;
    buffer.truncate(frame.buffer_size());
    let pixels: Vec<[u8; 4]> = match frame.color_type {
        ColorType::Grayscale => buffer.iter().map(|v| [*v, *v, *v, 255]).collect(),
        ColorType::GrayscaleAlpha => buffer.as_chunks().0.iter().map(|[v, a]| [*v, *v, *v, *a]).collect(),
        ColorType::Rgb => buffer.as_chunks().0.iter().map(|[r, g, b]| [*r, *g, *b, 255]).collect(),
        ColorType::Rgba => buffer.as_chunks().0.to_vec(),
        ColorType::Indexed => return Err(PictureError::Damaged("palette not expanded".to_owned())),
    };
    Ok((width, height, pixels))
}

/// Paper brighter than this is paper, whatever the camera made of it.
const PAPER: u8 = 235;

/// Takes the white out of a pixel: what remains is ink with the opacity that gives the same colour on white.
fn lift_off_white(pixel: &mut [u8; 4]) {
    let [r, g, b, a] = *pixel;
    let white = r.min(g).min(b);
    if white >= PAPER {
        *pixel = [255, 255, 255, 0];
        return;
    }
    let cover = 255 - u16::from(white);
    let ink = |v: u8| u8::try_from((u16::from(v) - u16::from(white)) * 255 / cover).unwrap_or(255);
    let opacity = u8::try_from(u16::from(a) * cover / 255).unwrap_or(255);
    *pixel = [ink(r), ink(g), ink(b), opacity];
}
