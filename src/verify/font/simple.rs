//! Simple fonts: one octet a character, named by the font's encoding and the Adobe glyph list (ISO 32000-2 9.6).

use super::{Glyph, usual_width};
use crate::pdf::syntax::{Dict, Object, View};
use lopdf::{Dictionary, Document};

/// Fonts that every reader has or replaces by one with the same characters (9.6.2.2).
const TEXT_FONTS: [&str; 4] = ["Helvetica", "Arial", "Times", "Courier"];

/// Entries of /Differences, at most: a number and a name for each code.
const MAX_DIFFERENCES: usize = 512;

/// A simple font as far as it can be told what it draws.
#[derive(Clone, Debug)]
pub(super) struct Simple {
    characters: Vec<Option<char>>,
    /// Widths of the codes in ems where the font states them.
    widths: Vec<Option<f64>>,
    fixed: bool,
    /// One that every reader has.
    pub common: bool,
    /// The program is a part of a font: codes that it has no glyph for draw nothing.
    pub part: bool,
}

impl Simple {
    pub fn read(view: View<'_, '_>, dict: &Dict) -> Option<Self> {
        if !["Type1", "TrueType", "MMType1"].iter().any(|kind| dict.is_name("Subtype", kind)) {
            return None;
        }
        let base = super::name_under(dict, "BaseFont").unwrap_or_default();
        let descriptor = view.get_dict(dict, "FontDescriptor").ok().flatten().unwrap_or_default();
        // Some readers look for a substitute by the descriptor's names.
        let named: Vec<String> =
            ["FontName", "FontFamily"].iter().filter_map(|key| super::name_under(&descriptor, key)).collect();
        let names = || std::iter::once(&base).chain(&named);
        if names().any(|name| super::is_pictures(name)) {
            return None;
        }
        let embedded = super::is_embedded(&descriptor);
        let own = embedded && !is_nonsymbolic(&descriptor);
        let mut drawn_alike = characters(view, dict, (embedded, own));
        if dict.is_name("Subtype", "TrueType") && is_symbolic(&descriptor) {
            // Its encoding does not count (9.6.5.4), and does for some readers: what both say is told.
            for (character, code) in drawn_alike.iter_mut().zip(0..=u8::MAX) {
                *character = character.filter(|c| code.is_ascii() && *c == char::from(code));
            }
        }
        let common = |name: &String| TEXT_FONTS.iter().any(|text| name.starts_with(text));
        Some(Self {
            characters: drawn_alike,
            widths: widths(view, dict),
            fixed: base.starts_with("Courier"),
            common: !super::is_embedded(&descriptor) && names().all(common),
            part: super::is_part(&base),
        })
    }

    /// What a shown string draws; `None` where a code cannot be told. Control codes draw nothing.
    pub fn glyphs(&self, text: &[u8]) -> Option<Vec<Glyph>> {
        text.iter().map(|&code| self.glyph(code)).collect()
    }

    fn glyph(&self, code: u8) -> Option<Glyph> {
        let character = self.characters.get(usize::from(code)).copied().flatten();
        if character.is_none() && (code >= 32 || self.characters.is_empty()) {
            return None;
        }
        let usual = if self.fixed { 0.6 } else { usual_width(character.unwrap_or(' ')) };
        let stated = self.widths.get(usize::from(code)).copied().flatten();
        let squeezed = stated.is_some_and(|stated| !(usual * 0.75..=2.0).contains(&stated));
        Some(Glyph { character, width: stated.unwrap_or(usual), squeezed, word_space: code == b' ' })
    }

    /// Whether every printable ASCII code draws that character.
    pub fn is_ascii(&self) -> bool {
        (b' '..=b'~').all(|code| {
            let drawn = self.characters.get(usize::from(code)).copied().flatten();
            drawn == Some(char::from(code)) || matches!(code, b'\'' | b'`' | b'-')
        })
    }
}

fn widths(view: View<'_, '_>, font: &Dict) -> Vec<Option<f64>> {
    let stated = view.get_array(font, "Widths").unwrap_or_default();
    let first = match view.get(font, "FirstChar").unwrap_or_default() {
        Object::Null => 0,
        Object::Integer(first) => first,
        // Some readers take another number for an integer, others do not: no width can be told.
        _ => return vec![Some(0.0); 256],
    };
    // A code beyond those that are stated has no width, and what follows it is drawn over it.
    let mut widths = vec![if stated.is_empty() { None } else { Some(0.0) }; 256];
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

/// Whether the descriptor says that the font has the standard Latin characters (table 121, bit 6).
fn is_nonsymbolic(descriptor: &Dict) -> bool {
    descriptor.get("Flags").and_then(Object::as_integer).is_some_and(|flags| flags & 32 != 0)
}

/// Whether it says that the font has other characters, and not that it has these (bit 3).
fn is_symbolic(descriptor: &Dict) -> bool {
    let flags = descriptor.get("Flags").and_then(Object::as_integer).unwrap_or(0);
    flags & 4 != 0 && flags & 32 == 0
}

/// The characters of the 256 codes. A font with an encoding of its own draws what only its program knows where the file names none.
fn characters(view: View<'_, '_>, font: &Dict, (embedded, own): (bool, bool)) -> Vec<Option<char>> {
    let usual = || match () {
        () if own => vec![None; 256],
        () if font.is_name("Subtype", "TrueType") => encoded(b"WinAnsiEncoding"),
        () => encoded(b"StandardEncoding"),
    };
    let encoding = view.get(font, "Encoding").unwrap_or_default();
    let Object::Dictionary(own) = &encoding else {
        return match (&encoding, encoding.as_name()) {
            (_, Some(name)) => encoded(name),
            (Object::Null, None) => usual(),
            _ => Vec::new(),
        };
    };
    let base = view.get(own, "BaseEncoding").unwrap_or_default();
    let mut characters = base.as_name().map_or_else(usual, encoded);
    let mut code = 0_usize;
    let differences = view.get_array(own, "Differences").unwrap_or_default();
    if differences.len() > MAX_DIFFERENCES {
        return Vec::new();
    }
    for item in &differences {
        match view.resolve(item).unwrap_or_default() {
            Object::Integer(next @ 0..256) => code = usize::try_from(next).unwrap_or(usize::MAX),
            Object::Name(name) => {
                if let Some(place) = characters.get_mut(code) {
                    // A name by number is for a program of the file: substitutes do not all know it.
                    let known = embedded || !name.as_bytes().starts_with(b"uni");
                    *place = named_glyph(name.as_bytes()).filter(|c| known || !c.is_ascii());
                }
                code = code.saturating_add(1);
            }
            // Readers differ on anything else.
            _ => return Vec::new(),
        }
    }
    characters
}

/// The characters of a predefined encoding (annex D); empty for another.
fn encoded(name: &[u8]) -> Vec<Option<char>> {
    const PREDEFINED: [&[u8]; 3] = [b"StandardEncoding", b"WinAnsiEncoding", b"MacRomanEncoding"];
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
