//! Whether the text of an appearance can be read where and as it stands: a small geometry of the text and paths of a
//! content stream (ISO 32000-2 9.3, 9.4, 8.5). Deny by default: what is outside of what tools draw into a field is refused.

mod paths;

use super::colour::Colour;
use super::font::{Font, Glyph};
use std::rc::Rc;

type Outcome = Result<(), String>;

/// Points that text may stand beside its ground: grounds lie inside of borders.
const EDGE: f64 = 3.0;
/// The largest miter limit (8.4.3.5): that of the initial state. Lines that meet at a sharper angle run out in long points.
const MITER: f64 = 10.0;
/// How far from the field's edge a clip may end that text runs out at.
const CLIP: f64 = 8.0;
/// Characters, at most: each is held against each ground.
const MAX_CHARACTERS: usize = 20_000;
/// The smallest text that can be read.
const SMALLEST: f64 = 3.5;
/// What a character may stand below its ground, as a part of its height: points and commas are no higher.
const BELOW: f64 = 0.05;
/// What of a character is above its line, as a part of its height.
const TALL: f64 = 0.65;
/// How much of a character the next one leaves free, as a part of its width.
const FREE: f64 = 0.65;
/// Where a point or a comma ends, in ems.
const POINT: f64 = 0.18;

/// The field that an appearance is drawn into.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// Left, bottom, right, top in the form's own units.
    pub bbox: [f64; 4],
    /// The size of the text that the field's /DA states, or what viewers take by themselves: longer text in it may run out of the field.
    pub size: f64,
    /// A list, whose rows may be marked.
    pub rows: bool,
    /// Drawn in another measure than the field's: nothing runs out.
    pub wraps: bool,
    /// One character a cell, with lines between them.
    pub comb: bool,
}

impl Frame {
    /// An area within it, from 0 to 1 on each side.
    pub fn part(&self, [l, b, r, t]: &[f64; 4]) -> [f64; 4] {
        let [left, bottom, right, top] = self.bbox;
        let (width, height) = ((right - left).max(1e-6), (top - bottom).max(1e-6));
        let [l, b, r, t] =
            [(l - left) / width, (b - bottom) / height, (r - left) / width, (t - bottom) / height];
        [l.max(0.0), b.max(0.0), r.min(1.0), t.min(1.0)]
    }
}

/// The colour that is painted with; `None` cannot be told.
pub(super) type Ink = Option<Colour>;

/// The text on one line, as it looks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub text: String,
    pub ink: Colour,
    pub ground: Colour,
    base: f64,
    height: f64,
}

#[cfg(test)]
impl Row {
    /// Black text on this ground.
    pub fn test(text: String, ground: Colour) -> Self {
        Self { text, ink: Colour::BLACK, ground, base: 0.0, height: 10.0 }
    }
}

/// What `q` saves (8.4.1).
#[derive(Clone, Debug)]
struct State {
    /// Scale and shift to the form's units; anything else is refused.
    scale: (f64, f64),
    shift: (f64, f64),
    ink: Ink,
    font: Option<Rc<Font>>,
    size: f64,
    character_space: f64,
    word_space: f64,
    stretch: f64,
    leading: f64,
    /// Of lines, in units of the state.
    width: f64,
    /// What is not cut off.
    clip: [f64; 4],
}

/// The last visible character: where it stands and ends.
#[derive(Clone, Copy, Debug)]
struct Last {
    free: f64,
    end: f64,
    base: f64,
}

type Point = (f64, f64);

#[derive(Debug)]
pub(super) struct Drawing<'f> {
    frame: &'f Frame,
    state: State,
    saved: Vec<State>,
    /// Scale and place of the text line, in text space units of the state.
    line_scale: (f64, f64),
    line: Point,
    cursor: f64,
    last: Option<Last>,
    height: Option<f64>,
    /// Where the line's text began, and whether nothing but its length can carry it beyond the field.
    began: f64,
    even: bool,
    spaces: usize,
    /// How far the current run went backwards since the last character, in ems.
    back: f64,
    grounds: Vec<([f64; 4], Ink)>,
    /// What is filled, in whatever shape.
    filled: Vec<[f64; 4]>,
    /// Where lines between cells stand.
    cells: Vec<f64>,
    characters: usize,
    rows: Vec<Row>,
    boxes: Vec<[f64; 4]>,
    segments: Vec<(Point, Point)>,
    pen: Option<Point>,
    start: Option<Point>,
    curved: bool,
    clips: bool,
}

