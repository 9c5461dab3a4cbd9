//! What stands on empty ground, looked up a few times for a whole file: every look interprets pages.

use crate::locate::{Ground, are_empty};
use crate::pdf::syntax::{Document, ObjectId};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// Looks that one file is worth, at most. Its signatures mostly ask the same.
const MAX_LOOKS: usize = 4;

/// Pages with the bits of the parts that were asked for.
type Asked = Vec<(ObjectId, Vec<[u64; 4]>)>;

#[derive(Debug)]
pub(super) struct Grounds {
    known: RefCell<HashMap<Asked, Result<Vec<bool>, String>>>,
    left: Cell<usize>,
}

impl Default for Grounds {
    fn default() -> Self {
        Self { known: RefCell::default(), left: Cell::new(MAX_LOOKS) }
    }
}

impl Grounds {
    /// Of each page whether its parts are empty; `Err` says why nobody can tell.
    pub(super) fn are_empty(&self, document: &Document<'_>, wanted: &[Ground]) -> Result<Vec<bool>, String> {
        let bits = |areas: &Vec<[f64; 4]>| areas.iter().map(|area| area.map(f64::to_bits)).collect();
        let asked: Asked = wanted.iter().map(|(page, areas)| (*page, bits(areas))).collect();
        if let Some(answer) = self.known.borrow().get(&asked) {
            return answer.clone();
        }
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err("too many pages to look at".into());
        };
        self.left.set(left);
        let answer = are_empty(document, wanted).map_err(|error| error.to_string());
        self.known.borrow_mut().insert(asked, answer.clone());
        answer
    }
}
