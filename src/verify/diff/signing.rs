//! Further signatures: existing fields that were signed, and new signature fields (ISO 32000-2 12.8.2.2, EN 319 142-1
//! 5.4.3 for document time stamps).

use super::catalog::value;
use super::fields::Inherited;
use super::{Diff, LaterSignature, Referrers, Result, Spot, array_of, number_of};
use crate::pdf::syntax::{Dict, Object, ObjectId};
use crate::verify::Attack;
use crate::verify::form::FieldType;
use std::collections::BTreeSet;

/// Keys that signing an existing field may add or change.
const SIGNING: [&str; 20] = [
    "V",
    "AP",
    "AS",
    "F",
    "Ff",
    "M",
    "MK",
    "DA",
    "DR",
    "BS",
    "Border",
    "H",
    "NM",
    "Contents",
    "Lock",
    "Type",
    "Subtype",
    "P",
    "Kids",
    "StructParent",
];
/// Keys that a new signature field may have.
const NEW_FIELD: [&str; 24] = [
    "Type",
    "Subtype",
    "FT",
    "T",
    "TU",
    "TM",
    "V",
    "F",
    "Ff",
    "Rect",
    "P",
    "AP",
    "AS",
    "MK",
    "DA",
    "DR",
    "Border",
    "BS",
    "H",
    "Lock",
    "SV",
    "M",
    "Contents",
    "StructParent",
];
/// Annotation flags (12.5.3): Invisible, Hidden and NoView, which keep a widget from the screen.
const HIDING: i64 = 2 | 32;

