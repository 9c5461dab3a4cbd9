//! The states of a button are marks: going from one to another neither says nor covers nor uncovers what the page shows
//! (ISO 32000-2 12.7.5.2). They were there when the file was signed, but nobody saw more than one of them.

use super::covering::is_fixed;
use super::drawn::is_decoded_alike;
use super::forms::is_plain_form;
use super::texts::{MAX_APPEARANCE, OCTETS_A_STEP};
use super::{Diff, Result};
use crate::pdf::syntax::{Dict, Object, ObjectId, Stream};
use crate::verify::content::Shown;
use crate::verify::font::Fonts;
use crate::verify::found::rectangle;
use crate::verify::mark::{Mark, mark};

/// Sides of the largest mark that may stand anywhere, in points.
const MARK: f64 = 48.0;
/// Sides of the largest dot or square that may be filled where a character (a drawn box) stands.
const DOT: f64 = 24.0;
/// Sides of the largest box that may be filled as light as paper where the page draws a box of its own.
const BOX: f64 = 16.0;
/// Characters of a mark, at most.
const MARK_CHARACTERS: usize = 4;
/// How far from other text characters are read apart from it, in points.
const APART: f64 = 12.0;

/// Annotations side by side may overlap by so many points.
const TOUCHING: f64 = 1.5;

type Outcome = std::result::Result<(), String>;

