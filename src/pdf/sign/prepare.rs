//! Putting the update of a signature together.

use super::appear::{self, Appearances};
use super::field::{self, Target};
use super::tagged::Tags;
use super::{EmptyField, Kind, Prepared, SignError, SignatureRequest, dictionary, undrawn};
use crate::pdf::archive::Archive;
use crate::pdf::form::{self, Form, FormPlace, SignatureField};
use crate::pdf::hash::PrefixHash;
use crate::pdf::pages;
use crate::pdf::place::MAX_PLACES;
use crate::pdf::syntax::{Dict, Document, FindingKind, Object, ObjectId, PdfString, SyntaxError, View};
use crate::pdf::update::{Body, Update, name, unambiguous};

/// Largest room for a CMS.
const MAX_RESERVE: usize = 4 << 20;
/// Longest text of [`super::About`], in characters.
const MAX_TEXT: usize = 1_000;
/// Annotations of a page that are given objects of their own.
const MAX_ANNOTATIONS: usize = 10_000;
/// Print and Locked (table 167).
const WIDGET_FLAGS: i64 = 4 | 128;

/// Writes the update for `request` behind `document`.
///
/// `prefix` is the hash state over exactly the document's bytes; its algorithm is the one that the CMS must use.
///
/// # Errors
/// [`SignError`]; nothing is written then.
pub fn prepare(
    document: &Document<'_>,
    prefix: &PrefixHash,
    request: &SignatureRequest<'_>,
) -> Result<Prepared, SignError> {
    check_request(document, prefix, request)?;
    let view = document.latest();
    let root = view.root()?;
    let catalog = view.catalog()?;
    refuse_unsuitable(document)?;
    let form = form::read(view, &catalog)?;
    refuse_dynamic_xfa(view, &catalog, &form)?;
    let restrictions = form.restrictions(view, &catalog)?;
    let target = field::choose(&form, &restrictions, request)?;
    check_permissions(document, &target)?;
    let archive = Archive::of(view, &catalog)?;
    // Later signers leave the structure tree alone: it belongs to what was signed.
    let tags = if restrictions.unsigned() { Tags::of(view, &catalog) } else { None };

    let mut update = Update::new(view, request.entropy);
    let signature = update.reserve()?;
    // Readers that draw every widget themselves would not show the seal. Where they need not, they are told so.
    let drawings = if restrictions.unsigned() { undrawn::drawings(view, &form) } else { None };
    let mut writer = Writer {
        draws_all: drawings.is_some(),
        appearances: request.mark.map(|mark| Appearances::new(mark, archive)),
        archive,
        nothing_changes: restrictions.docmdp == Some(super::DocMdp::NoChanges),
        known_empty: form.signatures.iter().find_map(|field| appear::empty_of(view, field)),
        first: restrictions.unsigned(),
        new_fields: Vec::new(),
        annotations: Vec::new(),
        names: form.names.clone(),
        tags,
        tooltip: tooltip(request),
    };
    let (mut lock, mut permits) = (request.lock.clone(), None);
    match &target {
        Target::New => writer.new_fields(&mut update, view, request, signature)?,
        Target::Existing(field) => {
            field::check_seed_value(view, field, request, prefix)?;
            let (own, after) = field::own_lock(view, field)?;
            (lock, permits) = (own.or(lock), after);
            writer.existing_field(&mut update, view, field, signature)?;
        }
    }
    for later in &request.later_fields {
        writer.later_field(&mut update, later)?;
    }
    for drawing in drawings.into_iter().flatten() {
        drawing.put(&mut update)?;
    }
    writer.register(&mut update, root, &form)?;
    if let Kind::Certification(_) = request.kind {
        let mut perms = view.get_dict(&catalog, "Perms")?.unwrap_or_default();
        perms.set("DocMDP", signature);
        update.change(root, |catalog| {
            catalog.set("Perms", perms);
        })?;
    }
    let dict = dictionary::signature(request, root, lock.as_ref(), permits);
    update.put(signature, Body::Signature(dict, request.reserve));
    Ok(Prepared::new(update.finish()?, prefix))
}

