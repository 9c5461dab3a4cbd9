//! Document information and metadata (ISO 32000-2 14.3): about the document, not in it.

use super::catalog::value;
use super::{Diff, Referrers, Result, Spot, dict_of};
use crate::pdf::syntax::{Dict, Object};

/// Decoded bytes of the metadata, at most.
const MAX_METADATA: usize = 4 << 20;

impl Diff<'_, '_, '_> {
    /// The information dictionary may change: to text, or arrays of text as Quartz writes /AAPL:Keywords. What else it
    /// holds stays.
    pub(super) fn info(&mut self, old: &Dict, new: &Dict) -> Result<()> {
        let at = Spot::trailer();
        let (before, after) = self.pair(&at, old, new, "Info")?;
        self.explain(&at.key("Info"));
        let Some(after) = after else {
            if before.is_some() {
                self.permit(&at.key("Info"), "document information was removed (ISO 32000-2 14.3.3)");
            }
            return Ok(());
        };
        self.accept(&after, Referrers::Explained);
        let was = dict_of(before.as_ref());
        let mut plain = matches!(after.object, Object::Dictionary(_));
        for (key, value) in dict_of(Some(&after)).iter() {
            let spot = after.spot.key(key.lossy());
            let known = was.get_bytes(key.as_bytes());
            let resolved = self.new.resolve(value).ok();
            if resolved.as_ref().is_some_and(is_text) {
                self.explain_below(&spot, value);
            } else if known.is_some_and(|known| known == value) {
                // Whether something below it was changed is for the edges to say.
            } else if resolved.as_ref().and_then(Object::as_array).is_some_and(|all| all.iter().all(is_text))
            {
                self.explain(&spot);
            } else {
                let same = known.map(|known| self.same(&spot, known, value)).transpose()?;
                plain &= same.unwrap_or(false);
            }
        }
        if !plain && before.as_ref().map(|b| &b.object) != Some(&after.object) {
            self.forbid(&after.spot, None, "the document information has something else than text");
            return Ok(());
        }
        if before.is_none_or(|b| b.object != after.object) {
            self.permit(&after.spot, "document information was updated (ISO 32000-2 14.3.3)");
        }
        Ok(())
    }

    /// A metadata stream (14.3.2) with the XML of XMP in it.
    fn is_metadata(&self, object: &Object) -> bool {
        let Some(stream) = object.as_stream() else { return false };
        let named = stream.dict.is_name("Type", "Metadata") && stream.dict.is_name("Subtype", "XML");
        let Ok(data) = self.new.document().decode(stream, MAX_METADATA) else { return false };
        // UTF-16 and UTF-32 have zeros between the same characters.
        let text: Vec<u8> = data.iter().copied().filter(|&b| b != 0).collect();
        let begins = text.iter().find(|b| b.is_ascii() && !b.is_ascii_whitespace());
        named
            && begins == Some(&b'<')
            && [b"RDF".as_slice(), b"xmpmeta"].iter().any(|word| memchr::memmem::find(&text, word).is_some())
    }

    /// The catalogue's XMP stream may change, and so may its private /PieceInfo.
    pub(super) fn metadata(&mut self, at: &Spot, old: &Dict, new: &Dict) -> Result<()> {
        let (before, after) = self.pair(at, old, new, "Metadata")?;
        if after.is_none() && before.is_some() {
            self.forbid(&at.key("Metadata"), None, "the document's metadata were removed");
        }
        if let Some(after) = after {
            let moved = value(old, "Metadata") != value(new, "Metadata");
            let changed = moved || self.changed(after.spot.owner)?;
            if changed && self.is_metadata(&after.object) {
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

/// Neither a container nor a reference to one.
fn is_text(object: &Object) -> bool {
    !matches!(object, Object::Dictionary(_) | Object::Array(_) | Object::Stream(_) | Object::Reference(_))
}
