//! What was changed since a signature: every later revision compared object by object with the signed one.
//!
//! Deny by default. The walk begins at the trailer and descends only where a rule knows what may change; a rule that
//! permits a change says which object it *accepts* and which reference (edge) it *explains*. At the end every
//! reference of an object that was there at signing to an object that was touched since must have been explained:
//! what no rule spoke of is forbidden, and so is an accepted object that something else uses too.

mod actions;
mod annotations;
mod appearance;
mod blame;
mod catalog;
mod containers;
mod covering;
#[cfg(test)]
mod covering_tests;
mod drawn;
mod dss;
mod edges;
mod equal;
mod fields;
mod filling;
mod fonts;
#[cfg(test)]
mod form_tests;
mod formatted;
mod forms;
mod grounds;
mod joining;
mod lists;
mod marks;
mod metadata;
mod pages;
#[cfg(test)]
mod reader_tests;
mod resources;
mod restated;
mod signed_form;
mod signing;
mod states;
mod structure_tree;
#[cfg(test)]
mod tests;
mod texts;
mod values;

use super::permissions::Permissions;
use super::report::{Change, Permission};
use crate::pdf::syntax::{Dict, Document, Entry, Name, Object, ObjectId, View};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::font::Programs;
use dss::Digests;

pub(super) use dss::lost as validation_data_lost;
pub(super) use edges::Edges;

/// What was read of a file once, for all its comparisons.
#[derive(Debug)]
pub(super) struct Known {
    digests: Digests,
    programs: Programs,
    grounds: grounds::Grounds,
}

impl Known {
    /// Of a file of `length` octets nothing is known yet.
    pub(super) fn of_file(length: usize) -> Self {
        Self {
            digests: Digests::of_file(length),
            programs: Programs::default(),
            grounds: grounds::Grounds::default(),
        }
    }
}

/// Object comparisons for one signature, at most.
const MAX_STEPS: usize = 400_000;

/// What the analysis needs to know of a later signature: is its structure exact, does it cover a whole later
/// revision, and does it verify?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LaterSignature {
    pub sound: bool,
    pub timestamp: bool,
}

/// Later signatures by the object number of their dictionary.
pub(super) type LaterSignatures = HashMap<u32, LaterSignature>;

/// Where a value stands: in which object, and the keys that lead to it there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    /// Object number; 0 is the trailer.
    owner: u32,
    /// Keys and indices from the object's top, each preceded by `/`.
    path: String,
}

impl Spot {
    fn trailer() -> Self {
        Self { owner: 0, path: String::new() }
    }

    fn key(&self, key: impl std::fmt::Display) -> Self {
        Self { owner: self.owner, path: format!("{}/{key}", self.path) }
    }

    /// The last key of the path that is no index; empty in an array of its own.
    fn last_key(&self) -> &str {
        self.path.rsplit('/').find(|part| part.parse::<u32>().is_err()).unwrap_or_default()
    }
}

/// A name as a part of a path. Two names never look alike: what is no plain character stands in hexadecimal (7.3.5).
fn segment(name: &Name) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(name.as_bytes().len());
    for &byte in name.as_bytes() {
        match byte {
            b'/' | b'#' => _ = write!(out, "#{byte:02X}"),
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => _ = write!(out, "#{byte:02X}"),
        }
    }
    out
}

/// A value and where it stands, references followed.
#[derive(Clone, Debug)]
struct Located {
    spot: Spot,
    object: Object,
}

impl Located {
    fn dict(&self) -> Option<&Dict> {
        self.object.as_dict()
    }
}

