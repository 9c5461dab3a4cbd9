//! The interactive form (ISO 32000-2 12.7): where it is, its fields, and what earlier signatures forbid.

use crate::pdf::sign::{DocMdp, FieldLock};
use crate::pdf::syntax::{Dict, Object, ObjectId, SyntaxError, View};
use std::collections::HashSet;

/// Nodes of a field tree.
const MAX_FIELDS: usize = 10_000;
/// Depth of a field tree.
const MAX_DEPTH: usize = 32;

/// Where the form dictionary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormPlace {
    /// There is none yet.
    Absent,
    /// Written into the catalogue.
    InCatalog,
    /// An object of its own.
    Object(ObjectId),
}

/// A document's form.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) place: FormPlace,
    pub(super) dict: Dict,
    /// Partial names of the topmost fields.
    pub(super) names: HashSet<String>,
    pub(super) signatures: Vec<SignatureField>,
    /// Widgets of fields of other kinds without an appearance, which readers have to draw themselves.
    pub(super) undrawn: Vec<Object>,
}

/// A signature field.
#[derive(Clone, Debug)]
pub(super) struct SignatureField {
    /// Its object, which holds `/V`.
    pub(super) id: ObjectId,
    /// Fully qualified name.
    pub(super) name: String,
    pub(super) dict: Dict,
    /// Its widgets: itself, or its kids.
    pub(super) widgets: Vec<ObjectId>,
    /// The signature dictionary, if it is signed.
    pub(super) value: Option<Dict>,
}

/// What earlier signatures permit.
#[derive(Clone, Debug, Default)]
pub(super) struct Restrictions {
    /// The strictest DocMDP of a certification or of a signed field's lock.
    pub(super) docmdp: Option<DocMdp>,
    /// Whether there is a certification.
    pub(super) certified: bool,
    /// Locks of FieldMDP.
    pub(super) locks: Vec<FieldLock>,
    /// How many fields are signed.
    pub(super) signed: usize,
}

impl Restrictions {
    /// Whether nobody has signed yet.
    pub(super) fn unsigned(&self) -> bool {
        !self.certified && self.signed == 0
    }

    /// Whether fields that are not there yet are locked too: those of `All`, and of `Exclude`, which cannot have named them.
    pub(super) fn lock_new_fields(&self) -> bool {
        self.locks.iter().any(|lock| !matches!(lock, FieldLock::Include(_)))
    }

    /// Whether a field of this name must not change.
    pub(super) fn locks(&self, name: &str) -> bool {
        self.locks.iter().any(|lock| match lock {
            FieldLock::All => true,
            FieldLock::Include(names) => names.iter().any(|n| covers(n, name)),
            FieldLock::Exclude(names) => !names.iter().any(|n| covers(n, name)),
        })
    }
}

