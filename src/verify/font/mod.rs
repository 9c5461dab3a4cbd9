//! Which characters the codes of a font are drawn as: its encoding decides, never its /ToUnicode, which only copying uses
//! (ISO 32000-2 9.6.5, 9.7.5, 9.10).

mod collection;
mod composite;
mod program;
mod simple;
#[cfg(test)]
mod tests;

use crate::pdf::syntax::{Dict, Object, View};
use composite::Composite;
use simple::Simple;
use std::collections::BTreeSet;
use std::rc::Rc;

pub(super) use program::Programs;

/// Fonts that draw other things than characters, whatever their encoding says.
const PICTURES: [&str; 4] = ["Symbol", "Dingbat", "Wingding", "Webding"];

/// Where an appearance may take its fonts from.
#[derive(Clone, Debug)]
pub(super) struct Fonts<'p> {
    /// The form's default fonts, for names that the appearance does not resolve itself.
    pub default: Dict,
    /// Fonts that were there at signing and are untouched, by object number.
    pub known: BTreeSet<u32>,
    /// Font programs that were read.
    pub programs: &'p Programs,
}

impl<'p> Fonts<'p> {
    /// The form's default fonts and no other that was there.
    pub fn of(default: Dict, programs: &'p Programs) -> Self {
        Self { default, known: BTreeSet::new(), programs }
    }
}

/// A font as far as it can be told what it draws.
#[derive(Clone, Debug)]
pub(super) struct Font {
    codes: Codes,
    /// Neither one that every reader has nor one that was there at signing, as a whole.
    pub strange: bool,
}

#[derive(Clone, Debug)]
enum Codes {
    Unreadable,
    Simple(Simple),
    Composite(Rc<Composite>),
}

/// A code of a shown string: what it draws and how wide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Glyph {
    /// `None`: it draws nothing.
    pub character: Option<char>,
    /// At least, in ems.
    pub width: f64,
    /// The font states a width that no such character has.
    pub squeezed: bool,
    /// Word spacing is added to it: a code of one octet, 32 (9.3.3).
    pub word_space: bool,
}

impl Font {
    /// The font of this name; nothing about it can be told where it is not found or of a kind with glyphs of its own.
    pub fn named(view: View<'_, '_>, fonts: &Dict, from: &Fonts<'_>, name: &[u8]) -> Self {
        let unknown = Self { codes: Codes::Unreadable, strange: true };
        let Some(entry) = fonts.get_bytes(name).or_else(|| from.default.get_bytes(name)) else {
            return unknown;
        };
        let Ok(Object::Dictionary(dict)) = view.resolve(entry) else { return unknown };
        let known = entry.as_reference().is_some_and(|id| from.known.contains(&id.number));
        if dict.is_name("Subtype", "Type0") {
            return from.programs.composite(view, entry, &dict).map_or(unknown, |font| Self {
                strange: !(font.common || known && !font.part),
                codes: Codes::Composite(font),
            });
        }
        Simple::read(view, &dict).map_or(unknown, |font| Self {
            strange: !(font.common || known && !font.part),
            codes: Codes::Simple(font),
        })
    }

    /// What a shown string draws; `None` where that cannot be told of every code.
    pub fn glyphs(&self, text: &[u8]) -> Option<Vec<Glyph>> {
        match &self.codes {
            Codes::Unreadable => text.is_empty().then(Vec::new),
            Codes::Simple(font) => font.glyphs(text),
            Codes::Composite(font) => font.glyphs(text),
        }
    }

    /// Whether it is one that every reader has, and what a viewer writes in it shows as that.
    pub fn is_plain(&self) -> bool {
        !self.strange
            && match &self.codes {
                Codes::Unreadable => false,
                Codes::Simple(font) => font.is_ascii(),
                Codes::Composite(font) => font.common,
            }
    }
}

/// A font's name under this key: UTF-8, or GB 18030 where older Chinese tools wrote it.
fn name_under(dict: &Dict, key: &str) -> Option<String> {
    let value = dict.get(key)?;
    let octets = value.as_name().or_else(|| value.as_string().map(|s| s.as_bytes()))?;
    Some(match octets {
        b"\xcb\xce\xcc\xe5" => "宋体".to_owned(),
        b"\xba\xda\xcc\xe5" => "黑体".to_owned(),
        b"\xbf\xac\xcc\xe5" => "楷体".to_owned(),
        b"\xb7\xc2\xcb\xce" => "仿宋".to_owned(),
        other => String::from_utf8_lossy(other).into_owned(),
    })
}

/// Whether a name is that of a font that draws pictures.
fn is_pictures(name: &str) -> bool {
    PICTURES.iter().any(|picture| name.contains(picture))
}

/// Whether a font's name has the tag of a part of a font (9.9.2).
fn is_part(name: &str) -> bool {
    name.split_once('+').is_some_and(|(tag, _)| tag.len() == 6 && tag.bytes().all(|b| b.is_ascii_uppercase()))
}

/// Whether a font descriptor has a font program of its own (table 124).
fn is_embedded(descriptor: &Dict) -> bool {
    ["FontFile", "FontFile2", "FontFile3"].iter().any(|key| descriptor.contains(key))
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
        // Ideographs and Hangul fill their square; kana, full-width forms and the punctuation among them may be narrower.
        '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' => 0.9,
        '\u{20000}'..='\u{3ffff}' => 0.9,
        '\u{2e80}'..='\u{33ff}' | '\u{ff01}'..='\u{ff60}' => 0.45,
        '.' | ',' | ':' | ';' | '=' => 0.25,
        '-' | '(' | ')' => 0.3,
        _ => 0.18,
    }
}
