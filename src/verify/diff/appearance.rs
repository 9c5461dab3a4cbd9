//! Appearances of filled fields: they show the field's value and nothing else (ISO 32000-2 12.7.4.3).

use super::catalog::value;
use super::fields::{Inherited, restated};
use super::{Diff, Located, Referrers, Result, Spot, dict_of};
use crate::pdf::syntax::{Dict, Object, Stream, View};
use crate::verify::Attack;
use crate::verify::content::{self, Shown};
use crate::verify::drawing::{Frame, lightness};
use crate::verify::font::Fonts;
use crate::verify::form::FieldType;

/// Decoded bytes of one field's appearance, at most.
const MAX_APPEARANCE: usize = 1 << 20;
/// Field flag (table 233): bit 18, the choice is a combo box.
const COMBO: i64 = 1 << 17;
/// Field flag (table 231): bit 25, one character a cell.
const COMB: i64 = 1 << 24;

impl Diff<'_, '_, '_> {
    /// Whether the normal appearance of an untouched widget was touched.
    pub(super) fn appearance_touched(&self, at: &Spot, dict: &Dict) -> Result<bool> {
        let Some(appearance) = Self::descend(self.new, at, dict, "AP")? else { return Ok(false) };
        let own = if appearance.spot.path.is_empty() { self.changed(appearance.spot.owner)? } else { false };
        let normal = Self::descend(self.new, &appearance.spot, &dict_of(Some(&appearance)), "N")?;
        Ok(own
            || normal.is_some_and(|n| n.spot.path.is_empty() && self.changed(n.spot.owner).unwrap_or(true)))
    }

    /// A widget of a filled field.
    pub(super) fn filled_widget(
        &mut self,
        at: &Spot,
        old: &Dict,
        new: &Dict,
        own: &Inherited,
        field: &Dict,
    ) -> Result<()> {
        let judged = ["V", "AP", "AS", "I", "RV", "M", "Kids"];
        for key in self.other_keys(at, old, new, &judged)? {
            if restated(&key, &value(old, &key), &value(new, &key)) {
                continue;
            }
            self.forbid(
                &at.key(&key),
                Some(Attack::FieldOverlay),
                format!("/{key} of a widget of {} was changed", own.name),
            );
        }
        if !self.permissions.filling() || self.permissions.locked(&own.name) {
            self.forbid(
                at,
                Some(Attack::IncrementalSaving),
                format!("field {} must not be filled any more", own.name),
            );
            return Ok(());
        }
        match own.kind {
            Some(FieldType::Button) => self.button(at, old, new, own),
            _ => self.text_appearance(at, old, new, own, field),
        }
    }

    /// A check box or radio button goes to one of the states that it had.
    fn button(&mut self, at: &Spot, old: &Dict, new: &Dict, own: &Inherited) -> Result<()> {
        let (before, after) = (value(old, "AP"), value(new, "AP"));
        if !self.same(&at.key("AP"), &before, &after)? {
            let reason = format!("the appearances of button {} were replaced", own.name);
            self.forbid(&at.key("AP"), Some(Attack::ShadowReplace), reason);
            return Ok(());
        }
        let state = value(new, "AS");
        if value(old, "AS") != state && state.as_name() != Some(b"Off") {
            let appearance = Self::descend(self.old, at, old, "AP")?;
            let dict = dict_of(appearance.as_ref());
            let states =
                appearance.map(|a| Self::descend(self.old, &a.spot, &dict, "N")).transpose()?.flatten();
            let mark = state.as_name().and_then(|n| dict_of(states.as_ref()).get_bytes(n).cloned());
            if let Some(Object::Stream(mark)) = mark.as_ref().map(|m| self.old.resolve(m)).transpose()?
                && let Err(reason) = shown_by(self.old, &mark)?
            {
                let reason = format!("the mark of button {} is more than a mark: {reason}", own.name);
                self.forbid(&at.key("AS"), Some(Attack::ShadowReplace), reason);
            }
            if mark.is_none() {
                self.forbid(
                    &at.key("AS"),
                    Some(Attack::ShadowReplace),
                    format!("button {} shows an unknown state", own.name),
                );
            }
        }
        Ok(())
    }

    fn text_appearance(
        &mut self,
        at: &Spot,
        old: &Dict,
        new: &Dict,
        own: &Inherited,
        field: &Dict,
    ) -> Result<()> {
        self.prepared_appearance(at, old, own)?;
        let Some(after) = Self::descend(self.new, at, new, "AP")? else {
            if old.contains("AP") {
                self.permit(
                    &at.key("AP"),
                    format!("the appearance of {} was taken away; viewers make it from the value", own.name),
                );
            }
            return Ok(());
        };
        let before = Self::descend(self.old, at, old, "AP")?;
        self.own_appearance(at, old, new);
        self.explain(&at.key("AP"));
        self.accept(&after, Referrers::Explained);
        let (old_ap, new_ap) = (dict_of(before.as_ref()), dict_of(Some(&after)));
        for key in self.other_keys(&after.spot, &old_ap, &new_ap, &["N"])? {
            self.forbid(
                &after.spot.key(&key),
                Some(Attack::ShadowReplace),
                format!("another appearance (/{key}) of {} was changed", own.name),
            );
        }
        let Some(normal) = Self::descend(self.new, &after.spot, &new_ap, "N")? else { return Ok(()) };
        let was = Self::descend(self.old, &after.spot, &old_ap, "N")?;
        let unchanged = was.as_ref().is_some_and(|w| w.spot.owner == normal.spot.owner)
            && !self.changed(normal.spot.owner)?;
        if unchanged {
            self.stale_appearance(&normal, own, field)?;
            return Ok(());
        }
        self.explain(&after.spot.key("N"));
        let Some(stream) = normal.object.as_stream().cloned() else {
            self.forbid(
                &normal.spot,
                Some(Attack::ShadowReplace),
                format!("the appearance of {} is no form", own.name),
            );
            return Ok(());
        };
        self.accept(&normal, Referrers::Explained);
        self.explain_resources(&normal, 0)?;
        let before = was.as_ref().and_then(|w| w.object.as_stream());
        if let Some(reason) = self.shows_something_else(&stream, before, own, (old, field))? {
            self.forbid(
                &normal.spot,
                Some(Attack::ShadowReplace),
                format!("the appearance of {}: {reason}", own.name),
            );
        }
        Ok(())
    }

    /// A widget that nobody touched while its field got another value.
    pub(super) fn left_behind(
        &mut self,
        at: &Spot,
        dict: &Dict,
        own: &Inherited,
        field: &Dict,
    ) -> Result<()> {
        let Some(appearance) = Self::descend(self.new, at, dict, "AP")? else { return Ok(()) };
        match Self::descend(self.new, &appearance.spot, &dict_of(Some(&appearance)), "N")? {
            Some(normal) => self.stale_appearance(&normal, own, field),
            None => Ok(()),
        }
    }

    /// The value was changed and the appearance was not: it must not show what is no longer so.
    fn stale_appearance(&mut self, normal: &Located, own: &Inherited, field: &Dict) -> Result<()> {
        let Some(stream) = normal.object.as_stream() else { return Ok(()) };
        if self.made_anew() {
            return Ok(());
        }
        let texts = texts_of(self.new, field, own)?;
        if shown_by(self.new, stream)?.is_ok_and(|shown| !shows_one_of(&shown, &texts, field)) {
            let reason = format!("the appearance of {} still shows another value", own.name);
            self.forbid(&normal.spot, Some(Attack::ShadowReplace), reason);
        }
        Ok(())
    }

    /// What a field showed at signing was its value: whoever prepared another one waits for the appearance to be made
    /// anew ("Shadow Attacks", replacing by an overlay).
    fn prepared_appearance(&mut self, at: &Spot, old: &Dict, own: &Inherited) -> Result<()> {
        let field = match old.get("Parent") {
            Some(parent) if !old.contains("V") => {
                self.old.resolve(parent)?.as_dict().cloned().unwrap_or_default()
            }
            _ => old.clone(),
        };
        if self.made_anew() || !field.contains("V") {
            return Ok(());
        }
        let Some(appearance) = Self::descend(self.old, at, old, "AP")? else { return Ok(()) };
        let normal = Self::descend(self.old, &appearance.spot, &dict_of(Some(&appearance)), "N")?;
        let Some(stream) = normal.as_ref().and_then(|n| n.object.as_stream()) else { return Ok(()) };
        let texts = texts_of(self.old, &field, own)?;
        if let Ok(shown) = shown_by(self.old, stream)?
            && !shows_one_of(&shown, &texts, &field)
        {
            let reason =
                format!("field {} showed something else than its value when it was signed", own.name);
            self.forbid(at, Some(Attack::ShadowReplace), reason);
        }
        Ok(())
    }

    /// Whether a widget of the signed revision showed its field's value, and was seen to do so. Who has no value shows nothing.
    pub(super) fn shows_its_value(&self, widget: &Dict, field: &Dict, own: &Inherited) -> Result<bool> {
        let texts = texts_of(self.old, field, own)?;
        if texts.iter().all(|text| text.trim().is_empty()) {
            return Ok(true);
        }
        let Some(appearance) = self.old.get_dict(widget, "AP")? else { return Ok(false) };
        let Object::Stream(stream) = self.old.get(&appearance, "N")? else { return Ok(false) };
        let shown = shown_by(self.old, &stream)?;
        let is_value = |text: String| !text.trim().is_empty() && is_one_of(&text, &texts, field);
        Ok(shown.is_ok_and(|shown| shown.text.is_some_and(is_value)))
    }

    /// The signed form told viewers to make every appearance from its value.
    fn made_anew(&self) -> bool {
        let form = self.old.catalog().ok().and_then(|c| self.old.get_dict(&c, "AcroForm").ok().flatten());
        form.and_then(|f| f.get("NeedAppearances").and_then(Object::as_bool)).unwrap_or(false)
    }

    /// An appearance dictionary of its own object that is filled or replaced must not be shown by anything else.
    pub(super) fn own_appearance(&mut self, at: &Spot, old: &Dict, new: &Dict) {
        let (before, after) = (value(old, "AP"), value(new, "AP"));
        let Some(number) = super::number_of(&before) else { return };
        // The replaced dictionary has lost this widget's own reference.
        let own = u32::from(before == after);
        if self.edges.count(number) > own {
            let reason = format!("the appearance dictionary {number} is used elsewhere too");
            self.forbid(&at.key("AP"), Some(Attack::SneakySignature), reason);
        }
    }

    /// Explains the references of an accepted appearance; dictionaries of resources that were changed with it are
    /// accepted under the same condition. An object that is as it was is shown by others too: a change below it (a font's
    /// encoding or program) is no part of this appearance.
    pub(super) fn explain_resources(&mut self, at: &Located, depth: usize) -> Result<()> {
        let is_new = self.touched.get(&at.spot.owner) == Some(&false);
        if !is_new && !self.changed(at.spot.owner)? {
            return Ok(());
        }
        let object = at.object.clone();
        let dict = dict_of(Some(at));
        if matches!(object, Object::Stream(_)) {
            self.explain_below(&at.spot, &Object::Dictionary(dict.clone()));
        } else {
            self.explain_below(&at.spot, &object);
        }
        if depth > 3 {
            return Ok(());
        }
        for (key, _) in dict.iter() {
            let Some(below) = Self::descend(self.new, &at.spot, &dict, &key.lossy())? else { continue };
            if matches!(below.object, Object::Dictionary(_))
                && key.as_bytes() != b"Parent"
                && key.as_bytes() != b"P"
            {
                if below.spot.path.is_empty() && self.touched.get(&below.spot.owner) == Some(&true) {
                    self.accept(&below, Referrers::Explained);
                }
                self.explain_resources(&below, depth + 1)?;
            }
        }
        Ok(())
    }

    /// The fonts that an appearance of the new revision may use.
    fn fonts(&self, before: Option<&Stream>) -> Result<Fonts> {
        let mut fonts = Fonts { default: form_fonts(self.new)?, ..Fonts::default() };
        let mut were_there = vec![form_fonts(self.old)?];
        if let Some(stream) = before
            && let Some(resources) = self.old.get_dict(&stream.dict, "Resources")?
        {
            were_there.extend(self.old.get_dict(&resources, "Font")?);
        }
        let numbers = were_there.iter().flat_map(Dict::iter).filter_map(|(_, font)| super::number_of(font));
        fonts.known.extend(numbers.filter(|number| self.touched.get(number).is_none()));
        Ok(fonts)
    }

    /// The field that an appearance is drawn into; `Err` where it would be cut, turned or hidden as a whole.
    fn frame(
        &self,
        stream: &Stream,
        before: Option<&Stream>,
        own: &Inherited,
        (widget, field): (&Dict, &Dict),
    ) -> Result<std::result::Result<Frame, String>> {
        if stream.dict.contains("OC") {
            return Ok(Err("it is in a layer".into()));
        }
        let numbers = |dict: &Dict, key: &str| -> Result<Vec<f64>> {
            let list = self.new.get_array(dict, key)?;
            Ok(list.iter().filter_map(|n| self.new.resolve(n).ok()?.as_number()).collect())
        };
        let &[x0, y0, x1, y1] = numbers(&stream.dict, "BBox")?.as_slice() else {
            return Ok(Err("it has no bounding box".into()));
        };
        let bbox = [x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1)];
        let matrix = match numbers(&stream.dict, "Matrix")?.as_slice() {
            &[a, b, c, d, _, _] => (a, b, c, d),
            _ => (1.0, 0.0, 0.0, 1.0),
        };
        let near = |(a, b, c, d): (f64, f64, f64, f64)| {
            let off = [matrix.0 - a, matrix.1 - b, matrix.2 - c, matrix.3 - d];
            off.iter().all(|o| o.abs() < 1e-3)
        };
        let look = self.old.get_dict(widget, "MK")?.unwrap_or_default();
        let turned = match look.get("R").and_then(Object::as_integer).unwrap_or(0).rem_euclid(360) {
            90 => near((0.0, 1.0, -1.0, 0.0)),
            180 => near((-1.0, 0.0, 0.0, -1.0)),
            270 => near((0.0, -1.0, 1.0, 0.0)),
            _ => false,
        };
        let as_before = match before {
            Some(stream) => {
                let list = self.old.get_array(&stream.dict, "Matrix")?;
                let was: Vec<f64> = list.iter().filter_map(Object::as_number).collect();
                matches!(was.as_slice(), &[a, b, c, d, _, _] if near((a, b, c, d)))
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
        if let &[left, bottom, right, top] = numbers(widget, "Rect")?.as_slice() {
            let scale = ((right - left).abs() / drawn.0, (top - bottom).abs() / drawn.1);
            let usual = |s: f64| (0.5..=2.0).contains(&s);
            if !(usual(scale.0) && usual(scale.1)) && (right - left).abs() > 0.0 {
                return Ok(Err("its bounding box is not the field's".into()));
            }
        }
        let style = if widget.contains("DA") { value(widget, "DA") } else { value(field, "DA") };
        Ok(Ok(Frame {
            bbox,
            ink: style.as_string().and_then(|style| ink_of(style.as_bytes())),
            rows: own.kind == Some(FieldType::Choice) && own.flags & COMBO == 0,
            comb: own.flags & COMB != 0,
        }))
    }

    /// `Some` reason when the appearance shows more or other than the value.
    fn shows_something_else(
        &self,
        stream: &Stream,
        before: Option<&Stream>,
        own: &Inherited,
        (widget, field): (&Dict, &Dict),
    ) -> Result<Option<String>> {
        let frame = match self.frame(stream, before, own, (widget, field))? {
            Ok(frame) => frame,
            Err(reason) => return Ok(Some(reason)),
        };
        let fonts = self.fonts(before)?;
        let shown = match shown_in(self.new, stream, &fonts, Some(&frame))? {
            Ok(shown) => shown,
            Err(reason) => return Ok(Some(reason)),
        };
        if shown.paints && own.kind == Some(FieldType::Text) {
            let framed =
                value(widget, "MK").as_dict().is_some_and(|mk| mk.contains("BG") || mk.contains("BC"))
                    || matches!(value(widget, "MK"), Object::Reference(_));
            let painted = match before {
                Some(stream) => shown_by(self.old, stream)?.map_or(true, |s| s.paints),
                None => framed,
            };
            if !painted {
                return Ok(Some("it paints over the page, which it did not when it was signed".into()));
            }
        }
        let texts = texts_of(self.new, field, own)?;
        let blank = |text: &str| text.trim().is_empty();
        if shown.text.as_deref().is_none_or(blank) && !texts.is_empty() && !texts.iter().any(|t| blank(t)) {
            return Ok(Some("it hides the field's value".into()));
        }
        let shows = shows_one_of(&shown, &texts, field);
        Ok((!shows).then(|| "it shows another text than the field's value".into()))
    }
}

