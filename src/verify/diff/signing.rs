//! Further signatures: existing fields that were signed, and new signature fields (ISO 32000-2 12.8.2.2, EN 319 142-1
//! 5.4.3 for document time stamps).

use super::catalog::value;
use super::covering::is_fixed;
use super::fields::Inherited;
use super::joining::{has_drawn_look, has_look};
use super::{Diff, LaterSignature, Referrers, Result, Spot, array_of, number_of};
use crate::pdf::syntax::{Dict, Object, ObjectId, View};
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
/// Keys of a new field that its widgets do not have.
const FIELD_ONLY: [&str; 6] = ["T", "TU", "TM", "V", "Lock", "SV"];
/// The annotation flag Hidden (12.5.3). It alone keeps a widget from screen and paper: what has NoView can be printed.
const HIDDEN: i32 = 2;
/// Hidden, NoView, ToggleNoView; Print; ReadOnly, Locked, LockedContents (12.5.3).
const OFF_SCREEN: i64 = 2 | 32 | 256;
const PRINT: i64 = 4;
const LOCKING: i64 = 64 | 128 | 512;
/// Keys of a widget that decide what is seen of it.
const SHOWING: [&str; 9] = ["AP", "AS", "F", "MK", "DA", "DR", "BS", "Border", "Contents"];

