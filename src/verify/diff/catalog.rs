//! Trailer and catalogue (ISO 32000-2 7.5.5, 7.7.2).

use super::{Diff, Located, Referrers, Result, Spot, dict_of};
use crate::pdf::syntax::{Dict, Object};
use crate::verify::Attack;

impl Diff<'_, '_, '_> {
    pub(super) fn trailer(&mut self) -> Result<()> {
        let at = Spot::trailer();
        let (old, new) = (self.old.trailer().clone(), self.new.trailer().clone());
        let root = |d: &Dict| d.get("Root").and_then(Object::as_reference);
        let (Some(before), Some(after)) = (root(&old), root(&new)) else {
            self.forbid(
                &at.key("Root"),
                Some(Attack::ShadowHideAndReplace),
                "the trailer names no catalogue",
            );
            return Ok(());
        };
        if before != after {
            let reason = "the trailer names another catalogue: another document is shown";
            self.forbid(&at.key("Root"), Some(Attack::ShadowHideAndReplace), reason);
            return Ok(());
        }
        if old.get("Encrypt").is_some() != new.get("Encrypt").is_some()
            || !self.same(&at.key("Encrypt"), &value(&old, "Encrypt"), &value(&new, "Encrypt"))?
        {
            self.forbid(&at.key("Encrypt"), Some(Attack::IncrementalSaving), "the encryption was changed");
        }
        let first = |view: crate::pdf::syntax::View<'_, '_>, trailer: &Dict| -> Result<Object> {
            Ok(view
                .get_array(trailer, "ID")?
                .first()
                .map(|id| view.resolve(id))
                .transpose()?
                .unwrap_or_default())
        };
        if first(self.old, &old)? != first(self.new, &new)? {
            // It should stay (14.4), and it is part of the key of an encrypted file.
            if old.contains("Encrypt") {
                let reason = "the first file identifier was changed";
                self.forbid(&at.key("ID"), Some(Attack::IncrementalSaving), reason);
            } else {
                self.permit(&at.key("ID"), "the first file identifier was changed (ISO 32000-2 14.4)");
            }
        }
        self.explain(&at.key("ID"));
        self.info(&old, &new)?;
        self.catalog(before.number)
    }

    fn catalog(&mut self, root: u32) -> Result<()> {
        let at = Spot { owner: root, path: String::new() };
        self.accept_dictionary(root, Referrers::Under(&["Root", "Data"]))?;
        let (old, new) = (self.old.catalog()?, self.new.catalog()?);
        let judged =
            ["AcroForm", "DSS", "Extensions", "Version", "Metadata", "Pages", "StructTreeRoot", "PieceInfo"];
        for key in self.other_keys(&at, &old, &new, &judged)? {
            let attack = match key.as_str() {
                "OCProperties" => Attack::OptionalContentSwap,
                _ => Attack::IncrementalSaving,
            };
            self.forbid(&at.key(&key), Some(attack), format!("the catalogue's /{key} was changed"));
        }
        self.page_tree(&at, &old, &new)?;
        self.version(&at, &old, &new);
        self.extensions(&at, &old, &new)?;
        self.metadata(&at, &old, &new)?;
        self.dss(&at, &old, &new)?;
        self.acro_form(&at, &old, &new)?;
        self.structure_tree(&at, &old, &new)?;
        self.annotations()
    }

    /// Another version of PDF may be named (7.2.2), by iText 5 an earlier one: it changes nothing that is shown.
    fn version(&mut self, at: &Spot, old: &Dict, new: &Dict) {
        let (before, after) = (value(old, "Version"), value(new, "Version"));
        if before == after {
            return;
        }
        let known = |o: &Object| o.as_name().is_some_and(|n| matches!(n, [b'1'..=b'2', b'.', b'0'..=b'9']));
        if known(&after) {
            self.permit(&at.key("Version"), "another version of PDF was named (ISO 32000-2 7.2.2)");
        } else {
            self.forbid(&at.key("Version"), None, "the version was taken away or changed to an unknown one");
        }
    }

    /// Developer extensions declare levels and addresses; nothing is shown by them (7.12).
    fn extensions(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<()> {
        let before = Self::descend(self.old, at, old, "Extensions")?;
        let after = Self::descend(self.new, at, new, "Extensions")?;
        let touched = after
            .as_ref()
            .is_some_and(|a| a.spot.path.is_empty() && self.touched.contains_key(&a.spot.owner));
        let same_place = before.as_ref().map(|b| &b.object) == after.as_ref().map(|a| &a.object);
        let Some(after) = after else {
            if before.is_some() {
                self.forbid(&at.key("Extensions"), None, "the declared extensions were removed");
            }
            return Ok(());
        };
        self.explain(&at.key("Extensions"));
        self.accept(&after, Referrers::Explained);
        let declared = dict_of(Some(&after));
        for (developer, _) in declared.iter() {
            if developer.as_bytes() == b"Type" {
                continue;
            }
            let developer = super::segment(developer);
            let spot = after.spot.key(&developer);
            let Some(entry) = Self::descend(self.new, &after.spot, &declared, &developer)? else {
                continue;
            };
            self.explain(&spot);
            self.accept(&entry, Referrers::Explained);
            let entries = match &entry.object {
                Object::Array(items) => items.clone(),
                one => vec![one.clone()],
            };
            for (n, item) in entries.iter().enumerate() {
                let Some(item) = Self::locate(self.new, entry.spot.key(n), item)? else { continue };
                self.explain(&entry.spot.key(n));
                self.accept(&item, Referrers::Explained);
                if !item.dict().is_some_and(is_declaration) {
                    self.forbid(
                        &item.spot,
                        None,
                        "a declared extension has something else than names and numbers",
                    );
                }
            }
        }
        if touched || !same_place {
            self.permit(&after.spot, "developer extensions were declared (ISO 32000-2 7.12)");
        }
        Ok(())
    }

    /// A value that is only ever judged as a whole: one rule, one place.
    pub(super) fn pair(
        &self,
        at: &Spot,
        old: &Dict,
        new: &Dict,
        key: &str,
    ) -> Result<(Option<Located>, Option<Located>)> {
        Ok((Self::descend(self.old, at, old, key)?, Self::descend(self.new, at, new, key)?))
    }
}

fn is_declaration(dict: &Dict) -> bool {
    dict.iter().all(|(key, value)| {
        matches!(key.as_bytes(), b"Type" | b"BaseVersion" | b"ExtensionLevel" | b"URL" | b"ExtensionRevision")
            && matches!(value, Object::Name(_) | Object::Integer(_) | Object::String(_))
    })
}

pub(super) fn value(dict: &Dict, key: &str) -> Object {
    dict.get(key).cloned().unwrap_or_default()
}
