//! The fonts that a filled field may be written in: those that were there when it was signed (ISO 32000-2 12.7.3, 12.7.4.3).

use super::fields::Inherited;
use super::restated::Style;
use super::{Diff, Result, number_of};
use crate::pdf::syntax::{Dict, Object, PdfString, Stream, View};
use crate::verify::font::{Font, Fonts};
use crate::verify::form::{FieldType, acro_form};
use std::collections::BTreeSet;

/// Names that viewers know their own text fonts by.
const TEXT_FONTS: [&str; 6] = ["Helv", "Arial", "Times", "TiRo", "Cour", "HeBo"];

impl<'x> Diff<'x, '_, '_> {
    /// The fonts that an appearance of the new revision may use: the form's, and those that its fields were shown in.
    pub(super) fn fonts(&mut self, before: Option<&Stream>) -> Result<Fonts<'x>> {
        let mut fonts = Fonts::of(form_fonts(self.new)?, &self.known.programs);
        let mut were_there = self.fonts_at_signing()?;
        if let Some(stream) = before {
            were_there.extend(numbers(&fonts_of(self.old, stream)?));
        }
        fonts.known.extend(were_there.into_iter().filter(|number| !self.touched.contains_key(number)));
        Ok(fonts)
    }

    /// Fonts of the form and of its fields' appearances in the signed revision; looked for once.
    fn fonts_at_signing(&mut self) -> Result<BTreeSet<u32>> {
        if let Some(known) = &self.fonts_at_signing {
            return Ok(known.clone());
        }
        let mut known: BTreeSet<u32> = numbers(&form_fonts(self.old)?).collect();
        let form = acro_form(self.old)?;
        self.each_signed_field(&form, |diff, field, own| {
            if matches!(own.kind, Some(FieldType::Text | FieldType::Choice))
                && let Some(appearance) = diff.old.get_dict(field, "AP")?
                && let Object::Stream(normal) = diff.old.get(&appearance, "N")?
            {
                known.extend(numbers(&fonts_of(diff.old, &normal)?));
            }
            Ok(())
        })?;
        self.fonts_at_signing = Some(known.clone());
        Ok(known)
    }

    /// Whether a default appearance (/DA) that names another font leaves the field as it can be seen. Viewers use it when they make
    /// the appearance anew: with a font that shows what is written, or with one of their own where the form has none of that name. All
    /// else must be as it was.
    pub(super) fn names_plain_font(&self, widget: &Dict, own: &Inherited, after: &Object) -> Result<bool> {
        let before = style_of(self.old, widget, own)?;
        let (Some(before), Some(text)) = (before, after.as_string()) else { return Ok(false) };
        let (Some(before), Some(after)) = (Style::of(before.as_bytes()), Style::of(text.as_bytes())) else {
            return Ok(false);
        };
        let (Some(was), Some(is)) = (before.font(), after.font()) else { return Ok(false) };
        if was.1 != is.1 || !before.is_otherwise(&after) {
            return Ok(false);
        }
        self.is_in_plain_font(self.new, text.as_bytes())
    }

    /// Whether a default appearance names a font of the form that shows what is written, or one that every reader has.
    pub(super) fn is_in_plain_font(&self, view: View<'_, '_>, style: &[u8]) -> Result<bool> {
        self.is_plain_in(view, &form_fonts(view)?, style)
    }

    /// The same of the fonts of other resources.
    pub(super) fn is_plain_in(&self, view: View<'_, '_>, fonts: &Dict, style: &[u8]) -> Result<bool> {
        let Some(style) = Style::of(style) else { return Ok(false) };
        let Some((name, _)) = style.font() else { return Ok(false) };
        let own = Fonts::of(Dict::new(), &self.known.programs);
        Ok(match fonts.get_bytes(name.as_bytes()) {
            Some(_) => Font::named(view, fonts, &own, name.as_bytes()).is_plain(),
            // Viewers have their own fonts of such names; of others they may have pictures.
            None => TEXT_FONTS.iter().any(|text| name.starts_with(text)),
        })
    }
}

/// The default appearance of a widget: its own, that of the fields above it or the form's (12.7.4.3).
pub(super) fn style_of(view: View<'_, '_>, widget: &Dict, own: &Inherited) -> Result<Option<PdfString>> {
    let stated =
        |dict: &Dict| -> Result<Option<PdfString>> { Ok(view.get(dict, "DA")?.as_string().cloned()) };
    Ok(match stated(widget)?.or_else(|| own.style.clone()) {
        Some(style) => Some(style),
        None => stated(&acro_form(view)?)?,
    })
}

/// The fonts of the form's default resources.
pub(super) fn form_fonts(view: View<'_, '_>) -> Result<Dict> {
    let resources = view.get_dict(&acro_form(view)?, "DR")?.unwrap_or_default();
    Ok(view.get_dict(&resources, "Font")?.unwrap_or_default())
}

/// The fonts of an appearance's own resources.
pub(super) fn fonts_of(view: View<'_, '_>, appearance: &Stream) -> Result<Dict> {
    let resources = view.get_dict(&appearance.dict, "Resources")?.unwrap_or_default();
    Ok(view.get_dict(&resources, "Font")?.unwrap_or_default())
}

fn numbers(fonts: &Dict) -> impl Iterator<Item = u32> + '_ {
    fonts.iter().filter_map(|(_, font)| number_of(font))
}