/// What a later signature brings to the page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Nothing, or nothing new.
    Nothing,
    /// An appearance in a field that waited for it.
    InItsField,
    /// An appearance where there was no field.
    InNewField,
}

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
        self.still_a_widget(at, old, new);
        self.flags_while_signing(at, old, new);
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
        let shown = if self.looks_different(at, old, new)? { Shown::InItsField } else { Shown::Nothing };
        self.judge_later(at, later, own, shown);
        if later.sound && !later.timestamp && self.permissions.locked(&own.name) {
            let reason =
                format!("field {} was locked by a signature (FieldMDP, ISO 32000-2 12.8.2.4)", own.name);
            self.forbid(at, Some(Attack::SneakySignature), reason);
        }
        Ok(())
    }

    /// Signing may lock and print a widget, and show one that was hidden where nothing is certified; it does not let it leave its place.
    fn flags_while_signing(&mut self, at: &Spot, old: &Dict, new: &Dict) {
        let flags = |flags: Object| if flags.is_null() { Some(0) } else { flags.as_integer() };
        let (before, after) = (flags(value(old, "F")), flags(value(new, "F")));
        let may_change = match before {
            _ if !self.permissions.certified && after.is_some_and(|flags| flags & OFF_SCREEN == 0) => {
                LOCKING | PRINT | OFF_SCREEN
            }
            // What was kept from the screen could be seen on paper.
            Some(before) if before & OFF_SCREEN != 0 => LOCKING,
            _ => LOCKING | PRINT,
        };
        let same = before.zip(after).is_some_and(|(before, after)| (before ^ after) & !may_change == 0);
        if !same && value(old, "F") != value(new, "F") {
            let reason = "the flags of a signature's widget were changed: it may be shown elsewhere";
            self.forbid(&at.key("F"), Some(Attack::SneakySignature), reason);
        }
        if self.permissions.certified && is_fixed(new).is_err() && is_visible(self.new, new) {
            let reason =
                "a signature's widget is not turned and scaled with its page and may leave its place";
            self.forbid(&at.key("F"), Some(Attack::SneakySignature), reason);
        }
    }

    /// Signing makes a widget of a field at most, and shows no hidden one on a certified document.
    fn still_a_widget(&mut self, at: &Spot, old: &Dict, new: &Dict) {
        let is = |key: &str, name: &str| value(old, key) == value(new, key) || new.is_name(key, name);
        if !is("Type", "Annot") || !is("Subtype", "Widget") {
            let reason = "a signature's widget was made another kind of annotation";
            self.forbid(at, Some(Attack::SneakySignature), reason);
        }
        if self.permissions.certified && is_visible(self.new, new) && !is_visible(self.old, old) {
            let reason = "a hidden signature field was laid over a certified document";
            self.forbid(at, Some(Attack::SneakySignature), reason);
        }
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
        if !self.permissions.filling() && self.looks_different(at, old, new)? {
            let reason =
                "a signature's widget shows something else, which the certification forbids (DocMDP 1)";
            self.forbid(at, Some(Attack::SneakySignature), reason);
        }
        self.still_a_widget(at, old, new);
        self.flags_while_signing(at, old, new);
        self.signed_appearance(at, old, new)
    }

    /// Whether a widget that can be seen was given another look.
    fn looks_different(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<bool> {
        if !is_visible(self.new, new) {
            return Ok(false);
        }
        for key in SHOWING {
            if !self.same(&at.key(key), &value(old, key), &value(new, key))? {
                return Ok(true);
            }
        }
        Ok(false)
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
        if self.permissions.certified && has_drawn_look(self.new, new) && !is_boxed(self.new, &dict) {
            let reason = "a signature's appearance has no bounding box: it may be drawn anywhere";
            self.forbid(at, Some(Attack::SneakySignature), reason);
        }
        Ok(())
    }

    fn judge_later(&mut self, at: &Spot, later: LaterSignature, own: &Inherited, shown: Shown) {
        let name = &own.name;
        let refused =
            |this: &mut Self, reason: String| this.forbid(at, Some(Attack::SneakySignature), reason);
        if !later.sound {
            refused(self, format!("the later signature in field {name} does not hold itself"));
        } else if !later.timestamp && !self.permissions.filling() {
            let reason = "the certification permits no further signature (DocMDP 1, ISO 32000-2 12.8.2.2)";
            refused(self, reason.into());
        } else if shown == Shown::InNewField && (self.permissions.certified || !self.permissions.filling()) {
            refused(self, format!("a new visible signature field {name} was laid over a certified document"));
        } else if shown == Shown::InItsField && !self.permissions.filling() {
            let reason = format!("the time stamp in field {name} is shown, which the certification forbids");
            refused(self, reason);
        } else if later.timestamp {
            self.permit(at, format!("a document time stamp was added in {name} (EN 319 142-1 5.4.3)"));
        } else if shown == Shown::InNewField {
            let reason =
                format!("a new field {name} was signed and is shown on the page (ISO 32000-2 12.8.2.2)");
            self.permit(at, reason);
        } else {
            self.permit(at, format!("field {name} was signed (ISO 32000-2 12.8.2.2, DocMDP 2)"));
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
        let own = above.with(self.new, dict);
        let group = Inherited { number: Some(id.number), depth: above.depth + 1, ..own.clone() };
        if self.new_group(&here, dict, &group, above, siblings)? {
            return Ok(());
        }
        if !self.visited.insert(id.number) {
            self.forbid(&here, Some(Attack::FieldOverlay), "a field stands in two places of the form");
            return Ok(());
        }
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
        let visible = widgets.iter().any(|w| is_visible(self.new, w));
        let shown = widgets.iter().any(|w| has_look(self.new, w));
        let signature = value(dict, "V");
        if signature.is_null() {
            return {
                self.unsigned_field(&here, &own, visible, shown);
                Ok(())
            };
        }
        match self.later_signature(&here, &signature) {
            Some(later) => {
                let shown = if visible { Shown::InNewField } else { Shown::Nothing };
                self.judge_later(&here, later, &own, shown);
            }
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
        self.known_keys(at, dict, above.number);
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
            let kid_at = Spot { owner: number, path: String::new() };
            self.known_keys(&kid_at, widget, Some(at.owner));
            let is_field = FIELD_ONLY.iter().any(|key| widget.contains(key));
            if is_field || !matches!(FieldType::of(self.new, widget), None | Some(FieldType::Signature)) {
                let reason = "a widget of a new signature field says that it is another field";
                self.forbid(&kid_at, Some(Attack::FieldOverlay), reason);
            }
            self.new_widgets.insert(number);
            widgets.push(widget.clone());
        }
        Ok(widgets)
    }

    /// `parent` is the field above, which /Parent must name: viewers take from there what the field is and shows.
    fn known_keys(&mut self, at: &Spot, dict: &Dict, parent: Option<u32>) {
        if dict.contains("Parent") && (parent.is_none() || dict.get("Parent").and_then(number_of) != parent) {
            let reason = "a new signature field names a field above it that it does not belong to";
            self.forbid(&at.key("Parent"), Some(Attack::FieldOverlay), reason);
        }
        for (key, _) in dict.iter() {
            let key = super::segment(key);
            let structural = ["Kids", "Parent", "NM", "Q", "C"].contains(&key.as_str());
            if !NEW_FIELD.contains(&key.as_str()) && !structural {
                self.forbid(
                    &at.key(&key),
                    Some(Attack::SneakySignature),
                    format!("a new signature field has /{key}"),
                );
            }
        }
    }

    /// Whether an object was made after signing.
    pub(super) fn is_new(&self, number: u32) -> bool {
        self.touched.get(&number) == Some(&false)
    }
}

/// Whether a widget is on the screen or on paper. What cannot be told is; so is a look without an area, which some readers draw in its
/// own size.
fn is_visible(view: View<'_, '_>, widget: &Dict) -> bool {
    // What is beyond 32 bits is read in several ways.
    let flags = view.get(widget, "F").unwrap_or_default().as_integer().and_then(|f| i32::try_from(f).ok());
    if flags.is_some_and(|flags| flags >= 0 && flags & HIDDEN != 0) {
        return false;
    }
    let look = has_drawn_look(view, widget);
    let Some(rect) = widget.get("Rect").filter(|rect| !rect.is_null()) else { return look };
    let rect = view.resolve(rect).unwrap_or_default();
    let number = |o: &Object| view.resolve(o).ok()?.as_number();
    let numbers: Option<Vec<f64>> = rect.as_array().and_then(|items| items.iter().map(number).collect());
    match numbers.as_deref() {
        Some([left, bottom, right, top]) => {
            look || ((right - left).abs() > 0.0 && (top - bottom).abs() > 0.0)
        }
        _ => true,
    }
}

/// Whether every look of an appearance dictionary has a bounding box with an area.
fn is_boxed(view: View<'_, '_>, appearance: &Dict) -> bool {
    appearance.iter().all(|(_, look)| {
        let Ok(Object::Stream(stream)) = view.resolve(look) else { return false };
        let corners = view.get_array(&stream.dict, "BBox").unwrap_or_default();
        let corners: Vec<f64> = corners.iter().filter_map(|n| view.resolve(n).ok()?.as_number()).collect();
        matches!(*corners.as_slice(), [l, b, r, t] if (r - l).abs() > 0.0 && (t - b).abs() > 0.0)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pdf::sign::testing::with_table;
    use crate::pdf::syntax::Document;

    #[test]
    fn a_widget_is_visible_unless_it_is_seen_to_be_hidden() {
        let objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 0>>", "50", "0"];
        let file = with_table(&objects.map(str::to_owned));
        let document = Document::open(&file).unwrap();
        let number = |n: i64| Object::Integer(n);
        let at = |n: u32| Object::Reference(ObjectId::new(n));
        let shown = |flags: i64, rect: Vec<Object>| {
            let widget = Dict::new().with("F", flags).with("Rect", Object::Array(rect));
            is_visible(document.latest(), &widget)
        };
        let area = || vec![number(0), number(0), number(50), number(50)];
        for (flags, visible) in
            [(4, true), (0, true), (2, false), (6, false), (32, true), (36, true), (288, true)]
        {
            assert_eq!(shown(flags, area()), visible, "/F {flags}");
        }
        assert!(!shown(4, vec![number(0); 4]), "no area");
        assert!(shown(4, vec![at(4), at(4), at(3), at(3)]), "numbers of their own");
        assert!(shown(4, vec![]), "a rectangle that is none");
        assert!(!is_visible(document.latest(), &Dict::new()), "no rectangle");
    }
}
