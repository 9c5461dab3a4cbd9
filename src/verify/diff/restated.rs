//! Keys of a field that tools write again without changing what they say: a default in place of nothing, the operators of
//! /DA in another order, a thin border that only a frame's colour would show, the /Type that a widget need not name.

use super::catalog::value;
use super::fields::Inherited;
use super::{Diff, Result, Spot};
use crate::pdf::syntax::{Dict, Object};
use crate::verify::Attack;
use crate::verify::colour::Colour;
use crate::verify::form::FieldType;

/// Flags that show or hide nothing (table 167): ReadOnly, Locked, LockedContents; and Print, which may only be added to what is on the
/// screen anyway.
const UNSEEN_FLAGS: i64 = 4 | 64 | 128 | 512;
const PRINT: i64 = 4;
/// Hidden, NoView, ToggleNoView.
const OFF_SCREEN: i64 = 2 | 32 | 256;

/// Whether a key says what it said. `flags` are the field flags that hold where the dictionary has none.
pub(super) fn restated(key: &str, before: &Object, after: &Object, flags: i64) -> bool {
    let number = |o: &Object, default: i64| if o.is_null() { Some(default) } else { o.as_integer() };
    match key {
        "Ff" => number(before, flags).is_some() && number(before, flags) == number(after, flags),
        "F" => matches!((number(before, 0), number(after, 0)),
            (Some(a), Some(b)) if (a ^ b) & !UNSEEN_FLAGS == 0
                && a & !b & PRINT == 0
                && (b & !a & PRINT == 0 || a & OFF_SCREEN == 0)),
        "Rect" => numbers(before).is_some_and(|a| numbers(after).is_some_and(|b| are_rounded(&a, &b, PLACE))),
        "MK" => match (before.as_dict(), after.as_dict()) {
            (Some(a), Some(b)) => {
                b.iter().all(|(key, _)| a.get_bytes(key.as_bytes()).is_some())
                    && a.iter().all(|(key, a)| says_as_much(key.as_bytes(), a, b))
            }
            _ => false,
        },
        "BS" => [before, after].iter().all(|style| style.is_null() || style.as_dict().is_some_and(is_thin)),
        // The first option that a list box shows: the field's rule has looked at it.
        "TI" => after.is_null() || after.as_integer().is_some(),
        "Type" => before.is_null() && after.as_name() == Some(b"Annot"),
        "DA" => match (before.as_string(), after.as_string()) {
            (Some(a), Some(b)) => {
                Style::of(a.as_bytes()).is_some_and(|a| Style::of(b.as_bytes()).is_some_and(|b| a == b))
            }
            _ => false,
        },
        _ => false,
    }
}

impl Diff<'_, '_, '_> {
    /// Every key of a field or widget that is not in `judged` is what it was or says the same again. `flags` are as above, and `whose`
    /// says what is looked at.
    pub(super) fn rest_is_restated(
        &mut self,
        at: &Spot,
        (old, new): (&Dict, &Dict),
        judged: &[&str],
        (own, flags): (&Inherited, i64),
        whose: &str,
    ) -> Result<()> {
        for key in self.other_keys(at, old, new, judged)? {
            let (before, after) = (value(old, &key), value(new, &key));
            let same = restated(&key, &before, &after, flags)
                || (key == "DA"
                    && own.kind != Some(FieldType::Button)
                    && self.names_plain_font(old, own, &after)?);
            if !same {
                let reason = format!("/{key} of {whose} {} was changed", own.name);
                self.forbid(&at.key(&key), Some(Attack::FieldOverlay), reason);
            }
        }
        Ok(())
    }
}

/// Tools that write two decimals round places and parts of colours.
const PLACE: f64 = 0.011;
const PART: f64 = 0.006;

fn numbers(list: &Object) -> Option<Vec<f64>> {
    list.as_array()?.iter().map(Object::as_number).collect()
}

fn are_rounded(a: &[f64], b: &[f64], by: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= by)
}

