//! The text that a simple content stream shows, as far as it can be told without a renderer.

use super::colour::Colour;
use super::drawing::{Drawing, Frame, Row};
use super::font::{Font, Fonts};
use crate::pdf::syntax::{Dict, Object, View};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Operators that an appearance of a text field needs (ISO 32000-2 12.7.4.3): text, colours, clipping, borders.
/// Images, other forms, shadings, patterns and inline images are not among them.
const HARMLESS: [&[u8]; 62] = [
    b"BT", b"ET", b"Tf", b"Td", b"TD", b"Tm", b"T*", b"Tc", b"Tw", b"Tz", b"TL", b"Tr", b"Ts", b"Tj", b"TJ",
    b"'", b"\"", b"q", b"Q", b"cm", b"w", b"J", b"j", b"M", b"d", b"ri", b"i", b"gs", b"m", b"l", b"c", b"v",
    b"y", b"h", b"re", b"S", b"s", b"f", b"F", b"f*", b"B", b"n", b"W", b"W*", b"g", b"G", b"rg", b"RG",
    b"k", b"K", b"BMC", b"BDC", b"EMC", b"MP", b"DP", b"b", b"b*", b"B*", b"cs", b"CS", b"sc", b"SC",
];

/// Operators that paint areas and lines, which can cover what lies beneath.
const PAINTING: [&[u8]; 9] = [b"S", b"s", b"f", b"F", b"f*", b"B", b"b", b"B*", b"b*"];

/// Fonts that one appearance is written in, at most.
const MAX_FONTS: usize = 16;

/// Graphics states that are saved at a time, at most (as readers' own bounds).
const MAX_SAVED: usize = 28;

/// Whether an operator has exactly the operands that it takes (annex A): readers differ on which of more they take.
pub(super) fn takes(operator: &[u8], operands: &[Token]) -> bool {
    let numbers = |n: usize| operands.len() == n && operands.iter().all(|o| o.number().is_some());
    match operator {
        b"Tj" | b"'" => matches!(operands, [Token::Text(_)]),
        b"\"" => matches!(operands, [Token::Number(_), Token::Number(_), Token::Text(_)]),
        b"TJ" => match operands {
            [Token::Open, inner @ .., Token::Close] => {
                inner.iter().all(|o| matches!(o, Token::Text(_) | Token::Number(_)))
            }
            _ => false,
        },
        b"Tf" => matches!(operands, [Token::Name(_), Token::Number(_)]),
        b"gs" | b"cs" | b"CS" | b"ri" | b"BMC" | b"MP" => matches!(operands, [Token::Name(_)]),
        b"BDC" | b"DP" => match operands {
            [Token::Name(_), Token::Name(_)] => true,
            [Token::Name(_), Token::OpenDictionary, inner @ .., Token::CloseDictionary] => {
                !inner.iter().any(|o| matches!(o, Token::OpenDictionary | Token::CloseDictionary))
            }
            _ => false,
        },
        b"Td" | b"TD" | b"m" | b"l" => numbers(2),
        b"Tm" | b"cm" | b"c" => numbers(6),
        b"re" | b"v" | b"y" | b"k" | b"K" => numbers(4),
        b"rg" | b"RG" => numbers(3),
        b"Tc" | b"Tw" | b"Tz" | b"TL" | b"Tr" | b"Ts" | b"w" | b"J" | b"j" | b"M" | b"i" | b"g" | b"G" => {
            numbers(1)
        }
        b"sc" | b"SC" => (1..=4).any(numbers),
        b"d" => match operands {
            [Token::Open, dashes @ .., Token::Close, Token::Number(_)] => {
                dashes.iter().all(|dash| dash.number().is_some())
            }
            _ => false,
        },
        _ => operands.is_empty(),
    }
}