impl Diff<'_, '_, '_> {
    /// The signature that a field's /V names, if it was made later.
    fn later_signature(&self, at: &Spot, value: &Object) -> Option<LaterSignature> {
        match number_of(value) {
            Some(number) if self.touched.get(&number) == Some(&false) => self.later.get(&number).copied(),
            Some(_) => None,
            None => self.later.get(&at.owner).copied(),
        }
    }

    /// A field that waited for its signature has it now.
    pub(super) fn sign_existing(&mut self, at: &Spot, old: &Dict, new: &Dict, own: &Inherited) -> Result<()> {
        for key in self.other_keys(at, old, new, &SIGNING)? {
            self.forbid(
                &at.key(&key),
                Some(Attack::SneakySignature),
                format!("/{key} of field {} was changed while signing", own.name),
            );
        }
        if old.contains("Lock") && !self.same(&at.key("Lock"), &value(old, "Lock"), &value(new, "Lock"))? {
            self.forbid(
                &at.key("Lock"),
                Some(Attack::SneakySignature),
                format!("the lock of field {} was changed", own.name),
            );
        }
        let signature = value(new, "V");
        let Some(later) = self.later_signature(at, &signature) else {
            let reason = format!("field {} was given a value that is no later signature", own.name);
            self.forbid(&at.key("V"), Some(Attack::SneakySignature), reason);
            return Ok(());
        };
        self.explain_below(&at.key("V"), &signature);
        self.signed_appearance(at, old, new)?;
        self.judge_later(at, later, own, false);
        if later.sound && !later.timestamp && self.permissions.locked(&own.name) {
            let reason =
                format!("field {} was locked by a signature (FieldMDP, ISO 32000-2 12.8.2.4)", own.name);
            self.forbid(at, Some(Attack::SneakySignature), reason);
        }
        Ok(())
    }

    /// The separate widget of a field that was signed.
    pub(super) fn signed_widget(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<()> {
        for key in self.other_keys(at, old, new, &SIGNING)? {
            self.forbid(
                &at.key(&key),
                Some(Attack::SneakySignature),
                format!("/{key} of a signature's widget was changed"),
            );
        }
        self.signed_appearance(at, old, new)
    }

    /// What a widget that was just signed refers to; its appearance may be a new one or the old one made anew, as
    /// long as nothing else shows that.
    fn signed_appearance(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<()> {
        for key in ["MK", "Lock", "P"] {
            self.explain_below(&at.key(key), &value(new, key));
        }
        self.own_appearance(at, old, new);
        let Some(appearance) = Self::descend(self.new, at, new, "AP")? else { return Ok(()) };
        self.explain(&at.key("AP"));
        self.accept(&appearance, Referrers::Explained);
        let dict = super::dict_of(Some(&appearance));
        for key in ["N", "R", "D"] {
            let Some(stream) = Self::descend(self.new, &appearance.spot, &dict, key)? else { continue };
            self.explain(&appearance.spot.key(key));
            self.accept(&stream, Referrers::Explained);
            self.explain_resources(&stream, 0)?;
        }
        Ok(())
    }

    fn judge_later(
        &mut self,
        at: &Spot,
        later: LaterSignature,
        own: &Inherited,
        visible_after_certification: bool,
    ) {
        if !later.sound {
            let reason = format!("the later signature in field {} does not hold itself", own.name);
            self.forbid(at, Some(Attack::SneakySignature), reason);
        } else if later.timestamp {
            self.permit(at, format!("a document time stamp was added in {} (EN 319 142-1 5.4.3)", own.name));
        } else if !self.permissions.filling() {
            let reason = "the certification permits no further signature (DocMDP 1, ISO 32000-2 12.8.2.2)";
            self.forbid(at, Some(Attack::SneakySignature), reason);
        } else if visible_after_certification {
            let reason =
                format!("a new visible signature field {} was laid over a certified document", own.name);
            self.forbid(at, Some(Attack::SneakySignature), reason);
        } else {
            self.permit(at, format!("field {} was signed (ISO 32000-2 12.8.2.2, DocMDP 2)", own.name));
        }
    }

    /// A field that was not there at signing.
    pub(super) fn new_field(
        &mut self,
        at: &Spot,
        id: ObjectId,
        above: &Inherited,
        siblings: &BTreeSet<String>,
    ) -> Result<()> {
        let here = Spot { owner: id.number, path: String::new() };
        let object = self.new.object(id)?;
        let Some(dict) = object.as_dict() else {
            if !object.is_null() {
                self.forbid(
                    at,
                    Some(Attack::FieldOverlay),
                    "something that is no field was added to the form",
                );
            }
            return Ok(());
        };
        if self.touched.get(&id.number) != Some(&false) {
            let reason = "an object that was there at signing was made a field of the form";
            self.forbid(at, Some(Attack::ShadowHideAndReplace), reason);
            return Ok(());
        }
        let own = Inherited {
            name: crate::verify::form::qualified_name(&above.name, dict),
            kind: FieldType::of(dict).or(above.kind),
            flags: 0,
        };
        if own.kind != Some(FieldType::Signature) {
            self.forbid(
                &here,
                Some(Attack::FieldOverlay),
                format!("field {} was added, which is no signature field", own.name),
            );
            return Ok(());
        }
        let name = dict.get("T").and_then(Object::as_string).map(|s| s.to_text());
        if name.as_ref().is_none_or(|n| n.is_empty() || siblings.contains(n)) {
            self.forbid(&here, Some(Attack::SneakySignature), "a new signature field has no name of its own");
        }
        let widgets = self.widgets_of_new_field(&here, dict, above)?;
        let visible = widgets.iter().any(|w| self.is_visible(w));
        let shown = widgets.iter().any(|w| w.contains("AP") || w.contains("MK"));
        let signature = value(dict, "V");
        if signature.is_null() {
            return {
                self.unsigned_field(&here, &own, visible, shown);
                Ok(())
            };
        }
        match self.later_signature(&here, &signature) {
            Some(later) => self.judge_later(&here, later, &own, visible && self.permissions.certified),
            None => {
                let reason = format!("new field {} shows a signature that is not one made with it", own.name);
                self.forbid(&here, Some(Attack::SneakySignature), reason);
            }
        }
        Ok(())
    }

    fn unsigned_field(&mut self, at: &Spot, own: &Inherited, visible: bool, shown: bool) {
        if !self.permissions.filling() || (visible && (shown || self.permissions.certified)) {
            let reason = format!("field {} was added without a signature and is shown on the page", own.name);
            self.forbid(at, Some(Attack::FieldOverlay), reason);
        } else {
            self.permit(
                at,
                format!("an empty signature field {} was added (ISO 32000-2 12.7.5.5)", own.name),
            );
        }
    }

    /// The widgets of a new field: itself, or kids without a name, all new objects with known keys.
    fn widgets_of_new_field(&mut self, at: &Spot, dict: &Dict, above: &Inherited) -> Result<Vec<Dict>> {
        self.known_keys(at, dict, above.kind.is_some());
        let kids = Self::descend(self.new, at, dict, "Kids")?;
        let Some(kids) = kids else {
            self.new_widgets.insert(at.owner);
            return Ok(vec![dict.clone()]);
        };
        let mut widgets = Vec::new();
        for kid in array_of(Some(&kids)) {
            let number = number_of(&kid).filter(|n| self.touched.get(n) == Some(&false));
            let kid = self.new.resolve(&kid)?;
            let (Some(number), Some(widget)) = (number, kid.as_dict()) else {
                self.forbid(
                    at,
                    Some(Attack::SneakySignature),
                    "a new signature field has a kid that is not new",
                );
                continue;
            };
            if widget.contains("T") {
                self.forbid(at, Some(Attack::SneakySignature), "a new signature field has fields below it");
            }
            self.known_keys(&Spot { owner: number, path: String::new() }, widget, true);
            self.new_widgets.insert(number);
            widgets.push(widget.clone());
        }
        Ok(widgets)
    }

    fn known_keys(&mut self, at: &Spot, dict: &Dict, nested: bool) {
        for (key, _) in dict.iter() {
            let key = key.lossy();
            let structural =
                key == "Kids" || (nested && key == "Parent") || key == "NM" || key == "Q" || key == "C";
            if !NEW_FIELD.contains(&key.as_str()) && !structural {
                self.forbid(
                    &at.key(&key),
                    Some(Attack::SneakySignature),
                    format!("a new signature field has /{key}"),
                );
            }
        }
    }

    fn is_visible(&self, widget: &Dict) -> bool {
        if widget.get("F").and_then(Object::as_integer).is_some_and(|f| f & HIDING != 0) {
            return false;
        }
        let rect: Vec<f64> = self
            .new
            .get_array(widget, "Rect")
            .unwrap_or_default()
            .iter()
            .filter_map(Object::as_number)
            .collect();
        match rect.as_slice() {
            [left, bottom, right, top] => (right - left).abs() > 0.0 && (top - bottom).abs() > 0.0,
            [] => false,
            _ => true,
        }
    }

    /// Whether an object was made after signing.
    pub(super) fn is_new(&self, number: u32) -> bool {
        self.touched.get(&number) == Some(&false)
    }
}
