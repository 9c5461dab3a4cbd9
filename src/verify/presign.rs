//! A look at a file before it is signed: what somebody may have prepared to show something else afterwards
//! ("Shadow Attacks", Mainka et al. 2021).

use super::diff::Edges;
use super::finding::{Attack, Finding, Subject};
use super::judge::VerifyError;
use super::{linearized, pages, revisions};
use crate::pdf::syntax::{Dict, Document, Entry, Object, ObjectId, View};
use std::collections::{BTreeMap, BTreeSet};

/// Findings of one kind that are listed one by one.
const LISTED: usize = 20;
/// Objects that are walked, at most: whoever signs waits for it.
const MAX_WALKED: usize = 40_000;
/// Object numbers that are looked up in all revisions together, at most.
const MAX_LOOKUPS: usize = 400_000;
/// Objects outside of the document's tree that are read, at most.
const MAX_UNUSED: usize = 20_000;
/// Objects that are walked when a signed file is judged.
const MAX_JUDGED: usize = 5_000;
/// Pages whose fields are looked at, and annotations of one page.
const MAX_PAGES: usize = 2_000;
const MAX_ANNOTATIONS: usize = 500;
/// Annotation flags (ISO 32000-2 12.5.3): Hidden and NoView.
const HIDING: i64 = 2 | 32;

/// Lists prepared content: objects of the document's own kind that nothing refers to, references to objects that are
/// missing, hidden layers, hidden and overlapping fields, and whatever the strict look at the file finds. Nothing here
/// breaks a signature; the caller reports it and refuses by policy. An empty list means that nothing was found.
///
/// # Errors
/// [`VerifyError`] when the file cannot be read.
pub fn inspect_before_signing(bytes: &[u8]) -> Result<Vec<Finding>, VerifyError> {
    let document = Document::open(bytes)?;
    let mut findings = match revisions::strict(&document) {
        Ok(inspection) => revisions::earlier_oddities(&inspection, bytes.len()),
        Err(finding) => vec![finding],
    };
    findings.extend(revisions::trailing(&document, 0, 0));
    findings.extend(prepared_content(&document));
    Ok(findings)
}

/// The prepared content alone, without the strict look at the file: what signing asks for.
pub fn prepared_content(document: &Document<'_>) -> Vec<Finding> {
    // A document that is too large for this look can be signed all the same.
    document.apart(|| look(document))
}

fn look(document: &Document<'_>) -> Vec<Finding> {
    let view = document.latest();
    let mut findings: Vec<Finding> = linearized::awaits_length(document).into_iter().collect();
    match Edges::collect_within(view, &BTreeMap::new(), MAX_WALKED) {
        Ok(edges) => {
            unreferenced(view, &edges, &mut findings);
            dangling(view, &edges, &mut findings);
        }
        Err(gave_up) => findings.push(Finding::warning(Subject::File, "too-large", gave_up.0)),
    }
    hidden_layers(view, &mut findings);
    fields(view, &mut findings);
    findings
}

fn prepared(code: &'static str, attack: Attack, detail: String) -> Finding {
    Finding::warning(Subject::File, code, detail).attack(attack)
}

/// A bound ended the look: there may be more behind it.
fn not_looked_at(what: &str, most: usize) -> Finding {
    let detail = format!("more than {most} {what}: the rest was not looked at");
    Finding::warning(Subject::File, "not-looked-at", detail)
}

/// Pages, catalogues, fonts, forms, images and annotations that the trailer does not lead to.
fn unreferenced(view: View<'_, '_>, edges: &Edges, findings: &mut Vec<Finding>) {
    let mut listed = 0;
    let most = MAX_LOOKUPS / view.document().revisions().len().max(1);
    let mut read = 0;
    if usize::try_from(view.size()).is_ok_and(|size| size > most + 1) {
        findings.push(not_looked_at("object numbers", most));
    }
    for number in (1..view.size()).take(most) {
        let used = !matches!(view.definition(number).map(|d| d.entry), None | Some(Entry::Free));
        if !used || edges.reaches(number) {
            continue;
        }
        read += 1;
        if read > MAX_UNUSED {
            findings.push(not_looked_at("unused objects", MAX_UNUSED));
            break;
        }
        let Ok(object) = view.object(ObjectId::new(number)) else { continue };
        // The blank appearance of a field that was filled since.
        if matches!(&object, Object::Stream(stream) if stream.span().is_empty()) {
            continue;
        }
        let Some(kind) = object.as_dict().and_then(kind_of) else { continue };
        listed += 1;
        if listed <= LISTED {
            let detail = format!("object {number} ({kind}) is not used by the document");
            findings.push(prepared("unreferenced-object", Attack::ShadowHideAndReplace, detail));
        }
    }
    if listed > LISTED {
        let detail = format!("{} more objects are not used by the document", listed - LISTED);
        findings.push(prepared("unreferenced-object", Attack::ShadowHideAndReplace, detail));
    }
}

