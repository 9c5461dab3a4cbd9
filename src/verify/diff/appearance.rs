//! Appearances of filled fields: they show the field's value and nothing else (ISO 32000-2 12.7.4.3).

use super::catalog::value;
use super::drawn::is_list;
use super::fields::Inherited;
use super::texts::{is_one_of, shows_one_of, texts_of};
use super::{Diff, Located, Referrers, Result, Spot, dict_of};
use crate::pdf::syntax::{Dict, Object, Stream, View};
use crate::verify::Attack;
use crate::verify::form::FieldType;

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
        self.rest_is_restated(at, (old, new), &judged, (own, own.flags), "a widget of")?;
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
        if value(old, "AS") != state {
            let appearance = Self::descend(self.old, at, old, "AP")?;
            let dict = dict_of(appearance.as_ref());
            let states =
                appearance.map(|a| Self::descend(self.old, &a.spot, &dict, "N")).transpose()?.flatten();
            let states = dict_of(states.as_ref());
            let of = |state: &Object| state.as_name().and_then(|n| states.get_bytes(n).cloned());
            let drawn = |mark: Option<&Object>| -> Result<Option<Stream>> {
                let mark = mark.map(|mark| self.old.resolve(mark)).transpose()?;
                Ok(mark.and_then(|mark| mark.as_stream().cloned()))
            };
            let mark = of(&state);
            let (before, after) = (drawn(of(&value(old, "AS")).as_ref())?, drawn(mark.as_ref())?);
            if let Err(reason) = self.are_marks(at.owner, old, before.as_ref(), after.as_ref())? {
                let reason = format!("the mark of button {} is more than a mark: {reason}", own.name);
                self.forbid(&at.key("AS"), Some(Attack::ShadowReplace), reason);
            }
            if mark.is_none() && state.as_name() != Some(b"Off") {
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
            if old.contains("AP")
                && self.old.get(&holder(self.old, old)?, "V")? == self.new.get(field, "V")?
                && !needs_appearances(self.new)
            {
                let reason = format!("the appearance of {} was taken away from a value that stays", own.name);
                self.forbid(&at.key("AP"), Some(Attack::ShadowHide), reason);
            } else if old.contains("AP")
                && !self.is_made_by_viewers(self.new, Some(at.owner), (new, field), own)?
            {
                let reason = format!(
                    "the appearance of {} was taken away: viewers would show something else",
                    own.name
                );
                self.forbid(&at.key("AP"), Some(Attack::ShadowReplace), reason);
            } else if old.contains("AP") {
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
            let changed = value(old, "AS") != value(new, "AS")
                || self.old.get(&holder(self.old, old)?, "V")? != self.new.get(field, "V")?;
            self.stale_appearance(&normal, own, (new, field), changed)?;
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
        if let Some(reason) = self.shows_something_else(&stream, before, own, (at.owner, old, field))? {
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
        (was, field): (&Dict, &Dict),
    ) -> Result<()> {
        let changed = self.old.get(was, "V")? != self.new.get(field, "V")?;
        let Some(appearance) = Self::descend(self.new, at, dict, "AP")? else { return Ok(()) };
        match Self::descend(self.new, &appearance.spot, &dict_of(Some(&appearance)), "N")? {
            Some(normal) => self.stale_appearance(&normal, own, (dict, field), changed),
            None => Ok(()),
        }
    }

    /// The value was changed and the appearance was not: it must not show what is no longer so, and must be seen not to.
    fn stale_appearance(
        &mut self,
        normal: &Located,
        own: &Inherited,
        (widget, field): (&Dict, &Dict),
        changed: bool,
    ) -> Result<()> {
        if self.made_anew() {
            return Ok(());
        }
        let texts = texts_of(self.new, field, own)?;
        let blank = |text: &str| text.trim().is_empty();
        let marked = match normal.object.as_stream() {
            Some(stream) if changed => self.drawn_list_agrees(self.new, stream, own, (widget, field))?,
            _ => None,
        };
        let shown = match normal.object.as_stream() {
            Some(stream) => self.shown_by(self.new, stream)?.ok().filter(|shown| shown.text.is_some()),
            None => None,
        };
        let reason = match shown {
            None if changed => "cannot be read, and its value is another one",
            // All of its options are there whatever is chosen.
            Some(_) if changed && is_list(own) && marked != Some(true) => "still marks another value",
            Some(shown) if !shows_one_of(&shown, &texts, field) => "still shows another value",
            Some(shown)
                if changed
                    && shown.text.as_deref().is_some_and(blank)
                    && !texts.iter().all(|text| blank(text))
                    && !needs_appearances(self.new) =>
            {
                "does not show its value"
            }
            _ => return Ok(()),
        };
        let reason = format!("the appearance of {} {reason}", own.name);
        self.forbid(&normal.spot, Some(Attack::ShadowReplace), reason);
        Ok(())
    }

    /// What a field showed at signing was its value: whoever prepared another one waits for the appearance to be made
    /// anew ("Shadow Attacks", replacing by an overlay).
    fn prepared_appearance(&mut self, at: &Spot, old: &Dict, own: &Inherited) -> Result<()> {
        let field = holder(self.old, old)?;
        if self.made_anew() || !field.contains("V") {
            return Ok(());
        }
        let Some(appearance) = Self::descend(self.old, at, old, "AP")? else { return Ok(()) };
        let normal = Self::descend(self.old, &appearance.spot, &dict_of(Some(&appearance)), "N")?;
        let Some(stream) = normal.as_ref().and_then(|n| n.object.as_stream()) else { return Ok(()) };
        let texts = texts_of(self.old, &field, own)?;
        let marked = self.drawn_list_agrees(self.old, stream, own, (old, &field))?;
        let shown = self.shown_by(self.old, stream)?;
        if marked == Some(false) || shown.is_ok_and(|shown| !shows_one_of(&shown, &texts, &field)) {
            let reason =
                format!("field {} showed something else than its value when it was signed", own.name);
            self.forbid(at, Some(Attack::ShadowReplace), reason);
        }
        Ok(())
    }

    /// The signed form told viewers to make every appearance from its value.
    pub(super) fn made_anew(&self) -> bool {
        needs_appearances(self.old)
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
        let Some(dict) = at.dict() else {
            self.explain_below(&at.spot, &at.object);
            return Ok(());
        };
        for (key, value) in dict.iter() {
            self.explain_below(&at.spot.key(key.lossy()), value);
        }
        if depth > 3 {
            return Ok(());
        }
        for (key, value) in dict.iter() {
            if !matches!(value, Object::Dictionary(_) | Object::Reference(_)) {
                continue;
            }
            let Some(below) = Self::descend(self.new, &at.spot, dict, &key.lossy())? else { continue };
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

    /// Whether a widget shows its field's value, and is seen to do so. Who has no value shows nothing.
    pub(super) fn shows_its_value(
        &mut self,
        view: View<'_, '_>,
        widget: &Dict,
        field: &Dict,
        own: &Inherited,
    ) -> Result<bool> {
        let texts = texts_of(view, field, own)?;
        let blank = |text: &str| text.trim().is_empty();
        let empty = texts.iter().all(|text| blank(text));
        let Some(appearance) = view.get_dict(widget, "AP")? else { return Ok(empty) };
        let Object::Stream(stream) = view.get(&appearance, "N")? else { return Ok(false) };
        if is_list(own) && !empty {
            return Ok(self.drawn_list_agrees(view, &stream, own, (widget, field))? == Some(true));
        }
        let shown = self.shown_text(view, &stream)?;
        let right =
            |text: &str| if empty { blank(text) } else { !blank(text) && is_one_of(text, &texts, field) };
        Ok(shown.is_some_and(|text| right(&text)))
    }
}

/// Whether the form tells viewers to make every appearance from its value.
fn needs_appearances(view: View<'_, '_>) -> bool {
    let form = view.catalog().ok().and_then(|c| view.get_dict(&c, "AcroForm").ok().flatten());
    form.and_then(|f| view.get(&f, "NeedAppearances").ok()?.as_bool()).unwrap_or(false)
}

/// The dictionary that has a widget's value: itself, or its field.
fn holder(view: View<'_, '_>, widget: &Dict) -> Result<Dict> {
    Ok(match widget.get("Parent") {
        Some(parent) if !widget.contains("V") => view.resolve(parent)?.as_dict().cloned().unwrap_or_default(),
        _ => widget.clone(),
    })
}
