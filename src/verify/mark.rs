//! What the states of a button paint: marks are thin or characters that mark; what covers an area or says something is told apart
//! (ISO 32000-2 12.7.5.2).

use super::colour::Colour;
use super::content::{Token, Tokens, is_opaque, takes};
use super::font::{Font, Fonts};
use crate::pdf::syntax::{Dict, Object, View};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Lines thicker than this part of the state's smaller side are areas.
const THICK: f64 = 0.25;
/// Parts of the lines of a mark, at most: more of them can cover an area.
const MAX_PARTS: usize = 64;
/// Characters larger than this part of it are areas, too.
const LARGE: f64 = 1.5;
/// Lighter inks cover what is written in darker ones.
const LIGHT: f64 = 0.75;
/// Bounds of one state: octets of its content, fonts, saved states, octets of what places them, and areas.
const MAX_CONTENT: usize = 8 << 10;
const MAX_FONTS: usize = 4;
const MAX_SAVED: usize = 28;
const MAX_PLACED: usize = 1 << 10;
const MAX_COVERS: usize = 32;
/// Characters that mark and say nothing.
const MARKS: &str = "Xx✓✔✗✘×•●■◆★*√☑☒☓◾▪⬤";

/// An area that is painted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cover {
    /// Its operators with all that went before and places it.
    drawn: Vec<u8>,
    /// In a light ink: it can make disappear what is beneath.
    pub light: bool,
}

/// What one state paints.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Mark {
    pub covers: Vec<Cover>,
    /// It shows characters that do not mark, or that nobody can tell.
    pub speaks: bool,
    /// What it paints may be cut off or see-through.
    pub cut: bool,
}

/// What is known of a font that a mark is written in.
#[derive(Clone, Debug)]
enum Hand {
    Unknown,
    /// ZapfDingbats as every reader has it.
    Dingbats,
    Text(Rc<Font>),
}

#[derive(Clone, Debug)]
struct State {
    fill: Option<Colour>,
    stroke: Option<Colour>,
    width: f64,
    scale: f64,
    /// Of characters, with the scale of the text's matrix.
    size: f64,
    hand: Hand,
    placed: Vec<u8>,
}

