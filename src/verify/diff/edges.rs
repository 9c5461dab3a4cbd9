//! Every reference from what was there at signing to what later revisions touched.

use super::{Diff, GaveUp, Permission, Referrers, Result, Spot};
use crate::pdf::syntax::{Object, ObjectId, SyntaxError, View};
use crate::verify::Attack;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Objects that are visited, at most.
const MAX_OBJECTS: usize = 500_000;
/// Edges that are kept, at most.
const MAX_EDGES: usize = 24_000;

/// A reference at `spot` to object `target`.
#[derive(Clone, Debug)]
struct Edge {
    spot: Spot,
    target: u32,
}

/// The references of a whole document that lead to touched objects.
#[derive(Clone, Debug, Default)]
pub(in crate::verify) struct Edges {
    edges: Vec<Edge>,
    /// An object that is referred to could not be read: it may refer to anything.
    unread: bool,
    /// Objects that can be reached from the trailer, and how many references lead to each.
    referrers: HashMap<u32, u32>,
}

impl Edges {
    /// Walks the whole document once; `touched` are the objects of interest.
    pub(in crate::verify) fn collect(view: View<'_, '_>, touched: &BTreeMap<u32, bool>) -> Result<Self> {
        Self::collect_within(view, touched, MAX_OBJECTS)
    }

    /// The same for a document of at most so many objects.
    pub(in crate::verify) fn collect_within(
        view: View<'_, '_>,
        touched: &BTreeMap<u32, bool>,
        most: usize,
    ) -> Result<Self> {
        let mut out = Self::default();
        let mut queue = VecDeque::new();
        let mut trailer = view.trailer().clone();
        for key in ["Prev", "XRefStm", "Size", "W", "Index", "Length", "Filter", "DecodeParms", "Type"] {
            trailer.remove(key);
        }
        out.scan(&Spot::trailer(), &Object::Dictionary(trailer), touched, &mut queue)?;
        while let Some(id) = queue.pop_front() {
            if out.referrers.len() > most {
                return Err(GaveUp("too many objects".into()));
            }
            let object = match view.object(id) {
                Ok(object) => object,
                Err(SyntaxError::Limit(what)) => return Err(GaveUp(format!("too much {what}"))),
                Err(_) => {
                    out.unread = true;
                    continue;
                }
            };
            out.scan(&Spot { owner: id.number, path: String::new() }, &object, touched, &mut queue)?;
        }
        Ok(out)
    }

    fn scan(
        &mut self,
        spot: &Spot,
        object: &Object,
        touched: &BTreeMap<u32, bool>,
        queue: &mut VecDeque<ObjectId>,
    ) -> Result<()> {
        match object {
            Object::Reference(id) => {
                if touched.contains_key(&id.number) {
                    if self.edges.len() >= MAX_EDGES {
                        return Err(GaveUp("too many references".into()));
                    }
                    self.edges.push(Edge { spot: spot.clone(), target: id.number });
                }
                let count = self.referrers.entry(id.number).or_insert(0);
                *count = count.saturating_add(1);
                if *count == 1 {
                    queue.push_back(*id);
                }
            }
            Object::Array(items) => {
                for (n, item) in items.iter().enumerate().filter(|(_, o)| holds_references(o)) {
                    self.scan(&spot.key(n), item, touched, queue)?;
                }
            }
            Object::Dictionary(dict) => {
                for (key, value) in dict.iter().filter(|(_, o)| holds_references(o)) {
                    self.scan(&spot.key(super::segment(key)), value, touched, queue)?;
                }
            }
            Object::Stream(stream) => {
                for (key, value) in stream.dict.iter().filter(|(_, o)| holds_references(o)) {
                    self.scan(&spot.key(super::segment(key)), value, touched, queue)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// How many references lead to the object.
    pub(super) fn count(&self, number: u32) -> u32 {
        self.referrers.get(&number).copied().unwrap_or(0)
    }

    /// Every object number that the trailer leads to, existing or not.
    pub(in crate::verify) fn reached(&self) -> impl Iterator<Item = u32> + '_ {
        self.referrers.keys().copied()
    }

    /// Whether the trailer leads to the object.
    pub(in crate::verify) fn reaches(&self, number: u32) -> bool {
        self.referrers.contains_key(&number)
    }
}

/// Object and cross-reference streams: nothing refers to them.
fn is_file_structure(object: &Object) -> bool {
    object.as_stream().is_some_and(|s| ["ObjStm", "XRef"].iter().any(|kind| s.dict.is_name("Type", kind)))
}

fn holds_references(object: &Object) -> bool {
    matches!(object, Object::Reference(_) | Object::Array(_) | Object::Dictionary(_))
}

impl Diff<'_, '_, '_> {
    /// Where an object cannot be read, nobody knows what it refers to: nothing may be changed then that nothing else refers to.
    fn unread(&mut self) -> Result<()> {
        if !self.edges.unread {
            return Ok(());
        }
        let alone = self.touched.iter().filter(|(number, _)| !self.edges.reaches(**number));
        let alone: Vec<(u32, bool)> = alone.map(|(number, used)| (*number, *used)).collect();
        for (number, used) in alone {
            self.step()?;
            let spot = Spot { owner: number, path: String::new() };
            let changed = match self.new.object(ObjectId::new(number)) {
                Ok(object) if used => !object.is_null() && self.changed(number)?,
                Ok(object) => !object.is_null() && !is_file_structure(&object),
                Err(_) => true,
            };
            if changed {
                let reason = "an object that cannot be read may refer to what was changed here";
                self.forbid(&spot, Some(Attack::IncrementalSaving), reason);
            }
        }
        Ok(())
    }

    /// Forbids every reference to an object that was changed, and from what was there at signing to what is new, that no rule
    /// explained.
    pub(super) fn unexplained(&mut self) -> Result<()> {
        self.unread()?;
        let forbidden = self.changes.iter().filter(|c| c.permission == Permission::Forbidden);
        let mut blamed: BTreeSet<u32> = forbidden.map(|c| c.object).collect();
        for edge in &self.edges.edges {
            let Some(&was_used) = self.touched.get(&edge.target) else { continue };
            let from_new = edge.spot.owner != 0 && self.touched.get(&edge.spot.owner) == Some(&false);
            let explained = self.explained.contains(&(edge.spot.owner, edge.spot.path.clone()));
            let permitted = match self.accepted.get(&edge.target) {
                Some(Referrers::Any) => true,
                Some(Referrers::Under(keys)) => {
                    let key = edge.spot.last_key();
                    key.is_empty() || keys.contains(&key)
                }
                Some(Referrers::Explained) | None => false,
            };
            // What is new may refer to what is new, but a rule must have spoken of a changed object whoever refers to it:
            // a new object often stands where an old one stood.
            if (from_new && !was_used) || explained || permitted {
                continue;
            }
            self.step()?;
            if was_used && !self.changed(edge.target)? {
                continue;
            }
            // An object that takes the number of one that was referred to but missing changes what was signed, unless
            // it says nothing.
            if !was_used && self.new.object(ObjectId::new(edge.target)).is_ok_and(|o| o.is_null()) {
                continue;
            }
            let target = Spot { owner: edge.target, path: String::new() };
            let blame = self.blame(&edge.spot, edge.target, was_used);
            if blamed.insert(target.owner) {
                self.forbid(&target, Some(blame.attack), blame.reason);
            }
        }
        Ok(())
    }
}