fn check_request(
    document: &Document<'_>,
    prefix: &PrefixHash,
    request: &SignatureRequest<'_>,
) -> Result<(), SignError> {
    let bad = |what: &str| Err(SignError::Request(what.to_owned()));
    if usize::try_from(prefix.hashed_bytes()) != Ok(document.file().len()) {
        return bad("the hash state is not that of the document");
    }
    if request.reserve == 0 || request.reserve > MAX_RESERVE {
        return bad("the room for the signature is out of bounds");
    }
    let about = &request.about;
    let texts = [&about.name, &about.reason, &about.location, &about.contact];
    if texts.into_iter().flatten().any(|t| t.chars().count() > MAX_TEXT) {
        return bad("reason, location, contact or name is too long");
    }
    if request.places.len() + request.later_fields.len() > MAX_PLACES {
        return bad("too many places");
    }
    Ok(())
}

fn refuse_unsuitable(document: &Document<'_>) -> Result<(), SignError> {
    if document.has(FindingKind::JunkBeforeHeader) {
        // Some readers count offsets from the header, others from the first byte: a /ByteRange cannot suit both.
        return Err(SyntaxError::Header.into());
    }
    Ok(())
}

/// XFA forms whose pages are made by the reader: what is signed would not be what is shown.
fn refuse_dynamic_xfa(view: View<'_, '_>, catalog: &Dict, form: &Form) -> Result<(), SignError> {
    let rendered = view.get(catalog, "NeedsRendering")?.as_bool() == Some(true);
    if rendered && form.dict.contains("XFA") { Err(SignError::DynamicXfa) } else { Ok(()) }
}

/// Table 22: bit 6 (and 4 for new fields), or bit 9 for fields that are there.
fn check_permissions(document: &Document<'_>, target: &Target) -> Result<(), SignError> {
    let Some(encryption) = document.encryption() else { return Ok(()) };
    let bit = |n: u32| encryption.permissions() & (1 << (n - 1)) != 0;
    let allowed = match target {
        Target::New => bit(4) && bit(6),
        Target::Existing(_) => bit(6) || bit(9),
    };
    if allowed { Ok(()) } else { Err(SignError::Permissions) }
}

/// What is added besides the signature dictionary.
struct Writer<'r> {
    /// Whether the form's `/NeedAppearances` has become needless.
    draws_all: bool,
    appearances: Option<Appearances<'r>>,
    archive: Archive,
    /// An empty appearance of a signature that is there.
    known_empty: Option<ObjectId>,
    /// A certification lets nothing be changed (DocMDP with P = 1).
    nothing_changes: bool,
    /// Whether nobody has signed yet.
    first: bool,
    new_fields: Vec<ObjectId>,
    /// Widgets by page, pages in the order of their first widget.
    annotations: Vec<(ObjectId, Vec<Object>)>,
    names: std::collections::HashSet<String>,
    /// The structure tree that new widgets are entered in.
    tags: Option<Tags>,
    /// What is read aloud for a widget of a tagged document (`/TU`).
    tooltip: String,
}

