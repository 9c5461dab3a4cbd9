//! The interactive form's fields as a tree with what they inherit (ISO 32000-2 12.7.4).

use crate::pdf::syntax::{Dict, Object, ObjectId, PdfString, SyntaxError, View};
use std::collections::{HashMap, HashSet};

/// Fields that are looked at in one revision, at most.
const MAX_FIELDS: usize = 20_000;
/// Levels of the field tree, at most.
const MAX_DEPTH: usize = 32;

/// A field type (/FT), inherited or its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldType {
    Button,
    Text,
    Choice,
    Signature,
}

impl FieldType {
    pub(super) fn of(view: View<'_, '_>, dict: &Dict) -> Option<Self> {
        match view.get(dict, "FT").ok()?.as_name()? {
            b"Btn" => Some(Self::Button),
            b"Tx" => Some(Self::Text),
            b"Ch" => Some(Self::Choice),
            b"Sig" => Some(Self::Signature),
            _ => None,
        }
    }
}

/// A terminal signature field.
#[derive(Clone, Debug)]
pub(super) struct SignatureField {
    pub id: ObjectId,
    /// Fully qualified name.
    pub name: String,
    /// /V as written: a reference or a direct dictionary.
    pub value: Option<Object>,
    /// Its widgets: itself, or its kids without a name.
    pub widgets: Vec<ObjectId>,
}

