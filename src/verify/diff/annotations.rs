//! Annotations of the pages: all that were there, in their order; new ones are the widgets of permitted signature
//! fields, and under an explicit DocMDP 3 small notes (ISO 32000-2 12.5, 12.8.2.2).

use super::{Diff, Referrers, Result, Spot, array_of, number_of};
use crate::pdf::syntax::{Dict, Object, ObjectId};
use crate::verify::Attack;

/// Side of the largest note icon that can hide nothing of weight, in points.
const NOTE: f64 = 32.0;
/// Sides of the largest pop-up that a note gets.
const POPUP: (f64, f64) = (300.0, 250.0);
/// New notes and pop-ups in a file, at most.
const NOTES: usize = 16;

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
                if number_of(item).is_some_and(|n| self.accepted.contains_key(&n)) {
                    self.explain(&spot);
                }
                continue;
            }
            self.added(page, &spot, item)?;
        }
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
            && self.is_note(page, dict)?
        {
            self.explain(spot);
            self.permit(spot, "a note was added (ISO 32000-2 12.8.2.2, DocMDP 3)");
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

    /// A closed pop-up, or a note of an icon's size with the icon that readers draw themselves: it cannot hide or replace
    /// content, which free text, stamps, shapes, redactions and appearances of its own can.
    fn is_note(&mut self, page: ObjectId, dict: &Dict) -> Result<bool> {
        let kind = dict.get("Subtype").and_then(Object::as_name);
        let open = !matches!(self.new.get(dict, "Open")?, Object::Null | Object::Boolean(false));
        if open || ["A", "AA", "AP", "OC"].iter().any(|key| dict.contains(key)) || self.notes.len() >= NOTES {
            return Ok(false);
        }
        let rect: Vec<f64> = self.new.get_array(dict, "Rect")?.iter().filter_map(Object::as_number).collect();
        let &[x0, y0, x1, y1] = rect.as_slice() else { return Ok(false) };
        let area = [x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1)];
        let [left, bottom, right, top] = area;
        match kind {
            Some(b"Popup") => {
                let contents = dict.contains("Contents") || dict.contains("RC");
                let small = right - left <= POPUP.0 && top - bottom <= POPUP.1;
                Ok(small && !contents)
            }
            Some(b"Text") => {
                let small = right - left <= NOTE && top - bottom <= NOTE;
                let meets = |(there, other): &(u32, [f64; 4])| {
                    let [l, b, r, t] = *other;
                    *there == page.number && left <= r && l <= right && bottom <= t && b <= top
                };
                if !small || self.notes.iter().any(meets) {
                    return Ok(false);
                }
                self.notes.push((page.number, area));
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
