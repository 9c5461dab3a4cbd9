//! Whether a form shows its values: only then may viewers be told to make its appearances anew, or not to do so any more
//! (ISO 32000-2 12.7.3, /NeedAppearances).

use super::drawn::{COMB, MULTILINE, ink_of};
use super::fields::{Inherited, MAX_DEPTH, READ_ONLY};
use super::fonts::{fonts_of, style_of};
use super::restated::Style;
use super::texts::PASSWORD;
use super::{Diff, Result, number_of};
use crate::pdf::syntax::{Dict, Object, View};
use crate::verify::colour::Colour;
use crate::verify::form::FieldType;
use crate::verify::found::rectangle;
use std::collections::BTreeSet;

/// Lighter inks cannot be seen on most grounds.
const LIGHT: f64 = 0.7;
/// Sizes of text that can be read, in points.
const SIZES: std::ops::RangeInclusive<f64> = 4.0..=24.0;
/// The width of a usual character, in ems.
const USUAL_WIDTH: f64 = 0.6;
/// The size that viewers take for several lines, and the distance between these in ems.
const USUAL_SIZE: f64 = 12.0;
const LEADING: f64 = 1.15;

/// A field or widget, what it has from above, and the nearest field that has a value.
struct Waiting {
    number: Option<u32>,
    dict: Dict,
    above: Inherited,
    holder: Dict,
    depth: usize,
}

