//! What a caller may ask for, as types: codes of the 摘要签署 API (`/moulage/person`, `/moulage/company`) parsed once.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::SealError;

/// An enumeration whose values are codes of the API.
macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every value, in the order of the document.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The value of an API code; `None` for anything the document does not list.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }

            /// The API code.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }
        }
    };
}

coded! {
    /// `borderType` 边框样式.
    Border {
        /// 有边框
        Framed = "B1",
        /// 无边框
        Open = "B2",
    }
}
coded! {
    /// `fontFamily` 字体样式.
    FontFamily {
        /// 楷体
        Kai = "F1",
        /// 华文仿宋
        FangSong = "F2",
        /// 华文楷体
        HuawenKai = "F3",
        /// 微软雅黑
        YaHei = "F4",
    }
}
coded! {
    /// `color` 字体颜色.
    Colour {
        /// 红色
        Red = "C1",
        /// 蓝色
        Blue = "C2",
        /// 黑色
        Black = "C3",
    }
}
coded! {
    /// `mode` 印章样式.
    Mode {
        /// 正常
        Plain = "0",
        /// 脱敏: the middle of the name is masked.
        Masked = "2",
    }
}
coded! {
    /// `styleType` 章的形状.
    CompanyShape {
        /// 常规圆章, best up to 32 characters.
        Round = "1",
        /// 椭圆章, best up to 18 characters.
        Oval = "2",
    }
}

impl Colour {
    /// sRGB, as printed: the red of cinnabar seal paste.
    #[must_use]
    pub fn rgb(self) -> [u8; 3] {
        match self {
            Self::Red => [230, 0, 18],
            Self::Blue => [0, 56, 200],
            Self::Black => [0, 0, 0],
        }
    }
}

/// The most characters a name on a seal may have (`userName` of a company).
const NAME_MAX: usize = 60;
/// The most characters of `textContent`.
const TEXT_MAX: usize = 12;
/// Digits of `keyContent`.
const CODE_DIGITS: usize = 13;

/// A name as it is drawn: 1–60 visible characters, outer white space removed, inner white space single.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealName(String);

impl SealName {
    /// Parses a registered name.
    ///
    /// # Errors
    /// [`SealError::BadText`] when empty, longer than 60 characters, or with control characters.
    pub fn parse(name: &str) -> Result<Self, SealError> {
        one_line("name", name, NAME_MAX).map(Self)
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `textContent` 横向文案: the line under the star, 1–12 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealText(String);

impl SealText {
    /// Parses the line.
    ///
    /// # Errors
    /// [`SealError::BadText`] when empty, longer than 12 characters, or with control characters.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        one_line("text", text, TEXT_MAX).map(Self)
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `keyContent` 防伪码: 13 digits along the bottom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeNumber(String);

impl CodeNumber {
    /// Parses the number.
    ///
    /// # Errors
    /// [`SealError::BadText`] unless exactly 13 ASCII digits.
    pub fn parse(code: &str) -> Result<Self, SealError> {
        if code.len() == CODE_DIGITS && code.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(code.to_owned()))
        } else {
            Err(SealError::BadText { what: "code", reason: "exactly 13 digits" })
        }
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn one_line(what: &'static str, text: &str, max: usize) -> Result<String, SealError> {
    let bad = |reason| Err(SealError::BadText { what, reason });
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Letters with separate marks are composed. Other text is left alone: NFC would replace compatibility ideographs,
    // which in names are characters of their own.
    if line.chars().any(|c| ('\u{300}'..='\u{36F}').contains(&c)) {
        line = line.nfc().collect();
    }
    if line.is_empty() {
        return bad("empty");
    }
    if line.chars().count() > max {
        return bad("too many characters");
    }
    if line.chars().any(char::is_control) {
        return bad("control characters");
    }
    Ok(line)
}

/// A personal seal to be drawn (`POST /moulage/person`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonSeal {
    /// The registered name, unmasked; masking is the drawing's.
    pub name: SealName,
    /// Frame or none.
    pub border: Border,
    /// Type family.
    pub family: FontFamily,
    /// Ink.
    pub colour: Colour,
    /// Plain or masked.
    pub mode: Mode,
}

impl PersonSeal {
    /// The document's defaults: B1, F1, C1, 0.
    #[must_use]
    pub fn new(name: SealName) -> Self {
        Self { name, border: Border::Framed, family: FontFamily::Kai, colour: Colour::Red, mode: Mode::Plain }
    }
}

/// A company seal to be drawn (`POST /moulage/company`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanySeal {
    /// The registered name, unmasked.
    pub name: SealName,
    /// Round or oval.
    pub shape: CompanyShape,
    /// The line across, 横向文案.
    pub text: Option<SealText>,
    /// The anti-forgery number, 防伪码.
    pub code: Option<CodeNumber>,
    /// Ink.
    pub colour: Colour,
    /// Plain or masked.
    pub mode: Mode,
}

impl CompanySeal {
    /// The document's defaults: round, no line, no number, C1, 0.
    #[must_use]
    pub fn new(name: SealName) -> Self {
        Self {
            name,
            shape: CompanyShape::Round,
            text: None,
            code: None,
            colour: Colour::Red,
            mode: Mode::Plain,
        }
    }
}
