//! What can go wrong while a seal is made.

use thiserror::Error;

/// A font file that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FontError {
    /// The bytes could not be had; the text says why (an IO error of the adapter).
    #[error("font {name}: {reason}")]
    Unreadable {
        /// The font's name as configured.
        name: String,
        /// The adapter's reason.
        reason: String,
    },
    /// Not an OpenType/TrueType face with outlines and a Unicode cmap.
    #[error("font {name}: {reason}")]
    Unusable {
        /// The font's name as configured.
        name: String,
        /// What the parser said.
        reason: String,
    },
}

/// Why a seal was not drawn.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SealError {
    /// A name, text or number that a seal cannot carry.
    #[error("{what}: {reason}")]
    BadText {
        /// Which part: `name`, `text`, `code`.
        what: &'static str,
        /// The rule that is broken.
        reason: &'static str,
    },
    /// Characters that no single font of the family's chain can draw: never a box, never a mixture of fonts.
    #[error("no font of {chain} has {}; {remedy}", list(.characters))]
    MissingCharacters {
        /// The chain that was asked, by its configuration name.
        chain: &'static str,
        /// The characters, each once, in the order of the text.
        characters: Vec<char>,
        /// The Debian package or the kind of font that would cover them.
        remedy: String,
    },
    /// A font failed.
    #[error(transparent)]
    Font(#[from] FontError),
    /// A raster of this size is refused or could not be allocated.
    #[error("a raster of {0} pixels is outside 16…4096")]
    RasterSize(u32),
    /// The PNG encoder failed.
    #[error("PNG: {0}")]
    Encode(String),
}

/// Why an uploaded picture is not a seal.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PictureError {
    /// More bytes than the limit.
    #[error("picture of {found} bytes, at most {limit}")]
    TooManyBytes {
        /// Bytes that came.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not a PNG by its signature.
    #[error("not a PNG")]
    NotPng,
    /// A PNG that breaks its own format (ISO/IEC 15948): truncated, wrong CRC, bad stream.
    #[error("damaged PNG: {0}")]
    Damaged(String),
    /// Width or height outside the limits.
    #[error("picture of {width} × {height} pixels: {rule}")]
    Dimensions {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// The rule that is broken.
        rule: &'static str,
    },
    /// Every pixel is transparent or white.
    #[error("the picture is empty")]
    Empty,
}

fn list(characters: &[char]) -> String {
    let named: Vec<String> = characters.iter().map(|c| format!("{c} (U+{:04X})", u32::from(*c))).collect();
    named.join(", ")
}