/// The form has more than is looked at: what it shows is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the form has too many {0}")]
pub struct FormTooLarge(&'static str);

/// What cannot be read is left out: a field that cannot be read cannot show a signature. What was not read because a bound
/// was reached could.
fn read<T: Default>(outcome: Result<T, SyntaxError>) -> Result<T, FormTooLarge> {
    match outcome {
        Err(SyntaxError::Limit(what)) => Err(FormTooLarge(what)),
        other => Ok(other.unwrap_or_default()),
    }
}

/// Every signature field of the revision that `view` shows.
///
/// # Errors
/// [`FormTooLarge`] when a bound ended the walk: there may be signatures that nobody saw.
pub(super) fn signature_fields(view: View<'_, '_>) -> Result<Vec<SignatureField>, FormTooLarge> {
    let fields = match listed_fields(view) {
        Ok(fields) => fields,
        Err(SyntaxError::Limit(what)) => return Err(FormTooLarge(what)),
        Err(_) => fields_on_pages(view)?,
    };
    let mut walk = Walk { view, seen: HashSet::new(), named: HashMap::new(), found: Vec::new() };
    for field in fields {
        walk.field(&field, "", None, None, 0)?;
    }
    Ok(walk.found)
}

/// The top of the field tree.
///
/// # Errors
/// [`SyntaxError`] when the catalogue, its form or the form's /Fields cannot be read.
pub(super) fn listed_fields(view: View<'_, '_>) -> Result<Vec<Object>, SyntaxError> {
    view.get_array(&acro_form(view)?, "Fields")
}

/// The form; empty where there is none.
///
/// # Errors
/// [`SyntaxError`] when the catalogue or its form cannot be read.
pub(super) fn acro_form(view: View<'_, '_>) -> Result<Dict, SyntaxError> {
    Ok(view.get_dict(&view.catalog()?, "AcroForm")?.unwrap_or_default())
}

/// The widgets of the pages, or the fields above them: what a reader shows when the form cannot be read.
fn fields_on_pages(view: View<'_, '_>) -> Result<Vec<Object>, FormTooLarge> {
    let mut out = Vec::new();
    for page in super::pages::pages(view).unwrap_or_default() {
        let page = read(view.object(page))?;
        let Some(page) = page.as_dict() else { continue };
        for annotation in read(view.get_array(page, "Annots"))? {
            if out.len() >= MAX_FIELDS {
                return Err(FormTooLarge("fields"));
            }
            let mut field = annotation;
            for _ in 0..MAX_DEPTH {
                let dict = read(view.resolve(&field))?;
                match dict.as_dict().and_then(|d| d.get("Parent")) {
                    Some(above) if above.as_reference().is_some() => field = above.clone(),
                    _ => break,
                }
            }
            out.push(field);
        }
    }
    Ok(out)
}

struct Walk<'d, 'a> {
    view: View<'d, 'a>,
    seen: HashSet<ObjectId>,
    /// Whether a kid has a name of its own, where it was looked at: one kid may be named a hundred thousand times.
    named: HashMap<ObjectId, bool>,
    found: Vec<SignatureField>,
}

impl Walk<'_, '_> {
    fn field(
        &mut self,
        field: &Object,
        parent: &str,
        inherited: Option<FieldType>,
        inherited_value: Option<&Object>,
        depth: usize,
    ) -> Result<(), FormTooLarge> {
        let Some(id) = field.as_reference() else { return Ok(()) };
        if self.seen.contains(&id) {
            return Ok(());
        }
        if depth > MAX_DEPTH {
            return Err(FormTooLarge("levels of fields"));
        }
        if self.seen.len() >= MAX_FIELDS {
            return Err(FormTooLarge("fields"));
        }
        self.seen.insert(id);
        let Object::Dictionary(dict) = read(self.view.object(id))? else { return Ok(()) };
        let name = qualified_name(self.view, parent, &dict);
        let kind = FieldType::of(self.view, &dict).or(inherited);
        let value = dict.get("V").or(inherited_value).cloned();
        let kids = read(self.view.get_array(&dict, "Kids"))?;
        let mut widgets = Vec::new();
        let mut terminal = true;
        for kid in &kids {
            if self.named(kid)? {
                terminal = false;
                self.field(kid, &name, kind, value.as_ref(), depth + 1)?;
            } else {
                widgets.extend(kid.as_reference());
            }
        }
        if terminal && kind == Some(FieldType::Signature) {
            if kids.is_empty() {
                widgets.push(id);
            }
            self.found.push(SignatureField { id, name, value: value.filter(|v| !v.is_null()), widgets });
        }
        Ok(())
    }

    /// Whether a kid is a field and no widget alone.
    fn named(&mut self, kid: &Object) -> Result<bool, FormTooLarge> {
        let id = kid.as_reference();
        if let Some(known) = id.and_then(|id| self.named.get(&id)) {
            return Ok(*known);
        }
        let named = read(self.view.resolve(kid))?.as_dict().is_some_and(|d| d.contains("T"));
        if let Some(id) = id {
            self.named.insert(id, named);
        }
        Ok(named)
    }
}

/// The name of a field below `parent` (12.7.4.2).
pub(super) fn qualified_name(view: View<'_, '_>, parent: &str, dict: &Dict) -> String {
    let name = view.get(dict, "T").unwrap_or_default();
    match name.as_string().map(name_text) {
        Some(own) if parent.is_empty() => own,
        Some(own) => format!("{parent}.{own}"),
        None => parent.to_owned(),
    }
}

/// The text of a name, which is the same in whatever encoding and language it is written.
pub(super) fn name_text(name: &PdfString) -> String {
    without_languages(name.to_text())
}

/// Text without the language codes that stand between escape characters (7.9.2.2.2).
fn without_languages(text: String) -> String {
    const LONGEST: usize = 5;
    if !text.contains('\u{1b}') {
        return text;
    }
    let (mut out, mut rest) = (String::new(), text.as_str());
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        out.push_str(before);
        rest = match after.split_once('\u{1b}') {
            Some((code, behind))
                if code.len() <= LONGEST && code.bytes().all(|b| b.is_ascii_alphabetic()) =>
            {
                behind
            }
            _ => {
                out.push('\u{1b}');
                after
            }
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::name_text;
    use crate::pdf::syntax::PdfString;

    #[test]
    fn a_name_is_the_same_in_every_encoding_and_language() {
        let utf8 = |text: &str| name_text(&PdfString::literal([b"\xEF\xBB\xBF", text.as_bytes()].concat()));
        assert_eq!(
            name_text(&PdfString::literal(b"price \xA0".to_vec())),
            name_text(&PdfString::text("price €"))
        );
        assert_eq!(utf8("\u{1b}en\u{1b}city\u{1b}zhCN\u{1b}"), "city");
        assert_eq!(utf8("\u{1b}no language\u{1b}"), "\u{1b}no language\u{1b}");
    }
}
