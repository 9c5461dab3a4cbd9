//! Buttons show the state that is their value (ISO 32000-2 12.7.5.2), and rich text says what its value says (12.7.4.4).

use super::catalog::value;
use super::fields::Inherited;
use super::{Diff, Result, Spot};
use crate::pdf::syntax::{Dict, Object, ObjectId};
use crate::verify::Attack;
use crate::verify::form::FieldType;
use std::collections::BTreeSet;

/// Elements of rich text (XFA 3.3, rich text reference; 12.7.3.4).
const RICH: [&str; 9] = ["body", "p", "span", "b", "i", "br", "sub", "sup", "html"];

impl Diff<'_, '_, '_> {
    /// When the value or a state of a button was changed, every widget shows the value's state or is off.
    pub(super) fn states_agree(
        &mut self,
        at: &Spot,
        (old, new): (&Dict, &Dict),
        kids: &[ObjectId],
        own: &Inherited,
    ) -> Result<()> {
        if own.kind != Some(FieldType::Button) {
            return Ok(());
        }
        let mut changed = self.old.get(old, "V")? != self.new.get(new, "V")?;
        let mut widgets = Vec::new();
        for &kid in kids {
            let (before, after) = (self.old.object(kid)?, self.new.object(kid)?);
            let (Some(before), Some(after)) = (before.as_dict(), after.as_dict()) else { continue };
            changed |= value(before, "AS") != value(after, "AS");
            widgets.push(after.clone());
        }
        if kids.is_empty() {
            changed |= value(old, "AS") != value(new, "AS");
            widgets.push(new.clone());
        }
        if !changed {
            return Ok(());
        }
        let chosen = chosen_state(&self.new.get(new, "V")?);
        let mut found = chosen == b"Off";
        for widget in &widgets {
            let appearance = self.new.get_dict(widget, "AP")?.unwrap_or_default();
            let states = self.new.get(&appearance, "N")?;
            // Without appearances viewers draw what the value says.
            let undrawn = states.is_null();
            let has = matches!(&states, Object::Dictionary(states) if states.get_bytes(&chosen).is_some());
            found |= has || undrawn;
            if undrawn {
                continue;
            }
            let shown = value(widget, "AS");
            let shown = shown.as_name().unwrap_or(b"Off");
            let right: &[u8] = if has { &chosen } else { b"Off" };
            if shown != right {
                let reason = format!("button {} shows another state than its value", own.name);
                self.forbid(&at.key("V"), Some(Attack::ShadowReplace), reason);
            }
        }
        if !found {
            let reason = format!("the value of button {} is none of its states", own.name);
            self.forbid(&at.key("V"), Some(Attack::ShadowReplace), reason);
        }
        Ok(())
    }

    /// A filled field's rich text says what its value says, and in no other style than it had.
    pub(super) fn rich_text_agrees(
        &mut self,
        at: &Spot,
        old: &Dict,
        new: &Dict,
        own: &Inherited,
    ) -> Result<()> {
        let (before, after) = (self.old.get(old, "RV")?, self.new.get(new, "RV")?);
        if after.is_null() || (before == after && self.old.get(old, "V")? == self.new.get(new, "V")?) {
            return Ok(());
        }
        let plain = self.new.get(new, "V")?;
        let plain = plain.as_string().map(|text| text.to_text()).unwrap_or_default();
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        let agrees = match (after.as_string(), before.as_string()) {
            (Some(rich), before) => {
                let (text, tags) = parts(&rich.to_text());
                let known = before.map(|before| parts(&before.to_text()).1).unwrap_or_default();
                let usual = |tag: &String| known.contains(tag) || (!tag.contains("style") && is_rich(tag));
                squeezed(&text) == squeezed(&plain) && tags.iter().all(usual)
            }
            (None, _) => false,
        };
        if !agrees {
            let reason = format!("the rich text of {} says something else than its value", own.name);
            self.forbid(&at.key("RV"), Some(Attack::ShadowReplace), reason);
        }
        Ok(())
    }
}

/// The state that a button's value names. Some writers (pypdf) give it as a string, with the solidus of the name.
fn chosen_state(value: &Object) -> Vec<u8> {
    match value {
        Object::String(text) => text.to_text().trim_start_matches('/').as_bytes().to_vec(),
        other => other.as_name().unwrap_or(b"Off").to_vec(),
    }
}

/// Whether a tag is one of rich text: others, and comments, hide what is between them.
fn is_rich(tag: &str) -> bool {
    let name =
        tag.trim_start_matches('/').split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
    RICH.contains(&name) || tag.starts_with("?xml ")
}

/// The text of rich text, and its tags.
fn parts(rich: &str) -> (String, BTreeSet<String>) {
    let (mut text, mut tags) = (String::new(), BTreeSet::new());
    let mut rest = rich;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        let Some((tag, behind)) = tag.split_once('>') else { return (text, tags) };
        tags.insert(tag.to_ascii_lowercase());
        rest = behind;
    }
    text.push_str(rest);
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&#13;", " ").replace("&quot;", "\"");
    (text.replace("&apos;", "'").replace("&amp;", "&"), tags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdf::syntax::PdfString;

    #[test]
    fn a_state_is_a_name_or_a_string_that_says_one() {
        assert_eq!(chosen_state(&Object::String(PdfString::literal(b"/Yes".to_vec()))), b"Yes");
        assert_eq!(chosen_state(&Object::String(PdfString::literal(b"Yes".to_vec()))), b"Yes");
        assert_eq!(chosen_state(&Object::Null), b"Off");
    }

    #[test]
    fn rich_text_is_its_text_and_its_tags() {
        let (text, tags) = parts("<body><p style=\"color:#fff\">1 &lt; 2 &amp;amp;</p></body>");
        assert_eq!(text, "1 < 2 &amp;");
        assert!(tags.contains("p style=\"color:#fff\"") && tags.contains("/body"));
    }

    #[test]
    fn only_elements_of_rich_text_are_read() {
        for (tag, rich) in [
            ("p", true),
            ("/span", true),
            ("br/", true),
            ("?xml version=\"1.0\"?", true),
            ("!-- hidden --", false),
            ("style", false),
            ("head", false),
        ] {
            assert_eq!(is_rich(tag), rich, "{tag}");
        }
    }
}
