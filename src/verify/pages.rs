//! The page tree (ISO 32000-2 7.7.3).

use crate::pdf::syntax::{Object, ObjectId, View};
use std::collections::HashSet;

/// Pages that are looked at, at most.
const MAX_PAGES: usize = 100_000;
const MAX_DEPTH: usize = 64;

/// The pages in order. `None` when the tree cannot be read, has a node twice or is too large.
pub(super) fn pages(view: View<'_, '_>) -> Option<Vec<ObjectId>> {
    let catalog = view.catalog().ok()?;
    let root = catalog.get("Pages")?.as_reference()?;
    let mut walk = Walk { view, nodes: HashSet::new(), leaves: HashSet::new(), pages: Vec::new() };
    walk.collect(root, 0)?;
    Some(walk.pages)
}

struct Walk<'d, 'a> {
    view: View<'d, 'a>,
    nodes: HashSet<ObjectId>,
    leaves: HashSet<ObjectId>,
    pages: Vec<ObjectId>,
}

impl Walk<'_, '_> {
    fn collect(&mut self, node: ObjectId, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH || self.pages.len() >= MAX_PAGES {
            return None;
        }
        // A page may be listed twice, a node of the tree may not.
        if self.leaves.contains(&node) {
            self.pages.push(node);
            return Some(());
        }
        if !self.nodes.insert(node) {
            return None;
        }
        let object = self.view.object(node).ok()?;
        let Some(dict) = object.as_dict() else { return Some(()) };
        match self.view.get(dict, "Kids").ok()? {
            Object::Array(kids) if !dict.is_name("Type", "Page") => {
                for kid in kids.iter().filter_map(Object::as_reference) {
                    self.collect(kid, depth + 1)?;
                }
            }
            _ => {
                self.leaves.insert(node);
                self.pages.push(node);
            }
        }
        Some(())
    }
}
