//! The interactive form: its fields as they were, filled where that is allowed, and new signature fields
//! (ISO 32000-2 12.7, 12.8.2.2).

use super::catalog::value;
use super::{Diff, Located, Referrers, Result, Spot, array_of, dict_of, number_of};
use crate::pdf::syntax::{Dict, Object, ObjectId};
use crate::verify::Attack;
use crate::verify::content::unescaped;
use crate::verify::font::{Font, Fonts};
use crate::verify::form::{FieldType, qualified_name};
use std::collections::BTreeSet;

pub(super) const MAX_DEPTH: usize = 32;
/// Field flags (table 227, 229): bit 1 ReadOnly, bit 17 Pushbutton.
pub(super) const READ_ONLY: i64 = 1;
const PUSHBUTTON: i64 = 1 << 16;

/// What a field has from above.
#[derive(Clone, Debug, Default)]
pub(super) struct Inherited {
    pub name: String,
    pub kind: Option<FieldType>,
    pub flags: i64,
}

impl Inherited {
    pub(super) fn with(&self, dict: &Dict) -> Self {
        Self {
            name: qualified_name(&self.name, dict),
            kind: FieldType::of(dict).or(self.kind),
            flags: dict.get("Ff").and_then(Object::as_integer).unwrap_or(self.flags),
        }
    }
}

/// Flags that show or hide nothing (table 167): ReadOnly, Locked, LockedContents; and Print, which may only be added to what is on the
/// screen anyway.
const UNSEEN_FLAGS: i64 = 4 | 64 | 128 | 512;
const PRINT: i64 = 4;
/// Hidden, NoView, ToggleNoView.
const OFF_SCREEN: i64 = 2 | 32 | 256;

/// Tools that fill a field often write its other keys again: a default in place of nothing, the operators of /DA in
/// another order, a thin border that only a frame's colour would show, the /Type that a widget need not name.
pub(super) fn restated(key: &str, before: &Object, after: &Object) -> bool {
    let flags = |o: &Object| if o.is_null() { Some(0) } else { o.as_integer() };
    match key {
        "Ff" => flags(before).is_some() && flags(before) == flags(after),
        "F" => matches!((flags(before), flags(after)),
            (Some(a), Some(b)) if (a ^ b) & !UNSEEN_FLAGS == 0
                && a & !b & PRINT == 0
                && (b & !a & PRINT == 0 || a & OFF_SCREEN == 0)),
        "BS" => [before, after].iter().all(|style| style.is_null() || style.as_dict().is_some_and(is_thin)),
        // The first option that a list box shows.
        "TI" => after.is_null() || after.as_integer().is_some(),
        "Type" => before.is_null() && after.as_name() == Some(b"Annot"),
        "DA" => match (before.as_string(), after.as_string()) {
            (Some(a), Some(b)) => operations(a.as_bytes()) == operations(b.as_bytes()),
            _ => false,
        },
        _ => false,
    }
}

fn is_thin(style: &Dict) -> bool {
    style.iter().all(|(key, value)| match key.as_bytes() {
        b"Type" | b"S" => value.as_name().is_some(),
        b"W" => value.as_number().is_some_and(|w| (0.0..=1.0).contains(&w)),
        _ => false,
    })
}

/// The names in a default appearance: its font's is one.
fn font_name(dict: &Dict, names: &mut BTreeSet<Vec<u8>>) {
    let style = dict.get("DA").and_then(Object::as_string);
    let words = style.map(|style| style.as_bytes()).unwrap_or_default();
    for word in words.split(|&b| b.is_ascii_whitespace() || b == b'/') {
        names.insert(unescaped(word).into_owned());
    }
}

/// The operators of a default appearance with their operands, in a fixed order.
pub(super) fn operations(appearance: &[u8]) -> BTreeSet<Vec<String>> {
    let text = String::from_utf8_lossy(appearance);
    let mut out = BTreeSet::new();
    let mut operation = Vec::new();
    for word in text.split_ascii_whitespace() {
        let number = word.parse::<f64>();
        let operator = number.is_err() && !word.starts_with('/');
        operation.push(number.map_or_else(|_| word.to_owned(), |n| n.to_string()));
        if operator {
            out.insert(std::mem::take(&mut operation));
        }
    }
    out.insert(operation);
    // Black is what a colour is without being told (table 51).
    out.retain(|operation| !matches!(operation.join(" ").as_str(), "0 g" | "0 0 0 rg" | ""));
    out
}

