//! Embedded TrueType programs: which character each glyph is, by the program's own `cmap` (ISO 32000-2 9.9, OpenType `cmap`). Hostile input:
//! the program is looked at through a fixed list of characters and never enumerated.

use super::composite::Composite;
use crate::pdf::syntax::{Dict, Object, Stream, View};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::rc::Rc;
use ttf_parser::{GlyphId, PlatformId, RawFace, Tag, cmap, glyf, head, loca, maxp};
use unicode_normalization::UnicodeNormalization;

/// Octets of one program, at most: the largest Chinese fonts have about as many.
const MAX_PROGRAM: usize = 20 << 20;
/// Programs of one file that are read.
const MAX_PROGRAMS: usize = 4;
/// Characters that are looked for: all but controls, surrogates and those for private use.
const BASIC: [RangeInclusive<u32>; 2] = [0x20..=0xD7FF, 0xF900..=0xFFFD];
const BEYOND: [RangeInclusive<u32>; 2] = [0x2_0000..=0x2_FA1F, 0x3_0000..=0x3_23AF];

/// The glyphs of a program that are characters.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    characters: HashMap<u16, char>,
}

/// Widths that the composite fonts of one file may state together.
const MAX_WIDTHS: usize = 250_000;

/// The programs and composite fonts of one file that were read: each is read once, whatever refers to it.
#[derive(Debug)]
pub(in crate::verify) struct Programs {
    /// By where the stream's data stand in the file.
    read: RefCell<HashMap<usize, Option<Rc<Program>>>>,
    /// By object number and the revision that it is looked at in.
    fonts: RefCell<HashMap<(u32, Option<usize>), Option<Rc<Composite>>>>,
    /// Widths that may still be read.
    widths: Cell<usize>,
}

impl Default for Programs {
    fn default() -> Self {
        Self { read: RefCell::default(), fonts: RefCell::default(), widths: Cell::new(MAX_WIDTHS) }
    }
}

impl Programs {
    /// The composite font that `entry` is or leads to.
    pub(super) fn composite(&self, view: View<'_, '_>, entry: &Object, font: &Dict) -> Option<Rc<Composite>> {
        let Some(id) = entry.as_reference() else { return Composite::read(view, font, self).map(Rc::new) };
        let place = (id.number, view.revision());
        if let Some(known) = self.fonts.borrow().get(&place) {
            return known.clone();
        }
        let read = Composite::read(view, font, self).map(Rc::new);
        self.fonts.borrow_mut().insert(place, read.clone());
        read
    }

    /// So many more widths; `None` where they are too many, from then on.
    pub(super) fn spend(&self, widths: usize) -> Option<()> {
        let left = self.widths.get().checked_sub(widths);
        self.widths.set(left.unwrap_or_default());
        left.map(|_| ())
    }

    /// The program of this stream; `None` where it cannot be read or there are too many.
    pub(super) fn of(&self, view: View<'_, '_>, stream: &Stream) -> Option<Rc<Program>> {
        let place = stream.span().start;
        let mut read = self.read.borrow_mut();
        if let Some(known) = read.get(&place) {
            return known.clone();
        }
        if read.len() >= MAX_PROGRAMS {
            return None;
        }
        let data = view.document().decode(stream, MAX_PROGRAM).ok();
        let program = data.and_then(|data| Program::read(&data)).map(Rc::new);
        read.insert(place, program.clone());
        program
    }
}

impl Program {
    /// Reads the Unicode `cmap` of a TrueType program. What has no outline is no character but white space: a part of a font may have
    /// kept the names of glyphs that it has no more.
    pub fn read(data: &[u8]) -> Option<Self> {
        let face = RawFace::parse(data, 0).ok()?;
        let outlines = outlines(&face)?;
        let drawn = |glyph: GlyphId| {
            let area = outlines.bbox(glyph);
            area.is_some_and(|area| area.x_max > area.x_min && area.y_max > area.y_min)
        };
        let table = cmap::Table::parse(face.table(Tag::from_bytes(b"cmap"))?)?;
        let subtables = table.subtables.into_iter().take(64).filter(|one| {
            one.is_unicode() && matches!(one.platform_id, PlatformId::Unicode | PlatformId::Windows)
        });
        let mut best: Option<cmap::Subtable<'_>> = None;
        for one in subtables {
            match one.format {
                cmap::Format::SegmentedCoverage(_) => best = Some(one),
                cmap::Format::SegmentMappingToDeltaValues(_) if best.is_none() => best = Some(one),
                _ => {}
            }
        }
        let best = best?;
        let beyond =
            if matches!(best.format, cmap::Format::SegmentedCoverage(_)) { &BEYOND[..] } else { &[] };
        let mut program = Self::default();
        for code in BASIC.iter().chain(beyond).cloned().flatten() {
            if let (Some(character), Some(glyph)) = (char::from_u32(code), best.glyph_index(code))
                && (character.is_whitespace() || drawn(glyph))
            {
                program.add(glyph.0, character);
            }
        }
        program.characters.remove(&0);
        Some(program)
    }

    /// Several characters may be one glyph, as radicals and ideographs are: it is the one that the others are compatible with.
    fn add(&mut self, glyph: u16, character: char) {
        let settled = |c: char| std::iter::once(c).nfkc().eq([c]);
        let place = self.characters.entry(glyph).or_insert(character);
        if !settled(*place) && settled(character) {
            *place = character;
        }
    }

    /// The character that a glyph is.
    pub fn character(&self, glyph: u16) -> Option<char> {
        self.characters.get(&glyph).copied()
    }
}

/// The outlines of a TrueType program (OpenType `head`, `maxp`, `loca`, `glyf`).
fn outlines<'a>(face: &RawFace<'a>) -> Option<glyf::Table<'a>> {
    let table = |name: &[u8; 4]| face.table(Tag::from_bytes(name));
    let glyphs = maxp::Table::parse(table(b"maxp")?)?.number_of_glyphs;
    let format = head::Table::parse(table(b"head")?)?.index_to_location_format;
    glyf::Table::parse(loca::Table::parse(glyphs, format, table(b"loca")?)?, table(b"glyf")?)
}
