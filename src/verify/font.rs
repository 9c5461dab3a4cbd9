//! Which characters the codes of a font are drawn as: its encoding decides, never its /ToUnicode, which only copying uses
//! (ISO 32000-2 9.6.5, 9.10).

use crate::pdf::syntax::{Dict, Object, View};
use lopdf::{Dictionary, Document};
use std::collections::BTreeSet;

/// Fonts that every reader has or replaces by one with the same characters (9.6.2.2).
const TEXT_FONTS: [&str; 4] = ["Helvetica", "Arial", "Times", "Courier"];
/// Fonts that draw other things than characters, whatever their encoding says.
const PICTURES: [&str; 4] = ["Symbol", "Dingbat", "Wingding", "Webding"];

/// Where an appearance may take its fonts from.
#[derive(Clone, Debug, Default)]
pub(super) struct Fonts {
    /// The form's default fonts, for names that the appearance does not resolve itself.
    pub default: Dict,
    /// Fonts that were there at signing and are untouched, by object number.
    pub known: BTreeSet<u32>,
}

/// A font as far as it can be told what it draws.
#[derive(Clone, Debug)]
pub(super) struct Font {
    characters: Vec<Option<char>>,
    /// Widths of the codes in ems where the font states them.
    widths: Vec<Option<f64>>,
    fixed: bool,
    /// Neither one that every reader has nor one that was there at signing.
    pub strange: bool,
}

/// A code of a shown string: what it draws and how wide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glyph {
    pub character: Option<char>,
    /// At least, in ems.
    pub width: f64,
    /// The font states a width that no such character has.
    pub squeezed: bool,
}

impl Font {
    /// The font of this name; nothing about it can be told where it is not found or no simple font.
    pub fn named(view: View<'_, '_>, fonts: &Dict, from: &Fonts, name: &[u8]) -> Self {
        let unknown = Self { characters: Vec::new(), widths: Vec::new(), fixed: false, strange: true };
        let Some(entry) = fonts.get_bytes(name).or_else(|| from.default.get_bytes(name)) else {
            return unknown;
        };
        let Ok(Object::Dictionary(dict)) = view.resolve(entry) else { return unknown };
        if !["Type1", "TrueType", "MMType1"].iter().any(|kind| dict.is_name("Subtype", kind)) {
            return unknown;
        }
        let base = dict.get("BaseFont").and_then(Object::as_name).unwrap_or_default();
        let base = String::from_utf8_lossy(base).into_owned();
        if PICTURES.iter().any(|name| base.contains(name)) {
            return unknown;
        }
        let descriptor = view.get_dict(&dict, "FontDescriptor").ok().flatten().unwrap_or_default();
        let embedded = ["FontFile", "FontFile2", "FontFile3"].iter().any(|key| descriptor.contains(key));
        let known = entry.as_reference().is_some_and(|id| from.known.contains(&id.number));
        let common = !embedded && TEXT_FONTS.iter().any(|name| base.starts_with(name));
        Self {
            characters: characters(view, &dict),
            widths: widths(view, &dict),
            fixed: base.starts_with("Courier"),
            strange: !(common || known),
        }
    }

    /// What a shown string draws.
    pub fn glyphs(&self, text: &[u8]) -> Vec<Glyph> {
        text.iter().map(|&code| self.glyph(code)).collect()
    }

    fn glyph(&self, code: u8) -> Glyph {
        let character = self.characters.get(usize::from(code)).copied().flatten();
        let usual = if self.fixed { 0.6 } else { usual_width(character.unwrap_or(' ')) };
        match self.widths.get(usize::from(code)).copied().flatten() {
            Some(stated) => {
                Glyph { character, width: stated, squeezed: !(usual * 0.75..=2.0).contains(&stated) }
            }
            None => Glyph { character, width: usual, squeezed: false },
        }
    }

    /// Whether every printable ASCII code draws that character, and the font is one that every reader has.
    pub fn is_plain(&self) -> bool {
        !self.strange
            && (b' '..=b'~').all(|code| {
                let drawn = self.characters.get(usize::from(code)).copied().flatten();
                drawn == Some(char::from(code)) || matches!(code, b'\'' | b'`' | b'-')
            })
    }
}

/// The least width of a character in the usual text fonts, in ems.
fn usual_width(character: char) -> f64 {
    match character {
        '0'..='9' => 0.5,
        'I' | 'J' | 'r' | 's' => 0.27,
        'm' | 'w' | 'M' | 'W' => 0.7,
        'i' | 'j' | 'l' | 't' | 'f' => 0.2,
        'a'..='z' => 0.42,
        'A'..='Z' => 0.5,
        _ => 0.18,
    }
}

