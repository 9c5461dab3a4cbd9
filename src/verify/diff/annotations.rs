//! Annotations of the pages: all that were there, in their order; new ones are the widgets of permitted signature
//! fields, and under an explicit DocMDP 3 small notes (ISO 32000-2 12.5, 12.8.2.2).

use super::{Diff, Referrers, Result, Spot, array_of, number_of};
use crate::locate::Ground;
use crate::pdf::syntax::{Dict, Object, ObjectId};
use crate::verify::Attack;

/// Side of the largest note icon, in points: readers draw it at the upper left corner, some larger than its rectangle.
const NOTE: f64 = 32.0;
/// Sides of the largest pop-up that a note gets.
const POPUP: (f64, f64) = (300.0, 250.0);
/// New notes in a file, at most.
const NOTES: usize = 16;
/// Keys of a note: its text and what is said of it, no appearance and no action (tables 166, 172, 175).
const NOTE_KEYS: [&str; 25] = [
    "Type",
    "Subtype",
    "Rect",
    "Contents",
    "P",
    "NM",
    "M",
    "F",
    "C",
    "T",
    "Popup",
    "CA",
    "RC",
    "CreationDate",
    "IRT",
    "Subj",
    "RT",
    "Open",
    "Name",
    "State",
    "StateModel",
    "Lang",
    "StructParent",
    "Rotate",
    "Border",
];
/// Keys of a pop-up that shows nothing of its own (table 186).
const POPUP_KEYS: [&str; 10] = ["Type", "Subtype", "Rect", "P", "Parent", "Open", "F", "NM", "M", "C"];

/// A new note.
#[derive(Clone, Debug)]
pub(super) struct Note {
    page: ObjectId,
    /// What its icon may take: left, bottom, right, top.
    ground: [f64; 4],
    spot: Spot,
}