impl Writer<'_> {
    fn new_fields(
        &mut self,
        update: &mut Update<'_, '_>,
        view: View<'_, '_>,
        request: &SignatureRequest<'_>,
        signature: ObjectId,
    ) -> Result<(), SignError> {
        let stem = if request.kind == Kind::DocumentTimeStamp { "Timestamp" } else { "Signature" };
        let nonce = u64::from_be_bytes(update.nonce().first_chunk().copied().unwrap_or_default());
        let lock = match &request.lock {
            Some(lock) if request.kind != Kind::DocumentTimeStamp => {
                let dict = dictionary::lock_entries(lock).with("Type", name("SigFieldLock"));
                Some(update.add(Body::Object(dict.into()))?)
            }
            _ => None,
        };
        let with_lock = |mut widget: Dict| {
            if let Some(lock) = lock {
                widget.set("Lock", lock);
            }
            widget.with("V", signature)
        };
        if request.places.is_empty() {
            let page = pages::page(view, 1)?.ok_or(SyntaxError::Structure("the document has no page"))?;
            let appearance = match (self.archive.needs_appearance(), self.known_empty) {
                (false, _) => None,
                (true, Some(known)) => Some(known),
                // A new one would be more than the certification lets be added; that of a seal would be drawn by some readers.
                (true, None) if self.nothing_changes => None,
                (true, None) => Some(appear::empty(update)?),
            };
            let title = self.unique(format!("{stem}_{nonce:016x}"));
            let widget = widget(&title, [0.0; 4], page.id, appearance);
            return self.add(update, page.id, with_lock(widget));
        }
        for (index, place) in request.places.iter().enumerate() {
            let appearance = match &mut self.appearances {
                Some(appearances) => appearances.at(update, place)?,
                None => appear::empty(update)?,
            };
            let title = self.unique(match index {
                0 => format!("{stem}_{nonce:016x}"),
                n => format!("{stem}_{nonce:016x}_{}", n + 1),
            });
            let widget = widget(&title, place.rect, place.page_object, Some(appearance));
            self.add(update, place.page_object, with_lock(widget))?;
        }
        Ok(())
    }

    fn existing_field(
        &mut self,
        update: &mut Update<'_, '_>,
        view: View<'_, '_>,
        field: &SignatureField,
        signature: ObjectId,
    ) -> Result<(), SignError> {
        update.change(field.id, |dict| {
            dict.set("V", signature);
        })?;
        for &id in &field.widgets {
            let dict = update.dict(id)?;
            let rect = pages::rectangle(view, &dict, "Rect")?;
            let (Some([x0, y0, x1, y1]), Some(appearances)) = (rect, &mut self.appearances) else { continue };
            let turns = match dict.get("P").and_then(Object::as_reference) {
                Some(page) => pages::quarter_turns(view, page)?,
                None => 0,
            };
            let appearance = appearances.inside(update, (x1 - x0, y1 - y0), turns)?;
            update.change(id, |dict| {
                dict.set("AP", Dict::new().with("N", appearance));
            })?;
        }
        Ok(())
    }

    /// An empty field for a later signer.
    fn later_field(&mut self, update: &mut Update<'_, '_>, field: &EmptyField<'_>) -> Result<(), SignError> {
        let EmptyField { name, place } = field;
        if name.is_empty() || name.contains('.') || !self.names.insert((*name).to_owned()) {
            return Err(SignError::Request(format!("the field name {name:?} is in use or not allowed")));
        }
        let appearance = appear::empty(update)?;
        self.add(update, place.page_object, widget(name, place.rect, place.page_object, Some(appearance)))
    }

    fn unique(&mut self, wish: String) -> String {
        // 64 random bits: a second try is for files made to provoke it.
        let mut title = wish;
        while !self.names.insert(title.clone()) {
            title.push('x');
        }
        title
    }

    fn add(&mut self, update: &mut Update<'_, '_>, page: ObjectId, widget: Dict) -> Result<(), SignError> {
        let id = update.reserve()?;
        let mut widget = widget;
        if let Some(tags) = &mut self.tags {
            widget.set("StructParent", tags.enter(update, id, page)?);
            widget.set("TU", PdfString::text(&self.tooltip));
        }
        update.put(id, Body::Object(widget.into()));
        self.new_fields.push(id);
        match self.annotations.iter_mut().find(|(p, _)| *p == page) {
            Some((_, list)) => list.push(id.into()),
            None => self.annotations.push((page, vec![id.into()])),
        }
        Ok(())
    }

    /// Enters the new widgets into their pages and the new fields into the form.
    fn register(self, update: &mut Update<'_, '_>, root: ObjectId, form: &Form) -> Result<(), SignError> {
        for (page, widgets) in self.annotations {
            if self.first {
                make_indirect(update, page)?;
            }
            if let Some(own) = unshared(update, page)? {
                update.change(page, |dict| {
                    dict.set("Annots", own);
                })?;
            }
            update.append(page, "Annots", widgets)?;
            // Pages with annotations are walked in the order of the structure (ISO 14289-1 7.18.3).
            if self.tags.is_some() && !update.dict(page)?.contains("Tabs") {
                update.change(page, |dict| {
                    dict.set("Tabs", name("S"));
                })?;
            }
        }
        if let Some(tags) = self.tags {
            tags.register(update)?;
        }
        let fields: Vec<Object> = self.new_fields.into_iter().map(Object::from).collect();
        let flags = form.dict.get("SigFlags").and_then(Object::as_integer).unwrap_or(0);
        match form.place {
            FormPlace::Absent => {
                let dict = Dict::new().with("Fields", fields).with("SigFlags", 3);
                let id = update.add(Body::Object(dict.into()))?;
                update.change(root, |catalog| {
                    catalog.set("AcroForm", id);
                })?;
            }
            FormPlace::Object(id) => {
                if !fields.is_empty() {
                    update.append(id, "Fields", fields)?;
                }
                if flags & 3 != 3 || self.draws_all {
                    update.change(id, |dict| {
                        dict.set("SigFlags", flags | 3);
                        if self.draws_all {
                            dict.remove("NeedAppearances");
                        }
                    })?;
                }
            }
            FormPlace::InCatalog => {
                let mut dict = unambiguous(root, form.dict.clone())?;
                let listed = dict.get("Fields").and_then(Object::as_reference);
                let shared = listed.map(|id| update.current(id).map(|o| (id, o))).transpose()?;
                match (shared, dict.get("Fields")) {
                    (Some((id, Object::Array(mut old))), _) => {
                        old.extend(fields);
                        update.put(id, Body::Object(old.into()));
                    }
                    (_, Some(Object::Array(old))) => {
                        let mut all = old.clone();
                        all.extend(fields);
                        dict.set("Fields", all);
                    }
                    _ => {
                        dict.set("Fields", fields);
                    }
                }
                dict.set("SigFlags", flags | 3);
                if self.draws_all {
                    dict.remove("NeedAppearances");
                }
                if dict != form.dict {
                    update.change(root, |catalog| {
                        catalog.set("AcroForm", dict);
                    })?;
                }
            }
        }
        Ok(())
    }
}

