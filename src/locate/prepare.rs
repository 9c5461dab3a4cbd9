//! What is done to a file before it is interpreted: bombs are refused, and fonts that say their text only through a
//! predefined CMap are given a `/ToUnicode`.

use super::LocateError;
use crate::pdf::syntax::{Dict, Document, Object, ObjectId, SyntaxError, View};
use crate::pdf::tame::{self, Bounds};
use hayro_interpret::hayro_cmap::{self, BfString, CMap, CMapName, CidFamily};
use std::fmt::Write;

/// Bounds of what is interpreted.
const BOUNDS: Bounds = Bounds { objects: 500_000, stream: 32 << 20, content: 256 << 20, drawn: false };

/// The document's bytes, with an update behind them where fonts needed one.
pub(super) fn readable(document: &Document<'_>) -> Result<Vec<u8>, LocateError> {
    let view = document.latest();
    tame::check(document, BOUNDS).map_err(|error| match error {
        SyntaxError::Limit(what) => LocateError::TooLarge(what),
        other => LocateError::Unreadable(other.to_string()),
    })?;
    let mut mute = Vec::new();
    for number in 1..view.size() {
        let Some(id) = view.id(number) else { continue };
        // What cannot be parsed is not shown either.
        let Ok(object) = view.object(id) else { continue };
        if let Object::Dictionary(dict) = &object
            && dict.is_name("Subtype", "Type0")
            && !dict.contains("ToUnicode")
            && let Ok(Some(map)) = to_unicode(view, dict)
        {
            mute.push((id, map));
        }
    }
    let mut bytes = document.bytes().to_vec();
    if !mute.is_empty() {
        bytes.extend(with_to_unicode(view, mute).map_err(|e| LocateError::Unreadable(e.to_string()))?);
    }
    Ok(bytes)
}

fn with_to_unicode(view: View<'_, '_>, fonts: Vec<(ObjectId, String)>) -> Result<Vec<u8>, SyntaxError> {
    // Nobody but this search ever sees these bytes, so nothing in them has to be random.
    let mut patch = crate::pdf::Patch::new(view, [0; 32]);
    for (id, map) in fonts {
        let map = patch.add_stream(Dict::new(), map.into_bytes())?;
        patch.set(id, "ToUnicode", map.into())?;
    }
    patch.finish()
}

/// A ToUnicode CMap for an embedded composite font with a predefined CMap: code → CID → Unicode.
fn to_unicode(view: View<'_, '_>, font: &Dict) -> Result<Option<String>, SyntaxError> {
    let Object::Name(encoding) = view.get(font, "Encoding")? else { return Ok(None) };
    let descendants = view.get_array(font, "DescendantFonts")?;
    let Some(descendant) = descendants.first() else { return Ok(None) };
    let Object::Dictionary(descendant) = view.resolve(descendant)? else { return Ok(None) };
    let Some(descriptor) = view.get_dict(&descendant, "FontDescriptor")? else { return Ok(None) };
    if !["FontFile", "FontFile2", "FontFile3"].iter().any(|key| descriptor.contains(key)) {
        // The interpreter does it itself for fonts that are not embedded.
        return Ok(None);
    }
    let Some(system) = view.get_dict(&descendant, "CIDSystemInfo")? else { return Ok(None) };
    let Object::String(ordering) = view.get(&system, "Ordering")? else { return Ok(None) };
    Ok(table(encoding.as_bytes(), ordering.as_bytes()))
}

fn table(encoding: &[u8], ordering: &[u8]) -> Option<String> {
    let parse = |name: CMapName<'_>| CMap::parse(hayro_cmap::load_embedded(name)?, hayro_cmap::load_embedded);
    let codes = parse(CMapName::from_bytes(encoding))?;
    let named = codes.metadata().character_collection.as_ref().map(|c| c.family.clone());
    let family = named
        .filter(|f| *f != CidFamily::AdobeIdentity)
        .unwrap_or_else(|| CidFamily::from_registry_ordering(b"Adobe", ordering));
    let texts = parse(family.ucs2_cmap()?)?;
    let mut out = String::from(
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n\
         1 begincodespacerange <0000> <FFFF> endcodespacerange\n",
    );
    for (length, count) in [(1u8, 0x100u32), (2, 0x1_0000)] {
        let mut rows = Vec::new();
        for code in 0..count {
            let Some(BfString::Char(c)) =
                codes.lookup_cid_code(code, length).and_then(|cid| texts.lookup_bf_string(cid))
            else {
                continue;
            };
            let width = usize::from(length) * 2;
            let mut row = format!("<{code:0width$X}> <");
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(row, "{unit:04X}");
            }
            row.push('>');
            rows.push(row);
        }
        for hundred in rows.chunks(100) {
            let _ = writeln!(out, "{} beginbfchar\n{}\nendbfchar", hundred.len(), hundred.join("\n"));
        }
    }
    out.push_str("endcmap CMapName currentdict /CMap defineresource pop end end");
    Some(out)
}