/// One comparison: the signed revision against the whole file.
struct Diff<'x, 'd, 'a> {
    old: View<'x, 'a>,
    new: View<'d, 'a>,
    permissions: &'x Permissions,
    later: &'x LaterSignatures,
    /// Objects that later revisions speak of, and whether they were in use at signing.
    touched: &'x BTreeMap<u32, bool>,
    edges: &'x Edges,
    known: &'x Known,
    accepted: BTreeMap<u32, Referrers>,
    explained: BTreeSet<(u32, String)>,
    changes: Vec<Change>,
    steps: usize,
    /// The pages on both sides; `None` when the tree cannot be read.
    old_pages: Option<Vec<ObjectId>>,
    new_pages: Option<Vec<ObjectId>>,
    page_numbers: HashMap<u32, u32>,
    /// Fields that were judged: a field stands in one place of the tree.
    visited: BTreeSet<u32>,
    /// Widgets of new signature fields: these may join a page's annotations.
    new_widgets: BTreeSet<u32>,
    /// New notes, which must not make a picture together.
    notes: Vec<annotations::Note>,
    /// The pages of each annotation at signing, once they were looked for.
    annotated: Option<HashMap<u32, Vec<ObjectId>>>,
    /// Fonts of the form and its fields at signing, once they were looked for.
    fonts_at_signing: Option<BTreeSet<u32>>,
}

/// Who may refer to an accepted object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Referrers {
    /// Anyone: its kind of object is referred to from everywhere, and its change shows nowhere else.
    Any,
    /// Those who refer under one of these keys, or from an array of its own. The same object in another part could show its
    /// new values there: a field that is a dictionary of resources too.
    Under(&'static [&'static str]),
    /// Only explained edges.
    Explained,
}

/// The analysis gave up: too much work, or something in the way could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GaveUp(pub(super) String);

type Result<T, E = GaveUp> = std::result::Result<T, E>;

impl From<crate::pdf::syntax::SyntaxError> for GaveUp {
    fn from(error: crate::pdf::syntax::SyntaxError) -> Self {
        Self(error.to_string())
    }
}

/// Objects that the revisions from `first` on speak of, with whether they were in use before.
pub(super) fn touched(document: &Document<'_>, old: View<'_, '_>, first: usize) -> BTreeMap<u32, bool> {
    touched_in(document, old, first, usize::MAX)
}

/// Objects that this one revision speaks of, with whether they were in use before.
pub(super) fn touched_by(document: &Document<'_>, old: View<'_, '_>, revision: usize) -> BTreeMap<u32, bool> {
    touched_in(document, old, revision, 1)
}

fn touched_in(document: &Document<'_>, old: View<'_, '_>, first: usize, count: usize) -> BTreeMap<u32, bool> {
    let later = document.revisions().iter().skip(first).take(count);
    later
        .flat_map(|r| r.entries().map(|(number, _)| number))
        .map(|number| (number, is_used(old, number)))
        .collect()
}

fn is_used(view: View<'_, '_>, number: u32) -> bool {
    !matches!(view.definition(number).map(|d| d.entry), None | Some(Entry::Free))
}

/// Compares. The changes come in the order of the walk, forbidden and permitted alike.
pub(super) fn compare(
    old: View<'_, '_>,
    new: View<'_, '_>,
    touched: &BTreeMap<u32, bool>,
    edges: &Edges,
    permissions: &Permissions,
    later: &LaterSignatures,
    known: &Known,
) -> Result<Vec<Change>> {
    let new_pages = super::pages::pages(new);
    let numbered = new_pages.iter().flatten().zip(1..);
    let page_numbers = numbered.map(|(id, number)| (id.number, number)).collect();
    let mut diff = Diff {
        old,
        new,
        permissions,
        later,
        touched,
        edges,
        known,
        accepted: BTreeMap::new(),
        explained: BTreeSet::new(),
        changes: Vec::new(),
        steps: MAX_STEPS,
        old_pages: super::pages::pages(old),
        new_pages,
        page_numbers,
        visited: BTreeSet::new(),
        new_widgets: BTreeSet::new(),
        notes: Vec::new(),
        annotated: None,
        fonts_at_signing: None,
    };
    diff.containers()?;
    diff.trailer()?;
    diff.unexplained()?;
    Ok(diff.changes)
}

