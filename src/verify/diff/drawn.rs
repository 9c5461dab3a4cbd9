//! What an appearance shows, held against the field and its value (ISO 32000-2 12.7.4.3).

use super::actions::{Format, format_of, is_red};
use super::catalog::value;
use super::covering::is_fixed;
use super::fields::Inherited;
use super::fonts::form_fonts;
use super::forms::is_plain_form;
use super::restated::Style;
use super::texts::{COMBO, MAX_APPEARANCE, OCTETS_A_STEP, shows_one_of, texts_of};
use super::{Diff, Result};
use crate::pdf::syntax::{Dict, Object, Stream, View};
use crate::verify::colour::Colour;
use crate::verify::content::{self, Shown};
use crate::verify::drawing::Frame;
use crate::verify::font::Fonts;
use crate::verify::form::FieldType;

/// Field flags (table 231): bit 13, several lines; bit 25, one character a cell.
pub(super) const MULTILINE: i64 = 1 << 12;
pub(super) const COMB: i64 = 1 << 24;
/// Where a field states no size viewers take one that has room: only the smallest text may run out.
const SMALLEST: f64 = 4.0;

impl Diff<'_, '_, '_> {
    /// The field that an appearance is drawn into; `Err` where it would be cut, turned or hidden as a whole.
    pub(super) fn frame(
        &self,
        view: View<'_, '_>,
        stream: &Stream,
        before: Option<&Stream>,
        own: &Inherited,
        (widget, field): (&Dict, &Dict),
    ) -> Result<std::result::Result<Frame, String>> {
        if let Err(reason) = is_plain_form(view, &stream.dict) {
            return Ok(Err(reason));
        }
        // What is no number among them, readers leave out or take for nothing.
        let numbers = |dict: &Dict, key: &str| -> Result<Vec<f64>> {
            let list = view.get_array(dict, key)?;
            let number = |n: &Object| view.resolve(n).ok().and_then(|n| n.as_number()).unwrap_or(f64::NAN);
            Ok(list.iter().map(number).collect())
        };
        let &[x0, y0, x1, y1] = numbers(&stream.dict, "BBox")?.as_slice() else {
            return Ok(Err("it has no bounding box".into()));
        };
        if [x0, y0, x1, y1].iter().any(|corner| corner.is_nan()) {
            return Ok(Err("it has no bounding box".into()));
        }
        let bbox = [x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1)];
        let matrix = match numbers(&stream.dict, "Matrix")?.as_slice() {
            &[a, b, c, d, e, f] if !(e + f).is_nan() => (a, b, c, d),
            [] if !stream.dict.contains("Matrix") => (1.0, 0.0, 0.0, 1.0),
            _ => return Ok(Err("its matrix is none".into())),
        };
        let near = |(a, b, c, d): (f64, f64, f64, f64)| {
            let off = [matrix.0 - a, matrix.1 - b, matrix.2 - c, matrix.3 - d];
            off.iter().all(|o| o.abs() < 1e-3)
        };
        let look = self.old.get_dict(widget, "MK")?.unwrap_or_default();
        let turned = match look.get("R").and_then(Object::as_integer).unwrap_or(0).rem_euclid(360) {
            90 => near((0.0, 1.0, -1.0, 0.0)),
            270 => near((0.0, -1.0, 1.0, 0.0)),
            _ => false,
        };
        let as_before = match before {
            Some(stream) => {
                let list = self.old.get_array(&stream.dict, "Matrix")?;
                let was: Vec<f64> = list.iter().filter_map(Object::as_number).collect();
                // Neither mirrored nor upside down.
                matches!(was.as_slice(), &[a, b, c, d, _, _] if near((a, b, c, d)) && b * c < 0.0 && a * d - b * c > 0.0)
            }
            None => false,
        };
        let upright = matrix.0 > 0.0 && matrix.3 > 0.0 && matrix.1.abs() < 1e-6 && matrix.2.abs() < 1e-6;
        if !(upright || turned || as_before) {
            return Ok(Err("it is turned or mirrored".into()));
        }
        let size = (bbox[2] - bbox[0], bbox[3] - bbox[1]);
        let drawn = (
            matrix.0.abs() * size.0 + matrix.2.abs() * size.1,
            matrix.1.abs() * size.0 + matrix.3.abs() * size.1,
        );
        let sides = numbers(widget, "Rect")?;
        if sides.len() != 4 || sides.iter().any(|side| side.is_nan()) {
            return Ok(Err("its field has no rectangle".into()));
        }
        let mut scaled = false;
        if let &[left, bottom, right, top] = sides.as_slice() {
            let scale = ((right - left).abs() / drawn.0, (top - bottom).abs() / drawn.1);
            let usual = |s: f64| (0.5..=2.0).contains(&s);
            scaled = [scale.0, scale.1].iter().any(|s| !(0.9..=1.1).contains(s));
            if !(usual(scale.0) && usual(scale.1)) && (right - left).abs() > 0.0 {
                return Ok(Err("its bounding box is not the field's".into()));
            }
        }
        let style = if widget.contains("DA") { value(widget, "DA") } else { value(field, "DA") };
        let stated = style.as_string().and_then(|style| Style::of(style.as_bytes()));
        let size = stated.and_then(|style| style.font()?.1.parse().ok()).filter(|size| *size > 0.0);
        Ok(Ok(Frame {
            bbox,
            size: size.unwrap_or(SMALLEST),
            rows: is_list(own),
            wraps: scaled,
            comb: own.flags & COMB != 0,
        }))
    }

    /// `Some` reason when the appearance shows more or other than the value.
    pub(super) fn shows_something_else(
        &mut self,
        stream: &Stream,
        before: Option<&Stream>,
        own: &Inherited,
        (owner, widget, field): (u32, &Dict, &Dict),
    ) -> Result<Option<String>> {
        let frame = match self.frame(self.new, stream, before, own, (widget, field))? {
            Ok(frame) => frame,
            Err(reason) => return Ok(Some(reason)),
        };
        let fonts = self.fonts(before)?;
        let shown = match self.shown_in(self.new, stream, &fonts, Some(&frame))? {
            Ok(shown) => shown,
            Err(reason) => return Ok(Some(reason)),
        };
        if shown.paints && is_fixed(widget).is_err() {
            return Ok(is_fixed(widget).err().map(str::to_owned));
        }
        if shown.paints
            && let Some(reason) = self.covers_anew(&shown, &frame, (owner, before), own, (widget, field))?
        {
            return Ok(Some(reason));
        }
        let mut texts = texts_of(self.new, field, own)?;
        if own.kind == Some(FieldType::Text)
            && shown.rows.iter().all(|row| is_red(row.ink))
            && format_of(self.new, field)? == Some(Format::RedBelowZero)
        {
            let unsigned: Vec<String> =
                texts.iter().filter_map(|text| text.trim().strip_prefix('-').map(str::to_owned)).collect();
            texts.extend(unsigned);
        }
        let blank = |text: &str| text.trim().is_empty();
        if shown.text.as_deref().is_none_or(blank) && !texts.is_empty() && !texts.iter().any(|t| blank(t)) {
            return Ok(Some("it hides the field's value".into()));
        }
        if frame.rows {
            return Ok(self.marks_its_choice(self.new, &shown.rows, widget, field)?.err().map(str::to_owned));
        }
        let shows = shows_one_of(&shown, &texts, field);
        Ok((!shows).then(|| "it shows another text than the field's value".into()))
    }

    /// Whether a list box that was drawn before marks what is chosen; `None` where its rows cannot be read, and of other fields.
    pub(super) fn drawn_list_agrees(
        &mut self,
        view: View<'_, '_>,
        stream: &Stream,
        own: &Inherited,
        (widget, field): (&Dict, &Dict),
    ) -> Result<Option<bool>> {
        if !is_list(own) {
            return Ok(None);
        }
        let Ok(frame) = self.frame(view, stream, None, own, (widget, field))? else { return Ok(None) };
        let fonts = self.fonts(Some(stream))?;
        let Ok(shown) = self.shown_in(view, stream, &fonts, Some(&frame))? else { return Ok(None) };
        Ok(Some(self.marks_its_choice(view, &shown.rows, widget, field)?.is_ok()))
    }

    /// What an appearance stream shows, where a frame is given also whether that can be read; the inner error says why not.
    pub(super) fn shown_in(
        &mut self,
        view: View<'_, '_>,
        stream: &Stream,
        fonts: &Fonts<'_>,
        frame: Option<&Frame>,
    ) -> Result<std::result::Result<Shown, String>> {
        let Ok(data) = view.document().decode(stream, MAX_APPEARANCE) else {
            return Ok(Err("it cannot be decoded".into()));
        };
        self.spend(data.len() / OCTETS_A_STEP)?;
        if !is_decoded_alike(view, stream)? {
            return Ok(Err("readers decode it differently".into()));
        }
        let resources = view.get_dict(&stream.dict, "Resources")?.unwrap_or_default();
        if frame.is_none() {
            return Ok(content::shown(view, &data, &resources, fonts, frame));
        }
        // Where its own resources lack a font, readers take the page's or the form's.
        let own = Fonts { default: Dict::new(), ..fonts.clone() };
        Ok(content::shown(view, &data, &resources, &own, frame))
    }

    /// What an appearance stream shows; the inner error says what a field's appearance has no business to do.
    pub(super) fn shown_by(
        &mut self,
        view: View<'_, '_>,
        stream: &Stream,
    ) -> Result<std::result::Result<Shown, String>> {
        let fonts = Fonts::of(form_fonts(view)?, &self.known.programs);
        self.shown_in(view, stream, &fonts, None)
    }

    /// The text that an appearance stream shows, where that can be told.
    pub(super) fn shown_text(&mut self, view: View<'_, '_>, stream: &Stream) -> Result<Option<String>> {
        Ok(self.shown_by(view, stream)?.ok().and_then(|shown| shown.text))
    }
}