/// Gives annotations that are written into the page's array objects of their own. Whoever compares revisions later looks
/// for what was added to that array by reference, and takes what has none for something unknown.
fn make_indirect(update: &mut Update<'_, '_>, page: ObjectId) -> Result<(), SyntaxError> {
    let array = update.dict(page)?.get("Annots").cloned();
    let (own, items) = match array {
        Some(Object::Array(items)) => (None, items),
        Some(Object::Reference(id)) => match update.current(id)? {
            Object::Array(items) => (Some(id), items),
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    if items.len() > MAX_ANNOTATIONS || items.iter().all(|item| item.as_reference().is_some()) {
        return Ok(());
    }
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Object::Dictionary(dict) => {
                let dict = unambiguous(page, dict)?;
                all.push(update.add(Body::Object(dict.into()))?.into());
            }
            // No annotation.
            Object::Null => {}
            other => all.push(other),
        }
    }
    match own {
        Some(id) => update.put(id, Body::Object(all.into())),
        None => update.change(page, |dict| {
            dict.set("Annots", all);
        })?,
    }
    Ok(())
}

/// A copy of the page's annotations, if their array is an object that another page uses as well: grown where it is, it
/// would show the seal there too.
fn unshared(update: &Update<'_, '_>, page: ObjectId) -> Result<Option<Vec<Object>>, SyntaxError> {
    let Some(array) = update.dict(page)?.get("Annots").and_then(Object::as_reference) else {
        return Ok(None);
    };
    let view = update.view();
    for other in pages::pages(view)?.iter().filter(|p| p.id != page) {
        let Object::Dictionary(dict) = view.object(other.id)? else { continue };
        if dict.get("Annots").and_then(Object::as_reference) == Some(array) {
            return Ok(update.current(array)?.as_array().map(<[Object]>::to_vec));
        }
    }
    Ok(None)
}

fn tooltip(request: &SignatureRequest<'_>) -> String {
    let kind = if request.kind == Kind::DocumentTimeStamp { "时间戳" } else { "签名" };
    match &request.about.name {
        Some(name) => format!("{kind}：{name}"),
        None => kind.to_owned(),
    }
}

/// A widget that is a signature field of its own.
fn widget(title: &str, rect: [f64; 4], page: ObjectId, appearance: Option<ObjectId>) -> Dict {
    let mut dict = Dict::new()
        .with("Type", name("Annot"))
        .with("Subtype", name("Widget"))
        .with("FT", name("Sig"))
        .with("T", PdfString::text(title))
        .with("F", WIDGET_FLAGS)
        .with("Rect", rect.map(Object::from).to_vec())
        .with("P", page);
    if let Some(appearance) = appearance {
        dict.set("AP", Dict::new().with("N", appearance));
    }
    dict
}
