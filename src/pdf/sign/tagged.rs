//! Tagged PDF (ISO 32000-2 14.7): the first signer's widgets get structure elements, so that a tagged file stays
//! tagged. Later signers leave the structure tree alone: changing it would change what was signed.

use crate::pdf::syntax::{Dict, Object, ObjectId, SyntaxError, View};
use crate::pdf::update::{Body, Update, name};

/// Nodes of the parent tree that are looked at for its largest key.
const MAX_NODES: usize = 10_000;

/// The structure tree that new widgets are entered in.
#[derive(Debug)]
pub(super) struct Tags {
    root: ObjectId,
    /// The element that the new ones hang under.
    parent: ObjectId,
    /// Its name space (14.7.4.2), which the new ones share.
    name_space: Option<Object>,
    tree: Tree,
    first_key: i64,
    elements: Vec<ObjectId>,
}

/// Where the parent tree's root node is.
#[derive(Clone, Debug)]
enum Tree {
    InRoot(Dict),
    Object(ObjectId),
}

impl Tags {
    /// The tree of a tagged document; `None` if it is not tagged, or its tree is of a form that cannot be added to.
    pub(super) fn of(view: View<'_, '_>, catalog: &Dict) -> Option<Self> {
        let marks = view.get_dict(catalog, "MarkInfo").ok()??;
        let root = catalog.get("StructTreeRoot").and_then(Object::as_reference)?;
        if marks.get("Marked").and_then(Object::as_bool) != Some(true) {
            return None;
        }
        let dict = plain(view, root)?;
        let kids = view.get(&dict, "K").ok()?;
        let first = match &kids {
            Object::Array(kids) => kids.first().and_then(Object::as_reference),
            _ => dict.get("K").and_then(Object::as_reference),
        };
        let document =
            first.and_then(|id| Some((id, plain(view, id)?))).filter(|(_, d)| d.is_name("S", "Document"));
        let (parent, name_space) = match document {
            Some((id, d)) => (id, d.get("NS").cloned()),
            None => (root, None),
        };
        let (tree, node) = match dict.get("ParentTree")? {
            Object::Reference(id) => (Tree::Object(*id), plain(view, *id)?),
            Object::Dictionary(d) => (Tree::InRoot(d.clone()), d.clone()),
            _ => return None,
        };
        let said = dict.get("ParentTreeNextKey").and_then(Object::as_integer).unwrap_or(0);
        let first_key = next_key(view, &node)?.max(said);
        (0..1 << 31).contains(&first_key).then_some(Self {
            root,
            parent,
            name_space,
            tree,
            first_key,
            elements: Vec::new(),
        })
    }

    /// Makes a `Form` element for a widget; gives the widget's `/StructParent`.
    pub(super) fn enter(
        &mut self,
        update: &mut Update<'_, '_>,
        widget: ObjectId,
        page: ObjectId,
    ) -> Result<i64, SyntaxError> {
        let kid = Dict::new().with("Type", name("OBJR")).with("Obj", widget).with("Pg", page);
        let mut element = Dict::new()
            .with("Type", name("StructElem"))
            .with("S", name("Form"))
            .with("P", self.parent)
            .with("Pg", page)
            .with("K", kid);
        if let Some(space) = &self.name_space {
            element.set("NS", space.clone());
        }
        let key = self.first_key.saturating_add(count(&self.elements));
        self.elements.push(update.add(Body::Object(element.into()))?);
        Ok(key)
    }

    /// Enters the elements into the structure tree and the parent tree.
    pub(super) fn register(self, update: &mut Update<'_, '_>) -> Result<(), SyntaxError> {
        let Self { root, parent, tree, first_key, elements, .. } = self;
        if elements.is_empty() {
            return Ok(());
        }
        let next_key = first_key.saturating_add(count(&elements));
        let references: Vec<Object> = elements.iter().map(|id| (*id).into()).collect();
        let pairs = (first_key..).zip(&elements).flat_map(|(n, id)| [n.into(), (*id).into()]).collect();
        grow(update, parent, "K", references)?;
        let node = match &tree {
            Tree::InRoot(node) => node.clone(),
            Tree::Object(id) => update.dict(*id)?,
        };
        // A node has either kids or numbers: a tree of several levels gets one more leaf.
        let (key, items) = if node.contains("Kids") {
            let limits = vec![first_key.into(), next_key.saturating_sub(1).into()];
            let leaf = Dict::new().with("Limits", limits).with("Nums", Object::Array(pairs));
            ("Kids", vec![update.add(Body::Object(leaf.into()))?.into()])
        } else {
            ("Nums", pairs)
        };
        match tree {
            Tree::Object(id) => update.append(id, key, items)?,
            Tree::InRoot(mut node) => {
                let listed = node.get(key).and_then(Object::as_reference);
                let mut all = match (listed, node.get(key)) {
                    (Some(id), _) => {
                        update.current(id)?.as_array().map(<[Object]>::to_vec).unwrap_or_default()
                    }
                    (None, Some(Object::Array(old))) => old.clone(),
                    _ => Vec::new(),
                };
                all.extend(items);
                node.set(key, all);
                update.change(root, |d| {
                    d.set("ParentTree", node);
                })?;
            }
        }
        update.change(root, |d| {
            d.set("ParentTreeNextKey", next_key);
        })
    }
}

/// Adds to the kids of an element, which may be none, one, an array, or an array that is an object of its own.
fn grow(update: &mut Update<'_, '_>, id: ObjectId, key: &str, items: Vec<Object>) -> Result<(), SyntaxError> {
    let kids = update.dict(id)?.get(key).cloned();
    let one = match &kids {
        None | Some(Object::Null | Object::Array(_)) => None,
        Some(Object::Reference(r)) if matches!(update.current(*r)?, Object::Array(_)) => None,
        Some(one) => Some(one.clone()),
    };
    match one {
        None => update.append(id, key, items),
        Some(one) => {
            let all: Vec<Object> = std::iter::once(one).chain(items).collect();
            update.change(id, |d| {
                d.set(key, all);
            })
        }
    }
}

fn count(elements: &[ObjectId]) -> i64 {
    i64::try_from(elements.len()).unwrap_or(i64::MAX)
}

/// A dictionary that can be rewritten.
fn plain(view: View<'_, '_>, id: ObjectId) -> Option<Dict> {
    match view.object(id).ok()? {
        Object::Dictionary(dict) if !dict.has_duplicate_keys() => Some(dict),
        _ => None,
    }
}

/// One more than the largest key of a number tree; `None` if that cannot be told.
fn next_key(view: View<'_, '_>, node: &Dict) -> Option<i64> {
    let numbers = view.get_array(node, "Nums").ok()?;
    let mut largest = numbers.chunks(2).filter_map(|pair| pair.first().and_then(Object::as_integer)).max();
    let kids = view.get_array(node, "Kids").ok()?;
    if kids.len() > MAX_NODES {
        return None;
    }
    for kid in kids {
        let Object::Dictionary(kid) = view.resolve(&kid).ok()? else { continue };
        let limits = view.get_array(&kid, "Limits").ok()?;
        largest = largest.max(Some(limits.get(1).and_then(Object::as_integer)?));
    }
    largest.unwrap_or(-1).checked_add(1)
}
