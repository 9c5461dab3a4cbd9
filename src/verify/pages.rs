//! The page tree (ISO 32000-2 7.7.3).

use crate::pdf::syntax::{Object, ObjectId, View};
use std::collections::HashSet;

/// Pages that are looked at, at most.
const MAX_PAGES: usize = 100_000;
const MAX_DEPTH: usize = 64;

/// The pages in order. `None` when the tree cannot be read, runs in a circle or is too large.
pub(super) fn pages(view: View<'_, '_>) -> Option<Vec<ObjectId>> {
    let catalog = view.catalog().ok()?;
    let root = catalog.get("Pages")?.as_reference()?;
    let mut pages = Vec::new();
    collect(view, root, &mut HashSet::new(), &mut pages, 0)?;
    Some(pages)
}

fn collect(
    view: View<'_, '_>,
    node: ObjectId,
    above: &mut HashSet<ObjectId>,
    pages: &mut Vec<ObjectId>,
    depth: usize,
) -> Option<()> {
    if depth > MAX_DEPTH || pages.len() >= MAX_PAGES || !above.insert(node) {
        return None;
    }
    let object = view.object(node).ok()?;
    let Some(dict) = object.as_dict() else {
        above.remove(&node);
        return Some(());
    };
    match view.get(dict, "Kids").ok()? {
        Object::Array(kids) if !dict.is_name("Type", "Page") => {
            for kid in kids.iter().filter_map(Object::as_reference) {
                collect(view, kid, above, pages, depth + 1)?;
            }
        }
        _ => pages.push(node),
    }
    above.remove(&node);
    Some(())
}