/// Reads a state whose content uses none but the operators of simple appearances. `side` is its smaller side in its own units.
pub(super) fn mark(
    view: View<'_, '_>,
    content: &[u8],
    resources: &Dict,
    fonts: &Fonts<'_>,
    side: f64,
) -> Result<Mark, String> {
    if content.len() > MAX_CONTENT {
        return Err("it is too long for a mark".into());
    }
    let mut known: BTreeMap<Vec<u8>, Hand> = BTreeMap::new();
    let mut state = State {
        fill: Some(Colour::BLACK),
        stroke: Some(Colour::BLACK),
        width: 1.0,
        scale: 1.0,
        size: 0.0,
        hand: Hand::Unknown,
        placed: Vec::new(),
    };
    let is_light = |ink: Option<Colour>| ink.is_none_or(|ink| ink.lightness() > LIGHT);
    let (mut out, mut saved, mut path, mut parts) = (Mark::default(), Vec::new(), Vec::new(), 0);
    let mut operands: Vec<Token> = Vec::new();
    let mut tall = 1.0;
    for token in Tokens::new(content) {
        let Token::Operator(operator) = token else {
            operands.push(token);
            continue;
        };
        let numbers: Vec<f64> = operands.iter().filter_map(Token::number).collect();
        // Readers differ on surplus operands: nobody can tell what it paints.
        if !takes(operator, &operands) {
            out.speaks = true;
            out.covers.push(Cover { drawn: content.to_vec(), light: true });
        }
        path.extend_from_slice(operator);
        numbers.iter().for_each(|number| path.extend(number.to_le_bytes()));
        let cover = |state: &State, path: &[u8], light: bool| Cover {
            drawn: [state.placed.as_slice(), path].concat(),
            light,
        };
        match operator {
            b"q" if saved.len() >= MAX_SAVED => return Err("it saves too many states".into()),
            b"q" => saved.push(state.clone()),
            b"Q" => state = saved.pop().unwrap_or(state),
            b"cm" => {
                state.scale *= numbers.iter().take(4).fold(0.0, |most: f64, n| most.max(n.abs()));
                numbers.iter().for_each(|number| state.placed.extend(number.to_le_bytes()));
                if state.placed.len() > MAX_PLACED {
                    return Err("it is placed too often".into());
                }
            }
            b"W" | b"W*" => out.cut = true,
            b"gs" => {
                out.cut = true;
                let name = operands.iter().find_map(Token::name).unwrap_or_default();
                if !is_opaque(view, resources, name) {
                    out.covers.push(cover(&state, &path, true));
                }
            }
            b"Tm" => tall = numbers.iter().take(4).fold(0.0, |most: f64, n| most.max(n.abs())),
            b"BT" => {
                tall = 1.0;
                path.clear();
            }
            b"w" => state.width = numbers.first().copied().unwrap_or(1.0),
            b"g" | b"rg" | b"k" => state.fill = Colour::of(&numbers),
            b"G" | b"RG" | b"K" => state.stroke = Colour::of(&numbers),
            // Of other colour spaces nobody looks up what they mean.
            b"sc" | b"cs" => (state.fill, out.cut) = (None, true),
            b"SC" | b"CS" => (state.stroke, out.cut) = (None, true),
            b"l" | b"c" | b"v" | b"y" | b"re" => parts += 1,
            b"f" | b"F" | b"f*" | b"B" | b"B*" | b"b" | b"b*" => {
                out.covers.push(cover(&state, &path, is_light(state.fill)));
                path.clear();
            }
            b"S" | b"s" => {
                let light = is_light(state.stroke);
                if light || state.width * state.scale > side * THICK || parts > MAX_PARTS {
                    out.covers.push(cover(&state, &path, light));
                }
                path.clear();
            }
            b"n" => path.clear(),
            b"Tf" => {
                let name = operands.iter().find_map(Token::name).unwrap_or_default();
                state.hand = match known.get(name) {
                    Some(hand) => hand.clone(),
                    None if known.len() >= MAX_FONTS => return Err("it uses too many fonts".into()),
                    None => hand(view, resources, fonts, name),
                };
                known.entry(name.to_vec()).or_insert_with(|| state.hand.clone());
                state.size = numbers.first().copied().unwrap_or(0.0);
            }
            b"Tj" | b"TJ" | b"'" | b"\"" => {
                for text in operands.iter().filter_map(Token::text) {
                    path.extend_from_slice(text);
                    let (speaks, covers) = state.hand.writes(text);
                    out.speaks |= speaks;
                    let light = is_light(state.fill);
                    let large = state.size.abs() * tall * state.scale > side * LARGE;
                    if light || covers || large {
                        out.covers.push(cover(&state, &path, light));
                    }
                }
            }
            _ => {}
        }
        operands.clear();
        if out.covers.len() > MAX_COVERS {
            return Err("it paints too much for a mark".into());
        }
    }
    Ok(out)
}

fn hand(view: View<'_, '_>, resources: &Dict, fonts: &Fonts<'_>, name: &[u8]) -> Hand {
    let own = view.get_dict(resources, "Font").ok().flatten().unwrap_or_default();
    let Some(entry) = own.get_bytes(name).or_else(|| fonts.default.get_bytes(name)) else {
        return Hand::Unknown;
    };
    let Ok(Object::Dictionary(dict)) = view.resolve(entry) else { return Hand::Unknown };
    if dict.is_name("Subtype", "Type1") && dict.is_name("BaseFont", "ZapfDingbats") {
        let plain = view.get_dict(&dict, "FontDescriptor").ok().flatten().is_none_or(|descriptor| {
            !["FontFile", "FontFile2", "FontFile3"].iter().any(|key| descriptor.contains(key))
        });
        let encoding = view.get(&dict, "Encoding").unwrap_or_default();
        let renamed = encoding.as_dict().is_some_and(|encoding| encoding.contains("Differences"));
        return if plain && !renamed { Hand::Dingbats } else { Hand::Unknown };
    }
    Hand::Text(Rc::new(Font::named(view, &own, fonts, name)))
}

