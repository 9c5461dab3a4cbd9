//! The signature dictionary (ISO 32000-2 table 255).

use super::{About, DocMdp, FieldLock, Format, Kind, SignatureRequest};
use crate::pdf::syntax::{Dict, Object, ObjectId, PdfString};
use crate::pdf::update::name;
use hufu_api::UnixTime;

/// `/SubFilter` of a request.
pub(super) fn sub_filter(request: &SignatureRequest<'_>) -> &'static str {
    match (request.kind, request.format) {
        (Kind::DocumentTimeStamp, _) => "ETSI.RFC3161",
        (_, Format::Pades) => "ETSI.CAdES.detached",
        (_, Format::Pkcs7) => "adbe.pkcs7.detached",
    }
}

/// The dictionary, `/ByteRange` and `/Contents` left open. `lock` is what the field locks, `docmdp` what its lock
/// permits afterwards.
pub(super) fn signature(
    request: &SignatureRequest<'_>,
    catalog: ObjectId,
    lock: Option<&FieldLock>,
    lock_permits: Option<DocMdp>,
) -> Dict {
    let stamp = request.kind == Kind::DocumentTimeStamp;
    let mut dict = Dict::new()
        .with("Type", name(if stamp { "DocTimeStamp" } else { "Sig" }))
        .with("Filter", name("Adobe.PPKLite"))
        .with("SubFilter", name(sub_filter(request)))
        .with("ByteRange", Vec::new())
        .with("Contents", PdfString::hexadecimal(Vec::new()));
    if stamp {
        // 12.8.5: a document time stamp claims neither a time nor a person.
        return dict.with("V", 0);
    }
    dict.set("M", PdfString::literal(date(request.signing_time)));
    let About { name, reason, location, contact } = &request.about;
    for (key, value) in [("Name", name), ("Reason", reason), ("Location", location), ("ContactInfo", contact)]
    {
        if let Some(value) = value {
            dict.set(key, PdfString::text(value));
        }
    }
    let permits = match request.kind {
        Kind::Certification(p) => Some(p),
        _ => lock_permits,
    };
    let mut references = Vec::new();
    if let Some(p) = permits {
        references.push(reference("DocMDP", Dict::new().with("P", p.value()), None));
    }
    if let Some(lock) = lock {
        references.push(reference("FieldMDP", lock_entries(lock), Some(catalog)));
    }
    if !references.is_empty() {
        dict.set("Reference", references);
    }
    dict
}

/// A signature reference dictionary (table 256).
fn reference(method: &str, parameters: Dict, data: Option<ObjectId>) -> Object {
    let parameters = parameters.with("Type", name("TransformParams")).with("V", name("1.2"));
    let mut dict = Dict::new()
        .with("Type", name("SigRef"))
        .with("TransformMethod", name(method))
        .with("TransformParams", parameters);
    if let Some(data) = data {
        dict.set("Data", data);
    }
    dict.into()
}

/// `/Action` and `/Fields`.
pub(super) fn lock_entries(lock: &FieldLock) -> Dict {
    let fields =
        |names: &[String]| -> Vec<Object> { names.iter().map(|n| PdfString::text(n).into()).collect() };
    match lock {
        FieldLock::All => Dict::new().with("Action", name("All")),
        FieldLock::Include(names) => {
            Dict::new().with("Action", name("Include")).with("Fields", fields(names))
        }
        FieldLock::Exclude(names) => {
            Dict::new().with("Action", name("Exclude")).with("Fields", fields(names))
        }
    }
}

impl DocMdp {
    /// `/P`
    pub fn value(self) -> i64 {
        match self {
            Self::NoChanges => 1,
            Self::FillForms => 2,
            Self::Annotate => 3,
        }
    }
}

/// A date string in UTC (7.9.4).
pub(super) fn date(at: UnixTime) -> String {
    let at =
        time::OffsetDateTime::from_unix_timestamp(at.seconds()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (date, time) = (at.date(), at.time());
    format!(
        "D:{:04}{:02}{:02}{:02}{:02}{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}