impl<'f> Drawing<'f> {
    pub fn new(frame: &'f Frame) -> Self {
        let state = State {
            scale: (1.0, 1.0),
            shift: (0.0, 0.0),
            ink: Some(Colour::BLACK),
            font: None,
            size: 0.0,
            character_space: 0.0,
            word_space: 0.0,
            stretch: 1.0,
            leading: 0.0,
            width: 1.0,
            clip: frame.bbox,
        };
        Self {
            frame,
            state,
            saved: Vec::new(),
            line_scale: (1.0, 1.0),
            line: (0.0, 0.0),
            cursor: 0.0,
            last: None,
            height: None,
            began: 0.0,
            even: true,
            spaces: 0,
            back: 0.0,
            grounds: Vec::new(),
            filled: Vec::new(),
            cells: Vec::new(),
            characters: 0,
            rows: Vec::new(),
            boxes: Vec::new(),
            segments: Vec::new(),
            pen: None,
            start: None,
            curved: false,
            clips: false,
        }
    }

    pub fn font(&mut self, font: Rc<Font>, size: f64) {
        self.state.font = Some(font);
        self.state.size = size;
    }

    pub fn ink(&mut self, ink: Ink) {
        self.state.ink = ink;
    }

    /// An operator with its numbers; text and colours come by ways of their own.
    pub fn operator(&mut self, operator: &[u8], n: &[f64]) -> Outcome {
        match (operator, n) {
            (b"q", _) if self.saved.len() < 64 => self.saved.push(self.state.clone()),
            (b"q", _) => return Err("too many graphics states are saved".into()),
            (b"Q", _) => self.state = self.saved.pop().ok_or("a graphics state is restored in vain")?,
            (b"cm", &[a, b, c, d, e, f]) => {
                let (scale, shift) = (self.state.scale, self.state.shift);
                upright(a, b, c, d)?;
                self.state.shift = (scale.0 * e + shift.0, scale.1 * f + shift.1);
                self.state.scale = (scale.0 * a, scale.1 * d);
            }
            (b"BT", _) => {
                self.clipped()?;
                (self.line_scale, self.line, self.cursor) = ((1.0, 1.0), (0.0, 0.0), 0.0);
                self.begin_line();
            }
            (b"Tm", &[a, b, c, d, e, f]) => {
                upright(a, b, c, d)?;
                (self.line_scale, self.line, self.cursor) = ((a, d), (e, f), 0.0);
                self.begin_line();
            }
            (b"Td", &[x, y]) => self.next_line(x, y),
            (b"TD", &[x, y]) => {
                self.state.leading = -y;
                self.next_line(x, y);
            }
            (b"T*", _) => self.next_line(0.0, -self.state.leading),
            (b"TL", &[leading]) => self.state.leading = leading,
            (b"Tc", &[space]) => self.state.character_space = space,
            (b"Tw", &[space]) => self.state.word_space = space,
            (b"Tz", &[percent]) if (50.0..=200.0).contains(&percent) => self.state.stretch = percent / 100.0,
            (b"Tr" | b"Ts", &[0.0]) => {}
            (b"Tz" | b"Tr" | b"Ts" | b"cm" | b"Tm" | b"Td" | b"TD" | b"TL" | b"Tc" | b"Tw", _) => {
                let name = String::from_utf8_lossy(operator).into_owned();
                return Err(format!("it sets {name} as no text that is to be read needs it"));
            }
            (b"w", &[width]) if width >= 0.0 => self.state.width = width,
            (b"w", _) => return Err("its lines are too thick".into()),
            (b"M", &[limit]) if limit <= MITER => {}
            (b"M", _) => return Err("its lines run out in points".into()),
            _ => return self.path(operator, n),
        }
        Ok(())
    }

