//! What a field may be filled with (ISO 32000-2 12.7.5.3, 12.7.5.4): text as long as it has room for, and of a choice its
//! options.

use super::fields::{Inherited, MAX_DEPTH};
use super::{Diff, Result, Spot};
use crate::pdf::syntax::{Dict, Object, View};
use crate::verify::Attack;
use crate::verify::form::FieldType;

/// Field flags of choices (table 233): bit 18 Combo, 19 Edit, 22 MultiSelect.
const COMBO: i64 = 1 << 17;
const EDIT: i64 = 1 << 18;
const MULTI_SELECT: i64 = 1 << 21;

impl Diff<'_, '_, '_> {
    /// Whether a filled field's new value is one that it can have.
    pub(super) fn value_fits(&mut self, at: &Spot, old: &Dict, new: &Dict, own: &Inherited) -> Result<()> {
        let changed = self.old.get(old, "V")? != self.new.get(new, "V")?;
        let outcome = match own.kind {
            Some(FieldType::Text) if changed => self.text_fits(new)?,
            Some(FieldType::Choice) => {
                let selected = self.old.get(old, "I")? != self.new.get(new, "I")?;
                let moved = self.old.get(old, "TI")? != self.new.get(new, "TI")?;
                let choice = Choice::of(self.new, new)?;
                choice.fits(own.flags, changed, changed || selected, moved)
            }
            _ => Ok(()),
        };
        if let Err(reason) = outcome {
            self.forbid(&at.key("V"), Some(Attack::ShadowReplace), format!("field {}: {reason}", own.name));
        }
        Ok(())
    }

    fn text_fits(&self, new: &Dict) -> Result<Outcome> {
        let text = match self.new.get(new, "V")? {
            Object::Null => return Ok(Ok(())),
            Object::String(text) => text.to_text(),
            Object::Stream(stream) if !stream.dict.contains("Type") && !stream.dict.contains("Subtype") => {
                return Ok(Ok(()));
            }
            _ => return Ok(Err("its value is no text")),
        };
        let most = inherited(self.new, new, "MaxLen")?.as_integer().and_then(|n| usize::try_from(n).ok());
        let fits = most.is_none_or(|most| text.chars().count() <= most);
        Ok(if fits { Ok(()) } else { Err("its value is longer than it may be: viewers cut it off") })
    }
}

type Outcome = std::result::Result<(), &'static str>;

/// The value of a key that fields inherit, or that writers leave above.
fn inherited(view: View<'_, '_>, dict: &Dict, key: &str) -> Result<Object> {
    let mut at = dict.clone();
    for _ in 0..=MAX_DEPTH {
        let value = view.get(&at, key)?;
        if !value.is_null() {
            return Ok(value);
        }
        match view.get_dict(&at, "Parent")? {
            Some(parent) => at = parent,
            None => break,
        }
    }
    Ok(Object::Null)
}

/// A choice field's state in the newest revision.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    /// Export values with what is shown for them.
    pub options: Vec<(String, String)>,
    /// `None` when the value is neither text nor a list of texts.
    pub chosen: Option<Vec<String>>,
    pub several: bool,
    /// /I; `None` when it is no list of numbers.
    pub indices: Option<Vec<usize>>,
    /// /I is there.
    pub indexed: bool,
    pub top: Object,
}

impl Choice {
    pub fn of(view: View<'_, '_>, field: &Dict) -> Result<Self> {
        let mut out = Self { chosen: Some(Vec::new()), indices: Some(Vec::new()), ..Self::default() };
        if let Object::Array(options) = inherited(view, field, "Opt")? {
            for option in &options {
                out.options.push(match view.resolve(option)? {
                    Object::Array(pair) => {
                        let part = |n: usize| pair.get(n).map(|o| view.resolve(o)).transpose();
                        (
                            text(part(0)?.as_ref()).unwrap_or_default(),
                            text(part(1)?.as_ref()).unwrap_or_default(),
                        )
                    }
                    one => {
                        let one = text(Some(&one)).unwrap_or_default();
                        (one.clone(), one)
                    }
                });
            }
        }
        match view.get(field, "V")? {
            Object::Null => {}
            Object::Array(items) => {
                out.several = true;
                let items = items
                    .iter()
                    .map(|item| view.resolve(item))
                    .collect::<std::result::Result<Vec<_>, _>>()?;
                out.chosen = items.iter().map(|item| text(Some(item))).collect();
            }
            one => out.chosen = text(Some(&one)).map(|one| vec![one]),
        }
        let indices = view.get(field, "I")?;
        out.indexed = !indices.is_null();
        if out.indexed {
            let number = |o: &Object| o.as_integer().and_then(|n| usize::try_from(n).ok());
            out.indices = indices.as_array().and_then(|items| items.iter().map(number).collect());
        }
        out.top = view.get(field, "TI")?;
        Ok(out)
    }

    /// Whether the option says this value; what is shown counts where nothing is exported under that name.
    pub fn says(&self, (export, shown): &(String, String), value: &str) -> bool {
        export == value || (shown == value && self.options.iter().all(|(export, _)| export != value))
    }