impl Diff<'_, '_, '_> {
    fn step(&mut self) -> Result<()> {
        self.steps = self.steps.checked_sub(1).ok_or_else(|| GaveUp("the comparison is too large".into()))?;
        Ok(())
    }

    /// Counts work that is not one step.
    fn spend(&mut self, steps: usize) -> Result<()> {
        self.steps =
            self.steps.checked_sub(steps).ok_or_else(|| GaveUp("the comparison is too large".into()))?;
        Ok(())
    }

    /// The value under `key` on one side, with where it stands.
    fn descend(view: View<'_, '_>, at: &Spot, dict: &Dict, key: &str) -> Result<Option<Located>> {
        let Some(value) = dict.get(key).filter(|v| !v.is_null()) else { return Ok(None) };
        Self::locate(view, at.key(key), value)
    }

    fn locate(view: View<'_, '_>, spot: Spot, value: &Object) -> Result<Option<Located>> {
        let Some(id) = value.as_reference() else { return Ok(Some(Located { spot, object: value.clone() })) };
        let object = view.object(id)?;
        match object {
            Object::Null => Ok(None),
            Object::Reference(_) => Err(GaveUp("a reference to a reference".into())),
            object => Ok(Some(Located { spot: Spot { owner: id.number, path: String::new() }, object })),
        }
    }

    /// The reference at `spot` has been judged.
    fn explain(&mut self, spot: &Spot) {
        self.explained.insert((spot.owner, spot.path.clone()));
    }

    /// The change of the whole object at `at` is being judged, key by key.
    ///
    /// A stream is more than its dictionary: what was judged as a dictionary is accepted where every reference to it is explained, and
    /// not for whatever names it under a key.
    fn accept(&mut self, at: &Located, referrers: Referrers) {
        let stream = matches!(at.object, Object::Stream(_)) && referrers != Referrers::Explained;
        if at.spot.path.is_empty() && !stream {
            self.accepted.entry(at.spot.owner).or_insert(referrers);
        }
    }

    /// The same of an object that is judged as a dictionary, by its number.
    fn accept_dictionary(&mut self, number: u32, referrers: Referrers) -> Result<()> {
        let id = ObjectId::new(number);
        let is = [self.old.object(id)?, self.new.object(id)?];
        if !is.iter().any(|object| matches!(object, Object::Stream(_))) {
            self.accepted.insert(number, referrers);
        }
        Ok(())
    }

    /// Whether the object was touched and really differs.
    fn changed(&self, number: u32) -> Result<bool> {
        if self.touched.get(&number) != Some(&true) {
            return Ok(false);
        }
        equal::object_changed(self.old, self.new, number)
    }

    fn permit(&mut self, spot: &Spot, reason: impl Into<String>) {
        self.record(spot, Permission::Permitted, reason.into(), None);
    }

    fn forbid(&mut self, spot: &Spot, attack: Option<super::Attack>, reason: impl Into<String>) {
        self.record(spot, Permission::Forbidden, reason.into(), attack);
    }

    fn record(&mut self, spot: &Spot, permission: Permission, reason: String, attack: Option<super::Attack>) {
        let page = self.page_numbers.get(&spot.owner).copied();
        let path = if spot.owner == 0 {
            format!("trailer{}", spot.path)
        } else {
            format!("{}{}", spot.owner, spot.path)
        };
        let change = Change { object: spot.owner, path, permission, reason, attack, page };
        if self.changes.len() < 1000 && !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    /// Every key of two dictionaries that is not in `judged` must mean the same on both sides.
    fn other_keys(&mut self, at: &Spot, old: &Dict, new: &Dict, judged: &[&str]) -> Result<Vec<String>> {
        let mut differing = Vec::new();
        let keys: BTreeSet<_> = old.iter().chain(new.iter()).map(|(k, _)| k.clone()).collect();
        for key in keys {
            if judged.iter().any(|j| j.as_bytes() == key.as_bytes()) {
                continue;
            }
            let before = old.get_bytes(key.as_bytes()).cloned().unwrap_or_default();
            let after = new.get_bytes(key.as_bytes()).cloned().unwrap_or_default();
            if self.same(&at.key(segment(&key)), &before, &after)? {
                continue;
            }
            differing.push(segment(&key));
        }
        Ok(differing)
    }
}

/// A dictionary that may be missing.
fn dict_of(at: Option<&Located>) -> Dict {
    at.and_then(|l| l.dict().cloned()).unwrap_or_default()
}

/// An array that may be missing.
fn array_of(at: Option<&Located>) -> Vec<Object> {
    at.and_then(|l| l.object.as_array().map(<[Object]>::to_vec)).unwrap_or_default()
}

/// The number behind a reference.
fn number_of(object: &Object) -> Option<u32> {
    object.as_reference().map(|id: ObjectId| id.number)
}