    fn begin_line(&mut self) {
        self.began = self.at(0.0).0;
        self.even = true;
        self.spaces = 0;
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.line = (self.line.0 + x * self.line_scale.0, self.line.1 + y * self.line_scale.1);
        self.cursor = 0.0;
        self.begin_line();
    }

    /// The place of this distance on the text line, in the form's units.
    fn at(&self, cursor: f64) -> Point {
        let (scale, shift) = (self.state.scale, self.state.shift);
        let x = self.line.0 + cursor * self.line_scale.0;
        (scale.0 * x + shift.0, scale.1 * self.line.1 + shift.1)
    }

    /// A number in a TJ array: positive ones go back (table 107).
    pub fn adjust(&mut self, thousandths: f64) -> Outcome {
        let ems = thousandths / 1000.0;
        self.cursor -= ems * self.state.size * self.state.stretch;
        self.back += ems;
        if ems < -0.5 {
            self.even = false;
        }
        if self.back > 0.35 { Err("its text runs backwards".into()) } else { Ok(()) }
    }

    /// A shown string.
    pub fn show(&mut self, glyphs: &[Glyph]) -> Outcome {
        let state = self.state.clone();
        if state.font.as_ref().is_none_or(|font| font.strange) {
            return Err("it is written in a font that nobody knew when it was signed".into());
        }
        let spacing = |space: f64| (-0.15 * state.size..=2.0 * state.size.max(1.0)).contains(&space);
        if !spacing(state.word_space) || (!spacing(state.character_space) && !self.frame.comb) {
            return Err("its characters are set too close or too far apart".into());
        }
        for glyph in glyphs {
            let space = glyph.character.is_none_or(char::is_whitespace);
            let width = glyph.width * state.size;
            if space {
                self.spaces += 1;
            } else {
                if glyph.squeezed {
                    return Err("its font gives characters widths that they do not have".into());
                }
                self.visible(glyph.character, width * state.stretch, &state)?;
                self.spaces = 0;
                self.back = 0.0;
            }
            if state.character_space > 0.0 || state.word_space > 0.0 || self.spaces > 1 {
                self.even = false;
            }
            let word = if glyph.word_space { state.word_space } else { 0.0 };
            self.cursor += (width + state.character_space + word) * state.stretch;
        }
        Ok(())
    }

    fn visible(&mut self, character: Option<char>, width: f64, state: &State) -> Outcome {
        self.characters += 1;
        if self.characters > MAX_CHARACTERS {
            return Err("it shows too many characters".into());
        }
        if character.is_some_and(is_block) {
            return Err("it shows blocks, which cover what is beneath".into());
        }
        let [left, bottom, right, top] = self.frame.bbox;
        let (x, base) = self.at(self.cursor);
        let width = width * self.line_scale.0 * state.scale.0;
        let height = state.size * self.line_scale.1 * state.scale.1;
        let em = state.size * self.line_scale.0 * state.scale.0 * state.stretch;
        if !(SMALLEST..=((top - bottom) * 1.25).max(SMALLEST)).contains(&height)
            || !(0.5..=2.0).contains(&(em / height))
        {
            return Err("its text is too small, too large or distorted".into());
        }
        if (self.height.get_or_insert(height).max(height) - height).abs() > height * 0.05
            || self.height.is_some_and(|first| height > first * 1.05)
        {
            return Err("its text is of several sizes".into());
        }
        let [clip_left, clip_bottom, clip_right, clip_top] = self.state.clip;
        let beyond = x + 0.9 * width > right.min(clip_right) + 0.5;
        let cut = self.frame.wraps || clip_right < right - CLIP;
        if x < left.max(clip_left) - 0.5
            || base < bottom.max(clip_bottom) - BELOW * height
            || base + TALL * height > top.min(clip_top) + 0.5
            || (beyond && (cut || !self.even || self.began > left + 8.0 || height > self.frame.size * 1.05))
        {
            return Err("its text stands outside of the field".into());
        }
        let mut begins = true;
        if let Some(last) = self.last {
            let (down, along) = (last.base - base, x - last.end);
            let follows = down.abs() <= 0.25 * height && along >= -0.35 * em && x >= last.free;
            if !follows && down < 0.6 * height {
                return Err("its text runs backwards or over itself".into());
            }
            begins = !follows;
        }
        self.last = Some(Last { free: x + (FREE * width).max(width.min(POINT * em)), end: x + width, base });
        let (x, y) = (x + 0.25 * em, base + 0.25 * height);
        self.legible(x, y)?;
        let (ink, ground) = (state.ink.unwrap_or(Colour::BLACK), self.ground_at(x, y));
        if begins {
            self.rows.push(Row { text: String::new(), ink, ground, base, height });
        }
        // Rows of a list may differ; what is beyond the field's edge is cut off.
        let first = if self.frame.rows { self.rows.last() } else { self.rows.first() };
        let differs = |row: &Row| !row.ink.is_like(ink) || !row.ground.is_like(ground);
        if x < right && first.is_some_and(differs) {
            return Err("a part of its text looks different from the rest".into());
        }
        if let Some(row) = self.rows.last_mut() {
            row.text.extend(character);
        }
        Ok(())
    }

