//! Finding signatures: every dictionary that a signature field names with /V, in any revision. One dictionary is one
//! signature, however many fields show it.

use super::form::{FormTooLarge, SignatureField, signature_fields};
use super::pages;
use super::report::Place;
use crate::pdf::syntax::{Dict, Document, Object, ObjectId, View};
use std::collections::{BTreeMap, HashMap};

/// Signatures that are judged, at most.
pub(super) const MAX_SIGNATURES: usize = 128;
/// A signature as found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The object that holds the dictionary: itself, or the field where it is direct.
    pub holder: u32,
    /// The dictionary's own number; `None` when it is direct.
    pub object: Option<u32>,
    pub dict: Dict,
    pub fields: Vec<SignatureField>,
    /// False when the newest revision does not show it any more.
    pub present: bool,
    /// Index of the newest revision that shows it.
    pub revision: usize,
}

/// All signatures; true when there were more than are judged.
///
/// # Errors
/// [`FormTooLarge`] when a revision's fields were not all looked at.
pub(super) fn signatures(document: &Document<'_>) -> Result<(Vec<Found>, bool), FormTooLarge> {
    let last = document.revisions().len().saturating_sub(1);
    let mut found: BTreeMap<u32, Found> = BTreeMap::new();
    let mut more = false;
    for revision in (0..=last).rev() {
        let view = document.as_of(revision);
        for field in signature_fields(view)? {
            let Some(value) = &field.value else { continue };
            let object = value.as_reference().map(|id| id.number);
            let holder = object.unwrap_or(field.id.number);
            if let Some(known) = found.get_mut(&holder) {
                if known.revision == revision {
                    known.fields.push(field);
                }
                continue;
            }
            let Ok(Object::Dictionary(dict)) = view.resolve(value) else {
                // /V that is no dictionary: an empty one, so that the structure's judge says what is missing.
                let present = revision == last;
                let empty =
                    Found { holder, object, dict: Dict::new(), fields: vec![field], present, revision };
                found.insert(holder, empty);
                continue;
            };
            if found.len() >= MAX_SIGNATURES {
                more = true;
                continue;
            }
            found.insert(
                holder,
                Found { holder, object, dict, fields: vec![field], present: revision == last, revision },
            );
        }
    }
    Ok((found.into_values().collect(), more))
}

/// Places of one signature that are told, at most.
const MAX_PLACES: usize = 200;

/// Where a signature is shown; true when that is at more places than are told.
pub(super) fn places(view: View<'_, '_>, found: &Found, pages: &HashMap<u32, u32>) -> (Vec<Place>, bool) {
    let mut places = Vec::new();
    for field in &found.fields {
        for widget in &field.widgets {
            if places.len() >= MAX_PLACES {
                return (places, true);
            }
            let object = view.object(*widget).unwrap_or_default();
            let dict = object.as_dict().cloned().unwrap_or_default();
            let page =
                dict.get("P").and_then(Object::as_reference).and_then(|p| pages.get(&p.number).copied());
            places.push(Place {
                field: field.name.clone(),
                object: widget.number,
                page: page.or_else(|| page_of(view, *widget)),
                rect: rectangle(view, &dict),
            });
        }
    }
    (places, false)
}

/// The page whose annotations list the widget, for widgets without /P; looked for on the first pages only.
fn page_of(view: View<'_, '_>, widget: ObjectId) -> Option<u32> {
    let all = pages::pages(view)?;
    let at = all.iter().take(2000).position(|page| {
        let object = view.object(*page).unwrap_or_default();
        let annotations = object.as_dict().and_then(|d| view.get_array(d, "Annots").ok()).unwrap_or_default();
        annotations.iter().any(|a| a.as_reference() == Some(widget))
    })?;
    u32::try_from(at + 1).ok()
}

/// Left, bottom, right, top; `None` when nothing is to be seen.
pub(super) fn rectangle(view: View<'_, '_>, widget: &Dict) -> Option<[f64; 4]> {
    let numbers: Vec<f64> = view
        .get_array(widget, "Rect")
        .ok()?
        .iter()
        .filter_map(|n| view.resolve(n).ok()?.as_number())
        .collect();
    let [a, b, c, d] = numbers.try_into().ok()?;
    let rect = [f64::min(a, c), f64::min(b, d), f64::max(a, c), f64::max(b, d)];
    let [left, bottom, right, top] = rect;
    (right > left && top > bottom).then_some(rect)
}
