//! The interactive form's fields as a tree with what they inherit (ISO 32000-2 12.7.4).

use crate::pdf::syntax::{Dict, Object, ObjectId, View};
use std::collections::{HashMap, HashSet};

/// Fields that are looked at in one revision, at most.
const MAX_FIELDS: usize = 20_000;
/// Levels of the field tree, at most.
const MAX_DEPTH: usize = 32;

/// A field type (/FT), inherited or its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldType {
    Button,
    Text,
    Choice,
    Signature,
}

impl FieldType {
    pub(super) fn of(dict: &Dict) -> Option<Self> {
        match dict.get("FT")?.as_name()? {
            b"Btn" => Some(Self::Button),
            b"Tx" => Some(Self::Text),
            b"Ch" => Some(Self::Choice),
            b"Sig" => Some(Self::Signature),
            _ => None,
        }
    }
}

/// A terminal signature field.
#[derive(Clone, Debug)]
pub(super) struct SignatureField {
    pub id: ObjectId,
    /// Fully qualified name.
    pub name: String,
    /// /V as written: a reference or a direct dictionary.
    pub value: Option<Object>,
    /// Its widgets: itself, or its kids without a name.
    pub widgets: Vec<ObjectId>,
}

/// Every signature field of the revision that `view` shows. What cannot be read is left out: a field that cannot be
/// read cannot show a signature.
pub(super) fn signature_fields(view: View<'_, '_>) -> Vec<SignatureField> {
    let Ok(catalog) = view.catalog() else { return Vec::new() };
    let Ok(Some(form)) = view.get_dict(&catalog, "AcroForm") else { return Vec::new() };
    let mut walk = Walk { view, seen: HashSet::new(), named: HashMap::new(), found: Vec::new() };
    for field in view.get_array(&form, "Fields").unwrap_or_default() {
        walk.field(&field, "", None, None, 0);
    }
    walk.found
}

struct Walk<'d, 'a> {
    view: View<'d, 'a>,
    seen: HashSet<ObjectId>,
    /// Whether a kid has a name of its own, where it was looked at: one kid may be named a hundred thousand times.
    named: HashMap<ObjectId, bool>,
    found: Vec<SignatureField>,
}

impl Walk<'_, '_> {
    fn field(
        &mut self,
        field: &Object,
        parent: &str,
        inherited: Option<FieldType>,
        inherited_value: Option<&Object>,
        depth: usize,
    ) {
        let Some(id) = field.as_reference() else { return };
        if depth > MAX_DEPTH || self.seen.len() >= MAX_FIELDS || !self.seen.insert(id) {
            return;
        }
        let Ok(Object::Dictionary(dict)) = self.view.object(id) else { return };
        let name = qualified_name(parent, &dict);
        let kind = FieldType::of(&dict).or(inherited);
        let value = dict.get("V").or(inherited_value).cloned();
        let kids = self.view.get_array(&dict, "Kids").unwrap_or_default();
        let mut widgets = Vec::new();
        let mut terminal = true;
        for kid in &kids {
            if self.named(kid) {
                terminal = false;
                self.field(kid, &name, kind, value.as_ref(), depth + 1);
            } else {
                widgets.extend(kid.as_reference());
            }
        }
        if terminal && kind == Some(FieldType::Signature) {
            if kids.is_empty() {
                widgets.push(id);
            }
            self.found.push(SignatureField { id, name, value: value.filter(|v| !v.is_null()), widgets });
        }
    }

    /// Whether a kid is a field and no widget alone.
    fn named(&mut self, kid: &Object) -> bool {
        let look =
            || self.view.resolve(kid).ok().and_then(|o| o.as_dict().map(|d| d.contains("T"))) == Some(true);
        match kid.as_reference() {
            Some(id) => *self.named.entry(id).or_insert_with(look),
            None => look(),
        }
    }
}

/// The name of a field below `parent` (12.7.4.2).
pub(super) fn qualified_name(parent: &str, dict: &Dict) -> String {
    match dict.get("T").and_then(Object::as_string) {
        Some(own) if parent.is_empty() => own.to_text(),
        Some(own) => format!("{parent}.{}", own.to_text()),
        None => parent.to_owned(),
    }
}
