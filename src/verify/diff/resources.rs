//! The form's default resources (ISO 32000-2 12.7.3): they may gain resources, and those that were there stay what they were.

use super::restated::is_plain_style;
use super::{Diff, Located, Referrers, Result, Spot, dict_of, number_of, segment};
use crate::pdf::syntax::{Dict, Name, Object};
use crate::verify::Attack;
use crate::verify::content::unescaped;
use crate::verify::font::{Font, Fonts};
use crate::verify::form::FieldType;
use std::collections::BTreeSet;

/// Resources by name (table 34), and the encodings that writers keep with them.
const CATEGORIES: [&str; 8] =
    ["Font", "XObject", "ExtGState", "ColorSpace", "Pattern", "Shading", "Properties", "Encoding"];

impl Diff<'_, '_, '_> {
    pub(super) fn resources(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<()> {
        let (before, after) = self.pair(at, old, new, "DR")?;
        let old_dr = dict_of(before.as_ref());
        let Some(after) = after else {
            if !old_dr.is_empty() {
                self.forbid(&at.key("DR"), Some(Attack::FontSwap), "the form's resources were removed");
            }
            return Ok(());
        };
        if before.as_ref().is_some_and(|b| b.object == after.object && !self.touches_below(&after)) {
            return Ok(());
        }
        self.explain(&at.key("DR"));
        self.accept(&after, Referrers::Explained);
        let new_dr = dict_of(Some(&after));
        let judged: Vec<&str> = CATEGORIES.into_iter().chain(["ProcSet"]).collect();
        for key in self.other_keys(&after.spot, &old_dr, &new_dr, &judged)? {
            self.forbid(&after.spot.key(&key), None, format!("/{key} of the form's resources was changed"));
        }
        let wanted = self.names_in_use(old)?;
        for category in CATEGORIES {
            self.category(category, &after.spot, &old_dr, &new_dr, &wanted)?;
        }
        Ok(())
    }

    fn category(
        &mut self,
        category: &str,
        at: &Spot,
        old: &Dict,
        new: &Dict,
        wanted: &BTreeSet<Vec<u8>>,
    ) -> Result<()> {
        let (before, after) = self.pair(at, old, new, category)?;
        let old_dict = dict_of(before.as_ref());
        let Some(after) = after.filter(|a| matches!(a.object, Object::Dictionary(_))) else {
            if old.contains(category) || new.contains(category) {
                let reason = format!("the form's resources of the kind {category} were removed");
                self.forbid(&at.key(category), Some(Attack::FontSwap), reason);
            }
            return Ok(());
        };
        self.explain(&at.key(category));
        self.accept(&after, Referrers::Explained);
        let new_dict = dict_of(Some(&after));
        for (name, _) in old_dict.iter().filter(|(name, was)| !was.is_null() && !has(&new_dict, name)) {
            let reason = format!("the form's resource {} was removed", name.lossy());
            self.forbid(&after.spot, Some(Attack::FontSwap), reason);
        }
        for (name, entry) in new_dict.iter() {
            let spot = after.spot.key(segment(name));
            let waited_for = wanted.contains(name.as_bytes())
                && !(category == "Font" && self.is_plain_font(&new_dict, name.as_bytes()));
            let reason = match old_dict.get_bytes(name.as_bytes()) {
                None if waited_for => {
                    format!(
                        "a resource joins the form under the name {} that a field waited for",
                        name.lossy()
                    )
                }
                None => {
                    self.explain_below(&spot, entry);
                    continue;
                }
                Some(was) if self.same(&spot, was, entry)? => continue,
                Some(_) => format!("the form's resource {} was replaced", name.lossy()),
            };
            self.forbid(&spot, Some(Attack::FontSwap), reason);
        }
        Ok(())
    }

    /// A default appearance may join the form: it sets nothing but a font and black.
    pub(super) fn default_style(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<()> {
        let (before, after) = (self.old.get(old, "DA")?, self.new.get(new, "DA")?);
        let joins = before.is_null() && is_plain_style(&after);
        if before != after && !joins {
            self.forbid(&at.key("DA"), Some(Attack::FontSwap), "the form's default appearance was changed");
        }
        Ok(())
    }

    /// Whether a font draws every ASCII code as that character.
    fn is_plain_font(&self, fonts: &Dict, name: &[u8]) -> bool {
        Font::named(self.new, fonts, &Fonts::of(Dict::new(), &self.known.programs), name).is_plain()
    }

    /// The names that the default appearances of the form, its text and choice fields and the pages' widgets use.
    fn names_in_use(&mut self, form: &Dict) -> Result<BTreeSet<Vec<u8>>> {
        let mut names = BTreeSet::new();
        self.names_in(form, &mut names)?;
        self.each_signed_field(form, |diff, field, own| {
            if own.kind != Some(FieldType::Button) {
                diff.names_in(field, &mut names)?;
            }
            Ok(())
        })?;
        for (_, widget) in self.signed_widgets()? {
            if FieldType::of(self.old, &widget) != Some(FieldType::Button) {
                self.names_in(&widget, &mut names)?;
            }
        }
        Ok(names)
    }

    fn names_in(&self, dict: &Dict, names: &mut BTreeSet<Vec<u8>>) -> Result<()> {
        let style = self.old.get(dict, "DA")?;
        let words = style.as_string().map(|style| style.as_bytes()).unwrap_or_default();
        for word in words.split(|&b| b.is_ascii_whitespace() || b == b'/') {
            names.insert(unescaped(word).into_owned());
        }
        Ok(())
    }

    /// Whether an object or the dictionaries directly below it were touched.
    fn touches_below(&self, at: &Located) -> bool {
        let touched = |n: u32| self.touched.contains_key(&n);
        (at.spot.path.is_empty() && touched(at.spot.owner))
            || at.dict().is_some_and(|d| d.iter().any(|(_, v)| number_of(v).is_some_and(touched)))
    }
}

fn has(dict: &Dict, name: &Name) -> bool {
    dict.get_bytes(name.as_bytes()).is_some_and(|value| !value.is_null())
}