/// The fonts of the form's default resources.
fn form_fonts(view: View<'_, '_>) -> Result<Dict> {
    let form = view.get_dict(&view.catalog()?, "AcroForm")?.unwrap_or_default();
    let resources = view.get_dict(&form, "DR")?.unwrap_or_default();
    Ok(view.get_dict(&resources, "Font")?.unwrap_or_default())
}

/// The lightness of the last colour that a default appearance sets.
fn ink_of(style: &[u8]) -> Option<f64> {
    let text = String::from_utf8_lossy(style);
    let (mut numbers, mut ink) = (Vec::new(), None);
    for word in text.split_ascii_whitespace() {
        match word.parse::<f64>() {
            Ok(number) => numbers.push(number),
            Err(_) => {
                if matches!(word, "g" | "rg" | "k") {
                    ink = lightness(&numbers);
                }
                numbers.clear();
            }
        }
    }
    ink
}

/// What an appearance stream shows; the inner error says what a field's appearance has no business to do.
fn shown_by(view: View<'_, '_>, stream: &Stream) -> Result<std::result::Result<Shown, String>> {
    shown_in(view, stream, &Fonts { default: form_fonts(view)?, ..Fonts::default() }, None)
}

fn shown_in(
    view: View<'_, '_>,
    stream: &Stream,
    fonts: &Fonts,
    frame: Option<&Frame>,
) -> Result<std::result::Result<Shown, String>> {
    let Ok(data) = view.document().decode(stream, MAX_APPEARANCE) else {
        return Ok(Err("it cannot be decoded".into()));
    };
    let resources = view.get_dict(&stream.dict, "Resources")?.unwrap_or_default();
    Ok(content::shown(view, &data, &resources, fonts, frame))
}