impl Diff<'_, '_, '_> {
    /// Every text and choice field shows exactly its value, as far as that can be told, or showed nothing and may still be
    /// filled; every button its caption. Widgets count that the pages show and the form does not list. `now`: in the newest
    /// revision instead of the signed one.
    pub(super) fn values_are_shown(&mut self, form: &Dict, now: bool) -> Result<bool> {
        let signed = self.signed_widgets()?;
        if now {
            self.all_shown(self.new, form, &signed, now)
        } else {
            self.all_shown(self.old, form, &signed, now)
        }
    }

    fn all_shown(
        &mut self,
        view: View<'_, '_>,
        form: &Dict,
        signed: &[(Option<u32>, Dict)],
        now: bool,
    ) -> Result<bool> {
        let mut seen = BTreeSet::new();
        let mut waiting = Vec::new();
        let mut fields = view.get_array(form, "Fields")?;
        let mut at = (Inherited::default(), Dict::new(), 0);
        loop {
            for item in std::mem::take(&mut fields) {
                self.step()?;
                seen.extend(number_of(&item));
                if let Object::Dictionary(dict) = view.resolve(&item)? {
                    let (above, holder, depth) = at.clone();
                    waiting.push(Waiting { number: number_of(&item), dict, above, holder, depth });
                }
            }
            let Some(next) = waiting.pop() else { break };
            if next.depth > MAX_DEPTH {
                return Ok(false);
            }
            let own = next.above.with(view, &next.dict);
            let holds = next.dict.contains("V") || next.dict.contains("FT");
            let holder = if holds { next.dict.clone() } else { next.holder };
            fields = view.get_array(&next.dict, "Kids")?;
            if fields.is_empty() && !self.shown(view, next.number, (&next.dict, &holder), &own, now)? {
                return Ok(false);
            }
            at = (own, holder, next.depth + 1);
        }
        for (number, widget) in signed.iter().filter(|(number, _)| number.is_none_or(|n| !seen.contains(&n)))
        {
            let widget = match (now, number) {
                (true, Some(number)) => {
                    let id = crate::pdf::syntax::ObjectId::new(*number);
                    view.object(id)?.as_dict().cloned().unwrap_or_default()
                }
                _ => widget.clone(),
            };
            let Some((own, holder)) = self.inherited_from_parents(view, &widget)? else { return Ok(false) };
            if !self.shown(view, *number, (&widget, &holder), &own, now)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a widget that no field lists has from its parents; `None` where they do not end.
    fn inherited_from_parents(
        &mut self,
        view: View<'_, '_>,
        widget: &Dict,
    ) -> Result<Option<(Inherited, Dict)>> {
        let mut line = vec![widget.clone()];
        while let Some(parent) = view.get_dict(line.last().unwrap_or(widget), "Parent")? {
            self.step()?;
            if line.len() > MAX_DEPTH {
                return Ok(None);
            }
            line.push(parent);
        }
        let holder = line.iter().find(|d| d.contains("V")).unwrap_or(widget).clone();
        let own = line.iter().rev().fold(Inherited::default(), |above, dict| above.with(view, dict));
        Ok(Some((own, holder)))
    }

    fn shown(
        &mut self,
        view: View<'_, '_>,
        number: Option<u32>,
        (widget, holder): (&Dict, &Dict),
        own: &Inherited,
        now: bool,
    ) -> Result<bool> {
        match own.kind {
            Some(FieldType::Text | FieldType::Choice) => {
                // Without an appearance viewers show the value whether they are told to or not.
                let undrawn = now && !widget.contains("AP");
                if undrawn {
                    return Ok(true);
                }
                if !now && self.waits_for_filling(widget, own) {
                    return self.keeps_its_ground(number, own, (widget, holder));
                }
                Ok(self.shows_its_value(view, widget, holder, own)?
                    && (now || self.is_made_by_viewers(view, number, (widget, holder), own)?))
            }
            Some(FieldType::Button) => self.shows_its_caption(view, widget),
            _ => Ok(true),
        }
    }

    /// A field without an appearance may be given one by filling it, and whatever value: making it from the value that it has is less.
    fn waits_for_filling(&self, widget: &Dict, own: &Inherited) -> bool {
        !widget.contains("AP") && own.flags & READ_ONLY == 0 && !self.permissions.locked(&own.name)
    }

    /// Whether an appearance that a viewer makes by /DA and /MK shows the value as it can be read, and hides nothing: upright, in a font
    /// that shows what is written, of a size that has room, in an ink that stands out, and not as a password.
    pub(super) fn is_made_by_viewers(
        &mut self,
        view: View<'_, '_>,
        number: Option<u32>,
        (widget, holder): (&Dict, &Dict),
        own: &Inherited,
    ) -> Result<bool> {
        let look = view.get_dict(widget, "MK")?.unwrap_or_default();
        let upright = matches!(view.get(&look, "R")?, Object::Null | Object::Integer(0));
        if !upright || !self.keeps_its_ground(number, own, (widget, holder))? {
            return Ok(false);
        }
        let value = match view.get(holder, "V")? {
            Object::Null => String::new(),
            Object::String(value) => value.to_text(),
            // The choices of a list, whose rows viewers draw all.
            _ => "-".to_owned(),
        };
        if value.is_empty() {
            return Ok(true);
        }
        let Some(style) = style_of(view, widget, own)? else { return Ok(false) };
        let Some(stated) = Style::of(style.as_bytes()).filter(Style::is_usual) else { return Ok(false) };
        let size = stated.font().and_then(|(_, size)| size.parse::<f64>().ok()).unwrap_or(f64::NAN);
        if own.flags & PASSWORD != 0
            || own.brings_resources
            || !self.has_room(view, (widget, holder), own, size, &value)?
        {
            return Ok(false);
        }
        let ink = ink_of(style.as_bytes()).unwrap_or(0.0);
        let ground: Vec<f64> = view.get_array(&look, "BG")?.iter().filter_map(Object::as_number).collect();
        let ground = Colour::of(&ground).unwrap_or(Colour::WHITE).lightness();
        if (ground - ink).abs() < 1.0 - LIGHT {
            return Ok(false);
        }
        // Some readers look for the font in what the appearance was drawn with, before they look in the form.
        let appearance = view.get_dict(widget, "AP")?.unwrap_or_default();
        let alike = match view.get(&appearance, "N")? {
            Object::Stream(normal) => {
                let fonts = fonts_of(view, &normal)?;
                let named = stated.font().is_some_and(|(name, _)| fonts.contains(name));
                !named || self.is_plain_in(view, &fonts, style.as_bytes())?
            }
            _ => true,
        };
        Ok(alike && self.is_in_plain_font(view, style.as_bytes())?)
    }

    /// Whether a value has room in the field in that size (0: the viewer takes one).
    fn has_room(
        &self,
        view: View<'_, '_>,
        (widget, field): (&Dict, &Dict),
        own: &Inherited,
        size: f64,
        value: &str,
    ) -> Result<bool> {
        let length = value.chars().count();
        let most = match view.get(field, "MaxLen")? {
            Object::Null => usize::MAX,
            most => most.as_integer().and_then(|most| usize::try_from(most).ok()).unwrap_or(0),
        };
        let Some([left, bottom, right, top]) = rectangle(self.old, widget) else { return Ok(false) };
        let (width, height) = (right - left, top - bottom);
        let several = own.flags & MULTILINE != 0;
        // Of one line viewers take the size that has room.
        if length > most || (size == 0.0 && !several && own.flags & COMB == 0) {
            return Ok(length <= most && !value.contains(['\n', '\r']));
        }
        let size = if size == 0.0 { USUAL_SIZE } else { size };
        let wide = |characters: usize| {
            #[allow(clippy::cast_precision_loss, reason = "a value is shorter than 2^52 characters")]
            let characters = characters as f64;
            characters * size * USUAL_WIDTH
        };
        let lines = |line: &str| (wide(line.chars().count()) / width).ceil().max(1.0);
        let room = match () {
            () if own.flags & COMB != 0 => most < usize::MAX && wide(most) <= width,
            () if several => value.lines().map(lines).sum::<f64>() * size * LEADING <= height,
            // A line that ends in it would be the last that is seen.
            () => wide(length) <= width && !value.contains(['\n', '\r']),
        };
        Ok(SIZES.contains(&size) && size <= height && room)
    }

    /// Whether making a button's appearance anew (/MK, table 192) shows what it showed: check marks are one character, nobody
    /// fills a push button.
    fn shows_its_caption(&mut self, view: View<'_, '_>, widget: &Dict) -> Result<bool> {
        let Some(style) = view.get_dict(widget, "MK")? else { return Ok(true) };
        if ["I", "RI", "IX"].iter().any(|icon| style.contains(icon)) {
            return Ok(false);
        }
        let caption = view.get(&style, "CA")?;
        let caption = caption.as_string().map(|text| text.to_text()).unwrap_or_default();
        if caption.chars().count() <= 1 {
            return Ok(widget.contains("AP") || !style.contains("BG"));
        }
        let Some(appearance) = view.get_dict(widget, "AP")? else { return Ok(false) };
        let Object::Stream(stream) = view.get(&appearance, "N")? else { return Ok(false) };
        let plain = |text: &str| text.split_whitespace().collect::<String>();
        Ok(self.shown_text(view, &stream)?.is_some_and(|shown| plain(&shown) == plain(&caption)))
    }
}