impl Hand {
    /// Whether a string says something, and whether it covers an area.
    fn writes(&self, text: &[u8]) -> (bool, bool) {
        match self {
            // Checks and crosses are thin (annex D.6).
            Self::Dingbats => (false, !text.iter().all(|code| matches!(code, b' ' | b'3'..=b'8'))),
            Self::Unknown => (!text.is_empty(), !text.is_empty()),
            Self::Text(font) => match font.glyphs(text) {
                None => (true, true),
                Some(glyphs) => {
                    let characters =
                        || glyphs.iter().filter_map(|glyph| glyph.character).filter(|c| !c.is_whitespace());
                    let speaks = characters().any(|character| !MARKS.contains(character));
                    (speaks, characters().any(|character| "•●■◆★☑☒◾▪⬤".contains(character)))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pdf::syntax::{Document, ObjectId};
    use crate::verify::font::Programs;

    const RESOURCES: &str = "<</Font<</H<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>/Z<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>\
         /P<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats/Encoding<</Differences[52/nine]>>>>>>>>";

    fn read(content: &str) -> Mark {
        try_read(content).unwrap()
    }

    fn try_read(content: &str) -> Result<Mark, String> {
        let objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 0>>", RESOURCES];
        let file = crate::pdf::sign::testing::with_table(&objects.map(str::to_owned));
        let document = Document::open(&file).unwrap();
        let view = document.latest();
        let resources = view.object(ObjectId::new(3)).unwrap().as_dict().unwrap().clone();
        let programs = Programs::default();
        mark(view, content.as_bytes(), &resources, &Fonts::of(Dict::new(), &programs), 12.0)
    }

    #[test]
    fn marks_are_thin_and_say_nothing() {
        for (content, speaks, covers) in [
            ("", false, vec![]),
            ("q BT /Z 10 Tf 0 g 1 2 Td (4) Tj ET Q", false, vec![]),
            ("BT /H 10 Tf 1 2 Td (X) Tj ET", false, vec![]),
            ("1 w 0 0 m 12 12 l S q 1 0 0 1 2 2 cm 0 0 m 8 8 l S Q", false, vec![]),
            ("BT /Z 10 Tf (n) Tj ET", false, vec![false]),
            ("BT 1 g /Z 10 Tf (4) Tj ET", false, vec![true]),
            ("BT /P 10 Tf (4) Tj ET", true, vec![false]),
            ("BT /H 10 Tf (0) Tj ET", true, vec![]),
            ("BT /Nobody 10 Tf (0) Tj ET", true, vec![false]),
            ("0 g 0 0 12 12 re f", false, vec![false]),
            ("1 1 1 rg 0 0 12 12 re f", false, vec![true]),
            ("/Spot cs 1 sc 0 0 12 12 re f", false, vec![true]),
            ("1 G 0 0 m 12 12 l S", false, vec![true]),
            ("8 w 0 6 m 12 6 l S", false, vec![false]),
            ("q 12 0 0 12 0 0 cm .5 w 0 0 m 1 1 l S Q", false, vec![false]),
            ("BT /Z 300 Tf 1 2 Td (8) Tj ET", false, vec![false]),
            ("BT /Z 1 Tf 90 0 0 90 1 2 Tm (8) Tj ET", false, vec![false]),
            ("/G gs 0 0 m 12 12 l S", false, vec![true]),
            ("1 60 w 0 0 m 12 12 l S", true, vec![true]),
        ] {
            let mark = read(content);
            let light: Vec<bool> = mark.covers.iter().map(|cover| cover.light).collect();
            assert_eq!((mark.speaks, light), (speaks, covers), "{content}");
        }
        let hatched = format!("1 w {} S", "0 0 m 12 12 l ".repeat(65));
        assert_eq!(read(&hatched).covers.len(), 1);
    }

    #[test]
    fn what_is_too_much_is_no_mark() {
        let fonts: String = (0..=MAX_FONTS).map(|n| format!("/F{n} 9 Tf ")).collect();
        for (content, why) in [
            (" ".repeat(MAX_CONTENT + 1), "too long"),
            ("1 0 0 1 0 0 cm ".repeat(22), "placed too often"),
            ("q ".repeat(MAX_SAVED + 1), "too many states"),
            ("0 0 1 1 re f ".repeat(MAX_COVERS + 1), "too much"),
            (fonts, "too many fonts"),
        ] {
            let refused = try_read(&content).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn the_same_area_is_the_same_cover() {
        let ground = "1 g 0 0 12 12 re f";
        assert_eq!(read(ground).covers, read(&format!("{ground} 0 0 m 12 12 l S")).covers);
        assert_ne!(read(ground).covers, read("1 g 0 0 12 10 re f").covers);
        assert_ne!(read(ground).covers, read(&format!("q 1 0 0 1 20 0 cm {ground} Q")).covers);
    }
}
