//! PDF/A (ISO 19005): what an input says about itself, so that what is added keeps to it.

use crate::pdf::syntax::{Dict, Object, SyntaxError, View};

/// What PDF/A demands of what is added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Archive {
    /// 1 to 4, if the file claims to be PDF/A.
    part: Option<u8>,
    /// Whether it has an output intent with a profile.
    intent: bool,
    /// Whether that is RGB.
    rgb: bool,
}

/// Largest XMP packet that is looked at.
const MAX_XMP: usize = 1 << 20;

impl Archive {
    pub(super) fn of(view: View<'_, '_>, catalog: &Dict) -> Result<Self, SyntaxError> {
        let Object::Stream(metadata) = view.get(catalog, "Metadata")? else { return Ok(Self::default()) };
        // Metadata that cannot be read claim nothing.
        let Ok(xmp) = view.document().decode(&metadata, MAX_XMP) else { return Ok(Self::default()) };
        let Some(part) = part(&xmp) else { return Ok(Self::default()) };
        let (mut intent_given, mut rgb) = (false, false);
        for intent in view.get_array(catalog, "OutputIntents")?.iter().take(16) {
            let Object::Dictionary(intent) = view.resolve(intent)? else { continue };
            let profile = view.get(&intent, "DestOutputProfile")?;
            let components = profile.as_dict().map(|d| view.get(d, "N")).transpose()?;
            intent_given |= components.is_some();
            rgb |= components.and_then(|n| n.as_integer()) == Some(3);
        }
        Ok(Self { part: Some(part), intent: intent_given, rgb })
    }

    /// PDF/A-1 (6.4): no soft masks. Later parts want a blending space for the page then, which an output intent gives
    /// (PDF/A-2 6.2.10).
    pub(super) fn forbids_transparency(self) -> bool {
        self.part.is_some_and(|part| part == 1 || !self.intent)
    }

    /// Device colours are allowed only if the output intent is of their kind.
    pub(super) fn needs_calibrated_rgb(self) -> bool {
        self.part.is_some() && !self.rgb
    }

    /// Every widget needs an appearance, even one without extent (PDF/A-1 6.9). Later parts except those (PDF/A-2 6.3.3).
    pub(super) fn needs_appearance(self) -> bool {
        self.part == Some(1)
    }
}

/// `pdfaid:part` of an XMP packet, as attribute or element.
fn part(xmp: &[u8]) -> Option<u8> {
    let at = memchr::memmem::find(xmp, b"pdfaid:part")?;
    let rest = xmp.get(at + b"pdfaid:part".len()..)?.get(..32)?;
    let digit =
        rest.iter().find(|b| !matches!(b, b'=' | b'"' | b'\'' | b'>' | b' ' | b'\n' | b'\r' | b'\t'))?;
    (b'1'..=b'4').contains(digit).then(|| digit - b'0')
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn the_part_is_read_from_both_forms_of_xmp() {
        let pad = " ".repeat(40);
        assert_eq!(part(format!("<pdfaid:part>2</pdfaid:part>{pad}").as_bytes()), Some(2));
        assert_eq!(part(format!("<rdf:Description pdfaid:part='1' x=''/>{pad}").as_bytes()), Some(1));
        assert_eq!(part(format!("<pdfaid:part>x</pdfaid:part>{pad}").as_bytes()), None);
        assert_eq!(part(b"<nothing/>"), None);
    }
}
