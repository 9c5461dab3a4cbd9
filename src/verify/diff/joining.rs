//! What new signature fields bring along: fields above them that only name them, and looks that show nothing yet
//! (ISO 32000-2 12.7.4, 12.5.5).

use super::fields::{Inherited, MAX_DEPTH};
use super::{Diff, Located, Result, Spot, array_of, number_of};
use crate::pdf::syntax::{Dict, Object, View};
use crate::verify::Attack;
use crate::verify::content;
use std::collections::BTreeSet;

/// Keys of a field that says no more than a part of its kids' names.
const NAMES: [&str; 3] = ["T", "Kids", "Parent"];
/// Decoded octets of an appearance that is looked at for being blank.
const BLANK: usize = 1024;

impl Diff<'_, '_, '_> {
    /// A new field without a kind of its own, as pyHanko makes `grp` for `grp.Sig2`: a name and new fields below it. `own` is
    /// what it hands down, its own number included.
    ///
    /// True when it was one, whatever was said of it.
    pub(super) fn new_group(
        &mut self,
        at: &Spot,
        dict: &Dict,
        own: &Inherited,
        above: &Inherited,
        siblings: &BTreeSet<String>,
    ) -> Result<bool> {
        let Some(kids) = Self::descend(self.new, at, dict, "Kids")?.filter(|_| own.kind.is_none()) else {
            return Ok(false);
        };
        let others = dict.iter().any(|(key, _)| !NAMES.iter().any(|k| k.as_bytes() == key.as_bytes()));
        let lists_fields = |kid: &Object| {
            let kid = self.new.resolve(kid).unwrap_or_default();
            kid.as_dict().is_some_and(|kid| kid.contains("T"))
        };
        let list = array_of(Some(&kids));
        if others || list.is_empty() || !list.iter().all(lists_fields) {
            return Ok(false);
        }
        let name = self.new.get(dict, "T")?.as_string().map(|s| s.to_text());
        let parent = dict.get("Parent").map(number_of);
        let wrong = if name.is_none_or(|n| n.is_empty() || n.contains('.') || siblings.contains(&n)) {
            Some("a new field above others has no name of its own")
        } else if parent != above.number.map(Some) {
            Some("a new field above others names another one above itself")
        } else if own.depth > MAX_DEPTH {
            Some("the field tree is too deep")
        } else if !self.visited.insert(at.owner) {
            Some("a field stands in two places of the form")
        } else {
            None
        };
        if let Some(reason) = wrong {
            self.forbid(at, Some(Attack::FieldOverlay), reason);
            return Ok(true);
        }
        self.new_kids(&kids, &list, own)?;
        Ok(true)
    }

    fn new_kids(&mut self, kids: &Located, list: &[Object], own: &Inherited) -> Result<()> {
        let mut names = BTreeSet::new();
        for (n, kid) in list.iter().enumerate() {
            self.step()?;
            let spot = kids.spot.key(n);
            let Some(id) = kid.as_reference() else {
                let reason = "a field that is no object of its own was added";
                self.forbid(&spot, Some(Attack::FieldOverlay), reason);
                continue;
            };
            self.new_field(&spot, id, own, &names)?;
            let object = self.new.object(id)?;
            let name = object.as_dict().map(|d| self.new.get(d, "T")).transpose()?;
            names.extend(name.and_then(|name| Some(name.as_string()?.to_text())));
        }
        Ok(())
    }
}

/// Whether a widget has a look of its own: an appearance that is not blank, or a style that viewers make one from.
pub(super) fn has_look(view: View<'_, '_>, widget: &Dict) -> bool {
    let style = view.get(widget, "MK").unwrap_or(Object::Boolean(true));
    let styled = match &style {
        Object::Null => false,
        Object::Dictionary(style) => style.iter().any(|(key, _)| key.as_bytes() != b"R"),
        _ => true,
    };
    styled || has_drawn_look(view, widget)
}

/// Whether a widget has an appearance that shows something.
pub(super) fn has_drawn_look(view: View<'_, '_>, widget: &Dict) -> bool {
    let appearance = view.get(widget, "AP").unwrap_or(Object::Boolean(true));
    match &appearance {
        Object::Null => false,
        Object::Dictionary(states) => states.iter().any(|(_, look)| !is_blank(view, look)),
        _ => true,
    }
}

/// Whether an appearance is a stream that paints nothing.
fn is_blank(view: View<'_, '_>, look: &Object) -> bool {
    let Ok(Object::Stream(stream)) = view.resolve(look) else { return false };
    let content = view.document().decode(&stream, BLANK);
    content.is_ok_and(|content| content::paints_nothing(&content))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::has_look;
    use crate::pdf::sign::testing::with_table;
    use crate::pdf::syntax::{Document, ObjectId};

    #[test]
    fn only_a_look_that_shows_something_is_one() {
        let stream = |content: &str| {
            let length = content.len();
            format!("<</Subtype/Form/BBox[0 0 9 9]/Length {length}>>\nstream\n{content}\nendstream")
        };
        let shown = |widget: &str, content: &str| {
            let catalog = "<</Type/Catalog/Pages 2 0 R>>".to_owned();
            let pages = "<</Type/Pages/Kids[]/Count 0>>".to_owned();
            let bytes = with_table(&[catalog, pages, widget.to_owned(), stream(content)]);
            let document = Document::open(&bytes).unwrap();
            let widget = document.latest().object(ObjectId::new(3)).unwrap();
            has_look(document.latest(), widget.as_dict().unwrap())
        };
        for nothing in ["<</F 4>>", "<</MK<<>>>>", "<</MK<</R 90>>>>", "<</AP<</N 4 0 R>>>>", "<</AP<<>>>>"] {
            assert!(!shown(nothing, " \n"), "{nothing}");
        }
        for look in [
            "<</MK<</BG[1]>>>>",
            "<</MK 7>>",
            "<</AP 4 0 R>>",
            "<</AP<</N<</On 4 0 R>>>>>>",
            "<</AP<</N 9 0 R>>>>",
        ] {
            assert!(shown(look, ""), "{look}");
        }
        for (content, seen) in [
            ("0 0 9 9 re f", true),
            ("% DSBlank", false),
            ("q Q /Tx BMC EMC BT ET", false),
            ("/Sh sh", true),
            ("12Tf", true),
            ("BT (1) Tj ET", true),
        ] {
            assert_eq!(shown("<</AP<</N 4 0 R>>>>", content), seen, "{content}");
        }
    }
}
