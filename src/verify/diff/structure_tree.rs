//! Tagged PDF: the structure tree may gain form elements for new signature fields (ISO 32000-2 14.7, 14.8.4.8.2).

use super::{Diff, Referrers, Result, Spot, array_of, dict_of, number_of};
use crate::pdf::syntax::{Dict, Object, ObjectId};
use crate::verify::Attack;
use std::collections::BTreeMap;

const MAX_DEPTH: usize = 16;
/// Keys under which elements are referred to: by elements, the parent and the identifier tree, and outline items.
const ELEMENT_REFERRERS: Referrers = Referrers::Under(&["K", "P", "Nums", "Names", "Ref", "SE"]);

impl Diff<'_, '_, '_> {
    pub(super) fn structure_tree(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<()> {
        let (before, after) = self.pair(at, old, new, "StructTreeRoot")?;
        let (Some(before), Some(after)) = (before, after) else {
            if old.contains("StructTreeRoot") != new.contains("StructTreeRoot") {
                self.forbid(&at.key("StructTreeRoot"), None, "the structure tree was added or removed");
            }
            return Ok(());
        };
        self.explain(&at.key("StructTreeRoot"));
        if before.spot != after.spot {
            self.forbid(&at.key("StructTreeRoot"), None, "another structure tree was put in place");
            return Ok(());
        }
        let (old_root, new_root) = (dict_of(Some(&before)), dict_of(Some(&after)));
        if self.changed(after.spot.owner)? {
            self.accept(&after, Referrers::Under(&["StructTreeRoot", "P"]));
            for key in
                self.other_keys(&after.spot, &old_root, &new_root, &["K", "ParentTree", "ParentTreeNextKey"])?
            {
                self.forbid(&after.spot.key(&key), None, format!("the structure tree's /{key} was changed"));
            }
            let next = |d: &Dict| d.get("ParentTreeNextKey").cloned().unwrap_or_default();
            if next(&old_root) != next(&new_root) && !matches!(next(&new_root), Object::Integer(_)) {
                self.forbid(
                    &after.spot.key("ParentTreeNextKey"),
                    None,
                    "the parent tree's next key is no number",
                );
            }
            self.children(&after.spot, &old_root, &new_root)?;
        }
        self.elements()?;
        let (old_tree, new_tree) = self.pair(&after.spot, &old_root, &new_root, "ParentTree")?;
        if let Some(new_tree) = new_tree {
            self.explain(&after.spot.key("ParentTree"));
            self.number_tree(&new_tree.spot, &dict_of(old_tree.as_ref()), &dict_of(Some(&new_tree)), 0)?;
        }
        Ok(())
    }

    /// Structure elements that were touched: only their children may have grown.
    fn elements(&mut self) -> Result<()> {
        let touched: Vec<u32> = self.touched.iter().filter(|(_, used)| **used).map(|(n, _)| *n).collect();
        for number in touched {
            let object = self.old.object(ObjectId::new(number))?;
            let Some(old) = object.as_dict().filter(|d| self.is_element(d)) else {
                continue;
            };
            if self.accepted.contains_key(&number) || !self.changed(number)? {
                continue;
            }
            let new = self.new.object(ObjectId::new(number))?;
            let at = Spot { owner: number, path: String::new() };
            let Some(new) = new.as_dict() else { continue };
            if self.other_keys(&at, old, new, &["K"])?.is_empty() && self.children(&at, old, new)? {
                self.accept_dictionary(number, ELEMENT_REFERRERS)?;
            }
        }
        Ok(())
    }

    /// A structure element stands below another one or below the root (table 355).
    fn is_element(&self, dict: &Dict) -> bool {
        let parent =
            dict.get("P").filter(|p| p.as_reference().is_some()).and_then(|p| self.old.resolve(p).ok());
        let parent = parent.as_ref().and_then(Object::as_dict);
        let above = parent
            .is_some_and(|p| p.is_name("Type", "StructTreeRoot") || (p.contains("S") && p.contains("P")));
        dict.get("S").and_then(Object::as_name).is_some() && above
    }

    /// /K: what was there in its order, and new form elements.
    fn children(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<bool> {
        let (before, after) = self.pair(at, old, new, "K")?;
        let list = |l: &Option<super::Located>, raw: Option<&Object>| match l {
            Some(located) if located.object.as_array().is_some() => array_of(Some(located)),
            _ => raw.cloned().into_iter().collect(),
        };
        let (was, is) = (list(&before, old.get("K")), list(&after, new.get("K")));
        // /K of a transparency group says something else (table 145).
        if was.iter().any(|item| item.as_bool().is_some()) {
            return Ok(false);
        }
        let spot = match &after {
            Some(after) if after.object.as_array().is_some() => {
                self.explain(&at.key("K"));
                self.accept(after, Referrers::Explained);
                after.spot.clone()
            }
            _ => at.key("K"),
        };
        let mut expected = was.iter().peekable();
        for (n, item) in is.iter().enumerate() {
            if expected.peek() == Some(&item) {
                expected.next();
                continue;
            }
            if !self.is_form_element(item)? {
                self.forbid(
                    &spot.key(n),
                    Some(Attack::IncrementalSaving),
                    "the structure tree gained something else than a signature field",
                );
                return Ok(false);
            }
            self.explain(&spot.key(n));
            self.explain(&at.key("K"));
        }
        if expected.next().is_some() {
            self.forbid(&spot, Some(Attack::IncrementalSaving), "the structure tree lost elements");
            return Ok(false);
        }
        Ok(true)
    }

    /// A new element that holds nothing but references to new widgets.
    fn is_form_element(&self, item: &Object) -> Result<bool> {
        let Some(number) = number_of(item).filter(|n| self.is_new(*n)) else { return Ok(false) };
        let object = self.new.object(ObjectId::new(number))?;
        let Some(dict) = object.as_dict() else { return Ok(false) };
        let kids = match self.new.get(dict, "K")? {
            Object::Array(items) => items,
            one => vec![one],
        };
        let mut all = true;
        for kid in &kids {
            let kid = self.new.resolve(kid)?;
            let widget =
                kid.as_dict().filter(|d| d.is_name("Type", "OBJR")).and_then(|d| number_of(d.get("Obj")?));
            all &= widget.is_some_and(|w| self.new_widgets.contains(&w));
        }
        Ok(all && !dict.contains("ActualText"))
    }

    /// The parent tree: numbers that were there keep their values; new ones lead to new elements.
    fn number_tree(&mut self, at: &Spot, old: &Dict, new: &Dict, depth: usize) -> Result<()> {
        self.step()?;
        let node_changed = at.path.is_empty() && self.changed(at.owner)?;
        if node_changed {
            self.accept_dictionary(at.owner, Referrers::Explained)?;
            for key in self.other_keys(at, old, new, &["Nums", "Kids", "Limits"])? {
                self.forbid(&at.key(&key), None, format!("the parent tree's /{key} was changed"));
            }
        }
        let (before, after) = self.pair(at, old, new, "Nums")?;
        if let Some(after) = &after {
            self.explain(&at.key("Nums"));
            self.accept(after, Referrers::Explained);
            let (was, is) = (array_of(before.as_ref()), array_of(Some(after)));
            let (was_at, is_at) = (positions(&was), positions(&is));
            for (key, at) in &was_at {
                let before = was.get(at + 1).cloned().unwrap_or_default();
                let place = is_at.get(key).map(|n| n + 1);
                let now = place.and_then(|n| is.get(n)).cloned().unwrap_or_default();
                let spot = place.map_or_else(|| after.spot.clone(), |n| after.spot.key(n));
                if !self.same(&spot, &before, &now)? {
                    self.forbid(&after.spot, None, "the parent tree was rewritten");
                }
            }
            for (_, at) in is_at.iter().filter(|(key, _)| !was_at.contains_key(key)) {
                if is.get(at + 1).and_then(number_of).is_some_and(|t| self.is_new(t)) {
                    self.explain(&after.spot.key(at + 1));
                }
            }
        }
        let (before, after) = self.pair(at, old, new, "Kids")?;
        if let (Some(after), true) = (&after, depth < MAX_DEPTH) {
            self.explain(&at.key("Kids"));
            self.accept(after, Referrers::Explained);
            let (was, is) = (array_of(before.as_ref()), array_of(Some(after)));
            for (n, kid) in is.iter().enumerate() {
                self.explain(&after.spot.key(n));
                let Some(id) = kid.as_reference() else { continue };
                let before = if was.contains(kid) { dict_at(self.old.object(id)?) } else { Dict::new() };
                let below = dict_at(self.new.object(id)?);
                self.number_tree(
                    &Spot { owner: id.number, path: String::new() },
                    &before,
                    &below,
                    depth + 1,
                )?;
            }
            if was.iter().any(|kid| !is.contains(kid)) {
                self.forbid(&after.spot, None, "the parent tree lost nodes");
            }
        }
        Ok(())
    }
}

/// Where each number of a /Nums array stands; the first of two counts.
fn positions(nums: &[Object]) -> BTreeMap<i64, usize> {
    let mut out = BTreeMap::new();
    for at in (0..nums.len()).step_by(2) {
        if let Some(key) = nums.get(at).and_then(Object::as_integer) {
            out.entry(key).or_insert(at);
        }
    }
    out
}

fn dict_at(object: Object) -> Dict {
    match object {
        Object::Dictionary(d) => d,
        _ => Dict::new(),
    }
}
