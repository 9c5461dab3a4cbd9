//! Composite fonts, which Chinese is written in (ISO 32000-2 9.7): codes become CIDs by a predefined CMap or Identity-H, and CIDs become
//! characters by their collection where the font has no program, by the program's own `cmap` where it is a TrueType one. Vertical
//! writing, CMaps that the file brings, and /ToUnicode are not read.

use super::collection::{Code, Collection, Predefined};
use super::program::{Program, Programs};
use super::{Glyph, usual_width};
use crate::pdf::syntax::{Dict, Object, Stream, View};
use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

/// Two octets for each of the 65,536 CIDs.
const MAX_MAP: usize = 1 << 17;

/// Fonts that readers have or replace by one with the same characters: the names before style and weight that Adobe, Microsoft, Apple,
/// Google, Founder's and MuPDF's fonts for Chinese, Japanese and Korean have.
const TEXT_FONTS: &[&str] = &[
    "STSong",
    "STSongStd",
    "STHeiti",
    "STKaiti",
    "STFangsong",
    "AdobeSongStd",
    "AdobeHeitiStd",
    "AdobeKaitiStd",
    "AdobeFangsongStd",
    "SimSun",
    "NSimSun",
    "SimHei",
    "KaiTi",
    "KaiTi_GB2312",
    "FangSong",
    "FangSong_GB2312",
    "SimKai",
    "SimFang",
    "MicrosoftYaHei",
    "DengXian",
    "PingFangSC",
    "SourceHanSansSC",
    "SourceHanSerifSC",
    "SourceHanSansCN",
    "SourceHanSerifCN",
    "NotoSansCJKsc",
    "NotoSerifCJKsc",
    "NotoSansSC",
    "NotoSerifSC",
    "Song",
    "Heiti",
    "宋体",
    "新宋体",
    "黑体",
    "楷体",
    "仿宋",
    "微软雅黑",
    "MSung",
    "MSungStd",
    "MHei",
    "MSungHK",
    "AdobeMingStd",
    "MingLiU",
    "PMingLiU",
    "DFKai",
    "MicrosoftJhengHei",
    "NotoSansTC",
    "NotoSerifTC",
    "Ming",
    "Fangti",
    "HeiseiMin",
    "HeiseiKakuGo",
    "KozMinPro",
    "KozMinPr6N",
    "KozGoPro",
    "Mincho",
    "Gothic",
    "HYSMyeongJo",
    "HYSMyeongJoStd",
    "HYGoThic",
    "AdobeMyungjoStd",
    "Batang",
    "Dotum",
    "Gulim",
    "MalgunGothic",
];

/// A composite font as far as it can be told what it draws.
#[derive(Clone, Debug)]
pub(super) struct Composite {
    codes: Codes,
    characters: Characters,
    widths: HashMap<u32, f64>,
    default_width: f64,
    /// One that every reader has.
    pub common: bool,
    /// The program is a part of a font, and it cannot be told which one.
    pub part: bool,
}

#[derive(Clone, Debug)]
enum Codes {
    Identity,
    Predefined(Predefined),
}

/// What CIDs are drawn as.
#[derive(Clone, Debug)]
enum Characters {
    Collection(Collection),
    /// Glyphs of the program, by way of a map where there is one (9.7.4.2).
    Program(Rc<Program>, Option<Rc<[u8]>>),
}

impl Composite {
    /// `None` where it cannot be told what the font draws.
    pub fn read(view: View<'_, '_>, font: &Dict, programs: &Programs) -> Option<Self> {
        let codes = match view.get(font, "Encoding").ok()?.as_name()? {
            b"Identity-H" => Codes::Identity,
            name => Codes::Predefined(Predefined::named(name)?),
        };
        let descendants = view.get_array(font, "DescendantFonts").ok()?;
        let [descendant] = descendants.as_slice() else { return None };
        let descendant = view.resolve(descendant).ok()?.as_dict()?.clone();
        let descriptor = view.get_dict(&descendant, "FontDescriptor").ok()?.unwrap_or_default();
        // Readers look for a substitute by one or another of these.
        let names: Vec<String> = [(font, "BaseFont"), (&descendant, "BaseFont"), (&descriptor, "FontName")]
            .iter()
            .filter_map(|(dict, key)| super::name_under(dict, key))
            .collect();
        let family = super::name_under(&descriptor, "FontFamily");
        if names.iter().chain(&family).any(|name| super::is_pictures(name)) {
            return None;
        }
        let collection = collection(view, &descendant);
        if let Codes::Predefined(map) = &codes
            && Some(map.collection) != collection
        {
            return None;
        }
        let embedded = super::is_embedded(&descriptor);
        let characters = if embedded {
            program_characters(view, &descendant, &descriptor, collection, programs)?
        } else if matches!(codes, Codes::Predefined(_)) && !descendant.contains("CIDToGIDMap") {
            Characters::Collection(collection?)
        } else {
            // The numbers of glyphs in whatever font the reader has.
            return None;
        };
        let default_width = match view.get(&descendant, "DW").ok()? {
            Object::Null => 1.0,
            width => width.as_number()? / 1000.0,
        };
        let widths = widths(view, &descendant, programs)?;
        let common = !embedded
            && names.len() >= 2
            && names.iter().all(|name| is_common(name))
            && family.is_none_or(|family| is_common_family(&family));
        let part =
            matches!(characters, Characters::Collection(_)) && names.iter().any(|name| super::is_part(name));
        Some(Self { codes, characters, widths, default_width, common, part })
    }

