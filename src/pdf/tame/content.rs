//! A content stream, seen from afar (ISO 32000-2 7.8.2): which objects it calls, and what its dashed lines cost.

use std::collections::HashMap;

/// Dashes of one stream, estimated from its numbers.
const MAX_DASHES: f64 = 2_000_000.0;

/// No number in a stream with inline images is larger, so that none of their sides is.
const MAX_INLINE_SIDE: f64 = 10_000.0;

/// A name that may run another content stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Call {
    /// `/Name Do`
    Object(Vec<u8>),
    /// `/Name gs`, whose soft mask is a group.
    State(Vec<u8>),
}

/// What a content stream does that may cost out of proportion.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// How often each is called.
    pub(super) calls: HashMap<Call, u64>,
    /// Whether it paints with patterns or writes text.
    pub(super) calls_out: bool,
    /// Whether it has inline images.
    inline_images: bool,
    /// Lines, curves and rectangles.
    pub(super) segments: f64,
    /// The largest number.
    reach: f64,
    /// All numbers together: no path is much longer.
    length: f64,
    /// The shortest dash pattern, in user space units.
    dash: Option<f64>,
}

impl Content {
    /// Reads words only: what stands in strings and inline images counts too, and does no harm.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut content = Self::default();
        // The numbers since the last bracket, their sum, and the name before.
        let (mut sum, mut last_array, mut name) = (0.0, None, None);
        for word in words(bytes) {
            match word {
                b"[" => sum = 0.0,
                b"]" => last_array = Some(sum),
                b"d" => {
                    if let Some(sum) = last_array.filter(|sum| *sum > 0.0) {
                        content.dash = Some(content.dash.map_or(sum, |least| least.min(sum)));
                    }
                }
                b"l" | b"c" | b"v" | b"y" | b"re" | b"h" => content.segments += 1.0,
                b"Do" => {
                    if let Some(name) = name.take() {
                        *content.calls.entry(Call::Object(name)).or_default() += 1;
                    }
                }
                b"gs" => {
                    if let Some(name) = name.take() {
                        *content.calls.entry(Call::State(name)).or_default() += 1;
                    }
                }
                b"BI" => content.inline_images = true,
                b"Tf" => content.calls_out = true,
                b"scn" | b"SCN" => content.calls_out |= name.take().is_some(),
                [b'/', rest @ ..] => name = Some(unescaped(rest)),
                [b'0'..=b'9' | b'+' | b'-' | b'.', ..] => {
                    let number = std::str::from_utf8(word).ok().and_then(|w| w.parse::<f64>().ok());
                    let Some(number) = number.map(f64::abs) else { continue };
                    sum += number;
                    content.length += number;
                    content.reach = content.reach.max(number);
                }
                _ => {}
            }
        }
        content
    }

    /// Whether it says that an inline image is as large as none is.
    pub(super) fn inline_images_are_too_large(&self) -> bool {
        self.inline_images && self.reach > MAX_INLINE_SIDE
    }

    /// Whether its dashed lines would become too many.
    pub(super) fn dashes_cost_too_much(&self) -> bool {
        self.dash.is_some_and(|dash| self.length / dash > MAX_DASHES)
    }
}

/// Words between white space and delimiters; brackets and names are words of their own.
fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        loop {
            let (first, after) = rest.split_first()?;
            match first {
                b'[' | b']' => {
                    let word = rest.get(..1);
                    rest = after;
                    return word;
                }
                b'/' => {
                    let end = after.iter().position(|b| !regular(*b)).unwrap_or(after.len());
                    let word = rest.get(..=end);
                    rest = after.get(end..).unwrap_or_default();
                    return word;
                }
                b if regular(*b) => {
                    let end = rest.iter().position(|b| !regular(*b)).unwrap_or(rest.len());
                    let word = rest.get(..end);
                    rest = rest.get(end..).unwrap_or_default();
                    return word;
                }
                _ => rest = after,
            }
        }
    })
}

fn regular(byte: u8) -> bool {
    !matches!(
        byte,
        0 | b'\t'
            | b'\n'
            | 12
            | b'\r'
            | b' '
            | b'('
            | b')'
            | b'<'
            | b'>'
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b'/'
            | b'%'
    )
}

/// A name's bytes with `#xx` read.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'#').and_then(|c| hex::decode(c).ok());
        out.push(code.as_ref().and_then(|c| c.first().copied()).unwrap_or(*first));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    out
}
