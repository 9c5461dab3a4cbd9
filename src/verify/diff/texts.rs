//! The texts that a field's value may be shown as (ISO 32000-2 12.7.4.3, 12.7.5.4).

use super::Result;
use super::actions::format_of;
use super::fields::Inherited;
use super::formatted::shows_number;
use crate::pdf::syntax::{Dict, Object, View};
use crate::verify::content::Shown;
use crate::verify::form::FieldType;

/// Decoded bytes of one field's appearance or value, at most.
pub(super) const MAX_APPEARANCE: usize = 1 << 20;
/// Field flag (table 231): bit 14, the text is a password, which is shown as signs of the same number.
pub(super) const PASSWORD: i64 = 1 << 13;
/// Octets of a content stream whose reading costs as much as a step of the comparison.
pub(super) const OCTETS_A_STEP: usize = 16;
/// Field flag (table 233): bit 18, the choice is a combo box.
pub(super) const COMBO: i64 = 1 << 17;

/// Whether what is shown is one of the texts, white space apart. Nothing shown is no contradiction. With a format
/// action (/AA /F) a number may be shown with its grouping, its currency and its decimals ([`shows_number`]).
pub(super) fn shows_one_of(shown: &Shown, texts: &[String], field: &Dict) -> bool {
    shown.text.as_ref().is_none_or(|shown| is_one_of(shown, texts, field))
}

/// The same of a text.
pub(super) fn is_one_of(shown: &str, texts: &[String], field: &Dict) -> bool {
    let shown = plain(shown);
    if shown.is_empty() || texts.iter().any(|t| plain(t) == shown) {
        return true;
    }
    field.contains("AA") && texts.iter().any(|t| shows_number(&shown, &plain(t)))
}

/// A text without its white space and control characters, with one character for those that fonts draw alike.
pub(super) fn plain(text: &str) -> String {
    // Standard encoding draws the typewriter's quotes as curly ones.
    let alike = |c| match c {
        '\u{2018}' | '\u{2019}' | '`' => '\'',
        '\u{ad}' | '\u{2010}' => '-',
        // Adobe's collections have one dash and one dot each for two characters that look alike.
        '\u{2015}' => '\u{2014}',
        '\u{30fb}' => '\u{b7}',
        other => other,
    };
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).map(alike).collect()
}

/// What the value may look like: itself, or for a choice the option's label.
pub(super) fn texts_of(view: View<'_, '_>, field: &Dict, own: &Inherited) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    let text = |o: &Object| o.as_string().map(|s| s.to_text());
    let value = view.get(field, "V")?;
    match &value {
        Object::Array(items) => texts.push(items.iter().filter_map(text).collect::<String>()),
        Object::Stream(s) => {
            let data = view.document().decode(s, MAX_APPEARANCE)?;
            texts.push(crate::pdf::syntax::PdfString::literal(data.into_owned()).to_text());
        }
        one => texts.extend(text(one)),
    }
    if let Some(plain) = value.as_string().and_then(latin_text) {
        texts.push(plain);
    }
    if own.kind == Some(FieldType::Text) {
        let written = texts.first().cloned().unwrap_or_default();
        if let Some(format) = format_of(view, field)? {
            texts.extend(format.of(&written));
        }
        if own.flags & PASSWORD != 0 {
            let length = written.chars().count();
            texts.extend(['*', '•'].map(|sign| std::iter::repeat_n(sign, length).collect()));
        }
    }
    if own.kind == Some(FieldType::Choice) {
        let chosen = texts.clone();
        let options = view.get_array(field, "Opt")?;
        let label = |o: &Object| match o {
            Object::Array(pair) => pair.get(1).and_then(text),
            one => text(one),
        };
        let export = |o: &Object| o.as_array().and_then(|pair| text(pair.first()?));
        let of_chosen = options.iter().filter(|o| export(o).is_some_and(|e| chosen.contains(&e)));
        texts.extend(of_chosen.filter_map(label));
        if own.flags & COMBO == 0 {
            // A list box shows all of them.
            texts.push(options.iter().filter_map(label).collect::<String>());
        }
    }
    Ok(texts)
}

/// Text without a byte order mark beyond ASCII in Latin-1, as many write it.
fn latin_text(string: &crate::pdf::syntax::PdfString) -> Option<String> {
    let bytes = string.as_bytes();
    let marked =
        [&[0xFE, 0xFF][..], &[0xFF, 0xFE], &[0xEF, 0xBB, 0xBF]].iter().any(|mark| bytes.starts_with(mark));
    (!marked && !bytes.is_ascii()).then(|| bytes.iter().map(|&byte| char::from(byte)).collect())
}