fn widths(view: View<'_, '_>, font: &Dict) -> Vec<Option<f64>> {
    let first = font.get("FirstChar").and_then(Object::as_integer).unwrap_or(0);
    let mut widths = vec![None; 256];
    let stated = view.get_array(font, "Widths").unwrap_or_default();
    for (code, width) in (first.clamp(0, 256)..256).zip(&stated) {
        let width = view.resolve(width).ok().and_then(|w| w.as_number());
        if let (Ok(code), Some(width)) = (usize::try_from(code), width)
            && let Some(place) = widths.get_mut(code)
        {
            *place = Some(width / 1000.0);
        }
    }
    widths
}

/// The characters of the 256 codes.
fn characters(view: View<'_, '_>, font: &Dict) -> Vec<Option<char>> {
    let encoding = view.get(font, "Encoding").unwrap_or_default();
    let usual: &[u8] =
        if font.is_name("Subtype", "TrueType") { b"WinAnsiEncoding" } else { b"StandardEncoding" };
    let Object::Dictionary(own) = &encoding else {
        return match (&encoding, encoding.as_name()) {
            (_, Some(name)) => encoded(name),
            (Object::Null, None) => encoded(usual),
            _ => Vec::new(),
        };
    };
    let base = view.get(own, "BaseEncoding").unwrap_or_default();
    let mut characters = encoded(base.as_name().unwrap_or(usual));
    let mut code = 0_usize;
    for item in view.get_array(own, "Differences").unwrap_or_default().iter().take(1024) {
        let item = view.resolve(item).unwrap_or_default();
        if let Some(next) = item.as_integer() {
            code = usize::try_from(next).unwrap_or(usize::MAX);
            continue;
        }
        if let Some(place) = characters.get_mut(code) {
            *place = item.as_name().and_then(named_glyph);
        }
        code = code.saturating_add(1);
    }
    characters
}

/// The characters of a predefined encoding (annex D); empty for another.
fn encoded(name: &[u8]) -> Vec<Option<char>> {
    const PREDEFINED: [&[u8]; 4] =
        [b"StandardEncoding", b"WinAnsiEncoding", b"MacRomanEncoding", b"PDFDocEncoding"];
    if !PREDEFINED.contains(&name) {
        return Vec::new();
    }
    let font = lopdf_font(lopdf::Object::Name(name.to_vec()));
    let none = Document::new();
    let Ok(encoding) = font.get_font_encoding(&none) else { return Vec::new() };
    (0..=u8::MAX).map(|code| only(encoding.bytes_to_string(&[code]).ok()?)).collect()
}

/// The character of a glyph's name in the Adobe glyph list.
fn named_glyph(name: &[u8]) -> Option<char> {
    if let Some(digits) = name.strip_prefix(b"uni").filter(|d| d.len() == 4) {
        let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        return char::from_u32(code);
    }
    let list = lopdf::Object::Array(vec![1.into(), lopdf::Object::Name(name.to_vec())]);
    let mut own = Dictionary::new();
    own.set("Differences", list);
    let font = lopdf_font(lopdf::Object::Dictionary(own));
    let none = Document::new();
    // A name that is not in the list leaves code 1 without a character.
    only(font.get_font_encoding(&none).ok()?.bytes_to_string(&[1]).ok()?)
}

fn lopdf_font(encoding: lopdf::Object) -> Dictionary {
    let mut font = Dictionary::new();
    font.set("Type", lopdf::Object::Name(b"Font".to_vec()));
    font.set("Encoding", encoding);
    font
}

fn only(text: String) -> Option<char> {
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_glyph_list_are_characters_and_others_are_not() {
        assert_eq!(named_glyph(b"nine"), Some('9'));
        assert_eq!(named_glyph(b"Euro"), Some('€'));
        assert_eq!(named_glyph(b"uni0041"), Some('A'));
        assert_eq!(named_glyph(b"g17"), None);
    }

    #[test]
    fn predefined_encodings_have_their_own_quotes() {
        let at = |name: &[u8], code: usize| encoded(name).get(code).copied().flatten();
        assert_eq!(at(b"WinAnsiEncoding", 0x80), Some('€'));
        assert_eq!(at(b"StandardEncoding", 39), Some('’'));
        assert_eq!(at(b"Identity-H", 65), None);
    }
}