impl Diff<'_, '_, '_> {
    pub(super) fn annotations(&mut self) -> Result<()> {
        let known = self.old_pages.clone().unwrap_or_default();
        for page in known {
            let object = self.new.object(page)?;
            let Some(new) = object.as_dict() else { continue };
            let touched = |n: u32| self.touched.contains_key(&n);
            let list_touched = new.get("Annots").and_then(number_of).is_some_and(touched);
            if !touched(page.number) && !list_touched {
                continue;
            }
            self.step()?;
            let old = self.old.object(page)?;
            let old = old.as_dict().cloned().unwrap_or_default();
            self.page_annotations(page, &old, new)?;
        }
        self.notes_hide_nothing();
        Ok(())
    }

    fn page_annotations(&mut self, page: ObjectId, old: &Dict, new: &Dict) -> Result<()> {
        let at = Spot { owner: page.number, path: String::new() };
        let (before, after) = self.pair(&at, old, new, "Annots")?;
        let old_list = self.live(array_of(before.as_ref()))?;
        let new_list = array_of(after.as_ref());
        self.explain(&at.key("Annots"));
        let Some(after) = after else {
            if !old_list.is_empty() {
                self.forbid(
                    &at.key("Annots"),
                    Some(Attack::ShadowHide),
                    "the page's annotations were removed",
                );
            }
            return Ok(());
        };
        self.accept(&after, Referrers::Explained);
        let mut expected = old_list.iter().peekable();
        for (n, item) in new_list.iter().enumerate() {
            let spot = after.spot.key(n);
            if expected.peek() == Some(&item) {
                expected.next();
                // Whether the annotation itself was changed is for the fields' rule or the edges to say.
                if number_of(item).is_some_and(|n| matches!(self.accepted.get(&n), Some(Referrers::Under(_))))
                {
                    self.explain(&spot);
                }
                continue;
            }
            self.added(page, &spot, item)?;
        }
        self.notes_stand_apart(page, &old_list, &new_list)?;
        if let Some(missing) = expected.next() {
            let reason = format!("an annotation was removed or moved in the drawing order ({missing:?})");
            self.forbid(&after.spot, Some(Attack::ShadowHide), reason);
        }
        Ok(())
    }

    /// Annotations that are there: dangling references show nothing.
    fn live(&self, list: Vec<Object>) -> Result<Vec<Object>> {
        let mut live = Vec::with_capacity(list.len());
        for item in list {
            let dangling = match item.as_reference() {
                Some(id) => self.old.object(id)?.is_null(),
                None => item.is_null(),
            };
            if !dangling {
                live.push(item);
            }
        }
        Ok(live)
    }

    fn added(&mut self, page: ObjectId, spot: &Spot, item: &Object) -> Result<()> {
        let resolved = self.new.resolve(item)?;
        let number = number_of(item);
        let Some(dict) = resolved.as_dict() else { return Ok(()) };
        if let Some(number) = number.filter(|n| self.new_widgets.contains(n)) {
            self.explain(spot);
            let elsewhere = dict.get("P").and_then(number_of).is_some_and(|p| p != page.number);
            if elsewhere {
                let reason = format!("the widget {number} says that it is on another page");
                self.forbid(spot, Some(Attack::SneakySignature), reason);
            }
            return Ok(());
        }
        if self.permissions.annotating()
            && number.is_some_and(|n| self.is_new(n))
            && self.is_note(page, spot, dict)?
        {
            self.explain(spot);
            return Ok(());
        }
        let attack =
            if dict.is_name("Subtype", "Widget") { Attack::FieldOverlay } else { Attack::EvilAnnotation };
        let kind =
            dict.get("Subtype").and_then(Object::as_name).map(|n| String::from_utf8_lossy(n).into_owned());
        let reason = format!("an annotation ({}) was laid over the page", kind.unwrap_or_default());
        self.forbid(spot, Some(attack), reason);
        Ok(())
    }

    /// A closed pop-up, or a note of an icon's size with the icon that readers draw themselves: free text, stamps, shapes,
    /// redactions and appearances of its own can show anything.
    fn is_note(&mut self, page: ObjectId, spot: &Spot, dict: &Dict) -> Result<bool> {
        let open = !matches!(self.new.get(dict, "Open")?, Object::Null | Object::Boolean(false));
        let Some([left, bottom, right, top]) = self.corners(dict)? else { return Ok(false) };
        let has_only =
            |known: &[&str]| dict.iter().all(|(key, _)| known.iter().any(|k| k.as_bytes() == key.as_bytes()));
        if open || self.notes.len() >= NOTES {
            return Ok(false);
        }
        match dict.get("Subtype").and_then(Object::as_name) {
            Some(b"Popup") => {
                let of_note = dict.get("Parent").is_none_or(|p| number_of(p).is_some_and(|n| self.is_new(n)));
                let small = right - left <= POPUP.0 && top - bottom <= POPUP.1;
                Ok(small && of_note && has_only(&POPUP_KEYS))
            }
            Some(b"Text") if right - left <= NOTE && top - bottom <= NOTE && has_only(&NOTE_KEYS) => {
                // On a page that is turned the icon may hang at another corner.
                let ground = [
                    left.min(right - NOTE),
                    bottom.min(top - NOTE),
                    right.max(left + NOTE),
                    top.max(bottom + NOTE),
                ];
                self.notes.push(Note { page, ground, spot: spot.clone() });
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn corners(&self, dict: &Dict) -> Result<Option<[f64; 4]>> {
        let numbers = self.new.get_array(dict, "Rect")?;
        let numbers = numbers
            .iter()
            .map(|n| Ok(self.new.resolve(n)?.as_number()))
            .collect::<Result<Option<Vec<_>>>>()?;
        Ok(match numbers.as_deref() {
            Some(&[x0, y0, x1, y1]) => Some([x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1)]),
            _ => None,
        })
    }

    /// The page's new notes stand apart from each other and from its other annotations.
    fn notes_stand_apart(&mut self, page: ObjectId, old: &[Object], new: &[Object]) -> Result<()> {
        let mine: Vec<Note> = self.notes.iter().filter(|note| note.page == page).cloned().collect();
        if mine.is_empty() {
            return Ok(());
        }
        let mut taken = Vec::new();
        let joined = |item: &&Object| number_of(item).is_some_and(|n| self.new_widgets.contains(&n));
        let others: Vec<Object> = old.iter().chain(new.iter().filter(joined)).cloned().collect();
        for item in &others {
            self.step()?;
            let other = self.new.resolve(item)?;
            let corners = other.as_dict().map(|dict| self.corners(dict)).transpose()?.flatten();
            // What has no area, an invisible signature, is not there to be hidden.
            taken.extend(corners.filter(|[left, bottom, right, top]| right > left && top > bottom));
        }
        for (n, note) in mine.iter().enumerate() {
            let others =
                mine.iter().enumerate().filter(|(other, _)| *other != n).map(|(_, other)| &other.ground);
            if others.chain(&taken).any(|other| meet(&note.ground, other)) {
                let reason = "a note was laid over another annotation";
                self.forbid(&note.spot, Some(Attack::EvilAnnotation), reason);
            }
        }
        Ok(())
    }

    /// New notes stand where their pages paint nothing.
    fn notes_hide_nothing(&mut self) {
        let mut wanted: Vec<Ground> = Vec::new();
        for note in &self.notes {
            match wanted.iter_mut().find(|(page, _)| *page == note.page) {
                Some((_, grounds)) => grounds.push(note.ground),
                None => wanted.push((note.page, vec![note.ground])),
            }
        }
        if wanted.is_empty() {
            return;
        }
        let empty = self.known.grounds.are_empty(self.new.document(), &wanted);
        for note in self.notes.clone() {
            let at = wanted.iter().position(|(page, _)| *page == note.page);
            match empty.as_ref().map(|empty| at.and_then(|at| empty.get(at)).copied()) {
                Ok(Some(true)) => {
                    self.permit(
                        &note.spot,
                        "a note was added on empty ground (ISO 32000-2 12.8.2.2, DocMDP 3)",
                    );
                }
                Ok(_) => {
                    let reason = "notes were laid over what the page shows";
                    self.forbid(&note.spot, Some(Attack::EvilAnnotation), reason);
                }
                Err(why) => {
                    let reason = format!("nobody can tell what the notes hide: {why}");
                    self.forbid(&note.spot, Some(Attack::EvilAnnotation), reason);
                }
            }
        }
    }
}

fn meet(one: &[f64; 4], other: &[f64; 4]) -> bool {
    let ([left, bottom, right, top], [l, b, r, t]) = (one, other);
    left <= r && l <= right && bottom <= t && b <= top
}
