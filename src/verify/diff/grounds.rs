//! What stands on empty ground, looked up a few times for a whole file: every look interprets pages.

use crate::locate::{Ground, Painted, are_empty, painted};
use crate::pdf::syntax::{Document, ObjectId};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// Looks that one file is worth, at most. Its signatures mostly ask the same.
const MAX_LOOKS: usize = 4;
/// Pages that are looked at together.
const MAX_TOGETHER: usize = 16;

/// Pages with the bits of the parts that were asked for.
type Asked = Vec<(ObjectId, Vec<[u64; 4]>)>;

#[derive(Debug)]
pub(super) struct Grounds {
    known: RefCell<HashMap<Asked, Result<Vec<bool>, String>>>,
    painted: RefCell<HashMap<ObjectId, Option<Painted>>>,
    left: Cell<usize>,
}

/// What a page shows within a rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beneath {
    pub glyphs: usize,
    pub image: bool,
}

impl Default for Grounds {
    fn default() -> Self {
        Self { known: RefCell::default(), painted: RefCell::default(), left: Cell::new(MAX_LOOKS) }
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

    /// What one of these pages shows within the rectangle; `None` where nobody can tell.
    pub(super) fn beneath(
        &self,
        document: &Document<'_>,
        pages: &[ObjectId],
        page: ObjectId,
        [left, bottom, right, top]: [f64; 4],
    ) -> Option<Beneath> {
        if !self.painted.borrow().contains_key(&page) {
            let alone = [page];
            let together = if pages.len() <= MAX_TOGETHER && pages.contains(&page) { pages } else { &alone };
            let left = self.left.get().checked_sub(1)?;
            self.left.set(left);
            let answers = painted(document, together).unwrap_or_default();
            let answers = answers.into_iter().chain(std::iter::repeat(None));
            self.painted.borrow_mut().extend(together.iter().copied().zip(answers));
        }
        let known = self.painted.borrow();
        let painted = known.get(&page)?.as_ref()?;
        let within = |[x, y]: &&[f64; 2]| (left..=right).contains(x) && (bottom..=top).contains(y);
        let meets = |[l, b, r, t]: &[f64; 4]| *l < right && left < *r && *b < top && bottom < *t;
        Some(Beneath {
            glyphs: painted.glyphs.iter().filter(within).count(),
            image: painted.images.iter().any(meets),
        })
    }
}