/// A lock on a field holds for what is beneath it.
fn covers(locked: &str, name: &str) -> bool {
    name.strip_prefix(locked).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

pub(super) fn read(view: View<'_, '_>, catalog: &Dict) -> Result<Form, SyntaxError> {
    let (place, dict) = match catalog.get("AcroForm") {
        Some(Object::Reference(id)) => match view.resolve(&Object::Reference(*id))? {
            Object::Dictionary(d) => (FormPlace::Object(*id), d),
            _ => (FormPlace::Absent, Dict::new()),
        },
        Some(Object::Dictionary(d)) => (FormPlace::InCatalog, d.clone()),
        _ => (FormPlace::Absent, Dict::new()),
    };
    let mut form = Form { place, dict, names: HashSet::new(), signatures: Vec::new(), undrawn: Vec::new() };
    form.walk(view)?;
    Ok(form)
}

/// A node that waits to be visited.
struct Node {
    id: ObjectId,
    parent_name: String,
    inherited_type: Option<Vec<u8>>,
    depth: usize,
}

impl Form {
    fn walk(&mut self, view: View<'_, '_>) -> Result<(), SyntaxError> {
        let top = view.get_array(&self.dict, "Fields")?;
        let mut seen = HashSet::new();
        let mut waiting: Vec<Node> = Vec::new();
        let queue = |waiting: &mut Vec<Node>, kids: &[Object], name: &str, kind: &Option<Vec<u8>>, depth| {
            waiting.extend(kids.iter().rev().filter_map(Object::as_reference).map(|id| Node {
                id,
                parent_name: name.to_owned(),
                inherited_type: kind.clone(),
                depth,
            }));
        };
        queue(&mut waiting, &top, "", &None, 0);
        while let Some(node) = waiting.pop() {
            if !seen.insert(node.id) || node.depth > MAX_DEPTH {
                continue;
            }
            if seen.len() > MAX_FIELDS {
                return Err(SyntaxError::Limit("form fields"));
            }
            let Object::Dictionary(dict) = view.object(node.id)? else { continue };
            let partial = view.get(&dict, "T")?.as_string().map(|s| s.to_text()).unwrap_or_default();
            if node.depth == 0 {
                self.names.insert(partial.clone());
            }
            let name = match (node.parent_name.as_str(), partial.as_str()) {
                ("", own) => own.to_owned(),
                (parent, "") => parent.to_owned(),
                (parent, own) => format!("{parent}.{own}"),
            };
            let kind = view.get(&dict, "FT")?.as_name().map(<[u8]>::to_vec).or(node.inherited_type);
            let kids = view.get_array(&dict, "Kids")?;
            if kids.len() > MAX_FIELDS {
                return Err(SyntaxError::Limit("form fields"));
            }
            let mut widgets = Vec::new();
            let signature = kind.as_deref() == Some(b"Sig");
            let undrawn =
                |widget: &Dict| !signature && widget.is_name("Subtype", "Widget") && !widget.contains("AP");
            if kids.is_empty() && undrawn(&dict) {
                self.undrawn.push(node.id.into());
            }
            for kid in &kids {
                let is_field = match view.resolve(kid)? {
                    Object::Dictionary(d) => {
                        if !d.contains("T") && undrawn(&d) {
                            self.undrawn.push(kid.clone());
                        }
                        d.contains("T")
                    }
                    _ => false,
                };
                match (is_field, kid.as_reference()) {
                    (true, _) => queue(&mut waiting, std::slice::from_ref(kid), &name, &kind, node.depth + 1),
                    (false, Some(id)) => widgets.push(id),
                    _ => {}
                }
            }
            if signature && (kids.is_empty() || !widgets.is_empty()) {
                if widgets.is_empty() {
                    widgets.push(node.id);
                }
                let value = match view.get(&dict, "V")? {
                    Object::Dictionary(d) => Some(d),
                    _ => None,
                };
                self.signatures.push(SignatureField { id: node.id, name, dict, widgets, value });
            }
        }
        Ok(())
    }

    /// What the signatures made so far permit.
    pub(super) fn restrictions(
        &self,
        view: View<'_, '_>,
        catalog: &Dict,
    ) -> Result<Restrictions, SyntaxError> {
        let mut out = Restrictions::default();
        if let Some(perms) = view.get_dict(catalog, "Perms")?
            && let Some(certification) = view.get_dict(&perms, "DocMDP")?
        {
            out.certified = true;
            out.add(view, &certification)?;
            // A certification without readable parameters permits what P = 2 does (table 257).
            out.docmdp.get_or_insert(DocMdp::FillForms);
        }
        for field in &self.signatures {
            let Some(value) = &field.value else { continue };
            out.signed += 1;
            out.add(view, value)?;
            if let Some(lock) = view.get_dict(&field.dict, "Lock")? {
                out.tighten(lock.get("P"));
            }
        }
        Ok(out)
    }
}

impl Restrictions {
    fn tighten(&mut self, p: Option<&Object>) {
        let level = match p.and_then(Object::as_integer) {
            Some(1) => DocMdp::NoChanges,
            Some(2) => DocMdp::FillForms,
            Some(3) => DocMdp::Annotate,
            _ => return,
        };
        self.docmdp = Some(self.docmdp.map_or(level, |old| old.min(level)));
    }

    fn add(&mut self, view: View<'_, '_>, signature: &Dict) -> Result<(), SyntaxError> {
        for reference in view.get_array(signature, "Reference")?.iter().take(16) {
            let Object::Dictionary(reference) = view.resolve(reference)? else { continue };
            let parameters = view.get_dict(&reference, "TransformParams")?.unwrap_or_default();
            if reference.is_name("TransformMethod", "DocMDP") {
                let p = view.get(&parameters, "P")?;
                self.tighten(Some(&if p.is_null() { Object::Integer(2) } else { p }));
            } else if reference.is_name("TransformMethod", "FieldMDP") {
                self.locks.extend(lock(view, &parameters)?);
            }
        }
        Ok(())
    }
}

/// `/Action` and `/Fields` of a lock or of FieldMDP parameters (tables 236, 258).
pub(super) fn lock(view: View<'_, '_>, dict: &Dict) -> Result<Option<FieldLock>, SyntaxError> {
    let names = || -> Result<Vec<String>, SyntaxError> {
        let mut names = Vec::new();
        for item in view.get_array(dict, "Fields")? {
            names.extend(view.resolve(&item)?.as_string().map(|s| s.to_text()));
        }
        Ok(names)
    };
    Ok(match view.get(dict, "Action")?.as_name() {
        Some(b"All") => Some(FieldLock::All),
        Some(b"Include") => Some(FieldLock::Include(names()?)),
        Some(b"Exclude") => Some(FieldLock::Exclude(names()?)),
        _ => None,
    })
}
