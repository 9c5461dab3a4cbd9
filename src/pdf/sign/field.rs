//! Which field carries the signature, and whether earlier signatures, locks and seed values allow it.

use super::dictionary::sub_filter;
use super::{DocMdp, Field, FieldLock, Kind, SignError, SignatureRequest};
use crate::pdf::form::{Form, Restrictions, SignatureField, lock};
use crate::pdf::hash::PrefixHash;
use crate::pdf::syntax::{Dict, Object, View};
use hufu_api::HashAlgorithm;

/// The field that will be signed.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// New fields, one per place; an invisible one where there is no place.
    New,
    /// An empty field of the file.
    Existing(SignatureField),
}

/// Decides.
///
/// # Errors
/// [`SignError`]: certification, locks, no such field.
pub(super) fn choose(
    form: &Form,
    restrictions: &Restrictions,
    request: &SignatureRequest<'_>,
) -> Result<Target, SignError> {
    if request.kind == Kind::DocumentTimeStamp {
        // Neither DSS nor document time stamps count as changes (12.8.2.2.2).
        return Ok(Target::New);
    }
    if restrictions.docmdp == Some(DocMdp::NoChanges) {
        return Err(SignError::Certified);
    }
    if !restrictions.unsigned() {
        if matches!(request.kind, Kind::Certification(_)) {
            return Err(SignError::NotFirst("certify it"));
        }
        // Fields that come after a signature are changes to what was signed.
        if !request.later_fields.is_empty() {
            return Err(SignError::NotFirst("prepare fields"));
        }
    }
    let free = |field: &&SignatureField| field.value.is_none() && !restrictions.locks(&field.name);
    let new = || if restrictions.lock_new_fields() { Err(SignError::AllLocked) } else { Ok(Target::New) };
    match (&request.field, restrictions.docmdp) {
        (Field::Existing(name), _) => {
            let field = form.signatures.iter().find(|f| &f.name == name && f.value.is_none());
            let field = field.ok_or_else(|| SignError::NoSuchField(name.clone()))?;
            if restrictions.locks(name) {
                return Err(SignError::Locked(name.clone()));
            }
            Ok(Target::Existing(field.clone()))
        }
        (Field::Automatic, Some(level)) => match form.signatures.iter().find(free) {
            Some(field) => Ok(Target::Existing(field.clone())),
            None if request.places.is_empty() => new(),
            None => Err(SignError::NoFieldLeft(u8::try_from(level.value()).unwrap_or(2))),
        },
        (Field::Automatic, None) => new(),
    }
}

/// What a field's `/Lock` locks, and what it permits afterwards (table 236).
pub(super) fn own_lock(
    view: View<'_, '_>,
    field: &SignatureField,
) -> Result<(Option<FieldLock>, Option<DocMdp>), SignError> {
    let Some(dict) = view.get_dict(&field.dict, "Lock")? else { return Ok((None, None)) };
    let permits = match dict.get("P").and_then(Object::as_integer) {
        Some(1) => Some(DocMdp::NoChanges),
        Some(2) => Some(DocMdp::FillForms),
        Some(3) => Some(DocMdp::Annotate),
        _ => None,
    };
    Ok((lock(view, &dict)?, permits))
}

/// Compares the request with the field's seed value (table 237): what it requires must hold.
pub(super) fn check_seed_value(
    view: View<'_, '_>,
    field: &SignatureField,
    request: &SignatureRequest<'_>,
    prefix: &PrefixHash,
) -> Result<(), SignError> {
    let Some(seed) = view.get_dict(&field.dict, "SV")? else { return Ok(()) };
    let refuse = |demand: String| Err(SignError::SeedValue { field: field.name.clone(), demand });
    let flags = seed.get("Ff").and_then(Object::as_integer).unwrap_or(0);
    let required = |bit: i64| flags & (1 << (bit - 1)) != 0;
    let list = |key: &str| texts(view, &seed, key);
    if required(1) && seed.contains("Filter") && !seed.is_name("Filter", "Adobe.PPKLite") {
        return refuse("another signature handler".into());
    }
    let formats = list("SubFilter")?;
    if required(2) && !formats.is_empty() && !formats.iter().any(|f| f == sub_filter(request)) {
        return refuse(format!("one of the formats {}", formats.join(", ")));
    }
    let reasons = list("Reasons")?;
    if required(4) && !reasons.is_empty() {
        let given = request.about.reason.as_deref().unwrap_or("");
        // A single "." means: no reason at all.
        let fits = if reasons == ["."] { given.is_empty() } else { reasons.iter().any(|r| r == given) };
        if !fits {
            return refuse(format!("one of the reasons {}", reasons.join(", ")));
        }
    }
    if required(6) && seed.get("AddRevInfo").and_then(Object::as_bool) == Some(true) {
        return refuse("revocation information inside the signature".into());
    }
    let digests = list("DigestMethod")?;
    let ours = match prefix.algorithm() {
        HashAlgorithm::Sha256 => "SHA256",
        HashAlgorithm::Sha384 => "SHA384",
        HashAlgorithm::Sha512 => "SHA512",
    };
    if required(7) && !digests.is_empty() && !digests.iter().any(|d| d == ours) {
        return refuse(format!("one of the digests {}", digests.join(", ")));
    }
    if let Some(mdp) = view.get_dict(&seed, "MDP")? {
        let wanted = mdp.get("P").and_then(Object::as_integer).unwrap_or(0);
        let given = match request.kind {
            Kind::Certification(p) => p.value(),
            _ => 0,
        };
        if wanted != given {
            return refuse(format!("DocMDP P={wanted}"));
        }
    }
    if let Some(certificate) = view.get_dict(&seed, "Cert")?
        && certificate.get("Ff").and_then(Object::as_integer).unwrap_or(0) != 0
    {
        return refuse("a particular certificate".into());
    }
    Ok(())
}

/// Names and strings of an array, or the one that stands there alone.
fn texts(view: View<'_, '_>, dict: &Dict, key: &str) -> Result<Vec<String>, SignError> {
    let items = match view.get(dict, key)? {
        Object::Array(items) => items,
        Object::Null => Vec::new(),
        one => vec![one],
    };
    let mut out = Vec::new();
    for item in items.iter().take(100) {
        match view.resolve(item)? {
            Object::Name(n) => out.push(n.lossy()),
            Object::String(s) => out.push(s.to_text()),
            _ => {}
        }
    }
    Ok(out)
}
