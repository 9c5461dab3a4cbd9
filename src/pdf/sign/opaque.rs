//! Pictures for files that know no transparency (PDF/A-1 6.4): a one-bit mask, and colours as they look on white paper.

use super::SignError;
use crate::seal::FormImage;
use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use std::io::{Read, Write as _};

/// What is fainter than a tenth is nothing there, and the page shows through.
const FAINTEST: u8 = 26;
/// Pixels along a side.
const MAX_SIDE: u32 = 4_096;

/// Both parts deflated.
pub(super) struct Opaque {
    /// Eight bits a component.
    pub(super) rgb: Vec<u8>,
    /// Explicit mask (8.9.6.3): 1 hides.
    pub(super) mask: Vec<u8>,
}

/// Lays the picture on white: half transparent ink stays as pale as it looked, and does not vanish.
pub(super) fn opaque(picture: &FormImage, alpha: &[u8]) -> Result<Opaque, SignError> {
    let bad = || SignError::Request("the seal's picture is damaged".into());
    let side = |length: u32| usize::try_from(length).ok().filter(|_| (1..=MAX_SIDE).contains(&length));
    let columns = side(picture.width).ok_or_else(bad)?;
    let rows = side(picture.height).ok_or_else(bad)?;
    let alpha = inflated(alpha, columns * rows).ok_or_else(bad)?;
    let mut colours = inflated(&picture.rgb_flate, columns * rows * 3).ok_or_else(bad)?;
    for (colour, &alpha) in colours.chunks_exact_mut(3).zip(&alpha) {
        colour.iter_mut().for_each(|component| *component = on_white(*component, alpha));
    }
    let mut mask = Vec::with_capacity(rows * columns.div_ceil(8));
    for row in alpha.chunks(columns) {
        mask.extend(row.chunks(8).map(|eight| {
            eight
                .iter()
                .enumerate()
                .fold(0u8, |bits, (i, &a)| if a < FAINTEST { bits | 0x80 >> i } else { bits })
        }));
    }
    Ok(Opaque { rgb: deflated(&colours).ok_or_else(bad)?, mask: deflated(&mask).ok_or_else(bad)? })
}

fn on_white(component: u8, alpha: u8) -> u8 {
    let (component, alpha) = (u32::from(component), u32::from(alpha));
    u8::try_from((component * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(255)
}

fn inflated(flate: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    ZlibDecoder::new(flate).take(u64::try_from(length).ok()?).read_to_end(&mut out).ok()?;
    (out.len() == length).then_some(out)
}

fn deflated(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn faint_ink_stays_and_nothing_stays_nothing() {
        let alpha = deflated(&[0, 25, 26, 110, 255]).unwrap();
        let rgb_flate = deflated(&[220, 0, 0].repeat(5)).unwrap();
        let picture = FormImage { width: 5, height: 1, rgb_flate, alpha_flate: None };
        let out = opaque(&picture, &alpha).unwrap();
        assert_eq!(inflated(&out.mask, 1).unwrap(), [0b1100_0000]);
        let rgb = inflated(&out.rgb, 15).unwrap();
        assert_eq!(
            rgb.get(9..).unwrap(),
            [240, 145, 145, 220, 0, 0],
            "110 of 255 on white, and what was opaque"
        );
        let short = deflated(&[255; 4]).unwrap();
        assert!(opaque(&picture, &short).is_err());
    }
}
