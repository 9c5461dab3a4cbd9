//! What is signed: where it comes from, where it goes, and its digest.

use super::{read_error, save_error};
use crate::codes::Code;
use crate::documents::Target;
use crate::ops::{Appliance, Call, Caller, Error, Result};
use crate::pdf::hash::PrefixHash;
use crate::pdf::place::Point;
use bytes::Bytes;
use hufu_api::{Cx, HashAlgorithm};

/// The document's origin.
#[derive(Clone, Debug)]
pub enum Source {
    /// A path below the app's document roots.
    Path(String),
    /// The bytes of the request.
    Bytes(Bytes),
}

/// A document's bytes and digest.
pub(in crate::ops) struct Content {
    pub(in crate::ops) bytes: Bytes,
    pub(in crate::ops) sha256: [u8; 32],
    /// The state after all bytes, so that they are hashed once.
    pub(in crate::ops) prefix: PrefixHash,
}

/// A document read once, with the locked path that its signed form will have.
pub(in crate::ops) struct Input {
    pub(in crate::ops) content: Content,
    pub(in crate::ops) target: Box<dyn Target>,
}

impl Content {
    pub(in crate::ops) fn of(bytes: Bytes) -> Result<Self> {
        let prefix = PrefixHash::of(HashAlgorithm::Sha256, &bytes);
        let sha256 =
            prefix.clone().digest().try_into().map_err(|_| Error::internal("SHA-256 of another length"))?;
        Ok(Self { bytes, sha256, prefix })
    }
}

impl Appliance {
    /// Locks the target, then reads: whoever signs a file in place signs what the call before it left.
    pub(in crate::ops) fn input(
        &self,
        call: &Call,
        caller: &Caller,
        source: &Source,
        save_path: &str,
        limit: u64,
    ) -> Result<Input> {
        if !is_pdf_path(save_path) {
            return Err(Error::with(Code::BadParameter, "文件保存类型非法"));
        }
        let target =
            self.ports.documents.target(call.cx, &caller.app.roots, save_path).map_err(|e| save_error(&e));
        // A missing original is the more useful answer when both paths are wrong.
        let bytes = self.read(call.cx, caller, source, limit)?;
        let target = target?;
        Ok(Input { content: Content::of(bytes)?, target })
    }

    /// Reads a document of at most `limit` bytes; a larger one is 20101.
    pub(in crate::ops) fn read(&self, cx: Cx, caller: &Caller, source: &Source, limit: u64) -> Result<Bytes> {
        match source {
            Source::Bytes(bytes) => Ok(bytes.clone()),
            Source::Path(path) => {
                let read = self.ports.documents.read(cx, &caller.app.roots, path, limit);
                read.map(Bytes::from).map_err(|e| read_error(&e, path))
            }
        }
    }
}

pub(in crate::ops) fn is_pdf_path(path: &str) -> bool {
    let bytes = path.as_bytes();
    bytes.len() > 4 && bytes.last_chunk::<4>().is_some_and(|end| end.eq_ignore_ascii_case(b".pdf"))
}

/// Reads "page,x,y;page,x,y": pages from 1, coordinates not negative, fractions allowed.
///
/// # Errors
/// 201 naming `positionContent`.
pub fn positions(text: &str, most: usize) -> Result<Vec<Point>> {
    let bad = || Error::malformed("positionContent");
    let text = text.trim();
    let text = text.strip_suffix(';').unwrap_or(text);
    let mut points = Vec::new();
    for part in text.split(';') {
        let mut numbers = part.split(',').map(str::trim);
        let (Some(page), Some(x), Some(y), None) =
            (numbers.next(), numbers.next(), numbers.next(), numbers.next())
        else {
            return Err(bad());
        };
        let point = point(page, x, y).ok_or_else(bad)?;
        if points.len() >= most {
            return Err(bad().because("too many places"));
        }
        points.push(point);
    }
    Ok(points)
}

/// A page from 1 and two coordinates.
pub(super) fn point(page: &str, x: &str, y: &str) -> Option<Point> {
    let page = if page.bytes().all(|b| b.is_ascii_digit()) { page.parse::<u32>().ok() } else { None };
    Some(Point { page: page.filter(|n| *n >= 1)?, x: coordinate(x)?, y: coordinate(y)? })
}

/// A decimal number from 0 to 20,000 points, without exponent or sign.
fn coordinate(text: &str) -> Option<f64> {
    let plain = !text.is_empty()
        && text.len() <= 16
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && text.starts_with(|c: char| c.is_ascii_digit());
    let value: f64 = if plain { text.parse().ok()? } else { return None };
    (value <= 20_000.0).then_some(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn positions_as_documented() {
        let point = |page, x, y| Point { page, x, y };
        assert_eq!(positions("1,0,0", 9).unwrap(), [point(1, 0.0, 0.0)]);
        assert_eq!(positions("1,0,0;2,200,200", 9).unwrap(), [point(1, 0.0, 0.0), point(2, 200.0, 200.0)]);
        assert_eq!(positions("3,10.5,20.25;", 9).unwrap(), [point(3, 10.5, 20.25)]);
        assert_eq!(positions(" 1 , 2 , 3 ", 9).unwrap(), [point(1, 2.0, 3.0)]);
    }

    #[test]
    fn positions_that_are_none() {
        for bad in [
            "",
            ";",
            "1",
            "1,2",
            "1,2,3,4",
            "0,1,1",
            "-1,1,1",
            "1,-1,0",
            "1,0,-1",
            "a,b,c",
            "1,1e3,1",
            "1,NaN,1",
            "1,inf,1",
            "1;1,2,3",
            "1,2,3;;1,2,3",
            "1.5,1,1",
            "4294967296,1,1",
            "+1,1,1",
            "1,.5,1",
            "1,99999999999,1",
        ] {
            let error = positions(bad, 9).unwrap_err();
            assert_eq!(error.message, "positionContent 格式不正确", "{bad:?}");
        }
        assert!(positions("1,1,1;1,2,2", 1).is_err());
    }

    #[test]
    fn only_pdf_is_written() {
        assert!(is_pdf_path("/a/b.pdf") && is_pdf_path("/a/b.PDF"));
        assert!(
            !is_pdf_path(".pdf") && !is_pdf_path("/a/b.doc") && !is_pdf_path("/a/pdf") && !is_pdf_path("")
        );
    }
}
