//! What is built from parts of its own kind: colour spaces on colour spaces, functions of functions, masks of images. Readers follow
//! such references without looking back, so none may lead in a circle, or very far.

use crate::pdf::syntax::{Dict, Object, ObjectId};
use std::collections::HashMap;

/// Parts within parts. Honest files have three or four.
const MAX_DEPTH: usize = 32;

/// Entries whose value is such a part, or an array of them.
const PARTS: [&str; 10] = [
    "Alternate",
    "ColorSpace",
    "CS",
    "DescendantFonts",
    "Function",
    "Functions",
    "JBIG2Globals",
    "Mask",
    "SMask",
    "UseCMap",
];

/// First elements of arrays that are colour spaces made from another one (ISO 32000-2 8.6.6).
const MADE_FROM: [&[u8]; 5] = [b"Indexed", b"I", b"Separation", b"DeviceN", b"Pattern"];

/// Which objects are parts of which.
#[derive(Debug, Default)]
pub(super) struct Parts {
    of: HashMap<ObjectId, Vec<ObjectId>>,
}

impl Parts {
    /// Takes note of an object of the file.
    pub(super) fn add(&mut self, id: ObjectId, object: &Object) {
        let mut parts = Vec::new();
        match object {
            Object::Reference(next) => parts.push(*next),
            // Whatever an array of its own holds may be a part where one is expected.
            Object::Array(items) => {
                parts.extend(items.iter().filter_map(Object::as_reference));
                items.iter().for_each(|item| within(item, &mut parts));
            }
            other => within(other, &mut parts),
        }
        if !parts.is_empty() {
            self.of.insert(id, parts);
        }
    }

    /// Whether some object is a part of itself, or parts lie too deep.
    pub(super) fn circle(&self) -> bool {
        let mut depths = HashMap::new();
        self.of.keys().any(|id| self.depth(*id, 0, &mut depths).is_none())
    }

    /// Parts below this one; `None` where there is no end to them.
    fn depth(
        &self,
        id: ObjectId,
        above: usize,
        known: &mut HashMap<ObjectId, Option<usize>>,
    ) -> Option<usize> {
        let Some(parts) = self.of.get(&id) else { return Some(0) };
        match known.get(&id) {
            Some(depth) => return *depth,
            None if above > MAX_DEPTH => return None,
            None => {}
        }
        known.insert(id, None);
        let mut deepest = 0;
        for part in parts {
            deepest = deepest.max(self.depth(*part, above + 1, known)? + 1);
        }
        let depth = (deepest <= MAX_DEPTH).then_some(deepest);
        known.insert(id, depth);
        depth
    }
}

/// References to parts in an object's dictionaries and colour spaces.
fn within(object: &Object, found: &mut Vec<ObjectId>) {
    match object {
        Object::Array(items) => {
            if items.first().is_some_and(
                |first| matches!(first, Object::Name(name) if MADE_FROM.contains(&name.as_bytes())),
            ) {
                found.extend(items.iter().filter_map(Object::as_reference));
            }
            items.iter().for_each(|item| within(item, found));
        }
        Object::Dictionary(dict) => in_dict(dict, found),
        Object::Stream(stream) => in_dict(&stream.dict, found),
        _ => {}
    }
}

fn in_dict(dict: &Dict, found: &mut Vec<ObjectId>) {
    for (key, value) in dict.iter() {
        if PARTS.iter().any(|part| key.as_bytes() == part.as_bytes()) {
            match value {
                Object::Reference(id) => found.push(*id),
                Object::Array(items) => found.extend(items.iter().filter_map(Object::as_reference)),
                _ => {}
            }
        }
        within(value, found);
    }
}
