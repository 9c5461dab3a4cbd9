//! The check before a file that Hufu signed is released (invariant 5): only what was added is judged.

use super::diff::{self, Edges, Known, LaterSignature, LaterSignatures};
use super::finding::{Attack, Finding, Subject};
use super::form::{FormTooLarge, signature_fields};
use super::permissions::Permissions;
use super::report::Permission;
use super::structure;
use crate::pdf::syntax::{Document, FindingKind, Object, Pieces, SyntaxError};
use std::collections::BTreeSet;

/// A larger input that nobody signed before is not looked at once more: what was added can take nothing from anybody there.
const SMALL: usize = 1 << 20;

/// [`release_check`] of an input and the update that follows it. An update to a file that nobody signed before, which is
/// large or had to be searched for its objects, has nothing to harm: what the writer checked of it is enough.
///
/// # Errors
/// The first reason not to release the file.
pub fn release_check_of_update(input: &Document<'_>, update: &[u8], cms: &[u8]) -> Result<(), Finding> {
    let file = input.file();
    let signed =
        signature_fields(input.latest()).map_err(too_large)?.iter().any(|field| field.value.is_some());
    if !signed && (file.len() > SMALL || input.has(FindingKind::Rebuilt)) {
        return Ok(());
    }
    let update = file.update_and(update);
    judge(Document::open_pieces(Pieces::updated(file.input(), &update)), file.len(), cms)
}

/// Judges the one revision that was appended to the first `input_length` bytes of `file`: it is one revision, exactly
/// around `cms`, covering the whole file. Where others signed before, everything else that it changes is what the
/// difference analysis permits, so that no earlier signature's verdict gets worse.
///
/// The caller has verified `cms` over the digest of the ByteRange already; there is no second public-key operation
/// here and no second hash. What the document's older objects refer to is not walked, since the writer adds no objects
/// under numbers that were spoken of.
///
/// # Errors
/// The first reason not to release the file.
pub fn release_check(file: &[u8], input_length: usize, cms: &[u8]) -> Result<(), Finding> {
    judge(Document::open(file), input_length, cms)
}

fn judge(
    document: Result<Document<'_>, SyntaxError>,
    input_length: usize,
    cms: &[u8],
) -> Result<(), Finding> {
    let document = document.map_err(|error| reason("unreadable", error.to_string()))?;
    let length = document.file().len();
    let last = document.revisions().len().saturating_sub(1);
    // The line end in front of an update completes the last line of an input that ends without one.
    let behind = input_length.saturating_add(1);
    let completed = document.file().get(input_length..behind) == Some(b"\n");
    let from = if completed { behind } else { input_length };
    let starts_there = document.revisions().last().is_some_and(|r| r.start <= from && r.end == length);
    let Some(before) = last.checked_sub(1).filter(|_| starts_there) else {
        return Err(reason("not-one-revision", "what was added is not exactly one revision".into()));
    };
    let view = document.latest();
    let added = document.revisions().last().map(|r| r.entries().map(|(n, _)| n).collect::<BTreeSet<_>>());
    let added = added.unwrap_or_default();
    let mut later = LaterSignatures::new();
    for field in signature_fields(view).map_err(too_large)? {
        let Some(value) = &field.value else { continue };
        let holder = value.as_reference().map_or(field.id.number, |id| id.number);
        if !added.contains(&holder) {
            continue;
        }
        let Ok(Object::Dictionary(dict)) = view.resolve(value) else { continue };
        if let Ok(coverage) = structure::coverage(view, &dict)
            && coverage.end == length
            && coverage.contents == cms
        {
            let timestamp = dict.is_name("Type", "DocTimeStamp");
            later.insert(holder, LaterSignature { sound: true, timestamp });
        }
    }
    if later.len() != 1 {
        return Err(reason(
            "not-one-signature",
            format!("{} new signatures cover the whole file", later.len()),
        ));
    }
    let earlier = signature_fields(document.as_of(before)).map_err(too_large)?;
    if earlier.iter().all(|field| field.value.is_none()) {
        return Ok(());
    }
    harms_nobody(&document, before, &later)
}