/// The text that an appearance stream shows, where that can be told.
pub(super) fn shown_text(view: View<'_, '_>, stream: &Stream) -> Result<Option<String>> {
    Ok(shown_by(view, stream)?.ok().and_then(|shown| shown.text))
}

/// Whether what is shown is one of the texts, white space apart. Nothing shown is no contradiction. With a format
/// action (/AA /F) a number may be shown with its grouping, its currency and its decimals.
fn shows_one_of(shown: &Shown, texts: &[String], field: &Dict) -> bool {
    shown.text.as_ref().is_none_or(|shown| is_one_of(shown, texts, field))
}

fn is_one_of(shown: &str, texts: &[String], field: &Dict) -> bool {
    // Standard encoding draws the typewriter's quotes as curly ones.
    let alike = |c| match c {
        '\u{2018}' | '\u{2019}' | '`' => '\'',
        '\u{ad}' | '\u{2010}' => '-',
        other => other,
    };
    let plain =
        |s: &str| s.chars().filter(|c| !c.is_whitespace() && !c.is_control()).map(alike).collect::<String>();
    let shown = plain(shown);
    if shown.is_empty() || texts.iter().any(|t| plain(t) == shown) {
        return true;
    }
    let number = |s: &str| {
        let digits: String = s.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | '-')).collect();
        digits.trim_matches('.').parse::<f64>().ok()
    };
    field.contains("AA")
        && number(&shown)
            .is_some_and(|n| texts.iter().filter_map(|t| number(t)).any(|t| (t - n).abs() < 0.005))
}