impl Diff<'_, '_, '_> {
    /// Whether a button's states before and after are no more than marks; `Err` has the reason.
    pub(super) fn are_marks(
        &mut self,
        number: u32,
        widget: &Dict,
        before: Option<&Stream>,
        after: Option<&Stream>,
    ) -> Result<Outcome> {
        let mut read = Vec::new();
        for state in [before, after] {
            let Some(state) = state else {
                read.push((Shown { text: Some(String::new()), ..Shown::default() }, Mark::default()));
                continue;
            };
            match self.state(state)? {
                Ok(state) => read.push(state),
                Err(reason) => return Ok(Err(reason)),
            }
        }
        let [(seen, was), (shown, is)] = read.as_slice() else { return Ok(Ok(())) };
        // The same operators paint the same where nothing cuts them off and both stand in the same box.
        let alike = !was.cut && !is.cut && self.stand_alike(before, after);
        let none = Mark::default();
        let (was_seen, is_seen) = if alike { (was, is) } else { (&none, &none) };
        if let Err(reason) = self.is_mark(number, widget, (seen, was), is_seen)? {
            return Ok(Err(format!("what it showed was more than a mark: {reason}")));
        }
        self.is_mark(number, widget, (shown, is), was_seen)
    }

    /// Whether two states have the same box and matrix.
    fn stand_alike(&self, before: Option<&Stream>, after: Option<&Stream>) -> bool {
        let (Some(before), Some(after)) = (before, after) else { return true };
        let of = |stream: &Stream, key: &str| self.old.get(&stream.dict, key).ok();
        ["BBox", "Matrix"].iter().all(|key| of(before, key) == of(after, key))
    }

    /// What a state shows and paints.
    fn state(&mut self, stream: &Stream) -> Result<std::result::Result<(Shown, Mark), String>> {
        let shown = match self.shown_by(self.old, stream)? {
            Ok(shown) => shown,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Err(reason) = is_plain_form(self.old, &stream.dict) {
            return Ok(Err(reason));
        }
        if !is_decoded_alike(self.old, stream)? {
            return Ok(Err("readers decode it differently".into()));
        }
        let data = self.old.document().decode(stream, MAX_APPEARANCE)?;
        self.spend(data.len() / OCTETS_A_STEP)?;
        let resources = self.old.get_dict(&stream.dict, "Resources")?.unwrap_or_default();
        let corners: Vec<f64> =
            self.old.get_array(&stream.dict, "BBox")?.iter().filter_map(Object::as_number).collect();
        // Without one some readers draw it unclipped.
        let side = match *corners.as_slice() {
            [left, bottom, right, top] => (right - left).abs().min((top - bottom).abs()),
            _ => 0.0,
        };
        if side <= 0.0 && !data.iter().all(u8::is_ascii_whitespace) {
            return Ok(Err("it has no bounding box".into()));
        }
        let fonts = Fonts::of(super::fonts::form_fonts(self.old)?, &self.known.programs);
        Ok(mark(self.old, &data, &resources, &fonts, side).map(|mark| (shown, mark)))
    }

    /// Whether this state may come or go where the other one is instead.
    fn is_mark(
        &mut self,
        number: u32,
        widget: &Dict,
        (shown, mark): (&Shown, &Mark),
        other: &Mark,
    ) -> Result<Outcome> {
        let characters = shown.text.as_ref().map(|text| text.chars().filter(|c| !c.is_whitespace()).count());
        let most = if mark.speaks { 1 } else { MARK_CHARACTERS };
        if characters.is_some_and(|count| count > most) {
            return Ok(Err("it shows words".into()));
        }
        let draws = shown.paints || characters.is_none_or(|count| count > 0);
        if !draws {
            return Ok(Ok(()));
        }
        if let Err(reason) = is_fixed(widget) {
            return Ok(Err(reason.into()));
        }
        let Some(area) = rectangle(self.old, widget) else { return Ok(Err("it has no area".into())) };
        let [left, bottom, right, top] = area;
        let side = (right - left).max(top - bottom);
        if side > MARK {
            let empty = self.on_empty_ground(number, area)?;
            return Ok(empty.map_err(|why| format!("it is larger than a mark, and {why}")));
        }
        if mark.speaks && self.meets_another(number, [left - APART, bottom, right + APART, top])? {
            return Ok(Err("it may say something, and stands on or beside another field".into()));
        }
        if mark.speaks
            && self.beneath(number, [left - APART, bottom, right + APART, top])? != Some((0, false))
        {
            return Ok(Err("it may say something, and stands on or beside what the page shows".into()));
        }
        let mut covers = mark.covers.iter().filter(|cover| !other.covers.contains(cover)).peekable();
        if covers.peek().is_none() {
            return Ok(Ok(()));
        }
        if self.meets_another(number, area)? {
            return Ok(Err("it covers another field or annotation".into()));
        }
        let light = covers.any(|cover| cover.light);
        // Text may be drawn as paths, too.
        if side > if light { BOX } else { DOT } {
            let empty = self.on_empty_ground(number, area)?;
            return Ok(empty.map_err(|why| format!("it covers an area, and {why}")));
        }
        let fine = match self.beneath(number, area)? {
            Some((0, false)) => true,
            // A page draws its boxes as characters too, and a scan is an image.
            Some((0 | 1, _)) | None => !light,
            Some(_) => false,
        };
        Ok(if fine { Ok(()) } else { Err("it covers what the page shows".into()) })
    }

    /// Whether the pages that list the annotation show nothing there.
    pub(super) fn on_empty_ground(&mut self, number: u32, area: [f64; 4]) -> Result<Outcome> {
        let pages = self.pages_of(number)?;
        if pages.is_empty() {
            return Ok(Err("nobody can tell what it covers".into()));
        }
        if self.meets_another(number, area)? {
            return Ok(Err("it is over another field or annotation".into()));
        }
        let ground: Vec<_> = pages.into_iter().map(|page| (page, vec![area])).collect();
        Ok(match self.known.grounds.are_empty(self.new.document(), &ground) {
            Ok(empty) if empty.iter().all(|empty| *empty) => Ok(()),
            Ok(_) => Err("it is over what the page shows".into()),
            Err(why) => Err(format!("nobody can tell what it covers: {why}")),
        })
    }

    /// Whether another annotation of its pages meets the area.
    fn meets_another(&mut self, number: u32, [left, bottom, right, top]: [f64; 4]) -> Result<bool> {
        for page in self.pages_of(number)? {
            let object = self.old.object(page)?;
            let Some(dict) = object.as_dict() else { continue };
            for annotation in self.old.get_array(dict, "Annots")? {
                self.step()?;
                if annotation.as_reference().is_some_and(|id| id.number == number) {
                    continue;
                }
                let other = self.old.resolve(&annotation)?;
                let meets = |[l, b, r, t]: [f64; 4]| {
                    l + TOUCHING < right && left + TOUCHING < r && b + TOUCHING < top && bottom + TOUCHING < t
                };
                let unseen = |dict: &Dict| {
                    !dict.contains("AP") && ["Link", "Popup"].iter().any(|kind| dict.is_name("Subtype", kind))
                };
                if other
                    .as_dict()
                    .is_some_and(|dict| !unseen(dict) && rectangle(self.old, dict).is_some_and(meets))
                {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// How many characters its pages show within the area, and whether there is an image; `None` where nobody can tell.
    pub(super) fn beneath(&mut self, number: u32, area: [f64; 4]) -> Result<Option<(usize, bool)>> {
        let pages = self.pages_of(number)?;
        let all = self.old_pages.clone().unwrap_or_default();
        let mut most = (!pages.is_empty()).then_some((0, false));
        for page in pages {
            let beneath = self.known.grounds.beneath(self.new.document(), &all, page, area);
            most = most.zip(beneath).map(|((glyphs, image), b)| (glyphs.max(b.glyphs), image || b.image));
        }
        Ok(most)
    }

    /// The pages that list this annotation. Where its own /P says it stands nobody looks.
    fn pages_of(&mut self, number: u32) -> Result<Vec<ObjectId>> {
        if self.annotated.is_none() {
            let mut found: std::collections::HashMap<u32, Vec<ObjectId>> = std::collections::HashMap::new();
            for page in self.old_pages.clone().unwrap_or_default() {
                let object = self.old.object(page)?;
                let Some(dict) = object.as_dict() else { continue };
                for annotation in self.old.get_array(dict, "Annots")? {
                    self.step()?;
                    if let Some(id) = annotation.as_reference() {
                        found.entry(id.number).or_default().push(page);
                    }
                }
            }
            self.annotated = Some(found);
        }
        Ok(self.annotated.as_ref().and_then(|all| all.get(&number)).cloned().unwrap_or_default())
    }
}
