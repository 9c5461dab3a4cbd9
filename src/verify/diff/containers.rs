//! Object streams (ISO 32000-2 7.5.7). Nothing refers to them, so the walk from the trailer does not meet them: who defines one anew
//! changes every object in it without a word about those.

use super::{Diff, Result, Spot};
use crate::pdf::syntax::{Definition, Entry, Object, ObjectId};
use crate::verify::Attack;
use std::collections::BTreeSet;

impl Diff<'_, '_, '_> {
    /// The object streams of the signed revision are the same ones, read in the same way, as far as objects are in them that no
    /// later revision speaks of. Those that it does speak of are compared by themselves.
    pub(super) fn containers(&mut self) -> Result<()> {
        for stream in self.containers_in_use() {
            self.step()?;
            let spot = Spot { owner: stream, path: String::new() };
            if self.placed_elsewhere(stream) {
                let reason =
                    format!("object stream {stream}, with objects in it that were signed, was defined anew");
                self.forbid(&spot, Some(Attack::IncrementalSaving), reason);
                continue;
            }
            // Its length or filter may be an object of its own.
            let object = self.old.object(ObjectId::new(stream))?;
            let Object::Stream(found) = &object else { continue };
            let steered = found.dict.iter().any(|(_, value)| self.leads_to_change(value));
            if steered {
                let reason =
                    format!("object stream {stream} is to be read in another way than when it was signed");
                self.forbid(&spot, Some(Attack::IncrementalSaving), reason);
            }
        }
        Ok(())
    }

    /// The streams that hold objects of the signed revision which later ones do not define.
    fn containers_in_use(&self) -> BTreeSet<u32> {
        let signed = self.old.revision().map_or(0, |last| last + 1);
        let revisions = self.old.document().revisions().iter().take(signed);
        let inside = revisions.flat_map(|r| r.entries()).filter_map(|(number, entry)| match entry {
            Entry::InStream { stream, .. } => Some((number, entry, stream)),
            _ => None,
        });
        let mut streams = BTreeSet::new();
        for (number, entry, stream) in inside {
            let holds = |definition: Option<Definition>| definition.is_some_and(|d| d.entry == entry);
            if !streams.contains(&stream)
                && !self.touched.contains_key(&number)
                && holds(self.old.definition(number))
            {
                streams.insert(stream);
            }
        }
        streams
    }

    /// Whether an object is defined elsewhere than when it was signed. Some writers list every object again, at its old place.
    fn placed_elsewhere(&self, number: u32) -> bool {
        let entry = |definition: Option<Definition>| definition.map(|d| d.entry);
        entry(self.old.definition(number)) != entry(self.new.definition(number))
    }

    fn leads_to_change(&self, value: &Object) -> bool {
        match value {
            Object::Reference(id) => self.placed_elsewhere(id.number),
            Object::Array(items) => items.iter().any(|item| self.leads_to_change(item)),
            Object::Dictionary(dict) => dict.iter().any(|(_, value)| self.leads_to_change(value)),
            _ => false,
        }
    }
}
