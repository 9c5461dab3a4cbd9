//! What a forbidden change looks like: the names of the known attacks.

use super::{Diff, Spot};
use crate::pdf::syntax::{Object, ObjectId};
use crate::verify::Attack;

pub(super) struct Blame {
    pub attack: Attack,
    pub reason: String,
}

impl Diff<'_, '_, '_> {
    /// Names the change of `target`, which is used at `spot`.
    pub(super) fn blame(&self, spot: &Spot, target: u32, was_used: bool) -> Blame {
        let before = self.old.object(ObjectId::new(target)).unwrap_or_default();
        let after = self.new.object(ObjectId::new(target)).unwrap_or_default();
        let after_or_before = if after.is_null() { &before } else { &after };
        let dict = after_or_before.as_dict();
        let is = |key: &str, value: &str| dict.is_some_and(|d| d.is_name(key, value));
        let last = spot.last_key();
        let (attack, what) = if is("Type", "Font")
            || is("Type", "FontDescriptor")
            || last.starts_with("FontFile")
        {
            (Attack::FontSwap, "a font")
        } else if is("Type", "Sig")
            || is("Type", "DocTimeStamp")
            || dict.is_some_and(|d| d.contains("ByteRange"))
        {
            (Attack::SignatureRewritten, "a signature dictionary")
        } else if is("Type", "OCG") || is("Type", "OCMD") || last == "OCProperties" {
            (Attack::OptionalContentSwap, "a layer")
        } else if is("Subtype", "Image") && after.is_null() {
            (Attack::ShadowHide, "an image, which was removed,")
        } else if is("Subtype", "Image") || is("Subtype", "Form") || last == "XObject" || last == "Resources"
        {
            (Attack::ResourceSwap, "a resource")
        } else if last == "Contents" {
            (Attack::ShadowReplace, "page content")
        } else if is("Type", "Annot") || last == "Annots" {
            (Attack::EvilAnnotation, "an annotation")
        } else if is("Type", "Pages") || is("Type", "Page") {
            (Attack::IncrementalSaving, "a page")
        } else if after.is_null() {
            (Attack::ShadowHide, "an object, which was removed,")
        } else {
            (Attack::IncrementalSaving, "an object")
        };
        let how = if was_used { "was replaced" } else { "was filled in where the signed revision had none" };
        let reason = format!("{what} used at {}{} {how}; no rule permits it", spot.owner, spot.path);
        Blame { attack, reason }
    }

    /// The attack behind a page's new /Contents or /Resources: prepared objects of the signed revision are a shadow
    /// document, new ones an incremental saving.
    pub(super) fn page_attack(&self, key: &str, after: &Object) -> Attack {
        let prepared = references(after).iter().any(|id| super::is_used(self.old, id.number));
        match key {
            "Contents" if after.is_null() => Attack::ShadowHide,
            "Contents" if prepared => Attack::ShadowHideAndReplace,
            "Resources" => Attack::ResourceSwap,
            _ => Attack::IncrementalSaving,
        }
    }
}

fn references(object: &Object) -> Vec<ObjectId> {
    match object {
        Object::Reference(id) => vec![*id],
        Object::Array(items) => items.iter().filter_map(Object::as_reference).collect(),
        _ => Vec::new(),
    }
}