/// Whether none of the operators of a content stream paints or shows anything.
pub(super) fn paints_nothing(content: &[u8]) -> bool {
    const STATE: [&[u8]; 15] = [
        b"q", b"Q", b"cm", b"BT", b"ET", b"BMC", b"BDC", b"EMC", b"Tf", b"g", b"rg", b"n", b"re", b"W", b"w",
    ];
    Tokens::new(content).all(|token| match token {
        Token::Operator(operator) => STATE.contains(&operator),
        Token::Strange => false,
        _ => true,
    })
}

/// What a simple content stream shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shown {
    /// The text in order; `None` when it is in a font whose characters cannot be told.
    pub text: Option<String>,
    /// Whether areas or lines are painted.
    pub paints: bool,
    /// The text line by line, where it was looked at in a frame.
    pub rows: Vec<Row>,
    /// The areas that are filled beneath it, in the frame's units; where it was looked at in one.
    pub grounds: Vec<[f64; 4]>,
}

/// What the content shows; `Err` when it does what the appearance of a text field has no business to do. With a frame its
/// text must also be readable where it stands.
pub(super) fn shown(
    view: View<'_, '_>,
    content: &[u8],
    resources: &Dict,
    from: &Fonts<'_>,
    frame: Option<&Frame>,
) -> Result<Shown, String> {
    let fonts = view.get_dict(resources, "Font").ok().flatten().unwrap_or_default();
    let mut drawing = frame.map(Drawing::new);
    if drawing.is_some() && replaces_colours(view, resources) {
        return Err("it gives the device colours another meaning".into());
    }
    let mut out = String::new();
    let (mut paints, mut legible, mut device) = (false, true, true);
    let mut font: Option<Rc<Font>> = None;
    let mut known: BTreeMap<Vec<u8>, Rc<Font>> = BTreeMap::new();
    let mut operands: Vec<Token> = Vec::new();
    let mut saved: Vec<Option<Rc<Font>>> = Vec::new();
    for token in Tokens::new(content) {
        let Token::Operator(operator) = token else {
            if matches!(token, Token::Strange) {
                return Err("it has a word that readers part differently".into());
            }
            if operands.len() > 4096 {
                return Err("an operator has too many operands".into());
            }
            operands.push(token);
            continue;
        };
        if !HARMLESS.contains(&operator) {
            return Err(format!(
                "it uses the operator {}",
                String::from_utf8_lossy(operator).escape_default()
            ));
        }
        if drawing.is_some() && !takes(operator, &operands) {
            let operator = String::from_utf8_lossy(operator).escape_default().to_string();
            return Err(format!("the operator {operator} has other operands than it takes"));
        }
        paints |= PAINTING.contains(&operator);
        let numbers: Vec<f64> = operands.iter().filter_map(Token::number).collect();
        let name = operands.iter().find_map(Token::name);
        match operator {
            b"Tf" => {
                let name = name.unwrap_or_default();
                let found = match known.get(name) {
                    Some(found) => found.clone(),
                    None if known.len() >= MAX_FONTS => return Err("it uses too many fonts".into()),
                    None => Rc::new(Font::named(view, &fonts, from, name)),
                };
                known.entry(name.to_vec()).or_insert_with(|| found.clone());
                if let Some(drawing) = &mut drawing {
                    drawing.font(found.clone(), numbers.last().copied().unwrap_or(0.0));
                }
                font = Some(found);
            }
            b"Tj" | b"TJ" | b"'" | b"\"" => {
                if let Some(drawing) = &mut drawing {
                    if operator == b"\"" {
                        drawing.operator(b"Tw", numbers.get(..1).unwrap_or_default())?;
                        drawing.operator(b"Tc", numbers.get(1..2).unwrap_or_default())?;
                    }
                    if operator != b"Tj" && operator != b"TJ" {
                        drawing.operator(b"T*", &[])?;
                    }
                }
                for operand in &operands {
                    match (operand, &mut drawing) {
                        (Token::Text(text), drawing) => {
                            let glyphs = match &font {
                                Some(font) => font.glyphs(text),
                                None => text.is_empty().then(Vec::new),
                            };
                            match (glyphs, drawing) {
                                (None, Some(_)) => {
                                    let reason = "it is written in a font whose characters cannot be told";
                                    return Err(reason.into());
                                }
                                (None, None) => legible = false,
                                (Some(glyphs), drawing) => {
                                    out.extend(glyphs.iter().filter_map(|g| g.character));
                                    if let Some(drawing) = drawing {
                                        drawing.show(&glyphs)?;
                                    }
                                }
                            }
                        }
                        (Token::Number(back), Some(drawing)) if operator == b"TJ" => drawing.adjust(*back)?,
                        _ => {}
                    }
                }
            }
            other => {
                // The font is of the graphics state (8.4.1, 9.3).
                match other {
                    b"q" if saved.len() >= MAX_SAVED => return Err("it saves too many states".into()),
                    b"q" => saved.push(font.clone()),
                    b"Q" => match saved.pop() {
                        Some(before) => font = before,
                        None => return Err("it restores a state that was not saved".into()),
                    },
                    _ => {}
                }
                if let Some(drawing) = &mut drawing {
                    match other {
                        b"g" | b"rg" | b"k" => drawing.ink(Colour::of(&numbers)),
                        b"sc" => drawing.ink(Colour::of(&numbers).filter(|_| device)),
                        b"cs" => {
                            device = name
                                .is_some_and(|n| matches!(n, b"DeviceGray" | b"DeviceRGB" | b"DeviceCMYK"));
                            drawing.ink(Some(Colour::BLACK).filter(|_| device));
                        }
                        b"gs" if !is_opaque(view, resources, name.unwrap_or_default()) => {
                            return Err("it uses a graphics state that may hide its text".into());
                        }
                        b"BDC" | b"BMC" if name == Some(b"OC") => {
                            return Err("a part of it is in a layer".into());
                        }
                        _ => drawing.operator(other, &numbers)?,
                    }
                }
            }
        }
        operands.clear();
    }
    let (rows, grounds) = drawing.map(Drawing::finish).transpose()?.unwrap_or_default();
    Ok(Shown { text: legible.then_some(out), paints, rows, grounds })
}

