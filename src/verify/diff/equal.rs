//! When two values mean the same.

use super::{Diff, Result, Spot};
use crate::pdf::syntax::{Dict, Object, Stream, View};

/// Whether the object of this number is another one on the two sides, references inside it not followed.
pub(super) fn object_changed(old: View<'_, '_>, new: View<'_, '_>, number: u32) -> Result<bool> {
    let read = |view: View<'_, '_>| match view.definition(number).map(|d| d.entry) {
        Some(crate::pdf::syntax::Entry::InFile { generation, .. }) => {
            let id = crate::pdf::syntax::ObjectId { number, generation };
            view.object(id).map(|o| (generation, o))
        }
        _ => view.object(crate::pdf::syntax::ObjectId::new(number)).map(|o| (0, o)),
    };
    let (before, after) = (read(old)?, read(new)?);
    if before.0 != after.0 {
        return Ok(true);
    }
    Ok(!match (&before.1, &after.1) {
        (Object::Stream(a), Object::Stream(b)) => same_stream(old, new, a, b)?,
        (a, b) => a == b,
    })
}

/// Streams with the same dictionary (/Length apart, which may be indirect) and the same data, encoded or decoded.
fn same_stream(old: View<'_, '_>, new: View<'_, '_>, a: &Stream, b: &Stream) -> Result<bool> {
    let before = old.document().encoded(a)?;
    let after = new.document().encoded(b)?;
    Ok(before == after && without_length(&a.dict) == without_length(&b.dict))
}

fn without_length(dict: &Dict) -> Dict {
    let mut dict = dict.clone();
    dict.remove("Length");
    dict
}

impl Diff<'_, '_, '_> {
    /// Whether two values mean the same. Equal references do: whether their target may have changed is judged by the
    /// edges, and nothing is explained of them. Different references do when what they lead to is the same through and
    /// through; these, and only these, are explained then.
    pub(super) fn same(&mut self, spot: &Spot, before: &Object, after: &Object) -> Result<bool> {
        if before == after {
            self.step()?;
            return Ok(true);
        }
        let mut other = Vec::new();
        let same = self.same_value(before, after, Some(spot), &mut other, 0)?;
        if same {
            other.iter().for_each(|spot| self.explain(spot));
        }
        Ok(same)
    }

    /// `spot` is where `after` stands, where references there may be explained; those that differ are put into `other`.
    fn same_value(
        &mut self,
        before: &Object,
        after: &Object,
        spot: Option<&Spot>,
        other: &mut Vec<Spot>,
        depth: usize,
    ) -> Result<bool> {
        self.step()?;
        if depth > 24 {
            return Ok(false);
        }
        Ok(match (before, after) {
            (Object::Reference(a), Object::Reference(b)) if a == b => true,
            (_, Object::Reference(id)) => {
                let (before, target) = (self.old.resolve(before)?, self.new.resolve(after)?);
                // What leads nowhere is nothing, but readers do not agree on it where something is inherited.
                if before.is_null() || target.is_null() {
                    return Ok(false);
                }
                // A page or a field by another number is another page or field.
                if is_structural(self.old, &before) || is_structural(self.new, &target) {
                    return Ok(false);
                }
                other.extend(spot.cloned());
                // What stands in an object that was there is shown by others too: nothing is explained in it.
                let inside = Spot { owner: id.number, path: String::new() };
                let new = self.touched.get(&id.number) == Some(&false);
                self.same_value(&before, &target, Some(&inside).filter(|_| new), other, depth + 1)?
            }
            (Object::Reference(_), _) => {
                let before = self.old.resolve(before)?;
                if before.is_null() || is_structural(self.old, &before) || is_structural(self.new, after) {
                    return Ok(false);
                }
                self.same_value(&before, after, spot, other, depth + 1)?
            }
            (Object::Array(a), Object::Array(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                if is_geometry(a) && is_geometry(b) {
                    return Ok(a.iter().zip(b).all(|(a, b)| a.as_number() == b.as_number()));
                }
                for (n, (a, b)) in a.iter().zip(b).enumerate() {
                    let spot = spot.filter(|_| may_lead(b)).map(|spot| spot.key(n));
                    if !self.same_value(a, b, spot.as_ref(), other, depth + 1)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Object::Dictionary(a), Object::Dictionary(b)) => self.same_dict(a, b, spot, other, depth)?,
            (Object::Stream(a), Object::Stream(b)) => {
                let data = self.old.document().encoded(a)? == self.new.document().encoded(b)?;
                data && self.same_dict(
                    &without_length(&a.dict),
                    &without_length(&b.dict),
                    spot,
                    other,
                    depth,
                )?
            }
            (a, b) => a == b,
        })
    }

    fn same_dict(
        &mut self,
        a: &Dict,
        b: &Dict,
        spot: Option<&Spot>,
        other: &mut Vec<Spot>,
        depth: usize,
    ) -> Result<bool> {
        if a.has_duplicate_keys() || b.has_duplicate_keys() {
            return Ok(a == b);
        }
        let present = |d: &Dict| d.iter().filter(|(_, v)| !v.is_null()).count();
        if present(a) != present(b) {
            return Ok(false);
        }
        for (key, before) in a.iter().filter(|(_, v)| !v.is_null()) {
            let Some(after) = b.get_bytes(key.as_bytes()) else { return Ok(false) };
            let spot = spot.filter(|_| may_lead(after)).map(|spot| spot.key(super::segment(key)));
            if !self.same_value(before, after, spot.as_ref(), other, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Explains the references inside a direct value.
    pub(super) fn explain_below(&mut self, spot: &Spot, value: &Object) {
        match value {
            Object::Reference(_) => self.explain(spot),
            Object::Array(items) => {
                for (n, item) in items.iter().enumerate().filter(|(_, item)| may_lead(item)) {
                    self.explain_below(&spot.key(n), item);
                }
            }
            Object::Dictionary(dict) => {
                for (key, value) in dict.iter().filter(|(_, value)| may_lead(value)) {
                    self.explain_below(&spot.key(super::segment(key)), value);
                }
            }
            _ => {}
        }
    }
}

/// A rectangle or a matrix: reals and integers do there alike. Elsewhere readers take a real for no integer.
fn is_geometry(items: &[Object]) -> bool {
    matches!(items.len(), 4 | 6) && items.iter().all(|item| item.as_number().is_some())
}

/// Whether a value may hold references.
fn may_lead(object: &Object) -> bool {
    matches!(object, Object::Reference(_) | Object::Array(_) | Object::Dictionary(_))
}

/// Objects whose identity matters: a page, a field, a layer or an element of the structure by another number is another one.
fn is_structural(view: View<'_, '_>, object: &Object) -> bool {
    const TYPES: [&[u8]; 9] = [
        b"Page",
        b"Pages",
        b"Catalog",
        b"Annot",
        b"Sig",
        b"DocTimeStamp",
        b"StructElem",
        b"StructTreeRoot",
        // A layer (8.11.2.1), whether or not it says so.
        b"OCG",
    ];
    object.as_dict().is_some_and(|d| {
        let get = |key: &str| view.get(d, key).unwrap_or_default();
        get("Type").as_name().is_some_and(|kind| TYPES.contains(&kind))
            || d.contains("FT")
            || get("Subtype").as_name() == Some(b"Widget")
            || get("Name").as_string().is_some()
    })
}
