//! What a signature looks like: the seal's form and the lines beneath it. Units are points (1/72 inch), y upwards.

use crate::pdf::syntax::{Limits, Parser};
use crate::seal::{Caption, SealForm};
use std::io::Read;

/// A seal and what is printed beneath it.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'r> {
    /// The seal; a transparent one takes its place and shows nothing.
    pub seal: &'r SealForm,
    /// The document digest (sealClass 2) or the signing time (sealClass 3).
    pub caption: Option<&'r Caption>,
}

/// The left and right end of a seal's ink, in points from its left edge; the whole width if nothing can be told.
pub(super) fn ink(seal: &SealForm) -> (f64, f64) {
    let found = match &seal.image {
        Some(image) => match &image.alpha_flate {
            Some(alpha) => alpha_columns(alpha, image.width, image.height),
            None => None,
        }
        .map(|(a, b)| (a * seal.width, b * seal.width)),
        None => path_extent(&seal.content),
    };
    match found {
        Some((left, right)) if left.is_finite() && right.is_finite() && right - left > 1.0 => {
            (left.max(0.0), right.min(seal.width))
        }
        _ => (0.0, seal.width),
    }
}

/// First and last column with ink, as fractions of the width.
fn alpha_columns(alpha: &[u8], width: u32, height: u32) -> Option<(f64, f64)> {
    let columns = usize::try_from(width).ok().filter(|&w| w > 0)?;
    let size = columns.checked_mul(usize::try_from(height).ok()?).filter(|&n| n <= 64 << 20)?;
    let mut samples = Vec::with_capacity(size);
    let bound = u64::try_from(size).ok()?;
    flate2::bufread::ZlibDecoder::new(alpha).take(bound).read_to_end(&mut samples).ok()?;
    let (mut first, mut last) = (columns, 0);
    for row in samples.chunks(columns) {
        // What is nearly transparent shows on no print.
        if let Some(at) = row.iter().position(|&a| a > 16) {
            first = first.min(at);
        }
        if let Some(at) = row.iter().rposition(|&a| a > 16) {
            last = last.max(at + 1);
        }
    }
    let fraction = |n: usize| u32::try_from(n).ok().map(|n| f64::from(n) / f64::from(width));
    if first < last { Some((fraction(first)?, fraction(last)?)) } else { None }
}

/// Horizontal extent of the control points of a content stream's paths.
fn path_extent(content: &[u8]) -> Option<(f64, f64)> {
    let limits = Limits { nodes: 4_000_000, ..Limits::default() };
    let mut parser = Parser::new(content, 0, &limits);
    let mut stack: Vec<kurbo::Affine> = Vec::new();
    let mut matrix = kurbo::Affine::IDENTITY;
    let mut operands: Vec<f64> = Vec::new();
    let (mut left, mut right) = (f64::MAX, f64::MIN);
    while let Some(token) = parser.content_token() {
        match token {
            Ok(object) => operands.extend(object.as_number()),
            Err(operator) => {
                match (operator, operands.as_slice()) {
                    (b"q", _) if stack.len() < 64 => stack.push(matrix),
                    (b"Q", _) => matrix = stack.pop().unwrap_or(matrix),
                    (b"cm", &[a, b, c, d, e, f]) => matrix *= kurbo::Affine::new([a, b, c, d, e, f]),
                    (b"m" | b"l" | b"c" | b"v" | b"y", points) => {
                        for pair in points.chunks_exact(2) {
                            if let &[x, y] = pair {
                                let at = matrix * kurbo::Point::new(x, y);
                                (left, right) = (left.min(at.x), right.max(at.x));
                            }
                        }
                    }
                    _ => {}
                }
                operands.clear();
            }
        }
    }
    (left < right).then_some((left, right))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::seal::FormImage;
    use std::io::Write;

    fn seal(content: &str) -> SealForm {
        SealForm { width: 100.0, height: 100.0, content: content.into(), image: None }
    }

    #[test]
    fn ink_of_paths_is_their_extent() {
        assert_eq!(ink(&seal("q 2 0 0 2 10 0 cm 1 0 0 rg 5 0 m 15 0 l 20 5 30 5 40 0 c f Q")), (20.0, 90.0));
        assert_eq!(ink(&seal("")), (0.0, 100.0));
        assert_eq!(ink(&seal("q 1 0 0 rg BT (broken")), (0.0, 100.0));
    }

    #[test]
    fn ink_of_pictures_is_what_is_not_transparent() {
        let mut z = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        z.write_all(&[0, 255, 255, 0, 0, 0, 255, 9]).unwrap();
        let image =
            FormImage { width: 4, height: 2, rgb_flate: Vec::new(), alpha_flate: Some(z.finish().unwrap()) };
        let form = SealForm { image: Some(image), ..seal("/Im0 Do") };
        assert_eq!(ink(&form), (25.0, 75.0));
    }
}