/// Dictionaries and streams that nothing refers to, in a file that was changed after it was signed: what a later revision left
/// lying, or made ready for the next one. A warning, since many writers leave something behind.
pub(super) fn unused(document: &Document<'_>) -> Option<Finding> {
    document.apart(|| {
        let view = document.latest();
        let Ok(edges) = Edges::collect_within(view, &BTreeMap::new(), MAX_JUDGED) else {
            let detail = format!("more than {MAX_JUDGED} objects: nobody looked for unused ones");
            return Some(Finding::warning(Subject::File, "unreferenced-object", detail));
        };
        let most = MAX_LOOKUPS / document.revisions().len().max(1);
        let used =
            |number: &u32| !matches!(view.definition(*number).map(|d| d.entry), None | Some(Entry::Free));
        let alone = (1..view.size()).take(most).filter(used).filter(|number| !edges.reaches(*number));
        let alone: Vec<u32> = alone.take(MAX_JUDGED + 1).collect();
        let whole =
            alone.len() <= MAX_JUDGED && usize::try_from(view.size()).is_ok_and(|size| size <= most + 1);
        let shown: Vec<u32> =
            alone.into_iter().take(MAX_JUDGED).filter(|number| is_content(view, *number)).collect();
        let first: Vec<String> = shown.iter().take(LISTED).map(u32::to_string).collect();
        let (count, list) = (shown.len(), first.join(", "));
        (count > 0 || !whole).then(|| {
            let rest = if whole { "" } else { "; not all of them were looked at" };
            let detail = format!("nothing refers to {count} objects of the file: {list}{rest}");
            Finding::warning(Subject::File, "unreferenced-object", detail)
        })
    })
}

/// Whether an object is a dictionary or stream of the document, not of its file structure.
fn is_content(view: View<'_, '_>, number: u32) -> bool {
    let Ok(object) = view.object(ObjectId::new(number)) else { return true };
    let Some(dict) = object.as_dict() else { return false };
    let structure = ["ObjStm", "XRef"].iter().any(|kind| dict.is_name("Type", kind));
    !structure && !dict.contains("Linearized")
}

/// Kinds of objects that can become part of what is shown.
fn kind_of(dict: &Dict) -> Option<&'static str> {
    const KINDS: [&str; 7] = ["Catalog", "Pages", "Page", "Font", "FontDescriptor", "XObject", "Annot"];
    let kind = dict.get("Type").and_then(Object::as_name)?;
    KINDS.into_iter().find(|k| k.as_bytes() == kind)
}

/// References to objects that are not there: a later revision could fill them in.
fn dangling(view: View<'_, '_>, edges: &Edges, findings: &mut Vec<Finding>) {
    let revisions = view.document().revisions().len().max(1);
    let most = MAX_LOOKUPS / revisions;
    if edges.reached().nth(most).is_some() {
        findings.push(not_looked_at("references", most));
    }
    let missing: Vec<u32> = edges
        .reached()
        .take(most)
        .filter(|n| matches!(view.definition(*n).map(|d| d.entry), None | Some(Entry::Free)))
        .collect();
    if let Some(first) = missing.iter().min() {
        let detail =
            format!("{} objects are referred to but missing, {first} the first of them", missing.len());
        findings.push(prepared("missing-object", Attack::ShadowReplace, detail));
    }
}

/// Optional content that is off by default (ISO 32000-2 8.11.4).
fn hidden_layers(view: View<'_, '_>, findings: &mut Vec<Finding>) {
    let properties = view.catalog().ok().and_then(|c| view.get_dict(&c, "OCProperties").ok().flatten());
    let Some(properties) = properties else { return };
    let default = view.get_dict(&properties, "D").ok().flatten().unwrap_or_default();
    let off = view.get_array(&default, "OFF").unwrap_or_default().len();
    let all = view.get_array(&properties, "OCGs").unwrap_or_default().len();
    let base_off = default.is_name("BaseState", "OFF");
    if off > 0 || base_off {
        let hidden = if base_off { all } else { off };
        let detail = format!("{hidden} of {all} layers are hidden by default");
        findings.push(prepared("hidden-layer", Attack::OptionalContentSwap, detail));
    }
}

