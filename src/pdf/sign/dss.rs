//! The document security store (ISO 32000-2 12.8.4.3, ETSI EN 319 142-1 5.4): what a B-LT signature needs to be judged
//! later, in an update of its own.

use super::SignError;
use crate::pdf::syntax::{Dict, Document, FindingKind, Object, ObjectId, SyntaxError};
use crate::pdf::update::{Body, Update, name};
use sha1::{Digest, Sha1};

/// Values of one kind.
const MAX_VALUES: usize = 1_000;
/// Bytes of one value.
const MAX_VALUE: usize = 32 << 20;

/// Validation material to be stored, DER each.
#[derive(Clone, Copy, Debug, Default)]
pub struct ValidationMaterial<'r> {
    /// Certificates.
    pub certificates: &'r [Vec<u8>],
    /// CRLs.
    pub crls: &'r [Vec<u8>],
    /// OCSP responses (the whole OCSPResponse).
    pub ocsps: &'r [Vec<u8>],
    /// The signature that needs them, as `/Contents` holds it with its padding: they are entered in `/VRI` as well.
    pub signature_contents: Option<&'r [u8]>,
}

/// Writes the update that adds `material`; gives the bytes to append. What the store has already stays in it.
///
/// # Errors
/// [`SignError`]; nothing is written then.
pub fn add_validation_material(
    document: &Document<'_>,
    material: &ValidationMaterial<'_>,
    entropy: [u8; 32],
) -> Result<Vec<u8>, SignError> {
    let lists = [
        ("Certs", "Cert", material.certificates),
        ("CRLs", "CRL", material.crls),
        ("OCSPs", "OCSP", material.ocsps),
    ];
    let values = || lists.iter().flat_map(|(_, _, values)| values.iter());
    if values().count() > MAX_VALUES || values().any(|v| v.is_empty() || v.len() > MAX_VALUE) {
        return Err(SignError::Request("validation material is out of bounds".into()));
    }
    if document.has(FindingKind::JunkBeforeHeader) {
        return Err(SignError::Unsupported("the file does not begin with its %PDF header".into()));
    }
    let view = document.latest();
    let root = view.root()?;
    let catalog = view.catalog()?;
    let mut update = Update::new(view, entropy);
    let mut store = view.get_dict(&catalog, "DSS")?.unwrap_or_else(|| Dict::new().with("Type", name("DSS")));
    let mut related = Dict::new().with("Type", name("VRI"));
    for (key, related_key, values) in lists {
        let mut all = view.get_array(&store, key)?;
        let known = known(document, &all)?;
        let mut own = Vec::new();
        for value in values {
            let id = match known.iter().find(|(_, old)| old == value) {
                Some((id, _)) => *id,
                None => {
                    let id = update.add(Body::Stream(Dict::new(), value.clone()))?;
                    all.push(id.into());
                    id
                }
            };
            own.push(Object::from(id));
        }
        if !all.is_empty() {
            store.set(key, all);
        }
        if !own.is_empty() {
            related.set(related_key, own);
        }
    }
    if let Some(contents) = material.signature_contents {
        let key: String = Sha1::digest(contents).iter().map(|b| format!("{b:02X}")).collect();
        let mut by_signature = view.get_dict(&store, "VRI")?.unwrap_or_default();
        by_signature.set(&key, related);
        store.set("VRI", by_signature);
    }
    match catalog.get("DSS") {
        Some(Object::Reference(id)) => update.put(*id, Body::Object(store.into())),
        _ => {
            let id = update.add(Body::Object(store.into()))?;
            update.change(root, |catalog| {
                catalog.set("DSS", id);
            })?;
        }
    }
    Ok(update.finish()?.bytes)
}

/// Values that are stored already.
fn known(document: &Document<'_>, values: &[Object]) -> Result<Vec<(ObjectId, Vec<u8>)>, SyntaxError> {
    let mut out = Vec::new();
    for value in values.iter().take(MAX_VALUES) {
        let Some(id) = value.as_reference() else { continue };
        if let Object::Stream(stream) = document.latest().object(id)? {
            out.push((id, document.decode(&stream, MAX_VALUE)?.into_owned()));
        }
    }
    Ok(out)
}
