//! Whether a form showed its values: only then may viewers be told to make its appearances anew (ISO 32000-2 12.7.3,
//! /NeedAppearances).

use super::fields::{Inherited, MAX_DEPTH, READ_ONLY};
use super::{Diff, Result};
use crate::pdf::syntax::{Dict, Object};
use crate::verify::form::FieldType;

impl Diff<'_, '_, '_> {
    /// Every text and choice field of the signed revision showed exactly its value, as far as that can be told, or showed nothing
    /// and may still be filled; every button its caption.
    pub(super) fn values_are_shown(&mut self, form: &Dict) -> Result<bool> {
        let fields = self.old.get_array(form, "Fields")?;
        self.all_shown(&fields, &Inherited::default(), &Dict::new(), 0)
    }

    /// `holder` is the nearest field above that has a value.
    fn all_shown(
        &mut self,
        fields: &[Object],
        above: &Inherited,
        holder: &Dict,
        depth: usize,
    ) -> Result<bool> {
        if depth > MAX_DEPTH {
            return Ok(false);
        }
        for item in fields {
            self.step()?;
            let object = self.old.resolve(item)?;
            let Some(dict) = object.as_dict() else { continue };
            let own = above.with(dict);
            let holder = if dict.contains("V") || dict.contains("FT") { dict } else { holder };
            let kids = self.old.get_array(dict, "Kids")?;
            let shown = match own.kind {
                _ if !kids.is_empty() => self.all_shown(&kids, &own, holder, depth + 1)?,
                Some(FieldType::Text | FieldType::Choice) => {
                    self.waits_for_filling(dict, &own) || self.shows_its_value(dict, holder, &own)?
                }
                Some(FieldType::Button) => self.shows_its_caption(dict)?,
                _ => true,
            };
            if !shown {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A field without an appearance may be given one by filling it, and whatever value: making it from the value that it has is less.
    fn waits_for_filling(&self, widget: &Dict, own: &Inherited) -> bool {
        !widget.contains("AP") && own.flags & READ_ONLY == 0 && !self.permissions.locked(&own.name)
    }

    /// Whether making a button's appearance anew (/MK, table 192) shows what it showed: check marks are one character, nobody
    /// fills a push button.
    fn shows_its_caption(&self, widget: &Dict) -> Result<bool> {
        let Some(style) = self.old.get_dict(widget, "MK")? else { return Ok(true) };
        if ["I", "RI", "IX"].iter().any(|icon| style.contains(icon)) {
            return Ok(false);
        }
        let caption = self.old.get(&style, "CA")?;
        let caption = caption.as_string().map(|text| text.to_text()).unwrap_or_default();
        if caption.chars().count() <= 1 {
            return Ok(widget.contains("AP") || !style.contains("BG"));
        }
        let Some(appearance) = self.old.get_dict(widget, "AP")? else { return Ok(false) };
        let Object::Stream(stream) = self.old.get(&appearance, "N")? else { return Ok(false) };
        let plain = |text: &str| text.split_whitespace().collect::<String>();
        Ok(self.shown_text(self.old, &stream)?.is_some_and(|shown| plain(&shown) == plain(&caption)))
    }
}
