//! Appearances of filled fields: they show the field's value and nothing else (ISO 32000-2 12.7.4.3).

use super::catalog::value;
use super::fields::Inherited;
use super::{Diff, Located, Referrers, Result, Spot, dict_of};
use crate::pdf::syntax::{Dict, Object, Stream};
use crate::verify::Attack;
use crate::verify::content;
use crate::verify::form::FieldType;

/// Decoded bytes of one field's appearance, at most.
const MAX_APPEARANCE: usize = 1 << 20;

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
            let known = state.as_name().is_some_and(|n| dict_of(states.as_ref()).get_bytes(n).is_some());
            if !known {
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
        if let Some(reason) = self.shows_something_else(&stream, own, field)? {
            self.forbid(
                &normal.spot,
                Some(Attack::ShadowReplace),
                format!("the appearance of {}: {reason}", own.name),
            );
        }
        Ok(())
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
    /// accepted under the same condition.
    pub(super) fn explain_resources(&mut self, at: &Located, depth: usize) -> Result<()> {
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

    /// `Some` reason when the appearance shows more or other than the value.
    fn shows_something_else(&self, stream: &Stream, own: &Inherited, field: &Dict) -> Result<Option<String>> {
        let Ok(data) = self.new.document().decode(stream, MAX_APPEARANCE) else {
            return Ok(Some("it cannot be decoded".into()));
        };
        let resources = self.new.get_dict(&stream.dict, "Resources")?.unwrap_or_default();
        let shown = match content::shown_text(self.new, &data, &resources) {
            Ok(shown) => shown,
            Err(reason) => return Ok(Some(reason)),
        };
        let Some(shown) = shown else { return Ok(None) };
        let texts = self.texts_of(field, own)?;
        let plain = |s: &str| s.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect::<String>();
        let shown = plain(&shown);
        let matches = shown.is_empty() || texts.iter().any(|t| plain(t) == shown);
        Ok((!matches).then(|| "it shows another text than the field's value".into()))
    }

    /// What the value may look like: itself, or for a choice the option's label.
    fn texts_of(&self, field: &Dict, own: &Inherited) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        let text = |o: &Object| o.as_string().map(|s| s.to_text());
        let value = self.new.get(field, "V")?;
        match &value {
            Object::Array(items) => texts.push(items.iter().filter_map(text).collect::<String>()),
            Object::Stream(s) => {
                let data = self.new.document().decode(s, MAX_APPEARANCE)?;
                texts.push(crate::pdf::syntax::PdfString::literal(data.into_owned()).to_text());
            }
            one => texts.extend(text(one)),
        }
        if own.kind == Some(FieldType::Choice) {
            let options = self.old.get_array(field, "Opt")?;
            let label = |o: &Object| match o {
                Object::Array(pair) => pair.get(1).and_then(text),
                one => text(one),
            };
            // A list box shows all of them.
            texts.push(options.iter().filter_map(label).collect::<String>());
            texts.extend(options.iter().filter_map(label));
        }
        Ok(texts)
    }
}