/// No earlier signature's verdict gets worse by the last revision.
fn harms_nobody(document: &Document<'_>, before: usize, later: &LaterSignatures) -> Result<(), Finding> {
    let (old, new) = (document.as_of(before), document.latest());
    let touched = diff::touched(document, old, before + 1);
    let permissions = Permissions::of(old);
    let known = Known::of_file(document.file().len());
    let changes = match diff::compare(old, new, &touched, &Edges::default(), &permissions, later, &known) {
        Ok(changes) => changes,
        Err(diff::GaveUp(why)) => return Err(reason("not-comparable", why)),
    };
    match changes.into_iter().find(|c| c.permission == Permission::Forbidden) {
        None => Ok(()),
        Some(change) => {
            let finding = Finding::failure(Subject::Modification, "forbidden-change", change.reason);
            Err(finding.attack(change.attack.unwrap_or(Attack::IncrementalSaving)))
        }
    }
}

/// Nobody could verify what would be made of it.
fn too_large(error: FormTooLarge) -> Finding {
    reason("too-large", error.to_string())
}

fn reason(code: &'static str, detail: String) -> Finding {
    Finding::failure(Subject::File, code, detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::{release_check, release_check_of_update};
    use crate::pdf::sign::testing::{document, sign_at};
    use crate::pdf::syntax::Document;
    use crate::verify::{found, structure};

    fn cms_of(file: &[u8], at: usize) -> Vec<u8> {
        let document = Document::open(file).unwrap();
        let (all, _) = found::signatures(&document).unwrap();
        let mut ends: Vec<_> = all
            .iter()
            .filter_map(|s| structure::coverage(document.latest(), &s.dict).ok())
            .map(|c| (c.end, c.contents))
            .collect();
        ends.sort();
        ends[at].1.clone()
    }

    #[test]
    fn releases_updates_to_inputs_of_every_frame() {
        let plain = document(1, "", "");
        let bare = plain.strip_suffix(b"\n").unwrap().to_vec();
        // Objects elsewhere than the table says, or no table: found by a search.
        let shifted =
            plain.strip_prefix(b"%PDF-1.7\n").map(|rest| [b"%PDF-1.7 scanned\n", rest].concat()).unwrap();
        let lost =
            [&plain[..memchr::memmem::rfind(&plain, b"xref\n0").unwrap()], b"trailer\n<</Root 1 0 R>>\n"]
                .concat();
        for input in [plain, bare, shifted, lost] {
            let signed = sign_at(&input, &[(1, 100.0, 100.0)]).unwrap();
            let (opened, update) = (Document::open_to_sign(&input).unwrap(), &signed[input.len()..]);
            assert_eq!(release_check_of_update(&opened, update, &cms_of(&signed, 0)), Ok(()));
            let again = sign_at(&signed, &[(1, 300.0, 300.0)]).unwrap();
            let (opened, update) = (Document::open_to_sign(&signed).unwrap(), &again[signed.len()..]);
            assert_eq!(release_check_of_update(&opened, update, &cms_of(&again, 1)), Ok(()));
            assert_eq!(release_check(&again, signed.len(), &cms_of(&again, 1)), Ok(()));
        }
    }

    #[test]
    fn releases_what_was_signed_and_nothing_else() {
        let plain = document(2, "", "");
        let once = sign_at(&plain, &[(1, 100.0, 100.0)]).unwrap();
        assert_eq!(release_check(&once, plain.len(), &cms_of(&once, 0)), Ok(()));
        let twice = sign_at(&once, &[(2, 100.0, 100.0), (1, 300.0, 300.0)]).unwrap();
        assert_eq!(release_check(&twice, once.len(), &cms_of(&twice, 1)), Ok(()));
        assert_eq!(
            release_check(&twice, plain.len(), &cms_of(&twice, 0)).unwrap_err().code,
            "not-one-revision"
        );
        assert_eq!(release_check(&twice, once.len(), b"other").unwrap_err().code, "not-one-signature");
        assert_eq!(release_check(&plain, plain.len(), b"x").unwrap_err().code, "not-one-revision");
        let longer = [&twice[..], b"%"].concat();
        assert_eq!(
            release_check(&longer, once.len(), &cms_of(&twice, 1)).unwrap_err().code,
            "not-one-revision"
        );
    }
}