    /// `selected`: the value or /I was changed; `moved`: the first option that is shown was.
    fn fits(&self, flags: i64, changed: bool, selected: bool, moved: bool) -> Outcome {
        let Some(chosen) = &self.chosen else { return Err("its value is no text") };
        let free = flags & COMBO != 0 && flags & EDIT != 0;
        let known = |value: &String| self.options.iter().any(|option| self.says(option, value));
        if changed && self.several && (flags & MULTI_SELECT == 0 || flags & COMBO != 0) {
            return Err("it takes one option only");
        }
        if changed && !free && !chosen.iter().filter(|value| !value.is_empty()).all(known) {
            return Err("its value is none of its options");
        }
        let Some(indices) = &self.indices else { return Err("its selection is no list of numbers") };
        if selected && self.indexed {
            let rising = indices.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
            let at = |n: &usize| self.options.get(*n);
            let right = |n: &usize| at(n).is_some_and(|o| chosen.iter().any(|value| self.says(o, value)));
            let shown = |value: &String| {
                !known(value) || indices.iter().any(|n| at(n).is_some_and(|option| self.says(option, value)))
            };
            if !(rising
                && indices.iter().all(right)
                && chosen.iter().all(shown)
                && indices.len() <= chosen.len())
            {
                return Err("its selection (/I) is another one than its value");
            }
        }
        // A combo box is no list that could begin elsewhere.
        if moved && !self.top.is_null() && flags & COMBO == 0 {
            let top = self.top.as_integer().and_then(|n| usize::try_from(n).ok());
            let first = self.options.iter().position(|o| chosen.iter().any(|value| self.says(o, value)));
            let visible =
                top.is_some_and(|top| top < self.options.len() && first.is_none_or(|first| top <= first));
            if !visible {
                return Err("its list would begin (/TI) behind what is chosen");
            }
        }
        Ok(())
    }
}

fn text(object: Option<&Object>) -> Option<String> {
    object?.as_string().map(|s| s.to_text())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LIST: i64 = 0;

    fn choice(value: &[&str], indices: Option<&[usize]>) -> Choice {
        let pair = |(export, shown): (&str, &str)| (export.to_owned(), shown.to_owned());
        Choice {
            options: [("hz", "Hangzhou"), ("bj", "Beijing"), ("bj", "Peking")].map(pair).into(),
            chosen: Some(value.iter().map(|v| (*v).to_owned()).collect()),
            several: value.len() > 1,
            indices: Some(indices.unwrap_or_default().to_vec()),
            indexed: indices.is_some(),
            top: Object::Null,
        }
    }

    #[test]
    fn a_choice_is_one_of_its_options() {
        for (flags, value, fits) in [
            (LIST, vec!["hz"], true),
            (LIST, vec!["Hangzhou"], true),
            (LIST, vec![""], true),
            (LIST, vec!["Mallory"], false),
            (COMBO, vec!["Mallory"], false),
            (COMBO | EDIT, vec!["Mallory"], true),
            (EDIT, vec!["Mallory"], false),
            (LIST, vec!["hz", "bj"], false),
            (MULTI_SELECT, vec!["hz", "bj"], true),
            (MULTI_SELECT, vec!["hz", "Mallory"], false),
            (COMBO | MULTI_SELECT, vec!["hz", "bj"], false),
        ] {
            assert_eq!(
                choice(&value, None).fits(flags, true, true, false).is_ok(),
                fits,
                "{value:?} with {flags}"
            );
        }
    }

    #[test]
    fn a_selection_says_what_the_value_says() {
        for (value, indices, fits) in [
            (vec!["hz"], &[0][..], true),
            (vec!["hz"], &[1], false),
            (vec!["bj"], &[1], true),
            (vec!["bj"], &[2], true),
            (vec!["bj"], &[1, 2], false),
            (vec!["hz", "bj"], &[0, 2], true),
            (vec!["hz", "bj"], &[2, 0], false),
            (vec!["hz", "bj"], &[0], false),
            (vec!["hz"], &[], false),
            (vec!["hz"], &[9], false),
            (vec![], &[0], false),
            (vec![], &[], true),
        ] {
            let said = choice(&value, Some(indices)).fits(MULTI_SELECT, true, true, false);
            assert_eq!(said.is_ok(), fits, "{value:?} with /I {indices:?}");
        }
        let none = Choice { indices: None, ..choice(&["hz"], Some(&[])) };
        assert!(none.fits(LIST, false, true, false).is_err());
    }

    #[test]
    fn a_list_begins_no_later_than_what_is_chosen() {
        for (top, flags, fits) in
            [(0, LIST, true), (1, LIST, true), (2, LIST, false), (-1, LIST, false), (2, COMBO, true)]
        {
            let moved = Choice { top: Object::Integer(top), ..choice(&["bj"], None) };
            assert_eq!(moved.fits(flags, false, false, true).is_ok(), fits, "/TI {top} with {flags}");
        }
    }
}