/// An entry of a look (table 192) that is the same, the same colour rounded, or the character of a mark that is drawn anyway.
fn says_as_much(key: &[u8], before: &Object, look: &Dict) -> bool {
    let Some(after) = look.get_bytes(key) else {
        return key == b"CA" && before.as_string().is_some_and(|mark| mark.to_text().chars().count() == 1);
    };
    let colour = |parts: &Object| Colour::of(&numbers(parts)?);
    let rounded = || Some(colour(before)?.distance(colour(after)?) <= PART);
    before == after || (matches!(key, b"BG" | b"BC") && rounded() == Some(true))
}

fn is_thin(style: &Dict) -> bool {
    style.iter().all(|(key, value)| match key.as_bytes() {
        b"Type" | b"S" => value.as_name().is_some(),
        b"W" => value.as_number().is_some_and(|w| (0.0..=1.0).contains(&w)),
        _ => false,
    })
}

/// What a default appearance sets (12.7.4.3). Font and colour may come in any order; the last of each counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Style {
    font: Vec<String>,
    /// Empty for black, which a colour is without being told (table 51).
    colour: Vec<String>,
    /// Every operation in its order where there are others than these two.
    all: Vec<Vec<String>>,
}

impl Style {
    /// Name and size of the font.
    pub(super) fn font(&self) -> Option<(&str, &str)> {
        match self.font.as_slice() {
            [name, size, _] => Some((name.strip_prefix('/')?, size)),
            _ => None,
        }
    }

    /// Whether it sets a font and a colour alone.
    pub(super) fn is_usual(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether everything but the font is the same.
    pub(super) fn is_otherwise(&self, other: &Self) -> bool {
        let rest = |style: &Self| -> Vec<Vec<String>> {
            style.all.iter().filter(|operation| operation.last().is_none_or(|o| o != "Tf")).cloned().collect()
        };
        self.colour == other.colour && rest(self) == rest(other)
    }

    /// `None` where it is more than names, numbers and the operators of text and colour: readers part such words differently.
    pub(super) fn of(appearance: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(appearance).ok()?;
        let mut operations = Vec::new();
        let mut operation = Vec::new();
        for word in text.split_ascii_whitespace() {
            let name = word.strip_prefix('/');
            let number = word.parse::<f64>().ok().filter(|_| word.bytes().all(is_of_number));
            operation.push(number.map_or_else(|| word.to_owned(), |n| n.to_string()));
            match (name, number) {
                (Some(name), _) if name.is_empty() || !name.bytes().all(is_of_name) => return None,
                (None, None) if !takes(word, &operation) => return None,
                (None, None) => operations.push(std::mem::take(&mut operation)),
                _ => {}
            }
        }
        if !operation.is_empty() {
            return None;
        }
        let (mut font, mut colour, mut usual) = (Vec::new(), Vec::new(), true);
        for operation in &operations {
            match operation.last().map(String::as_str) {
                Some("Tf") => font.clone_from(operation),
                Some("g" | "rg" | "k") => colour.clone_from(operation),
                _ => usual = false,
            }
        }
        if matches!(colour.join(" ").as_str(), "0 g" | "0 0 0 rg") {
            colour.clear();
        }
        Some(Self { font, colour, all: if usual { Vec::new() } else { operations } })
    }
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || b"+-.".contains(&byte)
}

/// Names with other characters are written in ways that readers read differently.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-_,.".contains(&byte)
}

/// Whether the last word of an operation is an operator of text state or colour with the operands that it takes (tables 73, 102, 103).
fn takes(operator: &str, operation: &[String]) -> bool {
    let Some((_, operands)) = operation.split_last() else { return false };
    let named = |operand: &String| operand.starts_with('/');
    let numbers = |n: usize| operands.len() == n && !operands.iter().any(named);
    match operator {
        "Tf" => matches!(operands, [name, size] if named(name) && !named(size)),
        "Tc" | "Tw" | "Tz" | "TL" | "Tr" | "Ts" | "g" | "G" => numbers(1),
        "Td" => numbers(2),
        "rg" | "RG" => numbers(3),
        "k" | "K" => numbers(4),
        "Tm" => numbers(6),
        _ => false,
    }
}