/// Whether a field is a choice that shows its options.
pub(super) fn is_list(own: &Inherited) -> bool {
    own.kind == Some(FieldType::Choice) && own.flags & COMBO == 0
}

/// The lightness of the last colour that a default appearance sets.
pub(super) fn ink_of(style: &[u8]) -> Option<f64> {
    let text = String::from_utf8_lossy(style);
    let (mut numbers, mut ink) = (Vec::new(), None);
    for word in text.split_ascii_whitespace() {
        match word.parse::<f64>() {
            Ok(number) => numbers.push(number),
            Err(_) => {
                if matches!(word, "g" | "rg" | "k") {
                    ink = Colour::of(&numbers).map(Colour::lightness);
                }
                numbers.clear();
            }
        }
    }
    ink
}

/// Filters that a field's appearance may have, by their whole names (table 6).
const FILTERS: [&[u8]; 5] =
    [b"ASCIIHexDecode", b"ASCII85Decode", b"LZWDecode", b"FlateDecode", b"RunLengthDecode"];
/// What parameters those filters take (table 8).
const PARAMETERS: [&[u8]; 5] = [b"Predictor", b"Colors", b"BitsPerComponent", b"Columns", b"EarlyChange"];

/// Whether readers decode a stream alike: filters and parameters have the same form (7.3.8.2, table 5), both one or both as many, and
/// are written out with direct integers.
pub(super) fn is_decoded_alike(view: View<'_, '_>, stream: &Stream) -> Result<bool> {
    // Some readers take the short names of inline images here, too.
    if stream.dict.contains("F") || stream.dict.contains("DP") {
        return Ok(false);
    }
    let filter = view.get(&stream.dict, "Filter")?;
    let parameters = view.get(&stream.dict, "DecodeParms")?;
    let known = |filter: &Object| filter.as_name().is_some_and(|name| FILTERS.contains(&name));
    let plain = |parameters: &Object| match parameters {
        Object::Null => true,
        Object::Dictionary(dict) => {
            !dict.has_duplicate_keys()
                && dict
                    .iter()
                    .all(|(key, value)| PARAMETERS.contains(&key.as_bytes()) && value.as_integer().is_some())
        }
        _ => false,
    };
    Ok(match (&filter, &parameters) {
        // Parameters of no filter are read by nobody (pypdf leaves them behind).
        (Object::Null, _) => true,
        (Object::Name(_), one) => known(&filter) && plain(one),
        (Object::Array(filters), Object::Null) => filters.iter().all(known),
        (Object::Array(filters), Object::Array(each)) => {
            filters.len() == each.len() && filters.iter().all(known) && each.iter().all(plain)
        }
        _ => false,
    })
}
