//! The dictionary of a form XObject that is a field's appearance (ISO 32000-2 8.10.2).

use crate::pdf::syntax::{Dict, Object, View};

/// Keys that say how it is stored, where it stands and what it uses, and nothing that is shown in its place: /Ref, /OPI, /PS and
/// /F, which is data outside of the file, are not among them.
const KNOWN: [&[u8]; 20] = [
    b"Type",
    b"Subtype",
    b"FormType",
    b"BBox",
    b"Matrix",
    b"Resources",
    b"Group",
    b"Length",
    b"Filter",
    b"DecodeParms",
    b"DL",
    b"Name",
    b"LastModified",
    b"Metadata",
    b"PieceInfo",
    b"StructParent",
    b"StructParents",
    b"AF",
    b"Lang",
    b"TU",
];

/// Whether a form shows its own content, as that content says.
pub(super) fn is_plain_form(view: View<'_, '_>, form: &Dict) -> Result<(), String> {
    if form.contains("OC") {
        return Err("it is in a layer".into());
    }
    if let Some((key, _)) = form.iter().find(|(key, _)| !KNOWN.contains(&key.as_bytes())) {
        return Err(format!("it has /{}, which may show something else", key.lossy()));
    }
    let group = view.get_dict(form, "Group").ok().flatten().unwrap_or_default();
    // A transparency group of its own draws opaque text as it is (11.6.6), unless its colours are read in another way.
    let plain = group.iter().all(|(key, value)| match key.as_bytes() {
        b"Type" | b"S" => value.as_name().is_some(),
        b"I" | b"K" => value.as_bool().is_some(),
        b"CS" => matches!(value.as_name(), Some(b"DeviceGray" | b"DeviceRGB" | b"DeviceCMYK")),
        _ => false,
    });
    let odd = form.contains("Group")
        && !matches!(form.get("Group"), Some(Object::Dictionary(_) | Object::Reference(_)));
    if plain && !odd { Ok(()) } else { Err("its transparency group gives colours another meaning".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pdf::sign::testing::document;
    use crate::pdf::syntax::{Document, PdfString};

    #[test]
    fn a_form_shows_its_own_content() {
        let file = document(1, "", "");
        let document = Document::open(&file).expect("a document");
        let says = |key: &str, value: Object| {
            is_plain_form(document.latest(), &Dict::new().with(key, value)).is_ok()
        };
        let group = |key: &str, value: Object| {
            Object::Dictionary(Dict::new().with("S", Object::name("Transparency")).with(key, value))
        };
        for (key, value, plain) in [
            ("Matrix", Object::Array(Vec::new()), true),
            ("OC", Object::Dictionary(Dict::new()), false),
            ("Ref", Object::Dictionary(Dict::new()), false),
            ("F", Object::String(PdfString::literal(b"other.bin".to_vec())), false),
            ("OPI", Object::Dictionary(Dict::new()), false),
            ("Group", group("I", Object::Boolean(true)), true),
            ("Group", group("CS", Object::name("DeviceRGB")), true),
            ("Group", group("CS", Object::Array(vec![Object::name("Separation")])), false),
            ("Group", group("SMask", Object::Dictionary(Dict::new())), false),
            ("Group", Object::Boolean(true), false),
        ] {
            assert_eq!(says(key, value.clone()), plain, "{key} {value:?}");
        }
    }
}
