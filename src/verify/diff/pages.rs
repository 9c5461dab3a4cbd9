//! Pages: the same ones in the same order, each as it was but for its annotations (ISO 32000-2 7.7.3).

use super::catalog::value;
use super::{Diff, Referrers, Result, Spot};
use crate::pdf::syntax::{Dict, Object, ObjectId, View};
use crate::verify::Attack;
use std::collections::BTreeSet;

/// Keys of a page that are judged elsewhere or steer nothing that is shown.
const JUDGED: [&str; 4] = ["Annots", "Tabs", "LastModified", "StructParents"];

/// Attributes that a page has from the nodes above where it has none of its own (table 31).
const INHERITED: [&str; 4] = ["Resources", "MediaBox", "CropBox", "Rotate"];
/// Levels of the page tree that are looked at.
const MAX_LEVELS: usize = 32;

/// The value of an inheritable attribute that is in force for a page: its own, that of the nearest node above, or the default.
fn in_force(view: View<'_, '_>, page: &Dict, key: &str) -> Result<Object> {
    let mut node = page.clone();
    for _ in 0..MAX_LEVELS {
        if let Some(found) = node.get(key).filter(|value| !value.is_null()) {
            return Ok(found.clone());
        }
        match view.get_dict(&node, "Parent")? {
            Some(parent) => node = parent,
            None => break,
        }
    }
    match key {
        "Rotate" => Ok(Object::Integer(0)),
        "CropBox" => in_force(view, page, "MediaBox"),
        _ => Ok(Object::Null),
    }
}

impl Diff<'_, '_, '_> {
    pub(super) fn page_tree(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<()> {
        let spot = at.key("Pages");
        if value(old, "Pages") != value(new, "Pages") {
            self.forbid(&spot, Some(Attack::ShadowHideAndReplace), "the catalogue names another page tree");
        }
        let (Some(before), Some(after)) = (self.old_pages.clone(), self.new_pages.clone()) else {
            self.forbid(&spot, Some(Attack::IncrementalSaving), "the page tree cannot be read");
            return Ok(());
        };
        if before != after {
            let (attack, what) = page_list_attack(&before, &after);
            self.forbid(
                &spot,
                Some(attack),
                format!("{what}: {} pages before, {} now", before.len(), after.len()),
            );
        }
        let known: BTreeSet<ObjectId> = before.into_iter().collect();
        for page in after.into_iter().filter(|p| known.contains(p)) {
            if self.changed(page.number)? {
                self.page(page)?;
            }
        }
        Ok(())
    }

    fn page(&mut self, id: ObjectId) -> Result<()> {
        self.step()?;
        let at = Spot { owner: id.number, path: String::new() };
        self.accept_dictionary(id.number, Referrers::Any)?;
        let (old, new) = (self.old.object(id)?, self.new.object(id)?);
        let (Some(old), Some(new)) = (old.as_dict(), new.as_dict()) else {
            self.forbid(&at, Some(Attack::PageRemoved), "a page was replaced by something else");
            return Ok(());
        };
        for key in self.other_keys(&at, old, new, &JUDGED)? {
            let after = value(new, &key);
            // Tools that write a page again often write down what it had from above.
            if INHERITED.contains(&key.as_str()) {
                let (before, after) = (in_force(self.old, old, &key)?, in_force(self.new, new, &key)?);
                if self.same(&at.key(&key), &before, &after)? {
                    continue;
                }
            }
            let attack = self.page_attack(&key, &after);
            self.forbid(&at.key(&key), Some(attack), format!("the page's /{key} was changed"));
        }
        let tabs = value(new, "Tabs");
        if value(old, "Tabs") != tabs {
            // Who puts a field on a page says in which order the keyboard reaches it (12.5.1).
            let gained = self.new.get_array(new, "Annots")?.len() > self.old.get_array(old, "Annots")?.len();
            let known = matches!(tabs.as_name(), Some(b"R" | b"C" | b"S" | b"A" | b"W"));
            if !(gained && known) {
                self.forbid(
                    &at.key("Tabs"),
                    None,
                    "the tab order of a page that gained no field was changed",
                );
            }
        }
        if value(old, "StructParents") != value(new, "StructParents") {
            self.forbid(&at.key("StructParents"), None, "the link to the structure tree was changed");
        }
        let saved = value(new, "LastModified");
        if value(old, "LastModified") != saved && !matches!(saved, Object::Null | Object::String(_)) {
            self.forbid(&at.key("LastModified"), None, "the page's date is no date");
        }
        Ok(())
    }
}

fn page_list_attack(before: &[ObjectId], after: &[ObjectId]) -> (Attack, &'static str) {
    let was: BTreeSet<_> = before.iter().collect();
    let is: BTreeSet<_> = after.iter().collect();
    if was == is && before.len() == after.len() {
        (Attack::PageReordered, "pages were put in another order")
    } else if is.difference(&was).next().is_some() || after.len() > before.len() {
        (Attack::PageAdded, "pages were added")
    } else {
        (Attack::PageRemoved, "pages were removed")
    }
}