impl Diff<'_, '_, '_> {
    pub(super) fn acro_form(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<()> {
        let (before, after) = self.pair(at, old, new, "AcroForm")?;
        let Some(after) = after else {
            if before.is_some() {
                self.forbid(&at.key("AcroForm"), Some(Attack::SignatureRewritten), "the form was removed");
            }
            return Ok(());
        };
        self.explain(&at.key("AcroForm"));
        self.accept(&after, Referrers::Explained);
        let (old_form, new_form) = (dict_of(before.as_ref()), dict_of(Some(&after)));
        let judged = ["Fields", "SigFlags", "DR", "DA", "NeedAppearances"];
        for key in self.other_keys(&after.spot, &old_form, &new_form, &judged)? {
            self.forbid(
                &after.spot.key(&key),
                Some(Attack::IncrementalSaving),
                format!("the form's /{key} was changed"),
            );
        }
        self.form_flags(&after.spot, &old_form, &new_form)?;
        self.resources(&after.spot, &old_form, &new_form)?;
        let old_fields = Self::descend(self.old, &after.spot, &old_form, "Fields")?;
        let new_fields = Self::descend(self.new, &after.spot, &new_form, "Fields")?;
        self.explain(&after.spot.key("Fields"));
        let (old_list, new_list) = (array_of(old_fields.as_ref()), array_of(new_fields.as_ref()));
        if let Some(fields) = &new_fields {
            self.accept(fields, Referrers::Explained);
            self.field_list(&fields.spot, &old_list, &new_list, &Inherited::default(), 0)?;
        } else if !old_list.is_empty() {
            self.forbid(
                &after.spot.key("Fields"),
                Some(Attack::SignatureRewritten),
                "the fields were removed",
            );
        }
        Ok(())
    }

    fn form_flags(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<()> {
        let flags = |d: &Dict| d.get("SigFlags").and_then(Object::as_integer).unwrap_or(0);
        let (before, after) = (flags(old), flags(new));
        if after & before != before || !(0..=3).contains(&after) {
            self.forbid(&at.key("SigFlags"), None, "the signature flags were taken back");
        }
        let wanted = |d: &Dict| d.get("NeedAppearances").and_then(Object::as_bool).unwrap_or(false);
        if wanted(new) && !wanted(old) {
            if self.permissions.filling() && self.values_are_shown(old)? {
                let reason = "appearances are to be made anew; every field showed its value when it was signed, \
                              or nothing and may be filled";
                self.permit(&at.key("NeedAppearances"), reason);
            } else {
                let reason = "appearances are to be made anew: what is shown may differ from what was signed";
                self.forbid(&at.key("NeedAppearances"), Some(Attack::ShadowReplace), reason);
            }
        }
        let (before, after) = (value(old, "DA"), value(new, "DA"));
        if before != after && !before.is_null() {
            self.forbid(&at.key("DA"), Some(Attack::FontSwap), "the form's default appearance was changed");
        }
        Ok(())
    }

    /// /DR may gain resources; those that were there stay what they were.
    fn resources(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<()> {
        let (before, after) = self.pair(at, old, new, "DR")?;
        let Some(after) = after else { return Ok(()) };
        if before.as_ref().is_some_and(|b| b.object == after.object && !self.touches_below(&after)) {
            return Ok(());
        }
        self.explain(&at.key("DR"));
        self.accept(&after, Referrers::Explained);
        let (old_dr, new_dr) = (dict_of(before.as_ref()), dict_of(Some(&after)));
        for (category, _) in new_dr.iter() {
            let category = category.lossy();
            let old_entries = Self::descend(self.old, &after.spot, &old_dr, &category)?;
            let Some(new_entries) = Self::descend(self.new, &after.spot, &new_dr, &category)? else {
                continue;
            };
            self.explain(&after.spot.key(&category));
            if !matches!(new_entries.object, Object::Dictionary(_)) {
                continue;
            }
            self.accept(&new_entries, Referrers::Explained);
            let (old_dict, new_dict) = (dict_of(old_entries.as_ref()), dict_of(Some(&new_entries)));
            let wanted = if category == "Font" { self.fonts_in_use(old)? } else { BTreeSet::new() };
            for (name, entry) in new_dict.iter() {
                let spot = new_entries.spot.key(name.lossy());
                match old_dict.get_bytes(name.as_bytes()) {
                    None if wanted.contains(name.as_bytes())
                        && !self.is_plain_font(&new_dict, name.as_bytes()) =>
                    {
                        let reason = format!(
                            "a font joins the form under the name {} that a field waited for",
                            name.lossy()
                        );
                        self.forbid(&spot, Some(Attack::FontSwap), reason);
                    }
                    None => self.explain_below(&spot, entry),
                    Some(was) if self.same(&spot, was, entry)? => {}
                    Some(_) => {
                        let reason = format!("the form's resource {} was replaced", name.lossy());
                        self.forbid(&spot, Some(Attack::FontSwap), reason);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a font draws every ASCII code as that character.
    fn is_plain_font(&self, fonts: &Dict, name: &[u8]) -> bool {
        Font::named(self.new, fonts, &Fonts::of(Dict::new(), &self.known.programs), name).is_plain()
    }

    /// The names of the fonts that the form and its text and choice fields are written in (/DA).
    fn fonts_in_use(&mut self, form: &Dict) -> Result<BTreeSet<Vec<u8>>> {
        let mut names = BTreeSet::new();
        font_name(form, &mut names);
        let mut waiting: Vec<(Object, Inherited, usize)> = Vec::new();
        let fields = self.old.get_array(form, "Fields")?;
        waiting.extend(fields.into_iter().map(|field| (field, Inherited::default(), 0)));
        while let Some((field, above, depth)) = waiting.pop() {
            self.step()?;
            let field = self.old.resolve(&field)?;
            let Some(dict) = field.as_dict() else { continue };
            let own = above.with(dict);
            if own.kind != Some(FieldType::Button) {
                font_name(dict, &mut names);
            }
            if depth < MAX_DEPTH {
                let kids = self.old.get_array(dict, "Kids")?;
                waiting.extend(kids.into_iter().map(|kid| (kid, own.clone(), depth + 1)));
            }
        }
        Ok(names)
    }

    /// Whether an object or the dictionaries directly below it were touched.
    fn touches_below(&self, at: &Located) -> bool {
        let touched = |n: u32| self.touched.contains_key(&n);
        (at.spot.path.is_empty() && touched(at.spot.owner))
            || at.dict().is_some_and(|d| d.iter().any(|(_, v)| number_of(v).is_some_and(touched)))
    }

    /// Fields or kids: all that were there are still there; what joins them must be a signature field.
    fn field_list(
        &mut self,
        at: &Spot,
        old: &[Object],
        new: &[Object],
        above: &Inherited,
        depth: usize,
    ) -> Result<()> {
        self.step()?;
        if depth > MAX_DEPTH {
            self.forbid(at, None, "the field tree is too deep");
            return Ok(());
        }
        let before: BTreeSet<u32> = old.iter().filter_map(number_of).collect();
        let mut seen = BTreeSet::new();
        let names = self.sibling_names(old);
        for (n, item) in new.iter().enumerate() {
            let spot = at.key(n);
            let Some(id) = item.as_reference() else {
                if !old.contains(item) {
                    self.forbid(
                        &spot,
                        Some(Attack::FieldOverlay),
                        "a field that is no object of its own was added",
                    );
                }
                continue;
            };
            self.explain(&spot);
            if !seen.insert(id.number) {
                if old.iter().filter(|o| number_of(o) == Some(id.number)).count() < 2 {
                    self.forbid(&spot, None, "a field is listed twice");
                }
            } else if before.contains(&id.number) {
                self.field(id, above, depth)?;
            } else {
                self.new_field(&spot, id, above, &names)?;
            }
        }
        for gone in before.difference(&seen) {
            if !self.old.object(ObjectId::new(*gone)).is_ok_and(|o| o.is_null()) {
                self.forbid(at, Some(Attack::SignatureRewritten), format!("field {gone} was removed"));
            }
        }
        Ok(())
    }

    fn sibling_names(&self, fields: &[Object]) -> BTreeSet<String> {
        let dict = |o: &Object| self.old.resolve(o).ok().and_then(|o| o.as_dict().cloned());
        fields.iter().filter_map(dict).filter_map(|d| Some(d.get("T")?.as_string()?.to_text())).collect()
    }

    /// A field that was there, and everything below it.
    fn field(&mut self, id: ObjectId, above: &Inherited, depth: usize) -> Result<()> {
        let at = Spot { owner: id.number, path: String::new() };
        if !self.visited.insert(id.number) {
            self.forbid(&at, Some(Attack::FieldOverlay), "a field stands in two places of the form");
            return Ok(());
        }
        let (old, new) = (self.old.object(id)?, self.new.object(id)?);
        let (Some(old), Some(new)) = (old.as_dict(), new.as_dict()) else {
            if !old.is_null() {
                self.forbid(&at, Some(Attack::SignatureRewritten), "a field was replaced by something else");
            }
            return Ok(());
        };
        let own = above.with(old);
        let changed = self.changed(id.number)?;
        if changed {
            self.accepted.insert(id.number, Referrers::Any);
        }
        self.judge_field(&at, old, new, &own, changed)?;
        let (before, after) = self.pair(&at, old, new, "Kids")?;
        let (Some(before), Some(after)) = (before, after) else {
            if old.contains("Kids") != new.contains("Kids") {
                self.forbid(&at.key("Kids"), Some(Attack::FieldOverlay), "a field gained or lost its kids");
            }
            return Ok(());
        };
        self.explain(&at.key("Kids"));
        self.accept(&after, Referrers::Explained);
        let kids = array_of(Some(&before));
        let signed_now = own.kind == Some(FieldType::Signature) && !old.contains("V") && new.contains("V");
        if kids.iter().all(|kid| self.is_widget(kid)) {
            self.states_agree(
                &at,
                (old, new),
                &kids.iter().filter_map(Object::as_reference).collect::<Vec<_>>(),
                &own,
            )?;
            self.widgets(&after.spot, &kids, &array_of(Some(&after)), &own, (old, new, signed_now))
        } else {
            self.field_list(&after.spot, &kids, &array_of(Some(&after)), &own, depth + 1)
        }
    }

    fn is_widget(&self, kid: &Object) -> bool {
        self.old.resolve(kid).is_ok_and(|o| o.as_dict().is_some_and(|d| !d.contains("T")))
    }

    /// The widgets of one field: the same ones, with new appearances where the field may be filled.
    fn widgets(
        &mut self,
        at: &Spot,
        old: &[Object],
        new: &[Object],
        own: &Inherited,
        (was, field, signed_now): (&Dict, &Dict, bool),
    ) -> Result<()> {
        if old != new {
            self.forbid(at, Some(Attack::FieldOverlay), "a field's widgets were changed");
            return Ok(());
        }
        for (n, id) in old.iter().enumerate().filter_map(|(n, o)| Some((n, o.as_reference()?))) {
            self.explain(&at.key(n));
            if !self.changed(id.number)? && !signed_now {
                // The appearance may be an object of its own and touched: that is judged with the value.
                self.untouched_widget(id, own, (was, field))?;
                continue;
            }
            self.accepted.insert(id.number, Referrers::Any);
            let spot = Spot { owner: id.number, path: String::new() };
            let (before, after) = (self.old.object(id)?, self.new.object(id)?);
            let (Some(before), Some(after)) = (before.as_dict(), after.as_dict()) else {
                self.forbid(&spot, Some(Attack::FieldOverlay), "a widget was replaced by something else");
                continue;
            };
            if signed_now {
                self.signed_widget(&spot, before, after)?;
            } else {
                self.filled_widget(&spot, before, after, own, field)?;
            }
        }
        Ok(())
    }

    fn untouched_widget(
        &mut self,
        id: ObjectId,
        own: &Inherited,
        (was, field): (&Dict, &Dict),
    ) -> Result<()> {
        let object = self.new.object(id)?;
        let Some(dict) = object.as_dict() else { return Ok(()) };
        let spot = Spot { owner: id.number, path: String::new() };
        if matches!(own.kind, Some(FieldType::Text | FieldType::Choice))
            && self.appearance_touched(&spot, dict)?
        {
            self.filled_widget(&spot, dict, dict, own, field)?;
        } else if matches!(own.kind, Some(FieldType::Text | FieldType::Choice))
            && self.old.get(was, "V")? != self.new.get(field, "V")?
        {
            // Another widget may show the new value; this one must not go on showing the old.
            self.left_behind(&spot, dict, own, field)?;
        }
        Ok(())
    }

    /// The keys of one field dictionary.
    fn judge_field(
        &mut self,
        at: &Spot,
        old: &Dict,
        new: &Dict,
        own: &Inherited,
        changed: bool,
    ) -> Result<()> {
        let merged = own.kind.is_some() && !new.contains("Kids");
        match own.kind {
            Some(FieldType::Signature) if !old.contains("V") && new.contains("V") => {
                self.sign_existing(at, old, new, own)
            }
            Some(FieldType::Signature) | None if changed => {
                for key in self.other_keys(at, old, new, &["Kids"])? {
                    if restated(&key, &value(old, &key), &value(new, &key)) {
                        continue;
                    }
                    let signed = own.kind.is_some() && old.contains("V");
                    let attack = if signed { Attack::SignatureRewritten } else { Attack::FieldOverlay };
                    self.forbid(
                        &at.key(&key),
                        Some(attack),
                        format!("/{key} of field {} was changed", own.name),
                    );
                }
                Ok(())
            }
            Some(FieldType::Text | FieldType::Choice | FieldType::Button) => {
                let touched = changed
                    || self.value_touched(at, new)?
                    || (merged && self.appearance_touched(at, new)?);
                if touched { self.fill(at, old, new, own, merged) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn value_touched(&self, at: &Spot, dict: &Dict) -> Result<bool> {
        let value = Self::descend(self.new, at, dict, "V")?;
        value.map_or(
            Ok(false),
            |v| if v.spot.path.is_empty() { self.changed(v.spot.owner) } else { Ok(false) },
        )
    }

    /// Filling: the value, its rich text and selection, and the appearance that shows it.
    fn fill(&mut self, at: &Spot, old: &Dict, new: &Dict, own: &Inherited, merged: bool) -> Result<()> {
        let refused = if !self.permissions.filling() {
            Some("the certification does not permit filling fields (DocMDP, ISO 32000-2 12.8.2.2)")
        } else if self.permissions.locked(&own.name) {
            Some("the field was locked by a signature (FieldMDP, ISO 32000-2 12.8.2.4)")
        } else if own.flags & READ_ONLY != 0 {
            Some("the field is read-only")
        } else if own.kind == Some(FieldType::Button) && own.flags & PUSHBUTTON != 0 {
            Some("a push button has no value to fill")
        } else {
            None
        };
        if let Some(reason) = refused {
            self.forbid(at, Some(Attack::IncrementalSaving), format!("field {}: {reason}", own.name));
            return Ok(());
        }
        let judged = ["V", "AP", "AS", "I", "RV", "M", "Kids"];
        for key in self.other_keys(at, old, new, &judged)? {
            if restated(&key, &value(old, &key), &value(new, &key))
                || (key == "DA"
                    && own.kind != Some(FieldType::Button)
                    && self.names_plain_font(old, old, &value(new, &key))?)
            {
                continue;
            }
            self.forbid(
                &at.key(&key),
                Some(Attack::FieldOverlay),
                format!("/{key} of field {} was changed", own.name),
            );
        }
        for key in ["V", "I", "RV"] {
            if let Some(filled) = Self::descend(self.new, at, new, key)? {
                self.explain(&at.key(key));
                self.accept(&filled, Referrers::Explained);
                let plain = match &filled.object {
                    Object::Array(items) => {
                        items.iter().all(|i| matches!(i, Object::String(_) | Object::Integer(_)))
                    }
                    Object::Dictionary(_) | Object::Reference(_) => false,
                    _ => true,
                };
                if !plain {
                    self.forbid(&at.key(key), None, format!("/{key} of field {} is no value", own.name));
                }
            }
        }
        self.rich_text_agrees(at, old, new, own)?;
        if merged {
            self.states_agree(at, (old, new), &[], own)?;
            self.filled_widget(at, old, new, own, new)?;
        }
        self.permit(at, format!("field {} was filled (ISO 32000-2 12.8.2.2, DocMDP 2)", own.name));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_show_or_hide_nothing_may_be_written_again() {
        let same = |before: Object, after: i64| restated("F", &before, &Object::Integer(after));
        for (before, after) in [(0, 4), (4, 132), (68, 4 | 128 | 512), (4, 4)] {
            assert!(same(Object::Integer(before), after), "{before} to {after}");
        }
        assert!(same(Object::Null, 4), "no flags are 0");
        // Hidden or shown; printed no more; NoView and ToggleNoView with Print are seen on paper.
        for (before, after) in [(0, 2), (4, 0), (2, 0), (32, 36), (288, 292), (2, 6), (4, 36), (36, 4)] {
            assert!(!same(Object::Integer(before), after), "{before} to {after}");
        }
        assert!(!restated("F", &Object::Integer(4), &Object::Name("4".into())));
    }
}