/// What the value may look like: itself, or for a choice the option's label.
fn texts_of(view: View<'_, '_>, field: &Dict, own: &Inherited) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    let text = |o: &Object| o.as_string().map(|s| s.to_text());
    let value = view.get(field, "V")?;
    match &value {
        Object::Array(items) => texts.push(items.iter().filter_map(text).collect::<String>()),
        Object::Stream(s) => {
            let data = view.document().decode(s, MAX_APPEARANCE)?;
            texts.push(crate::pdf::syntax::PdfString::literal(data.into_owned()).to_text());
        }
        one => texts.extend(text(one)),
    }
    if let Some(plain) = value.as_string().and_then(pdf_doc_text) {
        texts.push(plain);
    }
    if own.kind == Some(FieldType::Choice) {
        let chosen = texts.clone();
        let options = view.get_array(field, "Opt")?;
        let label = |o: &Object| match o {
            Object::Array(pair) => pair.get(1).and_then(text),
            one => text(one),
        };
        let export = |o: &Object| o.as_array().and_then(|pair| text(pair.first()?));
        let of_chosen = options.iter().filter(|o| export(o).is_some_and(|e| chosen.contains(&e)));
        texts.extend(of_chosen.filter_map(label));
        if own.flags & COMBO == 0 {
            // A list box shows all of them.
            texts.push(options.iter().filter_map(label).collect::<String>());
        }
    }
    Ok(texts)
}

/// Text without a byte order mark beyond ASCII, in PDFDocEncoding (7.9.2.2).
fn pdf_doc_text(string: &crate::pdf::syntax::PdfString) -> Option<String> {
    let bytes = string.as_bytes();
    if bytes.is_ascii() || bytes.starts_with(&[0xFE, 0xFF]) || bytes.starts_with(&[0xFF, 0xFE]) {
        return None;
    }
    let text = lopdf::Object::String(bytes.to_vec(), lopdf::StringFormat::Literal);
    lopdf::decode_text_string(&text).ok()
}
