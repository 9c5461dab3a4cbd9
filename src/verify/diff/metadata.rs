//! Document information and metadata (ISO 32000-2 14.3): about the document, not in it.

use super::catalog::value;
use super::{Diff, Referrers, Result, Spot};
use crate::pdf::syntax::{Dict, Object};

impl Diff<'_, '_, '_> {
    /// The information dictionary may change; its values are strings and names.
    pub(super) fn info(&mut self, old: &Dict, new: &Dict) -> Result<()> {
        let at = Spot::trailer();
        let (before, after) = self.pair(&at, old, new, "Info")?;
        self.explain(&at.key("Info"));
        let Some(after) = after else { return Ok(()) };
        self.accept(&after, Referrers::Explained);
        let plain = after.dict().is_some_and(|d| {
            d.iter().all(|(_, v)| match v {
                Object::Dictionary(_) | Object::Array(_) | Object::Stream(_) => false,
                Object::Reference(_) => {
                    self.new.resolve(v).is_ok_and(|o| matches!(o, Object::String(_) | Object::Null))
                }
                _ => true,
            })
        });
        if !plain && before.as_ref().map(|b| &b.object) != Some(&after.object) {
            self.forbid(&after.spot, None, "the document information has something else than text");
            return Ok(());
        }
        let dict = after.object.clone();
        self.explain_below(&after.spot, &dict);
        if before.is_none_or(|b| b.object != after.object) {
            self.permit(&after.spot, "document information was updated (ISO 32000-2 14.3.3)");
        }
        Ok(())
    }

    /// The catalogue's XMP stream may change, and so may its private /PieceInfo.
    pub(super) fn metadata(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<()> {
        let (_, after) = self.pair(at, old, new, "Metadata")?;
        if let Some(after) = after {
            let is_metadata = after.dict().is_some_and(|d| {
                d.is_name("Type", "Metadata")
                    && d.is_name("Subtype", "XML")
                    && after.object.as_stream().is_some()
            });
            let moved = value(old, "Metadata") != value(new, "Metadata");
            let changed = moved || self.changed(after.spot.owner)?;
            if changed && is_metadata {
                self.explain(&at.key("Metadata"));
                self.accept(&after, Referrers::Explained);
                self.permit(&after.spot, "metadata was updated (ISO 32000-2 14.3.2)");
            } else if changed {
                self.forbid(&after.spot, None, "/Metadata is not a metadata stream");
            }
        }
        let (before, after) = (value(old, "PieceInfo"), value(new, "PieceInfo"));
        if !self.same(&at.key("PieceInfo"), &before, &after)? {
            self.forbid(&at.key("PieceInfo"), None, "private data of an application were changed");
        }
        Ok(())
    }
}