/// Whether a default appearance that joins a form sets a font and nothing but black.
pub(super) fn is_plain_style(appearance: &Object) -> bool {
    appearance
        .as_string()
        .and_then(|s| Style::of(s.as_bytes()))
        .is_some_and(|s| s.colour.is_empty() && s.all.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdf::syntax::PdfString;

    fn says_the_same(key: &str, before: Object, after: Object) -> bool {
        restated(key, &before, &after, 0)
    }

    fn text(style: &str) -> Object {
        Object::String(PdfString::literal(style.as_bytes().to_vec()))
    }

    #[test]
    fn a_style_is_its_last_font_and_colour() {
        for (before, after, same) in [
            ("/Helv 10 Tf 0 g", "0 g /Helv 10.0 Tf", true),
            ("/Helv 10 Tf 0 g", "/Helv 10 Tf", true),
            ("/Helv 10 Tf 0 g", "/Helv 12 Tf 0 g", false),
            ("/Helv 10 Tf 0 g", "/Evil 10 Tf 0 g", false),
            ("/Helv 10 Tf 1 g 0 g", "/Helv 10 Tf 1 g", false),
            ("/Evil 10 Tf /Helv 10 Tf", "/Helv 10 Tf /Evil 10 Tf", false),
            ("/Helv 10 Tf 3 Tr 0 Tr", "/Helv 10 Tf 0 Tr 3 Tr", false),
            ("/Helv 12 Tf 1 g /% 5 g /Helv 12 Tf 0 g", "/Helv 12 Tf 0 g", false),
            ("/Helv 10 Tf 1 g (0 g) 0 g", "/Helv 10 Tf 0 g", false),
            ("/Helv 10 Tf 1 g 5 0 g", "/Helv 10 Tf 0 g", false),
            ("/Helv 10 Tf 1 g inf x 0 g", "/Helv 10 Tf 0 g", false),
            ("/Helv 10 Tf 0 g 1", "/Helv 10 Tf 0 g", false),
        ] {
            assert_eq!(says_the_same("DA", text(before), text(after)), same, "{before} and {after}");
        }
    }

    #[test]
    fn places_and_colours_may_be_rounded_to_two_decimals() {
        let list = |numbers: &[f64]| {
            Object::Array(numbers.iter().map(|n| Object::Real(crate::pdf::syntax::Real::new(*n))).collect())
        };
        let rect = |x: f64| list(&[x, 500.456, 300.789, 520.987]);
        assert!(says_the_same("Rect", rect(100.123), list(&[100.12, 500.46, 300.79, 520.99])));
        assert!(!says_the_same("Rect", rect(100.123), rect(100.14)));
        let look = |ground: &[f64]| Object::Dictionary(Dict::new().with("BG", list(ground)));
        assert!(says_the_same("MK", look(&[0.8, 0.843, 1.0]), look(&[0.8, 0.84, 1.0])));
        assert!(says_the_same("MK", look(&[0.333]), look(&[0.33, 0.33, 0.33])));
        assert!(!says_the_same("MK", look(&[0.8]), look(&[0.9])));
        assert!(!says_the_same("MK", look(&[0.8]), Object::Dictionary(Dict::new())));
        let marked = |mark: &str| Object::Dictionary(Dict::new().with("CA", text(mark)));
        assert!(says_the_same("MK", marked("4"), Object::Dictionary(Dict::new())));
        assert!(!says_the_same("MK", marked("Pay"), Object::Dictionary(Dict::new())));
        assert!(!says_the_same("MK", Object::Dictionary(Dict::new()), marked("4")));
    }

    #[test]
    fn flags_are_what_they_were_where_they_come_from_above_too() {
        let (null, none, read_only) = (Object::Null, Object::Integer(0), Object::Integer(1));
        assert!(restated("Ff", &null, &none, 0));
        assert!(!restated("Ff", &null, &none, 1), "the parent's flag would hold no more");
        assert!(restated("Ff", &null, &read_only, 1));
        assert!(!restated("Ff", &read_only, &null, 0));
    }

    #[test]
    fn annotation_flags_that_show_or_hide_are_a_change() {
        for (before, after, same) in [
            (4, 132, true),
            (0, 4, true),
            (68, 4 | 128 | 512, true),
            (4, 0, false),
            (4, 6, false),
            (2, 0, false),
            (4, 36, false),
            (32, 36, false),
            (288, 292, false),
            (2, 6, false),
            (36, 4, false),
        ] {
            assert_eq!(
                says_the_same("F", Object::Integer(before), Object::Integer(after)),
                same,
                "{before} {after}"
            );
        }
    }
}
