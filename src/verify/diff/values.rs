//! Whether a form showed its values: only then may viewers be told to make its appearances anew (ISO 32000-2 12.7.3,
//! /NeedAppearances).

use super::fields::{Inherited, MAX_DEPTH};
use super::{Diff, Result};
use crate::pdf::syntax::{Dict, Object};
use crate::verify::form::FieldType;

impl Diff<'_, '_, '_> {
    /// Every text and choice field of the signed revision showed exactly its value, as far as that can be told.
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
                Some(FieldType::Text | FieldType::Choice) => self.shows_its_value(dict, holder, &own)?,
                _ => true,
            };
            if !shown {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
