//! Whether what a field paints hides what the page shows: grounds and borders that nobody saw when the file was signed, and widgets that
//! leave their place (ISO 32000-2 12.5.3, 12.5.6.19).

use super::catalog::value;
use super::fields::Inherited;
use super::{Diff, Result};
use crate::pdf::syntax::{Dict, Object, Stream};
use crate::verify::content::Shown;
use crate::verify::drawing::Frame;
use crate::verify::found::rectangle;

/// What a field's ground may grow by on each side when it is drawn anew, in points.
const GROWTH: f64 = 1.0;

/// A border that hides nothing, in points.
const THIN: f64 = 2.0;

impl Diff<'_, '_, '_> {
    /// `Some` reason when a field paints where it did not when it was signed, and there is something beneath. Where viewers were told to
    /// draw it they drew the ground that /MK states.
    pub(super) fn covers_anew(
        &mut self,
        shown: &Shown,
        frame: &Frame,
        (owner, before): (u32, Option<&Stream>),
        own: &Inherited,
        (widget, field): (&Dict, &Dict),
    ) -> Result<Option<String>> {
        let look = self.old.get_dict(widget, "MK")?.unwrap_or_default();
        let framed = look.contains("BG") || look.contains("BC");
        let (painted, grounds) = match before {
            None if self.made_anew() && look.contains("BG") => return Ok(None),
            None => (framed, Vec::new()),
            Some(stream) => {
                let was = self.frame(self.old, stream, None, own, (widget, field))?.ok();
                let fonts = self.fonts(before)?;
                let seen = self.shown_in(self.old, stream, &fonts, was.as_ref())?;
                let painted = seen.as_ref().map_or(true, |seen| seen.paints);
                let grounds = seen.map(|seen| seen.grounds).unwrap_or_default();
                let placed = |was: &Frame| grounds.iter().map(|area| was.part(area)).collect();
                (painted, was.as_ref().map(placed).unwrap_or_default())
            }
        };
        let (wide, high) = rectangle(self.old, widget).map_or((0.0, 0.0), |[left, bottom, right, top]| {
            (GROWTH / (right - left), GROWTH / (top - bottom))
        });
        let within = |[l, b, r, t]: [f64; 4]| {
            grounds.iter().any(|g: &[f64; 4]| {
                l >= g[0] - wide && b >= g[1] - high && r <= g[2] + wide && t <= g[3] + high
            })
        };
        let filled = shown.grounds.iter().all(|area| within(frame.part(area)));
        if filled && (painted || framed) {
            return Ok(None);
        }
        let reason = "it paints over the page, which it did not when it was signed";
        let Some(area) = rectangle(self.old, widget) else { return Ok(Some(reason.into())) };
        // Another row of a list is marked on the ground that the page draws for it.
        if frame.rows {
            let free = self.beneath(owner, area)? == Some((0, false));
            return Ok((!free).then(|| reason.into()));
        }
        Ok(self.on_empty_ground(owner, area)?.err().map(|why| format!("{reason}: {why}")))
    }

    /// Whether the ground that viewers paint by themselves where /MK states one (table 192) hides nothing: the field was drawn with a
    /// ground, or the page shows nothing there.
    pub(super) fn keeps_its_ground(
        &mut self,
        owner: Option<u32>,
        own: &Inherited,
        (widget, field): (&Dict, &Dict),
    ) -> Result<bool> {
        let look = self.old.get_dict(widget, "MK")?.unwrap_or_default();
        let bordered = look.contains("BC") && self.border(widget)? > THIN;
        if !look.contains("BG") && !bordered {
            return Ok(true);
        }
        if let Some(appearance) = self.old.get_dict(widget, "AP")?
            && let Object::Stream(stream) = self.old.get(&appearance, "N")?
            && let Ok(frame) = self.frame(self.old, &stream, None, own, (widget, field))?
        {
            let fonts = self.fonts(Some(&stream))?;
            let seen = self.shown_in(self.old, &stream, &fonts, Some(&frame))?;
            if !bordered && seen.is_ok_and(|seen| !seen.grounds.is_empty()) {
                return Ok(true);
            }
        }
        let (Some(owner), Some(area)) = (owner, rectangle(self.old, widget)) else { return Ok(false) };
        Ok(self.on_empty_ground(owner, area)?.is_ok())
    }

    /// How far the border that viewers paint reaches into the field, in points (12.5.4): bevelled and inset ones are twice as wide.
    fn border(&self, widget: &Dict) -> Result<f64> {
        let stated = |width: Option<&Object>| match width.map(|width| self.old.resolve(width)).transpose()? {
            None => Ok(1.0),
            Some(width) => Ok::<f64, super::GaveUp>(width.as_number().unwrap_or(f64::INFINITY)),
        };
        if let Some(style) = self.old.get_dict(widget, "BS")? {
            let plain = ["S", "D", "U"].iter().any(|name| style.is_name("S", name)) || !style.contains("S");
            return Ok(stated(style.get("W"))? * if plain { 1.0 } else { 2.0 });
        }
        stated(self.old.get_array(widget, "Border")?.get(2))
    }
}

/// Whether an annotation stays in its rectangle however the page is turned and scaled (12.5.3, NoZoom and NoRotate).
pub(super) fn is_fixed(widget: &Dict) -> std::result::Result<(), &'static str> {
    const APART: i64 = 8 | 16;
    let flags = value(widget, "F");
    if flags.is_null() || flags.as_integer().is_some_and(|flags| flags & APART == 0) {
        Ok(())
    } else {
        Err("it is not turned and scaled with its page and may leave its place")
    }
}