    /// The colour beneath; the page is taken to be white.
    fn ground_at(&self, x: f64, y: f64) -> Colour {
        let about = if self.frame.rows { 0.0 } else { EDGE };
        let beneath = |[left, bottom, right, top]: [f64; 4]| {
            within(&[left - EDGE, bottom - about, right + EDGE, top + about], x, y)
        };
        let ground = self.grounds.iter().rev().find(|(area, _)| beneath(*area));
        ground.and_then(|(_, colour)| *colour).unwrap_or(Colour::WHITE)
    }

    /// The rows of text, and the areas that are filled. Each ground lies beneath a row or beside it: of one that lies half beneath nobody can tell what it marks.
    pub fn finish(self) -> Result<(Vec<Row>, Vec<[f64; 4]>), String> {
        let half_beneath = |row: &Row, area: &[f64; 4]| {
            let [_, bottom, _, top] = *area;
            let band = (row.base, row.base + 0.6 * row.height);
            let part = (top.min(band.1) - bottom.max(band.0)) / (band.1 - band.0);
            (0.3..0.7).contains(&part)
        };
        let strange = |row: &Row| self.grounds.iter().any(|(area, _)| half_beneath(row, area));
        if self.frame.rows && self.rows.iter().any(strange) {
            return Err("its marks lie between its rows".into());
        }
        Ok((self.rows, self.filled))
    }

    /// Whether the ink stands out from what is beneath.
    fn legible(&self, x: f64, y: f64) -> Outcome {
        let ground = self.grounds.iter().rev().find(|(area, _)| within(area, x, y)).map(|(_, ink)| *ink);
        let readable = match (ground, self.state.ink) {
            (Some(Some(ground)), Some(ink)) => (ground.lightness() - ink.lightness()).abs() >= 0.25,
            // Light ink on no ground of its own would wipe out what the page shows.
            (None, Some(ink)) => ink.lightness() <= 0.75,
            _ => false,
        };
        if readable { Ok(()) } else { Err("its text cannot be told from what is beneath".into()) }
    }
}

/// Box drawing, block elements and geometric shapes.
fn is_block(character: char) -> bool {
    matches!(character, '\u{2500}'..='\u{25ff}' | '\u{2b00}'..='\u{2bff}' | '\u{1fb00}'..='\u{1fbff}')
}

fn within(area: &[f64; 4], x: f64, y: f64) -> bool {
    let [left, bottom, right, top] = *area;
    (left..=right).contains(&x) && (bottom..=top).contains(&y)
}

fn upright(a: f64, b: f64, c: f64, d: f64) -> Outcome {
    if a > 0.0 && d > 0.0 && b.abs() < 1e-6 && c.abs() < 1e-6 {
        Ok(())
    } else {
        Err("its text is turned, mirrored or slanted".into())
    }
}