/// Whether the resources put other colour spaces in the place of the device's (8.6.5.6).
fn replaces_colours(view: View<'_, '_>, resources: &Dict) -> bool {
    let spaces = view.get_dict(resources, "ColorSpace").ok().flatten().unwrap_or_default();
    spaces
        .iter()
        .any(|(name, _)| name.as_bytes().starts_with(b"Default") || name.as_bytes().starts_with(b"Device"))
}

/// Whether a graphics state leaves text as it is (table 57).
pub(super) fn is_opaque(view: View<'_, '_>, resources: &Dict, name: &[u8]) -> bool {
    let states = view.get_dict(resources, "ExtGState").ok().flatten().unwrap_or_default();
    let state = states.get_bytes(name).and_then(|s| view.resolve(s).ok());
    let Some(state) = state.as_ref().and_then(Object::as_dict) else { return false };
    state.iter().all(|(key, value)| match key.as_bytes() {
        b"Type" | b"SA" | b"AIS" | b"OP" | b"op" | b"OPM" | b"SM" => true,
        b"ca" | b"CA" => value.as_number() == Some(1.0),
        b"BM" => matches!(value.as_name(), Some(b"Normal" | b"Compatible")),
        b"SMask" => value.as_name() == Some(b"None"),
        _ => false,
    })
}

/// Lexical tokens of a content stream; only what telling the text needs.
pub(super) enum Token<'a> {
    Operator(&'a [u8]),
    Name(Cow<'a, [u8]>),
    Text(Vec<u8>),
    Number(f64),
    /// The brackets of an array.
    Open,
    Close,
    OpenDictionary,
    CloseDictionary,
    /// `true`, `false`, `null`.
    Other,
    /// Neither a number nor an operator, or a bracket that opens or closes nothing.
    Strange,
}

impl Token<'_> {
    pub fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Name(n) => Some(n),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(n) => Some(*n),
            _ => None,
        }
    }
}

pub(super) struct Tokens<'a> {
    data: &'a [u8],
    pos: usize,
}

