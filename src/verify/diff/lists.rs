//! List boxes show their options and mark those that are chosen (ISO 32000-2 12.7.5.4).

use super::filling::Choice;
use super::texts::plain;
use super::{Diff, Result};
use crate::pdf::syntax::{Dict, Object, View};
use crate::verify::colour::Colour;
use crate::verify::drawing::Row;

/// What a mark differs by from the ground of the other rows, at least.
const VISIBLE: f64 = 0.12;

impl Diff<'_, '_, '_> {
    /// Whether the rows of a list box are its options, and those are marked that its value and its selection say. `Err` has the reason.
    pub(super) fn marks_its_choice(
        &self,
        view: View<'_, '_>,
        rows: &[Row],
        widget: &Dict,
        field: &Dict,
    ) -> Result<std::result::Result<(), &'static str>> {
        let look = view.get_dict(widget, "MK")?.unwrap_or_default();
        let ground: Vec<f64> = view.get_array(&look, "BG")?.iter().filter_map(Object::as_number).collect();
        let ground = Colour::of(&ground).unwrap_or(Colour::WHITE);
        Ok(Choice::of(view, field)?.is_marked(rows, ground))
    }
}

impl Choice {
    /// `ground` is the field's own.
    fn is_marked(&self, rows: &[Row], ground: Colour) -> std::result::Result<(), &'static str> {
        let Some(chosen) = &self.chosen else { return Err("its value is no text") };
        let chosen: Vec<&String> = chosen.iter().filter(|value| !value.is_empty()).collect();
        let label = |value: &&String| {
            let option = self.options.iter().find(|option| self.says(option, value));
            plain(option.map_or(value.as_str(), |(_, shown)| shown))
        };
        let texts: Vec<String> = rows.iter().map(|row| plain(&row.text)).collect();
        // Some writers show nothing but what is chosen.
        if texts == chosen.iter().map(label).collect::<Vec<_>>() {
            return Ok(());
        }
        let labels: Vec<String> = self.options.iter().map(|(_, shown)| plain(shown)).collect();
        // A list is longer than its field, and begins where it was scrolled to.
        let mut outcome = Err("its rows are not its options");
        for first in 0..labels.len() {
            if labels.get(first..first + texts.len()) == Some(texts.as_slice()) && !texts.is_empty() {
                outcome = self.marked_from(first, rows, &chosen, ground);
                if outcome.is_ok() {
                    break;
                }
            }
        }
        outcome
    }

    /// Whether the right rows are marked, when the first of them is this option.
    fn marked_from(
        &self,
        first: usize,
        rows: &[Row],
        chosen: &[&String],
        ground: Colour,
    ) -> std::result::Result<(), &'static str> {
        let indices = self.indices.as_deref().filter(|indices| !indices.is_empty());
        let is_chosen = |n: usize| {
            self.options.get(n).is_some_and(|option| chosen.iter().any(|value| self.says(option, value)))
                && indices.is_none_or(|indices| indices.contains(&n))
        };
        let (marked, others): (Vec<_>, Vec<_>) =
            rows.iter().enumerate().partition(|(n, _)| is_chosen(first + n));
        let seen = |value: &&String| {
            let says = |(n, _): &(usize, &Row)| {
                self.options.get(first + n).is_some_and(|option| self.says(option, value))
            };
            marked.iter().any(says)
        };
        if !chosen.iter().all(seen) {
            return Err("what is chosen is not among its rows");
        }
        let Some((_, other)) = others.first() else { return Ok(()) };
        let plain_ground = other.ground.is_like(ground) || other.ground.is_like(Colour::WHITE);
        let alike = |row: &Row| row.ground.is_like(other.ground) && row.ink.is_like(other.ink);
        if !plain_ground || !others.iter().all(|(_, row)| alike(row)) {
            return Err("it marks another row than its value");
        }
        // On a light ground the darker row is the marked one.
        let light = other.ground.lightness();
        let stands_out = |row: &Row| {
            row.ground.distance(other.ground) >= VISIBLE && (light < 0.5 || row.ground.lightness() < light)
        };
        if marked.iter().all(|(_, row)| stands_out(row)) { Ok(()) } else { Err("it does not mark its value") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: [f64; 3] = [0.6, 0.75, 0.85];

    fn list(chosen: &[&str], indices: &[usize]) -> Choice {
        Choice {
            options: [("a", "Alpha"), ("b", "Beta"), ("b", "Gamma"), ("d", "Delta")]
                .map(|(export, shown)| (export.to_owned(), shown.to_owned()))
                .into(),
            chosen: Some(chosen.iter().map(|value| (*value).to_owned()).collect()),
            indices: Some(indices.to_vec()),
            ..Choice::default()
        }
    }

    fn rows(texts: &[(&str, &[f64])]) -> Vec<Row> {
        let row = |(text, ground): &(&str, &[f64])| {
            Row::test((*text).to_owned(), Colour::of(ground).unwrap_or(Colour::BLACK))
        };
        texts.iter().map(row).collect()
    }

    #[test]
    fn the_rows_that_are_marked_are_the_value() {
        const NONE: &[f64] = &[1.0];
        let one = |marked: usize| {
            let ground = |n: usize| if n == marked { &MARK[..] } else { NONE };
            rows(&[("Alpha", ground(0)), ("Beta", ground(1)), ("Gamma", ground(2)), ("Delta", ground(3))])
        };
        let tail = rows(&[("Gamma", NONE), ("Delta", &MARK)]);
        let both = rows(&[("Alpha", &MARK), ("Beta", NONE), ("Gamma", NONE), ("Delta", &MARK)]);
        let faint = rows(&[("Alpha", &[0.95]), ("Beta", NONE), ("Gamma", NONE), ("Delta", NONE)]);
        let turned = rows(&[("Alpha", NONE), ("Beta", &MARK), ("Gamma", &MARK), ("Delta", &MARK)]);
        let other = rows(&[("Alpha", &MARK), ("Mallory", NONE)]);
        for (what, choice, rows, fits) in [
            ("the value", list(&["a"], &[]), one(0), true),
            ("another row", list(&["a"], &[]), one(1), false),
            ("no row", list(&["a"], &[]), one(9), false),
            ("no value and no row", list(&[], &[]), one(9), true),
            ("no value", list(&[], &[]), one(0), false),
            ("by its index", list(&["b"], &[2]), one(2), true),
            ("another index", list(&["b"], &[2]), one(1), false),
            ("two of two", list(&["a", "d"], &[]), both.clone(), true),
            ("two of one", list(&["a"], &[]), both, false),
            ("one of two", list(&["a", "d"], &[]), one(0), false),
            ("scrolled", list(&["d"], &[]), tail.clone(), true),
            ("scrolled away", list(&["a"], &[]), tail, false),
            ("hardly to be seen", list(&["a"], &[]), faint, false),
            ("all but one", list(&["a"], &[]), turned, false),
            ("the value alone", list(&["a"], &[]), rows(&[("Alpha", NONE)]), true),
            ("another alone", list(&["a"], &[]), rows(&[("Beta", NONE)]), false),
            ("no option", list(&["a"], &[]), other, false),
        ] {
            assert_eq!(choice.is_marked(&rows, Colour::WHITE).is_ok(), fits, "{what}");
        }
    }
}
