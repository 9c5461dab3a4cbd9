//! Judging a signed PDF: who signed, when, and what was changed since (EN 319 102-1, ISO 32000-2 12.8).

mod finding;
mod report;
mod text;
mod visible;

pub use finding::{Attack, Finding, Severity, Subject};
pub use report::{
    Bytes, CertificateReport, Change, Indication, Permission, Place, Report, RevisionReport, SignDate,
    SignatureKind, SignatureReport, SubIndication, TimeSource, TimestampReport,
};
pub use text::render_text;
pub use visible::visible;
