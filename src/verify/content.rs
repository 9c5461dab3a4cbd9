//! The text that a simple content stream shows, as far as it can be told without a renderer.

use crate::pdf::syntax::{Dict, Object, View};

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

/// What a simple content stream shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// The text in order; `None` when a font hides it (composite, or with an encoding of its own).
    pub text: Option<String>,
    /// The text in order where every code stands for the character that it is in ASCII: also in fonts whose encodings differ
    /// beyond ASCII alone, as forms' fonts do (PDFDocEncoding).
    pub ascii: Option<String>,
    /// Whether areas or lines are painted.
    pub paints: bool,
}

/// What the content shows; `Err` when it does what the appearance of a text field has no business to do.
pub(super) fn shown(view: View<'_, '_>, content: &[u8], resources: &Dict) -> Result<Shown, String> {
    let fonts = view.get_dict(resources, "Font").ok().flatten().unwrap_or_default();
    let mut out = String::new();
    let mut paints = false;
    let (mut legible, mut ascii) = (true, true);
    let mut font = Encoding::Plain;
    let mut operands: Vec<Token> = Vec::new();
    for token in Tokens::new(content) {
        let Token::Operator(operator) = token else {
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
        paints |= PAINTING.contains(&operator);
        match operator {
            b"Tf" => {
                let name = operands.iter().find_map(Token::name);
                font = name.map_or(Encoding::Plain, |name| encoding(view, &fonts, name));
            }
            b"Tj" | b"TJ" | b"'" | b"\"" => {
                legible &= font == Encoding::Plain;
                ascii &= font != Encoding::Other;
                for text in operands.iter().filter_map(Token::text) {
                    out.extend(text.iter().map(|&b| char::from(b)));
                }
            }
            _ => {}
        }
        operands.clear();
    }
    ascii &= out.is_ascii();
    Ok(Shown { text: legible.then(|| out.clone()), ascii: ascii.then_some(out), paints })
}

/// What a font's codes are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// Characters: a simple font without /Differences.
    Plain,
    /// Characters as far as ASCII goes: the /Differences are beyond it.
    Ascii,
    /// Nobody can tell.
    Other,
}

fn encoding(view: View<'_, '_>, fonts: &Dict, name: &[u8]) -> Encoding {
    let font = fonts.get_bytes(name).and_then(|f| view.resolve(f).ok());
    let Some(font) = font.as_ref().and_then(Object::as_dict) else { return Encoding::Plain };
    if !font.is_name("Subtype", "Type1") && !font.is_name("Subtype", "TrueType") {
        return Encoding::Other;
    }
    match view.get(font, "Encoding").unwrap_or_default() {
        Object::Dictionary(own) if own.contains("Differences") => match view.get_array(&own, "Differences") {
            Ok(differences) if leaves_ascii(&differences) => Encoding::Ascii,
            _ => Encoding::Other,
        },
        _ => Encoding::Plain,
    }
}

/// Whether no printable ASCII code gets another character (table 112). The two quotes have the names that they have in
/// PDFDocEncoding.
fn leaves_ascii(differences: &[Object]) -> bool {
    let mut code = 0_i64;
    differences.iter().all(|item| {
        if let Some(next) = item.as_integer() {
            code = next;
            return true;
        }
        let kept = match (code, item.as_name()) {
            (32..=126, Some(name)) => {
                matches!((code, name), (39, b"quotesingle") | (96, b"grave") | (32, b"space"))
            }
            (_, name) => name.is_some(),
        };
        code = code.saturating_add(1);
        kept
    })
}

/// Lexical tokens of a content stream; only what telling the text needs.
enum Token<'a> {
    Operator(&'a [u8]),
    Name(&'a [u8]),
    Text(Vec<u8>),
    Other,
}

impl Token<'_> {
    fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Name(n) => Some(n),
            _ => None,
        }
    }

    fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(t) => Some(t),
            _ => None,
        }
    }
}

struct Tokens<'a> {
    data: &'a [u8],
    pos: usize,
}

impl<'a> Tokens<'a> {
    fn new(data: &'a [u8]) -> Self {
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
                Some(Token::Name(self.run(is_regular)))
            }
            b'[' | b']' | b'<' | b'>' | b'{' | b'}' | b')' => {
                self.pos += 1;
                Some(Token::Other)
            }
            _ => {
                let word = self.run(is_regular);
                let number = word.first().is_some_and(|b| b.is_ascii_digit() || b"+-.".contains(b));
                Some(if number || matches!(word, b"true" | b"false" | b"null") {
                    Token::Other
                } else {
                    Token::Operator(word)
                })
            }
        }
    }
}

fn is_regular(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && byte != 0 && !b"()<>[]{}/%".contains(&byte)
}
