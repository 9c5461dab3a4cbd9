//! The document security store (ISO 32000-2 12.8.4.3, ETSI EN 319 142-1 5.4): what a B-LT signature needs to be judged
//! later, in an update of its own.

use super::SignError;
use crate::pdf::form;
use crate::pdf::syntax::{Dict, Document, FindingKind, Object, ObjectId, SyntaxError, View};
use crate::pdf::update::{Body, Update, name};
use sha1::{Digest, Sha1};
use std::collections::HashSet;

/// Values of one kind.
const MAX_VALUES: usize = 1_000;
/// Bytes of one value.
const MAX_VALUE: usize = 32 << 20;
/// Signatures of one file that are looked at.
const MAX_SIGNATURES: usize = 1_000;

/// What one signature or document time stamp needs, DER each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidationMaterial {
    /// The signature, as `/Contents` holds it with its padding: its SHA-1 names the entry in `/VRI`.
    pub contents: Vec<u8>,
    /// Certificates.
    pub certificates: Vec<Vec<u8>>,
    /// CRLs.
    pub crls: Vec<Vec<u8>>,
    /// OCSP responses (the whole OCSPResponse).
    pub ocsp_responses: Vec<Vec<u8>>,
}

/// A signature of a file, as far as its long-term validation goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedSignature {
    /// `/Contents`, padding included.
    pub contents: Vec<u8>,
    /// A document time stamp.
    pub is_timestamp: bool,
    /// The store has an entry for it in `/VRI`.
    pub has_material: bool,
    /// Where it stands: bytes that its `/ByteRange` covers up to, so that signatures can be put in the order of signing.
    pub covers: u64,
}

/// The signatures of the newest revision in the order in which they were made; one that several fields show is there once.
///
/// # Errors
/// When the file cannot be read.
pub fn embedded_signatures(document: &Document<'_>) -> Result<Vec<EmbeddedSignature>, SyntaxError> {
    let view = document.latest();
    let catalog = view.catalog()?;
    let vri = match view.get_dict(&catalog, "DSS")? {
        Some(store) => view.get_dict(&store, "VRI")?.unwrap_or_default(),
        None => Dict::new(),
    };
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for field in form::read(view, &catalog)?.signatures {
        let Some(value) = field.value else { continue };
        let Object::String(contents) = view.get(&value, "Contents")? else { continue };
        let contents = contents.as_bytes().to_vec();
        if found.len() >= MAX_SIGNATURES {
            return Err(SyntaxError::Limit("signatures"));
        }
        if !seen.insert(Sha1::digest(&contents)) {
            continue;
        }
        let range = view.get_array(&value, "ByteRange")?;
        let number = |n: usize| {
            range.get(n).and_then(Object::as_integer).and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
        };
        found.push(EmbeddedSignature {
            is_timestamp: value.is_name("Type", "DocTimeStamp") || value.is_name("SubFilter", "ETSI.RFC3161"),
            has_material: vri.contains(&vri_key(&contents)),
            covers: number(2).saturating_add(number(3)),
            contents,
        });
    }
    found.sort_by_key(|signature| signature.covers);
    Ok(found)
}

/// Writes the update that adds `material`; gives the bytes to append. What the store has already stays in it.
///
/// # Errors
/// [`SignError`]; nothing is written then.
pub fn add_validation_material(
    document: &Document<'_>,
    material: &[ValidationMaterial],
    entropy: [u8; 32],
) -> Result<Vec<u8>, SignError> {
    let values =
        || material.iter().flat_map(|m| m.certificates.iter().chain(&m.crls).chain(&m.ocsp_responses));
    if values().count() > MAX_VALUES || values().any(|v| v.is_empty() || v.len() > MAX_VALUE) {
        return Err(SignError::Request("validation material is out of bounds".into()));
    }
    if document.has(FindingKind::JunkBeforeHeader) {
        return Err(SyntaxError::Header.into());
    }
    let view = document.latest();
    let catalog = view.catalog()?;
    let mut update = Update::new(view, entropy);
    let mut store = view.get_dict(&catalog, "DSS")?.unwrap_or_else(|| Dict::new().with("Type", name("DSS")));
    let mut by_signature = view.get_dict(&store, "VRI")?.unwrap_or_default();
    let mut entries: Vec<Dict> = material.iter().map(|_| Dict::new().with("Type", name("VRI"))).collect();
    type Part = fn(&ValidationMaterial) -> &[Vec<u8>];
    let lists: [(&str, &str, Part); 3] = [
        ("Certs", "Cert", |m| &m.certificates),
        ("OCSPs", "OCSP", |m| &m.ocsp_responses),
        ("CRLs", "CRL", |m| &m.crls),
    ];
    for (key, related_key, part) in lists {
        let mut all = view.get_array(&store, key)?;
        let mut known = known(document, &all)?;
        for (signature, entry) in material.iter().zip(&mut entries) {
            let mut own: Vec<Object> = Vec::new();
            for value in part(signature) {
                let id = match known.iter().find(|(_, old)| old == value) {
                    Some((id, _)) => *id,
                    None => {
                        let id = update.add(Body::Stream(Dict::new(), value.clone()))?;
                        all.push(id.into());
                        known.push((id, value.clone()));
                        id
                    }
                };
                own.push(id.into());
            }
            if !own.is_empty() {
                entry.set(related_key, own);
            }
        }
        if !all.is_empty() {
            store.set(key, all);
        }
    }
    for (signature, entry) in material.iter().zip(entries) {
        by_signature.set(&vri_key(&signature.contents), entry);
    }
    if !material.is_empty() {
        store.set("VRI", by_signature);
    }
    let place = match catalog.get("DSS") {
        Some(Object::Reference(id)) => {
            update.put(*id, Body::Object(store.into()));
            *id
        }
        _ => update.add(Body::Object(store.into()))?,
    };
    let extensions = extensions(view, &catalog)?;
    if extensions.is_some() || catalog.get("DSS").and_then(Object::as_reference) != Some(place) {
        update.change(view.root()?, |catalog| {
            catalog.set("DSS", place);
            if let Some(extensions) = extensions {
                catalog.set("Extensions", extensions);
            }
        })?;
    }
    Ok(update.finish()?.bytes)
}

/// The name of a signature's entry in `/VRI`: SHA-1 over `/Contents` in upper-case hexadecimal digits (ISO 32000-2 12.8.4.4).
fn vri_key(contents: &[u8]) -> String {
    Sha1::digest(contents).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// EN 319 142-1 5.5: a file of PDF 1.7 or before says with `/ESIC` that it has what came later. `None`: nothing to change.
fn extensions(view: View<'_, '_>, catalog: &Dict) -> Result<Option<Dict>, SyntaxError> {
    let declared = match catalog.get("Extensions") {
        None => Dict::new(),
        Some(Object::Dictionary(declared)) => declared.clone(),
        // An object of its own is left as it is: a "should" is not worth another object's change.
        Some(_) => return Ok(None),
    };
    if declared.contains("ESIC")
        || view.get(catalog, "Version")?.as_name().is_some_and(|v| v.starts_with(b"2"))
    {
        return Ok(None);
    }
    let level = Dict::new().with("BaseVersion", name("1.7")).with("ExtensionLevel", 1);
    Ok(Some(declared.with("ESIC", level)))
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