impl<'a> Tokens<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, pos: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.data.get(self.pos).copied()
    }

    fn run(&mut self, accept: impl Fn(u8) -> bool) -> &'a [u8] {
        let start = self.pos;
        while self.peek().is_some_and(&accept) {
            self.pos += 1;
        }
        self.data.get(start..self.pos).unwrap_or_default()
    }

    /// A literal string; the opening parenthesis is behind us (7.3.4.2).
    fn literal(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut depth = 1;
        while let Some(byte) = self.peek() {
            self.pos += 1;
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                b'\\' => {
                    self.escape(&mut out);
                    continue;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
            out.push(byte);
        }
        out
    }

    fn escape(&mut self, out: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.pos += 1;
        match byte {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'\r' | b'\n' => {}
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    match self.peek() {
                        Some(d @ b'0'..=b'7') => {
                            code = code * 8 + u32::from(d - b'0');
                            self.pos += 1;
                        }
                        _ => break,
                    }
                }
                out.push(u8::try_from(code & 0xff).unwrap_or_default());
            }
            other => out.push(other),
        }
    }

    fn hexadecimal(&mut self) -> Vec<u8> {
        let digits: Vec<u8> = self
            .run(|b| b != b'>')
            .iter()
            .filter_map(|&b| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()))
            .collect();
        self.pos += 1;
        digits
            .chunks(2)
            .map(|p| p.first().copied().unwrap_or(0) << 4 | p.get(1).copied().unwrap_or(0))
            .collect()
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            self.run(|b| b.is_ascii_whitespace() || b == 0);
            if self.peek()? == b'%' {
                self.run(|b| b != b'\n' && b != b'\r');
                continue;
            }
            break;
        }
        let byte = self.peek()?;
        match byte {
            b'(' => {
                self.pos += 1;
                Some(Token::Text(self.literal()))
            }
            b'<' if self.data.get(self.pos + 1) != Some(&b'<') => {
                self.pos += 1;
                Some(Token::Text(self.hexadecimal()))
            }
            b'/' => {
                self.pos += 1;
                Some(Token::Name(unescaped(self.run(is_regular))))
            }
            b'[' | b']' | b'{' | b'}' | b')' => {
                self.pos += 1;
                Some(match byte {
                    b'[' => Token::Open,
                    b']' => Token::Close,
                    _ => Token::Strange,
                })
            }
            b'<' | b'>' => {
                let twice = self.data.get(self.pos + 1) == Some(&byte);
                self.pos += if twice { 2 } else { 1 };
                Some(match (byte, twice) {
                    (b'<', true) => Token::OpenDictionary,
                    (b'>', true) => Token::CloseDictionary,
                    _ => Token::Strange,
                })
            }
            _ => {
                let word = self.run(is_regular);
                let number = word.first().is_some_and(|b| b.is_ascii_digit() || b"+-.".contains(b));
                Some(if number {
                    // What readers read differently is no number.
                    let plain = word.iter().all(|b| b.is_ascii_digit() || b"+-.".contains(b));
                    let value = std::str::from_utf8(word).ok().filter(|_| plain).and_then(|w| w.parse().ok());
                    value.map_or(Token::Strange, Token::Number)
                } else if matches!(word, b"true" | b"false" | b"null") {
                    Token::Other
                } else {
                    Token::Operator(word)
                })
            }
        }
    }
}

/// A name with its `#xx` resolved (7.3.5).
pub(super) fn unescaped(name: &[u8]) -> Cow<'_, [u8]> {
    if !name.contains(&b'#') {
        return Cow::Borrowed(name);
    }
    let digit = |at: usize| name.get(at).and_then(|&b| char::from(b).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(name.len()), 0);
    while let Some(&byte) = name.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'#', Some(high), Some(low)) => {
                out.push(u8::try_from(high << 4 | low).unwrap_or_default());
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(out)
}

fn is_regular(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && byte != 0 && !b"()<>[]{}/%".contains(&byte)
}

#[cfg(test)]
mod tests;