    /// What a shown string draws; `None` where a code cannot be told.
    pub fn glyphs(&self, text: &[u8]) -> Option<Vec<Glyph>> {
        let (mut out, mut left) = (Vec::with_capacity(text.len() / 2), text);
        while !left.is_empty() {
            let code = match &self.codes {
                Codes::Predefined(map) => map.first(left)?,
                Codes::Identity => {
                    let &[high, low, ..] = left else { return None };
                    Code { cid: u32::from(high) << 8 | u32::from(low), length: 2, unicode: None }
                }
            };
            left = left.get(code.length..)?;
            out.push(self.glyph(code)?);
        }
        Some(out)
    }

    fn glyph(&self, code: Code) -> Option<Glyph> {
        let drawn = match &self.characters {
            // A code of a Unicode CMap whose CID stands for no character is drawn as an empty box.
            Characters::Collection(collection) => {
                let drawn = collection.character(code.cid).filter(|_| code.cid != 0)?;
                code.unicode.unwrap_or(drawn)
            }
            Characters::Program(program, map) => {
                let cid = usize::try_from(code.cid).ok()?;
                let glyph = match map {
                    None => u16::try_from(cid).ok()?,
                    Some(map) => {
                        let octets = map.get(cid * 2..)?.first_chunk::<2>()?;
                        u16::from_be_bytes(*octets)
                    }
                };
                program.character(glyph)?
            }
        };
        let width = self.widths.get(&code.cid).copied().unwrap_or(self.default_width);
        // Letters and digits of Chinese fonts are half a square wide, M no less than i.
        let least = (usual_width(drawn) * 0.75).min(if drawn.is_ascii() { 0.45 } else { 1.0 });
        let squeezed = !(least..=2.0).contains(&width);
        Some(Glyph { character: Some(drawn), width, squeezed, word_space: code.length == 1 && drawn == ' ' })
    }
}

/// What the CIDs of an embedded font are drawn as: a TrueType program says it itself, a bare CFF program knows no characters and is
/// taken at the word of its collection.
fn program_characters(
    view: View<'_, '_>,
    descendant: &Dict,
    descriptor: &Dict,
    collection: Option<Collection>,
    programs: &Programs,
) -> Option<Characters> {
    let file = |key: &str| -> Option<Stream> { view.get(descriptor, key).ok()?.as_stream().cloned() };
    if descendant.is_name("Subtype", "CIDFontType0") {
        let bare = file("FontFile3")?.dict.is_name("Subtype", "CIDFontType0C");
        return collection.filter(|_| bare).map(Characters::Collection);
    }
    let program = programs.of(view, &file("FontFile2")?)?;
    let map = match view.get(descendant, "CIDToGIDMap").ok()? {
        Object::Null => None,
        Object::Name(name) if name.as_bytes() == b"Identity" => None,
        Object::Stream(map) => Some(view.document().decode(&map, MAX_MAP).ok()?.as_ref().into()),
        _ => return None,
    };
    Some(Characters::Program(program, map))
}

fn collection(view: View<'_, '_>, descendant: &Dict) -> Option<Collection> {
    let info = view.get_dict(descendant, "CIDSystemInfo").ok().flatten()?;
    let text = |key: &str| Some(view.get(&info, key).ok()?.as_string()?.as_bytes().to_vec());
    Collection::of(&text("Registry")?, &text("Ordering")?)
}

/// The stated widths in ems (9.7.4.3); `None` where they cannot be told, say two things of one CID or are too many.
fn widths(view: View<'_, '_>, descendant: &Dict, programs: &Programs) -> Option<HashMap<u32, f64>> {
    programs.spend(1)?;
    let listed = match descendant.get("W") {
        None | Some(Object::Null) => return Some(HashMap::new()),
        Some(reference @ Object::Reference(_)) => Cow::Owned(view.resolve(reference).ok()?),
        Some(direct) => Cow::Borrowed(direct),
    };
    let (mut out, mut left) = (HashMap::new(), listed.as_array()?);
    programs.spend(left.len())?;
    let mut put = |cid: u32, width: &Object| {
        programs.spend(1)?;
        let width = width.as_number()? / 1000.0;
        let before: Option<f64> = out.insert(cid, width);
        before.is_none_or(|before| before.to_bits() == width.to_bits()).then_some(())
    };
    let cid = |item: &Object| u16::try_from(item.as_integer()?).ok().map(u32::from);
    loop {
        left = match left {
            [] => break,
            [first, second, rest @ ..] if matches!(second, Object::Array(_) | Object::Reference(_)) => {
                let widths = view.resolve(second).ok()?;
                for (cid, width) in (cid(first)?..).zip(widths.as_array()?) {
                    put(cid, width)?;
                }
                rest
            }
            [first, last, width, rest @ ..] => {
                for cid in cid(first)?..=cid(last)? {
                    put(cid, width)?;
                }
                rest
            }
            _ => return None,
        };
    }
    Some(out)
}

/// Whether a name is that of a common font, style and weight apart.
fn is_common(name: &str) -> bool {
    let stem = name.split(['-', ',']).next().unwrap_or_default().replace(' ', "");
    TEXT_FONTS.iter().any(|known| known.eq_ignore_ascii_case(&stem))
}

/// A family's name has its weight without a dash: "Adobe Song Std L".
fn is_common_family(family: &str) -> bool {
    let family = family.replace(' ', "");
    is_common(&family) || TEXT_FONTS.iter().any(|known| known.len() > 6 && family.starts_with(known))
}