/// Widgets that are hidden although they take room, and widgets that overlap.
fn fields(view: View<'_, '_>, findings: &mut Vec<Finding>) {
    let Some(pages) = pages::pages(view) else {
        let detail = "the page tree cannot be read: nobody looked at its fields".to_owned();
        findings.push(Finding::warning(Subject::File, "not-looked-at", detail));
        return;
    };
    if pages.len() > MAX_PAGES {
        findings.push(not_looked_at("pages", MAX_PAGES));
    }
    let mut crowded = false;
    for (page, number) in pages.iter().zip(1u32..).take(MAX_PAGES) {
        let object = view.object(*page).unwrap_or_default();
        let annotations = object.as_dict().and_then(|d| view.get_array(d, "Annots").ok()).unwrap_or_default();
        let mut seen: Vec<(u32, [f64; 4])> = Vec::new();
        let mut reported = BTreeSet::new();
        if annotations.len() > MAX_ANNOTATIONS && !std::mem::replace(&mut crowded, true) {
            findings.push(not_looked_at(&format!("annotations on page {number}"), MAX_ANNOTATIONS));
        }
        for annotation in annotations.iter().take(MAX_ANNOTATIONS) {
            let Ok(widget) = view.resolve(annotation) else { continue };
            let Some(widget) = widget.as_dict().filter(|d| d.is_name("Subtype", "Widget")) else { continue };
            let Some(rect) = super::found::rectangle(view, widget) else { continue };
            let id = annotation.as_reference().map_or(0, |id| id.number);
            if widget.get("F").and_then(Object::as_integer).is_some_and(|f| f & HIDING != 0) {
                let detail = format!("field {id} on page {number} is hidden but takes room");
                findings.push(prepared("hidden-field", Attack::ShadowHideAndReplace, detail));
            }
            if let Some((other, _)) = seen.iter().find(|(_, r)| overlap(r, &rect))
                && reported.insert(id)
            {
                let detail = format!("fields {other} and {id} overlap on page {number}");
                findings.push(prepared("overlapping-fields", Attack::FieldOverlay, detail));
            }
            seen.push((id, rect));
        }
    }
}

fn overlap(a: &[f64; 4], b: &[f64; 4]) -> bool {
    let [a_left, a_bottom, a_right, a_top] = a;
    let [b_left, b_bottom, b_right, b_top] = b;
    a_left < b_right && b_left < a_right && a_bottom < b_top && b_bottom < a_top
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::inspect_before_signing;
    use crate::pdf::sign::testing::{document, with_table};

    fn codes(bytes: &[u8]) -> Vec<&'static str> {
        inspect_before_signing(bytes).unwrap().iter().map(|f| f.code).collect()
    }

    #[test]
    fn a_plain_document_has_nothing_prepared() {
        assert_eq!(codes(&document(3, "", "")), Vec::<&str>::new());
    }

    #[test]
    fn a_form_without_content_is_nothing_prepared() {
        let blank = "<</Type/XObject/Subtype/Form/BBox[0 0 0 0]/Length 0>>\nstream\n\nendstream";
        let pages = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 0>>"];
        let codes_with = |form: &str| codes(&with_table(&[pages[0], pages[1], form].map(str::to_owned)));
        assert_eq!(codes_with(blank), Vec::<&str>::new());
        assert_eq!(codes_with(&blank.replace("0>>\nstream\n", "1>>\nstream\nf")), ["unreferenced-object"]);
    }

    #[test]
    fn what_a_bound_leaves_out_is_said() {
        let annotations = |count: usize| {
            let catalog = "<</Type/Catalog/Pages 2 0 R>>".to_owned();
            let pages = "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>".to_owned();
            let note = "<</Type/Annot/Subtype/Text/Rect[0 0 0 0]>>".repeat(count);
            codes(&with_table(&[catalog, pages, format!("<</Type/Page/Parent 2 0 R/Annots[{note}]>>")]))
        };
        assert_eq!(annotations(500), Vec::<&str>::new());
        assert_eq!(annotations(501), ["not-looked-at"]);
        let many = |pages: usize| {
            let mut objects = vec!["<</Type/Catalog/Pages 2 0 R>>".to_owned()];
            let kids: String = (0..pages).map(|n| format!("{} 0 R ", n + 3)).collect();
            objects.push(format!("<</Type/Pages/Kids[{kids}]/Count {pages}/MediaBox[0 0 595 842]>>"));
            objects.extend(std::iter::repeat_n("<</Type/Page/Parent 2 0 R>>".to_owned(), pages));
            codes(&with_table(&objects))
        };
        assert_eq!(many(2_000), Vec::<&str>::new());
        assert_eq!(many(2_001), ["not-looked-at"]);
    }

    #[test]
    fn prepared_pages_layers_and_missing_objects_are_listed() {
        let catalog = "/OCProperties<</OCGs[9 0 R]/D<</OFF[9 0 R]>>>>";
        let mut objects = vec![
            format!("<</Type/Catalog/Pages 2 0 R{catalog}>>"),
            "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>".to_owned(),
            "<</Type/Page/Parent 2 0 R/Resources<</XObject<</X 77 0 R>>>>/Annots[4 0 R 5 0 R]>>".to_owned(),
            "<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/F 2/Rect[0 0 50 50]>>".to_owned(),
            "<</Type/Annot/Subtype/Widget/FT/Tx/T(b)/F 4/Rect[40 40 90 90]>>".to_owned(),
        ];
        objects.push("<</Type/Catalog/Pages 7 0 R>>".to_owned());
        objects.push("<</Type/Pages/Kids[]/Count 0>>".to_owned());
        let found = codes(&with_table(&objects));
        for code in
            ["unreferenced-object", "missing-object", "hidden-layer", "hidden-field", "overlapping-fields"]
        {
            assert!(found.contains(&code), "{code} in {found:?}");
        }
    }
}
