//! The interactive form: its fields as they were, filled where that is allowed, and new signature fields
//! (ISO 32000-2 12.7, 12.8.2.2).

use super::catalog::value;
use super::restated::restated;
use super::{Diff, Referrers, Result, Spot, array_of, dict_of, number_of};
use crate::pdf::syntax::{Dict, Object, ObjectId, PdfString, View};
use crate::verify::Attack;
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
    /// The object that the field itself is.
    pub number: Option<u32>,
    /// The flags that would hold without its own.
    pub flags_above: i64,
    /// New fields above it.
    pub depth: usize,
    /// The default appearance that it or a field above it states.
    pub style: Option<PdfString>,
    /// Whether it or a field above it brings resources, which the standard does not know and some readers use.
    pub brings_resources: bool,
}

/// Keys under which fields and widgets are referred to: the form's tree, the pages, the structure, actions and renditions.
const FIELD_REFERRERS: Referrers = Referrers::Under(&[
    "Fields",
    "Kids",
    "Annots",
    "Parent",
    "Obj",
    "CO",
    "T",
    "Data",
    "AN",
    "IRT",
    "Popup",
    "PieceInfo",
]);

impl Inherited {
    pub(super) fn with(&self, view: View<'_, '_>, dict: &Dict) -> Self {
        let flags = view.get(dict, "Ff").unwrap_or_default();
        Self {
            name: qualified_name(view, &self.name, dict),
            kind: FieldType::of(view, dict).or(self.kind),
            flags: flags.as_integer().unwrap_or(self.flags),
            number: None,
            flags_above: self.flags,
            depth: self.depth,
            style: view.get(dict, "DA").unwrap_or_default().as_string().or(self.style.as_ref()).cloned(),
            brings_resources: self.brings_resources || dict.contains("DR"),
        }
    }
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
        let flags = |view: View<'_, '_>, d: &Dict| -> Result<i64> {
            Ok(view.get(d, "SigFlags")?.as_integer().unwrap_or(0))
        };
        let (before, after) = (flags(self.old, old)?, flags(self.new, new)?);
        if after & before != before || !(0..=3).contains(&after) {
            self.forbid(&at.key("SigFlags"), None, "the signature flags were taken back");
        }
        let wanted = |view: View<'_, '_>, d: &Dict| -> Result<bool> {
            Ok(view.get(d, "NeedAppearances")?.as_bool().unwrap_or(false))
        };
        let (before, after) = (wanted(self.old, old)?, wanted(self.new, new)?);
        if before && !after && !self.values_are_shown(new, true)? {
            let reason =
                "appearances are not to be made anew any more, and not all of them show their values";
            self.forbid(&at.key("NeedAppearances"), Some(Attack::ShadowReplace), reason);
        }
        if after && !before {
            if self.permissions.filling() && self.values_are_shown(old, false)? {
                let reason = "appearances are to be made anew; every field showed its value when it was signed, \
                              or nothing and may be filled";
                self.permit(&at.key("NeedAppearances"), reason);
            } else {
                let reason = "appearances are to be made anew: what is shown may differ from what was signed";
                self.forbid(&at.key("NeedAppearances"), Some(Attack::ShadowReplace), reason);
            }
        }
        self.default_style(at, old, new)
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
        let name = |d: Dict| Some(self.old.get(&d, "T").ok()?.as_string()?.to_text());
        fields.iter().filter_map(dict).filter_map(name).collect()
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
        let own = Inherited { number: Some(id.number), ..above.with(self.old, old) };
        let changed = self.changed(id.number)?;
        if changed {
            self.accept_dictionary(id.number, FIELD_REFERRERS)?;
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
        let signed_now = own.kind == Some(FieldType::Signature) && is_signed_now(old, new);
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

    fn has_fields_below(&self, field: &Dict) -> Result<bool> {
        Ok(self.old.get_array(field, "Kids")?.iter().any(|kid| !self.is_widget(kid)))
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
        for (n, item) in old.iter().enumerate() {
            let Some(id) = item.as_reference() else {
                self.step()?;
                if let (Some(widget), false) =
                    (item.as_dict(), self.old.get(was, "V")? == self.new.get(field, "V")?)
                {
                    self.left_behind(&at.key(n), widget, own, (was, field))?;
                }
                continue;
            };
            self.explain(&at.key(n));
            if !self.changed(id.number)? && !signed_now {
                // The appearance may be an object of its own and touched: that is judged with the value.
                self.untouched_widget(id, own, (was, field))?;
                continue;
            }
            self.accept_dictionary(id.number, FIELD_REFERRERS)?;
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
            self.left_behind(&spot, dict, own, (was, field))?;
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
            Some(FieldType::Signature) if is_signed_now(old, new) => self.sign_existing(at, old, new, own),
            // A value that named kids inherit is theirs: each of them may be locked, and shows its own.
            _ if changed
                && (matches!(own.kind, Some(FieldType::Signature) | None)
                    || self.has_fields_below(old)?) =>
            {
                for key in self.other_keys(at, old, new, &["Kids"])? {
                    if restated(&key, &value(old, &key), &value(new, &key), own.flags_above) {
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
        let judged = ["V", "AP", "AS", "I", "TI", "RV", "M", "Kids"];
        self.rest_is_restated(at, (old, new), &judged, (own, own.flags_above), "field")?;
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
        self.value_fits(at, old, new, own)?;
        self.rich_text_agrees(at, old, new, own)?;
        if merged {
            self.states_agree(at, (old, new), &[], own)?;
            self.filled_widget(at, old, new, own, new)?;
        }
        self.permit(at, format!("field {} was filled (ISO 32000-2 12.8.2.2, DocMDP 2)", own.name));
        Ok(())
    }
}

fn is_signed_now(old: &Dict, new: &Dict) -> bool {
    value(old, "V").is_null() && !value(new, "V").is_null()
}
