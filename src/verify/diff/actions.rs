//! What a value looks like by its field's format action (ISO 32000-2 12.6.3, 12.7.6.3): the calls that form designers write, and
//! no other script.

use super::Result;
use crate::pdf::syntax::{Dict, Object, View};
use crate::verify::colour::Colour;

/// Length of a script that is read, in octets.
const MAX_SCRIPT: usize = 1024;
/// What a format action makes of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Format {
    /// Numbers below zero without a sign, in red.
    RedBelowZero,
    /// Digits in a pattern: how many, and where they stand.
    Digits(Vec<(usize, &'static str)>),
    /// A day, as the letters y, m and d say.
    Day(String),
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
enum Argument {
    Number(usize),
    Text(String),
    Flag(bool),
}

/// The format of a field (/AA /F), if it is one whose outcome is known.
pub(super) fn format_of(view: View<'_, '_>, field: &Dict) -> Result<Option<Format>> {
    let Some(actions) = view.get_dict(field, "AA")? else { return Ok(None) };
    let Some(action) = view.get_dict(&actions, "F")? else { return Ok(None) };
    if !action.is_name("S", "JavaScript") || action.contains("Next") {
        return Ok(None);
    }
    let script = match view.get(&action, "JS")? {
        Object::String(script) => script.to_text(),
        Object::Stream(script) => match view.document().decode(&script, MAX_SCRIPT) {
            Ok(data) => crate::pdf::syntax::PdfString::literal(data.into_owned()).to_text(),
            Err(_) => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Format::read(&script))
}

/// Whether an ink is the red of numbers below zero.
pub(super) fn is_red(ink: Colour) -> bool {
    Colour::of(&[1.0, 0.0, 0.0]).is_some_and(|red| ink.distance(red) <= 0.3)
}

impl Format {
    /// A script that is one call of a known function, and nothing else.
    fn read(script: &str) -> Option<Self> {
        if script.len() > MAX_SCRIPT {
            return None;
        }
        let call = script.trim().trim_end_matches(';').trim_end().strip_suffix(')')?;
        let (name, arguments) = call.split_once('(')?;
        let arguments = arguments_of(arguments)?;
        match (name.trim(), arguments.as_slice()) {
            ("AFNumber_Format", [_, _, Argument::Number(1), _, Argument::Text(_), Argument::Flag(_)]) => {
                Some(Self::RedBelowZero)
            }
            ("AFSpecial_Format", [Argument::Number(kind)]) => Some(Self::Digits(match kind {
                0 => vec![(5, "#####")],
                1 => vec![(9, "#####-####")],
                2 => vec![(10, "(###) ###-####"), (7, "###-####")],
                3 => vec![(9, "###-##-####")],
                _ => return None,
            })),
            ("AFDate_FormatEx", [Argument::Text(pattern)]) => Some(Self::Day(pattern.clone())),
            _ => None,
        }
    }

    /// How the value is shown; `None` where it is of another kind than the format, and for numbers, which have many ways.
    pub(super) fn of(&self, value: &str) -> Option<String> {
        match self {
            Self::RedBelowZero => None,
            Self::Digits(patterns) => {
                let digits: Vec<char> = value.chars().filter(char::is_ascii_digit).collect();
                let usual = |c: char| c.is_ascii_digit() || c.is_whitespace() || "()-".contains(c);
                let (_, pattern) = patterns.iter().find(|(count, _)| *count == digits.len())?;
                let mut digits = digits.into_iter();
                let place = |c| if c == '#' { digits.next().unwrap_or(c) } else { c };
                value.chars().all(usual).then(|| pattern.chars().map(place).collect())
            }
            Self::Day(pattern) => day(value, pattern),
        }
    }
}

/// A day that is kept as year-month-day, by a pattern of numbers.
fn day(value: &str, pattern: &str) -> Option<String> {
    let parts: Vec<&str> = value.trim().split('-').collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let digits = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
    if !(digits(year, 4) && digits(month, 2) && digits(day, 2)) {
        return None;
    }
    let (mut out, mut rest) = (String::new(), pattern);
    while let Some(first) = rest.chars().next() {
        let run = rest.chars().take_while(|c| *c == first).count();
        match (first, run) {
            ('y', 4) => out.push_str(year),
            ('y', 2) => out.push_str(year.get(2..)?),
            ('m', 2) => out.push_str(month),
            ('d', 2) => out.push_str(day),
            ('m', 1) => out.push_str(month.trim_start_matches('0')),
            ('d', 1) => out.push_str(day.trim_start_matches('0')),
            (sign, _) if sign.is_alphabetic() => return None,
            (sign, run) => out.extend(std::iter::repeat_n(sign, run)),
        }
        rest = rest.get(run * first.len_utf8()..)?;
    }
    Some(out)
}

/// Whole numbers, texts in quotes and truth values between commas.
fn arguments_of(list: &str) -> Option<Vec<Argument>> {
    let (mut out, mut rest) = (Vec::new(), list.trim());
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (argument, behind) = if let Some(quote) = quote {
            let (text, behind) = rest.get(1..)?.split_once(quote)?;
            if text.contains('\\') {
                return None;
            }
            (Argument::Text(text.to_owned()), behind)
        } else {
            let (word, _) = rest.split_once(',').unwrap_or((rest, ""));
            let argument = match word.trim() {
                "true" => Argument::Flag(true),
                "false" => Argument::Flag(false),
                number => Argument::Number(number.parse().ok()?),
            };
            (argument, rest.get(word.len()..)?)
        };
        out.push(argument);
        rest = match behind.trim_start() {
            "" => "",
            more => more.strip_prefix(',')?.trim_start(),
        };
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_value_is_shown_as_its_format_says() {
        for (script, value, shown) in [
            ("AFSpecial_Format(0)", "12345", "12345"),
            ("AFSpecial_Format(1)", "123456789", "12345-6789"),
            ("AFSpecial_Format(2);", "5551234567", "(555) 123-4567"),
            ("AFSpecial_Format(2);", "555-1234", "555-1234"),
            ("AFSpecial_Format(3)", "123456789", "123-45-6789"),
            ("AFDate_FormatEx(\"dd.mm.yyyy\");", "2026-11-02", "02.11.2026"),
            ("AFDate_FormatEx(\"m/d/yy\");", "2026-11-02", "11/2/26"),
        ] {
            assert_eq!(
                Format::read(script).unwrap().of(value).as_deref(),
                Some(shown),
                "{script} of {value}"
            );
        }
        let red = Format::read("AFNumber_Format(2, 0, 1, 0, \"$\", true);");
        assert_eq!(red, Some(Format::RedBelowZero));
    }

    #[test]
    fn other_scripts_and_values_say_nothing() {
        for script in [
            "",
            "event.value = \"9\";",
            "AFNumber_Format(2, 0, 1, 0, \"\", true); event.value = 9",
            "AFNumber_Format(2, 0, 0, 0, \"\", true)",
            "AFNumber_Format(2, 0, 1, 0, \"\\\"\", true)",
            "AFSpecial_Format(7)",
            "AFDate_FormatEx(x)",
        ] {
            assert_eq!(Format::read(script), None, "{script}");
        }
        for (script, value) in [
            ("AFSpecial_Format(2)", "555123"),
            ("AFSpecial_Format(0)", "a12345"),
            ("AFDate_FormatEx(\"dd/mm/yyyy\")", "02/11/2026"),
            ("AFDate_FormatEx(\"d mmm yyyy\")", "2026-11-02"),
        ] {
            assert_eq!(Format::read(script).unwrap().of(value), None, "{script} of {value}");
        }
    }
}
