//! The form as it was signed: its fields with what they have from above, and its widgets on the pages (ISO 32000-2 12.7.4, 12.5.6.19).

use super::fields::{Inherited, MAX_DEPTH};
use super::{Diff, Result, number_of};
use crate::pdf::syntax::{Dict, Object};

impl Diff<'_, '_, '_> {
    /// Shows every field and widget of the signed form's tree, so many levels deep, to `visit`.
    pub(super) fn each_signed_field(
        &mut self,
        form: &Dict,
        mut visit: impl FnMut(&Self, &Dict, &Inherited) -> Result<()>,
    ) -> Result<()> {
        let top = self.old.get_array(form, "Fields")?;
        let mut waiting: Vec<(Object, Inherited, usize)> =
            top.into_iter().map(|field| (field, Inherited::default(), 0)).collect();
        while let Some((field, above, depth)) = waiting.pop() {
            self.step()?;
            let field = self.old.resolve(&field)?;
            let Some(dict) = field.as_dict() else { continue };
            let own = above.with(self.old, dict);
            visit(self, dict, &own)?;
            if depth < MAX_DEPTH {
                let kids = self.old.get_array(dict, "Kids")?;
                waiting.extend(kids.into_iter().map(|kid| (kid, own.clone(), depth + 1)));
            }
        }
        Ok(())
    }

    /// The widgets that the pages of the signed revision list, in the form or not, with their object numbers.
    pub(super) fn signed_widgets(&mut self) -> Result<Vec<(Option<u32>, Dict)>> {
        let mut widgets = Vec::new();
        for page in self.old_pages.clone().unwrap_or_default() {
            let object = self.old.object(page)?;
            let Some(page) = object.as_dict() else { continue };
            for item in self.old.get_array(page, "Annots")? {
                self.step()?;
                let number = number_of(&item);
                let annotation = self.old.resolve(&item)?;
                widgets.extend(
                    annotation
                        .as_dict()
                        .filter(|d| d.is_name("Subtype", "Widget"))
                        .map(|d| (number, d.clone())),
                );
            }
        }
        Ok(widgets)
    }
}
